//! Bringing a superseded node back as a replica: copy aside, pg_rewind, else a fresh copy of its peer.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Connection;
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::failure::{Doing, Failure, Result};
use crate::postgres::Server;
use crate::process::poll;
use crate::secrets::Secrets;

impl Cluster {
    pub async fn rebuild(&self, server: &Server, secrets: &Secrets) -> Result<(String, Value)> {
        let node = server.node;
        server.stop(Duration::from_secs(5)).await?;
        let mut kept = None;
        let mut rewind = Err(Failure::failed("there was no data to rewind"));
        if server.has_data() {
            kept = Some(self.keep_forensic_copy(server).await?);
            rewind = self.rewind(server, secrets).await;
        }
        if rewind.is_err() {
            // The copy is safe, so the folder itself may go.
            server.stop(Duration::from_secs(5)).await?;
            self.remove_data(server)?;
            self.clone_from_peer(server, secrets).await?;
            self.start_following(server, secrets).await?;
        }
        self.drop_stale_slots(server, secrets).await?;
        let method = if rewind.is_ok() {
            "pg_rewind"
        } else {
            "pg_basebackup"
        };
        let copy = kept.as_ref().map_or(String::new(), |path| {
            format!("; its old data is kept in {}", path.display())
        });
        let message = format!(
            "the {node} was rebuilt by {method} and follows the {} now{copy}",
            node.peer()
        );
        let why = rewind.err().map(|failure| failure.message);
        Ok((
            message,
            json!({ "method": method, "forensic_copy": kept, "rewind_not_possible": why }),
        ))
    }

    pub async fn start_following(&self, server: &Server, secrets: &Secrets) -> Result<()> {
        self.unfence(server.node)?;
        server.start(&self.tools, secrets).await?;
        self.await_streaming(server, secrets).await
    }

    fn remove_data(&self, server: &Server) -> Result<()> {
        match fs::remove_dir_all(&server.data) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).doing(|| format!("remove {}", server.data.display()))
            }
            _ => Ok(()),
        }
    }

    async fn keep_forensic_copy(&self, server: &Server) -> Result<PathBuf> {
        let stamp = jiff::Timestamp::now()
            .strftime("%Y%m%dT%H%M%S%3fZ")
            .to_string()
            .replace('.', "");
        let copy = self
            .place
            .forensic()
            .join(format!("{}-{stamp}", server.node));
        let output = Command::new("cp")
            .args(["-a", "--reflink=auto", "--sparse=always"])
            .args([&server.data, &copy])
            .output()
            .await
            .doing(|| "run cp".into())?;
        if output.status.success() {
            return Ok(copy);
        }
        Err(Failure::failed(format!(
            "could not copy {} aside before the rebuild, so nothing was changed: {}",
            server.data.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        )))
    }

    async fn rewind(&self, server: &Server, secrets: &Secrets) -> Result<()> {
        let peer = self.server(server.node.peer());
        // Right after a promotion the control file still names the old timeline: pg_rewind would see nothing to do.
        self.checkpoint(&peer, secrets).await?;
        let source = format!(
            "host=127.0.0.1 port={} user=postgres dbname=postgres sslmode=disable",
            peer.port
        );
        let data = server.data.display();
        let arguments = [
            format!("--target-pgdata={data}"),
            format!("--source-server={source}"),
            "--restore-target-wal".into(),
            "--no-sync".into(),
        ];
        self.tools.run("pg_rewind", arguments).await?;
        self.tools.write(&server.data.join("standby.signal"), "")?;
        server.configure(&self.tools)?;
        self.ensure_slot(server, secrets).await?;
        // An idle source never passes the position the target has to reach before it answers.
        self.checkpoint(&peer, secrets).await?;
        self.start_following(server, secrets).await
    }

    async fn checkpoint(&self, server: &Server, secrets: &Secrets) -> Result<()> {
        let what = || format!("checkpoint the {}", server.node);
        let mut connection = server.connect(secrets).await.doing(what)?;
        sqlx::raw_sql("CHECKPOINT")
            .execute(&mut connection)
            .await
            .doing(what)?;
        connection.close().await.doing(what)
    }

    /// A replica that is up but does not keep up is not healed (it would say "fine" and fall behind for ever): it has
    /// to reach, on the peer's own timeline, what the peer had written when this was asked.
    pub async fn await_streaming(&self, server: &Server, secrets: &Secrets) -> Result<()> {
        let upstream = self.server(server.node.peer());
        let goal = upstream.facts(secrets).await.map_or(0, |facts| facts.lsn);
        let ask = async || {
            let me = server.facts(secrets).await?;
            let peer = upstream.facts(secrets).await?;
            let follows = me.in_recovery && me.streaming && me.timeline == peer.timeline;
            (follows && (goal..=peer.lsn).contains(&me.lsn)).then_some(())
        };
        poll(Duration::from_secs(20), ask).await.ok_or_else(|| {
            Failure::failed(format!(
                "the {} is up but does not follow the {}",
                server.node, upstream.node
            ))
        })
    }
}
