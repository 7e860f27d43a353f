//! Mail through a real mail server, from the declaration to the mailbox and back, and read by a library that did not write
//! it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;
#[path = "house/postfix.rs"]
mod postfix;

use house::{Caller, House, Server, until};
use mail_parser::{Message, MessageParser};
use postfix::Postfix;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::fs;

const ADA: &str = "ada@factory.example";
const BOUNCES: &str = "bounces@factory.example";
const SECRET: &str = "what reports are handed over with";
const TITLE: &str = "Aufträge schlagen fehl – seit 12:00 <b>";

struct Scene {
    postfix: Postfix,
    house: House,
    server: Server,
    api: Caller,
}

/// A house whose two contacts have a mailbox, and one that is gone.
async fn scene(trusted: bool) -> Option<Scene> {
    let postfix = Postfix::start(&[ADA, BOUNCES]).await?;
    let mut house = House::small();
    let write = |file: &str, text: String| fs::write(house.path("plan").join(file), text).unwrap();
    write(
        "contacts.yaml",
        format!(
            "emergency:
  - {{role: DevOps Lead, name: Ada Lovelace, phone: +1-555-0002, email: {ADA}, escalation: primary}}
  - {{role: CTO, name: Jürgen Groß, phone: +1-555-0003, email: {gone}, escalation: secondary}}
",
            gone = Postfix::GONE
        ),
    );
    write(
        "channels.yaml",
        format!(
            "email:
  url_env: MUSTER_SMTP_URL
  ca_env: MUSTER_SMTP_CA
  from: Muster <muster@factory.example>
  bounces: {{address: {BOUNCES}, secret_env: MUSTER_BOUNCE_SECRET}}
"
        ),
    );
    house.env = vec![
        ("MUSTER_SMTP_URL".into(), postfix.url()),
        ("MUSTER_BOUNCE_SECRET".into(), SECRET.into()),
    ];
    if trusted {
        let authority = postfix.authority().display().to_string();
        house.env.push(("MUSTER_SMTP_CA".into(), authority));
    }
    let server = house.start();
    let api = server.program(&house.token("commander"));
    Some(Scene {
        postfix,
        api,
        house,
        server,
    })
}

impl Scene {
    async fn declare(&self) -> String {
        let sev1 = json!({ "title": TITLE, "severity": "SEV1", "affected": ["database"] });
        self.api.declare(sev1).await
    }

    /// The state of the mail to somebody, and why.
    async fn mail_to(&self, number: &str, person: &str) -> Option<(String, String)> {
        let store = self.house.store().await;
        let rows = store.notifications_of(number, 0, 100).await.unwrap();
        store.close().await;
        let mut mails = rows.into_iter().filter(|n| n.channel == "email");
        let mail = mails.find(|n| n.person == person && n.cause == "declared")?;
        Some((mail.state, mail.why))
    }

    /// Until it is in this state.
    async fn until_mail(&self, number: &str, person: &str, state: &str) -> String {
        until(&format!("the mail to {person} is {state}"), async || {
            let (is, why) = self.mail_to(number, person).await?;
            (is == state).then_some(why)
        })
        .await
    }

    /// Hands a report over as a mail server's pipe does.
    async fn hand_over(&self, report: &[u8], secret: &str) -> StatusCode {
        let request = self.server.anybody().ask(Method::POST, "/callbacks/mail");
        let request = request.header("authorization", format!("Bearer {secret}"));
        let answer = request.body(report.to_vec()).send().await.unwrap();
        answer.status()
    }
}

fn read(raw: &[u8]) -> Message<'_> {
    MessageParser::new().parse(raw).unwrap()
}

/// The conversation that a mail belongs to.
fn conversation(mail: &Message<'_>) -> Option<String> {
    mail.references().as_text().map(str::to_owned)
}

