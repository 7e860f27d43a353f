//! What others have written to read status pages, feeds and calendars, reads ours: through an incident's whole life, and a
//! maintenance window's.

use crate::house::{Caller, House, Server, until};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command};

/// The folder in which the libraries are installed; `.ci/prove` does that.
fn tools() -> Option<PathBuf> {
    let folder = std::env::var_os("MUSTER_READERS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: MUSTER_READERS does not say where the readers are installed");
    }
    folder
}

/// All that both have understood.
struct Read {
    node: Value,
    python: Value,
}

fn run(program: &str, words: &[String]) -> Value {
    let done = Command::new(program).args(words).output().unwrap();
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() && complaint.is_empty(),
        "{program}: {complaint}"
    );
    serde_json::from_slice(&done.stdout).unwrap()
}

impl Read {
    fn of(house: &House, server: &Server, tools: &std::path::Path) -> Read {
        let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/readers");
        let cache = house.path("cache");
        fs::create_dir_all(&cache).unwrap();
        let words = |script: &str, folder: &str| {
            let script = scripts.join(script).display().to_string();
            vec![
                script,
                server.url.clone(),
                tools.join(folder).display().to_string(),
            ]
        };
        let mut python = words("read.py", "python");
        python.push(cache.display().to_string());
        let read = Read {
            node: run("node", &words("read.mjs", "node")),
            python: run("python3", &python),
        };
        for name in ["atom", "rss"] {
            assert_eq!(
                read.python["feeds"][name]["guessed"],
                json!(false),
                "{}",
                read.python
            );
        }
        assert_eq!(read.python["exporter"]["success"], json!(true));
        assert_eq!(read.python["errors"], json!([]));
        read
    }

    /// The one incident, as each of them has it: its status, and its last words.
    fn incident(&self, status: &str, impact: &str, words: &str) {
        let statuspage = &self.node["statuspage"];
        let all = &statuspage["incidents"]["incidents"][0];
        assert_eq!(all["status"], status);
        assert_eq!(all["incident_updates"][0]["status"], status);
        assert_eq!(all["incident_updates"][0]["body"], words);
        assert_eq!(all["impact"], impact);
        let open = usize::from(status != "resolved");
        for document in ["unresolved", "summary"] {
            assert_eq!(
                statuspage[document]["incidents"].as_array().unwrap().len(),
                open,
                "{document}"
            );
        }
        let seen = self.python["exporter"]["incident_metadata"]
            .as_array()
            .unwrap();
        assert_eq!(seen.len(), open);
        if let Some(seen) = seen.first() {
            assert_eq!(
                (&seen["status"], &seen["impact"]),
                (&json!(status), &json!(impact))
            );
            assert_eq!(seen["affected_components"], json!(["Shop"]));
            assert_eq!(self.python["exporter"]["raw_status"], impact);
        }
        for (library, feeds) in [
            ("node", &self.node["feeds"]),
            ("python", &self.python["feeds"]),
        ] {
            for name in ["atom", "rss"] {
                let text = feeds[name].to_string();
                assert!(
                    text.contains(words) && text.contains("/status/incidents/INC-"),
                    "{library} {name}: {text}"
                );
            }
        }
        assert!(self.node["feeds"]["json"].to_string().contains(words));
    }

    fn window(&self, status: &str, sequence: u32) {
        let statuspage = &self.node["statuspage"];
        let is_over = status == "completed";
        // The library asks for those to come when all are wanted: those that go on, it finds in the summary.
        let open = statuspage["summary"]["scheduled_maintenances"]
            .as_array()
            .unwrap();
        assert_eq!(open.len(), usize::from(!is_over));
        if let Some(open) = open.first() {
            assert_eq!(
                (&open["status"], &open["impact"]),
                (&json!(status), &json!("maintenance"))
            );
        }
        let upcoming = statuspage["upcoming"]["scheduled_maintenances"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(upcoming, usize::from(status == "scheduled"));
        let seen = self.python["exporter"]["maintenance_metadata"]
            .as_array()
            .unwrap();
        assert_eq!(seen.len(), usize::from(!is_over));
        let (ours, theirs) = (&self.node["windows"][0], &self.python["windows"][0]);
        assert_eq!(
            (&ours["uid"], &ours["sequence"]),
            (&theirs["uid"], &json!(sequence))
        );
        assert_eq!(theirs["sequence"], sequence);
        for window in [ours, theirs] {
            assert_eq!(
                (&window["summary"], &window["status"]),
                (
                    &json!("A larger disk; \"hot\", they say"),
                    &json!("CONFIRMED")
                )
            );
        }
    }
}

async fn told(caller: &Caller, text: &str) {
    let paths = [
        "/api/v2/incidents.json",
        "/api/v2/scheduled-maintenances.json",
    ];
    until(text, async || {
        for path in paths {
            if caller.text(path).await.contains(text) {
                return Some(());
            }
        }
        None
    })
    .await;
}

#[tokio::test]
async fn others_read_an_incidents_whole_life_without_a_complaint() {
    let Some(tools) = tools() else { return };
    let house = House::small();
    house.write_plan(
        "services.yaml",
        "- {id: shop, name: The shop, tier: critical, public: {name: Shop, group: Sales}, check: {probe: {http: {url: \"http://127.0.0.1:9/\"}}, interval: 10s, timeout: 1s, internal: true}}\n- {id: database, name: Database, tier: critical}\n",
    );
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let anybody = server.anybody();
    let post = async |path: String, body: Value| {
        let posted = api.post(&path, body).await;
        assert!(
            matches!(posted.status(), StatusCode::OK | StatusCode::CREATED),
            "{path}"
        );
        posted.json::<Value>().await.unwrap()
    };
    let number = api.declare(json!({ "title": "Orders <fail> & wait", "severity": "SEV1", "affected": ["shop", "database"] })).await;
    told(&anybody, "We are looking into it.").await;
    Read::of(&house, &server, &tools).incident(
        "investigating",
        "critical",
        "We are looking into it.",
    );
    for (phase, words) in [
        ("identified", "A disk is full."),
        ("monitoring", "There is room again."),
    ] {
        post(
            format!("/api/v1/incidents/{number}/updates"),
            json!({ "phase": phase, "message": words }),
        )
        .await;
        told(&anybody, words).await;
        Read::of(&house, &server, &tools).incident(phase, "critical", words);
    }
    post(
        format!("/api/v1/incidents/{number}/resolve"),
        json!({ "message": "All is well." }),
    )
    .await;
    told(&anybody, "All is well.").await;
    Read::of(&house, &server, &tools).incident("resolved", "critical", "All is well.");

    let at =
        |hours: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours)).to_string();
    let window = json!({
        "title": "A larger disk; \"hot\", they say", "message": "Two lines,\nand a comma; no more.", "services": ["shop"],
        "from": at(24), "until": at(25), "public": true,
    });
    let id = post("/api/v1/maintenance".into(), window).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    told(&anybody, "no more.").await;
    Read::of(&house, &server, &tools).window("scheduled", 0);
    for (n, (act, status)) in [
        ("begin", "in_progress"),
        ("verify", "verifying"),
        ("complete", "completed"),
    ]
    .into_iter()
    .enumerate()
    {
        let words = format!("Word {n} of it.");
        post(
            format!("/api/v1/maintenance/{id}/{act}"),
            json!({ "message": words }),
        )
        .await;
        told(&anybody, &words).await;
        Read::of(&house, &server, &tools).window(status, n as u32 + 1);
    }
}
