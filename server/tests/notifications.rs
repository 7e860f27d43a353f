//! Who was told and who knows, by REST and by the plan's own commands; what reached people is what the laboratory's
//! providers accepted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;
#[path = "../engine/tests/channels/outside.rs"]
#[allow(dead_code)]
mod outside;

use house::{Caller, House, Server, refused, until};
use outside::Outside;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

struct Scene {
    outside: Outside,
    house: House,
    server: Server,
    api: Caller,
}

/// The laboratory, or no test.
macro_rules! scene {
    () => {
        match begin().await {
            Some(scene) => scene,
            None => return,
        }
    };
}

async fn begin() -> Option<Scene> {
    let outside = Outside::begin().await?;
    let mut house = House::sqlite();
    house.env = outside.env.clone().into_iter().collect();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    Some(Scene {
        outside,
        house,
        server,
        api,
    })
}

impl Scene {
    async fn declare(&self, severity: &str) -> String {
        let body = json!({ "title": "Orders are not taken", "severity": severity });
        self.api.declare(body).await
    }

    async fn told(&self, number: &str) -> Value {
        let path = format!("/api/v1/incidents/{number}/notifications");
        self.api.json(&path).await
    }

    /// Once everything that is to be sent was accepted.
    async fn settled(&self, number: &str) -> Value {
        until("everything is sent", async || {
            let told = self.told(number).await;
            let all = told["notifications"].as_array().unwrap();
            let sent = |n: &Value| {
                ["sent", "delivered", "read", "suppressed"].contains(&n["state"].as_str().unwrap())
            };
            all.iter().all(sent).then_some(told)
        })
        .await
    }

    async fn ask(&self, number: &str, what: &str, body: Value) -> Value {
        let path = format!("/api/v1/incidents/{number}/{what}");
        let answer = self.api.post(&path, body).await;
        assert_eq!(answer.status(), StatusCode::OK, "{what}");
        answer.json().await.unwrap()
    }

    /// `muster do …` as a person runs it; its exit code, and what it said.
    fn command(&self, words: &[&str]) -> (i32, String) {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_muster"))
            .args(["do"])
            .args(words)
            .current_dir(self.house.path("plan"))
            .env("MUSTER_PLAN", self.house.path("plan"))
            .env("MUSTER_URL", &self.server.url)
            .env("MUSTER_TOKEN", self.house.token("commander"))
            .env_remove("MUSTER_INCIDENT")
            .env_remove("MUSTER_RUN")
            .output()
            .unwrap();
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (done.status.code().unwrap(), said)
    }
}

