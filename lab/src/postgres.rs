//! One database server: how it is configured, started, asked, stopped and killed.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::failure::{Doing, Failure, Result};
use crate::place::{Node, Place, read_json, write_json};
use crate::process::{Proc, detach, poll};
use crate::secrets::Secrets;
use crate::toolbox::Toolbox;

/// What a running server says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub in_recovery: bool,
    pub timeline: u32,
    /// Written position on a primary, replayed position on a replica.
    pub lsn: u64,
    pub system_identifier: String,
    pub streaming: bool,
}

/// One database server: its folder and its port.
#[derive(Debug, Clone)]
pub struct Server {
    pub node: Node,
    pub data: PathBuf,
    pub port: u16,
    log: PathBuf,
    note: PathBuf,
}

impl Server {
    pub fn new(place: &Place, node: Node) -> Self {
        Self {
            node,
            data: place.data(node),
            port: place.ports.node(node),
            log: place.log(node.name()),
            note: place.run(&format!("{node}.json")),
        }
    }

    pub fn has_data(&self) -> bool {
        self.data.join("PG_VERSION").exists()
    }

    /// Would this folder come up as a replica?
    pub fn is_standby_on_disk(&self) -> bool {
        self.data.join("standby.signal").exists()
    }

    /// The highest timeline the folder knows of. pg_controldata lags behind a fresh promotion; the WAL's names do not.
    pub fn timeline_on_disk(&self) -> u32 {
        let names = fs::read_dir(self.data.join("pg_wal"))
            .into_iter()
            .flatten()
            .flatten();
        let timelines = names.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            (name.len() == 24 || name.ends_with(".history"))
                .then(|| u32::from_str_radix(name.get(..8)?, 16).ok())?
        });
        timelines.max().unwrap_or(0)
    }

    /// The running postmaster of this folder: as its pid file says, or (the folder may have been deleted under it) as
    /// the lab noted when starting it. Both survive a crash, so the command line has to agree.
    pub fn postmaster(&self) -> Option<Proc> {
        let is_ours = |proc: &Proc| {
            let arguments = proc.arguments();
            arguments
                .first()
                .is_some_and(|program| program.ends_with("postgres"))
                && arguments
                    .iter()
                    .any(|argument| Path::new(argument) == self.data)
        };
        let written = self.written_pid().and_then(Proc::of).filter(is_ours);
        let noted = || {
            read_json::<Proc>(&self.note)
                .ok()
                .filter(|proc| proc.is_alive())
                .filter(is_ours)
        };
        written.or_else(noted)
    }

    fn written_pid(&self) -> Option<i32> {
        fs::read_to_string(self.data.join("postmaster.pid"))
            .ok()?
            .lines()
            .next()?
            .trim()
            .parse()
            .ok()
    }

    /// Starts the server and waits until it answers queries.
    pub async fn start(&self, tools: &Toolbox, secrets: &Secrets) -> Result<()> {
        let mut outcome = self.try_start(tools, secrets).await;
        for _ in 0..5 {
            // Backends of a postmaster somebody killed need a moment to notice, and hold its memory until then.
            let held = outcome.is_err() && self.log_tail().contains("shared memory block");
            if !held {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            outcome = self.try_start(tools, secrets).await;
        }
        outcome
    }

    async fn try_start(&self, tools: &Toolbox, secrets: &Secrets) -> Result<()> {
        let mut child = None;
        if self.postmaster().is_none() {
            self.clear_zombie()?;
            let log = open_log(&self.log)?;
            let mut command = tools.command("postgres");
            command.arg("-D").arg(&self.data).current_dir("/");
            command
                .stdout(log.try_clone().doing(|| "share the log".into())?)
                .stderr(log);
            let mut spawned = detach(&mut command)
                .spawn()
                .doing(|| format!("start the {}", self.node))?;
            if let Some(postmaster) = spawned.id().and_then(|pid| Proc::of(pid as i32)) {
                write_json(&self.note, &postmaster)?;
            }
            child = Some(tokio::spawn(async move { spawned.wait().await }));
        }
        let answers = async || {
            let gone = match &child {
                Some(child) => child.is_finished(),
                None => self.postmaster().is_none(),
            };
            if gone {
                return Some(false);
            }
            self.postmaster()?;
            self.facts(secrets).await.map(|_| true)
        };
        if poll(Duration::from_secs(60), answers).await == Some(true) {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "the {} on port {} does not come up; {} ends with: {}",
            self.node,
            self.port,
            self.log.display(),
            self.log_tail()
        )))
    }

    /// A zombie nobody reaped keeps its pid, and would make the next postmaster believe that it is still running.
    fn clear_zombie(&self) -> Result<()> {
        let is_zombie =
            |pid: i32| Path::new(&format!("/proc/{pid}")).exists() && Proc::of(pid).is_none();
        if self.written_pid().is_some_and(is_zombie) {
            let file = self.data.join("postmaster.pid");
            fs::remove_file(&file).doing(|| format!("remove {}", file.display()))?;
        }
        Ok(())
    }

    /// A fast shutdown (everything flushed and sent to replicas), a kill when that takes too long.
    pub async fn stop(&self, patience: Duration) -> Result<Ended> {
        let Some(postmaster) = self.postmaster() else {
            return Ok(Ended::WasDown);
        };
        postmaster.signal(Signal::SIGINT)?;
        if postmaster.gone(patience).await {
            return Ok(Ended::Stopped(postmaster.pid));
        }
        self.kill().await
    }

    /// What a power cut does: every process of the server at once, nothing flushed.
    pub async fn kill(&self) -> Result<Ended> {
        let Some(postmaster) = self.postmaster() else {
            return Ok(Ended::WasDown);
        };
        let family = postmaster.descendants();
        postmaster.signal(Signal::SIGKILL)?;
        for backend in &family {
            backend.signal(Signal::SIGKILL)?;
        }
        for proc in std::iter::once(postmaster).chain(family) {
            if !proc.gone(Duration::from_secs(10)).await {
                return Err(Failure::failed(format!(
                    "process {} does not die of SIGKILL",
                    proc.pid
                )));
            }
        }
        match poll(Duration::from_secs(5), async || {
            connect_refused(self.port).await.then_some(())
        })
        .await
        {
            Some(()) => Ok(Ended::Killed(postmaster.pid)),
            None => Err(Failure::failed(format!(
                "the {} is dead, but something still listens on {}",
                self.node, self.port
            ))),
        }
    }

    pub async fn connect(
        &self,
        secrets: &Secrets,
    ) -> std::result::Result<PgConnection, sqlx::Error> {
        let options = connect_options(self.port, "postgres", &secrets.admin, "postgres");
        timeout(Duration::from_secs(2), PgConnection::connect_with(&options))
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
    }

    /// `None` when the server does not answer: down, starting, or hung.
    pub async fn facts(&self, secrets: &Secrets) -> Option<Facts> {
        let ask = async {
            let mut connection = self.connect(secrets).await?;
            let row = sqlx::query(FACTS).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(Facts {
                in_recovery: row.try_get("in_recovery")?,
                timeline: row.try_get::<i32, _>("timeline")?.unsigned_abs(),
                lsn: row.try_get::<i64, _>("lsn")?.unsigned_abs(),
                system_identifier: row.try_get("system_identifier")?,
                streaming: row.try_get("streaming")?,
            })
        };
        timeout(Duration::from_secs(3), ask).await.ok()?.ok()
    }

    /// Sets this node's own lines in postgresql.auto.conf and leaves what others set there.
    pub fn configure(&self, tools: &Toolbox) -> Result<()> {
        let own = [
            ("port", self.port.to_string()),
            ("cluster_name", format!("muster-lab {}", self.node)),
            ("primary_slot_name", self.node.name().to_owned()),
            ("primary_conninfo", self.upstream(tools)),
        ];
        let path = self.data.join("postgresql.auto.conf");
        let old = fs::read_to_string(&path).unwrap_or_default();
        let foreign = old.lines().filter(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            !own.iter().any(|(name, _)| *name == key)
        });
        let mut text: String = foreign.map(|line| format!("{line}\n")).collect();
        for (key, value) in &own {
            text += &format!("{key} = '{}'\n", value.replace('\'', "''"));
        }
        tools.write(&path, &text)
    }

    /// How this node, as a replica, reaches its peer. The password stays in the pgpass file.
    fn upstream(&self, tools: &Toolbox) -> String {
        let peer_port = match self.node {
            Node::Primary => self.port + 1,
            Node::Replica => self.port - 1,
        };
        format!(
            "host=127.0.0.1 port={peer_port} user=replicator application_name={} sslmode=disable connect_timeout=2 passfile='{}'",
            self.node,
            tools.pgpass().display()
        )
    }

    fn log_tail(&self) -> String {
        last_lines(&self.log, 4)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    WasDown,
    Stopped(i32),
    Killed(i32),
}

