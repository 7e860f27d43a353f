//! Notifications under providers that fail and a server that is killed: nobody is missed, and who is told twice is told so
//! because a provider took it and broke, or because the server died in between.

use crate::{
    house::{House, Server, kill_nine, size, until},
    outside::Outside,
};
use rand::Rng;
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, time::Duration};
use store::{Notification, Store};

/// On each of these everybody is told …
const PERSONAL: [&str; 3] = ["phone", "sms", "email"];
/// … and there is one place of each of these.
const PLACES: [&str; 4] = ["slack", "webhook", "teams", "pagerduty"];
/// What a try may take before it is known how it ended, and a clock's grain.
const MOMENT: i64 = 20_000_000;

fn plan(house: &House, people: usize) {
    let contacts: String = (0..people)
        .map(|n| {
            format!(
                "  - {{role: Person {n}, name: Person {n}, phone: +1-555-{n:07}, email: {n}@example.com, escalation: primary}}\n"
            )
        })
        .collect();
    let contacts = format!("emergency:\n{contacts}");
    let channels = [PERSONAL.as_slice(), &PLACES].concat().join(", ");
    let communication = format!(
        "severities:
  - {{id: SEV1, name: Critical, description: All is down, first_update: 100d, update_every: 100d, acknowledge_within: 0s}}
  - {{id: SEV2, name: Major, description: Much is down, first_update: 100d, update_every: 100d, acknowledge_within: 0s}}
  - {{id: SEV3, name: Minor, description: Little is down, first_update: 100d, update_every: 100d}}
audiences:
  - {{id: tech, name: Tech Team, members: [Person 0]}}
  - {{id: management, name: Management, members: [Person 0]}}
matrix:
  - {{severity: SEV1, within: 0s, audiences: [all], channels: [{channels}]}}
  - {{severity: SEV2, within: 15m, audiences: [tech], channels: [email]}}
  - {{severity: SEV3, within: 1h, audiences: [tech], channels: [slack]}}
"
    );
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../plan/channels.yaml");
    fs::copy(shipped, house.path("plan/channels.yaml")).unwrap();
    fs::write(house.path("plan/contacts.yaml"), contacts).unwrap();
    fs::write(house.path("plan/communication.yaml"), communication).unwrap();
}

/// What a provider accepted, by whose name it is known.
struct Accepted {
    at: i64,
    broke: bool,
}

async fn accepted(outside: &Outside) -> BTreeMap<(String, String), Vec<Accepted>> {
    let mut all: BTreeMap<(String, String), Vec<Accepted>> = BTreeMap::new();
    for sink in [
        "phone",
        "sms",
        "smtp",
        "hook",
        "slack",
        "teams",
        "pagerduty",
    ] {
        let mut after = 0;
        // What has no name of its own is known by the incident that it tells of.
        let named = !matches!(sink, "slack" | "teams");
        loop {
            let path =
                format!("/control/received?sink={sink}&after={after}&limit=1000&brief={named}");
            let page = outside.ask(Method::GET, &path, None).await;
            let page = page.as_array().unwrap();
            let Some(last) = page.last() else { break };
            after = last["number"].as_u64().unwrap();
            for entry in page {
                let name = match sink {
                    "slack" | "teams" => incident_in(&entry.to_string()),
                    // `1042.3.63f2a@sentia.com`, `msg_1042-3`.
                    "smtp" => {
                        let key = entry["key"].as_str().unwrap();
                        let mut parts = key.split('.');
                        format!("{}.{}", parts.next().unwrap(), parts.next().unwrap())
                    }
                    "hook" => {
                        let key = entry["key"].as_str().unwrap();
                        key.trim_start_matches("msg_").replace('-', ".")
                    }
                    _ => entry["key"].as_str().unwrap().to_owned(),
                };
                let at: jiff::Timestamp = entry["at"].as_str().unwrap().parse().unwrap();
                all.entry((sink.to_owned(), name))
                    .or_default()
                    .push(Accepted {
                        at: at.as_microsecond(),
                        broke: entry["fault"].to_string().contains("reset_after_accept"),
                    });
            }
        }
    }
    all
}

