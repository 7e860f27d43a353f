//! How people say that they know: by the link in a message, a digit in a call, a button in Slack.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Span, Stamp};
use engine::{
    channels::ack::{About, Claim, Signer},
    secrets::Vault,
};
use house::{Caller, House, Server};
use reqwest::{Method, Response, StatusCode};
use ring::hmac;
use serde_json::{Value, json};

const TWILIO: &str = "the-token-of-the-account";
const SLACK: &str = "8f742231b10e8888abcd99yyyzzz85a5";

struct Scene {
    house: House,
    server: Server,
    api: Caller,
    anybody: Caller,
    number: String,
}

/// A declared SEV1.
async fn scene() -> Scene {
    scene_with(TWILIO, SLACK).await
}

async fn scene_with(twilio: &str, slack: &str) -> Scene {
    let mut house = House::sqlite();
    house.env = vec![
        ("MUSTER_TWILIO_TOKEN".into(), twilio.into()),
        ("MUSTER_SLACK_SIGNING_SECRET".into(), slack.into()),
    ];
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let number = api
        .declare(json!({ "title": "Orders are <b>not</b> taken", "severity": "SEV1", "affected": ["orders-api"] }))
        .await;
    Scene {
        anybody: server.anybody(),
        house,
        server,
        api,
        number,
    }
}

fn now() -> Stamp {
    Stamp(jiff::Timestamp::now().as_microsecond())
}

impl Scene {
    fn claim(&self, person: &str) -> Claim {
        Claim {
            about: About::Incident(self.number.as_str().into()),
            person: person.into(),
            expires: now().plus(Span::secs(3600)),
        }
    }

    /// As the house itself makes them.
    fn token_of(&self, claim: &Claim) -> String {
        let vault = Vault::open(&self.house.path("data")).unwrap();
        Signer::new(&vault).token(claim)
    }

    fn token(&self, person: &str) -> String {
        self.token_of(&self.claim(person))
    }

    /// Who has acknowledged, and how, as the timeline says.
    async fn acknowledged(&self) -> Vec<(String, String)> {
        let path = format!("/api/v1/incidents/{}/timeline?limit=500", self.number);
        let timeline = self.api.json(&path).await;
        let events = timeline["events"].as_array().unwrap().iter();
        let said = events.filter(|e| e["event"] == "acknowledged");
        let text = |e: &Value, key: &str| e[key].as_str().unwrap_or_default().to_owned();
        said.map(|e| (text(e, "person"), text(e, "via"))).collect()
    }

    /// A call of the telephone provider, signed by whoever has this token.
    async fn twilio(
        &self,
        what: &str,
        query: &str,
        form: &[(&str, &str)],
        token: &str,
    ) -> Response {
        let path = format!("/callbacks/twilio/{what}?{query}");
        let mut fields = form.to_vec();
        fields.sort_unstable();
        let fields: String = fields.iter().map(|(n, v)| format!("{n}{v}")).collect();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
        let signed = format!("{}{path}{fields}", self.server.url);
        let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
        let request = self.anybody.ask(Method::POST, &path).form(form);
        request
            .header("x-twilio-signature", signature)
            .send()
            .await
            .unwrap()
    }

    /// A press of a button of Slack, signed so many seconds ago.
    async fn slack(&self, payload: &Value, secret: &str, ago: i64) -> Response {
        let body = serde_urlencoded::to_string([("payload", payload.to_string())]).unwrap();
        let at = (now().0 / 1_000_000 - ago).to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, format!("v0:{at}:{body}").as_bytes());
        let request = self.anybody.ask(Method::POST, "/callbacks/slack/actions");
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", at)
            .header("x-slack-signature", format!("v0={}", hex::encode(tag)))
            .body(body)
            .send()
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_link_acknowledges_by_its_button_and_not_by_being_followed() {
    let scene = scene().await;
    let path = format!("/ack/{}", scene.token("Bob Wilson"));
    let head = scene.anybody.ask(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    let page = scene.anybody.get(&path).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()["cache-control"], "no-store");
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("form-action 'self'"),
        "{policy}"
    );
    let page = page.text().await.unwrap();
    for fact in [
        "SEV1 Critical",
        &scene.number,
        "Orders are &#60;b&#62;not",
        "Orders API",
        "Acknowledge as Bob Wilson",
        "nobody yet",
    ] {
        assert!(page.contains(fact), "{fact}:\n{page}");
    }
    assert!(!page.contains("<script"), "it needs none");
    assert_eq!(scene.acknowledged().await, []);

