//! What is sent to those who subscribed to the public page: by the same mail server and over the same judged connections as
//! everything else, but in words that are there already, and to addresses that strangers have given.

use super::{
    Channels, Outcome,
    web::{Place, Web},
    webhook::{seconds, sign},
    words::line,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Stamp;
use lettre::message::{
    Mailbox, MultiPart,
    header::{HeaderName, HeaderValue},
};
use reqwest::header::CONTENT_TYPE;
use ring::hmac;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// A mail to one subscriber.
pub struct Circular {
    pub to: String,
    /// What stands before the `@` of its `Message-ID`: the same for every try, and no two mails have the same.
    pub name: String,
    /// The same of what all mails about one thing refer to.
    pub thread: Option<String>,
    pub subject: String,
    pub plain: String,
    pub html: String,
    pub language: &'static str,
    /// One POST to it ends the subscription (RFC 8058).
    pub unsubscribe: Option<String>,
    pub now: Stamp,
}

/// A request to a subscriber's webhook.
pub struct Hook<'a> {
    pub url: &'a str,
    /// It may be on this machine or network.
    pub internal: bool,
    /// The same for every try.
    pub id: String,
    pub secret: &'a [u8],
    pub body: &'a Value,
    pub now: Stamp,
}

/// Why a webhook did not take a request.
pub enum NotTaken {
    /// It says that nobody is there any more (410).
    Gone,
    Otherwise(Outcome),
}

/// A secret as Standard Webhooks writes it.
pub fn shown_secret(secret: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(secret))
}

impl Channels {
    pub async fn circulate(&self, circular: &Circular) -> Outcome {
        match self.email() {
            Ok(email) => email.circulate(circular).await,
            Err(why) => Outcome::Later { why, after: None },
        }
    }

    /// What the webhook answers.
    pub async fn hook(&self, hook: Hook<'_>) -> Result<Vec<u8>, NotTaken> {
        let never = |why: String| NotTaken::Otherwise(Outcome::Never { why });
        let place = Place::new(hook.url, hook.internal).map_err(never)?;
        let body = hook.body.to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, hook.secret);
        let signature = sign(&[key], &hook.id, hook.now, body.as_bytes());
        let request = |r: reqwest::RequestBuilder| {
            r.header(CONTENT_TYPE, "application/json")
                .header("webhook-id", &hook.id)
                .header("webhook-timestamp", seconds(hook.now).to_string())
                .header("webhook-signature", signature)
                .body(body)
        };
        let answer = self.web().post(&place, hook.now, request).await;
        match answer.map_err(NotTaken::Otherwise)? {
            answer if answer.is_success() => Ok(answer.body),
            answer if answer.status == 410 => Err(NotTaken::Gone),
            answer => Err(NotTaken::Otherwise(answer.refusal())),
        }
    }

    /// Says something by another's incoming webhook of Slack.
    pub async fn say_in_slack(
        &self,
        url: &str,
        internal: bool,
        body: &Value,
        now: Stamp,
    ) -> Outcome {
        match post(self.web(), url, internal, body, now).await {
            Ok(()) => Outcome::Delivered { provider_id: None },
            Err(outcome) => outcome,
        }
    }
}

async fn post(
    web: &Web,
    url: &str,
    internal: bool,
    body: &Value,
    now: Stamp,
) -> Result<(), Outcome> {
    let place = Place::new(url, internal).map_err(|why| Outcome::Never { why })?;
    let answer = web.post(&place, now, |r| r.json(body)).await?;
    answer
        .is_success()
        .then_some(())
        .ok_or_else(|| answer.refusal())
}

impl Circular {
    pub(super) fn write(
        &self,
        from: &Mailbox,
        reply_to: Option<&Mailbox>,
        to: lettre::Address,
    ) -> Result<String, String> {
        let cannot = |e: &dyn std::fmt::Display| format!("the mail cannot be written: {e}");
        let domain = from.email.domain();
        let at = Duration::from_micros(u64::try_from(self.now.0).unwrap_or_default());
        let mut mail = lettre::Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .date(SystemTime::UNIX_EPOCH + at)
            .subject(line(&self.subject, 300))
            .message_id(Some(format!("<{}@{domain}>", self.name)));
        if let Some(reply_to) = reply_to {
            mail = mail.reply_to(reply_to.clone());
        }
        if let Some(thread) = &self.thread {
            let root = format!("<{thread}@{domain}>");
            mail = mail.in_reply_to(root.clone()).references(root);
        }
        let name = HeaderName::new_from_ascii_str;
        let mut marks = vec![
            (name("Auto-Submitted"), "auto-generated".to_owned()),
            (name("X-Auto-Response-Suppress"), "All".to_owned()),
            (name("Content-Language"), self.language.to_owned()),
        ];
        if let Some(unsubscribe) = &self.unsubscribe {
            marks.push((name("List-Id"), format!("<status.{domain}>")));
            marks.push((name("List-Unsubscribe"), format!("<{unsubscribe}>")));
            let post = "List-Unsubscribe=One-Click".to_owned();
            marks.push((name("List-Unsubscribe-Post"), post));
        }
        for (name, value) in marks {
            mail = mail.raw_header(HeaderValue::new(name, value));
        }
        let body = MultiPart::alternative_plain_html(self.plain.clone(), self.html.clone());
        let mail = mail.multipart(body).map_err(|e| cannot(&e))?;
        String::from_utf8(mail.formatted()).map_err(|e| cannot(&e))
    }
}
