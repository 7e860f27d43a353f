//! Those who subscribed to the public page: that they are asked first, told what matters to them and nothing else, and
//! forgotten when they leave; and that strangers cannot make this server write to the world.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;
#[path = "house/inbox.rs"]
mod inbox;
#[path = "house/postfix.rs"]
mod postfix;

use base64::{Engine, engine::general_purpose::STANDARD};
use house::{Caller, House, Server, header, until};
use inbox::Inbox;
use mail_parser::{Message, MessageParser};
use postfix::Postfix;
use reqwest::{Method, Response, StatusCode};
use ring::hmac;
use serde_json::{Value, json};
use std::time::Instant;

const ADA: &str = "ada@factory.example";
const BOB: &str = "bob@factory.example";
const FORM: &str = "/status/subscribe?lang=en";

/// Two services that the public knows, and one that it does not.
const SERVICES: &str = "
- {id: orders, name: orders-api-internal, tier: critical, public: {name: Orders, group: Factory}}
- {id: login, name: sso-internal, tier: critical, public: {name: Sign-in, group: Factory}}
- {id: vault, name: Hidden vault, tier: critical}
";

fn plan(house: &House, status: &str) {
    house.write_plan("services.yaml", SERVICES);
    house.write_plan(
        "channels.yaml",
        "email: {url_env: MUSTER_SMTP_URL, ca_env: MUSTER_SMTP_CA, from: Status <status@factory.example>}\n",
    );
    house.write_plan("status.yaml", status);
}

/// A component's id, as the form has it.
async fn component(anybody: &Caller, name: &str) -> String {
    let all = anybody.json("/api/v2/components.json").await;
    let all = all["components"].as_array().unwrap().clone();
    let found = all.iter().find(|c| c["name"] == name).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

async fn sign_up(anybody: &Caller, fields: &[(&str, &str)]) -> Response {
    anybody.form(FORM, fields).await
}

async fn page_of(answer: Response, status: StatusCode) -> String {
    assert_eq!(answer.status(), status);
    answer.text().await.unwrap()
}

async fn update(api: &Caller, number: &str, phase: &str, message: &str) {
    let said = json!({ "phase": phase, "message": message });
    let path = format!("/api/v1/incidents/{number}/updates");
    assert_eq!(api.post(&path, said).await.status(), StatusCode::CREATED);
}

async fn resolve(api: &Caller, number: &str, message: &str) {
    let path = format!("/api/v1/incidents/{number}/resolve");
    let answer = api.post(&path, json!({ "message": message })).await;
    assert!(answer.status().is_success(), "{}", answer.status());
}

async fn declare(api: &Caller, title: &str, affected: &[&str]) -> String {
    let body = json!({ "title": title, "severity": "SEV1", "affected": affected });
    api.declare(body).await
}

fn read(raw: &[u8]) -> Message<'_> {
    MessageParser::new().parse(raw).unwrap()
}

/// The path of the first link of a kind in a text.
fn link(server: &Server, text: &str, kind: &str) -> String {
    let start = format!("{}/status/{kind}/", server.url);
    let at = text
        .find(&start)
        .unwrap_or_else(|| panic!("no {kind}: {text}"));
    let link = text[at + server.url.len()..]
        .split_whitespace()
        .next()
        .unwrap();
    link.trim_end_matches(['>', '"']).to_owned()
}

async fn count(house: &House) -> usize {
    let store = house.store().await;
    let all = store.subscribers_before(None, 1000).await.unwrap();
    store.close().await;
    all.len()
}

/// Nothing waits any more to be said to anybody.
async fn all_is_said(house: &House) {
    let store = house.store().await;
    until("all is said", async || {
        let mut next = Vec::new();
        for queue in ["confirm", "mail", "web"] {
            next.extend(store.next_mailing(queue).await.unwrap());
        }
        let head = store.head().await.unwrap().seq;
        let cursor = store.projection("subscribers", "cursor").await.unwrap();
        (next.is_empty() && cursor.is_some_and(|c| c.version <= head)).then_some(())
    })
    .await;
    store.close().await;
}

