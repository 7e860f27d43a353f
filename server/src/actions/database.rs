//! Actions on a PostgreSQL cluster of the plan's targets.

use super::ground::{Ground, No, PATIENCE};
use domain::plan::{Database, Node};
use engine::checks::{Class, Failure};
use sqlx::{Connection, PgConnection, Row};

/// What a node says of itself.
pub struct State {
    pub in_recovery: bool,
    pub timeline: i64,
    pub position: String,
    pub system: String,
    pub behind: Option<String>,
}

/// The timeline of a primary is that of the file it writes to; of a standby, that of what it last received or replayed.
const STATE: &str = "SELECT pg_is_in_recovery() AS in_recovery,
    CASE WHEN pg_is_in_recovery()
        THEN COALESCE((SELECT received_tli FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint()))::bigint
        ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint END AS timeline,
    (CASE WHEN pg_is_in_recovery() THEN COALESCE(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_lsn() END)::text AS position,
    (SELECT system_identifier FROM pg_control_system())::text AS system,
    CASE WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() IS NOT NULL
        THEN pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text END AS behind";

pub async fn state(connection: &mut PgConnection) -> Result<State, String> {
    let read = sqlx::query(STATE).fetch_one(connection);
    let row = tokio::time::timeout(PATIENCE, read)
        .await
        .map_err(|_| "no answer".to_owned())?
        .map_err(|e| e.to_string())?;
    let get = |e: sqlx::Error| e.to_string();
    Ok(State {
        in_recovery: row.try_get("in_recovery").map_err(get)?,
        timeline: row.try_get("timeline").map_err(get)?,
        position: row.try_get("position").map_err(get)?,
        system: row.try_get("system").map_err(get)?,
        behind: row.try_get("behind").map_err(get)?,
    })
}

impl State {
    pub fn words(&self) -> String {
        let role = if self.in_recovery {
            "standby"
        } else {
            "primary, accepts writes"
        };
        let behind = self
            .behind
            .as_ref()
            .map(|b| format!(", {b} bytes received and not replayed"))
            .unwrap_or_default();
        format!(
            "{role}; timeline {}, at {}{behind}; system {}",
            self.timeline, self.position, self.system
        )
    }
}

/// A write and a read back on this connection. A temporary table leaves no trace, and is refused by a read-only server.
pub async fn write_and_read_back(connection: &mut PgConnection) -> Result<(), Failure> {
    let attempt = async {
        let mut tx = connection.begin().await?;
        sqlx::query("CREATE TEMPORARY TABLE muster_marker (n bigint) ON COMMIT DROP")
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO muster_marker VALUES (42)")
            .execute(&mut *tx)
            .await?;
        let read: i64 = sqlx::query_scalar("SELECT n FROM muster_marker")
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok::<_, sqlx::Error>(read)
    };
    match tokio::time::timeout(PATIENCE, attempt).await {
        Ok(Ok(42)) => Ok(()),
        Ok(Ok(other)) => Err(Failure {
            class: Class::WrongAnswer,
            says: format!("wrote 42, read back {other}"),
        }),
        Ok(Err(error)) => Err(engine::checks::database_failure(error)),
        Err(_) => Err(Failure::timeout(PATIENCE)),
    }
}

pub fn node<'a>(database: &'a Database, name: &str) -> Result<&'a Node, No> {
    database
        .nodes
        .get(name)
        .ok_or_else(|| No::Failed(format!("the plan's targets hold no node `{name}`")))
}

pub async fn status(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    let (mut up, mut writable) = (0, Vec::new());
    for (label, node) in &database.nodes {
        match ground.connect(node).await {
            Ok(mut connection) => match state(&mut connection).await {
                Ok(state) => {
                    up += 1;
                    writable.extend((!state.in_recovery).then(|| label.clone()));
                    ground.report.found(label, &state.words(), Some(true));
                }
                Err(says) => ground.report.found(label, &says.to_string(), Some(false)),
            },
            Err(says) => ground
                .report
                .found(label, &format!("down: {says}"), Some(false)),
        }
    }
    let writes = match writable.as_slice() {
        [] => "none accepts writes".to_owned(),
        [one] => format!("{one} accepts writes"),
        many => format!(
            "{} ACCEPT WRITES AT ONCE: stop all but one",
            many.join(" and ")
        ),
    };
    Ok(format!(
        "{name}: {up} of {} nodes up, {writes}",
        database.nodes.len()
    ))
}

