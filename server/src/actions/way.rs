//! The way that the applications take to a database: pointing it at a node, and proving where it leads.

use super::{
    application,
    database::{node, writable_node},
    failover::{AGAIN, SETTLES},
    ground::{Ground, No},
};
use domain::plan::Database;

/// `dns:update`: points the way that the applications take at a node, and proves that it leads there.
pub async fn point(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    let target = ground.flag("target").unwrap_or("secondary").to_owned();
    let label = match target.as_str() {
        "primary" => database.primary.clone(),
        "secondary" | "backup-production" => database.replica.clone(),
        label if database.nodes.contains_key(label) => label.to_owned(),
        other => {
            return Err(No::WrongUse(format!(
                "--target={other}: write primary, secondary or the name of a node"
            )));
        }
    };
    let writes = writable_node(ground, &database).await?;
    if writes != label {
        return Err(No::Refused(format!(
            "{label} takes no writes ({writes} does): the way is not moved there"
        )));
    }
    let argv = database.move_route.get(&label).cloned().unwrap_or_default();
    ground.outside("move the route", &argv).await?;
    let deadline = tokio::time::Instant::now() + SETTLES;
    while !leads_to(ground, &database, &label).await {
        if tokio::time::Instant::now() >= deadline {
            let says = "NOT the same server";
            ground.report.found("the route", says, Some(false));
            return Err(No::Failed(format!("the route does not lead to {label}")));
        }
        tokio::time::sleep(AGAIN).await;
    }
    ground
        .report
        .found("the route", &format!("leads to {label}"), Some(true));
    application::renew_pool(ground).await;
    Ok(format!("{name}: the applications are led to {label}"))
}

/// The same server answers by the route as at the node: one that was started at the same microsecond.
async fn leads_to(ground: &Ground, database: &Database, label: &str) -> bool {
    let Ok(node) = node(database, label) else {
        return false;
    };
    let mut started = Vec::new();
    for way in [&database.route, node] {
        let Ok(mut connection) = ground.connect(way).await else {
            return false;
        };
        let asked = sqlx::query_scalar::<_, String>("SELECT pg_postmaster_start_time()::text");
        started.extend(asked.fetch_one(&mut connection).await.ok());
    }
    started.len() == 2 && started[0] == started[1]
}

/// `failover:verify`: one node takes writes, the way leads to it, and a user can place an order.
pub async fn verify(ground: &mut Ground) -> Result<String, No> {
    let (name, database) = ground.database()?;
    let writes = writable_node(ground, &database).await?;
    ground
        .report
        .found("takes writes, alone", &writes, Some(true));
    if !leads_to(ground, &database, &writes).await {
        ground
            .report
            .found("the route", "leads elsewhere", Some(false));
        return Err(No::Failed(format!("the route does not lead to {writes}")));
    }
    ground
        .report
        .found("the route", &format!("leads to {writes}"), Some(true));
    application::until_ordered(ground).await?;
    Ok(format!(
        "{name}: {writes} serves, alone, and an order went through"
    ))
}
