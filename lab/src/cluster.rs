//! The two database servers as one thing: start, stop, kill, fence, heal.
//!
//! Architecture invariant: a server is started here only after [`rule::decide`] said so, and a data folder that may
//! hold writes found nowhere else is copied to `forensic/` before anything overwrites it.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::failure::{Doing, Failure, Result};
use crate::place::{Node, Place};
use crate::postgres::{Ended, Facts, Server, connect_options, connect_refused};
use crate::rule::{self, Decision, Disk, Standing};
use crate::secrets::Secrets;
use crate::toolbox::Toolbox;

#[derive(Debug, Clone)]
pub struct Cluster {
    pub(crate) place: Place,
    pub(crate) tools: Toolbox,
}

impl Cluster {
    pub fn open(place: &Place) -> Result<Self> {
        Ok(Self {
            place: place.clone(),
            tools: Toolbox::find(place)?,
        })
    }

    pub fn describe(&self) -> String {
        self.tools.describe()
    }

    pub fn server(&self, node: Node) -> Server {
        Server::new(&self.place, node)
    }

    pub async fn facts(&self, node: Node) -> Option<Facts> {
        let server = self.server(node);
        server.postmaster()?;
        server.facts(&Secrets::load(&self.place).ok()?).await
    }

    async fn standing(&self, node: Node) -> Standing {
        let server = self.server(node);
        let disk = match (server.has_data(), server.is_standby_on_disk()) {
            (false, _) => Disk::Empty,
            (true, true) => Disk::Standby {
                timeline: server.timeline_on_disk(),
            },
            (true, false) => Disk::Writable {
                timeline: server.timeline_on_disk(),
            },
        };
        Standing {
            node,
            disk,
            live: self.facts(node).await,
        }
    }

    /// Brings both servers to where they may be, telling each step. Fenced or superseded nodes stay down.
    pub async fn start(&self, tell: &(dyn Fn(String) + Sync)) -> Result<()> {
        self.tools.can_enter(&self.place.dir).await?;
        self.tools.give(&self.place.archive())?;
        let secrets = Secrets::load_or_create(&self.place)?;
        self.write_pgpass(&secrets)?;
        let standings = [
            self.standing(Node::Primary).await,
            self.standing(Node::Replica).await,
        ];
        if standings
            .iter()
            .all(|standing| standing.disk == Disk::Empty)
        {
            tell("making the primary's data folder (initdb, data checksums on)".into());
            self.initialise(&secrets).await?;
        }
        // The node that would be writable, on the latest timeline, goes first: the other follows it.
        let mut order = [
            self.standing(Node::Primary).await,
            self.standing(Node::Replica).await,
        ];
        order.sort_by_key(|standing| match standing.disk {
            Disk::Writable { timeline } => std::cmp::Reverse(timeline),
            Disk::Empty | Disk::Standby { .. } => std::cmp::Reverse(0),
        });
        for node in order.map(|standing| standing.node) {
            self.start_node(node, &secrets, tell).await?;
        }
        Ok(())
    }

    async fn start_node(
        &self,
        node: Node,
        secrets: &Secrets,
        tell: &(dyn Fn(String) + Sync),
    ) -> Result<()> {
        let server = self.server(node);
        if self.place.is_fenced(node) {
            tell(format!(
                "the {node} is fenced and stays down; `muster-lab heal {}` brings it back",
                node.heal_name()
            ));
            return Ok(());
        }
        if let Some(postmaster) = server.postmaster() {
            tell(format!(
                "the {node} is running already (pid {}, port {})",
                postmaster.pid, server.port
            ));
        } else {
            let me = self.standing(node).await;
            match rule::decide(&me, &self.standing(node.peer()).await) {
                Decision::Run => {
                    tell(format!("starting the {node} on port {}", server.port));
                    server.start(&self.tools, secrets).await?;
                }
                Decision::Rebuild if me.disk == Disk::Empty => {
                    tell(format!(
                        "copying the {} to the {node} (pg_basebackup)",
                        node.peer()
                    ));
                    self.clone_from_peer(&server, secrets).await?;
                    self.start_following(&server, secrets).await?;
                }
                Decision::Rebuild => tell(format!(
                    "the {node} stays down: the {} was promoted; `muster-lab heal {}` rebuilds it as a replica",
                    node.peer(),
                    node.heal_name()
                )),
                Decision::Refuse(why) => tell(format!("the {node} stays down: {why}")),
            }
        }
        if self
            .facts(node)
            .await
            .is_some_and(|facts| !facts.in_recovery)
        {
            self.ensure_schema(&server, secrets).await?;
        }
        Ok(())
    }

