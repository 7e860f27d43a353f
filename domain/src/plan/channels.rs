//! `channels.yaml`: by which providers people are reached. A secret stands here only by the name of the environment
//! variable that holds it.

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

/// A mail server: `smtps://user@host:465` or `smtp://user@host:587` with its password in it, all in the variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    pub url_env: String,
    pub from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}

/// A provider with the shape of Twilio's interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phone {
    pub url_env: String,
    pub account_env: String,
    pub token_env: String,
    /// The number that calls …
    pub from: String,
    /// … and the one that texts, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_from: Option<String>,
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
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub name: String,
    pub audiences: Vec<String>,
    pub url_env: String,
    pub secret_env: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teams {
    pub name: String,
    pub audiences: Vec<String>,
    pub url_env: String,
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
}

/// Somebody else's watch: it is called on a schedule, and notices when Muster itself is dead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideHeartbeat {
    pub url_env: String,
    pub every: Span,
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
}
