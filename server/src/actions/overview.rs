//! Actions that look at everything.

use super::{
    desk,
    ground::{Ground, No},
};
use domain::plan::Probe;
use futures::future::join_all;

/// Looks at every service that has a check, all at once, each within its own timeout. Answers how many are down.
async fn look(ground: &mut Ground) -> (usize, usize, usize) {
    let plan = ground.plan.clone();
    let prober = ground.prober.clone();
    let looks = plan.services.iter().map(|service| {
        let (prober, targets) = (&prober, &plan.targets);
        async move {
            // Who called in is the server's knowledge; from here there is nothing to look at.
            let check = service
                .check
                .as_ref()
                .filter(|c| !matches!(c.probe, Probe::Heartbeat(_)))?;
            Some(prober.look(check, targets).await)
        }
    });
    let seen = join_all(looks).await;
    let (mut up, mut down, mut unknown) = (0, 0, 0);
    for (service, seen) in plan.services.iter().zip(seen) {
        let (found, ok) = match seen {
            None => {
                unknown += 1;
                ("no data: it has no check".to_owned(), None)
            }
            Some(Ok(seen)) => {
                up += 1;
                (seen.says, Some(true))
            }
            Some(Err(failure)) => {
                down += 1;
                (failure.says, Some(false))
            }
        };
        ground.report.found(&service.name, &found, ok);
    }
    (up, down, unknown)
}

pub async fn health_check(ground: &mut Ground) -> Result<String, No> {
    let (up, down, unknown) = look(ground).await;
    let says = format!("{up} services up, {down} down, {unknown} without a check");
    if down > 0 && ground.on("strict") {
        Err(No::Failed(says))
    } else {
        Ok(says)
    }
}

pub async fn status_all(ground: &mut Ground) -> Result<String, No> {
    let (up, down, unknown) = look(ground).await;
    let incidents = match desk::board().await {
        Ok(board) => {
            let open = board["incidents"].as_array().cloned().unwrap_or_default();
            for incident in &open {
                let text = |key: &str| incident[key].as_str().unwrap_or_default().to_owned();
                ground.report.found(
                    &text("number"),
                    &format!("{} {} ({})", text("severity"), text("title"), text("state")),
                    Some(false),
                );
            }
            format!("{} open incidents", open.len())
        }
        Err(says) => format!("open incidents unknown: {says}"),
    };
    Ok(format!(
        "{up} services up, {down} down, {unknown} without a check; {incidents}"
    ))
}
