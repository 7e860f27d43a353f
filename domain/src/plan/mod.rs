//! The plan: what a team decided in calm hours, as data. The words are those of the disaster-recovery plan it was
//! written from; every struct refuses keys it does not know.

pub mod channels;
mod check;
mod command;
mod comms;
mod condition;
mod failover;
mod glimpse;
mod parameter;
mod probe;
mod rotation;
mod runbook;
mod services;
mod status;
mod step;
mod template;
mod value;
mod work;

pub use channels::{Channels, OutsideHeartbeat};
pub use check::{Problem, check, is_email, is_phone, mailbox, nearest};
pub use command::*;
pub use comms::*;
pub use condition::*;
pub use failover::*;
pub use glimpse::glimpse;
pub use parameter::*;
pub use probe::*;
pub use rotation::*;
pub use runbook::*;
pub use services::*;
pub use status::*;
pub use step::*;
pub use template::*;
pub use value::*;
pub use work::*;

use crate::{ServiceId, Slug, time::Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole plan, as it was read from its folder. One file of the folder fills one field (`plan.yaml` fills `about`),
/// `runbooks/*.yaml` fill `runbooks`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub about: About,
    pub objectives: Objectives,
    pub services: Vec<Service>,
    pub targets: Targets,
    pub communication: Communication,
    pub contacts: Directory,
    /// The providers; without them nobody is reached by machine.
    #[serde(default, skip_serializing_if = "is_default")]
    pub channels: Channels,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rotations: Vec<Rotation>,
    #[serde(default)]
    pub scenarios: Vec<Scenario>,
    #[serde(default)]
    pub schedules: Vec<Schedule>,
    pub checklist: Checklist,
    #[serde(default)]
    pub appendices: Appendices,
    /// Named conditions that a runbook's steps may ask for.
    #[serde(default)]
    pub conditions: BTreeMap<String, Condition>,
    /// What fails over, and how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failover: Vec<Failover>,
    /// How the public status page looks.
    #[serde(default, skip_serializing_if = "Status::is_unsaid")]
    pub status: Status,
    #[serde(default)]
    pub runbooks: Vec<Runbook>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Plan {
    pub fn service(&self, id: &ServiceId) -> Option<&Service> {
        self.services.iter().find(|s| s.id == *id)
    }
    pub fn runbook(&self, slug: &Slug) -> Option<&Runbook> {
        self.runbooks.iter().find(|r| r.slug == *slug)
    }
    pub fn rotation(&self, id: &str) -> Option<&Rotation> {
        self.rotations.iter().find(|r| r.id == id)
    }
    pub fn tier(&self, id: &str) -> Option<&Tier> {
        self.objectives.rto.iter().find(|t| t.id == id)
    }
}

/// `plan.yaml`: whose plan this is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    pub schema_version: u32,
    pub name: String,
    pub organization: String,
    pub version: String,
    pub last_updated: String,
    pub review_cycle: String,
    pub owner: String,
    #[serde(default)]
    pub summary: String,
    /// Said at the foot of every page: "Stay calm, follow procedures, document everything".
    #[serde(default)]
    pub motto: String,
}

/// `objectives.yaml`: how fast to be back (RTO), and how much may be lost (RPO).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objectives {
    pub rto: Vec<Tier>,
    pub rpo: Vec<DataObjective>,
}

/// A tier of services and the time within which it must be back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    pub id: String,
    pub name: String,
    pub within: Span,
}

/// A kind of data and how much of its latest past may be lost. `0s` is "nothing": kept in step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataObjective {
    pub id: String,
    pub name: String,
    pub within: Span,
    #[serde(default)]
    pub how: String,
    /// The database of `targets.yaml` that this is about: what of it stands in one place only is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
}

/// `scenarios.yaml`: a disaster of the plan's section 2, with the runbook that answers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub id: String,
    pub name: String,
    pub category: String,
    #[serde(default)]
    pub impact: String,
    #[serde(default)]
    pub detection: String,
    pub runbook: Slug,
}

/// `schedules.yaml`: work that is due by the calendar (sections 3 and 6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    pub id: String,
    pub name: String,
    /// Five-field cron, in `timezone`.
    pub cron: String,
    #[serde(default = "utc")]
    pub timezone: String,
    /// The commands it runs, as the document writes them; or a runbook.
    #[serde(default)]
    pub commands: Vec<CommandLine>,
    #[serde(default)]
    pub runbook: Option<Slug>,
}

fn utc() -> String {
    "UTC".into()
}

/// `checklist.yaml`: the emergency checklist and what follows a recovery (section 8 and the quick-reference card).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    pub emergency: Vec<String>,
    #[serde(default)]
    pub immediate_actions: Vec<String>,
    #[serde(default)]
    pub follow_up_actions: Vec<String>,
    #[serde(default)]
    pub documentation: Vec<CommandLine>,
}

/// `appendices.yaml`: where scripts, backups and documentation are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Appendices {
    #[serde(default)]
    pub recovery_scripts: Vec<Location>,
    #[serde(default)]
    pub backups: Vec<Location>,
    #[serde(default)]
    pub documentation: Vec<Location>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    pub name: String,
    pub at: String,
}
