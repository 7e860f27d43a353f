//! Killed supervisors, and trees that do not want to leave.

use crate::{
    given,
    house::{House, kill_nine, until},
    killer::supervisor,
    run, start_run, until_status,
};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};
use tokio::time::Instant;

/// Leaves a trace, then waits for the test's word.
const STEP: &str =
    "echo ran >> $HERE/ran; until [ -e $HERE/go ]; do sleep 0.02; done; echo done; exit 0";

fn write_book(house: &House, slug: &str, more: &Value) {
    let script = STEP.replace("$HERE", &house.home.path().display().to_string());
    let mut step = json!({ "name": "Only", "commands": [["sh", "-c", script]] });
    let fields = more.as_object().unwrap().clone();
    step.as_object_mut().unwrap().extend(fields);
    let steps = json!([step, { "name": "Next", "commands": [["true"]] }]);
    house.write_runbook(slug, &json!({ "name": slug, "steps": steps }));
}

fn ran(house: &House) -> usize {
    let ran = fs::read_to_string(house.path("ran")).unwrap_or_default();
    ran.lines().count()
}

/// Waits for the command's first act, and kills its supervisor.
async fn kill_the_supervisor(house: &House, attempt: &Path, times: usize) {
    until("the command begins", async || {
        (ran(house) == times).then_some(())
    })
    .await;
    kill_nine(&supervisor(attempt).unwrap());
}

