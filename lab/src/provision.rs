//! Making database servers out of nothing: initdb, roles and tables, copies of a running peer.
//!
//! The servers themselves run with fsync on. Making a folder does not wait for the disk: a power cut in that half
//! minute costs the lab, which `reset` makes anew.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::cluster::Cluster;
use crate::failure::{Doing, Result};
use crate::place::Node;
use crate::postgres::{Server, connect_options};
use crate::secrets::Secrets;

impl Cluster {
    pub async fn clone_from_peer(&self, server: &Server, secrets: &Secrets) -> Result<()> {
        self.ensure_slot(server, secrets).await?;
        let fresh = self.fresh_folder(server)?;
        let (port, slot) = (
            self.server(server.node.peer()).port.to_string(),
            server.node.name(),
        );
        let path = fresh.to_string_lossy();
        self.tools
            .run(
                "pg_basebackup",
                [
                    "-D",
                    &path,
                    "-h",
                    "127.0.0.1",
                    "-p",
                    &port,
                    "-U",
                    "replicator",
                    "-w",
                    "-R",
                    "-X",
                    "stream",
                    "-c",
                    "fast",
                    "-S",
                    slot,
                    "--no-sync",
                ],
            )
            .await?;
        fs::rename(&fresh, &server.data)
            .doing(|| format!("move {} into place", fresh.display()))?;
        server.configure(&self.tools)
    }

    /// An empty folder next to the data folder: an interrupted copy never looks like a database.
    fn fresh_folder(&self, server: &Server) -> Result<PathBuf> {
        let fresh = self.place.dir.join(format!("{}.new", server.node));
        if fresh.exists() {
            fs::remove_dir_all(&fresh).doing(|| format!("remove {}", fresh.display()))?;
        }
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&fresh)
            .doing(|| format!("make {}", fresh.display()))?;
        self.tools.give(&fresh)?;
        Ok(fresh)
    }

    pub async fn initialise(&self, secrets: &Secrets) -> Result<()> {
        let server = self.server(Node::Primary);
        let fresh = self.fresh_folder(&server)?;
        let password_file = self.place.run("initdb-password");
        self.tools.write(&password_file, &secrets.admin)?;
        let (path, password) = (
            fresh.to_string_lossy(),
            format!("--pwfile={}", password_file.display()),
        );
        let made = self
            .tools
            .run(
                "initdb",
                [
                    "-D",
                    &path,
                    "-k",
                    "--no-sync",
                    "-U",
                    "postgres",
                    "-E",
                    "UTF8",
                    "--locale=C",
                    "-A",
                    "scram-sha-256",
                    &password,
                ],
            )
            .await;
        fs::remove_file(&password_file).doing(|| format!("remove {}", password_file.display()))?;
        made?;
        let conf = fresh.join("postgresql.conf");
        let defaults = fs::read_to_string(&conf).doing(|| format!("read {}", conf.display()))?;
        let archive = self.place.archive();
        let mut settings = defaults + &SETTINGS.replace("ARCHIVE", &archive.to_string_lossy());
        if server_version(&fresh) >= 14 {
            // Crash recovery begins by syncing a thousand files: one call for all of them, where PostgreSQL has it.
            settings += "recovery_init_sync_method = syncfs\n";
        }
        self.tools.write(&conf, &settings)?;
        self.tools.write(&fresh.join("pg_hba.conf"), ACCESS)?;
        fs::rename(&fresh, &server.data)
            .doing(|| format!("move {} into place", fresh.display()))?;
        server.configure(&self.tools)
    }

    pub async fn ensure_schema(&self, server: &Server, secrets: &Secrets) -> Result<()> {
        let mark = self.place.run("schema-made");
        if mark.exists() {
            return Ok(());
        }
        let what = || "make the roles and tables".to_owned();
        let mut admin = server.connect(secrets).await.doing(what)?;
        for (role, attributes, password) in [
            ("manufacturing", "", &secrets.app),
            ("replicator", "REPLICATION", &secrets.replication),
        ] {
            // Passwords are hex digits of our own making, so there is nothing in them to quote.
            let statement = format!(
                "DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
                 ALTER ROLE {role} LOGIN {attributes} PASSWORD '{password}'"
            );
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut admin)
                .await
                .doing(what)?;
        }
        let exists: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = 'manufacturing')",
        )
        .fetch_one(&mut admin)
        .await
        .doing(what)?;
        if !exists {
            sqlx::raw_sql("CREATE DATABASE manufacturing OWNER manufacturing")
                .execute(&mut admin)
                .await
                .doing(what)?;
        }
        let options = connect_options(server.port, "manufacturing", &secrets.app, "manufacturing");
        let mut owner = PgConnection::connect_with(&options).await.doing(what)?;
        sqlx::raw_sql(SCHEMA)
            .execute(&mut owner)
            .await
            .doing(what)?;
        crate::place::write_file(&mark, b"", 0o644)
    }

    pub fn write_pgpass(&self, secrets: &Secrets) -> Result<()> {
        let lines = format!(
            "127.0.0.1:*:*:postgres:{}\n127.0.0.1:*:*:replicator:{}\n",
            secrets.admin, secrets.replication
        );
        self.tools.write(&self.place.pgpass(), &lines)
    }

    /// The peer keeps WAL for this node from now on.
    pub async fn ensure_slot(&self, server: &Server, secrets: &Secrets) -> Result<()> {
        let what = || format!("make the replication slot for the {}", server.node);
        let mut peer = self
            .server(server.node.peer())
            .connect(secrets)
            .await
            .doing(what)?;
        let make = "SELECT pg_create_physical_replication_slot($1, true)
                     WHERE NOT EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = $1)";
        sqlx::query(make)
            .bind(server.node.name())
            .execute(&mut peer)
            .await
            .doing(what)?;
        Ok(())
    }

    /// Slots of the node's former life as a primary would hold back WAL for ever.
    pub async fn drop_stale_slots(&self, server: &Server, secrets: &Secrets) -> Result<()> {
        let what = || format!("drop old replication slots of the {}", server.node);
        let mut connection = server.connect(secrets).await.doing(what)?;
        sqlx::query(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active",
        )
        .execute(&mut connection)
        .await
        .doing(what)?;
        Ok(())
    }
}

