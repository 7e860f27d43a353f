//! How soon is everybody called? `cargo bench -p server --bench notify`, about a minute.
//!
//! The real server, on SQLite, declares a SEV1 that a thousand people are to know of by phone, text message and mail, and
//! some places besides. Measured is the time from the declaration (the event's own `recorded`) until the provider, the
//! laboratory's on loopback and on the same cores, has accepted a word: of all words, by channel, and of the first word to
//! each recipient, which is the one that the number is about: whoever has heard something can act. Once more with a telephone
//! company that hangs: that must cost the others nothing. In both a telephone takes a second to ring, as in life; in a third
//! round all ring, are picked up and hang up in no time, and their five thousand receipts compete with what is still to be
//! said. The control is a bare loop of the same client that posts as many bodies, as many at a time, to the same provider,
//! and knows nothing of people, leases or what became of it.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

#[path = "../../tests/house/mod.rs"]
mod house;
#[path = "../../engine/tests/channels/outside.rs"]
#[allow(dead_code)]
mod outside;

use futures::{StreamExt, stream};
use house::{House, size, until};
use outside::Outside;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const WORLDS: [(&str, Outer); 3] = [
    ("muster", Outer::Usual),
    ("muster, phone hangs", Outer::PhoneHangs),
    ("muster, all at once", Outer::TellsAtOnce),
];
/// As the outbox has on their way at once on a channel.
const AT_ONCE: usize = 32;
const SINKS: [&str; 7] = [
    "phone",
    "sms",
    "smtp",
    "slack",
    "hook",
    "teams",
    "pagerduty",
];

fn main() {
    // `cargo test --benches` runs this too, and is not a place to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run());
}

async fn run() {
    let people = size("MUSTER_NOTIFY_PEOPLE", 1_000);
    println!("SEV1 to {people} people by phone, text message and mail, and to four places;");
    println!("{ROUNDS} rounds in turn, each shown by its median round");
    println!(
        "{:>22} {:>9} {:>8} {:>8} {:>8} {:>8} {:>12}",
        "", "accepted", "p50 ms", "p99 ms", "last ms", "", "a second"
    );
    let mut rounds: [Vec<Round>; 3] = Default::default();
    let mut controls = Vec::new();
    for _ in 0..ROUNDS {
        for (rounds, (_, outer)) in rounds.iter_mut().zip(WORLDS) {
            rounds.push(muster(people, outer).await);
        }
        controls.push(control(people * 3).await);
    }
    let (mut worst, mut worst_of_all): (f64, f64) = (0.0, 0.0);
    for (rounds, (name, outer)) in rounds.iter_mut().zip(WORLDS) {
        rounds.sort_by(|a, b| at(&a.first, 99).total_cmp(&at(&b.first, 99)));
        let round = &rounds[ROUNDS / 2];
        round.show(name);
        for (sink, times) in &round.by_sink {
            show(&format!("  {sink}"), times);
        }
        show("  each one's first word", &round.first);
        worst = worst.max(at(&round.first, 99));
        if outer != Outer::TellsAtOnce {
            worst_of_all = worst_of_all.max(at(&round.all(), 99));
        }
    }
    let control = at(&controls, 50);
    println!("{:>22} {:>9} {:>46.0}", "bare client", people * 3, control);
    println!(
        "  muster to the bare client: {:.2} of its rate",
        rounds[0][ROUNDS / 2].rate() / control
    );
    for (what, worst) in [
        ("first word to each, p99, the worst of the three", worst),
        (
            "every word, p99, where telephones ring for a second",
            worst_of_all,
        ),
    ] {
        let word = if worst <= 500.0 { "held" } else { "not held" };
        println!("NUMBER SEV1 to {people} people, {what} | ≤ 500 ms | {worst:.0} ms | {word}");
    }
}

/// What the world outside is like.
#[derive(Clone, Copy, PartialEq)]
enum Outer {
    Usual,
    PhoneHangs,
    TellsAtOnce,
}

/// When words were accepted, in milliseconds from the declaration.
struct Round {
    by_sink: BTreeMap<&'static str, Vec<f64>>,
    /// To each person and place.
    first: Vec<f64>,
}

impl Round {
    fn all(&self) -> Vec<f64> {
        self.by_sink.values().flatten().copied().collect()
    }
    fn rate(&self) -> f64 {
        self.all().len() as f64 / (at(&self.all(), 100) / 1e3)
    }
    fn show(&self, name: &str) {
        show(name, &self.all());
    }
}

fn at(times: &[f64], share: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[(times.len() - 1) * share / 100]
}

fn show(name: &str, times: &[f64]) {
    println!(
        "{name:>22} {:>9} {:>8.0} {:>8.0} {:>8.0} {:>8} {:>12.0}",
        times.len(),
        at(times, 50),
        at(times, 99),
        at(times, 100),
        "",
        times.len() as f64 / (at(times, 100) / 1e3)
    );
}