fn incident_in(text: &str) -> String {
    let from = text.find("INC-").unwrap_or_else(|| panic!("{text}"));
    let number = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    text[from..].chars().take_while(number).collect()
}

/// The sink that plays a channel's provider, and the name under which it knows a notification.
fn known_as(row: &Notification) -> (String, String) {
    let incident = row.incident.clone().unwrap();
    let (sink, name) = match row.channel.as_str() {
        "email" => ("smtp", row.id.clone()),
        "webhook" => ("hook", row.id.clone()),
        place @ ("slack" | "teams" | "pagerduty") => (place, incident),
        other => (other, row.id.clone()),
    };
    (sink.to_owned(), name)
}

/// A receiver can tell that it is the same: by `Message-ID`, `webhook-id`, `dedup_key`.
fn can_be_told_apart(channel: &str) -> bool {
    matches!(channel, "email" | "webhook" | "pagerduty")
}

async fn open(store: &Store) -> bool {
    for channel in PERSONAL.iter().chain(&PLACES) {
        if store.next_due(channel).await.unwrap().is_some() {
            return true;
        }
    }
    false
}

async fn never_tried(store: &Store, now: i64) -> bool {
    for channel in PERSONAL.iter().chain(&PLACES) {
        let due = store.late(channel, now, 1).await.unwrap();
        if due.iter().any(|n| n.attempts == 0) {
            return true;
        }
    }
    false
}

fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

