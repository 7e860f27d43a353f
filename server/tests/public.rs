//! What the public sees, and the stream that keeps a page true.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

use house::{Caller, House, unbrotli, until};
use reqwest::{Method, Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

const LARGEST: usize = 14 * 1024;

/// The status page as a browser gets it: headers, bytes on the wire, and the text in them.
async fn status(anybody: &Caller) -> (HeaderMap, usize, String) {
    let request = anybody
        .ask(Method::GET, "/status")
        .header("accept-encoding", "gzip, br");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-encoding"], "br");
    let headers = answer.headers().clone();
    let bytes = answer.bytes().await.unwrap();
    (headers, bytes.len(), unbrotli(&bytes))
}

/// The page once it tells of something: it is rendered after the event, not by the request.
async fn status_with(anybody: &Caller, text: &str) -> (HeaderMap, usize, String) {
    until(text, async || {
        Some(status(anybody).await).filter(|(_, _, page)| page.contains(text))
    })
    .await
}

#[tokio::test]
async fn the_status_page_has_no_foreign_origin_and_is_under_14_kb() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    // A bad day: three incidents, each with as many words as people write.
    for n in 1..=3 {
        let number = api.declare(json!({ "title": format!("Trouble {n} with orders"), "severity": "SEV1", "affected": ["orders-api", "sign-in"] })).await;
        for phase in ["investigating", "identified", "monitoring"] {
            let message = format!(
                "Update on trouble {n}: we are {phase}. Orders placed before are safe; the next word follows."
            );
            let posted = api
                .post(
                    &format!("/api/v1/incidents/{number}/updates"),
                    json!({ "phase": phase, "message": message }),
                )
                .await;
            assert_eq!(posted.status(), StatusCode::CREATED);
        }
    }
    let (headers, size, page) =
        status_with(&server.anybody(), "Update on trouble 3: we are monitoring").await;
    assert!(size <= LARGEST, "{size} bytes");
    println!("status page: {size} bytes compressed, {} plain", page.len());
    for attribute in ["src=", "href=", "action=", "url("] {
        for at in page.split(attribute).skip(1) {
            let at = at.trim_start_matches(['"', '\'']);
            assert!(
                !at.starts_with("http") && !at.starts_with("//"),
                "{attribute}{}",
                &at[..at.len().min(60)]
            );
        }
    }
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(
        !policy.contains("http") && !policy.contains("unsafe"),
        "{policy}"
    );
    // What did not change is not sent again.
    let tag = headers["etag"].to_str().unwrap();
    let again = server
        .anybody()
        .ask(Method::GET, "/status")
        .header("if-none-match", tag)
        .send()
        .await
        .unwrap();
    assert!(again.status() == StatusCode::NOT_MODIFIED || again.headers()["etag"] != tag);
}

#[tokio::test]
async fn a_hidden_service_is_not_on_the_status_page() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let anybody = server.anybody();
    // Of the shipped plan: the database has no public face, the orders have one.
    let hidden = json!({ "title": "Trouble for all", "severity": "SEV1", "affected": ["manufacturing-database", "orders-api"] });
    let number = api.declare(hidden).await;
    let secret = json!({ "title": "Quiet look at the audit log", "severity": "SEV3" });
    let quiet = api.declare(secret).await;
    api.declare(json!({ "title": "Practice makes perfect", "severity": "SEV1", "kind": "drill" }))
        .await;
    let said = json!({ "phase": "identified", "message": "Nobody outside reads this." });
    api.post(&format!("/api/v1/incidents/{quiet}/updates"), said)
        .await;
    api.post(
        &format!("/api/v1/incidents/{number}/notes"),
        json!({ "text": "Internal words." }),
    )
    .await;
    // The last of all: once this is told, so would be what came before.
    api.post(
        &format!("/api/v1/incidents/{number}/updates"),
        json!({ "phase": "identified", "message": "We know the cause." }),
    )
    .await;

    let (_, _, page) = status_with(&anybody, "We know the cause.").await;
    assert!(page.contains("Trouble for all") && page.contains("Orders"));
    for hidden in [
        "anufacturing database",
        "manufacturing-database",
        "orders-api",
        "Quiet look",
        "Nobody outside",
        "Practice makes",
        "Internal words",
        "Jane",
        "the commander",
        "55480",
    ] {
        assert!(!page.contains(hidden), "the public reads of {hidden}");
    }
}

#[tokio::test]
async fn the_status_page_forgets_nothing_over_a_restart() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let open = api
        .declare(json!({ "title": "Orders are failing", "severity": "SEV1" }))
        .await;
    let past = api
        .declare(json!({ "title": "Sign-in was slow", "severity": "SEV2" }))
        .await;
    let resolved = api
        .post(
            &format!("/api/v1/incidents/{past}/resolve"),
            json!({ "message": "It is quick again." }),
        )
        .await;
    assert_eq!(resolved.status(), StatusCode::OK);
    status_with(&server.anybody(), "It is quick again.").await;
    server.kill();

    let server = house.start();
    let (_, _, page) = status(&server.anybody()).await;
    assert!(
        page.contains("Orders are failing") && page.contains("It is quick again."),
        "at the first request, of {open} and {past}"
    );
}

/// The live stream as a page hears it.
struct Stream {
    answer: Response,
    read: String,
}

impl Stream {
    async fn open(caller: &Caller, path: &str, last: Option<u64>) -> Stream {
        let request = caller.ask(Method::GET, path);
        let request = last
            .into_iter()
            .fold(request, |r, last| r.header("last-event-id", last));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Stream {
            answer,
            read: String::new(),
        }
    }

