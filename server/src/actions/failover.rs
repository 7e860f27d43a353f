//! Moving a database from its primary to its replica: fence, then promote.
//!
//! Architecture invariant: no node is promoted before every other one is proven to take no writes; without that proof
//! only where Muster's own state says that a commander took the risk.

use super::{
    database::{State, node, state, write_and_read_back},
    desk,
    ground::{Ground, No},
    way,
};
use domain::{FENCING_PROOF, plan::Database};
use sqlx::PgConnection;
use std::time::Duration;

/// A standby catches up, a way is moved, a restarted Muster answers: within this, or it has failed.
pub const SETTLES: Duration = Duration::from_secs(60);
pub const AGAIN: Duration = Duration::from_millis(500);

/// Who is primary and who is standby is asked of the nodes themselves: after one failover the plan's names say nothing
/// of roles.
struct Survey {
    writable: Vec<String>,
    standbys: Vec<(String, PgConnection, State)>,
}

async fn survey(ground: &mut Ground, database: &Database) -> Result<Survey, No> {
    let (mut writable, mut standbys, mut systems) = (Vec::new(), Vec::new(), Vec::new());
    for (label, node) in &database.nodes {
        match ground.connect(node).await {
            Ok(mut connection) => {
                // One that takes a connection and no question is as good as down: it will be fenced like it.
                let found = match state(&mut connection).await {
                    Ok(found) => found,
                    Err(says) => {
                        ground.report.found(label, &format!("down: {says}"), None);
                        continue;
                    }
                };
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
    if writable.len() > 1 {
        return Err(No::Refused(format!(
            "{} take writes at once: stop all but one first",
            writable.join(" and ")
        )));
    }
    // The plan's replica where it is a standby, else the standby that has received most.
    standbys.sort_by_key(|(label, _, found)| {
        (
            *label != database.replica,
            std::cmp::Reverse(lsn(&found.position)),
        )
    });
    Ok(Survey { writable, standbys })
}

/// `db:failover-replica`: fence, promote, prove. In this order: a primary that might come back must not be able to take
/// a write.
pub async fn replica(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    let survey = survey(ground, &database).await?;
    match survey.writable.first() {
        Some(now) if *now != database.primary && !ground.on("force") => {
            // Asked again after it was done: the old primary is fenced once more, and nothing else happens.
            fence(ground, &database, &database.primary.clone()).await?;
            return Ok(format!("{name}: {now} is primary already"));
        }
        Some(now) if !ground.on("force") => {
            return Err(No::Refused(format!(
                "{now} takes writes: there is nothing to fail over from (--force does it all the same)"
            )));
        }
        _ => {}
    }
    let proof = fence_others(ground, &database, &survey).await?;
    let promoted = promote_first(ground, survey).await?;
    Ok(format!("{name}: {promoted}; fenced: {proof}"))
}

/// A standby takes no writes; every other node is fenced, whether it answers or not.
async fn fence_others(
    ground: &mut Ground,
    database: &Database,
    survey: &Survey,
) -> Result<String, No> {
    if survey.standbys.is_empty() {
        return Err(No::Failed("no standby is available to take over".into()));
    }
    let follows = |label: &String| survey.standbys.iter().any(|(standby, ..)| standby == label);
    let others: Vec<String> = database.nodes.keys().cloned().collect();
    let mut proofs = Vec::new();
    for label in others.iter().filter(|label| !follows(label)) {
        let proof = fence(ground, database, label).await?;
        proofs.push(format!("{label}: {proof}"));
    }
    if proofs.is_empty() {
        proofs.push("every node is a standby, and takes no writes".into());
    }
    Ok(proofs.join("; "))
}

async fn promote_first(ground: &mut Ground, survey: Survey) -> Result<String, No> {
    let Some((candidate, connection, before)) = survey.standbys.into_iter().next() else {
        return Err(No::Failed("no standby is available to take over".into()));
    };
    promote(ground, &candidate, connection, &before).await
}

pub async fn promote(
    ground: &mut Ground,
    candidate: &str,
    mut connection: PgConnection,
    before: &State,
) -> Result<String, No> {
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
        "{candidate} is primary on timeline {} (was {})",
        after.timeline, before.timeline
    ))
}

/// A log position such as `0/3047500`, as a number.
pub fn lsn(position: &str) -> u64 {
    let part = |text: &str| u64::from_str_radix(text, 16).unwrap_or(0);
    position
        .split_once('/')
        .map_or(0, |(high, low)| (part(high) << 32) + part(low))
}

/// Makes sure that a node takes no more writes, and proves it as its clients would see it: a write is refused, or nothing
/// answers and the fence itself was confirmed. A missing password or any other trouble proves nothing.
pub async fn fence(ground: &mut Ground, database: &Database, label: &str) -> Result<String, No> {
    let node = node(database, label)?;
    let argv = database.fence.get(label).cloned().unwrap_or_default();
    ground.outside(&format!("fence {label}"), &argv).await?;
    let seen = match ground.connect(node).await {
        Err(failure) => Err(failure),
        Ok(mut connection) => write_and_read_back(&mut connection).await,
    };
    let what = format!("proof: a write to {label}");
    let proof = match &seen {
        Err(failure)
            if failure.says == "connection refused"
                || failure.class == engine::checks::Class::ReadOnly =>
        {
            format!("a write is refused ({})", failure.says)
        }
        Err(failure)
            if failure.class == engine::checks::Class::Timeout || failure.says == "unreachable" =>
        {
            format!(
                "nothing answers ({}), and `{}` confirms the fence",
                failure.says,
                argv.join(" ")
            )
        }
        Err(failure) => {
            let says = format!("NOT PROVEN ({})", failure.says);
            ground.report.found(&what, &says, Some(false));
            return Err(No::Refused(format!(
                "it is not proven that {label} takes no writes ({}): nothing is promoted",
                failure.says
            )));
        }
        Ok(()) => {
            ground.report.found(&what, "ACCEPTED", Some(false));
            return Err(No::Refused(format!(
                "{label} still takes writes: it is not fenced, so nothing is promoted"
            )));
        }
    };
    ground.report.found(&what, &proof, Some(true));
    Ok(proof)
}

/// `failover:fence`: the first step of a failover. What it proves is what the next one waits for.
pub async fn fence_primary(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    let survey = survey(ground, &database).await?;
    let proof = match survey.writable.first() {
        // Begun again after the promotion: the old primary is fenced once more.
        Some(now) if *now != database.primary => {
            fence(ground, &database, &database.primary.clone()).await?
        }
        _ => fence_others(ground, &database, &survey).await?,
    };
    ground.write_output(FENCING_PROOF, &proof)?;
    Ok(format!("{name}: {proof}"))
}

/// `failover:auto` and `failover:manual`: the promotion. In a failover's run the fence went before it, and is proven
/// once more; by hand it is done here.
pub async fn promote_secondary(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    match ground.flag("target") {
        None | Some("secondary" | "production") => {}
        Some(label) if label == database.replica => {}
        Some(other) => {
            return Err(No::WrongUse(format!(
                "--target={other}: the plan promotes {} (secondary) and no other",
                database.replica
            )));
        }
    }
    if ground.output(FENCING_PROOF).is_none() && !overridden(ground).await? {
        return replica(ground).await;
    }
    let survey = survey(ground, &database).await?;
    if let Some(now) = survey.writable.first()
        && *now != database.primary
    {
        return Ok(format!("{name}: {now} is primary already"));
    }
    if ground.output(FENCING_PROOF).is_some() {
        fence_others(ground, &database, &survey).await?;
    } else {
        let says = "NONE: a commander has taken the risk of two primaries";
        ground.report.found("fencing proof", says, Some(false));
    }
    let promoted = promote_first(ground, survey).await?;
    Ok(format!("{name}: {promoted}"))
}

/// Whether this run is that of a failover in which a commander overrode the fence. A run of another kind is not.
async fn overridden(ground: &mut Ground) -> Result<bool, No> {
    let Ok(run) = std::env::var("MUSTER_RUN") else {
        return Ok(false);
    };
    let deadline = tokio::time::Instant::now() + SETTLES;
    let all = loop {
        match desk::failovers().await {
            Ok(all) => break all,
            // Muster may be starting again.
            Err(_) if tokio::time::Instant::now() < deadline => tokio::time::sleep(AGAIN).await,
            Err(says) => {
                return Err(No::Refused(format!(
                    "no fencing proof, and Muster cannot be asked whether that was overridden: {says}"
                )));
            }
        }
    };
    let all = all["failovers"].as_array().cloned().unwrap_or_default();
    let Some(mine) = all.iter().find(|f| f["run"] == run.as_str()) else {
        return Ok(false);
    };
    let last = mine["moves"].as_array().and_then(|moves| moves.last());
    let by = last.map(|m| m["signal"].as_str().unwrap_or_default().to_owned());
    if mine["state"] == "promoting" && by.as_deref() == Some("override") {
        ground.report.found("overridden", "by a commander", None);
        return Ok(true);
    }
    Err(No::Refused(
        "there is no fencing proof: nothing is promoted".into(),
    ))
}

/// `failover:execute`: the whole of it, by hand.
pub async fn execute(ground: &mut Ground) -> Result<String, No> {
    let moved = replica(ground).await?;
    way::point(ground).await?;
    way::verify(ground).await?;
    Ok(moved)
}