async fn muster(people: usize, outer: Outer) -> Round {
    let outside = Outside::begin().await.unwrap();
    let mut house = House::small();
    plan(&house, people);
    house.env = outside.env.clone().into_iter().collect();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    if outer == Outer::PhoneHangs {
        let fault = json!({ "sink": "phone", "kind": "hang", "times": null });
        outside
            .ask(Method::POST, "/control/faults", Some(fault))
            .await;
    }
    if outer != Outer::TellsAtOnce {
        let all = json!({ "to": "*", "takes_ms": 1000 });
        let done = outside.ask(Method::PUT, "/control/phones", Some(all)).await;
        assert_eq!(done["ok"], true, "{done}");
    }
    // Warm: connections, caches and pools are nobody's share.
    let body = json!({ "title": "A first one, of less", "severity": "SEV2" });
    api.declare(body).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    outside.ask(Method::DELETE, "/control/received", None).await;

    let body = json!({ "title": "Orders are not taken", "severity": "SEV1" });
    let number = api.declare(body).await;
    let channels = if outer == Outer::PhoneHangs { 2 } else { 3 };
    let expected = people * channels + 4;
    let mut heard = Heard::default();
    until("everybody is told", async || {
        heard.listen(&outside).await;
        // Whoever asks often takes from the time of those who are asked.
        tokio::time::sleep(Duration::from_millis(200)).await;
        (heard.count() >= expected).then_some(())
    })
    .await;
    let path = format!("/api/v1/incidents/{number}/timeline?limit=1");
    let declared = api.json(&path).await["events"][0]["recorded"]
        .as_i64()
        .unwrap();
    let mut by_sink = BTreeMap::new();
    let mut first: BTreeMap<String, f64> = BTreeMap::new();
    for (sink, words) in heard.words {
        let times: &mut Vec<f64> = by_sink.entry(sink).or_default();
        for (at, to) in words {
            let since = (at - declared) as f64 / 1e3;
            times.push(since);
            let first = first.entry(recipient(sink, &to)).or_insert(since);
            *first = first.min(since);
        }
    }
    assert_eq!(first.len(), people + 4, "everybody hears something");
    Round {
        by_sink,
        first: first.into_values().collect(),
    }
}

/// A person has the same number in every address; a place is its own.
fn recipient(sink: &str, to: &str) -> String {
    match (to.strip_prefix("+1555"), to.strip_suffix("@example.com")) {
        (Some(number), _) | (_, Some(number)) => {
            number.parse::<usize>().expect("a person's").to_string()
        }
        _ => sink.to_owned(),
    }
}

/// What each provider has received, and when; each entry is asked for once.
#[derive(Default)]
struct Heard {
    /// When, and to whom.
    words: BTreeMap<&'static str, Vec<(i64, String)>>,
    last: BTreeMap<&'static str, u64>,
}

impl Heard {
    async fn listen(&mut self, outside: &Outside) {
        for sink in SINKS {
            let after = self.last.entry(sink).or_default();
            loop {
                let path =
                    format!("/control/received?sink={sink}&after={after}&limit=1000&brief=true");
                let page = outside.ask(Method::GET, &path, None).await;
                let page = page.as_array().unwrap();
                let Some(last) = page.last() else { break };
                *after = last["number"].as_u64().unwrap();
                let word = |entry: &Value| {
                    let at: jiff::Timestamp = entry["at"].as_str().unwrap().parse().unwrap();
                    let to = entry["to"][0].as_str().unwrap_or_default();
                    (at.as_microsecond(), to.to_owned())
                };
                self.words
                    .entry(sink)
                    .or_default()
                    .extend(page.iter().map(word));
            }
        }
    }

    fn count(&self) -> usize {
        self.words.values().map(Vec::len).sum()
    }
}

/// Deliveries a second of a client that only posts.
async fn control(count: usize) -> f64 {
    let outside = Outside::begin().await.unwrap();
    let url = format!("{}/hook/control", outside.url);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({ "title": "Orders are not taken", "text": "x".repeat(800) }).to_string();
    let post = |_| {
        let (http, url, body) = (http.clone(), url.clone(), body.clone());
        async move {
            let sent = http.post(url).body(body).send().await.unwrap();
            assert!(sent.status().is_success());
        }
    };
    let began = Instant::now();
    stream::iter(0..count)
        .map(post)
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
    count as f64 / began.elapsed().as_secs_f64()
}

fn plan(house: &House, people: usize) {
    let contacts: String = (0..people)
        .map(|n| {
            let escalation = if n < 10 { "primary" } else { "secondary" };
            format!(
                "  - {{role: Person {n}, name: Person {n}, phone: +1-555-{n:07}, email: {n}@example.com, escalation: {escalation}}}\n"
            )
        })
        .collect();
    let communication = "severities:
  - {id: SEV1, name: Critical, description: All is down, first_update: 1d, update_every: 1d, acknowledge_within: 0s}
  - {id: SEV2, name: Major, description: Much is down, first_update: 1d, update_every: 1d, acknowledge_within: 0s}
  - {id: SEV3, name: Minor, description: Little is down, first_update: 1d, update_every: 1d}
audiences:
  - {id: tech, name: Tech Team, members: [Person 0]}
  - {id: management, name: Management, members: [Person 0]}
matrix:
  - {severity: SEV1, within: 0s, audiences: [all], channels: [phone, sms, email, slack, webhook, teams, pagerduty]}
  - {severity: SEV2, within: 15m, audiences: [tech], channels: [sms, email, slack, webhook, teams, pagerduty]}
  - {severity: SEV3, within: 1h, audiences: [tech], channels: [slack]}
";
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../plan/channels.yaml");
    fs::copy(shipped, house.path("plan/channels.yaml")).unwrap();
    fs::write(
        house.path("plan/contacts.yaml"),
        format!("emergency:\n{contacts}"),
    )
    .unwrap();
    fs::write(house.path("plan/communication.yaml"), communication).unwrap();
}
