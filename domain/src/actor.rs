//! Who does something, from where, and what they may do.

use serde::{Deserialize, Serialize};

/// Who acted. Written beside every event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Stable: `person:…`, `token:…`, `system:runner`.
    pub id: String,
    /// As people read it: "Jane Doe", "Database Recovery", "user-path check".
    pub name: String,
    pub role: AccessRole,
    pub source: Source,
}

impl Actor {
    /// A part of Muster itself: its runner, its checker, its loader.
    pub fn system(part: &str, source: Source) -> Self {
        Actor {
            id: format!("system:{part}"),
            name: part.to_owned(),
            role: AccessRole::System,
            source,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Browser,
    Api,
    Cli,
    Runner,
    Checker,
    Loader,
    Webhook,
    Schedule,
}

/// What somebody is allowed, from least to most. (Who leads an incident is [`crate::IncidentRole`], another matter.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessRole {
    Viewer,
    Responder,
    Commander,
    Manager,
    Admin,
    /// Muster's own workers; never given to a person or a token.
    System,
}

impl AccessRole {
    pub const GRANTABLE: [AccessRole; 5] = [
        AccessRole::Viewer,
        AccessRole::Responder,
        AccessRole::Commander,
        AccessRole::Manager,
        AccessRole::Admin,
    ];

    pub fn name(self) -> &'static str {
        match self {
            AccessRole::Viewer => "viewer",
            AccessRole::Responder => "responder",
            AccessRole::Commander => "commander",
            AccessRole::Manager => "manager",
            AccessRole::Admin => "admin",
            AccessRole::System => "system",
        }
    }

    pub fn may(self, permission: Permission) -> bool {
        use AccessRole::*;
        match permission {
            Permission::View => true,
            Permission::Respond => self >= Responder,
            Permission::Command => matches!(self, Commander | Admin | System),
            Permission::Administer => matches!(self, Admin | System),
            Permission::Machine => self == System,
        }
    }
}

impl std::str::FromStr for AccessRole {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        AccessRole::GRANTABLE
            .into_iter()
            .find(|r| r.name() == s)
            .ok_or_else(|| {
                format!("`{s}` is not a role; use viewer, responder, commander, manager or admin")
            })
    }
}

/// What a command or a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Permission {
    /// Read the console.
    View,
    /// Take part: notes, tasks, checklist, declare.
    Respond,
    /// Lead: severity, roles, public updates, runbooks, resolve.
    Command,
    /// Tokens, people, the plan.
    Administer,
    /// Muster's own workers only.
    Machine,
}
