//! `db:failover-replica`: the one action that makes another node the primary.

use super::{
    database::{node, state, write_and_read_back},
    ground::{Ground, No},
};
use domain::plan::Database;

/// Fence, promote, prove. In this order: a primary that might come back must not be able to take a write. Who is primary
/// and who is standby is asked of the nodes themselves: after one failover the plan's names say nothing of roles.
pub async fn replica(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    let (mut writable, mut standbys, mut systems) = (Vec::new(), Vec::new(), Vec::new());
    for (label, node) in &database.nodes {
        match ground.connect(node).await {
            Ok(mut connection) => {
                let found = state(&mut connection).await.map_err(No::Failed)?;
                let writes = write_and_read_back(&mut connection).await.is_ok();
                ground
                    .report
                    .found(label, &found.words(), Some(writes || found.in_recovery));
                systems.push(found.system.clone());
                match (found.in_recovery, writes) {
                    (true, _) => standbys.push((label.clone(), connection, found)),
                    (false, true) => writable.push(label.clone()),
                    (false, false) => {}
                }
            }
            Err(failure) => ground
                .report
                .found(label, &format!("down: {}", failure.says), None),
        }
    }
    systems.dedup();
    if systems.len() > 1 {
        return Err(No::Refused(format!(
            "the nodes are of different systems ({})",
            systems.join(", ")
        )));
    }
    match writable.as_slice() {
        [] => {}
        [one] if *one != database.primary && !ground.on("force") => {
            return already_failed_over(ground, &database, &name, one).await;
        }
        [one] if !ground.on("force") => {
            return Err(No::Refused(format!(
                "{one} takes writes: there is nothing to fail over from (--force does it all the same)"
            )));
        }
        [_] => {}
        many => {
            return Err(No::Refused(format!(
                "{} take writes at once: stop all but one first",
                many.join(" and ")
            )));
        }
    }
    // A standby takes no writes; every other node is fenced, whether it answers or not.
    let following: Vec<String> = standbys.iter().map(|(label, ..)| label.clone()).collect();
    // The plan's replica where it is a standby, else the standby that has received most.
    standbys.sort_by_key(|(label, _, found)| {
        (
            *label != database.replica,
            std::cmp::Reverse(lsn(&found.position)),
        )
    });
    let Some((candidate, mut connection, before)) = standbys.into_iter().next() else {
        return Err(No::Failed("no standby is available to take over".into()));
    };
    let others: Vec<String> = database
        .nodes
        .keys()
        .filter(|n| !following.contains(n))
        .cloned()
        .collect();
    for other in &others {
        fence(ground, &database, other).await?;
    }

    match sqlx::query_scalar("SELECT pg_promote(true, 60)")
        .fetch_one(&mut connection)
        .await
    {
        Ok(true) => {}
        Ok(false) => {
            return Err(No::Failed(format!(
                "{candidate} did not become primary within 60 s"
            )));
        }
        Err(error) => {
            return Err(No::Failed(format!(
                "{candidate} refused to be promoted: {error}"
            )));
        }
    }
    let after = state(&mut connection).await.map_err(No::Failed)?;
    let proven = !after.in_recovery && after.timeline > before.timeline;
    ground
        .report
        .found("new primary", &after.words(), Some(proven));
    if !proven {
        return Err(No::Failed(format!(
            "{candidate}: timeline {}, in recovery: {}",
            after.timeline, after.in_recovery
        )));
    }
    write_and_read_back(&mut connection)
        .await
        .map_err(|failure| {
            No::Failed(format!("the new primary takes no writes: {}", failure.says))
        })?;
    ground.report.found("write and read back", "ok", Some(true));
    Ok(format!(
        "{name}: {candidate} is primary on timeline {} (was {}); fenced: {}",
        after.timeline,
        before.timeline,
        others.join(", ")
    ))
}

/// Asked again after it was done: the old primary is fenced once more, and nothing else happens.
async fn already_failed_over(
    ground: &mut Ground,
    database: &Database,
    name: &str,
    now: &str,
) -> Result<String, No> {
    fence(ground, database, &database.primary.clone()).await?;
    Ok(format!("{name}: {now} is primary already"))
}

/// A log position such as `0/3047500`, as a number.
fn lsn(position: &str) -> u64 {
    let part = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
    position
        .split_once('/')
        .map_or(0, |(high, low)| (part(high) << 32) + part(low))
}

/// Makes sure that a node takes no more writes, and proves it as its clients would see it. A refused connection or a
/// refused write is proof; no answer, a missing password or any other trouble is not.
async fn fence(ground: &mut Ground, database: &Database, label: &str) -> Result<(), No> {
    let node = node(database, label)?;
    let argv = database.fence.get(label).cloned().unwrap_or_default();
    ground.outside(&format!("fence {label}"), &argv).await?;
    let seen = match ground.connect(node).await {
        Err(failure) => Err(failure),
        Ok(mut connection) => write_and_read_back(&mut connection).await,
    };
    let what = format!("proof: a write to {label}");
    match seen {
        Err(failure)
            if failure.says == "connection refused"
                || failure.class == engine::checks::Class::ReadOnly =>
        {
            ground
                .report
                .found(&what, &format!("refused ({})", failure.says), Some(true));
            Ok(())
        }
        Err(failure) => {
            ground.report.found(
                &what,
                &format!("NOT PROVEN ({})", failure.says),
                Some(false),
            );
            Err(No::Refused(format!(
                "it is not proven that {label} takes no writes ({}): nothing is promoted",
                failure.says
            )))
        }
        Ok(()) => {
            ground.report.found(&what, "ACCEPTED", Some(false));
            Err(No::Refused(format!(
                "{label} still takes writes: it is not fenced, so nothing is promoted"
            )))
        }
    }
}