#[tokio::test]
async fn the_scorecard_says_who_was_told_when_and_who_knows() {
    let scene = scene!();
    let number = scene.declare("SEV1").await;
    let told = scene.settled(&number).await;
    let lines: Vec<_> = told["scorecard"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| {
            (
                l["channel"].as_str().unwrap(),
                l["people"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [("phone", 4), ("email", 4), ("slack", 1)],
        "{told:#}"
    );
    for line in told["scorecard"].as_array().unwrap() {
        assert_eq!(line["standing"], "in_time", "{line:#}");
        assert_eq!(line["call_by_hand"], json!([]));
    }
    assert_eq!(
        told["not_acknowledged"],
        json!(["Alice Brown", "Bob Wilson", "Jane Doe", "John Smith"])
    );
    let known = scene.ask(&number, "acknowledge", json!({})).await;
    assert_eq!(known["acknowledged"][0]["via"], "api");
    let called = json!({ "person": "Bob Wilson", "reached": true, "says": "He is on his way." });
    let known = scene.ask(&number, "calls", called).await;
    assert_eq!(known["calls"][0]["person"], "Bob Wilson");
    assert_eq!(
        known["not_acknowledged"],
        json!(["Alice Brown", "Jane Doe", "John Smith"])
    );
    let path = format!("/api/v1/incidents/{number}/notifications/repeat");
    let too_soon = scene.api.post(&path, json!({})).await;
    let why = refused(too_soon, StatusCode::CONFLICT).await;
    assert!(
        why["detail"]
            .as_str()
            .unwrap()
            .contains("less than 1 min ago"),
        "{why}"
    );
    let stranger = scene.api.post(&path, json!({ "person": "Nobody" })).await;
    assert_eq!(
        refused(stranger, StatusCode::UNPROCESSABLE_ENTITY).await["field"],
        "person"
    );
}

#[tokio::test]
async fn a_preview_counts_whom_declaring_would_tell_and_tells_nobody() {
    let scene = scene!();
    for (severity, count) in [
        ("SEV1", json!({ "phone": 4, "email": 4, "slack": 1 })),
        ("2", json!({ "email": 4, "slack": 1 })),
        ("sev3", json!({ "slack": 1 })),
    ] {
        let path = format!("/api/v1/notifications/preview?severity={severity}");
        assert_eq!(scene.api.json(&path).await["count"], count, "{severity}");
    }
    let wrong = scene
        .api
        .get("/api/v1/notifications/preview?severity=9")
        .await;
    refused(wrong, StatusCode::BAD_REQUEST).await;
    let accepted = scene
        .outside
        .ask(Method::GET, "/control/received", None)
        .await;
    assert_eq!(accepted, json!([]));
}

#[tokio::test]
async fn an_address_is_tried_by_rest_and_confirmed_by_whom_it_reaches() {
    let scene = scene!();
    let test = json!({ "person": "Database Admin", "channel": "email" });
    let asked = scene.api.post("/api/v1/contacts/test", test.clone()).await;
    assert_eq!(asked.status(), StatusCode::ACCEPTED);
    let mail = &scene.outside.received("smtp", 1).await[0];
    assert_eq!(mail["to"][0], "dba@sentia.com");
    let again = scene.api.post("/api/v1/contacts/test", test).await;
    refused(again, StatusCode::CONFLICT).await;
    let viewer = scene.server.browser(&scene.house, "viewer").await;
    let standing = async |says: &str| viewer.text("/contacts").await.matches(says).count();
    assert_eq!(standing("ago, not confirmed").await, 1);
    assert_eq!(standing("Confirmed ").await, 0);
    // The link in the mail is that person's word.
    let text = mail["text"].as_str().unwrap();
    let link = text
        .split_whitespace()
        .find(|w| w.contains("/ack/"))
        .unwrap();
    let path = link
        .split_once("/ack/")
        .map(|(_, token)| format!("/ack/{token}"));
    let said = scene.server.anybody().form(&path.unwrap(), &[]).await;
    assert_eq!(said.status(), StatusCode::SEE_OTHER);
    assert_eq!(standing("ago, not confirmed").await, 0);
    assert_eq!(standing("Confirmed ").await, 1);
    // A caller confirms only for themselves.
    let other = json!({ "channel": "email" });
    let not_theirs = scene.api.post("/api/v1/contacts/confirm", other).await;
    refused(not_theirs, StatusCode::NOT_FOUND).await;
}

#[tokio::test]
async fn the_plans_own_commands_tell_people() {
    let scene = scene!();
    let (code, said) = scene.command(&[
        "alert:send",
        "--severity=1",
        "--message=Service disruption detected",
    ]);
    assert_eq!(code, 0, "{said}");
    let number = said
        .split_whitespace()
        .find(|w| w.starts_with("INC-"))
        .unwrap()
        .trim_end_matches(':')
        .to_owned();
    scene.settled(&number).await;
    scene.outside.received("phone", 4).await;
    scene.outside.received("slack", 1).await;

    let (code, said) = scene.command(&["status:update", "--status=identified"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = scene.command(&[
        "alert:update",
        "--message=Recovery in progress, ETA 30 minutes",
    ]);
    assert_eq!(code, 0, "{said}");
    scene.settled(&number).await;
    let mails = scene.outside.received("smtp", 12).await;
    let eta = |m: &&Value| m.to_string().contains("ETA 30 minutes");
    assert_eq!(
        mails.iter().filter(eta).count(),
        4,
        "to everybody who was told"
    );
    let incident = scene.api.json(&format!("/api/v1/incidents/{number}")).await;
    assert_eq!(incident["phase"], "identified");

    let (code, said) = scene.command(&["alert:resolve", "--message=Service restored"]);
    assert_eq!(code, 0, "{said}");
    scene.settled(&number).await;
    scene.outside.received("phone", 4).await;
    let incident = scene.api.json(&format!("/api/v1/incidents/{number}")).await;
    assert_eq!(incident["state"], "resolved");

    // Wrong use says what is missing, and changes nothing.
    for words in [
        vec!["alert:send"],
        vec!["alert:update", "--message=Nothing is open"],
        vec!["status:update", "--status=fine"],
        vec!["alert:send", "--severity=7", "--message=x y z"],
    ] {
        let (code, said) = scene.command(&words);
        assert_eq!(code, 2, "{words:?}: {said}");
    }
    let (_, one) = scene.command(&["alert:send", "--severity=3", "--message=First"]);
    let (_, two) = scene.command(&["alert:send", "--severity=3", "--message=Second"]);
    assert!(one.contains("INC-") && two.contains("INC-"));
    let (code, said) = scene.command(&["alert:update", "--message=Which one?"]);
    assert!(
        code == 2 && said.contains("several incidents are open"),
        "{said}"
    );
}

#[tokio::test]
async fn who_is_on_call_can_be_swapped_by_rest() {
    let house = House::sqlite();
    std::fs::write(
        house.path("plan/rotations.yaml"),
        "- {id: platform, name: Platform, members: [DevOps Lead, Database Admin], starts: 2026-01-05, handover: mon 09:00, timezone: UTC}\n",
    )
    .unwrap();
    let server = house.start();
    let api = server.program(&house.token("responder"));
    let duty = api.json("/api/v1/oncall").await;
    assert_eq!(duty["now"][0]["rotation"], "platform");
    let now = jiff::Timestamp::now();
    let until = now
        .checked_add(jiff::SignedDuration::from_hours(2))
        .unwrap();
    let swap = json!({
        "rotation": "platform", "person": "CTO", "from": now.to_string(),
        "until": until.to_string(), "reason": "Dentist",
    });
    let answer = api.post("/api/v1/oncall", swap).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let duty: Value = answer.json().await.unwrap();
    assert_eq!(duty["now"][0]["person"], "John Smith");
    let path = format!("/api/v1/oncall/{}/remove", duty["id"].as_str().unwrap());
    let answer = api.post(&path, json!({})).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let duty: Value = answer.json().await.unwrap();
    assert_ne!(duty["now"][0]["person"], "John Smith");
    refused(api.post(&path, json!({})).await, StatusCode::NOT_FOUND).await;
}
