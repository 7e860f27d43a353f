//! The wall clock is set while steps run: what was meant as a length of time takes that long.

use crate::{
    house::{House, size, until},
    run, start_run, until_status,
};
use reqwest::StatusCode;
use serde_json::json;
use std::{fs, path::Path, time::Duration};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const JUMPS: [&str; 6] = ["+3600", "-3600", "+86400", "-86400", "+7200", "-7200"];
/// Each length of time in these runbooks, and how far from it an end may be.
const LENGTH: f64 = 4.0;
const ERROR: f64 = 1.0;

/// Every `muster` of this house reads its time of day from the file `clock`.
fn faked(house: &mut House) -> bool {
    let found = [
        LIBRARY,
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    ];
    let Some(library) = found
        .into_iter()
        .find(|library| Path::new(library).exists())
    else {
        eprintln!("skipped: libfaketime is not installed (apt-get install faketime)");
        return false;
    };
    let clock = house.path("clock").display().to_string();
    set(house, "+0");
    for (name, value) in [
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", &clock),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ] {
        house.env.push((name.to_owned(), value.to_owned()));
    }
    true
}

fn set(house: &House, offset: &str) {
    fs::write(house.path("clock.new"), offset).unwrap();
    fs::rename(house.path("clock.new"), house.path("clock")).unwrap();
}

/// Seconds since the machine came up: no clock that anybody sets.
fn uptime() -> f64 {
    let text = fs::read_to_string("/proc/uptime").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// When the commands of this run began.
fn begins(house: &House, whose: &str) -> Vec<f64> {
    let text = fs::read_to_string(house.path(whose)).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

fn write_books(house: &House) {
    let begin = |whose: &str| {
        format!(
            "cut -d' ' -f1 /proc/uptime >> {}",
            house.path(whose).display()
        )
    };
    let go = house.path("go").display().to_string();
    let step = |whose: &str, rest: &str, more: serde_json::Value| {
        let mut step = json!({ "name": "Only", "commands": [["sh", "-c", format!("{}; {rest}", begin(whose))]] });
        step.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        house.write_runbook(whose, &json!({ "name": whose, "steps": [step] }));
    };
    step(
        "retries",
        "exit 1",
        json!({ "retries": 1, "retry_delay": "4s" }),
    );
    step("times-out", "sleep 60", json!({ "timeout": "4s" }));
    step(
        "asks",
        "true",
        json!({ "approval": { "min": 1, "role": "commander", "timeout": "4s" } }),
    );
    step(
        "stays",
        &format!("until [ -e {go} ]; do sleep 0.02; done"),
        json!({}),
    );
}

fn held(what: &str, took: f64, worst: &mut f64) {
    assert!(
        (took - LENGTH).abs() <= ERROR,
        "{what} took {took:.2} s instead of {LENGTH} s"
    );
    *worst = worst.max((took - LENGTH).abs());
}

#[tokio::test]
async fn a_clock_that_jumps_neither_fires_nor_stretches_anything_and_loses_no_step() {
    let mut house = House::small();
    if !faked(&mut house) {
        return;
    }
    write_books(&house);
    let token = house.token("commander");
    let mut server = house.start();
    let jumps = size("MUSTER_PROVE_JUMPS", 2);
    let mut worst = 0.0;
    for jump in (0..jumps).map(|n| JUMPS[n % JUMPS.len()]) {
        for file in ["retries", "times-out", "stays", "go"] {
            let _ = fs::remove_file(house.path(file));
        }
        let caller = server.program(&token);
        let incident = caller
            .declare(json!({ "title": "The clock jumps", "severity": "SEV3" }))
            .await;
        let stays = start_run(&caller, "stays", json!({})).await;
        let retries = start_run(&caller, "retries", json!({})).await;
        let late = start_run(&caller, "times-out", json!({})).await;
        let asks = start_run(&caller, "asks", json!({})).await;
        let asked = uptime();
        until("they begin", async || {
            let all = ["retries", "times-out", "stays"];
            all.iter()
                .all(|whose| begins(&house, whose).len() == 1)
                .then_some(())
        })
        .await;
        until_status(&caller, &retries, "running").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        set(&house, jump);
        // Whatever changes makes the runner look at its clock again.
        let note = caller
            .post(
                &format!("/api/v1/incidents/{incident}/notes"),
                json!({ "text": "after" }),
            )
            .await;
        assert_eq!(note.status(), StatusCode::CREATED);

        let (mut waits, mut runs) = (None, None);
        until("the approval and the step end", async || {
            if waits.is_none() && run(&caller, &asks).await["status"] != "waiting" {
                waits = Some(uptime() - asked);
            }
            if runs.is_none() && run(&caller, &late).await["status"] != "running" {
                runs = Some(uptime() - begins(&house, "times-out")[0]);
            }
            waits.zip(runs)
        })
        .await;
        held("the approval's deadline", waits.unwrap(), &mut worst);
        held("the timeout", runs.unwrap(), &mut worst);
        let ended = run(&caller, &late).await;
        assert_eq!(
            ended["steps"][0]["attempts"][0]["ending"]["ending"], "timed_out",
            "{ended}"
        );
        until("the second attempt", async || {
            (begins(&house, "retries").len() == 2).then_some(())
        })
        .await;
        let tries = begins(&house, "retries");
        held("the retry's delay", tries[1] - tries[0], &mut worst);

        // The supervisor is known by its process, not by any time of day.
        server.kill();
        server = house.start();
        let caller = server.program(&token);
        until("the step is found again", async || {
            server
                .log
                .lock()
                .unwrap()
                .contains("Found attempt")
                .then_some(())
        })
        .await;
        fs::write(house.path("go"), "").unwrap();
        until_status(&caller, &stays, "completed").await;
        assert_eq!(begins(&house, "stays").len(), 1, "nothing runs twice");

        for id in [&retries, &late, &asks] {
            let answer = caller
                .post(
                    &format!("/api/v1/runs/{id}/cancel"),
                    json!({ "reason": "Enough." }),
                )
                .await;
            assert!(answer.status().is_success());
            until_status(&caller, id, "cancelled").await;
        }

        let page = caller
            .json(&format!("/api/v1/incidents/{incident}/timeline?limit=1000"))
            .await;
        let seqs: Vec<u64> = page["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["seq"].as_u64().unwrap())
            .collect();
        assert!(seqs.is_sorted() && seqs.len() > 1, "{page}");
        let last = page["events"].as_array().unwrap().last().unwrap();
        assert_eq!(
            last["text"], "after",
            "the order is that of the writing: {page}"
        );
    }
    server.kill();
    house.run(&["timeline", "verify"]);
    println!(
        "{jumps} jumps of the clock, 3 lengths of time across each: at worst {worst:.2} s off; 0 steps lost, 0 run twice"
    );
}
