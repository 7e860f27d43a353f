//! Actions that speak with the server, with the short-lived token that every run is given.

use super::ground::{Ground, No};
use api::{Client, Update};
use domain::{Number, Phase, RunId};
use serde_json::Value;

/// The server, as the runner or the person has named it.
pub fn server() -> Result<Client, String> {
    match (std::env::var("MUSTER_URL"), std::env::var("MUSTER_TOKEN")) {
        (Ok(url), Ok(token)) => Client::new(&url, &token).map_err(|e| e.to_string()),
        _ => Err("MUSTER_URL and MUSTER_TOKEN are not set".into()),
    }
}

pub async fn board() -> Result<Value, String> {
    server()?.board().await.map_err(|e| e.to_string())
}

/// Every failover as it stands.
pub async fn failovers() -> Result<Value, String> {
    server()?.failovers().await.map_err(|e| e.to_string())
}

/// The same step of the same run asks once; by hand every call is another.
pub fn key(act: &str) -> String {
    match (std::env::var("MUSTER_RUN"), std::env::var("MUSTER_STEP")) {
        (Ok(run), Ok(step)) => format!("{run}:{step}:{act}"),
        _ => uuid::Uuid::new_v4().to_string(),
    }
}

/// So much of a report is sent.
const LONGEST: usize = 3900;

/// What the run has done so far, in words, sent to those who know of its incident. Not to the public: these are the
/// words of the people at work.
pub async fn send_report(ground: &mut Ground) -> Result<String, No> {
    let Ok(run) = std::env::var("MUSTER_RUN") else {
        return Err(No::WrongUse(
            "this reports on a run of a runbook; outside of one there is nothing to report".into(),
        ));
    };
    let server = server().map_err(No::Failed)?;
    let failed = |e: api::Trouble| No::Failed(e.to_string());
    let told = server.run(&RunId(run.clone())).await.map_err(failed)?;
    let mut report = words(&told).trim().to_owned();
    if let Some((end, _)) = report.char_indices().nth(LONGEST) {
        report.truncate(end);
        report.push_str(" …");
    }
    ground.report.found("report", &report, None);
    let Ok(incident) = std::env::var("MUSTER_INCIDENT") else {
        return Ok("told here only: this run belongs to no incident".into());
    };
    let number = Number(incident.clone());
    let now = server.incident(&number).await.map_err(failed)?;
    let body = Update {
        phase: serde_json::from_value(now["phase"].clone()).unwrap_or(Phase::Investigating),
        message: report.clone(),
        internal: true,
    };
    let posted = server
        .update(&key("report"), &number, &body)
        .await
        .map_err(failed)?;
    // Read back what was written: an acknowledged line is there.
    let updates = posted["updates"].as_array().into_iter().flatten();
    let there = updates
        .rev()
        .any(|u| u["message"].as_str() == Some(&report));
    ground
        .report
        .found("in the timeline", &format!("of {incident}"), Some(there));
    match there {
        true => Ok(format!("{incident} tells what this recovery did")),
        false => Err(No::Failed("the report is not in the timeline".into())),
    }
}

fn words(run: &Value) -> String {
    let name = run["runbook"]["name"].as_str().unwrap_or("The runbook");
    let mut report = format!("Report of {name}:");
    for step in run["steps"].as_array().into_iter().flatten() {
        let text = |key: &str| step[key].as_str().unwrap_or_default();
        let because = if text("because").is_empty() {
            String::new()
        } else {
            format!(": {}", text("because"))
        };
        report += &format!("\n- {}: {}{because}", text("name"), text("status"));
    }
    report
}
