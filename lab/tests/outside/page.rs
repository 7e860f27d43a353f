//! The page for people.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::stage::{Outside, Sender, slack_message};

#[tokio::test]
async fn the_page_shows_what_arrived_and_its_buttons_press() {
    let outside = Outside::start().await;
    let mut muster = Sender::listen("").await;
    let settings = json!({ "slack_actions_url": format!("{}/slack", muster.url) });
    outside
        .command(Method::PUT, "/control/settings", settings)
        .await;
    let hostile = slack_message("<script>alert(1)</script>");
    outside
        .post("/slack/incidents", &hostile)
        .send()
        .await
        .unwrap();
    outside
        .post(
            "/slack/other",
            &json!({ "text": "<img src=x onerror=alert(1)> http://127.0.0.1/ack?t=1&u=2" }),
        )
        .send()
        .await
        .unwrap();
    let page = outside.request(Method::GET, "/").send().await.unwrap();
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = page.text().await.unwrap();
    assert!(
        !page.contains("<script>alert") && !page.contains("<img"),
        "{page}"
    );
    assert!(
        page.contains("SEV1: orders fail") && page.contains("Acknowledge</button>"),
        "{page}"
    );
    assert!(
        page.contains("href=\"http://127.0.0.1/ack?t=1&#38;u=2\""),
        "{page}"
    );

    let press = [("number", "1"), ("action", "acknowledge")];
    let pressed = outside
        .request(Method::POST, "/press")
        .form(&press)
        .send()
        .await
        .unwrap();
    assert_eq!(pressed.status(), StatusCode::OK);
    assert!(
        muster
            .next()
            .await
            .is_from_slack(&outside.env["MUSTER_SLACK_SIGNING_SECRET"])
    );
    let page = outside
        .request(Method::GET, "/")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(page.contains("lab pressed acknowledge"), "{page}");
}

#[tokio::test]
async fn no_other_web_page_may_read_or_press() {
    let outside = Outside::start().await;
    for (name, value) in [("origin", "http://evil.example"), ("host", "evil.example")] {
        for (method, path) in [
            (Method::GET, "/control/received"),
            (Method::GET, "/"),
            (Method::POST, "/press"),
            (Method::POST, "/control/faults"),
        ] {
            let request = outside.request(method, path).header(name, value);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name} {path}");
        }
    }
}
