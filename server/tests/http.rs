//! Who is let in, who may do what, and under which headers it is answered.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

use house::{Caller, House, header, incidents, refused};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::collections::BTreeSet;

/// Every route as the program's own tables list it: the path, whether it is public, and its methods.
fn routes() -> Vec<(String, bool, Vec<Method>)> {
    let tables = [
        include_str!("../src/web.rs"),
        include_str!("../src/rest.rs"),
    ];
    let table = |source: &'static str| {
        source
            .split("vec![")
            .nth(1)
            .unwrap()
            .split("\n    ]")
            .next()
            .unwrap()
    };
    let entries = tables
        .into_iter()
        .map(table)
        .flat_map(|table| table.split("route(").skip(1));
    let read = |entry: &str| {
        let path = entry.split('"').nth(1).unwrap().to_owned();
        let methods = [("get(", Method::GET), ("post(", Method::POST)];
        let methods: Vec<_> = methods
            .into_iter()
            .filter(|(word, _)| entry.contains(word))
            .map(|(_, method)| method)
            .collect();
        assert!(path.starts_with('/') && !methods.is_empty(), "{entry}");
        (path, entry.contains("Gate::Public"), methods)
    };
    entries.map(read).collect()
}

#[tokio::test]
async fn nothing_but_status_healthz_and_assets_answers_without_a_session() {
    let house = House::sqlite();
    let server = house.start();
    let number = server
        .program(&house.token("commander"))
        .declare(json!({ "title": "Orders are failing", "severity": "SEV1" }))
        .await;
    let routes = routes();
    assert!(routes.len() > 50, "the tables were read: {}", routes.len());
    let public: BTreeSet<_> = routes
        .iter()
        .filter(|(_, public, _)| *public)
        .map(|(path, ..)| path.as_str())
        .collect();
    assert_eq!(
        public,
        BTreeSet::from([
            // Whoever comes here shows a signature of their own: a link that was sent, a provider's secret.
            "/ack/{token}",
            "/callbacks/mail",
            "/callbacks/slack/actions",
            "/callbacks/twilio/{what}",
            "/contacts/on-call.ics",
            "/api/v2/{*rest}",
            "/favicon.ico",
            "/healthz",
            "/history.atom",
            "/history.rss",
            "/pkg/{file}",
            "/signin",
            "/status",
            "/status/subscribe",
            "/status/subscriptions/{token}",
            "/status/unsubscribe/{token}",
            "/status/{*rest}"
        ])
    );

    // Nobody, somebody with a token that never was, and one with a session that never was.
    let never = format!("mst_{}", "0".repeat(64));
    let strangers = [
        None,
        Some(("authorization", format!("Bearer {never}"))),
        Some(("cookie", format!("muster={never}"))),
    ];
    let unknown = [
        ("/nowhere".to_owned(), false, vec![Method::GET]),
        ("/api/v1/nowhere".to_owned(), false, vec![Method::GET]),
    ];
    for (path, public, methods) in routes.iter().chain(&unknown) {
        let path = path
            .replace("{number}", &number)
            .replace("{slug}", "database-recovery")
            .replace(['{', '}'], "");
        for method in methods.iter().filter(|_| !public) {
            for stranger in &strangers {
                let request = server.anybody().ask(method.clone(), &path);
                let answer = stranger
                    .iter()
                    .fold(request, |r, (name, value)| r.header(*name, value))
                    .send()
                    .await
                    .unwrap();
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
                assert!(
                    !answer.text().await.unwrap().contains("Orders are failing"),
                    "{method} {path}"
                );
            }
        }
    }
    assert_eq!(
        server.anybody().get("/healthz").await.status(),
        StatusCode::OK
    );
    assert_eq!(
        server.anybody().get("/status").await.status(),
        StatusCode::OK
    );
    assert_eq!(
        server.anybody().get("/signin").await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_write_from_another_site_is_refused() {
    let house = House::sqlite();
    let server = house.start();
    let browser = server.browser(&house, "commander").await;
    let fields = [("title", "Orders are failing"), ("severity", "SEV1")];
    let from = async |name: &str, value: &str| {
        let form = browser
            .ask(Method::POST, "/incidents")
            .header(name, value)
            .form(&fields);
        form.send().await.unwrap().status()
    };
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "null"),
        ("origin", "https://evil.example"),
        ("origin", "http://127.0.0.1:1"),
    ] {
        assert_eq!(
            from(name, value).await,
            StatusCode::FORBIDDEN,
            "{name}: {value}"
        );
    }
    assert_eq!(incidents(&browser).await, 0);
    assert_eq!(
        from("sec-fetch-site", "same-origin").await,
        StatusCode::SEE_OTHER
    );
    assert_eq!(from("origin", &server.url).await, StatusCode::SEE_OTHER);
    assert_eq!(incidents(&browser).await, 2);
}