    for _ in 0..2 {
        let pressed = scene.anybody.form(&path, &[]).await;
        assert_eq!(pressed.status(), StatusCode::SEE_OTHER);
        assert_eq!(pressed.headers()["location"], path.as_str());
    }
    let once = [("Bob Wilson".to_owned(), "link".to_owned())];
    assert_eq!(scene.acknowledged().await, once);
    let page = scene.anybody.text(&path).await;
    assert!(
        page.contains("You have acknowledged this, Bob Wilson") && !page.contains("<button"),
        "{page}"
    );

    // Another person's link still asks, and says who knows already.
    let other = format!("/ack/{}", scene.token("Alice Brown"));
    let page = scene.anybody.text(&other).await;
    assert!(
        page.contains("Acknowledge as Alice Brown") && page.contains("Bob Wilson"),
        "{page}"
    );
}

#[tokio::test]
async fn a_link_that_is_old_or_not_ours_leads_to_a_page_that_helps() {
    let scene = scene().await;
    let expired = scene.token_of(&Claim {
        expires: now(),
        ..scene.claim("Bob Wilson")
    });
    let nobodys = scene.token_of(&Claim {
        about: About::Incident("INC-1999-001".into()),
        ..scene.claim("Bob Wilson")
    });
    let whole = scene.token("Bob Wilson");
    let vault = Vault::open(scene.house.home.path()).unwrap();
    let foreign = Signer::new(&vault).token(&scene.claim("Bob Wilson"));
    for (token, status, says) in [
        (expired.as_str(), StatusCode::GONE, "This link has expired"),
        (
            &whole[..whole.len() - 1],
            StatusCode::NOT_FOUND,
            "copy the whole of it",
        ),
        (&foreign, StatusCode::NOT_FOUND, "This link does not work"),
        (&nobodys, StatusCode::NOT_FOUND, "This link does not work"),
        ("x", StatusCode::NOT_FOUND, "This link does not work"),
    ] {
        let path = format!("/ack/{token}");
        for method in [Method::GET, Method::POST] {
            let answer = scene
                .anybody
                .ask(method.clone(), &path)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), status, "{method} {says}");
            assert!(answer.text().await.unwrap().contains(says), "{says}");
        }
    }
    assert_eq!(scene.acknowledged().await, []);
}

#[tokio::test]
async fn after_the_end_a_link_says_so_and_asks_for_nothing() {
    let scene = scene().await;
    let path = format!("/api/v1/incidents/{}/resolve", scene.number);
    let resolved = scene
        .api
        .post(&path, json!({ "message": "All orders are taken again." }))
        .await;
    assert!(resolved.status().is_success());
    let path = format!("/ack/{}", scene.token("Bob Wilson"));
    let page = scene.anybody.text(&path).await;
    assert!(
        page.contains("This incident is resolved") && !page.contains("<button"),
        "{page}"
    );
    let pressed = scene.anybody.form(&path, &[]).await;
    assert_eq!(pressed.status(), StatusCode::OK);
    assert_eq!(scene.acknowledged().await, []);
}

