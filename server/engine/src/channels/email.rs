//! E-mail, by SMTP: a letter in plain text and in HTML, and the server's word on it.

mod letter;
mod relay;

use super::{Message, Outcome, Said};
use domain::plan;
use lettre::{Address, message::Mailbox};
use relay::Relay;
use reqwest::Url;

pub struct Email {
    relay: Relay,
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

impl Email {
    /// `url` is `smtps://…` or `smtp://…?tls=required`; `ca` the content of a PEM file.
    pub fn new(
        channel: &plan::channels::Email,
        url: &str,
        ca: Option<&[u8]>,
    ) -> Result<Self, String> {
        let from = mailbox(&channel.from).ok_or("its sender is no address")?;
        let url = Url::parse(url.trim()).map_err(|_| "holds no smtps:// or smtp:// address")?;
        Ok(Email {
            relay: Relay::new(&url, from.email.domain(), ca)?,
            reply_to: channel.reply_to.as_deref().and_then(mailbox),
            from,
        })
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
        let from = self.from.email.clone();
        self.relay.deliver(from, address, &mail).await
    }
}

fn address(text: &str) -> Option<Address> {
    plan::is_email(text).then(|| text.parse().ok())?
}

fn mailbox(text: &str) -> Option<Mailbox> {
    let (name, at) = plan::mailbox(text)?;
    Some(Mailbox::new(name.map(str::to_owned), address(at)?))
}