pub async fn connection_test(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    let ways: Vec<(String, Node)> = database
        .nodes
        .clone()
        .into_iter()
        .chain([("route".into(), database.route.clone())])
        .collect();
    let mut good = 0;
    for (label, node) in &ways {
        match ground.connect(node).await {
            Ok(_) => {
                good += 1;
                ground.report.found(label, "connected", Some(true));
            }
            Err(says) => ground.report.found(label, &says.to_string(), Some(false)),
        }
    }
    Ok(format!("{name}: {good} of {} ways answer", ways.len()))
}

pub async fn reconnect(ground: &mut Ground) -> Result<String, No> {
    let (_, database) = ground.database()?;
    let (name, application) = ground.application()?;
    let Some(path) = &application.reset_pool else {
        return Err(No::Failed(format!(
            "the plan names no reset_pool for {name}"
        )));
    };
    match ground.connect(&database.route).await {
        Ok(_) => ground
            .report
            .found("database, by the route", "connected", Some(true)),
        Err(says) => {
            ground
                .report
                .found("database, by the route", &says.says, Some(false));
            return Err(No::Failed(format!(
                "the database cannot be reached: {says}"
            )));
        }
    }
    let answer = ground
        .http
        .post(format!("{}{path}", application.url))
        .send()
        .await;
    let answer = answer.map_err(|_| No::Failed(format!("{name} does not answer")))?;
    let status = answer.status();
    let said: String = answer
        .text()
        .await
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect();
    ground
        .report
        .found("connections renewed", &said, Some(status.is_success()));
    if status.is_success() {
        Ok(format!("{name} has new database connections"))
    } else {
        Err(No::Failed(format!("{name} answered {status}")))
    }
}

pub async fn verify_connection(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    let mut connection = ground.connect(&database.route).await.map_err(|says| {
        ground.report.found("route", &says.says, Some(false));
        No::Failed(format!("{name} cannot be reached: {says}"))
    })?;
    let written = write_and_read_back(&mut connection).await;
    ground.report.found(
        "write and read back",
        written.as_ref().map_or_else(|e| e.says.as_str(), |()| "ok"),
        Some(written.is_ok()),
    );
    written.map_err(|says| No::Failed(format!("{name} does not take writes: {says}")))?;
    super::application::order(ground).await?;
    Ok(format!(
        "{name} takes writes by the route, and the application uses it"
    ))
}

/// The node that accepts writes, if it is exactly one.
pub async fn writable_node(ground: &mut Ground, database: &Database) -> Result<String, No> {
    let mut writable = Vec::new();
    for (label, node) in &database.nodes {
        if let Ok(mut connection) = ground.connect(node).await
            && write_and_read_back(&mut connection).await.is_ok()
        {
            writable.push(label.clone());
        }
    }
    match writable.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(No::Failed("no node accepts writes".into())),
        many => Err(No::Refused(format!(
            "{} accept writes at once: stop all but one first",
            many.join(" and ")
        ))),
    }
}

pub async fn analyze_failure(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    let mut roles = Vec::new();
    for (label, node) in database.nodes.clone() {
        match ground.connect(&node).await {
            Ok(mut connection) => match state(&mut connection).await {
                Ok(state) => {
                    roles.push(format!(
                        "{label} is {}",
                        if state.in_recovery {
                            "standby"
                        } else {
                            "primary"
                        }
                    ));
                    ground.report.found(&label, &state.words(), None);
                    let sql = "SELECT 'started ' || to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC, ' || \
                               (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') || ' clients, ' || \
                               (SELECT count(*) FROM pg_stat_replication) || ' replicas stream from it'";
                    if let Ok(says) = sqlx::query_scalar::<_, String>(sql)
                        .fetch_one(&mut connection)
                        .await
                    {
                        ground.report.found(&format!("{label}, more"), &says, None);
                    }
                }
                Err(says) => ground.report.found(&label, &says, None),
            },
            Err(says) => {
                roles.push(format!("{label} is down ({says})"));
                ground.report.found(&label, &format!("down: {says}"), None);
            }
        }
    }
    if database.nodes.len() > roles.iter().filter(|r| !r.contains("down")).count() {
        ground.report.found(
            "exposure",
            "without a standby: the next failure of the primary loses service",
            Some(false),
        );
    }
    Ok(format!("{name}: {}", roles.join(", ")))
}
