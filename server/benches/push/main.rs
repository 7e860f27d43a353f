//! How soon does everybody know? `cargo bench -p server --bench push`, about three minutes.
//!
//! The real server, on SQLite, has so many readers of its live stream on loopback, and takes notes by REST. Measured is the
//! time from the event's own `recorded` (it was decided, not yet committed) until a reader has read it. The number to hold is
//! from the commit: with `TMPDIR=/dev/shm` the two are the same, and a disk that stops for a moment is left to the bench of
//! appends. Then nginx with nchan
//! hands the same bytes to as many readers, from the moment they are posted. Both share the machine with the readers. A tenth
//! that never read must cost the others nothing.
//!
//! `NCHAN` names the folder in which Debian's nginx and libnginx-mod-nchan are unpacked; without it the control is left out.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[path = "../../tests/house/mod.rs"]
mod house;
mod nchan;
#[path = "../control/nginx.rs"]
mod nginx;
mod readers;

use house::{House, size};
use nginx::Nginx;
use readers::{Heard, Readers};
use reqwest::StatusCode;
use serde_json::json;
use std::time::{Duration, Instant, SystemTime};

const SECONDS: u32 = 8;
const A_SECOND: u32 = 5;
const EVENTS: usize = (SECONDS * A_SECOND) as usize;

fn main() {
    // `cargo test --benches` runs this too, and is not a place to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    room_for_readers();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run());
}

/// Each reader is a descriptor here, and one in what serves it: nginx takes over what is allowed here.
fn room_for_readers() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
}

/// So many readers are there before those that are counted: many who join at once bring connections to the database and
/// their caches to life, and they stay.
const WARM: usize = 300;

/// What one round of one server showed.
struct Round {
    p50: f64,
    p99: f64,
    /// Until the last reader had it, in the middle of all events.
    last: f64,
    /// Of the server's own memory.
    each_kb: f64,
    /// Of the kernel's, for both ends of the connection.
    kernel_kb: f64,
    joined: Duration,
}

async fn run() {
    let sizes = match size("MUSTER_PUSH_CLIENTS", 0) {
        0 => vec![1_000, 10_000],
        one => vec![one],
    };
    println!(
        "live push, {A_SECOND} events a second for {SECONDS} s\n\
         {:>15} {:>8} {:>9} {:>9} {:>9} {:>9} {:>10} {:>9}",
        "readers", "stalled", "p50 ms", "p99 ms", "last ms", "KB each", "kernel KB", "joined s"
    );
    for readers in sizes {
        for stalled in [0, readers / 10] {
            let (ours, sample) = muster(readers, stalled).await;
            show("muster", readers, stalled, &ours);
            if stalled > 0 {
                held(readers, &ours);
            }
            match nchan::start().await {
                Some(nchan) => {
                    let control = beside(&nchan, readers, stalled, &sample).await;
                    show("nchan", readers, stalled, &control);
                    println!(
                        "  to nchan: {:.2} of its p99, {:.2} of its last, {:.2} of its memory",
                        ours.p99 / control.p99,
                        ours.last / control.last,
                        ours.each_kb / control.each_kb
                    );
                }
                None => println!("nchan  not here"),
            }
        }
    }
}

fn show(name: &str, readers: usize, stalled: usize, round: &Round) {
    println!(
        "{name:<7}{readers:>8} {stalled:>8} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>10.1} {:>9.1}",
        round.p50,
        round.p99,
        round.last,
        round.each_kb,
        round.kernel_kb,
        round.joined.as_secs_f64()
    );
}

async fn muster(readers: usize, stalled: usize) -> (Round, String) {
    let house = House::small();
    let server = house.start();
    let token = house.token("commander");
    let api = server.program(&token);
    let number = api
        .declare(json!({ "title": "Orders are failing", "severity": "SEV1" }))
        .await;
    let path = format!("/api/v1/incidents/{number}/notes");
    let head = format!("GET /live?after=0 HTTP/1.1\r\nAuthorization: Bearer {token}\r\n");
    let address = server.url.trim_start_matches("http://").parse().unwrap();
    round(
        address,
        &head,
        &server.pid(),
        (readers, stalled),
        async |n| {
            let text = format!(
                "Note {n}: the orders queue is drained, {n} orders wait for their payment."
            );
            let noted = api.post(&path, json!({ "text": text })).await;
            assert_eq!(noted.status(), StatusCode::CREATED);
        },
    )
    .await
}

