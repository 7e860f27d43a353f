//! `channels.yaml`: by which providers people are reached. A secret stands here only by the name of the environment
//! variable that holds it; so does every address that has one in it.

use super::Channel;
use crate::time::Span;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channels {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Calls and text messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slack: Vec<Slack>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<Webhook>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<Teams>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pagerduty: Vec<Pagerduty>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<OutsideHeartbeat>,
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// Holds `smtps://user:password@host` (TLS from the start) or `smtp://user:password@host?tls=required` (STARTTLS).
    pub url_env: String,
    /// Holds the path of a PEM file: an authority that is trusted here beside the machine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_env: Option<String>,
    /// `Name <address>`, or an address.
    pub from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}

/// A provider with the shape of Twilio's interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phone {
    /// Holds the interface's address, where it is not Twilio's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_env: Option<String>,
    pub account_env: String,
    pub token_env: String,
    /// Holds the number that calls …
    pub from_env: String,
    /// … and the one that texts, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_from_env: Option<String>,
    /// The provider may be on loopback or a private network. So with all that follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
}

/// A place that is posted to once, however many read it. It serves these audiences; `all` serves everybody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    pub name: String,
    pub audiences: Vec<String>,
    pub webhook_env: String,
    /// With it the message has a button to acknowledge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret_env: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
}

/// Any receiver of JSON that is signed as Standard Webhooks describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub name: String,
    pub audiences: Vec<String>,
    pub url_env: String,
    /// Holds `whsec_…`, or two of them with a space between while the receiver passes from one to the other.
    pub secret_env: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teams {
    pub name: String,
    pub audiences: Vec<String>,
    pub url_env: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pagerduty {
    pub name: String,
    pub audiences: Vec<String>,
    /// Where it is not PagerDuty's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_env: Option<String>,
    pub key_env: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
}

/// Somebody else's watch: it is called on a schedule, and notices when Muster itself is dead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideHeartbeat {
    pub url_env: String,
    pub every: Span,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
}

impl Channels {
    /// The places of a channel, each with the audiences it serves; none for what reaches persons.
    pub fn destinations(&self, channel: Channel) -> Vec<(&str, &[String])> {
        macro_rules! of {
            ($list:ident) => {
                self.$list
                    .iter()
                    .map(|d| (d.name.as_str(), &d.audiences[..]))
                    .collect()
            };
        }
        match channel {
            Channel::Phone | Channel::Sms | Channel::Email => Vec::new(),
            Channel::Slack => of!(slack),
            Channel::Webhook => of!(webhooks),
            Channel::Teams => of!(teams),
            Channel::Pagerduty => of!(pagerduty),
        }
    }

    /// There is a way to send on this channel.
    pub fn has(&self, channel: Channel) -> bool {
        match channel {
            Channel::Phone | Channel::Sms => self.phone.is_some(),
            Channel::Email => self.email.is_some(),
            other => !self.destinations(other).is_empty(),
        }
    }

    /// Every environment variable that is named here, with the place of its name: all of them are secrets.
    pub fn variables(&self) -> Vec<(String, &str)> {
        let mut all: Vec<(String, Option<&String>)> = Vec::new();
        if let Some(email) = &self.email {
            all.push(("email.url_env".into(), Some(&email.url_env)));
            all.push(("email.ca_env".into(), email.ca_env.as_ref()));
        }
        if let Some(phone) = &self.phone {
            all.push(("phone.url_env".into(), phone.url_env.as_ref()));
            all.push(("phone.account_env".into(), Some(&phone.account_env)));
            all.push(("phone.token_env".into(), Some(&phone.token_env)));
            all.push(("phone.from_env".into(), Some(&phone.from_env)));
            all.push(("phone.sms_from_env".into(), phone.sms_from_env.as_ref()));
        }
        for (i, slack) in self.slack.iter().enumerate() {
            let at = |key| format!("slack[{i}].{key}");
            all.push((at("webhook_env"), Some(&slack.webhook_env)));
            all.push((at("signing_secret_env"), slack.signing_secret_env.as_ref()));
        }
        for (i, webhook) in self.webhooks.iter().enumerate() {
            let at = |key| format!("webhooks[{i}].{key}");
            all.push((at("url_env"), Some(&webhook.url_env)));
            all.push((at("secret_env"), Some(&webhook.secret_env)));
        }
        for (i, teams) in self.teams.iter().enumerate() {
            all.push((format!("teams[{i}].url_env"), Some(&teams.url_env)));
        }
        for (i, pagerduty) in self.pagerduty.iter().enumerate() {
            let at = |key| format!("pagerduty[{i}].{key}");
            all.push((at("url_env"), pagerduty.url_env.as_ref()));
            all.push((at("key_env"), Some(&pagerduty.key_env)));
        }
        if let Some(heartbeat) = &self.heartbeat {
            all.push(("heartbeat.url_env".into(), Some(&heartbeat.url_env)));
        }
        let named = all.into_iter();
        named
            .filter_map(|(at, name)| Some((at, name?.as_str())))
            .collect()
    }
}
