//! What a restarted server knows of its services, and the other side that calls in.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test that cannot go on fails; the house is for more than this file"
)]

mod house;

use house::{Caller, House, until};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::fs;

async fn service(caller: &Caller) -> Value {
    caller.json("/api/v1/board").await["services"][0].clone()
}

async fn seen(caller: &Caller, health: &str) -> Value {
    until(health, async || {
        Some(service(caller).await).filter(|s| s["health"] == health)
    })
    .await
}

fn house(check: &str) -> House {
    let house = House::small();
    let text = format!(
        "- {{id: database, name: Database, tier: critical, check: {{probe: {check}, interval: 1s, timeout: 500ms, internal: true}}}}\n"
    );
    fs::write(house.path("plan/services.yaml"), text).unwrap();
    house
}

#[tokio::test]
async fn who_must_call_in_is_known_when_it_has_called_also_after_a_restart() {
    let house = house("{heartbeat: {every: 1h}}");
    let (viewer, responder) = (house.token("viewer"), house.token("responder"));
    let server = house.start();
    let caller = server.program(&responder);
    assert_eq!(service(&caller).await["health"], "no_data");
    let here = "/api/v1/heartbeats/database";
    let refused = server.program(&viewer).post(here, json!({})).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let nobody = caller.post("/api/v1/heartbeats/other", json!({})).await;
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
    let done = caller.post(here, json!({})).await;
    assert_eq!(done.status(), StatusCode::NO_CONTENT);
    let known = seen(&caller, "operational").await;
    assert_eq!(known["class"], "ok");
    server.kill();

    let server = house.start();
    seen(&server.program(&responder), "operational").await;
}

#[tokio::test]
async fn a_restarted_server_knows_nothing_until_it_has_looked() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let house = house(&format!(
        "{{tcp: {{address: '{}'}}}}",
        listener.local_addr().unwrap()
    ));
    let token = house.token("viewer");
    let server = house.start();
    seen(&server.program(&token), "operational").await;
    server.kill();

    // Nobody is there any more; what the log says of before is history.
    drop(listener);
    let server = house.start();
    let caller = server.program(&token);
    let mut before = Vec::new();
    let down = until("major_outage", async || {
        let now = service(&caller).await;
        before.push(now["health"].clone());
        Some(now).filter(|s| s["health"] == "major_outage")
    })
    .await;
    assert_eq!(down["class"], "refused");
    assert!(!before.contains(&json!("operational")), "{before:?}");
}
