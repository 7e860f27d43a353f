//! PostgreSQL: connect, write and read back, lag, archiver. No table is counted, none is written to.

use super::{Looked, Secrets, Seen};
use crate::{
    address,
    checks::failure::{Class, Failure, database_failure},
};
use domain::{
    Span,
    plan::{Database, MaxLag, Node, PostgresProbe, Targets},
};
use sqlx::{
    ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use std::{str::FromStr, time::Duration};

pub async fn look(
    probe: &PostgresProbe,
    internal: bool,
    targets: &Targets,
    secret: &Secrets,
) -> Looked {
    let found = targets.databases.get(&probe.database);
    let Some(node) = found.and_then(|d| node(d, &probe.node)) else {
        let says = format!("the plan has no node {} of {}", probe.node, probe.database);
        return Err(Failure::new(Class::Error, says));
    };
    let mut options = options(node, secret).map_err(database_failure)?;
    if !internal {
        options = judged(options).await?;
    }
    let mut connection = options.connect().await.map_err(database_failure)?;
    let says = ask(&mut connection, probe).await?;
    // It has answered: a farewell that fails changes nothing.
    let _ = connection.close().await;
    Ok(Seen::new(says))
}

/// A node by name, or the route.
fn node<'a>(database: &'a Database, name: &str) -> Option<&'a Node> {
    if name == "route" {
        Some(&database.route)
    } else {
        database.nodes.get(name)
    }
}

/// A connection as the plan describes it, its password taken from the environment variable it names.
pub async fn connect(node: &Node, secret: &Secrets) -> Result<PgConnection, sqlx::Error> {
    options(node, secret)?.connect().await
}

fn options(node: &Node, secret: &Secrets) -> Result<PgConnectOptions, sqlx::Error> {
    let mut options = PgConnectOptions::from_str(&node.url)?.application_name("muster");
    if let Some(name) = &node.password_env {
        match secret(name) {
            Some(password) => options = options.password(&password),
            None => {
                return Err(sqlx::Error::Configuration(
                    format!("the environment variable {name} is not set").into(),
                ));
            }
        }
    }
    Ok(options.disable_statement_logging())
}

/// Connects to the very address that was judged; where the certificate must name the host, the name stays.
async fn judged(options: PgConnectOptions) -> Result<PgConnectOptions, Failure> {
    if options.get_socket().is_some() {
        return Err(Failure::new(
            Class::Forbidden,
            "a socket of this machine: not asked, the check is not marked internal",
        ));
    }
    let found = address::find(options.get_host(), options.get_port(), false).await?;
    Ok(match (options.get_ssl_mode(), found.first()) {
        (PgSslMode::VerifyFull, _) | (_, None) => options,
        (_, Some(first)) => options.host(&first.ip().to_string()),
    })
}

async fn ask(connection: &mut PgConnection, probe: &PostgresProbe) -> Result<String, Failure> {
    let (standby, read_only): (bool, bool) = sqlx::query_as(
        "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(database_failure)?;
    let mut says = "answers".to_owned();
    if probe.writable {
        if read_only {
            return Err(Failure::new(Class::ReadOnly, "answers, but is read-only"));
        }
        write_and_read_back(connection).await?;
        says = "accepts writes".into();
    }
    if let Some(limit) = &probe.max_lag {
        says += &lag(connection, standby, limit).await?;
    }
    if probe.archiver {
        archiver(connection).await?;
        says += ", archives its WAL";
    }
    Ok(says)
}

/// A transaction of its own, flushed like any other (and sent to standbys that are waited for), whose fate is then read
/// back. What it writes is a message in the WAL: no table grows by it, and nothing is left to clean up.
async fn write_and_read_back(connection: &mut PgConnection) -> Result<(), Failure> {
    let mut transaction = connection.begin().await.map_err(database_failure)?;
    let (id, _): (String, String) = sqlx::query_as(
        "SELECT pg_current_xact_id()::text, pg_logical_emit_message(true, 'muster', 'check')::text",
    )
    .fetch_one(&mut *transaction)
    .await
    .map_err(database_failure)?;
    transaction.commit().await.map_err(database_failure)?;
    let status: Option<String> = sqlx::query_scalar("SELECT pg_xact_status($1::text::xid8)")
        .bind(id)
        .fetch_one(connection)
        .await
        .map_err(database_failure)?;
    match status.as_deref() {
        Some("committed") => Ok(()),
        other => Err(Failure::wrong(format!(
            "written, but read back as {}",
            other.unwrap_or("unknown")
        ))),
    }
}

async fn lag(
    connection: &mut PgConnection,
    standby: bool,
    limit: &MaxLag,
) -> Result<String, Failure> {
    let behind = |says: &str| Failure::new(Class::Lag, says);
    // What receives without replaying (a base backup, pg_receivewal) is no standby; where even the state is hidden, a
    // right is missing. Of a standby: what it has received and not replayed. By the clock only while there is such a thing: on an idle
    // primary the last transaction is old, and nothing is missing.
    let query = if standby {
        "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint, \
         CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 \
         ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END \
         FROM pg_stat_wal_receiver"
    } else {
        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint, \
         extract(epoch FROM coalesce(replay_lag, '0'))::float8 \
         FROM pg_stat_replication \
         WHERE state IS NULL OR state <> 'backup' AND replay_lsn IS NOT NULL \
         ORDER BY 1 DESC NULLS FIRST"
    };
    let found: Vec<(Option<i64>, Option<f64>)> = sqlx::query_as(query)
        .fetch_all(connection)
        .await
        .map_err(database_failure)?;
    if found.is_empty() {
        return Err(behind(if standby {
            "answers, but receives nothing from its primary"
        } else {
            "answers, but no standby follows it"
        }));
    }
    let (mut bytes, mut seconds) = (0, 0.0_f64);
    for of in found {
        let (Some(b), Some(s)) = of else {
            return Err(Failure::new(
                Class::Auth,
                "answers, but may not see its replication; grant the role pg_monitor",
            ));
        };
        (bytes, seconds) = (bytes.max(b), seconds.max(s));
    }
    let (bytes, time) = (
        u64::try_from(bytes).unwrap_or(0),
        Span(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()),
    );
    if limit.bytes.is_some_and(|most| bytes > most) || limit.time.is_some_and(|most| time > most) {
        return Err(behind(&format!(
            "answers, but replication is {bytes} bytes and {} behind",
            time.human()
        )));
    }
    Ok(format!(", replication {bytes} bytes behind"))
}

async fn archiver(connection: &mut PgConnection) -> Result<(), Failure> {
    let (on, failing): (bool, bool) = sqlx::query_as(
        "SELECT current_setting('archive_mode') <> 'off', \
         coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) \
         FROM pg_stat_archiver",
    )
    .fetch_one(connection)
    .await
    .map_err(database_failure)?;
    match (on, failing) {
        (false, _) => Err(Failure::new(
            Class::Archiver,
            "answers, but does not archive its WAL",
        )),
        (true, true) => Err(Failure::new(
            Class::Archiver,
            "answers, but archiving its WAL fails",
        )),
        (true, false) => Ok(()),
    }
}