/// One row about the server. pg_control_checkpoint() is behind right after a promotion, the WAL position is not.
const FACTS: &str = "
    SELECT r AS in_recovery,
           (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
           ((CASE WHEN r THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END) - '0/0'::pg_lsn)::bigint AS lsn,
           CASE WHEN r THEN greatest((SELECT timeline_id FROM pg_control_checkpoint()),
                                     coalesce((SELECT received_tli FROM pg_stat_wal_receiver), 0))
                ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END AS timeline,
           EXISTS (SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming') AS streaming
      FROM (SELECT pg_is_in_recovery() AS r OFFSET 0) AS role";

pub fn connect_options(port: u16, user: &str, password: &str, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(user)
        .password(password)
        .database(database)
        .ssl_mode(PgSslMode::Disable)
        .application_name("muster-lab")
        .disable_statement_logging()
}

pub async fn connect_refused(port: u16) -> bool {
    let attempt = timeout(
        Duration::from_secs(1),
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)),
    )
    .await;
    matches!(attempt, Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused)
}

pub fn open_log(path: &Path) -> Result<fs::File> {
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .doing(|| format!("open {}", path.display()))
}

pub fn last_lines(path: &Path, count: usize) -> String {
    let text = fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let tail = lines
        .get(lines.len().saturating_sub(count)..)
        .unwrap_or_default();
    if tail.is_empty() {
        "(nothing)".into()
    } else {
        tail.join(" / ")
    }
}
