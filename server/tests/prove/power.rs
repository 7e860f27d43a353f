//! Power loss. A kill leaves the page cache alone, so it says nothing of this; the system calls do. Nothing may be
//! acknowledged, and no command may begin, before what was written of it has been synced.

use crate::{
    house::{Caller, House, size, until},
    start_run, until_status,
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::{collections::HashMap, fs, path::Path, process::Command};

const CLIENTS: usize = 4;

/// One system call of the trace. `began` and `ended` are places in the order in which the tracer saw things.
struct Call {
    name: String,
    text: String,
    began: usize,
    ended: usize,
    result: i64,
}

impl Call {
    /// What its first argument is: a file, or a connection.
    fn on(&self) -> &str {
        self.text.split(", ").next().unwrap_or_default()
    }
}

/// What `strace -f -y` wrote. Calls that other threads interrupted are put together again.
fn calls(trace: &Path) -> Vec<Call> {
    let bytes = fs::read(trace).unwrap();
    let (mut calls, mut open) = (Vec::new(), HashMap::new());
    for (at, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        let Some((_time, rest)) = rest.split_once(' ') else {
            continue;
        };
        let (name, text, began) = if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some((name, _)) = resumed.split_once(" resumed>") else {
                continue;
            };
            let Some((began, text)) = open.remove(&(pid.to_owned(), name.to_owned())) else {
                continue;
            };
            (name.to_owned(), format!("{text}{resumed}"), began)
        } else {
            let Some((name, text)) = rest.split_once('(') else {
                continue;
            };
            if let Some(text) = text.strip_suffix(" <unfinished ...>") {
                open.insert((pid.to_owned(), name.to_owned()), (at, text.to_owned()));
                continue;
            }
            (name.to_owned(), text.to_owned(), at)
        };
        let result = text.rsplit_once(" = ").and_then(|(_, result)| {
            let number = result.split_whitespace().next()?;
            number.parse().ok()
        });
        calls.push(Call {
            name,
            text,
            began,
            ended: at,
            result: result.unwrap_or(-1),
        });
    }
    calls
}

struct Trace {
    calls: Vec<Call>,
    /// The first write of each note into the log of the database, by the note's text.
    notes: HashMap<String, usize>,
}

impl Call {
    fn is_logged(&self) -> bool {
        self.name == "pwrite64" && self.on().ends_with("muster.db-wal>")
    }

    /// A supervisor is told that the end of its attempt is written down.
    fn is_kept(&self) -> bool {
        self.name == "sendto" && self.text.contains(r#""kept""#)
    }

    fn is_sync(&self) -> bool {
        ["fdatasync", "fsync"].contains(&self.name.as_str()) && self.result == 0
    }
}

/// The texts of the notes in what a call carries.
fn notes_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("note-of-client-")
        .filter_map(|(at, _)| Some(&text[at..at + text[at..].find("-end")? + 4]))
}

impl Trace {
    fn of(mut calls: Vec<Call>) -> Trace {
        calls.sort_by_key(|c| c.began);
        let mut notes = HashMap::new();
        for (at, call) in calls.iter().enumerate().filter(|(_, c)| c.is_logged()) {
            for note in notes_in(&call.text) {
                notes.entry(note.to_owned()).or_insert(at);
            }
        }
        Trace { calls, notes }
    }

    fn first(&self, is: impl Fn(&Call) -> bool) -> Option<&Call> {
        self.calls.iter().find(|c| is(c))
    }

    /// The first write of one of these into the log of the database.
    fn logged(&self, texts: &[String]) -> Option<&Call> {
        self.first(|c| c.is_logged() && texts.iter().any(|text| c.text.contains(text)))
    }

    /// Whether, after `from` and before `to`, this file was synced from beginning to end.
    fn synced(&self, file: &str, from: usize, to: usize) -> bool {
        let file = format!("{file}>");
        let in_time = |c: &&Call| c.began > from && c.ended < to;
        let mut syncs = self.calls.iter().filter(|c| c.is_sync()).filter(in_time);
        syncs.any(|c| c.text.contains(&file))
    }
}

const WAL: &str = "muster.db-wal";

/// What was acknowledged, or begun, before it was on the disk.
struct Found {
    acknowledged: usize,
    attempts: usize,
    violations: Vec<String>,
}

