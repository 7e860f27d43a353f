//! Watches how much of the latest data would be lost with its database: how far the primary has written, and how far a
//! standby or the archive has followed. It only reads: no heartbeat row is written, for a position in the log that was
//! seen at a known time says the same (a lag in bytes is no time, and a standby's replay time stands still when nothing
//! is written).
//!
//! Architecture invariant: a point is only given for what was seen to be elsewhere. What was never seen has none.

mod ledger;

use crate::{
    Desk, Request,
    checks::{Failure, Prober},
};
use domain::{Actor, Command, PlanHash, Source, plan::Database};
use ledger::{Ledger, Node, Role};
use sqlx::{PgConnection, Row};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// How often a database is asked.
const EVERY: Duration = Duration::from_secs(2);
/// Longer than this nobody waits for a node.
const PATIENCE: Duration = Duration::from_secs(2);

/// Positions as bytes; the archive's as the end of its last whole segment. `pg_stat_archiver` is empty where nothing is archived.
const POSITION: &str = "SELECT pg_is_in_recovery() AS standby,
    (SELECT system_identifier FROM pg_control_system())::text AS system,
    pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN COALESCE(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
        ELSE pg_current_wal_flush_lsn() END, '0/0')::bigint AS position,
    (SELECT last_archived_wal FROM pg_stat_archiver) AS archived,
    pg_size_bytes(current_setting('wal_segment_size')) AS segment";

pub struct Watch {
    desk: Desk,
    prober: Prober,
}

impl Watch {
    pub fn new(desk: Desk, prober: Prober) -> Self {
        Watch { desk, prober }
    }

    /// Watches the databases that an objective of the plan in force names. Works until it is dropped.
    pub async fn serve(self) {
        let this = Arc::new(self);
        let mut plans = this.desk.watch_plan();
        let mut hash: Option<PlanHash> = None;
        let mut watched = JoinSet::new();
        loop {
            let in_force = plans.borrow_and_update().clone();
            if in_force.hash != hash {
                hash = in_force.hash.clone();
                watched.shutdown().await;
                watched = JoinSet::new();
                let plan = &in_force.plan;
                let named = plan
                    .objectives
                    .rpo
                    .iter()
                    .filter_map(|o| o.database.clone());
                for name in named.collect::<std::collections::BTreeSet<_>>() {
                    if let Some(database) = plan.targets.databases.get(&name) {
                        watched.spawn(this.clone().keep_asking(name, database.clone()));
                    }
                }
            }
            if plans.changed().await.is_err() {
                return;
            }
        }
    }

    async fn keep_asking(self: Arc<Self>, name: String, database: Database) {
        let before = self.desk.world().exposures.get(&name).cloned();
        let mut ledger = Ledger::after(before.as_deref());
        let mut connections: BTreeMap<String, PgConnection> = BTreeMap::new();
        let mut due = tokio::time::interval(EVERY);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            let asked = self.desk.clock().now();
            let nodes = self.ask(&database, &mut connections).await;
            let Some(found) = ledger.after_look(asked, &nodes) else {
                continue;
            };
            let command = Command::ReportExposure {
                database: name.clone(),
                cover: found.cover,
                point: found.point,
                because: found.because,
            };
            let actor = Actor::system("data watch", Source::Checker);
            match self.desk.execute(Request::new(&actor, command)).await {
                Ok(_) => ledger.reported(asked),
                // It is found again with the next look.
                Err(no) => {
                    tracing::warn!(database = name, %no, "What is at risk could not be written down: {no}")
                }
            }
        }
    }

    /// All nodes at once: one that does not answer delays nobody.
    async fn ask(
        &self,
        database: &Database,
        connections: &mut BTreeMap<String, PgConnection>,
    ) -> Vec<(String, Option<Node>)> {
        let looks = database.nodes.iter().map(|(name, node)| {
            let standing = connections.remove(name);
            async move {
                let look = async {
                    let mut connection = match standing {
                        Some(connection) => connection,
                        None => self.prober.connect(node).await?,
                    };
                    let found = position(&mut connection).await?;
                    Ok::<_, Failure>((connection, found))
                };
                let found = tokio::time::timeout(PATIENCE, look).await;
                (name.clone(), found.ok().and_then(Result::ok))
            }
        });
        let mut nodes = Vec::new();
        for (name, found) in futures::future::join_all(looks).await {
            let node = found.map(|(connection, node)| {
                connections.insert(name.clone(), connection);
                node
            });
            nodes.push((name, node));
        }
        nodes
    }
}

async fn position(connection: &mut PgConnection) -> Result<Node, Failure> {
    let failed = crate::checks::database_failure;
    let row = sqlx::query(POSITION)
        .fetch_one(connection)
        .await
        .map_err(failed)?;
    let archived: Option<String> = row.try_get("archived").map_err(failed)?;
    let segment: i64 = row.try_get("segment").map_err(failed)?;
    let standby: bool = row.try_get("standby").map_err(failed)?;
    Ok(Node {
        role: if standby {
            Role::Standby
        } else {
            Role::Primary
        },
        system: row.try_get("system").map_err(failed)?,
        position: row.try_get("position").map_err(failed)?,
        archived: archived.and_then(|name| ledger::end_of_segment(&name, segment)),
    })
}
