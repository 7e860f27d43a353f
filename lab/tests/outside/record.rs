//! What is kept, and how it is asked for.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use crate::stage::{Outside, deliveries};

#[tokio::test]
async fn every_provider_takes_a_good_delivery_and_keeps_it_before_it_answers() {
    let outside = Outside::start().await;
    for (sink, delivery, status) in deliveries(&outside) {
        let answer = delivery.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{sink}");
        // Not asked, but read from the file: the answer came after it.
        let recorded = outside.recorded(sink);
        assert_eq!(recorded[0]["sink"], sink);
        assert_eq!(recorded[0]["fault"], Value::Null);
    }
    let received = outside.received("limit=100").await;
    let numbers: Vec<u64> = received
        .iter()
        .map(|one| one["number"].as_u64().unwrap())
        .collect();
    assert!(numbers.is_sorted() && received.len() == 6, "{numbers:?}");
    assert_eq!(received[5]["key"], "incident-7");
    assert_eq!(received[4]["text"], "SEV1");
}

#[tokio::test]
async fn a_killed_outside_world_has_lost_nothing_and_goes_on() {
    let outside = Outside::start().await;
    for (_, delivery, _) in deliveries(&outside) {
        delivery.send().await.unwrap();
    }
    let before = outside.received("").await;
    let env = outside.env.clone();
    let outside = outside.kill_and_start_again().await;
    assert_eq!(outside.received("").await, before);
    let secret = |name: &str| !name.contains("URL") && !name.contains("SLACK_WEBHOOK");
    for (name, value) in env.iter().filter(|(name, _)| secret(name)) {
        assert_eq!(&outside.env[name], value, "{name}");
    }
    let (_, delivery, _) = deliveries(&outside).remove(0);
    delivery.send().await.unwrap();
    let last = before.last().unwrap()["number"].as_u64().unwrap();
    let after = outside.received(&format!("after={last}")).await;
    assert_eq!(after.len(), 1);

    // Forgotten is forgotten, and no number comes twice.
    outside
        .request(Method::DELETE, "/control/received")
        .send()
        .await
        .unwrap();
    assert!(outside.received("").await.is_empty());
    let (_, delivery, _) = deliveries(&outside).remove(0);
    delivery.send().await.unwrap();
    let newest = outside.received("").await[0]["number"].as_u64();
    assert!(newest > after[0]["number"].as_u64());
}

#[tokio::test]
async fn it_ends_when_nobody_holds_its_stdin_any_more() {
    let mut outside = Outside::start().await;
    drop(outside.child.stdin.take());
    let deadline = Instant::now() + Duration::from_secs(20);
    let ended = loop {
        if let Some(status) = outside.child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it goes on for ever");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(ended.success());
    assert!(!outside.file("sinks.json").exists());
}

#[tokio::test]
async fn whoever_waits_is_answered_as_soon_as_it_arrives() {
    let outside = Outside::start().await;
    let wait = outside.received("sink=slack&count=2&wait_ms=20000&brief=true");
    let send = async {
        for _ in 0..2 {
            let (_, delivery, _) = deliveries(&outside).remove(0);
            delivery.send().await.unwrap();
        }
    };
    let began = Instant::now();
    let (received, ()) = tokio::join!(wait, send);
    assert_eq!(received.len(), 2);
    assert!(received[0].get("body").is_none());
    assert!(began.elapsed() < Duration::from_secs(10));
    // With nothing to come it answers when the time is up.
    assert!(outside.received("sink=teams&wait_ms=100").await.is_empty());
}
