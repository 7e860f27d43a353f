//! The REST interface's types, and a typed client for it. The server reads these types, the actions and the tests send
//! them: what one side cannot say the other cannot expect.
//!
//! Architecture invariant: bodies refuse fields they do not know; a misspelt field is told, never ignored.
//!
//! Deliberately absent: the answers' types. They are `domain`'s own (an incident, a run, an event), with a few fields
//! beside them; a client reads what it needs.

mod client;

pub use client::{Client, Trouble};

use domain::{Answer, IncidentRole, Kind, Mode, Number, Phase, ServiceId, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `POST /api/v1/incidents`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declare {
    pub title: String,
    pub severity: Severity,
    #[serde(default)]
    pub affected: Vec<ServiceId>,
    #[serde(default = "real_kind")]
    pub kind: Kind,
    /// On the public status page; by default a real incident of SEV1 or SEV2 is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// Tell nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
    /// RFC 3339; only for `backfilled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<jiff::Timestamp>,
}

fn real_kind() -> Kind {
    Kind::Real
}

/// `POST /api/v1/incidents/{number}/updates`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    pub phase: Phase,
    pub message: String,
    /// For those who were told, and not for the public.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
}

/// `POST /api/v1/incidents/{number}/severity`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeSeverity {
    pub severity: Severity,
    #[serde(default)]
    pub reason: String,
}

/// `POST /api/v1/incidents/{number}/roles`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action", deny_unknown_fields)]
pub enum Roles {
    Assign { role: IncidentRole, person: String },
    HandOver { role: IncidentRole, person: String },
    Accept { role: IncidentRole },
}

/// `POST /api/v1/incidents/{number}/tasks`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    pub title: String,
    pub owner: String,
    pub minutes: u32,
}

/// `POST /api/v1/incidents/{number}/notes`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    pub text: String,
    /// RFC 3339, when the note is about the past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<jiff::Timestamp>,
}

/// `POST /api/v1/incidents/{number}/resolve`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    pub message: String,
}

/// `POST /api/v1/maintenance`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleMaintenance {
    pub title: String,
    /// What people are told; by default a sentence that says no more than the stage.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    pub services: Vec<ServiceId>,
    /// RFC 3339. Without it: it begins now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<jiff::Timestamp>,
    pub until: jiff::Timestamp,
    /// Announced on the public status page.
    #[serde(default)]
    pub public: bool,
}

/// `POST /api/v1/maintenance/{id}/reschedule`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RescheduleMaintenance {
    /// Only before it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<jiff::Timestamp>,
    pub until: jiff::Timestamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// `POST /api/v1/maintenance/{id}/begin`, `/verify`, `/complete` and `/cancel`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// What people are told of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// `POST /api/v1/runbooks/{slug}/runs`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRun {
    #[serde(default)]
    pub incident: Option<Number>,
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    #[serde(default = "real_mode")]
    pub mode: Mode,
    /// What the runbook asks to be typed before it starts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub confirm: String,
    /// Each step waits for a go.
    #[serde(default)]
    pub stepwise: bool,
}

/// `POST /api/v1/runs/{id}/answer`: a word on a step that waits for one. `/approve` is `{"answer": "approve"}` on the
/// step that waits for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepAnswer {
    /// From 0. Without it: the one that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    #[serde(default = "approve")]
    pub answer: Answer,
    /// Comment, reason, evidence, or what was to be typed.
    #[serde(default)]
    pub says: String,
}

fn approve() -> Answer {
    Answer::Approve
}

/// `POST /api/v1/runs/{id}/retry`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// With the forced variants of this and all later steps.
    #[serde(default)]
    pub forced: bool,
}

/// `POST /api/v1/runs/{id}/from`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct From {
    /// From 0.
    pub step: u32,
    pub reason: String,
}

fn real_mode() -> Mode {
    Mode::Real
}

/// `POST /api/v1/runs/{id}/skip` and `/cancel`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    #[serde(default)]
    pub reason: String,
}

/// `POST /api/v1/failovers/{service}/trigger`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// Without it: the open incident that affects the service, or one that is declared with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Number>,
    /// Where the replica is in doubt: the risk that is taken, in words that name it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub risk: String,
}

/// `POST /api/v1/failovers/{service}/override`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    pub risk: String,
}

/// `POST /api/v1/failovers/{service}/failback`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailBack {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Number>,
    /// What the runbook asks to be typed before it starts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub confirm: String,
}
