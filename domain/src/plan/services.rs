//! `services.yaml` and `targets.yaml`: what must work, how that is seen, and where the recovery actions take hold.

use super::Probe;
use crate::{ServiceId, Slug, time::Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub id: ServiceId,
    pub name: String,
    /// A tier of `objectives.yaml`.
    pub tier: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub depends_on: Vec<ServiceId>,
    /// How it appears on the public status page; a service without this is not there at all.
    #[serde(default)]
    pub public: Option<PublicFace>,
    /// Runbooks to offer when this service fails, the likeliest first.
    #[serde(default)]
    pub runbooks: Vec<Slug>,
    /// Without a check a service has no data, and says so.
    #[serde(default)]
    pub check: Option<Check>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicFace {
    pub name: String,
    pub group: String,
}

/// How a service is looked at. `fall` failures in a row make it down, `rise` successes bring it back
/// (HAProxy's and Route 53's rule); `timeout` is below `interval`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub probe: Probe,
    #[serde(default = "five_seconds")]
    pub interval: Span,
    #[serde(default = "two_seconds")]
    pub timeout: Span,
    #[serde(default = "three")]
    pub fall: u32,
    #[serde(default = "two")]
    pub rise: u32,
    /// A look that succeeds but took longer makes it degraded.
    #[serde(default)]
    pub slow_after: Option<Span>,
    /// The target may be on loopback or a private network.
    #[serde(default)]
    pub internal: bool,
}

fn five_seconds() -> Span {
    Span::secs(5)
}
fn two_seconds() -> Span {
    Span::secs(2)
}
fn three() -> u32 {
    3
}
fn two() -> u32 {
    2
}

/// `targets.yaml`: the things recovery actions act on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// These may be broken and recovered for practice (the lab). Without it no drill touches them.
    #[serde(default)]
    pub rehearsal: bool,
    #[serde(default)]
    pub databases: BTreeMap<String, Database>,
    #[serde(default)]
    pub applications: BTreeMap<String, Application>,
}

/// A PostgreSQL cluster: its nodes, the way applications reach it, and the outside commands that move that way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub nodes: BTreeMap<String, Node>,
    /// The node that is the primary in normal times.
    pub primary: String,
    /// The node to promote.
    pub replica: String,
    /// What applications connect to.
    pub route: Node,
    /// Per node: the command (argv) that makes sure it can take no more writes.
    #[serde(default)]
    pub fence: BTreeMap<String, Vec<String>>,
    /// Per node: the command (argv) that points the route at it.
    #[serde(default)]
    pub move_route: BTreeMap<String, Vec<String>>,
    /// Per node: the command (argv) that brings it back as a standby of the node that writes, its old data kept aside.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rebuild: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// `postgres://user@host:port/database`, without a password.
    pub url: String,
    /// The environment variable that holds the password.
    #[serde(default)]
    pub password_env: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Where users reach it.
    pub url: String,
    /// The service of the plan that this application is.
    pub service: ServiceId,
    #[serde(default = "healthz")]
    pub health: String,
    /// A path that takes a POST and renews the database connections.
    #[serde(default)]
    pub reset_pool: Option<String>,
    pub start: Vec<String>,
    pub stop: Vec<String>,
}
fn healthz() -> String {
    "/healthz".into()
}
