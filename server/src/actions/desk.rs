//! Actions that speak with the server, with the short-lived token that every run is given.

use super::ground::{Ground, No};
use serde_json::{Value, json};

/// The server and the token, as the runner or the person has set them.
fn server() -> Result<(String, String), String> {
    match (std::env::var("MUSTER_URL"), std::env::var("MUSTER_TOKEN")) {
        (Ok(url), Ok(token)) => Ok((url.trim_end_matches('/').to_owned(), token)),
        _ => Err("MUSTER_URL and MUSTER_TOKEN are not set".into()),
    }
}

async fn get(ground: &Ground, path: &str) -> Result<Value, String> {
    let (url, token) = server()?;
    let answer = ground.http.get(format!("{url}/api/v1{path}")).bearer_auth(token).send().await.map_err(|_| format!("{url} does not answer"))?;
    read(answer).await
}

async fn post(ground: &Ground, path: &str, key: &str, body: &Value) -> Result<Value, String> {
    let (url, token) = server()?;
    let ask = ground.http.post(format!("{url}/api/v1{path}")).bearer_auth(token).header("idempotency-key", key).json(body);
    read(ask.send().await.map_err(|_| format!("{url} does not answer"))?).await
}

async fn read(answer: reqwest::Response) -> Result<Value, String> {
    let status = answer.status();
    let body: Value = answer.json().await.map_err(|_| format!("the server answered {status} without JSON"))?;
    if status.is_success() { Ok(body) } else { Err(body["detail"].as_str().unwrap_or("the server said no").to_owned()) }
}

pub async fn board(ground: &Ground) -> Result<Value, String> {
    get(ground, "/board").await
}

/// What the run has done so far, in words, written into its incident's timeline.
pub async fn send_report(ground: &mut Ground) -> Result<String, No> {
    let Ok(run) = std::env::var("MUSTER_RUN") else {
        return Err(No::WrongUse("this reports on a run of a runbook; outside of one there is nothing to report".into()));
    };
    let told = get(ground, &format!("/runs/{run}")).await.map_err(No::Failed)?;
    let report = words(&told);
    ground.report.found("report", &report, None);
    let Ok(incident) = std::env::var("MUSTER_INCIDENT") else {
        return Ok("told here only: this run belongs to no incident".into());
    };
    let key = format!("{run}:{}:report", std::env::var("MUSTER_STEP").unwrap_or_default());
    let noted = post(ground, &format!("/incidents/{incident}/notes"), &key, &json!({ "text": report })).await.map_err(No::Failed)?;
    let seq = noted["seq"].as_u64().unwrap_or(0);
    // Read back what was written: an acknowledged line is there.
    let timeline = get(ground, &format!("/incidents/{incident}/timeline?after={}&limit=1", seq.saturating_sub(1))).await.map_err(No::Failed)?;
    let there = timeline["events"][0]["seq"].as_u64() == Some(seq);
    ground.report.found("in the timeline", &format!("line {seq} of {incident}"), Some(there));
    if there { Ok(format!("{incident} tells what this recovery did. Mail, phone and Slack are not connected yet: call by hand.")) } else { Err(No::Failed("the report is not in the timeline".into())) }
}

fn words(run: &Value) -> String {
    let name = run["runbook"]["name"].as_str().unwrap_or("The runbook");
    let mut report = format!("Report of {name}:");
    for step in run["steps"].as_array().into_iter().flatten() {
        let text = |key: &str| step[key].as_str().unwrap_or_default();
        let attempts = step["attempts"].as_array().map_or(0, Vec::len);
        let times = if attempts > 1 { format!(", {attempts} attempts") } else { String::new() };
        let because = if text("because").is_empty() { String::new() } else { format!(": {}", text("because")) };
        report += &format!("\n- {}: {}{times}{because}", text("name"), text("status"));
    }
    report
}
