//! The words of a notification.

use crate::{Stamp, plan::Channel};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Declared,
    /// The severity was raised: those who were not told before.
    Raised,
    Reopened,
    /// Nobody acknowledged: this level is asked.
    Escalation(u8),
    Update,
    Resolved,
    /// An update is due, or overdue.
    Reminder,
    /// Told again by hand.
    Repeat,
    /// Does this address work?
    Test,
    /// Somebody from outside who asked to be told.
    Subscriber,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Declared => "declared",
            Cause::Raised => "raised",
            Cause::Reopened => "reopened",
            Cause::Escalation(level) => return write!(f, "escalation-{level}"),
            Cause::Update => "update",
            Cause::Resolved => "resolved",
            Cause::Reminder => "reminder",
            Cause::Repeat => "repeat",
            Cause::Test => "test",
            Cause::Subscriber => "subscriber",
        })
    }
}

impl FromStr for Cause {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        const PLAIN: [Cause; 9] = [
            Cause::Declared,
            Cause::Raised,
            Cause::Reopened,
            Cause::Update,
            Cause::Resolved,
            Cause::Reminder,
            Cause::Repeat,
            Cause::Test,
            Cause::Subscriber,
        ];
        if let Some(level) = s.strip_prefix("escalation-") {
            let level = level.parse().map_err(|_| format!("`{s}` is no cause"))?;
            return Ok(Cause::Escalation(level));
        }
        let found = PLAIN.into_iter().find(|c| c.to_string() == s);
        found.ok_or_else(|| format!("`{s}` is no cause"))
    }
}

/// One to be told: a person on a channel, or a place that many read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressee {
    /// By its id; `all` is everybody.
    pub audience: String,
    /// As [`People`] names them; a place by its name in `channels.yaml`.
    pub person: String,
    pub channel: Channel,
    /// Not before then: quiet hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Stamp>,
    /// Not at all, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppressed>,
}

/// Why nothing is sent though somebody is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppressed {
    Drill,
    Backfilled,
    Quiet,
    /// The plan has no provider for this channel: somebody has to be told by hand.
    NotConfigured,
    /// The plan knows no address on this channel.
    NoAddress,
    /// Before it was sent the incident was resolved.
    Resolved,
    /// Before it was sent somebody acknowledged.
    Acknowledged,
}

impl Suppressed {
    pub fn words(self) -> &'static str {
        match self {
            Suppressed::Drill => "a drill reaches nobody",
            Suppressed::Backfilled => "a backfilled incident reaches nobody",
            Suppressed::Quiet => "declared quietly",
            Suppressed::NotConfigured => "the plan has no provider for this channel",
            Suppressed::NoAddress => "the plan has no address on this channel",
            Suppressed::Resolved => "resolved before it was sent",
            Suppressed::Acknowledged => "acknowledged before it was sent",
        }
    }
}

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    Pending,
    /// Until the end of somebody's quiet hours.
    Held,
    Sending,
    /// It did not work, and is tried again.
    FailedTemporarily,
    /// The provider has it.
    Sent,
    Delivered,
    Read,
    Acknowledged,
    /// For good.
    Failed,
    Suppressed,
}

impl Delivery {
    pub const ALL: [Delivery; 10] = [
        Delivery::Pending,
        Delivery::Held,
        Delivery::Sending,
        Delivery::FailedTemporarily,
        Delivery::Sent,
        Delivery::Delivered,
        Delivery::Read,
        Delivery::Acknowledged,
        Delivery::Failed,
        Delivery::Suppressed,
    ];

    pub fn id(self) -> &'static str {
        match self {
            Delivery::Pending => "pending",
            Delivery::Held => "held",
            Delivery::Sending => "sending",
            Delivery::FailedTemporarily => "failed_temporarily",
            Delivery::Sent => "sent",
            Delivery::Delivered => "delivered",
            Delivery::Read => "read",
            Delivery::Acknowledged => "acknowledged",
            Delivery::Failed => "failed",
            Delivery::Suppressed => "suppressed",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Delivery::Pending => "Waits to be sent",
            Delivery::Held => "Held: quiet hours",
            Delivery::Sending => "Being sent",
            Delivery::FailedTemporarily => "Failed, is tried again",
            Delivery::Sent => "Sent",
            Delivery::Delivered => "Delivered",
            Delivery::Read => "Read",
            Delivery::Acknowledged => "Acknowledged",
            Delivery::Failed => "Failed",
            Delivery::Suppressed => "Not sent",
        }
    }

    /// Nothing more is tried.
    pub fn is_over(self) -> bool {
        self >= Delivery::Sent
    }

    /// The provider took it.
    pub fn is_sent(self) -> bool {
        matches!(
            self,
            Delivery::Sent | Delivery::Delivered | Delivery::Read | Delivery::Acknowledged
        )
    }
}

impl FromStr for Delivery {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let found = Delivery::ALL.into_iter().find(|d| d.id() == s);
        found.ok_or_else(|| format!("`{s}` is no state of a notification"))
    }
}

/// What became of one notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The number of the event that queued it, and its place in there: `1234.17`.
    pub id: String,
    pub person: String,
    pub channel: Channel,
    pub state: Delivery,
    pub at: Stamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// How somebody said that they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    Page,
    Api,
    /// The signed link in a message.
    Link,
    /// A digit pressed in a call.
    Phone,
    /// An answer to a text message.
    Sms,
    Slack,
    Pagerduty,
}

impl Via {
    pub fn words(self) -> &'static str {
        match self {
            Via::Page => "on the page",
            Via::Api => "by REST",
            Via::Link => "by the link in a message",
            Via::Phone => "by phone",
            Via::Sms => "by text message",
            Via::Slack => "in Slack",
            Via::Pagerduty => "in PagerDuty",
        }
    }
}

/// The two clocks of an open incident's updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    Public,
    Internal,
}

impl Cadence {
    pub const BOTH: [Cadence; 2] = [Cadence::Public, Cadence::Internal];
    pub fn words(self) -> &'static str {
        match self {
            Cadence::Public => "public update",
            Cadence::Internal => "internal update",
        }
    }
}
