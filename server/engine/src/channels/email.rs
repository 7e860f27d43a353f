//! E-mail, by SMTP: a letter in plain text and in HTML, and the server's word on it.

mod bounce;
mod letter;
mod relay;

pub use bounce::Bounces;

use super::{Circular, Message, Outcome, Said};
use domain::plan;
use lettre::{Address, message::Mailbox};
use relay::Relay;
use reqwest::Url;

pub struct Email {
    relay: Relay,
    from: Mailbox,
    reply_to: Option<Mailbox>,
    bounces: Option<Bounces>,
}

impl Email {
    /// `url` is `smtps://…` or `smtp://…?tls=required`; `ca` the content of a PEM file; `bounces` the secret that reports
    /// are handed over with.
    pub fn new(
        channel: &plan::channels::Email,
        url: &str,
        ca: Option<&[u8]>,
        bounces: Option<String>,
    ) -> Result<Self, String> {
        let from = mailbox(&channel.from).ok_or("its sender is no address")?;
        let url = Url::parse(url.trim()).map_err(|_| "holds no smtps:// or smtp:// address")?;
        Ok(Email {
            relay: Relay::new(&url, from.email.domain(), ca)?,
            reply_to: channel.reply_to.as_deref().and_then(mailbox),
            from,
            bounces: bounces
                .zip(channel.bounces.as_ref())
                .and_then(|(secret, to)| Some(Bounces::new(address(&to.address)?, secret))),
        })
    }

    pub fn bounces(&self) -> Option<&Bounces> {
        self.bounces.as_ref()
    }

    pub async fn send(&self, message: &Message, said: &Said, organization: &str) -> Outcome {
        let to = message.address.as_str();
        let Some(address) = address(to) else {
            return Outcome::Never {
                why: "this is no e-mail address".into(),
            };
        };
        let letter = letter::Letter {
            from: &self.from,
            reply_to: self.reply_to.as_ref(),
            to: address.clone(),
            organization,
        };
        let mail = match letter.write(message, said) {
            Ok(mail) => mail,
            Err(why) => return Outcome::Never { why },
        };
        let bounces = self.bounces.as_ref();
        let own = bounces.and_then(|b| b.sender(&message.id));
        self.relay
            .deliver(relay::Envelope {
                from: own.unwrap_or_else(|| self.from.email.clone()),
                to: address,
                report: bounces.map(|b| b.envelope(&message.id)),
                mail: &mail,
            })
            .await
    }
}

impl Email {
    /// To a subscriber of the public page.
    pub async fn circulate(&self, circular: &Circular) -> Outcome {
        let Some(to) = address(&circular.to) else {
            return Outcome::Never {
                why: "this is no e-mail address".into(),
            };
        };
        let mail = match circular.write(&self.from, self.reply_to.as_ref(), to.clone()) {
            Ok(mail) => mail,
            Err(why) => return Outcome::Never { why },
        };
        let envelope = relay::Envelope {
            from: self.from.email.clone(),
            to,
            report: None,
            mail: &mail,
        };
        self.relay.deliver(envelope).await
    }
}

fn address(text: &str) -> Option<Address> {
    plan::is_email(text).then(|| text.parse().ok())?
}

fn mailbox(text: &str) -> Option<Mailbox> {
    let (name, at) = plan::mailbox(text)?;
    Some(Mailbox::new(name.map(str::to_owned), address(at)?))
}