async fn from_the_form_to_the_last_mail(mut house: House) {
    let Some(postfix) = Postfix::start(&[ADA, BOB]).await else {
        return;
    };
    plan(&house, "name: Factory\n");
    let authority = postfix.authority().display().to_string();
    house.env = vec![
        ("MUSTER_SMTP_URL".into(), postfix.url()),
        ("MUSTER_SMTP_CA".into(), authority),
    ];
    let server = house.start();
    let (api, anybody) = (server.program(&house.token("commander")), server.anybody());

    // She asks, for one system alone, and is asked; the link alone changes nothing.
    let form = anybody.text(FORM).await;
    assert!(form.contains("name=\"address\"") && form.contains("Sign-in"));
    assert!(!form.contains("Hidden vault"));
    let orders = component(&anybody, "Orders").await;
    let ask = [
        ("way", "email"),
        ("address", ADA),
        ("component", orders.as_str()),
    ];
    let first = page_of(sign_up(&anybody, &ask).await, StatusCode::OK).await;
    let mails = postfix.delivered(ADA, 1).await;
    let asked = read(&mails[0]);
    assert_eq!(asked.subject(), Some("Please confirm: updates on Factory"));
    assert!(asked.header("List-Unsubscribe").is_none());
    let confirm = link(&server, &asked.body_text(0).unwrap(), "subscriptions");
    let page = page_of(anybody.get(&confirm).await, StatusCode::OK).await;
    assert!(page.contains("<form method=\"post\">"), "{page}");

    // What happens before she has confirmed is not told to her. Who asks again gets the same answer, and no second mail.
    let early = declare(&api, "Before she confirmed", &["orders"]).await;
    resolve(&api, &early, "Over.").await;
    let again = page_of(sign_up(&anybody, &ask).await, StatusCode::OK).await;
    assert_eq!(first, again);
    all_is_said(&house).await;

    let confirmed = anybody.form(&confirm, &[]).await;
    assert_eq!(confirmed.status(), StatusCode::SEE_OTHER);
    let manage = header(&confirmed, "location").to_owned();
    let page = page_of(anybody.get(&manage).await, StatusCode::OK).await;
    assert!(page.contains("You are subscribed") && page.contains(" checked"));

    // Hers, with a system in it that nobody may know of; and others that are not for her.
    let number = declare(&api, "Orders fail", &["orders", "vault"]).await;
    declare(&api, "Nobody signs in", &["login"]).await;
    let drill =
        json!({ "title": "Practice", "severity": "SEV1", "affected": ["orders"], "kind": "drill" });
    api.declare(drill).await;
    update(&api, &number, "identified", "A disk is full.").await;
    update(&api, &number, "identified", "A disk is full.").await;
    resolve(&api, &number, "There is room again.").await;
    let mails = postfix.delivered(ADA, 4).await;
    all_is_said(&house).await;
    let mails = {
        let now = postfix.delivered(ADA, mails.len()).await;
        assert_eq!(now.len(), 4, "one that asks, and three of her incident");
        now
    };
    let is_news =
        |raw: &&Vec<u8>| read(raw).subject() != Some("Please confirm: updates on Factory");
    let mails: Vec<&Vec<u8>> = mails.iter().filter(is_news).collect();
    let news: Vec<Message<'_>> = mails.iter().map(|raw| read(raw)).collect();
    let mut subjects: Vec<_> = news.iter().map(|m| m.subject().unwrap()).collect();
    subjects.sort_unstable();
    assert_eq!(
        subjects,
        [
            "Identified: Orders fail",
            "Investigating: Orders fail",
            "Resolved: Orders fail"
        ]
    );
    let mut names = std::collections::BTreeSet::new();
    let mut threads = std::collections::BTreeSet::new();
    let mut leave = String::new();
    for (mail, raw) in news.iter().zip(&mails) {
        names.insert(mail.message_id().unwrap().to_owned());
        threads.insert(mail.references().as_text().unwrap().to_owned());
        let whole = String::from_utf8_lossy(raw);
        assert!(
            !whole.contains("vault") && !whole.contains("internal"),
            "{whole}"
        );
        assert!(mail.body_text(0).unwrap().contains("Affects: Orders"));
        assert!(mail.body_html(0).unwrap().contains("Orders fail"));
        let one_click = mail.header_raw("List-Unsubscribe-Post").unwrap().trim();
        assert_eq!(one_click, "List-Unsubscribe=One-Click");
        let list = mail.header_raw("List-Unsubscribe").unwrap().trim();
        assert!(list.starts_with('<') && list.ends_with('>'), "{list}");
        leave = link(&server, list, "unsubscribe");
    }
    assert_eq!((names.len(), threads.len()), (3, 1));

    // A mail scanner follows the link, and nothing happens; one click, without cookies, ends it.
    let looked = page_of(anybody.get(&leave).await, StatusCode::OK).await;
    assert!(looked.contains("Unsubscribe") && looked.contains(ADA));
    assert_eq!(count(&house).await, 1);
    let one_click = [("List-Unsubscribe", "One-Click")];
    for _ in 0..2 {
        let left = anybody.form(&leave, &one_click).await;
        let page = page_of(left, StatusCode::OK).await;
        assert!(page.contains("You are unsubscribed"));
    }
    assert_eq!(count(&house).await, 0, "the address is gone");
    assert_eq!(anybody.get(&manage).await.status(), StatusCode::NOT_FOUND);

    // Another subscriber hears what follows; she does not.
    let ask = [("way", "email"), ("address", BOB)];
    sign_up(&anybody, &ask).await;
    let mails = postfix.delivered(BOB, 1).await;
    let confirm = link(
        &server,
        &read(&mails[0]).body_text(0).unwrap(),
        "subscriptions",
    );
    anybody.form(&confirm, &[]).await;
    declare(&api, "Orders fail again", &["orders"]).await;
    postfix.delivered(BOB, 2).await;
    all_is_said(&house).await;
    assert_eq!(postfix.delivered(ADA, 4).await.len(), 4);
}

