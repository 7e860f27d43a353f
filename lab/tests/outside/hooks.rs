//! Webhooks, Teams and PagerDuty.

use ring::hmac;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::Outside;

#[tokio::test]
async fn a_signed_webhook_is_checked_and_a_forged_one_is_turned_away() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let outside = Outside::start().await;
    let secret = outside.env["MUSTER_WEBHOOK_SECRET"]
        .strip_prefix("whsec_")
        .unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret).unwrap());
    let now = jiff::Timestamp::now().as_second() - 90;
    let tag = hmac::sign(&key, format!("msg_1.{now}.{{\"n\":7}}").as_bytes());
    let send = |body: &'static str| {
        outside
            .http
            .post(&outside.env["MUSTER_WEBHOOK_URL"])
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", now.to_string())
            .header(
                "webhook-signature",
                format!("v1a,x v1,{}", STANDARD.encode(tag)),
            )
            .body(body)
            .send()
    };
    assert_eq!(
        send("{\"n\":7}").await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        send("{\"n\":8}").await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let received = outside.received("sink=hook").await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0]["key"], "msg_1");
    assert_eq!(received[0]["detail"]["signature"], "valid");
    let age = received[0]["detail"]["age_s"].as_i64().unwrap();
    assert!((90..120).contains(&age), "{age}");
    // A heartbeat is a webhook too, and needs no signature.
    let beat = outside
        .request(Method::GET, "/hook/heartbeat")
        .send()
        .await
        .unwrap();
    assert_eq!(beat.status(), StatusCode::NO_CONTENT);
    let beats = outside.received("to=heartbeat").await;
    assert_eq!(beats[0]["detail"]["signature"], "absent");
}

#[tokio::test]
async fn teams_and_pagerduty_say_what_is_wrong() {
    let outside = Outside::start().await;
    let no_card = json!({ "text": "SEV1" });
    let answer = outside.post("/teams/x", &no_card).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let large = json!({ "text": "x".repeat(29_000) });
    let answer = outside.post("/teams/x", &large).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let key = &outside.env["MUSTER_PAGERDUTY_KEY"];
    let payload = json!({ "summary": "x", "source": "y", "severity": "critical" });
    for (event, word) in [
        (
            json!({ "routing_key": "guessed", "event_action": "trigger", "payload": payload }),
            "routing key",
        ),
        (
            json!({ "routing_key": key, "event_action": "resolve" }),
            "dedup_key",
        ),
        (
            json!({ "routing_key": key, "event_action": "trigger", "payload": { "summary": "x" } }),
            "source",
        ),
        (
            json!({ "routing_key": key, "event_action": "trigger",
                    "payload": { "summary": "x", "source": "y", "severity": "sev1" } }),
            "severity",
        ),
    ] {
        let answer = outside
            .post("/pagerduty/v2/enqueue", &event)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let answer: Value = answer.json().await.unwrap();
        assert!(
            answer["errors"][0].as_str().unwrap().contains(word),
            "{answer}"
        );
    }
    assert!(outside.received("").await.is_empty());
    let event = json!({ "routing_key": key, "event_action": "resolve", "dedup_key": "incident-7" });
    let answer = outside
        .post("/pagerduty/v2/enqueue", &event)
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.json::<Value>().await.unwrap()["dedup_key"],
        "incident-7"
    );
}
