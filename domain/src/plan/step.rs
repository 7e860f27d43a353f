//! One step of a runbook: what it does, when, and what follows if that fails.

use super::{
    Backoff, Call, CommandLine, Http, Manual, Notify, SecretUse, Sql, Ssh, WaitFor, When, Work,
};
use crate::{AccessRole, time::Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// In the browser a step is read by [`super::glimpse`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(
    not(target_arch = "wasm32"),
    derive(Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Step {
    pub name: String,
    /// A condition of `conditions.yaml`, or one written out; without one the step always runs.
    #[serde(default)]
    pub condition: Option<When>,
    /// Run one after the other until one fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandLine>,
    /// Run instead of `commands` once an operator switched the run to forced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forced: Vec<CommandLine>,
    // What it does, where that is not a command: one of these at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<Sql>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitFor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<Ssh>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual: Option<Manual>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<Call>,
    /// Proves what exit code 0 only claims; also asked when the end of an attempt was not seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<CommandLine>,
    /// May be run again when nobody saw how it ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idempotent: bool,

    /// For each attempt. Without one an attempt may take an hour.
    #[serde(default)]
    pub timeout: Option<Span>,
    /// Further attempts after the first: `retries: 3` is up to four attempts.
    #[serde(default)]
    pub retries: u32,
    #[serde(default)]
    pub retry_delay: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// The exit codes that are worth another attempt; without them every failure is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retry_on: Vec<i32>,

    #[serde(default, skip_serializing_if = "OnFailure::is_pause")]
    pub on_failure: OnFailure,
    /// A failure makes the whole run a failed one. Without a word: yes, unless `on_failure` is `continue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<bool>,
    /// Neighbours with the same word here run at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Only>,

    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// To be typed before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// Held while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// What the target must be at the moment it starts; anything else refuses the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,

    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretUse>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Names that it writes to `$MUSTER_OUTPUT` as `name=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
}

impl Step {
    pub fn is_critical(&self) -> bool {
        self.critical
            .unwrap_or(self.on_failure != OnFailure::Continue)
    }

    /// Nothing but somebody's word is asked.
    pub fn is_gate(&self) -> bool {
        self.commands.is_empty() && self.work().is_none()
    }

    /// What it does where it types no command.
    pub fn work(&self) -> Option<Work> {
        let http = self.http.clone().map(Work::Http);
        http.or_else(|| self.sql.clone().map(Work::Sql))
            .or_else(|| self.wait.clone().map(Work::Wait))
            .or_else(|| self.ssh.clone().map(Work::Ssh))
            .or_else(|| self.notify.clone().map(Work::Notify))
            .or_else(|| self.manual.clone().map(Work::Manual))
            .or_else(|| self.runbook.clone().map(Work::Runbook))
    }

    /// How many things it does: one, or none for a gate.
    pub fn kinds(&self) -> usize {
        [
            !self.commands.is_empty(),
            self.http.is_some(),
            self.sql.is_some(),
            self.wait.is_some(),
            self.ssh.is_some(),
            self.notify.is_some(),
            self.manual.is_some(),
            self.runbook.is_some(),
        ]
        .into_iter()
        .filter(|is| *is)
        .count()
    }

    /// What it types, as things stand.
    pub fn commands(&self, forced: bool) -> &[CommandLine] {
        if forced && !self.forced.is_empty() {
            &self.forced
        } else {
            &self.commands
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// A person decides.
    #[default]
    Pause,
    Continue,
    /// The run fails; `finally` still runs.
    Abort,
    /// Goes on at a later step.
    Goto(String),
}

impl OnFailure {
    fn is_pause(&self) -> bool {
        *self == OnFailure::Pause
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Only {
    Drill,
    Real,
}

/// Whose word a step needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    #[serde(default = "one")]
    pub min: u32,
    #[serde(default = "commander")]
    pub role: AccessRole,
    /// Whoever started the run has no say.
    #[serde(default = "yes")]
    pub prevent_self: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    #[serde(default)]
    pub on_timeout: OnTimeout,
}

fn one() -> u32 {
    1
}
fn commander() -> AccessRole {
    AccessRole::Commander
}
fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    #[default]
    Pause,
    Abort,
}

/// The target a destructive step expects; each that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// A database of `targets.yaml`, and one of its nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<DatabaseRole>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_identifier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<u32>,
    /// The name of the machine that Muster's command runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseRole {
    Primary,
    Replica,
}
