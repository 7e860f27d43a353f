//! What the lab is at this moment: one value, as JSON for programs and as a table for people.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::daemon::{Lab, Phase};
use crate::keeper::AppState;
use crate::place::Node;
use crate::postgres::Facts;
use crate::proxy::{Mode, Route};

#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    pub lab: LabStatus,
    pub app: AppStatus,
    pub outside: OutsideStatus,
    pub route: Route,
    pub proxy: ProxyStatus,
    pub primary: NodeStatus,
    pub replica: NodeStatus,
    /// The nodes that accept writes now; healthy is exactly one.
    pub writable: Vec<Node>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct LabStatus {
    pub phase: Phase,
    pub dir: PathBuf,
    pub secrets: PathBuf,
    pub pid: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct AppStatus {
    pub state: AppState,
    pub up: bool,
    pub pid: Option<i32>,
    pub release: Option<String>,
    pub version: Option<String>,
    pub port: u16,
    pub url: String,
}

/// Where what Muster sends arrives.
#[derive(Debug, Serialize, Deserialize)]
pub struct OutsideStatus {
    pub up: bool,
    pub pid: Option<i32>,
    pub url: String,
    pub smtp_port: u16,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ProxyStatus {
    #[serde(flatten)]
    pub mode: Mode,
    pub port: u16,
    /// The port it leads to.
    pub target: Option<u16>,
    pub connections: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    Up,
    /// The process is there and does not answer: starting, recovering or hung.
    Silent,
    Down,
}

/// What is not known is null: a node that is down has no role, and lag against a dead primary is not measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct NodeStatus {
    pub state: NodeState,
    /// It answers.
    pub up: bool,
    pub pid: Option<i32>,
    pub port: u16,
    pub role: Option<String>,
    pub in_recovery: Option<bool>,
    pub streaming: Option<bool>,
    pub timeline: Option<u32>,
    pub lsn: Option<String>,
    pub lag_bytes: Option<u64>,
    pub system_identifier: Option<String>,
    pub fenced: bool,
}

impl Status {
    pub async fn of(lab: &Lab) -> Self {
        let (primary, replica) = tokio::join!(
            lab.cluster.facts(Node::Primary),
            lab.cluster.facts(Node::Replica)
        );
        let progress = lab.progress();
        let setting = lab.proxy.setting();
        let release = lab.keeper.release();
        let app = lab.keeper.running();
        let outside = crate::outside::running(&lab.place);
        let ports = lab.place.ports;
        let writable = [(Node::Primary, &primary), (Node::Replica, &replica)]
            .into_iter()
            .filter(|(_, facts)| facts.as_ref().is_some_and(|facts| !facts.in_recovery))
            .map(|(node, _)| node)
            .collect();
        Self {
            lab: LabStatus {
                phase: progress.phase,
                dir: progress.dir,
                secrets: lab.place.secrets_file(),
                pid: progress.pid,
            },
            app: AppStatus {
                state: lab.keeper.state(),
                up: app.is_some(),
                pid: app.map(|app| app.pid),
                release: release.as_ref().map(|release| release.release.clone()),
                version: release.map(|release| release.version),
                port: ports.app(),
                url: format!("http://127.0.0.1:{}", ports.app()),
            },
            outside: OutsideStatus {
                up: outside.is_some(),
                pid: outside.map(|outside| outside.pid),
                url: ports.outside_url(),
                smtp_port: ports.smtp(),
            },
            route: setting.route,
            proxy: ProxyStatus {
                mode: setting.mode,
                port: ports.database(),
                target: setting.route.node().map(|node| ports.node(node)),
                connections: lab.proxy.connections(),
            },
            primary: node_status(lab, Node::Primary, primary.as_ref(), replica.as_ref()),
            replica: node_status(lab, Node::Replica, replica.as_ref(), primary.as_ref()),
            writable,
        }
    }

    pub fn node(&self, node: Node) -> &NodeStatus {
        match node {
            Node::Primary => &self.primary,
            Node::Replica => &self.replica,
        }
    }

    pub fn route_line(&self) -> String {
        let target = self
            .proxy
            .target
            .map_or("nowhere".into(), |port| format!("127.0.0.1:{port}"));
        let mode = match self.proxy.mode {
            Mode::Pass => "pass".to_owned(),
            Mode::Cut => "cut (refuses connections)".into(),
            Mode::Delay { ms } => format!("delay {ms} ms"),
            Mode::Reset => "reset (drops connections)".into(),
        };
        format!(
            "{} (127.0.0.1:{} → {target}), mode {mode}, {} connections",
            self.route.name(),
            self.proxy.port,
            self.proxy.connections
        )
    }

    pub fn table(&self) -> String {
        let mut text = String::new();
        let phase = match self.lab.phase {
            Phase::Ready => "ready",
            Phase::Starting => "starting",
        };
        let app = match (self.app.state, &self.app.release, &self.app.version) {
            (AppState::Running, Some(release), Some(version)) => {
                format!("running, release {release} ({version}), {}", self.app.url)
            }
            (AppState::Running, ..) => format!("running, {}", self.app.url),
            (AppState::Stopped, ..) => "stopped".into(),
            (AppState::Broken, ..) => "down without having been asked".into(),
        };
        let outside = match self.outside.up {
            true => format!(
                "{}, mail on port {}",
                self.outside.url, self.outside.smtp_port
            ),
            false => {
                "down without having been asked; `muster-lab down` and `up` bring it back".into()
            }
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "Lab      {phase}, {} (daemon {})",
            self.lab.dir.display(),
            self.lab.pid
        );
        let _ = writeln!(text, "App      {app}");
        let _ = writeln!(text, "Outside  {outside}");
        let _ = writeln!(text, "Route    {}\n", self.route_line());
        let _ = writeln!(
            text,
            "Node     Port   State  Role     Timeline  LSN          Lag          Streaming  Fenced"
        );
        for node in Node::BOTH {
            let status = self.node(node);
            let dash = || "-".to_owned();
            let line = format!(
                "{:<8} {:<6} {:<6} {:<8} {:<9} {:<12} {:<12} {:<10} {}",
                node.name(),
                status.port,
                match status.state {
                    NodeState::Up => "up",
                    NodeState::Silent => "silent",
                    NodeState::Down => "down",
                },
                status.role.clone().unwrap_or_else(dash),
                status
                    .timeline
                    .map_or_else(dash, |timeline| timeline.to_string()),
                status.lsn.clone().unwrap_or_else(dash),
                status
                    .lag_bytes
                    .map_or_else(dash, |bytes| format!("{bytes} bytes")),
                status
                    .streaming
                    .map_or_else(dash, |streaming| yes_no(streaming).into()),
                yes_no(status.fenced),
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if self.writable.len() != 1 {
            let which = if self.writable.is_empty() {
                "No database accepts writes."
            } else {
                "TWO databases accept writes."
            };
            let _ = writeln!(text, "\n{which}");
        }
        text
    }
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn node_status(lab: &Lab, node: Node, facts: Option<&Facts>, peer: Option<&Facts>) -> NodeStatus {
    let server = lab.cluster.server(node);
    let postmaster = server.postmaster();
    let writer = peer.filter(|peer| !peer.in_recovery);
    NodeStatus {
        state: match (facts, postmaster) {
            (Some(_), _) => NodeState::Up,
            (None, Some(_)) => NodeState::Silent,
            (None, None) => NodeState::Down,
        },
        up: facts.is_some(),
        pid: postmaster.map(|postmaster| postmaster.pid),
        port: server.port,
        role: facts.map(|facts| {
            if facts.in_recovery {
                "replica"
            } else {
                "primary"
            }
            .to_owned()
        }),
        in_recovery: facts.map(|facts| facts.in_recovery),
        streaming: facts
            .filter(|facts| facts.in_recovery)
            .map(|facts| facts.streaming),
        timeline: facts.map(|facts| facts.timeline),
        lsn: facts.map(|facts| format!("{:X}/{:X}", facts.lsn >> 32, facts.lsn & 0xffff_ffff)),
        lag_bytes: facts
            .filter(|facts| facts.in_recovery)
            .and_then(|facts| Some(writer?.lsn.saturating_sub(facts.lsn))),
        system_identifier: facts.map(|facts| facts.system_identifier.clone()),
        fenced: lab.place.is_fenced(node),
    }
}