#[tokio::test]
async fn a_digit_in_a_call_acknowledges_once_however_often_it_is_told() {
    let scene = scene().await;
    let query = format!("n=7.0&t={}", scene.token("Bob Wilson"));
    let one = [("CallSid", "CA1"), ("Digits", "1"), ("From", "+15550003")];
    for token in ["another token", ""] {
        let forged = scene.twilio("gather", &query, &one, token).await;
        assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    }
    let unsigned = scene
        .anybody
        .form(&format!("/callbacks/twilio/gather?{query}"), &one)
        .await;
    assert_eq!(unsigned.status(), StatusCode::FORBIDDEN);
    assert_eq!(scene.acknowledged().await, []);

    let again = scene
        .twilio("gather", &query, &[("Digits", "7")], TWILIO)
        .await
        .text()
        .await
        .unwrap();
    assert!(
        again.contains("<Redirect") && again.contains("/callbacks/twilio/voice?n=7.0&amp;t="),
        "{again}"
    );
    let voice = scene
        .twilio("voice", &query, &[("CallSid", "CA1")], TWILIO)
        .await;
    assert_eq!(voice.headers()["content-type"], "text/xml; charset=utf-8");
    let voice = voice.text().await.unwrap();
    assert!(
        voice.contains("Orders are &lt;b&gt;not&lt;/b&gt; taken") && voice.contains("<Gather"),
        "{voice}"
    );

    for _ in 0..2 {
        let thanks = scene
            .twilio("gather", &query, &one, TWILIO)
            .await
            .text()
            .await
            .unwrap();
        assert!(thanks.contains("You have acknowledged"), "{thanks}");
    }
    assert_eq!(
        scene.acknowledged().await,
        [("Bob Wilson".to_owned(), "phone".to_owned())]
    );
    // A signature is over the whole address: nobody can put another person's token in.
    let moved = scene
        .twilio("status", "n=7.0", &[("CallStatus", "completed")], TWILIO)
        .await;
    assert_eq!(
        moved.status(),
        StatusCode::NO_CONTENT,
        "no such notification: nothing to write down"
    );
}

#[tokio::test]
async fn a_button_in_slack_acknowledges_in_the_name_of_who_pressed_it() {
    let scene = scene().await;
    let press = |value: &str| {
        json!({
            "type": "block_actions",
            "user": {"id": "U1", "name": "alice brown"},
            "actions": [{"action_id": "acknowledge", "value": value}],
            "response_url": "http://127.0.0.1:9/",
        })
    };
    let payload = press(&scene.token("incidents"));
    assert_eq!(
        scene.slack(&payload, "another secret", 0).await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        scene.slack(&payload, SLACK, 301).await.status(),
        StatusCode::FORBIDDEN,
        "replayed"
    );
    let opened = json!({"type": "block_actions", "actions": [{"action_id": "open"}]});
    assert_eq!(
        scene.slack(&opened, SLACK, 0).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        scene.slack(&press("forged"), SLACK, 0).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        scene.slack(&json!("nothing"), SLACK, 0).await.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(scene.acknowledged().await, []);

    for _ in 0..2 {
        assert_eq!(
            scene.slack(&payload, SLACK, 0).await.status(),
            StatusCode::OK
        );
    }
    assert_eq!(
        scene.acknowledged().await,
        [("Alice Brown".to_owned(), "slack".to_owned())]
    );
}

#[tokio::test]
async fn an_empty_secret_is_none_and_every_callback_is_forged() {
    let scene = scene_with("", " ").await;
    let query = format!("n=7.0&t={}", scene.token("Bob Wilson"));
    for secret in ["", " "] {
        let digit = scene
            .twilio("gather", &query, &[("Digits", "1")], secret)
            .await;
        assert_eq!(digit.status(), StatusCode::FORBIDDEN);
        let press = json!({ "actions": [{ "action_id": "acknowledge", "value": scene.token("incidents") }] });
        assert_eq!(
            scene.slack(&press, secret, 0).await.status(),
            StatusCode::FORBIDDEN
        );
    }
    let report = scene.anybody.ask(Method::POST, "/callbacks/mail");
    let report = report
        .header("authorization", "Bearer ")
        .send()
        .await
        .unwrap();
    assert_eq!(report.status(), StatusCode::FORBIDDEN);
    assert_eq!(scene.acknowledged().await, []);
    let log = scene.server.log.lock().unwrap().clone();
    for says in [
        "E-mail is not connected: MUSTER_SMTP_URL is not set",
        "Slack incidents is not connected: MUSTER_SLACK_WEBHOOK is not set",
    ] {
        assert!(log.contains(says), "{says}:\n{log}");
    }
}
