//! A maintenance window from the outside: scheduled with a preview, held, released, and told by REST and on the pages; and
//! what the days say afterwards.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test that cannot go on fails; the house is for more than this file"
)]

mod house;

use house::{Caller, House, header, refused, until};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{fs, net::TcpListener};

/// One service, looked at every second.
fn house(listener: &TcpListener) -> House {
    let house = House::small();
    let check = format!(
        "{{probe: {{tcp: {{address: '{}'}}}}, interval: 1s, timeout: 500ms, fall: 2, rise: 1, internal: true}}",
        listener.local_addr().unwrap()
    );
    let text = format!(
        "- {{id: database, name: Database, tier: critical, check: {check}}}\n- {{id: app, name: App, tier: critical, depends_on: [database]}}\n"
    );
    fs::write(house.path("plan/services.yaml"), text).unwrap();
    house
}

async fn service(caller: &Caller) -> Value {
    caller.json("/api/v1/board").await["services"][0].clone()
}

async fn seen(caller: &Caller, health: &str) -> Value {
    until(health, async || {
        Some(service(caller).await).filter(|s| s["health"] == health)
    })
    .await
}

fn window(minutes: i64) -> Value {
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes);
    json!({ "title": "New disks", "services": ["database"], "until": until.to_string(), "public": true })
}

#[tokio::test]
async fn what_fails_in_a_window_is_held_until_it_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let house = house(&listener);
    let token = house.token("commander");
    let server = house.start();
    let caller = server.program(&token);
    seen(&caller, "operational").await;

    let made = caller.post("/api/v1/maintenance", window(60)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let tag = header(&made, "etag").to_owned();
    let told: Value = made.json().await.unwrap();
    let id = told["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&told["stage"], &told["by"]),
        (&json!("in_progress"), &json!("the commander"))
    );
    seen(&caller, "maintenance").await;

    // It fails in the middle of it: recorded, shown to who works on it, and told to nobody else.
    drop(listener);
    let page = until("the finding on the page", async || {
        let page = caller.text("/maintenance").await;
        page.contains("Found by the checks, and held")
            .then_some(page)
    })
    .await;
    assert!(page.contains("Major outage"), "{page}");
    assert_eq!(service(&caller).await["health"], "maintenance");
    let board = caller.text("/").await;
    assert!(!board.contains("Suggested now"), "nothing is proposed");

    // An old page cannot end it, and the right one tells what was held.
    let at = format!("/api/v1/maintenance/{id}");
    let extended = caller
        .post(
            &format!("{at}/reschedule"),
            json!({ "until": window(90)["until"] }),
        )
        .await;
    assert_eq!(extended.status(), StatusCode::OK);
    let complete = || {
        caller
            .ask(reqwest::Method::POST, &format!("{at}/complete"))
            .json(&json!({ "message": "The disks are in." }))
    };
    refused(
        complete().header("if-match", tag).send().await.unwrap(),
        StatusCode::CONFLICT,
    )
    .await;
    let done: Value = complete().send().await.unwrap().json().await.unwrap();
    assert_eq!(done["stage"], "completed");
    let failed = seen(&caller, "major_outage").await;
    let because = failed["because"].as_str().unwrap();
    assert!(
        because.contains(&id) && because.contains("held since"),
        "{because}"
    );
    assert!(caller.text("/").await.contains("Suggested now"));
    let all = caller.json("/api/v1/maintenance").await;
    let words: Vec<_> = all["maintenance"][0]["updates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w["message"].clone())
        .collect();
    assert_eq!(words.last().unwrap(), "The disks are in.");
    refused(
        caller.post(&format!("{at}/begin"), json!({})).await,
        StatusCode::CONFLICT,
    )
    .await;
}

#[tokio::test]
async fn a_window_is_shown_before_it_is_scheduled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let house = house(&listener);
    let server = house.start();
    let browser = server.browser(&house, "commander").await;
    let draft = "title=New+disks&message=No+orders&services=database&from=2030-07-01T12%3A00&until=2030-07-01T13%3A00&zone=UTC";
    let far = browser.text(&format!("/maintenance?{draft}")).await;
    assert!(
        far.contains("more than a year ahead") && far.contains("No orders"),
        "said at its field, nothing typed is lost"
    );
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24)).to_string()[..16]
        .to_owned();
    let later = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(26)).to_string()[..16]
        .to_owned();
    let fields = [
        ("title", "New disks <b>"),
        ("message", "No orders"),
        ("services", "database"),
        ("from", &soon),
        ("until", &later),
        ("zone", "UTC"),
        ("public", "on"),
    ];
    let query = serde_urlencoded::to_string(fields).unwrap();
    let preview = browser.text(&format!("/maintenance?{query}")).await;
    for part in [
        "Before it is told",
        "has no public name",
        "depending on it: App",
        "New disks &lt;b&gt;",
    ] {
        assert!(preview.contains(part), "{part}: {preview}");
    }
    let none = browser.json("/api/v1/maintenance").await;
    assert_eq!(
        none["maintenance"],
        json!([]),
        "nothing is written by looking"
    );

    let scheduled = browser.form("/maintenance", &fields).await;
    assert_eq!(scheduled.status(), StatusCode::SEE_OTHER);
    let to = header(&scheduled, "location").to_owned();
    assert!(to.starts_with("/maintenance#MNT-"), "{to}");
    let id = to.split('#').nth(1).unwrap();
    assert!(browser.text("/").await.contains(&to), "it is on the board");
    let begun = browser
        .form(
            &format!("/maintenance/{id}/begin"),
            &[("stage", "in_progress")],
        )
        .await;
    assert_eq!(begun.status(), StatusCode::SEE_OTHER);
    assert_eq!(service(&browser).await["health"], "maintenance");
    let cancelled = browser
        .form(
            &format!("/maintenance/{id}/cancel"),
            &[("stage", "cancelled"), ("message", "Not today")],
        )
        .await;
    assert_eq!(cancelled.status(), StatusCode::SEE_OTHER);
    assert!(browser.text("/maintenance").await.contains("Not today"));

    let responder = server.program(&house.token("responder"));
    refused(
        responder.post("/api/v1/maintenance", window(60)).await,
        StatusCode::FORBIDDEN,
    )
    .await;
    let unknown = responder.get("/api/v1/maintenance/MNT-2020-001").await;
    refused(unknown, StatusCode::NOT_FOUND).await;
}

