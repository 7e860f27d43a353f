//! What is public: every form of it, what is not in it, and what it says when Muster's own ground gives way.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

use house::{Caller, House, Server, header, unbrotli, until};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io::Read,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

/// Every public path there is, of a house with this incident, and what it holds.
fn paths(number: &str, month: &str) -> Vec<(String, &'static str)> {
    let html = "text/html; charset=utf-8";
    let pages = ["/status", "/status/history", "/status/embed"];
    let pages = pages.into_iter().map(str::to_owned).chain([
        format!("/status/incidents/{number}"),
        format!("/status/history/{month}"),
    ]);
    let feeds = [
        ("/history.atom", "application/atom+xml; charset=utf-8"),
        ("/history.rss", "application/rss+xml; charset=utf-8"),
        ("/status/feed.json", "application/feed+json; charset=utf-8"),
        ("/status/maintenance.ics", "text/calendar; charset=utf-8"),
        ("/status/badge.svg", "image/svg+xml; charset=utf-8"),
    ];
    let feeds = feeds.map(|(path, kind)| (path.to_owned(), kind));
    let api = [
        "summary",
        "status",
        "components",
        "incidents",
        "incidents/unresolved",
        "scheduled-maintenances",
        "scheduled-maintenances/upcoming",
        "scheduled-maintenances/active",
    ];
    let api = api.map(|name| {
        (
            format!("/api/v2/{name}.json"),
            "application/json; charset=utf-8",
        )
    });
    pages
        .map(|path| (path, html))
        .chain(feeds)
        .chain(api)
        .collect()
}

