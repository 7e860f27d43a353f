//! What the console's forms about people do, and what its files for calendars and telephones hold.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

use house::{Caller, House, Server, header};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const ROTATIONS: &str = "
- id: platform
  name: Platform
  members: [DevOps Lead, Database Admin]
  starts: 2026-01-05
  handover: \"mon 09:00\"
  timezone: Europe/Vienna
";

fn open() -> (House, Server) {
    let house = House::sqlite();
    std::fs::write(house.path("plan/rotations.yaml"), ROTATIONS).unwrap();
    let server = house.start();
    (house, server)
}

async fn declare(caller: &Caller) -> String {
    let body =
        json!({ "title": "Orders are failing", "severity": "SEV1", "affected": ["orders-api"] });
    caller.declare(body).await
}

/// The kinds of an incident's events, in their order.
async fn kinds(caller: &Caller, number: &str) -> Vec<String> {
    let timeline = caller
        .json(&format!("/api/v1/incidents/{number}/timeline"))
        .await;
    let events = timeline["events"].as_array().unwrap().iter();
    events
        .map(|e| e["event"].as_str().unwrap().to_owned())
        .collect()
}

async fn last(caller: &Caller, number: &str, kind: &str) -> Value {
    let timeline = caller
        .json(&format!("/api/v1/incidents/{number}/timeline"))
        .await;
    let events = timeline["events"].as_array().unwrap();
    events.iter().rfind(|e| e["event"] == kind).unwrap().clone()
}

#[tokio::test]
async fn who_reads_the_page_acknowledges_tells_again_and_records_calls() {
    let (house, server) = open();
    let browser = server.browser(&house, "responder").await;
    let number = declare(&browser).await;
    let at = |what: &str| format!("/incidents/{number}/{what}");

    let answer = browser.form(&at("acknowledge"), &[("key", "a-1")]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(header(&answer, "location"), format!("/incidents/{number}"));
    let event = last(&browser, &number, "acknowledged").await;
    assert_eq!(
        (&event["person"], &event["via"]),
        (&json!("Jane Doe"), &json!("page"))
    );

    let call = [
        ("key", "c-1"),
        ("person", "Bob Wilson"),
        ("reached", "yes"),
        ("says", "On his way"),
    ];
    assert_eq!(
        browser.form(&at("calls"), &call).await.status(),
        StatusCode::SEE_OTHER
    );
    let event = last(&browser, &number, "called_by_hand").await;
    assert_eq!(event["reached"], true);
    assert_eq!(event["says"], "On his way");

    // Without the one word that matters it comes back, with what was typed.
    let call = [
        ("key", "c-2"),
        ("person", "Alice Brown"),
        ("says", "Rang <twice>"),
    ];
    let answer = browser.form(&at("calls"), &call).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);

    // They were told a moment ago: not again at once.
    let answer = browser
        .form(&at("notifications/repeat"), &[("key", "r-1")])
        .await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("They were told less than 1 min ago.")
    );
}

#[tokio::test]
async fn a_viewer_sees_who_knows_and_changes_nothing_of_it() {
    let (house, server) = open();
    let number = declare(&server.program(&house.token("commander"))).await;
    let viewer = server.browser(&house, "viewer").await;
    let before = kinds(&viewer, &number).await;
    let at = |what: &str| format!("/incidents/{number}/{what}");
    let forms: [(String, &[(&str, &str)]); 6] = [
        (at("acknowledge"), &[]),
        (at("notifications/repeat"), &[]),
        (at("calls"), &[("person", "Bob Wilson"), ("reached", "yes")]),
        (
            "/contacts/test".into(),
            &[("person", "Bob Wilson"), ("channel", "email")],
        ),
        (
            "/contacts/overrides".into(),
            &[
                ("rotation", "platform"),
                ("person", "Bob Wilson"),
                ("from", "2030-01-01T09:00"),
                ("until", "2030-01-02T09:00"),
            ],
        ),
        ("/contacts/overrides/o-1/remove".into(), &[]),
    ];
    for (path, fields) in forms {
        let answer = viewer.form(&path, fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("responder"), "{path} says what is needed");
    }
    assert_eq!(kinds(&viewer, &number).await, before);
}

