//! What only killing, tracing and searching can show of a run. Small samples in `cargo test`; `.ci/prove` runs the same at
//! full size. Every suite that finds nothing wrong has a control beside it in which it must.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod books;
mod clock;
mod disk;
mod drive;
mod edges;
#[path = "../house/mod.rs"]
mod house;
mod judge;
mod killer;
mod nodes;
#[path = "../../engine/tests/channels/outside.rs"]
#[allow(dead_code)]
mod outside;
mod parameters;
mod power;
mod readers;
mod secrets;
mod supervisor;
mod telling;

use house::Caller;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Starts a run and returns its id.
async fn start_run(caller: &Caller, slug: &str, parameters: Value) -> String {
    let body = json!({ "parameters": parameters });
    let answer = caller
        .post(&format!("/api/v1/runbooks/{slug}/runs"), body)
        .await;
    let status = answer.status();
    let run: Value = answer.json().await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{run}");
    run["id"].as_str().unwrap().to_owned()
}

async fn run(caller: &Caller, id: &str) -> Value {
    caller.json(&format!("/api/v1/runs/{id}")).await
}

/// Waits until the run has this status, and tells it.
async fn until_status(caller: &Caller, id: &str, status: &str) -> Value {
    house::until(&format!("run {id} is {status}"), async || {
        Some(run(caller, id).await).filter(|run| run["status"] == status)
    })
    .await
}

/// The processes that were given this text in their environment. The dead that nobody buried have none.
fn given(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        if !name.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let environ = PathBuf::from("/proc").join(&name).join("environ");
        let environ = std::fs::read(environ).unwrap_or_default();
        if environ.windows(mark.len()).any(|w| w == mark.as_bytes()) {
            found.push(name);
        }
    }
    found
}