async fn with(anybody: &Caller, path: &str, headers: &[(&'static str, &str)]) -> Response {
    let request = anybody.ask(Method::GET, path);
    let request = headers
        .iter()
        .fold(request, |r, (name, value)| r.header(*name, *value));
    request.send().await.unwrap()
}

/// The page once it tells of something.
async fn told(anybody: &Caller, path: &str, text: &str) -> String {
    until(text, async || {
        Some(anybody.text(path).await).filter(|page| page.contains(text))
    })
    .await
}

/// The month of now, as the paths name it.
fn month() -> String {
    jiff::Timestamp::now().to_string()[..7].to_owned()
}

fn ungzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// A component's id as the API tells it.
fn id(kind: &str, name: &str) -> String {
    let hash = Sha256::digest(format!("{kind}/{name}"));
    let mut number = u64::from_be_bytes(hash[..8].try_into().unwrap());
    let digits = (0..12).map(|_| {
        let digit = (number % 36) as u32;
        number /= 36;
        char::from_digit(digit, 36).unwrap()
    });
    digits.collect()
}

async fn update(api: &Caller, number: &str, phase: &str, message: &str) {
    let said = json!({ "phase": phase, "message": message });
    let posted = api
        .post(&format!("/api/v1/incidents/{number}/updates"), said)
        .await;
    assert_eq!(posted.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn every_form_is_there_in_each_encoding_under_its_tag() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let anybody = server.anybody();
    let number = api.declare(json!({ "title": "Orders <fail> & wait", "severity": "SEV1", "affected": ["orders-api"] })).await;
    update(
        &api,
        &number,
        "identified",
        "A disk is full; \"orders\" wait.",
    )
    .await;
    told(&anybody, "/status", "A disk is full").await;

    for (path, kind) in paths(&number, &month()) {
        // Twice, until both were of the same moment: it is renewed meanwhile.
        until(&path, async || {
            let plain = with(&anybody, &path, &[("accept-encoding", "identity")]).await;
            assert_eq!(plain.status(), StatusCode::OK, "{path}");
            assert_eq!(header(&plain, "content-type"), kind, "{path}");
            assert_eq!(header(&plain, "content-encoding"), "", "{path}");
            assert!(
                header(&plain, "content-security-policy").starts_with("default-src 'none'"),
                "{path}"
            );
            let tag = header(&plain, "etag").to_owned();
            let plain = plain.text().await.unwrap();
            let br = with(&anybody, &path, &[("accept-encoding", "gzip, br")]).await;
            assert_eq!(header(&br, "content-encoding"), "br", "{path}");
            let same = header(&br, "etag") == tag;
            let br = unbrotli(&br.bytes().await.unwrap());
            let gzip = with(&anybody, &path, &[("accept-encoding", "gzip, br;q=0")]).await;
            assert_eq!(header(&gzip, "content-encoding"), "gzip", "{path}");
            let same = same && header(&gzip, "etag") == tag;
            let gzip = ungzip(&gzip.bytes().await.unwrap());
            let known = with(
                &anybody,
                &path,
                &[("if-none-match", &format!("\"x\", {tag}"))],
            )
            .await;
            if !same || known.status() == StatusCode::OK {
                return None;
            }
            assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{path}");
            assert_eq!(header(&known, "etag"), tag, "{path}");
            assert!(plain == br && plain == gzip && !plain.is_empty(), "{path}");
            Some(())
        })
        .await;
        let head = anybody.ask(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(head.status(), StatusCode::OK, "{path}");
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
        // What programs read, programs of any site may read.
        let answer = anybody.get(&path).await;
        let open = if kind.starts_with("text/html") {
            ""
        } else {
            "*"
        };
        assert_eq!(
            header(&answer, "access-control-allow-origin"),
            open,
            "{path}"
        );
    }
    let asked = anybody.ask(Method::OPTIONS, "/api/v2/summary.json");
    let asked = asked
        .header("origin", "https://example.org")
        .header("access-control-request-method", "GET");
    let asked = asked.send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&asked, "access-control-allow-origin"), "*");
}

#[tokio::test]
async fn what_is_hidden_answers_as_what_never_was_in_every_place() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let anybody = server.anybody();
    // Of the shipped plan: the database has no public face.
    let hidden = json!({ "title": "Trouble for all", "severity": "SEV1", "affected": ["manufacturing-database", "orders-api"] });
    let number = api.declare(hidden).await;
    let quiet = api
        .declare(json!({ "title": "Quiet look at the audit log", "severity": "SEV3" }))
        .await;
    let drill = api
        .declare(json!({ "title": "Practice makes perfect", "severity": "SEV1", "kind": "drill" }))
        .await;
    update(&api, &quiet, "identified", "Nobody outside reads this.").await;
    update(&api, &drill, "identified", "Nor this.").await;
    api.post(
        &format!("/api/v1/incidents/{number}/notes"),
        json!({ "text": "Internal words." }),
    )
    .await;
    // The last of all: once this is told, so would be what came before.
    update(&api, &number, "identified", "We know the cause.").await;
    told(&anybody, "/status", "We know the cause.").await;

    // It is in no document, under no name, in no language.
    let secrets = [
        "manufacturing-database".to_owned(),
        "anufacturing database".to_owned(),
        "orders-api".to_owned(),
        id("component", "manufacturing-database"),
        id("component", "database-replica"),
        id("incident", &quiet),
        id("incident", &drill),
        quiet.clone(),
        drill.clone(),
        "Quiet look".to_owned(),
        "Practice makes".to_owned(),
        "Nobody outside".to_owned(),
        "Nor this".to_owned(),
        "Internal words".to_owned(),
        "the commander".to_owned(),
        "55480".to_owned(),
    ];
    let known = id("component", "orders-api");
    assert!(
        anybody
            .text("/api/v2/components.json")
            .await
            .contains(&known),
        "ids are as this test makes them"
    );
    for (path, _) in paths(&number, &month()) {
        for language in ["en", "de", "fr", "es"] {
            let text = anybody.text(&format!("{path}?lang={language}")).await;
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{path} tells of {secret}");
            }
        }
    }
    // And to ask for it is to ask for nothing.
    let never = ["never-was-there", "zzzzzzzzzzzz", "INC-2026-999"];
    let shapes = [
        "/status/{}",
        "/status/incidents/{}",
        "/status/maintenance/{}",
        "/status/history/{}",
        "/status/components/{}",
        "/status/badge.svg/{}",
        "/api/v2/{}.json",
        "/api/v2/components/{}.json",
        "/api/v2/incidents/{}.json",
        "/api/v2/scheduled-maintenances/{}.json",
    ];
    for shape in shapes {
        let expected = answer(&anybody, &shape.replace("{}", never[0])).await;
        assert_eq!(expected.0, StatusCode::NOT_FOUND);
        let hidden = secrets.iter().filter(|s| !s.contains(' '));
        for asked in hidden.map(String::as_str).chain(never) {
            let path = shape.replace("{}", asked);
            assert_eq!(answer(&anybody, &path).await, expected, "{path}");
        }
    }
    // What is asked beside the path changes nothing.
    for secret in ["manufacturing-database", "never-was-there"] {
        let badge = anybody
            .text(&format!("/status/badge.svg?component={secret}"))
            .await;
        assert_eq!(badge, anybody.text("/status/badge.svg").await);
    }
}

