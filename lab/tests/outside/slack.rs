//! Slack's webhook and its buttons.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{Outside, Sender, slack_message};

#[tokio::test]
async fn slack_takes_no_message_that_slack_would_not_take() {
    let outside = Outside::start().await;
    let section = json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x" } });
    let header =
        |text: String| json!({ "type": "header", "text": { "type": "plain_text", "text": text } });
    for (message, word) in [
        (json!("text"), "invalid_payload"),
        (json!({ "text": " " }), "no_text"),
        (
            json!({ "text": "x", "blocks": vec![section.clone(); 51] }),
            "invalid_blocks",
        ),
        (
            json!({ "text": "x", "blocks": [header("x".repeat(151))] }),
            "invalid_blocks",
        ),
        (
            json!({ "text": "x", "blocks": [{ "type": "hedaer" }] }),
            "invalid_blocks",
        ),
    ] {
        let answer = outside
            .post("/slack/incidents", &message)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{word}");
        assert_eq!(answer.text().await.unwrap(), word);
    }
    let most = json!({ "text": "x", "blocks": vec![section; 50] });
    let answer = outside
        .post("/slack/incidents", &most)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok");
    assert_eq!(outside.received("").await.len(), 1);
}

#[tokio::test]
async fn a_pressed_button_comes_back_signed_and_can_be_answered_in_the_channel() {
    let outside = Outside::start().await;
    let mut muster = Sender::listen("").await;
    let webhook = &outside.env["MUSTER_SLACK_WEBHOOK"];
    outside
        .http
        .post(webhook)
        .json(&slack_message("SEV1"))
        .send()
        .await
        .unwrap();
    let number = outside.received("sink=slack").await[0]["number"]
        .as_u64()
        .unwrap();

    let press = json!({
        "number": number, "action": "acknowledge", "user": { "id": "U7", "name": "ada" },
        "url": format!("{}/slack", muster.url),
    });
    let (status, answer) = outside
        .command(Method::POST, "/control/press", press.clone())
        .await;
    assert_eq!(
        (status, &answer["status"]),
        (StatusCode::OK, &json!(200)),
        "{answer}"
    );
    let told = muster.next().await;
    let secret = &outside.env["MUSTER_SLACK_SIGNING_SECRET"];
    assert!(told.is_from_slack(secret));
    let payload: Value = serde_json::from_str(&told.form()["payload"]).unwrap();
    assert_eq!(payload["type"], "block_actions");
    assert_eq!(payload["user"]["name"], "ada");
    assert_eq!(payload["actions"][0]["value"], "n-17");
    assert_eq!(payload["actions"][0]["block_id"], "answers");

    let response_url = payload["response_url"].as_str().unwrap();
    let response = outside
        .http
        .post(response_url)
        .json(&json!({ "text": "ada has it" }));
    assert_eq!(response.send().await.unwrap().status(), StatusCode::OK);
    let responses = outside.happened(number, "response", 1).await;
    assert_eq!(responses[0]["detail"]["text"], "ada has it");

    // What must not be believed can be made too.
    let mut forged = press.clone();
    forged["forge"] = json!(true);
    outside
        .command(Method::POST, "/control/press", forged)
        .await;
    assert!(!muster.next().await.is_from_slack(secret));
    let mut old = press.clone();
    old["timestamp"] = json!(1_700_000_000);
    outside.command(Method::POST, "/control/press", old).await;
    let told = muster.next().await;
    assert_eq!(told.headers["x-slack-request-timestamp"], "1700000000");
    assert!(told.is_from_slack(secret));

    let mut nothing = press;
    nothing["action"] = json!("no such button");
    let (status, _) = outside
        .command(Method::POST, "/control/press", nothing)
        .await;
    assert_eq!(status, StatusCode::CONFLICT);
}
