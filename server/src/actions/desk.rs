//! Actions that speak with the server, with the short-lived token that every run is given.

use super::ground::{Ground, No};
use api::{Client, Note};
use domain::{Number, RunId};
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

/// What the run has done so far, in words, written into its incident's timeline.
pub async fn send_report(ground: &mut Ground) -> Result<String, No> {
    let Ok(run) = std::env::var("MUSTER_RUN") else {
        return Err(No::WrongUse(
            "this reports on a run of a runbook; outside of one there is nothing to report".into(),
        ));
    };
    let server = server().map_err(No::Failed)?;
    let failed = |e: api::Trouble| No::Failed(e.to_string());
    let told = server.run(&RunId(run.clone())).await.map_err(failed)?;
    let report = words(&told);
    ground.report.found("report", &report, None);
    let Ok(incident) = std::env::var("MUSTER_INCIDENT") else {
        return Ok("told here only: this run belongs to no incident".into());
    };
    let key = format!(
        "{run}:{}:report",
        std::env::var("MUSTER_STEP").unwrap_or_default()
    );
    let number = Number(incident.clone());
    let noted = server
        .note(
            &key,
            &number,
            &Note {
                text: report,
                occurred_at: None,
            },
        )
        .await
        .map_err(failed)?;
    let seq = noted["seq"].as_u64().unwrap_or(0);
    // Read back what was written: an acknowledged line is there.
    let timeline = server
        .timeline(&number, seq.saturating_sub(1), 1)
        .await
        .map_err(failed)?;
    let there = timeline["events"][0]["seq"].as_u64() == Some(seq);
    ground.report.found(
        "in the timeline",
        &format!("line {seq} of {incident}"),
        Some(there),
    );
    if there {
        Ok(format!(
            "{incident} tells what this recovery did. Mail, phone and Slack are not connected yet: call by hand."
        ))
    } else {
        Err(No::Failed("the report is not in the timeline".into()))
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
