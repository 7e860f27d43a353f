//! Two nodes on one PostgreSQL: what a dead node left, the other finds, or says that it cannot.

use crate::{
    house::{House, until},
    start_run, until_status,
};
use serde_json::json;
use std::fs;

/// Two nodes, and a run of the first whose step waits for `go`; then the first dies.
async fn a_node_dies_in_the_middle(take_its_spool_away: bool) {
    let house = House::small().over_postgres().await;
    let here = house.home.path().display().to_string();
    let script = format!(
        "echo ran >> {here}/ran; echo begin; until [ -e {here}/go ]; do sleep 0.02; done; echo end; exit 0"
    );
    house.write_runbook(
        "slow",
        &json!({ "name": "Prove slow", "steps": [
            { "name": "Only", "commands": [["sh", "-c", script]] },
            { "name": "Next", "commands": [["echo", "next"]] },
        ] }),
    );
    let token = house.token("commander");
    let (first, second) = (house.start(), house.start_on("data-2", &[]));
    let id = start_run(&first.program(&token), "slow", json!({})).await;
    until("the command begins", async || {
        house.path("ran").exists().then_some(())
    })
    .await;
    let caller = second.program(&token);
    until_status(&caller, &id, "running").await;
    first.kill();
    let spool = house.path("data/runs");
    if take_its_spool_away {
        fs::rename(&spool, house.path("elsewhere")).unwrap();
        let paused = until_status(&caller, &id, "paused_by_failed_step").await;
        let step = &paused["steps"][0];
        assert_eq!(step["status"], "interrupted", "{paused}");
        assert_eq!(
            step["attempts"][0]["ending"]["ending"], "unreachable",
            "{paused}"
        );
        assert_eq!(step["attempts"].as_array().unwrap().len(), 1);
        fs::write(house.path("go"), "").unwrap();
    } else {
        // Long enough that the other node has to find the attempt running, not over.
        until("the second node watches", async || {
            second
                .log
                .lock()
                .unwrap()
                .contains("Found attempt")
                .then_some(())
        })
        .await;
        fs::write(house.path("go"), "").unwrap();
        let done = until_status(&caller, &id, "completed").await;
        assert_eq!(
            done["steps"][0]["attempts"].as_array().unwrap().len(),
            1,
            "{done}"
        );
        assert_eq!(done["steps"][0]["status"], "succeeded");
        assert_ne!(
            done["steps"][0]["attempts"][0]["node"], done["steps"][1]["attempts"][0]["node"],
            "what follows is the second node's own"
        );
        let shown = caller.text(&format!("/api/v1/runs/{id}/output")).await;
        assert!(
            shown.contains("begin") && shown.contains("end"),
            "what the dead node's attempt wrote is shown by the node that adopted it: {shown}"
        );
    }
    let ran = fs::read_to_string(house.path("ran")).unwrap();
    assert_eq!(ran, "ran\n", "nothing runs twice");
    println!(
        "1 node killed, its spool {}: 1 command run, {}",
        if take_its_spool_away {
            "out of reach"
        } else {
            "within reach"
        },
        if take_its_spool_away {
            "1 unreachable, the run paused"
        } else {
            "0 twice, the run completed by the other node"
        }
    );
}

#[tokio::test]
async fn what_a_dead_node_left_running_is_adopted_by_the_other() {
    a_node_dies_in_the_middle(false).await;
}

#[tokio::test]
async fn what_a_dead_node_left_out_of_reach_waits_for_a_person() {
    a_node_dies_in_the_middle(true).await;
}

/// A node makes the next step's folder while a step of its own runs. If another node begins that step, the folder is not the
/// attempt's: taken for it, the command would run once more.
#[tokio::test]
async fn a_folder_made_in_vain_is_not_taken_for_what_another_node_began() {
    let house = House::small().over_postgres().await;
    let here = house.home.path().display().to_string();
    let script =
        format!("echo ran >> {here}/ran; until [ -e {here}/go ]; do sleep 0.02; done; exit 0");
    house.write_runbook(
        "asks",
        &json!({ "name": "Prove asks", "steps": [
            { "name": "First", "commands": [["echo", "first"]] },
            { "name": "Second", "approval": { "min": 1, "role": "commander" }, "commands": [["sh", "-c", script]] },
        ] }),
    );
    let token = house.token("commander");
    let (first, second) = (house.start(), house.start_on("data-2", &[]));
    let caller = second.program(&token);
    let id = start_run(&caller, "asks", json!({})).await;
    until("it waits for an approval", async || {
        let run = caller.json(&format!("/api/v1/runs/{id}")).await;
        (run["steps"][1]["status"] == "waiting_approval").then_some(())
    })
    .await;
    let other = first.program(&house.token("admin"));
    let body = json!({ "step": 1, "answer": "approve" });
    let approved = other
        .post(&format!("/api/v1/runs/{id}/approve"), body)
        .await;
    assert!(approved.status().is_success());
    until("the command begins", async || {
        house.path("ran").exists().then_some(())
    })
    .await;
    first.kill();
    until("the second node watches", async || {
        let log = second.log.lock().unwrap();
        log.contains("Found attempt").then_some(())
    })
    .await;
    fs::write(house.path("go"), "").unwrap();
    let done = until_status(&caller, &id, "completed").await;
    let node = |step: usize| &done["steps"][step]["attempts"][0]["node"];
    assert_ne!(node(0), node(1), "each of another node: {done}");
    let ran = fs::read_to_string(house.path("ran")).unwrap();
    assert_eq!(ran, "ran\n", "nothing runs twice");
}