#[tokio::test]
async fn a_stopped_server_leaves_a_gap_in_the_days() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let house = house(&listener);
    let token = house.token("viewer");
    let server = house.start();
    let caller = server.program(&token);
    seen(&caller, "operational").await;
    let today = async |caller: &Caller| {
        let told = caller.json("/api/v1/services/database/history").await;
        let days = told["days"].as_array().unwrap();
        assert_eq!(days.len(), 90);
        (told["uptime"].clone(), days[89].clone())
    };
    let of = |day: &Value, state: &str| day[state].as_u64().unwrap();
    let (up, before) = until("a first second", async || {
        let (up, day) = today(&caller).await;
        (of(&day, "operational_s") > 0).then_some((up, day))
    })
    .await;
    assert_eq!(up, json!(1.0));
    assert_eq!(before["major_outage_s"], 0);
    // TERM: what was seen is written down before it goes.
    std::process::Command::new("kill")
        .args(["-TERM", &server.pid()])
        .status()
        .unwrap();
    until("its end", async || {
        caller.http.get(&caller.url).send().await.err()
    })
    .await;
    drop(listener);
    drop(server);

    let server = house.start();
    let caller = server.program(&token);
    seen(&caller, "major_outage").await;
    let (up, after) = until("an outage in the days", async || {
        let (up, day) = today(&caller).await;
        (of(&day, "major_outage_s") > 0).then_some((up, day))
    })
    .await;
    assert!(up.as_f64().unwrap() < 1.0);
    assert!(of(&after, "operational_s") >= of(&before, "operational_s"));
    assert_eq!(after["changes"], 0, "that it is known again is no change");
    let page = caller.text("/services/database").await;
    assert!(page.contains("Last 90 days") && page.contains("role=\"img\""));
    assert_eq!(
        caller.get("/services/nobody").await.status(),
        StatusCode::NOT_FOUND
    );
    let nobody = caller.get("/api/v1/services/nobody/history").await;
    refused(nobody, StatusCode::NOT_FOUND).await;
}