#[tokio::test]
async fn a_declared_sev1_lies_in_the_mailbox_over_tls_and_its_link_acknowledges() {
    let Some(scene) = scene(true).await else {
        return;
    };
    let number = scene.declare().await;
    let delivered = scene.postfix.delivered(ADA, 1).await;
    let mail = read(&delivered[0]);
    // ESMTPS (RFC 3848): it came over TLS.
    let received = mail.header_raw("Received").unwrap();
    assert!(received.contains("with ESMTPS"), "{received}");
    assert_eq!(mail.subject(), Some(&*format!("[SEV1] {number} {TITLE}")));
    let name = |list: Option<&mail_parser::Address<'_>>| {
        let one = list.and_then(|l| l.first()).unwrap();
        (
            one.name().map(str::to_owned),
            one.address().map(str::to_owned),
        )
    };
    assert_eq!(
        name(mail.from()),
        (Some("Muster".into()), Some("muster@factory.example".into()))
    );
    assert_eq!(
        name(mail.to()),
        (Some("Ada Lovelace".into()), Some(ADA.into()))
    );
    let text = mail.body_text(0).unwrap();
    let html = mail.body_html(0).unwrap();
    assert!(text.contains(&format!("SEV1  {TITLE}")), "{text}");
    assert!(
        html.contains("Aufträge schlagen fehl – seit 12:00 &#60;b&#62;"),
        "{html}"
    );

    // Whoever follows the link sees a page; whoever presses its button has acknowledged.
    let link = text.lines().find(|line| line.contains("/ack/")).unwrap();
    let path = link.strip_prefix(&scene.server.url).unwrap();
    let anybody = scene.server.anybody();
    assert!(
        anybody
            .text(path)
            .await
            .contains("Acknowledge as Ada Lovelace")
    );
    assert_eq!(
        anybody.form(path, &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    let timeline = scene
        .api
        .json(&format!("/api/v1/incidents/{number}/timeline?limit=500"))
        .await;
    let events: &Vec<Value> = timeline["events"].as_array().unwrap();
    assert!(
        events.iter().any(|e| e["event"] == "acknowledged"
            && e["person"] == "Ada Lovelace"
            && e["via"] == "link"),
        "{timeline:#}"
    );

    // What follows is in the same conversation, under a name of its own.
    let update =
        json!({ "phase": "identified", "message": "Die Platte ist voll.\r\n.\r\nWir räumen auf." });
    let posted = scene
        .api
        .post(&format!("/api/v1/incidents/{number}/updates"), update)
        .await;
    assert_eq!(posted.status(), StatusCode::CREATED);
    let delivered = scene.postfix.delivered(ADA, 2).await;
    let both: Vec<Message<'_>> = delivered.iter().map(|raw| read(raw)).collect();
    assert!(conversation(&both[0]).is_some());
    assert_eq!(conversation(&both[0]), conversation(&both[1]));
    assert_ne!(both[0].message_id(), both[1].message_id());
    let news = both
        .iter()
        .find(|m| m.subject().unwrap_or_default().contains("Update: "))
        .unwrap();
    let text = news.body_text(0).unwrap();
    assert!(
        text.contains("> Die Platte ist voll.\n> .\n> Wir räumen auf."),
        "{text}"
    );
}

#[tokio::test]
async fn what_became_of_each_mail_is_heard_from_the_mail_servers_reports() {
    let Some(scene) = scene(true).await else {
        return;
    };
    let number = scene.declare().await;
    // One was delivered, and one came back: both are reported to an address of their own.
    let reports = scene.postfix.delivered(BOUNCES, 2).await;
    scene.until_mail(&number, "Ada Lovelace", "sent").await;
    scene.until_mail(&number, "Jürgen Groß", "sent").await;
    for report in &reports {
        assert_eq!(
            scene.hand_over(report, "a guess").await,
            StatusCode::FORBIDDEN
        );
    }
    let other = b"From: somebody@example.com\r\nSubject: Buy now\r\n\r\nCheap.\r\n";
    assert_eq!(scene.hand_over(other, SECRET).await, StatusCode::NO_CONTENT);
    assert_eq!(
        scene.mail_to(&number, "Jürgen Groß").await.unwrap().0,
        "sent"
    );
    // They may come twice.
    for report in reports.iter().chain(&reports) {
        assert_eq!(
            scene.hand_over(report, SECRET).await,
            StatusCode::NO_CONTENT
        );
    }
    scene.until_mail(&number, "Ada Lovelace", "delivered").await;
    let why = scene.until_mail(&number, "Jürgen Groß", "failed").await;
    assert!(why.starts_with("it came back (5."), "{why}");
}

#[tokio::test]
async fn a_mail_server_that_is_not_trusted_gets_no_mail_and_the_page_says_why() {
    let Some(scene) = scene(false).await else {
        return;
    };
    let number = scene.declare().await;
    let why = scene
        .until_mail(&number, "Ada Lovelace", "failed_temporarily")
        .await;
    assert!(why.contains("certificate"), "{why}");
    assert!(
        !scene.postfix.log().contains("from=<"),
        "{}",
        scene.postfix.log()
    );
}