    /// The next event of the log, as it was sent; ticks are passed over.
    async fn next(&mut self) -> (u64, String) {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name).map(|v| v.trim().to_owned()))
                };
                let event = field("id:").map(|id| (id.parse().unwrap(), field("data:").unwrap()));
                self.read = rest.to_owned();
                if let Some(event) = event {
                    return event;
                }
                continue;
            }
            let chunk =
                tokio::time::timeout(std::time::Duration::from_secs(20), self.answer.chunk()).await;
            self.read += std::str::from_utf8(
                &chunk
                    .expect("the stream goes on")
                    .unwrap()
                    .expect("it does not end"),
            )
            .unwrap();
        }
    }

    async fn until(&mut self, text: &str) -> Vec<u64> {
        let mut seen = Vec::new();
        loop {
            let (id, event) = self.next().await;
            let event: Value = serde_json::from_str(&event).unwrap();
            assert_eq!(event["seq"], id);
            seen.push(id);
            if event["text"] == text {
                return seen;
            }
        }
    }
}

#[tokio::test]
async fn last_event_id_resumes_the_live_stream() {
    let house = House::sqlite();
    let token = house.token("commander");
    let server = house.start();
    let api = server.program(&token);
    let number = api
        .declare(json!({ "title": "Orders are failing", "severity": "SEV1" }))
        .await;
    let note = async |api: &Caller, text: &str| {
        let noted = api
            .post(
                &format!("/api/v1/incidents/{number}/notes"),
                json!({ "text": text }),
            )
            .await;
        assert_eq!(noted.status(), StatusCode::CREATED);
    };
    let mut stream = Stream::open(&api, "/live", None).await;
    note(&api, "first").await;
    let mut seen = stream.until("first").await;
    drop(stream);

    // While nobody listens; and the address still says where the page began.
    note(&api, "second").await;
    note(&api, "third").await;
    let mut stream = Stream::open(&api, "/live?after=0", seen.last().copied()).await;
    seen.extend(stream.until("third").await);

    // Also from the server's next life.
    drop(stream);
    server.kill();
    let server = house.start();
    let api = server.program(&token);
    note(&api, "fourth").await;
    let mut stream = Stream::open(&api, "/live", seen.last().copied()).await;
    seen.extend(stream.until("fourth").await);
    assert_eq!(
        seen,
        (1..=seen.len() as u64).collect::<Vec<_>>(),
        "each event once, in order, none left out"
    );
}

#[tokio::test]
async fn what_the_live_stream_carries_can_be_read() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let browser = server.browser(&house, "commander").await;
    let number = api
        .declare(json!({ "title": "Orders are failing", "severity": "SEV1" }))
        .await;
    let pinned = browser
        .form(
            &format!("/incidents/{number}/pins"),
            &[("seq", "1"), ("pinned", "on")],
        )
        .await;
    assert_eq!(pinned.status(), StatusCode::SEE_OTHER);
    api.post(
        &format!("/api/v1/incidents/{number}/notes"),
        json!({ "text": "last" }),
    )
    .await;
    let mut stream = Stream::open(&api, "/live", None).await;
    loop {
        // As the browser reads it: a field named twice would not pass.
        let (_, sent) = stream.next().await;
        let event: domain::Stamped =
            serde_json::from_str(&sent).unwrap_or_else(|e| panic!("{e}: {sent}"));
        assert_eq!(serde_json::to_string(&event).unwrap(), sent);
        if let domain::Event::NoteAdded { .. } = event.event {
            return;
        }
    }
}

#[tokio::test]
async fn a_revoked_session_loses_its_stream_within_a_second() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let (leaves, stays) = (
        server.browser(&house, "viewer").await,
        server.browser(&house, "viewer").await,
    );
    let mut ends = Stream::open(&leaves, "/live", None).await;
    let mut goes_on = Stream::open(&stays, "/live", None).await;
    ends.next().await;
    goes_on.next().await;
    assert_eq!(
        leaves.form("/signout", &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    let rest = tokio::time::timeout(std::time::Duration::from_secs(1), async {
        let mut rest = ends.read.clone();
        while let Ok(Some(chunk)) = ends.answer.chunk().await {
            rest += std::str::from_utf8(&chunk).unwrap();
        }
        rest
    });
    let rest = rest.await.expect("it has ended within a second");
    assert!(!rest.contains("token_revoked"), "{rest}");

    // Whoever else reads is told of it, and of what follows.
    api.declare(json!({ "title": "Orders are failing", "severity": "SEV1" }))
        .await;
    let mut told = Vec::new();
    while told.last().is_none_or(|t| t != "incident_declared") {
        let (_, event) = goes_on.next().await;
        let event: Value = serde_json::from_str(&event).unwrap();
        told.push(event["event"].as_str().unwrap().to_owned());
    }
    assert!(told.contains(&"token_revoked".to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_page_of_another_database_is_sent_to_begin_anew() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("viewer"));
    let sent = api.text("/live?after=1000000").await;
    assert_eq!(sent, "event: reset\ndata: -\n\n");
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let house = House::sqlite();
    let server = house.start();
    let browser = server.browser(&house, "viewer").await;
    let mut stream = Stream::open(&browser, "/live", None).await;
    stream.next().await;
    assert_eq!(
        browser.form("/signout", &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    until("the stream ends", async || {
        match stream.answer.chunk().await {
            Ok(Some(_)) => None,
            Ok(None) | Err(_) => Some(()),
        }
    })
    .await;
}