    pub async fn stop(&self) -> Result<Vec<String>> {
        // Writers first: a fast shutdown sends everything to the replicas before it ends.
        let mut nodes = Node::BOTH;
        if self.server(Node::Primary).is_standby_on_disk() {
            nodes.reverse();
        }
        let mut said = Vec::new();
        for node in nodes {
            said.push(
                match self.server(node).stop(Duration::from_secs(15)).await? {
                    Ended::WasDown => format!("the {node} was down"),
                    Ended::Stopped(pid) => format!("stopped the {node} (pid {pid})"),
                    Ended::Killed(pid) => {
                        format!("killed the {node} (pid {pid}): it did not stop in time")
                    }
                },
            );
        }
        Ok(said)
    }

    pub async fn kill(&self, node: Node) -> Result<String> {
        let server = self.server(node);
        Ok(match server.kill().await? {
            Ended::Killed(pid) => format!(
                "killed the {node} (SIGKILL to pid {pid}); port {} is closed",
                server.port
            ),
            _ => format!("the {node} is down already; port {} is closed", server.port),
        })
    }

    /// Makes sure the node cannot accept a write, and proves it by trying one.
    pub async fn fence(&self, node: Node) -> Result<(String, Value)> {
        let server = self.server(node);
        // The mark comes first: from here on nothing in the lab starts this node.
        let marked_at = jiff::Timestamp::now().to_string();
        let already = self.place.is_fenced(node);
        if !already {
            crate::place::write_file(
                &self.place.fence(node),
                format!("{marked_at}\n").as_bytes(),
                0o644,
            )?;
        }
        let postmaster = match server.stop(Duration::from_secs(5)).await? {
            Ended::WasDown => "was down".to_owned(),
            Ended::Stopped(pid) => format!("stopped (pid {pid})"),
            Ended::Killed(pid) => format!("killed (pid {pid})"),
        };
        // Only a refusal is proof: silence could be a server that hangs and comes back.
        let secrets = Secrets::load(&self.place)?;
        let connect = connect_refused(server.port).await;
        let (true, Err(write)) = (connect, attempt_write(&server, &secrets).await) else {
            return Err(Failure::failed(format!(
                "the {node} is NOT fenced: port {} does not refuse (the postmaster {postmaster}); find out what \
                 listens there before promoting anything",
                server.port
            )));
        };
        let connect = "Connection refused";
        let message = format!(
            "the {node} is fenced: postmaster {postmaster}, connecting to 127.0.0.1:{} fails ({connect}), writing fails ({write})",
            server.port
        );
        let proof = json!({
            "node": node, "port": server.port, "already_fenced": already, "postmaster": postmaster,
            "connect": connect, "write": write, "proved_at": jiff::Timestamp::now().to_string(),
            "mark": self.place.fence(node),
        });
        Ok((message, json!({ "proof": proof })))
    }

    pub fn unfence(&self, node: Node) -> Result<String> {
        if !self.place.is_fenced(node) {
            return Ok(format!("the {node} is not fenced"));
        }
        let mark = self.place.fence(node);
        fs::remove_file(&mark).doing(|| format!("remove {}", mark.display()))?;
        Ok(format!(
            "the {node} is no longer fenced; it stays down until `muster-lab heal {}`",
            node.heal_name()
        ))
    }

    /// Brings a node back: as it was when nobody took its place, else as a replica of the one that did.
    pub async fn heal(&self, node: Node) -> Result<(String, Value)> {
        let secrets = Secrets::load(&self.place)?;
        self.write_pgpass(&secrets)?;
        let server = self.server(node);
        let (me, peer) = (self.standing(node).await, self.standing(node.peer()).await);
        match rule::decide(&me, &peer) {
            Decision::Refuse(why) => Err(Failure::refused(format!(
                "the {node} was not started: {why}"
            ))),
            Decision::Rebuild => self.rebuild(&server, &secrets).await,
            Decision::Run => {
                self.unfence(node)?;
                let was_up = server.postmaster().is_some();
                server.start(&self.tools, &secrets).await?;
                let follows = server.is_standby_on_disk() && peer.is_writable_now();
                if follows && self.await_streaming(&server, &secrets).await.is_err() {
                    return self.rebuild(&server, &secrets).await;
                }
                let did = if was_up {
                    "is up already"
                } else {
                    "is up again"
                };
                let role = if server.is_standby_on_disk() {
                    "replica"
                } else {
                    "primary"
                };
                Ok((
                    format!("the {node} {did} as a {role} on port {}", server.port),
                    json!({ "method": "start" }),
                ))
            }
        }
    }
}

async fn attempt_write(server: &Server, secrets: &Secrets) -> std::result::Result<(), String> {
    let attempt = async {
        let options = connect_options(server.port, "postgres", &secrets.admin, "manufacturing");
        let mut connection = PgConnection::connect_with(&options).await?;
        sqlx::query(
            "INSERT INTO health_probe (probe, nonce) VALUES ('fence', '')
             ON CONFLICT (probe) DO UPDATE SET at = now()",
        )
        .execute(&mut connection)
        .await
    };
    match timeout(Duration::from_secs(2), attempt).await {
        Err(_) => Err("timed out".into()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) => Ok(()),
    }
}