#[tokio::test]
async fn a_viewer_token_may_not_command() {
    let house = House::sqlite();
    let server = house.start();
    let number = server
        .program(&house.token("commander"))
        .declare(json!({ "title": "Orders are failing", "severity": "SEV1" }))
        .await;
    let viewer = server.program(&house.token("viewer"));
    let incident = format!("/api/v1/incidents/{number}");
    let before = viewer.json(&incident).await;
    for (path, body) in [
        (
            "/api/v1/incidents".to_owned(),
            json!({ "title": "Another", "severity": "SEV1" }),
        ),
        (format!("{incident}/notes"), json!({ "text": "hello" })),
        (
            format!("{incident}/updates"),
            json!({ "phase": "identified", "message": "hello" }),
        ),
        (format!("{incident}/resolve"), json!({ "message": "done" })),
        (
            "/api/v1/runbooks/database-recovery/runs".to_owned(),
            json!({}),
        ),
    ] {
        let no = refused(viewer.post(&path, body).await, StatusCode::FORBIDDEN).await;
        assert!(
            no["detail"]
                .as_str()
                .unwrap()
                .starts_with("the viewer has the role viewer; this needs"),
            "{path}: {no}"
        );
    }
    assert_eq!(viewer.json(&incident).await, before);
    assert_eq!(incidents(&viewer).await, 1);
}

#[tokio::test]
async fn a_signed_out_session_is_nobody() {
    let house = House::sqlite();
    let server = house.start();
    let browser = server.browser(&house, "viewer").await;
    let other = server.browser(&house, "viewer").await;
    assert_eq!(browser.get("/").await.status(), StatusCode::OK);
    let out = browser.form("/signout", &[]).await;
    assert_eq!(out.status(), StatusCode::SEE_OTHER);
    assert!(header(&out, "set-cookie").contains("Max-Age=0"));
    assert_eq!(
        browser.get("/").await.status(),
        StatusCode::UNAUTHORIZED,
        "also for who kept the cookie"
    );
    assert_eq!(
        other.get("/").await.status(),
        StatusCode::OK,
        "and nobody else is signed out"
    );
}

async fn nonce_of(browser: &Caller, path: &str) -> String {
    let answer = browser.get(path).await;
    assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
    assert_eq!(
        header(&answer, "x-content-type-options"),
        "nosniff",
        "{path}"
    );
    let policy = header(&answer, "content-security-policy").to_owned();
    assert!(
        policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"),
        "{path}: {policy}"
    );
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap()
        .to_owned();
    let page = answer.text().await.unwrap();
    for script in page.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(
            tag.contains(&format!("nonce=\"{nonce}\"")) || tag.contains("application/json"),
            "{path}: <script{tag}>"
        );
    }
    assert!(
        !page.contains(" onclick=") && !page.contains(" style="),
        "{path}: nothing that the policy would stop"
    );
    nonce
}

#[tokio::test]
async fn every_page_carries_its_policy_and_is_kept_by_nobody() {
    let house = House::sqlite();
    let server = house.start();
    let browser = server.browser(&house, "commander").await;
    let number = browser.declare(json!({ "title": "Orders are failing", "severity": "SEV1", "affected": ["orders-api"] })).await;
    let mut nonces = BTreeSet::new();
    let pages = [
        "/",
        "/",
        "/incidents",
        "/incidents/new",
        "/runbooks",
        "/runbooks/database-recovery",
        "/contacts",
        "/matrix",
        "/plan",
        "/drills",
        "/postmortems",
    ];
    for path in pages
        .iter()
        .map(|p| (*p).to_owned())
        .chain([format!("/incidents/{number}"), "/nowhere".into()])
    {
        assert!(
            nonces.insert(nonce_of(&browser, &path).await),
            "{path}: a nonce is used once"
        );
    }
    let api = browser.get("/api/v1/board").await;
    assert_eq!(header(&api, "cache-control"), "no-store");
    for path in ["/healthz", "/nowhere", "/signin"] {
        let answer = server.anybody().get(path).await;
        assert_eq!(
            header(&answer, "x-content-type-options"),
            "nosniff",
            "{path}"
        );
        assert!(
            header(&answer, "content-security-policy").contains("frame-ancestors 'none'"),
            "{path}"
        );
    }
}