#[tokio::test]
async fn a_subscriber_is_asked_told_of_what_matters_and_forgotten_on_sqlite() {
    from_the_form_to_the_last_mail(House::small()).await;
}

#[tokio::test]
async fn a_subscriber_is_asked_told_of_what_matters_and_forgotten_on_postgres() {
    from_the_form_to_the_last_mail(House::small().over_postgres().await).await;
}

#[tokio::test]
async fn a_webhook_echoes_a_challenge_and_is_told_as_statuspage_tells() {
    let house = House::small();
    plan(&house, "name: Factory\nsubscribe_internal: true\n");
    let server = house.start();
    let (api, anybody) = (server.program(&house.token("commander")), server.anybody());
    let inbox = Inbox::default();
    let url = format!("{}/hook", inbox.open().await);
    let ask = [("way", "webhook"), ("address", url.as_str())];
    let page = page_of(sign_up(&anybody, &ask).await, StatusCode::OK).await;
    let secret = page
        .split("whsec_")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    let key = STANDARD.decode(secret).unwrap();
    until("it is subscribed", async || {
        let store = house.store().await;
        let all = store.subscribers_before(None, 10).await.unwrap();
        store.close().await;
        (all.len() == 1 && all[0].state == "active").then_some(())
    })
    .await;
    let window = json!({
        "title": "A larger disk", "message": "", "services": ["orders", "vault"], "public": true,
        "from": (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(30)).to_string(),
        "until": (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(31)).to_string(),
    });
    let answer = api.post("/api/v1/maintenance", window).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let number = declare(&api, "Orders fail", &["orders", "vault"]).await;
    resolve(&api, &number, "There is room again.").await;
    until("all came", async || (inbox.kept().len() >= 4).then_some(())).await;
    all_is_said(&house).await;
    assert_eq!(inbox.kept().len(), 4);
    for (headers, body) in inbox.kept() {
        let of = |name: &str| headers[name].to_str().unwrap().to_owned();
        let signed = format!("{}.{}.", of("webhook-id"), of("webhook-timestamp"));
        let signed = [signed.as_bytes(), &body].concat();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed);
        let ours = format!("v1,{}", STANDARD.encode(tag));
        assert_eq!(of("webhook-signature"), ours);
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(
            !text.contains("vault") && !text.contains("internal"),
            "{text}"
        );
    }
    let bodies: Vec<Value> = inbox.bodies().split_off(1);
    for body in &bodies {
        for part in ["meta", "page", "incident"] {
            assert!(body[part].is_object(), "{body}");
        }
        assert!(body["page"]["status_indicator"].is_string());
        assert!(body["incident"]["incident_updates"].is_array());
    }
    let statuses: Vec<_> = bodies
        .iter()
        .map(|b| b["incident"]["status"].clone())
        .collect();
    assert!(statuses.contains(&json!("scheduled")) && statuses.contains(&json!("resolved")));

    // Nobody is there any more: nothing more is sent.
    inbox.answers(Some(410));
    declare(&api, "Orders fail again", &["orders"]).await;
    until("it is switched off", async || {
        let store = house.store().await;
        let all = store.subscribers_before(None, 10).await.unwrap();
        store.close().await;
        (all[0].state == "disabled").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_channel_of_slack_is_asked_and_told() {
    let house = House::small();
    plan(&house, "subscribe_internal: true\n");
    let server = house.start();
    let (api, anybody) = (server.program(&house.token("commander")), server.anybody());
    let inbox = Inbox::default();
    let url = format!("{}/services/T/B/x", inbox.open().await);
    let ask = [("way", "slack"), ("address", url.as_str())];
    page_of(sign_up(&anybody, &ask).await, StatusCode::OK).await;
    until("it is asked", async || {
        (inbox.kept().len() == 1).then_some(())
    })
    .await;
    let asked = inbox.bodies()[0]["blocks"].to_string().replace('"', " ");
    anybody
        .form(&link(&server, &asked, "subscriptions"), &[])
        .await;
    declare(&api, "Orders <!channel> fail", &["orders"]).await;
    until("it is told", async || {
        (inbox.kept().len() == 2).then_some(())
    })
    .await;
    let told = inbox.bodies()[1].clone();
    assert_eq!(told["text"], "Investigating: Orders &lt;!channel&gt; fail");
}

#[tokio::test]
async fn what_is_inside_is_no_address_and_what_is_wrong_is_said_on_the_form() {
    let house = House::small();
    plan(&house, "name: Factory\n");
    let server = house.start();
    let anybody = server.anybody();
    let inbox = Inbox::default();
    let port = inbox.open().await.rsplit_once(':').unwrap().1.to_owned();
    let plain = format!("http://127.0.0.1:{port}/x");
    for (way, address) in [
        ("email", "no address"),
        ("webhook", plain.as_str()),
        ("slack", "https://example.org/x"),
    ] {
        let answer = sign_up(&anybody, &[("way", way), ("address", address)]).await;
        let page = page_of(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert!(
            page.contains("role=\"alert\"") && page.contains(address),
            "{page}"
        );
    }
    // It reads as an address of the world, and is none: it is refused when it is connected to.
    let inside = format!("https://127.0.0.1:{port}/x");
    let ask = [("way", "webhook"), ("address", inside.as_str())];
    page_of(sign_up(&anybody, &ask).await, StatusCode::OK).await;
    until("it was refused", async || {
        let store = house.store().await;
        let all = store.subscribers_before(None, 10).await.unwrap();
        store.close().await;
        all[0].why.contains("this machine").then_some(())
    })
    .await;
    assert!(inbox.kept().is_empty());

    // Another site's page cannot make a reader's browser sign anybody up; and no body is too long to be refused.
    let foreign = anybody
        .ask(Method::POST, FORM)
        .header("sec-fetch-site", "cross-site");
    let foreign = foreign
        .form(&[("way", "email"), ("address", ADA)])
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let long = "x".repeat(40_000);
    let long = sign_up(&anybody, &[("way", "email"), ("address", &long)]).await;
    assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(count(&house).await, 1);
}

#[tokio::test]
async fn ten_thousand_sign_ups_send_no_more_than_the_limits_say() {
    let mut house = House::small();
    plan(&house, "name: Factory\n");
    // Nobody takes mail there: what is to be sent can be counted.
    house.env = vec![(
        "MUSTER_SMTP_URL".into(),
        "smtp://127.0.0.1:9?tls=none".into(),
    )];
    let server = house.start();
    let anybody = server.anybody();
    let began = Instant::now();
    let mut welcome = 0;
    // Half of them from one office; the others from everywhere.
    let one = async |n: u32| {
        let from = match n % 2 {
            0 => "198.51.100.7".to_owned(),
            _ => format!("10.{}.{}.1", (n >> 8) & 255, n & 255),
        };
        let address = format!("reader{n}@example.org");
        let request = anybody
            .ask(Method::POST, FORM)
            .header("x-forwarded-for", from);
        let request = request.form(&[("way", "email"), ("address", address.as_str())]);
        request.send().await.unwrap().status()
    };
    for wave in 0..200_u32 {
        let all = (0..50).map(|n| one(wave * 50 + n));
        for status in futures::future::join_all(all).await {
            match status {
                StatusCode::OK => welcome += 1,
                other => assert_eq!(other, StatusCode::TOO_MANY_REQUESTS),
            }
        }
    }
    let (took, kept) = (began.elapsed(), count(&house).await);
    println!("10,000 sign-ups: {welcome} noted, {kept} addresses asked, {took:?}");
    assert_eq!((welcome, kept), (600, 600));
    let store = house.store().await;
    let all = store.subscribers_before(None, 1000).await.unwrap();
    assert!(
        all.iter()
            .all(|s| s.state == "pending" && s.expires_at.is_some())
    );
    // No address is to be read in the database.
    store.close().await;
    for file in ["data/muster.db", "data/muster.db-wal"] {
        let bytes = std::fs::read(house.path(file)).unwrap_or_default();
        assert!(!bytes.windows(11).any(|w| w == b"example.org"), "{file}");
    }
}

#[tokio::test]
async fn the_public_door_takes_forms_and_an_administrator_sees_and_removes() {
    let mut house = House::small();
    plan(&house, "name: Factory\n");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .unwrap()
        .port();
    house.env = vec![
        (
            "MUSTER_SMTP_URL".into(),
            "smtp://127.0.0.1:9?tls=none".into(),
        ),
        ("MUSTER_STATUS_LISTEN".into(), format!("127.0.0.1:{port}")),
    ];
    let server = house.start();
    let outside = server.anybody().at(format!("http://127.0.0.1:{port}"));
    assert!(
        outside
            .text("/")
            .await
            .contains("/status/subscribe?lang=en")
    );
    let german = outside.text("/status/subscribe?lang=de").await;
    assert!(german.contains("Meldungen abonnieren"), "{german}");
    let ask = [("way", "email"), ("address", ADA)];
    page_of(sign_up(&outside, &ask).await, StatusCode::OK).await;
    let foreign = outside
        .ask(Method::POST, FORM)
        .header("sec-fetch-site", "cross-site");
    let foreign = foreign.form(&ask).send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        outside.get("/subscribers").await.status(),
        StatusCode::NOT_FOUND
    );

    let commander = server.browser(&house, "commander").await;
    assert_eq!(
        commander.get("/subscribers").await.status(),
        StatusCode::FORBIDDEN
    );
    let admin = server.browser(&house, "admin").await;
    let page = admin.text("/subscribers").await;
    assert!(
        page.contains(ADA) && page.contains("Not confirmed"),
        "{page}"
    );
    let remove = page
        .split("action=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert_eq!(
        admin.form(remove, &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(count(&house).await, 0);
    assert!(!admin.text("/subscribers").await.contains(ADA));
}
