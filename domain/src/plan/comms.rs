//! `communication.yaml` and `contacts.yaml`: who is told what, how fast, on which channel.

use super::{Template, TimeOfDay};
use crate::{Severity, time::Span};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Communication {
    pub severities: Vec<SeverityPolicy>,
    pub audiences: Vec<Audience>,
    pub matrix: Vec<MatrixRow>,
    /// Who is asked next while nobody acknowledges. The first level is who is told first; these follow in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalation: Vec<Level>,
    /// What is said, where the plan has words of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<Template>,
}

impl Communication {
    pub fn severity(&self, severity: Severity) -> Option<&SeverityPolicy> {
        self.severities.iter().find(|s| s.id == severity)
    }
    pub fn row(&self, severity: Severity) -> Option<&MatrixRow> {
        self.matrix.iter().find(|r| r.severity == severity)
    }

    /// The levels after the first; where the plan names none: the secondary contacts, then external support.
    pub fn levels(&self) -> Vec<Level> {
        if !self.escalation.is_empty() {
            return self.escalation.clone();
        }
        let level = |to: &str, channels: &[Channel]| Level {
            to: vec![to.into()],
            channels: channels.to_vec(),
        };
        vec![
            level(Level::SECONDARY, &[Channel::Phone, Channel::Slack]),
            level(Level::EXTERNAL, &[]),
        ]
    }
}

/// A level of the escalation: `primary` or `secondary` contacts, those `on_call`, an audience by its id; or `external`
/// support, whom no machine calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    pub to: Vec<String>,
    #[serde(default)]
    pub channels: Vec<Channel>,
}

impl Level {
    pub const PRIMARY: &str = "primary";
    pub const SECONDARY: &str = "secondary";
    pub const ON_CALL: &str = "on_call";
    pub const EXTERNAL: &str = "external";
    pub const WORDS: [&str; 4] = [
        Level::PRIMARY,
        Level::SECONDARY,
        Level::ON_CALL,
        Level::EXTERNAL,
    ];
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeverityPolicy {
    pub id: Severity,
    pub name: String,
    pub description: String,
    /// The first public word is due this long after declaration …
    pub first_update: Span,
    /// … and every further one this long after the last.
    pub update_every: Span,
    /// Where nobody acknowledged within this time the next level is asked; `0s` never asks. (The browser gets neither
    /// this nor the next.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub acknowledge_within: Option<Span>,
    /// The people at work hear the next word this long after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub internal_every: Option<Span>,
}

impl SeverityPolicy {
    /// How long the people who were told have to say that they know; nothing where nobody waits for that.
    pub fn acknowledge_within(&self) -> Option<Span> {
        let within = self.acknowledge_within.or(match self.id {
            Severity::Sev1 => Some(Span::secs(5 * 60)),
            Severity::Sev2 => Some(Span::secs(15 * 60)),
            Severity::Sev3 => None,
        })?;
        (within > Span::default()).then_some(within)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    pub id: String,
    pub name: String,
    /// Contacts by their role in `contacts.yaml`.
    pub members: Vec<String>,
}

/// One row of the communication matrix. The audience `all` is everybody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixRow {
    pub severity: Severity,
    pub within: Span,
    pub audiences: Vec<String>,
    pub channels: Vec<Channel>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Phone,
    Sms,
    Email,
    Slack,
    Webhook,
    Teams,
    Pagerduty,
}

impl Channel {
    pub const ALL: [Channel; 7] = [
        Channel::Phone,
        Channel::Sms,
        Channel::Email,
        Channel::Slack,
        Channel::Webhook,
        Channel::Teams,
        Channel::Pagerduty,
    ];

    pub fn id(self) -> &'static str {
        match self {
            Channel::Phone => "phone",
            Channel::Sms => "sms",
            Channel::Email => "email",
            Channel::Slack => "slack",
            Channel::Webhook => "webhook",
            Channel::Teams => "teams",
            Channel::Pagerduty => "pagerduty",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Channel::Phone => "Phone",
            Channel::Sms => "SMS",
            Channel::Email => "E-mail",
            Channel::Slack => "Slack",
            Channel::Webhook => "Webhook",
            Channel::Teams => "Teams",
            Channel::Pagerduty => "PagerDuty",
        }
    }

    /// It reaches one person; the others are posted to once for many readers.
    pub fn is_personal(self) -> bool {
        matches!(self, Channel::Phone | Channel::Sms | Channel::Email)
    }

    /// It wakes people: it says that something is wrong, and not how it goes on.
    pub fn is_page(self) -> bool {
        matches!(self, Channel::Phone | Channel::Sms)
    }
}

impl std::str::FromStr for Channel {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Channel::ALL.into_iter().find(|c| c.id() == s).ok_or_else(|| {
            format!(
                "`{s}` is not a channel; use phone, sms, email, slack, webhook, teams or pagerduty"
            )
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    pub emergency: Vec<Contact>,
    #[serde(default)]
    pub external: Vec<ExternalSupport>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    pub role: String,
    pub name: String,
    /// E.164 with optional hyphens: `+1-555-0001`.
    pub phone: String,
    /// For text messages, where it is another number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms: Option<String>,
    pub email: String,
    pub escalation: Escalation,
    /// IANA name; shown as the local time of the person to be woken.
    #[serde(default)]
    pub timezone: Option<String>,
    /// While they last only SEV1 comes through; the rest is held until their end, or until it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// Always on call, whoever's week it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_call: bool,
}

/// In the contact's time zone (UTC where it names none). They may span midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    pub from: TimeOfDay,
    pub until: TimeOfDay,
}

/// Primary contacts are asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escalation {
    Primary,
    Secondary,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalSupport {
    pub service: String,
    pub contact: String,
    pub account: String,
    pub priority: Priority,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Priority {
    P1,
    P2,
    P3,
}
