//! Maintenance mode of the application: a window is begun, so that nobody is alarmed, and the application is stopped, so that
//! nothing is written; and back again. What the window alone would do (hold what the checks find) stops nobody from writing.

use super::{
    application, desk,
    ground::{Ground, No},
};
use api::{Message, ScheduleMaintenance};
use domain::{MaintenanceId, ServiceId, Span};
use serde_json::Value;

/// How long it is meant to last where nobody says (`--for=2h`).
const USUALLY: Span = Span::secs(3600);

pub async fn enable(ground: &mut Ground) -> Result<String, No> {
    let (name, service) = about(ground)?;
    let lasts = match ground.flag("for") {
        Some(text) => text.parse().map_err(No::WrongUse)?,
        None => USUALLY,
    };
    let server = desk::server().map_err(No::Failed)?;
    let failed = |e: api::Trouble| No::Failed(e.to_string());
    let window = match open(&server.maintenance().await.map_err(failed)?, &service) {
        Some(window) => window,
        None => {
            let lasts = jiff::SignedDuration::try_from(lasts.0)
                .map_err(|e| No::WrongUse(format!("--for: {e}")))?;
            let until = jiff::Timestamp::now()
                .checked_add(lasts)
                .map_err(|e| No::WrongUse(format!("--for: {e}")))?;
            let body = ScheduleMaintenance {
                title: ground
                    .flag("title")
                    .map_or_else(|| format!("{name} is under maintenance"), str::to_owned),
                message: String::new(),
                services: vec![service.clone()],
                from: None,
                until,
                public: ground.on("public"),
            };
            let told = server
                .schedule_maintenance(&desk::key("maintenance:enable"), &body)
                .await;
            MaintenanceId(text(&told.map_err(failed)?, "id"))
        }
    };
    ground.report.found("window", window.as_str(), Some(true));
    application::graceful_shutdown(ground).await?;
    Ok(format!(
        "{window} holds for {service}, and {name} has stopped: nothing is written through it"
    ))
}

pub async fn disable(ground: &mut Ground) -> Result<String, No> {
    let (name, service) = about(ground)?;
    application::start(ground).await?;
    application::health_check(ground).await?;
    let server = desk::server().map_err(No::Failed)?;
    let failed = |e: api::Trouble| No::Failed(e.to_string());
    let Some(window) = open(&server.maintenance().await.map_err(failed)?, &service) else {
        return Ok(format!("{name} serves; no window held for {service}"));
    };
    let body = Message::default();
    let told = server
        .complete_maintenance(&desk::key("maintenance:disable"), &window, &body)
        .await
        .map_err(failed)?;
    let stage = text(&told, "stage");
    ground.report.found(
        "window",
        &format!("{window} {stage}"),
        Some(stage == "completed"),
    );
    match stage.as_str() {
        "completed" => Ok(format!("{name} serves, and {window} is over")),
        other => Err(No::Failed(format!("{window} is {other}"))),
    }
}

fn about(ground: &Ground) -> Result<(String, ServiceId), No> {
    let (name, application) = ground.application()?;
    Ok((name, application.service))
}

/// The window that this service is in.
fn open(told: &Value, service: &ServiceId) -> Option<MaintenanceId> {
    let holds = |w: &&Value| {
        let here = |s: &Value| s.as_str() == Some(service.as_str());
        matches!(w["stage"].as_str(), Some("in_progress" | "verifying"))
            && w["services"]
                .as_array()
                .is_some_and(|all| all.iter().any(here))
    };
    let found = told["maintenance"].as_array()?.iter().find(holds)?;
    Some(MaintenanceId(text(found, "id")))
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_default().to_owned()
}
