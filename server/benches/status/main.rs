//! How many may look at the status page, and how soon do they see what was said? `cargo bench -p server --bench status`, about
//! three minutes.
//!
//! The real server, on PostgreSQL at the end of a wire that can be cut, serves the public through its own door; nginx hands
//! out a file with the same bytes under the same heads. Each stands alone on the first core while it is asked, the readers
//! on the second; they are asked in turn, five times, and the median counts. Then the same with the database dead, with ten
//! thousand who come within a second, and with the other core's work on top.
//!
//! `NCHAN` names the folder in which Debian's nginx is unpacked; without it the control is left out.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

mod file;
#[path = "../../tests/house/mod.rs"]
mod house;
mod load;
#[path = "../control/nginx.rs"]
mod nginx;

use house::{Caller, House, Server, until};
use load::{Load, Reader, crowd, load};
use nginx::Nginx;
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::json;
use std::{
    net::SocketAddr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const READERS: usize = 64;
const ROUNDS: usize = 5;
const LASTS: Duration = Duration::from_secs(3);
const CROWD: usize = 10_000;
const UPDATES: usize = 60;
const COMPONENTS: usize = 50;

fn main() {
    // `cargo test --benches` runs this too, and is not a place to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    pin("1", &std::process::id().to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run());
}

/// All threads of a process, to one core.
fn pin(core: &str, pid: &str) {
    let mut command = Command::new("taskset");
    let pinned = command
        .args(["-a", "-p", "-c", core, pid])
        .stdout(Stdio::null())
        .status();
    assert!(
        pinned.is_ok_and(|s| s.success()),
        "taskset is needed, and two cores"
    );
}

async fn run() {
    let (mut house, wire) = House::small().over_a_wire().await;
    house
        .env
        .push(("MUSTER_STATUS_LISTEN".into(), "127.0.0.1:0".into()));
    house.write_plan("services.yaml", &services());
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let number = api
        .declare(json!({ "title": "Orders fail", "severity": "SEV1", "affected": ["service-1"] }))
        .await;
    say(
        &api,
        &number,
        "A disk is full; orders wait for it and none is lost.",
    )
    .await;
    let door = door(&server).await;
    shown(
        &server.anybody().at(format!("http://{door}")),
        "A disk is full",
    )
    .await;

    let (heads, body) = page(&server, door).await;
    println!(
        "first load, {COMPONENTS} components: {} bytes br, nothing else is asked for",
        body.len()
    );
    held(
        "status page, first load, bytes compressed",
        14_336.0,
        body.len() as f64,
        "",
    );
    let nginx = file::start(&heads, &body).await;
    if nginx.is_none() {
        println!("nginx is not here");
    }
    let ask = |address: SocketAddr| {
        format!("GET /status HTTP/1.1\r\nHost: {address}\r\nAccept-Encoding: br\r\n\r\n")
    };
    println!(
        "\n{:<28} {:>10} {:>8} {:>8} {:>7}",
        "", "a second", "p50 ms", "p99 ms", "failed"
    );

    let ratio = beside("", &server, door, nginx.as_ref(), &ask).await;
    if let Some(ratio) = ratio {
        held("status page, requests/s of nginx", 0.8, ratio, "at least");
    }
    let tag = format!(
        "{}If-None-Match: {}\r\n\r\n",
        ask(door).trim_end_matches("\r\n").to_owned() + "\r\n",
        tag(&server, door).await
    );
    pin("0", &server.pid());
    let known = load(door, &tag, READERS, LASTS, 304).await;
    show("muster, not changed (304)", &known);

    wire.cut();
    let public = server.anybody().at(format!("http://{door}"));
    shown(&public, "own database does not answer").await;
    let ratio = beside(", database dead", &server, door, nginx.as_ref(), &ask).await;
    if let Some(ratio) = ratio {
        held(
            "status page, requests/s of nginx, database dead",
            0.8,
            ratio,
            "at least",
        );
    }
    crowds(&server, door, nginx.as_ref(), &ask).await;
    wire.mend();
    until("the database is back", async || {
        (!public
            .text("/status")
            .await
            .contains("own database does not answer"))
        .then_some(())
    })
    .await;
    soon(&api, &number, door).await;
}

fn services() -> String {
    let service = |n: usize| {
        format!(
            "- {{id: service-{n}, name: Service {n}, tier: critical, public: {{name: Service number {n}, group: Group {}}}}}\n",
            n % 5
        )
    };
    (1..=COMPONENTS)
        .map(service)
        .chain(["- {id: database, name: Database, tier: critical}\n".into()])
        .collect()
}

async fn say(api: &Caller, number: &str, message: &str) {
    let said = json!({ "phase": "identified", "message": message });
    let posted = api
        .post(&format!("/api/v1/incidents/{number}/updates"), said)
        .await;
    assert_eq!(posted.status(), StatusCode::CREATED);
}

async fn door(server: &Server) -> SocketAddr {
    until("the public's own door", async || {
        let log = server.log.lock().unwrap();
        let (_, rest) = log.split_once("page is served at http://")?;
        rest.split_whitespace().next()?.parse().ok()
    })
    .await
}

async fn shown(caller: &Caller, text: &str) {
    until(text, async || {
        caller.text("/status").await.contains(text).then_some(())
    })
    .await;
}

/// The page as a browser gets it.
async fn page(server: &Server, door: SocketAddr) -> (HeaderMap, Vec<u8>) {
    let request = server.anybody().http.get(format!("http://{door}/status"));
    let answer = request
        .header("accept-encoding", "br")
        .send()
        .await
        .unwrap();
    (
        answer.headers().clone(),
        answer.bytes().await.unwrap().to_vec(),
    )
}

async fn tag(server: &Server, door: SocketAddr) -> String {
    page(server, door).await.0["etag"]
        .to_str()
        .unwrap()
        .to_owned()
}

fn show(name: &str, load: &Load) {
    println!(
        "{name:<28} {:>10.0} {:>8.2} {:>8.2} {:>7}",
        load.a_second, load.p50, load.p99, load.failed
    );
}

/// Both in turn, on the same core; the median of each, and the ratio.
async fn beside(
    how: &str,
    server: &Server,
    door: SocketAddr,
    nginx: Option<&Nginx>,
    ask: &impl Fn(SocketAddr) -> String,
) -> Option<f64> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    pin("0", &server.pid());
    for _ in 0..ROUNDS {
        ours.push(load(door, &ask(door), READERS, LASTS, 200).await);
        if let Some(nginx) = nginx {
            for pid in processes(&nginx.pid()) {
                pin("0", &pid);
            }
            theirs.push(load(nginx.address, &ask(nginx.address), READERS, LASTS, 200).await);
        }
    }
    let ours = median(ours);
    show(&format!("muster{how}"), &ours);
    let theirs = (!theirs.is_empty()).then(|| median(theirs))?;
    show(&format!("nginx{how}"), &theirs);
    let ratio = ours.a_second / theirs.a_second;
    println!(
        "  to nginx: {ratio:.2} of its requests, {:.2} of its p99",
        ours.p99 / theirs.p99
    );
    Some(ratio)
}

