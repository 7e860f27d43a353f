//! Going back to the primary, and making a node follow again.

use super::{
    database::{node, state, writable_node},
    failover::{AGAIN, SETTLES, fence, lsn, promote},
    ground::{Ground, No},
};
use domain::plan::Database;
use sqlx::PgConnection;
use std::time::Duration;

/// Rebuilding a node may copy the whole of it.
const REBUILD: Duration = Duration::from_secs(3600);

/// `failback:to-primary`: the planned way back, without loss. The primary follows first; then the node that serves is
/// stopped cleanly, the primary is proven to have all of it, and is promoted.
pub async fn to_primary(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    let primary = database.primary.clone();
    let acting = match writable_node(ground, &database).await {
        // Begun again after the stop, or after the end.
        Err(No::Failed(_)) => database.replica.clone(),
        Ok(acting) if acting == primary => {
            return Ok(format!("{name}: {primary} is primary already"));
        }
        found => found?,
    };
    let stopped = ground.connect(node(&database, &acting)?).await.is_err();
    if !stopped {
        follow(ground, &database, &primary, &acting).await?;
    }
    let at = match ground.connect(node(&database, &acting)?).await {
        Ok(mut connection) => state(&mut connection).await.map_err(No::Failed)?.position,
        Err(_) if stopped => String::new(),
        Err(failure) => return Err(No::Failed(format!("{acting}: {}", failure.says))),
    };
    if at.is_empty() {
        return Err(No::Refused(format!(
            "{acting} is down, and it cannot be told whether {primary} has all of it: bring {acting} back first"
        )));
    }
    fence(ground, &database, &acting).await?;
    let mut connection = ground
        .connect(node(&database, &primary)?)
        .await
        .map_err(|failure| No::Failed(format!("{primary}: {}", failure.says)))?;
    let received = received(&mut connection).await?;
    let all = lsn(&received) >= lsn(&at);
    let says = format!("{received}; {acting} stood at {at} right before it was stopped");
    ground
        .report
        .found("received by the primary", &says, Some(all));
    if !all {
        return Err(No::Refused(format!(
            "{primary} lacks {} bytes of {acting}: it is not promoted; bring {acting} back",
            lsn(&at) - lsn(&received)
        )));
    }
    let before = state(&mut connection).await.map_err(No::Failed)?;
    let promoted = promote(ground, &primary, connection, &before).await?;
    Ok(format!("{name}: {promoted}; nothing is lost"))
}

/// `failback:protect`: the node that does not serve follows the one that does.
pub async fn protect(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    let acting = writable_node(ground, &database).await?;
    let others: Vec<String> = database.nodes.keys().cloned().collect();
    for other in others.iter().filter(|label| **label != acting) {
        follow(ground, &database, other, &acting).await?;
    }
    Ok(format!("{name}: every other node follows {acting}"))
}

/// Makes sure that a node follows another and has caught up with it, rebuilding it where it does not.
async fn follow(
    ground: &mut Ground,
    database: &Database,
    label: &str,
    acting: &str,
) -> Result<(), No> {
    if !has_caught_up(ground, database, label, acting).await? {
        let argv = database.rebuild.get(label).cloned().unwrap_or_default();
        let what = format!("rebuild {label}");
        ground.outside_within(&what, &argv, REBUILD).await?;
    }
    let deadline = tokio::time::Instant::now() + SETTLES;
    while !has_caught_up(ground, database, label, acting).await? {
        if tokio::time::Instant::now() >= deadline {
            ground.report.found(label, "does not catch up", Some(false));
            return Err(No::Failed(format!("{label} does not follow {acting}")));
        }
        tokio::time::sleep(AGAIN).await;
    }
    let says = format!("follows {acting}, with all that it had");
    ground.report.found(label, &says, Some(true));
    Ok(())
}

async fn has_caught_up(
    ground: &Ground,
    database: &Database,
    label: &str,
    acting: &str,
) -> Result<bool, No> {
    let goal = match ground.connect(node(database, acting)?).await {
        Ok(mut connection) => state(&mut connection).await.map_err(No::Failed)?,
        Err(failure) => return Err(No::Failed(format!("{acting}: {}", failure.says))),
    };
    let Ok(mut connection) = ground.connect(node(database, label)?).await else {
        return Ok(false);
    };
    let Ok(found) = state(&mut connection).await else {
        return Ok(false);
    };
    let streams: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming')",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap_or(false);
    let same = found.in_recovery && found.system == goal.system && streams;
    Ok(same && lsn(&received(&mut connection).await?) >= lsn(&goal.position))
}

async fn received(connection: &mut PgConnection) -> Result<String, No> {
    sqlx::query_scalar(
        "SELECT COALESCE(GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')::text",
    )
    .fetch_one(connection)
    .await
    .map_err(|error| No::Failed(error.to_string()))
}
