//! Do targets that never answer delay the looks at others, and what does a look cost? `cargo bench -p engine`, a minute.
//!
//! The delay of a look is the time between the instant it was due and the instant it began. The cost is this process's
//! CPU time; the target is a process of its own. The control asks the same target at the same rate with nothing around it.

use domain::{Actor, Command, ServiceId, Source, plan};
use engine::{
    Beside, Clock, Desk, Request,
    checks::{Checks, Prober, raise_file_limit},
    plan::{canonical_json, hash, load},
};
use nix::sys::resource::{UsageWho, getrusage};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Command as Process, Stdio},
    time::Duration,
};
use store::{PlanRevision, testing::Database};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    time::Instant,
};

const SILENT: usize = 2_000;
const ANSWERING: usize = 1_000;
const MEASURED: Duration = Duration::from_secs(20);

fn main() {
    let has = |word: &str| std::env::args().any(|argument| argument == word);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let _ = rustls::crypto::ring::default_provider().install_default();
    if has("--target") {
        runtime.block_on(target());
    } else if has("--bench") {
        // `cargo test --benches` runs this too, and is not a place to measure.
        let files = raise_file_limit().expect("the limit can be raised");
        println!("file descriptors: {files}");
        runtime.block_on(silent());
        runtime.block_on(answering());
        runtime.block_on(control());
    }
}

/// Takes connections until its backlog is full, and never answers one.
async fn silent() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    let listener = socket.listen(SILENT as u32 / 2).expect("it listens");
    let place = listener.local_addr().expect("an address");
    let before = memory();
    let lag = measure(place, SILENT, 5).await;
    println!(
        "{SILENT} targets that never answer, every 5 s: {} looks, {} KiB each, {lag}",
        lag.looks,
        (memory().saturating_sub(before)) / SILENT as u64
    );
    let late = lag.p99.as_secs_f64() * 1000.0;
    let held = if late <= 500.0 { "held" } else { "not held" };
    println!(
        "NUMBER 2,000 checks that never answer, schedule lag p99 | ≤ 500 ms | {late:.1} ms | {held}"
    );
}

async fn answering() {
    let (mut child, place) = start_target();
    let lag = measure(place, ANSWERING, 1).await;
    println!("{ANSWERING} HTTP checks that answer, every second: {lag}");
    stop(&mut child);
}

/// The same requests from a bare loop.
async fn control() {
    let (mut child, place) = start_target();
    let client = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client");
    let (begun, cpu) = (Instant::now(), cpu());
    let mut asked = 0;
    let mut pace = tokio::time::interval(Duration::from_secs(1) / 100);
    while begun.elapsed() < MEASURED {
        pace.tick().await;
        for _ in 0..ANSWERING / 100 {
            asked += 1;
            tokio::spawn(client.get(format!("http://{place}/")).send());
        }
    }
    println!(
        "control, reqwest alone: {:.0} a second, CPU {:.0} %",
        f64::from(asked) / begun.elapsed().as_secs_f64(),
        share(cpu, begun)
    );
    stop(&mut child);
}

struct Lag {
    looks: usize,
    per_second: f64,
    p50: Duration,
    p99: Duration,
    most: Duration,
    cpu: f64,
}

impl std::fmt::Display for Lag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |d: Duration| d.as_secs_f64() * 1000.0;
        write!(
            f,
            "{:.0} a second, begun late by p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms, CPU {:.0} %",
            self.per_second,
            ms(self.p50),
            ms(self.p99),
            ms(self.most),
            self.cpu
        )
    }
}

/// So many services at one place, each looked at every so many seconds.
async fn measure(place: SocketAddr, services: usize, every: u64) -> Lag {
    let database = Database::sqlite();
    let desk = Desk::open(database.open().await, Clock::system(), "bench")
        .await
        .expect("a desk opens");
    let timeout = Duration::from_secs(every) / 2;
    let check = plan::Check {
        probe: plan::Probe::Http(plan::HttpProbe {
            url: format!("http://{place}/"),
            expect: 200,
            contains: None,
            json: Default::default(),
            certificate_days: None,
            follow_redirects: false,
        }),
        interval: domain::Span::secs(every),
        timeout: domain::Span(timeout),
        fall: 3,
        rise: 2,
        slow_after: None,
        internal: true,
    };
    let mut plan = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken_plans/base"))
        .expect("a whole plan")
        .plan;
    let like = plan.services[0].clone();
    plan.services = (0..services)
        .map(|n| plan::Service {
            id: ServiceId::from(format!("service-{n}")),
            depends_on: Vec::new(),
            check: Some(check.clone()),
            ..like.clone()
        })
        .collect();
    let beside = Beside {
        plan_revisions: vec![PlanRevision {
            hash: hash(&plan).0,
            body: canonical_json(&plan),
            loaded_at: desk.clock().now().0,
        }],
        ..Beside::default()
    };
    let command = Command::LoadPlan {
        hash: hash(&plan),
        name: "bench".into(),
        changes: 1,
    };
    let actor = Actor::system("bench", Source::Runner);
    desk.execute(Request::new(&actor, command).beside(beside))
        .await
        .expect("the plan is in force");

    let checks = Checks::new(desk, Prober::new(|_| None).expect("a prober"));
    let looks = checks.looks();
    let serving = tokio::spawn(checks.serve());
    // The first round is spread over its interval; then it is as it will be.
    tokio::time::sleep(Duration::from_secs(every) * 2).await;
    let (begun, cpu) = (Instant::now(), cpu());
    let mut seen = HashMap::new();
    let mut late = Vec::new();
    while begun.elapsed() < MEASURED {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for (id, look) in looks.borrow().iter() {
            if seen.insert(id.clone(), look.at) != Some(look.at) {
                late.push(look.late);
            }
        }
    }
    let took = begun.elapsed().as_secs_f64();
    let cpu = share(cpu, begun);
    serving.abort();
    late.sort();
    let at = |part: usize| late[(late.len() - 1) * part / 100];
    Lag {
        looks: late.len(),
        per_second: late.len() as f64 / took,
        p50: at(50),
        p99: at(99),
        most: at(100),
        cpu,
    }
}

/// Another process that answers on a port which it prints.
fn start_target() -> (std::process::Child, SocketAddr) {
    let mut child = Process::new(std::env::current_exe().expect("our own program"))
        .arg("--target")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("its output");
    BufReader::new(out)
        .read_line(&mut line)
        .expect("it prints its address");
    (child, line.trim().parse().expect("an address"))
}

fn stop(child: &mut std::process::Child) {
    let _ = child.kill();
    let _ = child.wait();
}

async fn target() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut bytes = [0; 1024];
            let _ = stream.read(&mut bytes).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                .await;
        });
    }
}

fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
    let of = |t: nix::sys::time::TimeVal| {
        Duration::from_micros(t.tv_sec() as u64 * 1_000_000 + t.tv_usec() as u64)
    };
    of(usage.user_time()) + of(usage.system_time())
}

/// Of one core, in hundredths.
fn share(before: Duration, begun: Instant) -> f64 {
    (cpu() - before).as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0
}

/// What is resident, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}
