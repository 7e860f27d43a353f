//! Actions on an application of the plan's targets.

use super::ground::{Ground, No};
use domain::plan::{Application, Probe};
use std::time::Duration;

/// A thing that takes a moment is asked again until then.
const SETTLES: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(300);

/// One user's transaction through the front door: an order is written and read back.
pub async fn order(ground: &mut Ground) -> Result<(), No> {
    let (_, application) = ground.application()?;
    let check = ground
        .plan
        .service(&application.service)
        .and_then(|s| s.check.clone());
    let Some(check) = check.filter(|c| matches!(c.probe, Probe::UserPath(_))) else {
        return Err(No::Failed(format!(
            "the service {} has no user-path check",
            application.service
        )));
    };
    match ground.look(&check).await {
        Ok(seen) => {
            ground
                .report
                .found("an order, as a user", &seen.says, Some(true));
            Ok(())
        }
        Err(failure) => {
            ground
                .report
                .found("an order, as a user", &failure.says, Some(false));
            Err(No::Failed(format!(
                "an order cannot be placed: {}",
                failure.says
            )))
        }
    }
}

/// Asks until it holds, for as long as things may take to settle. Only the last answer is told.
pub async fn until_ordered(ground: &mut Ground) -> Result<(), No> {
    let (_, application) = ground.application()?;
    let check = ground
        .plan
        .service(&application.service)
        .and_then(|s| s.check.clone());
    let deadline = tokio::time::Instant::now() + SETTLES;
    if let Some(check) = check {
        while tokio::time::Instant::now() < deadline && ground.look(&check).await.is_err() {
            tokio::time::sleep(AGAIN).await;
        }
    }
    order(ground).await
}

pub async fn update_connection(ground: &mut Ground) -> Result<String, No> {
    let (_, database) = ground.database()?;
    let (name, _) = ground.application()?;
    let node = super::database::writable_node(ground, &database).await?;
    ground.report.found("accepts writes", &node, Some(true));
    let argv = database.move_route.get(&node).cloned().unwrap_or_default();
    ground.outside("move the route", &argv).await?;
    renew_pool(ground).await;
    until_ordered(ground).await?;
    Ok(format!("{name} writes to {node}"))
}

/// The application renews its connections by itself too; an order is the proof.
pub async fn renew_pool(ground: &mut Ground) {
    let Ok((_, application)) = ground.application() else {
        return;
    };
    if let Some(path) = &application.reset_pool {
        let renewed = ground
            .http
            .post(format!("{}{path}", application.url))
            .send()
            .await
            .is_ok_and(|a| a.status().is_success());
        let says = if renewed { "yes" } else { "not yet" };
        ground.report.found("connections renewed", says, None);
    }
}

pub async fn graceful_shutdown(ground: &mut Ground) -> Result<String, No> {
    let (name, application) = ground.application()?;
    ground.outside("stop", &application.stop.clone()).await?;
    let silent = until(|| async { ground.http.get(&application.url).send().await.is_err() }).await;
    ground.report.found(
        "its address",
        if silent {
            "nothing listens"
        } else {
            "STILL ANSWERS"
        },
        Some(silent),
    );
    if silent {
        Ok(format!("{name} has stopped"))
    } else {
        Err(No::Failed(format!("{name} still answers")))
    }
}

pub async fn start(ground: &mut Ground) -> Result<String, No> {
    let (name, application) = ground.application()?;
    ground.outside("start", &application.start.clone()).await?;
    let answers = until(|| async {
        ground
            .http
            .get(format!("{}{}", application.url, application.health))
            .send()
            .await
            .is_ok()
    })
    .await;
    ground.report.found(
        "its address",
        if answers {
            "answers"
        } else {
            "DOES NOT ANSWER"
        },
        Some(answers),
    );
    if answers {
        Ok(format!("{name} has started"))
    } else {
        Err(No::Failed(format!("{name} does not answer")))
    }
}

/// Three in a row, as a recovery is only proven by service that stays.
pub async fn health_check(ground: &mut Ground) -> Result<String, No> {
    let (name, application) = ground.application()?;
    let healthy = until(|| async { healthy(ground, &application).await.is_ok() }).await;
    let says = healthy_words(healthy, ground, &application).await;
    ground.report.found("health", &says, Some(healthy));
    if !healthy {
        return Err(No::Failed(format!("{name} is not healthy: {says}")));
    }
    for _ in 0..3 {
        order(ground).await?;
    }
    Ok(format!("{name} serves: three orders in a row"))
}

async fn healthy_words(healthy: bool, ground: &Ground, application: &Application) -> String {
    if healthy {
        return "ok".into();
    }
    self::healthy(ground, application)
        .await
        .err()
        .unwrap_or_else(|| "ok, only just now".into())
}

async fn healthy(ground: &Ground, application: &Application) -> Result<(), String> {
    let answer = ground
        .http
        .get(format!("{}{}", application.url, application.health))
        .send()
        .await;
    let answer = answer.map_err(|_| "no answer".to_owned())?;
    let status = answer.status();
    if status.is_success() {
        Ok(())
    } else {
        Err(format!(
            "{status}: {}",
            answer.text().await.unwrap_or_default()
        ))
    }
}

/// Asks again until it holds or should have.
async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) -> bool {
    let deadline = tokio::time::Instant::now() + SETTLES;
    loop {
        if holds().await {
            return true;
        }
        if tokio::time::Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(AGAIN).await;
    }
}