#[derive(Default)]
struct Count {
    told: usize,
    missed: usize,
    /// Taken again because the provider took it and broke …
    broke: usize,
    /// … or because the server died before it knew.
    died: usize,
    /// Those of them that nobody can tell from the first.
    twice: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_missed_though_providers_fail_and_the_server_is_killed() {
    let Some(outside) = Outside::begin().await else {
        return;
    };
    let (wanted, kills) = (
        size("MUSTER_PROVE_NOTIFICATIONS", 1_500),
        size("MUSTER_PROVE_TELLING_KILLS", 4),
    );
    let people = (wanted / 12).clamp(20, 500);
    let each = people * PERSONAL.len() + PLACES.len();
    let declarations = wanted.div_ceil(each);
    let mut house = House::small();
    plan(&house, people);
    house.env = outside.env.clone().into_iter().collect();
    // Each as often as the others, but a provider that hangs takes fifteen seconds each time, so few do.
    let often = [
        "refuse",
        "drop",
        "error_500",
        "rate_limit",
        "slow",
        "reset_after_accept",
    ];
    let kinds = [&often.repeat(3)[..], &["hang"]].concat();
    let fault = json!({
        "sink": "all", "kind": "random", "kinds": kinds, "times": null, "rate": 0.3, "seed": 7, "ms": 500
    });
    outside
        .ask(Method::POST, "/control/faults", Some(fault))
        .await;

    let token = house.token("commander");
    let mut server = house.start();
    // What providers have to say finds it again.
    house.listen = server.url.trim_start_matches("http://").to_owned();
    let mut deaths = Vec::new();
    let mut numbers = Vec::new();
    let mut killed = 0;
    let store = house.store().await;
    for n in 0..declarations {
        let body = json!({ "title": format!("Orders are not taken, {n}"), "severity": "SEV1" });
        numbers.push(server.program(&token).declare(body).await);
        // As many kills as declarations, or several for each, or one for several.
        while killed < kills * (n + 1) / declarations {
            let moment = rand::rng().random_range(30..3_000);
            tokio::time::sleep(Duration::from_millis(moment)).await;
            server = again(&house, server, &mut deaths);
            killed += 1;
        }
        // The next one finds the others' second tries in its way, and so do the kills.
        patiently("everything was tried", async || {
            (!never_tried(&store, now()).await).then_some(())
        })
        .await;
    }
    // Half an hour is the longest pause; what has been tried at all is not kept from its end by faults any more.
    outside.ask(Method::DELETE, "/control/faults", None).await;
    patiently("everything is over", async || {
        (!open(&store).await).then_some(())
    })
    .await;

    let accepted = accepted(&outside).await;
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for number in &numbers {
        let rows = store.notifications_of(number, 0, 100_000).await.unwrap();
        assert_eq!(rows.len(), each, "{number}");
        for row in rows {
            assert!(
                ["sent", "delivered", "read"].contains(&row.state.as_str()),
                "{row:?}"
            );
            let count = counts.entry(row.channel.clone()).or_default();
            let Some(all) = accepted.get(&known_as(&row)) else {
                count.missed += 1;
                continue;
            };
            count.told += 1;
            if !can_be_told_apart(&row.channel) {
                count.twice += all.len() - 1;
            }
            for pair in all.windows(2) {
                let between =
                    |death: &&i64| **death >= pair[0].at - MOMENT && **death <= pair[1].at + MOMENT;
                let died = deaths.iter().find(between).is_some();
                match (pair[0].broke, died) {
                    (true, _) => count.broke += 1,
                    (_, true) => count.died += 1,
                    _ => unexplained.push(row.id.clone()),
                }
            }
        }
    }
    let total = |of: fn(&Count) -> usize| counts.values().map(of).sum::<usize>();
    let (told, missed, twice) = (total(|c| c.told), total(|c| c.missed), total(|c| c.twice));
    let share = twice as f64 / (told + missed) as f64 * 100.0;
    println!(
        "{told} notifications, 30 % faults, {} kills: {missed} missed, {twice} told twice ({share:.3} %)",
        deaths.len(),
    );
    for (channel, count) in &counts {
        println!(
            "{} by {channel}: {} missed, {} told twice; {} taken again under the same name: {} since the provider broke, {} since the server died",
            count.told,
            count.missed,
            count.twice,
            count.broke + count.died - count.twice,
            count.broke,
            count.died,
        );
    }
    drop(server);
    assert_eq!(missed, 0);
    assert_eq!(unexplained, Vec::<String>::new(), "no reason for a double");
    // A sample is too small for a share of a thousandth: a handful stands for it there.
    assert!(twice <= (told / 1_000).max(20), "{twice} of {told}");
    assert!(told + missed >= wanted);
    store.verify().await.unwrap();
}

fn again(house: &House, server: Server, deaths: &mut Vec<i64>) -> Server {
    kill_nine(&server.pid());
    deaths.push(now());
    drop(server);
    house.start()
}

/// As [`until`], for what takes as long as the longest pauses.
async fn patiently(what: &str, mut ask: impl AsyncFnMut() -> Option<()>) {
    for _ in 0..60 {
        let asked = tokio::time::timeout(Duration::from_secs(59), async {
            until(what, async || ask().await).await;
        });
        if asked.await.is_ok() {
            return;
        }
    }
    panic!("waited in vain: {what}");
}

/// The control: were a row taken for over before its provider has it, this suite would see it.
#[tokio::test]
async fn a_notification_that_nobody_sent_is_missed_in_this_count() {
    let Some(outside) = Outside::begin().await else {
        return;
    };
    let house = House::small();
    plan(&house, 20);
    let token = house.token("commander");
    // Nothing is connected, so nothing arrives.
    let server = house.start();
    let body = json!({ "title": "Orders are not taken", "severity": "SEV1" });
    let number = server.program(&token).declare(body).await;
    let accepted = accepted(&outside).await;
    let store = house.store().await;
    let rows = store.notifications_of(&number, 0, 1000).await.unwrap();
    let missed = rows
        .iter()
        .filter(|row| !accepted.contains_key(&known_as(row)));
    assert_eq!(missed.count(), rows.len());
    assert!(open(&store).await, "they wait for their providers");
    let value: Value = json!(rows.len());
    println!("{value} notifications to providers that are not there: all of them still open");
}