/// An answer without its instant.
async fn answer(anybody: &Caller, path: &str) -> (StatusCode, Vec<(String, String)>, String) {
    let answer = anybody.get(path).await;
    let headers = answer.headers().iter().filter(|(name, _)| *name != "date");
    let headers = headers.map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()));
    (
        answer.status(),
        headers.collect(),
        answer.text().await.unwrap(),
    )
}

#[tokio::test]
async fn the_reader_is_answered_in_a_language_of_theirs() {
    let house = House::sqlite();
    let server = house.start();
    let anybody = server.anybody();
    let ask = async |path: &str, accepts: &str| {
        let answer = with(&anybody, path, &[("accept-language", accepts)]).await;
        assert!(header(&answer, "vary").contains("accept-language"));
        answer.text().await.unwrap()
    };
    for (path, accepts, language, words) in [
        ("/status", "de-CH, en;q=0.5", "de", "Geplante Wartung"),
        ("/status", "it, fr;q=0.3", "fr", "Maintenance prévue"),
        ("/status?lang=es", "de", "es", "Mantenimiento previsto"),
        ("/status?lang=it", "ja", "en", "Planned maintenance"),
        ("/status/nowhere", "de", "de", "Hier ist nichts"),
    ] {
        let page = ask(path, accepts).await;
        assert!(
            page.contains(&format!("<html lang=\"{language}\">")),
            "{path} for {accepts}"
        );
        assert!(page.contains(words), "{path} for {accepts}");
        // The language goes on with whoever follows a link.
        assert!(
            page.contains(&format!("href=\"/status/history?lang={language}\"")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_incident_is_told_in_every_form_from_its_first_word_to_its_last() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let anybody = server.anybody();
    let number = api
        .declare(json!({ "title": "Orders fail", "severity": "SEV1", "affected": ["orders-api"] }))
        .await;
    update(&api, &number, "identified", "A disk is full.").await;
    update(&api, &number, "monitoring", "Orders work again.").await;
    told(
        &anybody,
        "/api/v2/incidents/unresolved.json",
        "Orders work again.",
    )
    .await;
    let unresolved: Value = anybody.json("/api/v2/incidents/unresolved.json").await;
    let incident = &unresolved["incidents"][0];
    assert_eq!(incident["id"], id("incident", &number));
    assert_eq!(
        (&incident["status"], &incident["impact"]),
        (&json!("monitoring"), &json!("critical"))
    );
    assert_eq!(incident["components"][0]["name"], "Orders");
    assert!(incident["monitoring_at"].is_string() && incident["resolved_at"].is_null());
    let said = |i: &Value| {
        let updates = i["incident_updates"].as_array().unwrap().iter();
        updates
            .map(|u| {
                (
                    u["id"].as_str().unwrap().to_owned(),
                    u["body"].as_str().unwrap().to_owned(),
                )
            })
            .collect::<Vec<_>>()
    };
    let before = said(incident);
    assert_eq!(
        before
            .iter()
            .map(|(_, body)| body.as_str())
            .collect::<Vec<_>>(),
        [
            "Orders work again.",
            "A disk is full.",
            "We are looking into it."
        ]
    );
    let resolved = api
        .post(
            &format!("/api/v1/incidents/{number}/resolve"),
            json!({ "message": "All is well. No data was lost." }),
        )
        .await;
    assert_eq!(resolved.status(), StatusCode::OK);
    for path in [
        "/status",
        "/history.atom",
        "/history.rss",
        "/status/feed.json",
        "/api/v2/incidents.json",
    ] {
        told(&anybody, path, "No data was lost.").await;
    }
    let page = told(
        &anybody,
        &format!("/status/incidents/{number}"),
        "No data was lost.",
    )
    .await;
    // Every word stays, each with an address of its own.
    for (n, words) in [
        "We are looking into it.",
        "A disk is full.",
        "Orders work again.",
        "All is well.",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(page.contains(words), "{words}");
        assert!(page.contains(&format!("id=\"{number}-{n}\"")), "{words}");
    }
    let all: Value = anybody.json("/api/v2/incidents.json").await;
    assert_eq!(
        said(&all["incidents"][0])[1..],
        before[..],
        "ids and words of before are as they were"
    );
    assert!(
        anybody.json("/api/v2/incidents/unresolved.json").await["incidents"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let month = told(
        &anybody,
        &format!("/status/history/{}", month()),
        "No data was lost.",
    )
    .await;
    assert!(month.contains(&format!("/status/incidents/{number}")));
}

/// Where the public's own door is, as the server says.
async fn door(server: &Server) -> Caller {
    let url = until("the public's own door", async || {
        let log = server.log.lock().unwrap();
        let (_, rest) = log.split_once("page is served at ")?;
        Some(rest.split_whitespace().next()?.to_owned())
    });
    server.anybody().at(url.await)
}

#[tokio::test]
async fn the_public_door_leads_to_the_public_and_nowhere_else() {
    let mut house = House::sqlite();
    house
        .env
        .push(("MUSTER_STATUS_LISTEN".into(), "127.0.0.1:0".into()));
    let server = house.start();
    let token = house.token("commander");
    let api = server.program(&token);
    let number = api
        .declare(json!({ "title": "Orders fail", "severity": "SEV1" }))
        .await;
    let door = door(&server).await;
    told(&door, "/", "Orders fail").await;
    for (path, kind) in paths(&number, &month()) {
        let answer = door.get(&path).await;
        assert_eq!(
            (answer.status(), header(&answer, "content-type")),
            (StatusCode::OK, kind),
            "{path}"
        );
    }
    // Whoever knocks, with whatever in hand, for whatever else: the same page for what is not there.
    let inside = api.at(door.url.clone());
    let unknown = answer(&door, "/nowhere").await;
    assert_eq!(unknown.0, StatusCode::NOT_FOUND);
    for path in [
        "/incidents",
        "/api/v1/incidents",
        "/healthz",
        "/readyz",
        "/live",
        "/signin",
        "/pkg/main.css",
        "/status/../incidents",
        "//status",
    ] {
        assert_eq!(answer(&inside, path).await, unknown, "{path}");
    }
    let posted = inside
        .post("/api/v1/incidents", json!({ "title": "x" }))
        .await;
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_dead_database_takes_nothing_from_the_public_but_news() {
    let (mut house, wire) = House::sqlite().over_a_wire().await;
    house
        .env
        .push(("MUSTER_STATUS_LISTEN".into(), "127.0.0.1:0".into()));
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let number = api
        .declare(json!({ "title": "Orders fail", "severity": "SEV1" }))
        .await;
    update(&api, &number, "identified", "A disk is full.").await;
    let outside = door(&server).await;
    told(&outside, "/status", "A disk is full.").await;
    let documents = paths(&number, &month());

    // While it runs: everything is there, and says from when the words are.
    wire.cut();
    let page = told(&outside, "/status", "own database does not answer").await;
    assert!(page.contains("A disk is full."));
    for caller in [&outside, &server.anybody()] {
        for (path, _) in &documents {
            assert_eq!(caller.get(path).await.status(), StatusCode::OK, "{path}");
        }
    }

    // Started anew: the last that was known, and how old it is.
    server.kill();
    let server = house.start();
    let outside = door(&server).await;
    for caller in [&outside, &server.anybody()] {
        let page = caller.text("/status").await;
        assert!(
            page.contains("A disk is full.") && page.contains("The last known state,"),
            "{page}"
        );
        assert!(!page.contains("All watched systems operational"));
        for (path, kind) in &documents {
            let answer = caller.get(path).await;
            assert_eq!(
                (answer.status(), header(&answer, "content-type")),
                (StatusCode::OK, *kind),
                "{path}"
            );
        }
    }
    let german = with(&outside, "/status", &[("accept-language", "de")]).await;
    assert!(
        german
            .text()
            .await
            .unwrap()
            .contains("Der letzte bekannte Stand,")
    );
    let anybody = server.anybody();
    assert_eq!(anybody.get("/healthz").await.status(), StatusCode::OK);
    let inside = anybody.get("/").await;
    assert_eq!(inside.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!inside.text().await.unwrap().contains("A disk is full."));

    // And on it goes by itself.
    wire.mend();
    until("the database is back", async || {
        let page = outside.text("/status").await;
        (!page.contains("The last known state,")).then_some(())
    })
    .await;
    let api = until("the server is whole again", async || {
        let log = server.log.lock().unwrap().clone();
        let served = log.lines().rfind(|l| l.contains("Muster serves "))?;
        let url = served
            .split_once("Muster serves ")?
            .1
            .split_whitespace()
            .next()?;
        (!served.contains("to the public only")).then(|| api.at(url.to_owned()))
    });
    update(&api.await, &number, "monitoring", "There is room again.").await;
    told(&outside, "/status", "There is room again.").await;
}

#[tokio::test]
async fn a_database_file_that_is_gone_is_not_begun_anew_behind_the_publics_back() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    api.declare(json!({ "title": "Orders fail", "severity": "SEV1" }))
        .await;
    told(&server.anybody(), "/status", "Orders fail").await;
    until("it was kept", async || {
        let kept = std::fs::read_to_string(house.path("data/status.json")).ok()?;
        kept.contains("Orders fail").then_some(())
    })
    .await;
    server.kill();
    for file in ["muster.db", "muster.db-wal", "muster.db-shm"] {
        let _ = std::fs::rename(house.path("data").join(file), house.path(file));
    }
    let server = house.start();
    let page = server.anybody().text("/status").await;
    assert!(page.contains("Orders fail") && page.contains("The last known state,"));
    assert!(
        server.log.lock().unwrap().contains("muster.db"),
        "it says what is missing"
    );
    assert!(!house.path("data/muster.db").exists());
    for file in ["muster.db", "muster.db-wal", "muster.db-shm"] {
        let _ = std::fs::rename(house.path(file), house.path("data").join(file));
    }
    let page = until("it is back", async || {
        let page = server.anybody().text("/status").await;
        (!page.contains("The last known state,")).then_some(page)
    });
    assert!(page.await.contains("Orders fail"));
}

/// The files of a folder, by name within it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            // It may be on its way to another name.
            if let Ok(bytes) = std::fs::read(&path) {
                found.insert(name, bytes);
            }
        }
    }
    found
}

/// Where the links of a page in a folder lead, as names in that folder.
fn leads(name: &str, page: &str) -> Vec<String> {
    let links = page
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap());
    let links = links.filter(|link| !link.starts_with('#') && !link.contains("://"));
    links
        .map(|link| {
            let mut at: Vec<&str> = name.split('/').collect();
            at.pop();
            for part in link.split('#').next().unwrap().split('/') {
                match part {
                    ".." => _ = at.pop().expect("a link does not lead out of the folder"),
                    part => at.push(part),
                }
            }
            at.join("/")
        })
        .collect()
}

#[tokio::test]
async fn the_mirror_is_whole_and_leads_nowhere_else() {
    let mut house = House::sqlite();
    let mirror = house.path("mirror");
    house
        .env
        .push(("MUSTER_STATUS_MIRROR".into(), mirror.display().to_string()));
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let number = api
        .declare(json!({ "title": "Orders fail", "severity": "SEV1", "affected": ["orders-api"] }))
        .await;
    update(&api, &number, "identified", "A disk is full.").await;
    let all = until("the mirror tells it", async || {
        let all = files(&mirror);
        // The first page is written after what it leads to.
        let page = String::from_utf8_lossy(all.get("index.html")?).into_owned();
        (page.contains("A disk is full.") && all.contains_key("mirror.json")).then_some(all)
    })
    .await;
    for language in ["", "de/", "fr/", "es/"] {
        for page in ["index.html", "history.html", "404.html", "embed.html"] {
            assert!(
                all.contains_key(&format!("{language}{page}")),
                "{language}{page}"
            );
        }
        assert!(all.contains_key(&format!("{language}incidents/{number}.html")));
    }
    for (path, kind) in paths(&number, &month()) {
        if kind.starts_with("text/html") {
            continue;
        }
        // The same bytes as those that are served, where nothing of them passes by itself.
        let name = path.trim_start_matches("/status/").trim_start_matches('/');
        let served = server.anybody().text(&path).await;
        assert_eq!(String::from_utf8_lossy(&all[name]), served, "{name}");
    }
    for (name, bytes) in &all {
        if !name.ends_with(".html") || name.ends_with("404.html") {
            continue;
        }
        let page = String::from_utf8_lossy(bytes);
        for there in leads(name, &page) {
            assert!(all.contains_key(&there), "{name} leads to {there}");
        }
        if !name.ends_with("embed.html") {
            assert!(
                page.contains("<meta http-equiv=\"content-security-policy\""),
                "{name}"
            );
        }
    }

    // What is no longer published goes, also when that happened while nobody was there.
    server.kill();
    let plan = house.path("plan/status.yaml");
    std::fs::write(plan, "languages: [en, de]\n").unwrap();
    let _server = house.start();
    until("what was of other languages is gone", async || {
        let all = files(&mirror);
        let gone = !all
            .keys()
            .any(|name| name.starts_with("fr/") || name.starts_with("es/"));
        (gone && all.contains_key("de/index.html")).then_some(())
    })
    .await;
}

/// Storage that speaks enough of S3: it keeps what is put, and who asked how.
#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<BTreeMap<String, Object>>>);

#[derive(Clone)]
struct Object {
    body: Vec<u8>,
    content_type: String,
    signed: bool,
}

impl Bucket {
    async fn open(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = self.0.clone();
        let keep = axum::routing::any(async move |request: axum::extract::Request| {
            let (head, body) = request.into_parts();
            let of = |name: &str| {
                head.headers
                    .get(name)
                    .map_or("", |v| v.to_str().unwrap())
                    .to_owned()
            };
            let object = Object {
                signed: of("authorization").starts_with("AWS4-HMAC-SHA256 Credential=us/")
                    && !of("authorization").contains("secret"),
                content_type: of("content-type"),
                body: axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec(),
            };
            let key = head.uri.path().to_owned();
            let mut kept = kept.lock().unwrap();
            match head.method {
                Method::PUT => {
                    kept.insert(key, object);
                    (StatusCode::OK, [("etag", "\"x\"")], Vec::new())
                }
                Method::GET if kept.contains_key(&key) => {
                    (StatusCode::OK, [("etag", "\"x\"")], kept[&key].body.clone())
                }
                Method::DELETE => {
                    kept.remove(&key);
                    (StatusCode::NO_CONTENT, [("etag", "\"x\"")], Vec::new())
                }
                _ => (StatusCode::NOT_FOUND, [("etag", "\"x\"")], Vec::new()),
            }
        });
        let app = axum::Router::new().fallback(keep);
        tokio::spawn(async { axum::serve(listener, app).await });
        address
    }
}

#[tokio::test]
async fn the_mirror_reaches_storage_that_speaks_s3() {
    let bucket = Bucket::default();
    let address = bucket.open().await;
    let mut house = House::sqlite();
    for (name, value) in [
        ("MUSTER_STATUS_MIRROR", "s3://pages/acme/status".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "us".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "a secret of ours".to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
    ] {
        house.env.push((name.to_owned(), value));
    }
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let number = api
        .declare(json!({ "title": "Orders fail", "severity": "SEV1" }))
        .await;
    let page = until("the bucket has the page", async || {
        let kept = bucket.0.lock().unwrap();
        let page = kept.get("/pages/acme/status/index.html")?;
        String::from_utf8_lossy(&page.body)
            .contains("Orders fail")
            .then(|| page.clone())
    })
    .await;
    assert_eq!(page.content_type, "text/html; charset=utf-8");
    let kept = bucket.0.lock().unwrap().clone();
    assert!(kept.contains_key(&format!("/pages/acme/status/incidents/{number}.html")));
    assert!(kept.contains_key("/pages/acme/status/api/v2/incidents/unresolved.json"));
    assert!(
        kept.values().all(|object| object.signed),
        "every request is signed"
    );
    assert!(!server.log.lock().unwrap().contains("a secret of ours"));
}
