//! What goes wrong on purpose, over HTTP.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{Outside, deliveries};

#[tokio::test]
async fn a_fault_is_felt_by_the_sender_and_only_what_was_accepted_is_kept() {
    let outside = Outside::start().await;
    for (kind, answered, kept) in [
        ("refuse", None, false),
        ("drop", None, false),
        ("reset_after_accept", None, true),
        ("error_500", Some(500), false),
        ("rate_limit", Some(429), false),
        ("reject", Some(400), false),
        ("slow", Some(200), true),
    ] {
        let fault = json!({ "sink": "all", "kind": kind, "times": 1, "ms": 300, "retry_after": 7 });
        outside.fault(fault).await;
        for (sink, delivery, good) in deliveries(&outside) {
            let before = outside
                .recorded(sink)
                .iter()
                .filter(|line| line["of"].is_null())
                .count();
            let began = Instant::now();
            let answer = delivery.send().await;
            match (answered, &answer) {
                (None, Err(error)) => assert!(!error.is_timeout(), "{kind} {sink}: {error}"),
                (Some(200), Ok(answer)) => {
                    assert_eq!(answer.status().as_u16(), good, "{kind} {sink}");
                    assert!(
                        began.elapsed() >= Duration::from_millis(300),
                        "{kind} {sink}"
                    );
                }
                (Some(400), Ok(answer)) => assert!(
                    answer.status().is_client_error()
                        && answer.status() != StatusCode::TOO_MANY_REQUESTS,
                    "{kind} {sink}"
                ),
                (Some(status), Ok(answer)) => {
                    assert_eq!(answer.status().as_u16(), status, "{kind} {sink}");
                    let wait = answer
                        .headers()
                        .get("retry-after")
                        .map(|wait| wait.as_bytes());
                    assert_eq!(wait == Some(b"7"), status == 429, "{kind} {sink}");
                }
                _ => panic!("{kind} {sink}: {answer:?}"),
            }
            let lines = outside.recorded(sink);
            let lines: Vec<_> = lines.iter().filter(|line| line["of"].is_null()).collect();
            assert_eq!(lines.len() - before, usize::from(kept), "{kind} {sink}");
            if kept {
                assert_eq!(lines[before]["fault"], kind, "{sink}");
            }
        }
        let faults = outside.get("/control/faults").await;
        assert_eq!(faults["slack"]["applied"], 1, "{kind}");
        assert_eq!(faults["slack"]["left"], 0, "{kind}");
    }
}

#[tokio::test]
async fn a_provider_that_hangs_never_answers_and_keeps_nothing() {
    let outside = Outside::start().await;
    outside
        .fault(json!({ "sink": "all", "kind": "hang" }))
        .await;
    for (sink, delivery, _) in deliveries(&outside) {
        let error = delivery
            .timeout(Duration::from_millis(200))
            .send()
            .await
            .unwrap_err();
        assert!(error.is_timeout(), "{sink}: {error}");
        assert!(outside.recorded(sink).is_empty(), "{sink}");
    }
    // The others are taken as soon as it is over, and the control API answered all the while.
    let gone = outside.request(Method::DELETE, "/control/faults?sink=slack");
    assert_eq!(gone.send().await.unwrap().status(), StatusCode::OK);
    let (_, delivery, _) = deliveries(&outside).remove(0);
    assert_eq!(delivery.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(
        outside.get("/control/faults").await["phone"]["kind"],
        "hang"
    );
}

#[tokio::test]
async fn what_was_accepted_under_random_faults_can_be_counted() {
    let outside = Outside::start().await;
    let random = json!({ "sink": "hook", "kind": "random", "rate": 0.3, "seed": 42, "ms": 1 });
    outside.fault(random).await;
    let mut answered = Vec::new();
    for key in 0..300 {
        let request = outside.http.post(&outside.env["MUSTER_WEBHOOK_URL"]);
        let request = request
            .header("idempotency-key", key.to_string())
            .body("{}");
        if request
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            answered.push(key.to_string());
        }
    }
    let kept = outside.received("sink=hook&brief=true").await;
    let keys: Vec<&str> = kept
        .iter()
        .map(|one| one["key"].as_str().unwrap())
        .collect();
    for key in &answered {
        assert!(
            keys.contains(&key.as_str()),
            "{key} was answered and is not there"
        );
    }
    // More was accepted than the sender knows of: that is where duplicates come from.
    let unanswered = kept
        .iter()
        .filter(|one| one["fault"] == "reset_after_accept")
        .count();
    assert_eq!(kept.len(), answered.len() + unanswered);
    assert!(
        unanswered > 0 && answered.len() < 280,
        "{} answered",
        answered.len()
    );
}

#[tokio::test]
async fn a_fault_can_be_set_from_a_shell() {
    let outside = Outside::start().await;
    let lab = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_muster-lab"));
        command.args(["sinks", "fault"]).args(words);
        command.args(["--url", &outside.url]).output().unwrap()
    };
    assert!(lab(&["slack", "error_500", "3"]).status.success());
    assert!(
        lab(&["smtp", "random", "--rate", "0.5", "--kinds", "drop,slow"])
            .status
            .success()
    );
    let faults = outside.get("/control/faults").await;
    assert_eq!(faults["slack"]["left"], 3);
    assert_eq!(faults["smtp"]["kinds"], json!(["drop", "slow"]));
    assert!(lab(&["all", "none"]).status.success());
    assert_eq!(outside.get("/control/faults").await["slack"], Value::Null);
    assert_eq!(lab(&["slack", "explode"]).status.code(), Some(2));
}