fn server_version(data: &Path) -> u32 {
    let version = fs::read_to_string(data.join("PG_VERSION")).unwrap_or_default();
    version.trim().parse().unwrap_or(0)
}

const ACCESS: &str = "\
host all         all        127.0.0.1/32 scram-sha-256
host replication replicator 127.0.0.1/32 scram-sha-256
host replication postgres   127.0.0.1/32 scram-sha-256
";

/// The same on both nodes. Data checksums and wal_log_hints are what detection and pg_rewind stand on.
/// A segment that is archived twice must be the same segment: a retry after a crash passes, an overwrite does not.
const SETTINGS: &str = r#"
# muster-lab
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 50
shared_buffers = '32MB'
fsync = on
synchronous_commit = on
wal_level = replica
wal_log_hints = on
max_wal_senders = 10
max_replication_slots = 10
wal_keep_size = '256MB'
max_slot_wal_keep_size = '1GB'
hot_standby = on
archive_mode = on
archive_timeout = '60s'
archive_command = 'if test ! -f "ARCHIVE/%f"; then cp --sparse=always "%p" "ARCHIVE/.%f.new" && mv "ARCHIVE/.%f.new" "ARCHIVE/%f"; else cmp -s "%p" "ARCHIVE/%f"; fi'
restore_command = 'cp "ARCHIVE/%f" "%p"'
wal_receiver_timeout = '5s'
wal_receiver_status_interval = '1s'
wal_retrieve_retry_interval = '500ms'
wal_sender_timeout = '5s'
track_commit_timestamp = on
log_timezone = 'UTC'
timezone = 'UTC'
log_line_prefix = '%m [%p] '
"#;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    release text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS health_probe (
    probe text PRIMARY KEY,
    nonce text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
";