/// Every acknowledged note: written, synced, then answered.
fn judge_notes(trace: &Trace, found: &mut Found) {
    // Each connection serves one client, which waits for its answer.
    let mut asked: HashMap<&str, &str> = HashMap::new();
    for call in &trace.calls {
        if call.name == "recvfrom" {
            if let Some(note) = notes_in(&call.text).next() {
                asked.insert(call.on(), note);
            }
        } else if !call.is_logged()
            && call.text.contains("HTTP/1.1 201")
            && let Some(key) = asked.remove(call.on())
        {
            found.acknowledged += 1;
            let written = trace.notes.get(key).map(|at| &trace.calls[*at]);
            let safe = written.is_some_and(|w| trace.synced(WAL, w.ended, call.began));
            if !safe {
                found
                    .violations
                    .push(format!("{key} was answered before it was synced"));
            }
        }
    }
}

/// Every attempt: its beginning synced, then run; its end synced in the timeline before anybody is told. Only then is its
/// supervisor told that nobody needs the result in its folder; one that does not hear that syncs it there.
fn judge_attempt(trace: &Trace, run: &str, word: &str, found: &mut Found) {
    found.attempts += 1;
    let mut wrong = |what: &str| found.violations.push(format!("run {run}: {what}"));
    let rec = format!("{run}/0-1/rec");
    let begins = trace.first(|c| c.name == "execve" && c.text.contains(word) && c.result == 0);
    let Some(begins) = begins else {
        return wrong("its command was not seen");
    };
    let meant = trace.logged(&[run.to_owned()]);
    if !meant.is_some_and(|w| trace.synced(WAL, w.ended, begins.began)) {
        wrong("its command began before its beginning was synced");
    }
    // What it was started under is a file for its actions: half a plan is worse than none.
    let plan = |c: &Call| c.is_sync() && c.text.contains(&format!("{run}/plan.half-"));
    if trace.first(plan).is_none_or(|c| c.ended >= begins.began) {
        wrong("its command began before its plan was synced");
    }
    let ended = [
        format!("{run}attempt_ended"),
        format!(r#"attempt_ended\",\"run\":\"{run}"#),
    ];
    let result = |c: &Call| c.name == "pwrite64" && c.on().contains(&rec) && c.began > begins.began;
    let Some(result) = trace.first(result) else {
        return wrong("its result was not seen");
    };
    let kept = trace.first(|c| c.is_kept() && c.began > result.ended);
    let is_kept = trace.logged(&ended).zip(kept);
    let is_kept = is_kept.is_some_and(|(told, kept)| trace.synced(WAL, told.ended, kept.began));
    if !is_kept && !trace.synced(&rec, result.ended, usize::MAX) {
        wrong("its result was neither kept nor synced");
    }
    let completed = |c: &Call| {
        let is_answer = !c.is_logged() && c.text.contains("HTTP/1.1 200") && c.text.contains(run);
        is_answer && c.text.contains(r#"\"status\":\"completed\""#)
    };
    match (trace.logged(&ended), trace.first(completed)) {
        (Some(told), Some(answer)) if trace.synced(WAL, told.ended, answer.began) => {}
        (Some(_), Some(_)) => wrong("its end was reported before it was synced"),
        _ => wrong("its end was not seen"),
    }
}

async fn send(caller: &Caller, incident: &str, key: &str) {
    let note = caller.ask(Method::POST, &format!("/api/v1/incidents/{incident}/notes"));
    let answer = note.json(&json!({ "text": key })).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    answer.bytes().await.unwrap();
}

/// What was done under the tracer.
struct Session {
    notes: usize,
    runs: Vec<String>,
    trace: Trace,
}

impl Session {
    fn judge(&self) -> Found {
        let mut found = Found {
            acknowledged: 0,
            attempts: 0,
            violations: Vec::new(),
        };
        judge_notes(&self.trace, &mut found);
        assert_eq!(
            found.acknowledged, self.notes,
            "every answer is in the trace"
        );
        for (n, id) in self.runs.iter().enumerate() {
            judge_attempt(&self.trace, id, &format!("power-{n}-end"), &mut found);
        }
        found
    }
}

/// Some writes and some runs under a tracer. Nothing where tracing is not allowed.
async fn session(house: &House) -> Option<Session> {
    let allowed = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this machine has no strace, or does not allow it to trace");
        return None;
    }
    let (notes, runs) = (
        size("MUSTER_PROVE_SYNCED", 60),
        size("MUSTER_PROVE_SYNCED_RUNS", 4),
    );
    for n in 0..runs {
        let step = json!({ "name": "Only", "commands": [["echo", format!("power-{n}-end")]] });
        house.write_runbook(
            &format!("power-{n}"),
            &json!({ "name": format!("Power {n}"), "steps": [step] }),
        );
    }
    let token = house.token("commander");
    let trace = house.path("trace").display().to_string();
    let what = "trace=recvfrom,sendto,sendmsg,write,writev,pwrite64,fdatasync,fsync,execve";
    let tracer = [
        "strace", "-f", "-y", "-ttt", "-s", "9000", "-e", what, "-o", &trace,
    ];
    let server = house.start_on("data", &tracer);
    let caller = server.program(&token);
    let incident = caller
        .declare(json!({ "title": "The power may go", "severity": "SEV3" }))
        .await;
    let clients = (0..CLIENTS).map(|client| {
        // A connection of its own.
        let (caller, incident) = (server.program(&token), incident.clone());
        tokio::spawn(async move {
            for n in 0..notes / CLIENTS {
                send(
                    &caller,
                    &incident,
                    &format!("note-of-client-{client}-{n}-end"),
                )
                .await;
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut ids = Vec::new();
    for n in 0..runs {
        let id = start_run(&caller, &format!("power-{n}"), json!({})).await;
        until_status(&caller, &id, "completed").await;
        ids.push(id);
    }
    for client in clients {
        client.await.unwrap();
    }
    until(
        "all supervisors know that their results are kept",
        async || {
            let trace = calls(&house.path("trace"));
            (trace.iter().filter(|c| c.is_kept()).count() == runs).then_some(())
        },
    )
    .await;
    server.kill();
    Some(Session {
        notes: notes / CLIENTS * CLIENTS,
        runs: ids,
        trace: Trace::of(calls(&house.path("trace"))),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_event_was_synced_before_its_acknowledgement() {
    let Some(mut session) = session(&House::small()).await else {
        return;
    };
    let found = session.judge();
    assert!(
        found.violations.is_empty(),
        "{}",
        found.violations.join("\n")
    );
    println!(
        "{} acknowledged writes and {} attempts traced: 0 acknowledged, begun or reported before they were synced",
        found.acknowledged, found.attempts
    );
    // The control for supervisors, which the library of the next test does not come near.
    session.trace.calls.retain(|c| !c.is_kept());
    let session = Session {
        trace: Trace::of(session.trace.calls),
        ..session
    };
    let late = session.judge().violations.len();
    assert_eq!(late, found.attempts, "a result each");
}

/// The control: syncs that never reach the system.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_syncs_the_trace_tells() {
    let mut house = House::small();
    let (source, library) = (house.path("nosync.c"), house.path("nosync.so"));
    let lies =
        "int fsync(int f) { (void)f; return 0; } int fdatasync(int f) { (void)f; return 0; }";
    fs::write(&source, lies).unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    assert!(compiled.unwrap().success());
    let library = library.display().to_string();
    house.env.push(("LD_PRELOAD".into(), library));
    let Some(session) = session(&house).await else {
        return;
    };
    let found = session.judge();
    let late = found
        .violations
        .iter()
        .filter(|v| v.contains("was answered"))
        .count();
    assert_eq!(late, found.acknowledged, "{}", found.violations.join("\n"));
    let begun = found
        .violations
        .iter()
        .filter(|v| v.contains("command began"))
        .count();
    // Its beginning and its plan.
    assert_eq!(begun, 2 * found.attempts, "{}", found.violations.join("\n"));
    let reported = |v: &&String| v.contains("was reported");
    let reported = found.violations.iter().filter(reported).count();
    assert_eq!(reported, found.attempts, "{}", found.violations.join("\n"));
    println!(
        "{late} of {} acknowledged writes and {} of {} attempts noticed when nothing is synced",
        found.acknowledged,
        begun / 2,
        found.attempts
    );
}
