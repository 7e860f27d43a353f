//! One look at a service: what is asked, and what must be answered.

use crate::time::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One look. Written as `probe: {http: {…}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Probe {
    /// GET; a status of `expect` (200 unless told), and `contains` in the first 64 KiB of the answer.
    Http(HttpProbe),
    /// A TCP connection, `host:port`.
    Tcp(TcpProbe),
    /// A question to one DNS server.
    Dns(DnsProbe),
    /// Connect as the named node or route of a database target, and write and read back where it should be writable.
    Postgres(PostgresProbe),
    /// Through the front door, as a user would: POST a document, then GET what came of it.
    UserPath(UserPathProbe),
    /// A command of its own: exit 0 is well.
    Command(CommandProbe),
    /// The other side must call in.
    Heartbeat(HeartbeatProbe),
    /// Several looks at once: where some of them fail it is a partial outage, where all do a major one.
    Any(Vec<Probe>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    pub url: String,
    #[serde(default = "ok_status")]
    pub expect: u16,
    #[serde(default)]
    pub contains: Option<String>,
    /// The answer is JSON, and has these texts at these places (JSON pointers).
    #[serde(default)]
    pub json: BTreeMap<String, String>,
    /// A certificate that ends within so many days makes it degraded.
    #[serde(default)]
    pub certificate_days: Option<u32>,
    /// At most five, each judged like the first address; without this a redirect is the answer.
    #[serde(default)]
    pub follow_redirects: bool,
}
fn ok_status() -> u16 {
    200
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    pub address: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsProbe {
    pub name: String,
    #[serde(default, rename = "type")]
    pub kind: DnsKind,
    /// Whom to ask: `host` or `host:port`.
    pub server: String,
    /// All of these must be among the answers; without any, one answer is enough.
    #[serde(default)]
    pub expect: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsKind {
    #[default]
    A,
    Aaaa,
    Cname,
    Mx,
    Ns,
    Txt,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresProbe {
    /// A database of `targets.yaml`.
    pub database: String,
    /// `route` (what applications use) or the name of a node.
    #[serde(default = "route")]
    pub node: String,
    /// Must it accept writes, or only answer?
    #[serde(default)]
    pub writable: bool,
    /// How far its standbys may be behind (asked of a primary), or it itself (asked of a standby).
    #[serde(default)]
    pub max_lag: Option<MaxLag>,
    /// Its WAL is archived, and the last time did not fail.
    #[serde(default)]
    pub archiver: bool,
}
fn route() -> String {
    "route".into()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxLag {
    #[serde(default)]
    pub time: Option<Span>,
    #[serde(default)]
    pub bytes: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserPathProbe {
    /// Where the document is POSTed; the answer is JSON with an `id`.
    pub url: String,
    /// The document, as JSON text.
    pub body: String,
    /// Where it is read back; `{id}` is filled in.
    pub read_back: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandProbe {
    pub argv: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatProbe {
    pub every: Span,
    /// So much later it is missed.
    #[serde(default)]
    pub grace: Span,
}