fn median(mut all: Vec<Load>) -> Load {
    all.sort_by(|a, b| a.a_second.total_cmp(&b.a_second));
    all.remove(all.len() / 2)
}

/// A process and its children.
fn processes(pid: &str) -> Vec<String> {
    let children = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    std::iter::once(pid)
        .chain(children.split_whitespace())
        .map(str::to_owned)
        .collect()
}

async fn crowds(
    server: &Server,
    door: SocketAddr,
    nginx: Option<&Nginx>,
    ask: &impl Fn(SocketAddr) -> String,
) {
    println!("\n{CROWD} come within a second and stay; then each asks again");
    let mut all = vec![("muster", door, server.pid())];
    all.extend(nginx.map(|n| ("nginx", n.address, n.pid())));
    for (name, address, _) in &all {
        let (load, joined) = crowd(*address, &ask(*address), CROWD).await;
        println!(
            "{name:<8} all were answered after {:.2} s; again: p50 {:.2} ms, p99 {:.2} ms; {} failed",
            joined.as_secs_f64(),
            load.p50,
            load.p99,
            load.failed
        );
        if *name == "muster" {
            held(
                "status page, 10,000 connections, failed",
                0.0,
                load.failed as f64,
                "",
            );
        }
    }
    // Somebody's recovery burns both cores.
    let mut burning: Vec<_> = (0..2)
        .map(|_| {
            Command::new("sh")
                .args(["-c", "while :; do :; done"])
                .spawn()
                .unwrap()
        })
        .collect();
    let busy = load::load(door, &ask(door), READERS, LASTS, 200).await;
    show("muster, both cores burnt", &busy);
    for one in &mut burning {
        let _ = one.kill();
        let _ = one.wait();
    }
}

/// From the moment an update is posted until the page has it.
async fn soon(api: &Caller, number: &str, door: SocketAddr) {
    pin("0-1", &std::process::id().to_string());
    let request = format!("GET /status HTTP/1.1\r\nHost: {door}\r\n\r\n");
    let mut reader = Reader::connect(door, 0).await.unwrap();
    let mut times = Vec::new();
    for n in 0..UPDATES {
        // Between the ticks of whatever clock.
        tokio::time::sleep(Duration::from_millis(700 + (n as u64 * 37) % 600)).await;
        let word = format!("Word number {n} of many.");
        let began = Instant::now();
        say(api, number, &word).await;
        loop {
            reader.ask(request.as_bytes()).await.unwrap();
            if reader
                .answer()
                .windows(word.len())
                .any(|w| w == word.as_bytes())
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "\nfrom posted to shown, {UPDATES} updates: p50 {:.0} ms, p99 {:.0} ms",
        at(50),
        at(99)
    );
    held(
        "status page, posted update to the page, p99 ms",
        1_000.0,
        at(99),
        "",
    );
}

fn held(name: &str, bound: f64, here: f64, at: &str) {
    let (words, well) = match at {
        "at least" => (format!("≥ {bound}"), here >= bound),
        _ => (format!("≤ {bound}"), here <= bound),
    };
    let word = if well { "held" } else { "not held" };
    println!("NUMBER {name} | {words} | {here:.2} | {word}");
}
