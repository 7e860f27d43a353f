//! A disk that fills up under the database and the spool, and has room again.

use crate::{
    house::{Caller, House, header, size, until},
    start_run, until_status,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const INSIDE: &str = "MUSTER_PROVE_INSIDE";
/// What a small disk holds, and what one step writes on it.
const DISK: &str = "size=48m";
const POURED: usize = 8_000_000;
const PUBLIC_WORD: &str = "The disk is being cleared.";
/// From when there is room again until all works by itself.
const BACK: Duration = Duration::from_secs(5);

/// Runs the test of this name in a mount namespace of its own, where it may mount a small disk that nobody else sees.
fn goes_on_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount"]).args(words);
        command
    };
    let may = unshare(&["mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !may.is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: this machine allows no mount namespaces");
        return false;
    }
    let program = std::env::current_exe().unwrap().display().to_string();
    let done = unshare(&[&program, "--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    for line in told
        .lines()
        .filter(|l| l.starts_with(|c: char| c.is_ascii_digit()))
    {
        println!("{line}");
    }
    false
}

fn mount(place: &Path) {
    fs::create_dir_all(place).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", DISK, "none"])
        .arg(place)
        .status();
    assert!(mounted.unwrap().success());
}

/// Takes the last byte that the disk has.
fn fill(file: &Path) {
    let mut filler = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .unwrap();
    for chunk in [1 << 20, 4096, 1] {
        let bytes = vec![7; chunk];
        while filler.write_all(&bytes).is_ok() {}
    }
}

/// A note under its text as a key.
async fn note(caller: &Caller, incident: &str, text: &str) -> reqwest::Response {
    let note = caller.ask(Method::POST, &format!("/api/v1/incidents/{incident}/notes"));
    let note = note.header("idempotency-key", text);
    note.json(&json!({ "text": text })).send().await.unwrap()
}

/// How often each note stands in the timeline.
async fn times(caller: &Caller, incident: &str, text: &str) -> usize {
    let path = format!("/api/v1/incidents/{incident}/timeline?limit=1000&after=");
    let (mut count, mut after) = (0, 0);
    loop {
        let page = caller.json(&format!("{path}{after}")).await;
        let events = page["events"].as_array().unwrap();
        let Some(last) = events.last() else {
            return count;
        };
        after = last["seq"].as_u64().unwrap();
        count += events.iter().filter(|e| e["text"] == text).count();
    }
}

fn ran(house: &House) -> Vec<String> {
    let ran = fs::read_to_string(house.path("ran")).unwrap_or_default();
    ran.lines().map(str::to_owned).collect()
}

/// A step that pours out while the disk is full and ends then, and one that ends when there is room again.
fn write_books(house: &House) {
    for (slug, last) in [
        ("ends-full", "touch $HERE/poured"),
        ("ends-later", "until [ -e $HERE/go ]; do sleep 0.02; done"),
    ] {
        let script = format!(
            "echo {slug} >> $HERE/ran; until [ -e $HERE/full ]; do sleep 0.02; done; head -c {POURED} /dev/zero; {last}"
        );
        let script = script.replace("$HERE", &house.home.path().display().to_string());
        let next = format!("echo {slug}-next >> {}", house.path("ran").display());
        house.write_runbook(
            slug,
            &json!({ "name": slug, "steps": [
                { "name": "Pours", "commands": [["sh", "-c", script]] },
                { "name": "Next", "commands": [["sh", "-c", next]] },
            ] }),
        );
    }
}

/// How much `Pours` writes, dropped or not, and its digest.
fn whole(house: &House, slug: &str) -> (usize, String) {
    let book = fs::read_to_string(house.path(&format!("plan/runbooks/{slug}.yaml"))).unwrap();
    let book: Value = serde_json::from_str(&book).unwrap();
    let command = book["steps"][0]["commands"][0].clone();
    let command: domain::plan::CommandLine = serde_json::from_value(command).unwrap();
    let head = format!("$ {}\n", command.display());
    let whole = [head.as_bytes(), &vec![0; POURED]].concat();
    (whole.len(), hex::encode(Sha256::digest(&whole)))
}

/// What the timeline tells of the end of a run's first attempt.
async fn ended(house: &House, run: &str) -> Value {
    let store = house.store().await;
    let (mut after, mut found) = (0, None);
    while let records = store.events_after(after, 2000).await.unwrap()
        && let Some(last) = records.last()
    {
        after = last.seq;
        let of = |r: &&store::Record| r.stream == format!("run/{run}") && r.kind == "attempt_ended";
        found = found.or(records
            .iter()
            .find(of)
            .map(|r| serde_json::from_str(&r.body).unwrap()));
    }
    store.close().await;
    found.unwrap()
}

#[tokio::test]
async fn a_full_disk_refuses_what_is_new_and_loses_nothing_of_what_was_acknowledged() {
    if !goes_on_inside(
        "disk::a_full_disk_refuses_what_is_new_and_loses_nothing_of_what_was_acknowledged",
    ) {
        return;
    }
    let rounds = size("MUSTER_PROVE_FULL", 2);
    let house = House::small();
    mount(&house.path("data"));
    write_books(&house);
    let token = house.token("commander");
    let mut server = house.start();
    let mut caller = server.program(&token);
    let browser = server.browser(&house, "commander").await;
    let incident = caller
        .declare(json!({ "title": "The disk fills up", "severity": "SEV1" }))
        .await;
    let word = json!({ "phase": "identified", "message": PUBLIC_WORD });
    let updates = format!("/api/v1/incidents/{incident}/updates");
    let said = caller.post(&updates, word).await;
    assert_eq!(said.status(), StatusCode::CREATED);
    until("the public is told", async || {
        let page = server.anybody().text("/status").await;
        page.contains(PUBLIC_WORD).then_some(())
    })
    .await;
    let (mut acknowledged, mut refused, mut worst) = (Vec::new(), Vec::new(), Duration::ZERO);
    for round in 0..rounds {
        for file in ["ran", "full", "poured", "go"] {
            let _ = fs::remove_file(house.path(file));
        }
        let first = start_run(&caller, "ends-full", json!({})).await;
        let later = start_run(&caller, "ends-later", json!({})).await;
        until("both run", async || (ran(&house).len() == 2).then_some(())).await;
        fill(&house.path("data/filler"));

        // What still finds a place is acknowledged; in the end nothing does.
        let says = until("a write is refused", async || {
            fill(&house.path("data/filler"));
            let text = format!("note-{round}-{}", acknowledged.len());
            let answer = note(&caller, &incident, &text).await;
            if answer.status() == StatusCode::CREATED {
                acknowledged.push(text);
                return None;
            }
            refused.push(text);
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(header(&answer, "content-type"), "application/problem+json");
            Some(answer.json::<Value>().await.unwrap())
        })
        .await;
        assert!(
            says["detail"]
                .as_str()
                .unwrap()
                .contains("disk of the database is full"),
            "{says}"
        );
        let body = json!({ "parameters": {} });
        let answer = caller.post("/api/v1/runbooks/ends-full/runs", body).await;
        assert!(
            !answer.status().is_success(),
            "nothing begins that cannot be written down"
        );
        let anybody = server.anybody();
        assert_eq!(anybody.get("/healthz").await.status(), StatusCode::OK);
        let public = anybody.text("/status").await;
        for says in [PUBLIC_WORD, "as of <time"] {
            assert!(public.contains(says), "{says}: {public}");
        }
        if round % 2 == 0 && browser.url == server.url {
            for path in [
                "/",
                "/runbooks",
                &format!("/runs/{first}"),
                &format!("/incidents/{incident}"),
            ] {
                assert_eq!(browser.get(path).await.status(), StatusCode::OK, "{path}");
            }
        }
        caller.json(&format!("/api/v1/runs/{first}")).await;

        // The commands feel nothing of it.
        fs::write(house.path("full"), "").unwrap();
        until("the command ends", async || {
            house.path("poured").exists().then_some(())
        })
        .await;
        if round % 2 == 1 {
            // The ending is learnt by the next server as well.
            server.kill();
            fs::remove_file(house.path("data/filler")).unwrap();
            server = house.start();
            caller = server.program(&token);
        } else {
            // In the first round so long that whoever tries again and again has become slow at it.
            let full = if round == 0 { 12 } else { 1 };
            tokio::time::sleep(Duration::from_secs(full)).await;
            fs::remove_file(house.path("data/filler")).unwrap();
        }
        let room = Instant::now();
        fs::write(house.path("go"), "").unwrap();
        for text in refused.drain(..) {
            assert_eq!(
                note(&caller, &incident, &text).await.status(),
                StatusCode::CREATED,
                "{text}"
            );
            acknowledged.push(text);
        }
        for (id, slug) in [(&first, "ends-full"), (&later, "ends-later")] {
            let done = until_status(&caller, id, "completed").await;
            let attempts = done["steps"][0]["attempts"].as_array().unwrap();
            assert_eq!(attempts.len(), 1, "{done}");
            let attempt = &attempts[0];
            assert_eq!(
                attempt["ending"],
                json!({ "ending": "exited", "code": 0 }),
                "{slug}"
            );
            let told = ended(&house, id).await;
            // Counted and hashed, kept or not.
            let (bytes, digest) = whole(&house, slug);
            assert_eq!(told["output_bytes"], json!(bytes), "{slug}");
            assert_eq!(told["digest"], json!(digest), "{slug}");
            assert!(told["dropped_bytes"].as_u64().unwrap() > 0, "{told}");
        }
        worst = worst.max(room.elapsed());
        assert!(
            worst <= BACK,
            "it took {worst:?} after there was room again"
        );
        let mut all = ran(&house);
        all.sort();
        assert_eq!(
            all,
            [
                "ends-full",
                "ends-full-next",
                "ends-later",
                "ends-later-next"
            ]
        );
    }
    for text in &acknowledged {
        assert_eq!(times(&caller, &incident, text).await, 1, "{text}");
    }
    server.kill();
    house.run(&["timeline", "verify"]);
    println!(
        "{rounds} times full: {} commands not disturbed, 0 run twice; {} notes acknowledged, 0 lost, 0 twice; the chain verifies; back within {:.2} s",
        rounds * 4,
        acknowledged.len(),
        worst.as_secs_f64()
    );
}
