//! What a step does where it types no command. All but `manual` and `runbook` are done by `muster step`, a command like any
//! other: so they have a timeout, a supervisor and an output of their own, and outlive the server.

use super::{CommandLine, Value};
use crate::{Phase, Slug, time::Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    Http(Http),
    Sql(Sql),
    Wait(WaitFor),
    Ssh(Ssh),
    Notify(Notify),
    Manual(Manual),
    Runbook(Call),
}

impl Work {
    /// Done by a process of its own, or by a person or another run.
    pub fn is_process(&self) -> bool {
        !matches!(self, Work::Manual(_) | Work::Runbook(_))
    }

    /// As a person reads it.
    pub fn display(&self) -> String {
        match self {
            Work::Http(http) => format!("{} {}", http.method(), http.url),
            Work::Sql(sql) => format!("SQL on {}: {}", sql.place(), sql.statement),
            Work::Wait(wait) => format!("wait until {}", wait.until.display()),
            Work::Ssh(ssh) => {
                let command = CommandLine::Argv(ssh.command.clone());
                format!("ssh {}: {}", ssh.destination(), command.display())
            }
            Work::Notify(notify) => format!("tell: {}", notify.message),
            Work::Manual(manual) => manual.instructions.clone(),
            Work::Runbook(call) => format!("runbook {}", call.slug),
        }
    }
}

/// A request, and what its answer must be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub url: String,
    /// `GET` without a body, `POST` with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Without it any 2xx is good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect_status: Vec<u16>,
    /// A text that must be in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_body: Option<String>,
    /// JSON pointers and what must stand there: `{/status: ok}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expect_json: BTreeMap<String, String>,
    /// The answer must be whole within this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follow_redirects: bool,
    /// Addresses of this machine and of private networks are meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
}

impl Http {
    pub fn method(&self) -> &str {
        match (&self.method, &self.body) {
            (Some(method), _) => method,
            (None, None) => "GET",
            (None, Some(_)) => "POST",
        }
    }
}

/// One statement on a database of `targets.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    pub database: String,
    /// Without it: the way that the application takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub statement: String,
    /// `$1`, `$2` … as texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bind: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_timeout: Option<Span>,
    /// What the first column of the first row must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

impl Sql {
    pub fn place(&self) -> String {
        match &self.node {
            Some(node) => format!("{} ({node})", self.database),
            None => self.database.clone(),
        }
    }
}

/// Asks again and again until it is so, or the step's timeout is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitFor {
    pub until: Predicate,
    #[serde(default = "two_seconds")]
    pub every: Span,
    /// So many times in a row.
    #[serde(default = "once")]
    pub times: u32,
}

fn two_seconds() -> Span {
    Span::secs(2)
}
fn once() -> u32 {
    1
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    Http(Http),
    Sql(Sql),
    /// Exits with 0.
    Command(CommandLine),
}

impl Predicate {
    pub fn display(&self) -> String {
        match self {
            Predicate::Http(http) => format!("{} {} answers", http.method(), http.url),
            Predicate::Sql(sql) => format!("{} on {}", sql.statement, sql.place()),
            Predicate::Command(command) => command.display(),
        }
    }
}

/// A command on another machine, by the system's own `ssh`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ssh {
    pub host: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// A variable of the step's `secrets` that holds the private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The host's keys, as a file of the plan's folder; without it the user's own `known_hosts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_hosts: Option<String>,
    pub command: Vec<Value>,
}

impl Ssh {
    pub fn destination(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}", self.host),
            None => self.host.clone(),
        }
    }
}

/// A word to those who follow the incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    pub message: String,
    /// On the public page too, in this phase; without it, a line of the incident's timeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<Phase>,
}

/// Something only a person can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    pub instructions: String,
    /// What they have to write down: "The ticket's number".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// Another runbook, as one step of this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    pub slug: Slug,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
}

/// `retry_delay` grows by `factor` with each attempt, up to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    #[serde(default = "double")]
    pub factor: u32,
    #[serde(default = "five_minutes")]
    pub max: Span,
}

fn double() -> u32 {
    2
}
fn five_minutes() -> Span {
    Span::secs(300)
}