async fn beside(nchan: &Nginx, readers: usize, stalled: usize, sample: &str) -> Round {
    let (before, rest) = sample.split_once(readers::RECORDED).unwrap();
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let head = "GET /sub HTTP/1.1\r\nAccept: text/event-stream\r\n";
    let post = async |_| {
        let body = format!("{before}{}{}{after}", readers::RECORDED, now());
        let posted = http
            .post(format!("http://{}/pub", nchan.address))
            .body(body)
            .send()
            .await
            .unwrap();
        assert!(posted.status().is_success(), "{}", posted.status());
    };
    round(nchan.address, head, &nchan.pid(), (readers, stalled), post)
        .await
        .0
}

/// Has readers join, has events happen, and looks at who heard of them when.
async fn round(
    address: std::net::SocketAddr,
    head: &str,
    pid: &str,
    (readers, stalled): (usize, usize),
    happen: impl AsyncFn(usize),
) -> (Round, String) {
    // Warm: what a first event or reader brings to life is nobody's share.
    happen(0).await;
    let _warm = Readers::join(address, head, WARM, 0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (memory, kernel) = (memory_kb(pid), kernel_kb());
    let began = Instant::now();
    let all = Readers::join(address, head, readers, stalled).await;
    let joined = began.elapsed();
    tokio::time::sleep(Duration::from_secs(2)).await;
    all.forget();
    let mut pace = tokio::time::interval(Duration::from_secs(1) / A_SECOND);
    for n in 1..=EVENTS {
        pace.tick().await;
        happen(n).await;
    }
    let (heard, sample) = all.until_heard(EVENTS).await;
    let each = |now: f64, before: f64| (now - before).max(0.0) / readers as f64;
    let (each_kb, kernel_kb) = (each(memory_kb(pid), memory), each(kernel_kb(), kernel));
    (summary(heard, each_kb, kernel_kb, joined), sample)
}

fn summary(heard: Vec<Heard>, each_kb: f64, kernel_kb: f64, joined: Duration) -> Round {
    let mut times: Vec<i64> = heard.iter().map(|h| h.after).collect();
    times.sort_unstable();
    let mut last = std::collections::BTreeMap::new();
    for Heard { recorded, after } in heard {
        let slowest = last.entry(recorded).or_insert(after);
        *slowest = after.max(*slowest);
    }
    let mut last: Vec<i64> = last.into_values().collect();
    last.sort_unstable();
    let at = |all: &[i64], share: usize| all[(all.len() - 1) * share / 100] as f64 / 1e3;
    Round {
        p50: at(&times, 50),
        p99: at(&times, 99),
        last: at(&last, 50),
        each_kb,
        kernel_kb,
        joined,
    }
}

/// Microseconds since 1970, as events tell them.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_micros() as i64
}

/// What a process and its children hold; what they share is counted once.
fn memory_kb(pid: &str) -> f64 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let pss = |pid: &str| {
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
        let line = rollup.lines().find_map(|l| l.strip_prefix("Pss:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap()
    };
    pss(pid) + children.split_whitespace().map(pss).sum::<f64>()
}

/// What the kernel holds for all TCP sockets of the machine.
fn kernel_kb() -> f64 {
    let all = std::fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let tcp = all.lines().find(|l| l.starts_with("TCP:"));
    let pages = tcp.and_then(|l| l.split_once(" mem ")?.1.trim().parse::<f64>().ok());
    pages.unwrap_or_default() * 4.0
}

/// Against the numbers to hold, with a tenth of the readers stalled.
fn held(readers: usize, ours: &Round) {
    let most = if readers > 1_000 { 250.0 } else { 100.0 };
    let word = |yes: bool| if yes { "held" } else { "not held" };
    let (p99, kb) = (ours.p99, ours.each_kb);
    println!(
        "NUMBER an event to {readers} readers, p99 | ≤ {most} ms | {p99:.1} ms | {}",
        word(p99 <= most)
    );
    println!(
        "NUMBER a reader of {readers}, memory | ≤ 16 KB | {kb:.1} KB | {}",
        word(kb <= 16.0)
    );
}