#[tokio::test]
async fn a_preview_shows_every_word_and_posts_nothing() {
    let (house, server) = open();
    let browser = server.browser(&house, "commander").await;
    let number = declare(&browser).await;
    let before = kinds(&browser, &number).await;
    let path = format!("/incidents/{number}/updates/preview");
    let fields = [
        ("key", "u-1"),
        ("phase", "identified"),
        ("message", "We know <why>."),
    ];
    let answer = browser.form(&path, &fields).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let page = answer.text().await.unwrap();
    assert!(page.contains("As it goes out") && page.contains("We know &lt;why&gt;."));
    assert!(page.contains("E-mail") && page.contains("4 people"));
    assert_eq!(kinds(&browser, &number).await, before);

    let report = [
        ("internal", "on"),
        ("conditions", ""),
        ("needs", "More hands"),
    ];
    let answer = browser.form(&path, &report).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("Say what is known") && page.contains("More hands"));

    let report = [
        ("internal", "on"),
        ("conditions", "Half of all orders fail"),
        ("actions", ""),
        ("needs", "More hands"),
    ];
    let answer = browser
        .form(&format!("/incidents/{number}/updates"), &report)
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let event = last(&browser, &number, "update_posted").await;
    assert_eq!(
        event["message"],
        "Conditions: Half of all orders fail\nNeeds: More hands"
    );
    assert_eq!(event["public"], false);
    assert!(
        !server
            .anybody()
            .text("/status")
            .await
            .contains("More hands")
    );
}

#[tokio::test]
async fn the_calendar_is_for_who_has_its_address_and_for_nobody_else() {
    let (house, server) = open();
    let browser = server.browser(&house, "responder").await;
    const FEED: &str = "/contacts/on-call.ics";
    assert_eq!(
        server.anybody().get(FEED).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let wrong = format!("{FEED}?key={}", "0".repeat(32));
    assert_eq!(
        server.anybody().get(&wrong).await.status(),
        StatusCode::UNAUTHORIZED
    );

    let page = browser.text("/contacts").await;
    let key = page.split("on-call.ics?key=").nth(1).unwrap();
    let key = &key[..32];
    let feed = server.anybody().get(&format!("{FEED}?key={key}")).await;
    assert_eq!(feed.status(), StatusCode::OK);
    assert!(header(&feed, "content-type").starts_with("text/calendar"));
    let feed = feed.text().await.unwrap();
    assert!(feed.contains("SUMMARY:Jane Doe on call: Platform"));
    assert!(
        !feed.contains("555") && !feed.contains('@')
            || feed.matches('@').count() == feed.matches("@muster").count()
    );
    let mine = browser.text(&format!("{FEED}?person=Bob%20Wilson")).await;
    assert!(mine.contains("Bob Wilson on call") && !mine.contains("Jane Doe on call"));
}

#[tokio::test]
async fn somebody_stands_in_by_the_clock_on_the_rotations_wall() {
    let (house, server) = open();
    let browser = server.browser(&house, "responder").await;
    let fields = |from: &'static str| {
        [
            ("rotation", "platform"),
            ("person", "Alice Brown"),
            ("from", from),
            ("until", "2030-07-02T09:00"),
            ("reason", "Leave"),
        ]
    };
    let answer = browser
        .form("/contacts/overrides", &fields("tomorrow"))
        .await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("Write the time as") && page.contains("value=\"Leave\""));

    let answer = browser
        .form("/contacts/overrides", &fields("2030-07-01T09:00"))
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let page = browser.text("/contacts").await;
    // Nine in Vienna, in summer.
    assert!(page.contains("datetime=\"2030-07-01T07:00:00"), "{page}");
    let id = page.split("/contacts/overrides/").nth(1).unwrap();
    let id = id.split('/').next().unwrap();
    let answer = browser
        .form(&format!("/contacts/overrides/{id}/remove"), &[])
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(!browser.text("/contacts").await.contains("2030-07-01"));
}

#[tokio::test]
async fn contacts_leave_as_cards_one_by_one_or_all() {
    let (house, server) = open();
    let browser = server.browser(&house, "viewer").await;
    let all = browser.get("/contacts.vcf").await;
    assert!(header(&all, "content-type").starts_with("text/vcard"));
    assert_eq!(all.text().await.unwrap().matches("BEGIN:VCARD").count(), 4);
    let one = browser.get("/contacts.vcf?person=Database%20Admin").await;
    assert!(header(&one, "content-disposition").contains("bob-wilson.vcf"));
    assert!(
        one.text()
            .await
            .unwrap()
            .contains("TEL;TYPE=VOICE,WORK:+1-555-0003")
    );
    let nobody = browser.ask(Method::GET, "/contacts.vcf?person=Nobody");
    assert_eq!(nobody.send().await.unwrap().status(), StatusCode::NOT_FOUND);
}