#[tokio::test]
async fn a_killed_supervisor_is_told_as_interrupted_and_never_run_again_by_itself() {
    let house = House::small();
    write_book(&house, "plain", &json!({}));
    let token = house.token("commander");
    let server = house.start();
    let caller = server.program(&token);
    let id = start_run(&caller, "plain", json!({})).await;
    let attempt = house.path("data/runs").join(&id).join("0-1");
    kill_the_supervisor(&house, &attempt, 1).await;
    let paused = until_status(&caller, &id, "paused_by_failed_step").await;
    assert_eq!(paused["steps"][0]["status"], "interrupted", "{paused}");
    assert_eq!(paused["steps"][1]["status"], "pending", "{paused}");

    // Also another life of the server leaves it to a person.
    server.kill();
    let server = house.start();
    let caller = server.program(&token);
    let still = run(&caller, &id).await;
    assert_eq!(still["status"], "paused_by_failed_step", "{still}");
    assert_eq!(still["steps"][0]["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(ran(&house), 1, "nobody asked for it again");

    fs::write(house.path("go"), "").unwrap();
    let answer = caller
        .post(&format!("/api/v1/runs/{id}/retry"), json!({}))
        .await;
    assert!(answer.status().is_success());
    let done = until_status(&caller, &id, "completed").await;
    assert_eq!(done["steps"][0]["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(ran(&house), 2, "a person did");
}

#[tokio::test]
async fn an_idempotent_step_whose_supervisor_was_killed_is_run_again() {
    let house = House::small();
    write_book(&house, "again", &json!({ "idempotent": true }));
    let server = house.start();
    let caller = server.program(&house.token("commander"));
    let id = start_run(&caller, "again", json!({})).await;
    let attempt = house.path("data/runs").join(&id).join("0-1");
    kill_the_supervisor(&house, &attempt, 1).await;
    until("it runs again", async || (ran(&house) == 2).then_some(())).await;
    fs::write(house.path("go"), "").unwrap();
    let done = until_status(&caller, &id, "completed").await;
    let attempts = &done["steps"][0]["attempts"];
    assert_eq!(attempts[0]["ending"]["ending"], "interrupted", "{done}");
    assert_eq!(
        attempts[1]["ending"],
        json!({ "ending": "exited", "code": 0 })
    );
    assert_eq!(ran(&house), 2);
}

#[tokio::test]
async fn the_proof_of_a_step_decides_when_its_supervisor_was_killed() {
    let house = House::small();
    let verify =
        |file: &str| json!({ "verify": [["test", "-e", house.path(file).display().to_string()]] });
    write_book(&house, "holds", &verify("ran"));
    write_book(&house, "does-not", &verify("never"));
    let server = house.start();
    let caller = server.program(&house.token("commander"));

    let id = start_run(&caller, "holds", json!({})).await;
    let attempt = house.path("data/runs").join(&id).join("0-1");
    kill_the_supervisor(&house, &attempt, 1).await;
    let done = until_status(&caller, &id, "completed").await;
    assert_eq!(done["steps"][0]["status"], "succeeded", "{done}");
    assert_eq!(
        done["steps"][0]["attempts"][1]["purpose"], "verify",
        "{done}"
    );
    assert_eq!(ran(&house), 1, "the proof ran, not the step");

    let id = start_run(&caller, "does-not", json!({})).await;
    let attempt = house.path("data/runs").join(&id).join("0-1");
    kill_the_supervisor(&house, &attempt, 2).await;
    let paused = until_status(&caller, &id, "paused_by_failed_step").await;
    assert_eq!(paused["steps"][0]["status"], "interrupted", "{paused}");
    assert_eq!(ran(&house), 2, "the proof ran, not the step");
}

/// As a machine does that loses its power: the server and the supervisor are gone, and of the folder nothing had reached the
/// disk. Where the machine was `started_anew`, the spool is of another boot.
async fn power_failure(started_anew: bool) -> (House, Value) {
    let house = House::small();
    write_book(&house, "plain", &json!({}));
    let token = house.token("commander");
    let server = house.start();
    let id = start_run(&server.program(&token), "plain", json!({})).await;
    let attempt = house.path("data/runs").join(&id).join("0-1");
    until("the command begins", async || {
        (ran(&house) == 1).then_some(())
    })
    .await;
    let supervisor = supervisor(&attempt).unwrap();
    server.kill();
    kill_nine(&supervisor);
    fs::remove_dir_all(&attempt).unwrap();
    if started_anew {
        fs::write(house.path("data/runs/.boot"), "another").unwrap();
    }
    fs::write(house.path("go"), "").unwrap();
    let server = house.start();
    let caller = server.program(&token);
    let over = until("it is known what became of it", async || {
        let run = run(&caller, &id).await;
        let is_known = ["paused_by_failed_step", "completed"].contains(&run["status"].as_str()?);
        is_known.then_some(run)
    })
    .await;
    (house, over)
}

#[tokio::test]
async fn what_a_power_failure_took_away_is_interrupted_and_never_begun_again_by_itself() {
    let (house, run) = power_failure(true).await;
    assert_eq!(run["status"], "paused_by_failed_step", "{run}");
    assert_eq!(run["steps"][0]["status"], "interrupted", "{run}");
    assert_eq!(ran(&house), 1);
    // The control: where the machine went on, a folder that is not there means that nothing was run.
    let (house, run) = power_failure(false).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(ran(&house), 2);
}

/// Each death between the making of an attempt's folder and its claim costs a folder; the next life takes another one.
#[tokio::test]
async fn an_output_is_found_however_often_the_server_died_before_the_launch() {
    let house = House::small();
    let steps = json!([
        { "name": "By hand", "manual": { "instructions": "Turn the key" } },
        { "name": "Say", "commands": [["echo", "the whole output"]] },
    ]);
    house.write_runbook("say", &json!({ "name": "Say", "steps": steps }));
    let token = house.token("commander");
    let server = house.start();
    let id = start_run(&server.program(&token), "say", json!({})).await;
    server.kill();
    for folder in ["1-1", "1-1r", "1-1rr"] {
        let folder = house.path("data/runs").join(&id).join(folder);
        fs::create_dir_all(&folder).unwrap();
        // As a server leaves it that found it unclaimed.
        fs::write(folder.join("claim"), "\"nobody\"").unwrap();
    }
    let server = house.start();
    let caller = server.program(&token);
    let answer = caller
        .post(
            &format!("/api/v1/runs/{id}/answer"),
            json!({ "answer": "done" }),
        )
        .await;
    assert!(answer.status().is_success());
    until_status(&caller, &id, "completed").await;
    let output = caller
        .text(&format!("/api/v1/runs/{id}/output?step=1&attempt=1"))
        .await;
    assert_eq!(output, "$ echo the whole output\nthe whole output\n");
}

/// A leader, its child, one in a session of its own whose parent is dead, and one that left twice: none hears TERM.
const TREE: &str = r#"trap "" TERM
sh -c 'echo $$ >> $HERE/pids; while :; do sleep 1; done' &
sh -c "setsid sh -c 'echo \$\$ >> $HERE/pids; while :; do sleep 1; done' & exit"
setsid sh -c "setsid sh -c 'echo \$\$ >> $HERE/pids; while :; do sleep 1; done' & exit" &
echo $$ >> $HERE/pids
while :; do sleep 1; done"#;
/// What `engine::runner` gives a tree to leave by itself.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_tree_that_escapes_is_gone_within_the_grace_and_a_second() {
    let house = House::small();
    let mark = format!("prove-tree-{}", uuid::Uuid::new_v4());
    let script = TREE.replace("$HERE", &house.home.path().display().to_string());
    house.write_runbook(
        "tree",
        &json!({
            "name": "Prove tree",
            "env": { "PROVE_MARK": mark },
            "steps": [{ "name": "Only", "commands": [["sh", "-c", script]] }],
        }),
    );
    let server = house.start();
    let caller = server.program(&house.token("commander"));
    let id = start_run(&caller, "tree", json!({})).await;
    let pids = until("the tree stands", async || {
        let pids = fs::read_to_string(house.path("pids")).unwrap_or_default();
        let pids: Vec<String> = pids.lines().map(str::to_owned).collect();
        (pids.len() == 4).then_some(pids)
    })
    .await;
    let living = given(&mark);
    assert!(
        pids.iter().all(|pid| living.contains(pid)),
        "{pids:?} {living:?}"
    );

    let answer = caller
        .post(
            &format!("/api/v1/runs/{id}/cancel"),
            json!({ "reason": "Enough." }),
        )
        .await;
    assert!(answer.status().is_success());
    let asked = Instant::now();
    until("nobody of the tree is left", async || {
        given(&mark).is_empty().then_some(())
    })
    .await;
    let took = asked.elapsed();
    assert!(took <= GRACE + Duration::from_secs(1), "it took {took:?}");
    let done = until_status(&caller, &id, "cancelled").await;
    assert_eq!(
        done["steps"][0]["attempts"][0]["ending"]["ending"],
        "cancelled"
    );
    println!(
        "{} processes that ignore TERM, two of them escaped, gone {:.2} s after the stop (grace {} s)",
        living.len(),
        took.as_secs_f64(),
        GRACE.as_secs()
    );
}
