//! Kills the server: at chosen edges of its work, and at random moments.

use crate::house::{Caller, House, Server, kill_nine};
use rand::Rng;
use serde_json::Value;
use std::{collections::BTreeMap, fs, time::Duration};
use tokio::sync::watch;

/// A moment worth dying at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// This event was written, and told to a reader of the live stream.
    Event(&'static str),
    /// A command wrote this into `marks`: a word, and whose (any, where empty).
    Mark(&'static str, &'static str),
    Random,
}

use Edge::{Event, Mark, Random};

pub const EDGES: [Edge; 20] = [
    Event("attempt_started"),
    Mark("begin", ""),
    Mark("middle", ""),
    Random,
    Mark("end", ""),
    Event("attempt_ended"),
    Event("step_waits"),
    Random,
    Event("step_answered"),
    Event("run_held"),
    Event("run_resumed"),
    Random,
    Event("run_cancelling"),
    Mark("begin", "cleanup"),
    Mark("end", "finally"),
    Random,
    Event("retry_scheduled"),
    Event("run_paused"),
    Event("locks_taken"),
    Event("run_ended"),
];

/// What is taken away between a death and the next life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Nothing,
    /// What was written down about attempts, as if it had only been in memory.
    Attempts,
    /// The supervisors, as if commands were the server's own children.
    Supervisors,
}

#[derive(Default)]
pub struct Kills {
    pub count: usize,
    /// How often at each edge; the rest was at random.
    pub at: BTreeMap<String, usize>,
}

/// Kills until it is enough, and gives the last living server back.
pub async fn kill_again_and_again(
    house: &House,
    caller: &Caller,
    mut server: Server,
    moved: &watch::Sender<String>,
    loss: Loss,
    enough: impl Fn(usize) -> bool,
) -> (Server, Kills) {
    let mut kills = Kills::default();
    // One that lost its spool altogether would know that; this one has lost only what was in it.
    let store = house.store().await;
    while !enough(kills.count) {
        let edge = match loss {
            Loss::Nothing => EDGES[kills.count % EDGES.len()],
            _ => Mark("middle", "work"),
        };
        let after = store.head().await.map_or(0, |head| head.seq);
        let caller = caller.at(server.url.clone());
        let reached =
            tokio::time::timeout(Duration::from_secs(3), reach(house, &caller, edge, after));
        let name = match reached.await {
            Ok(()) => format!("{edge:?}"),
            Err(_) => format!("{Random:?}"),
        };
        *kills.at.entry(name).or_default() += 1;
        server.kill();
        kills.count += 1;
        lose(house, loss);
        server = house.start();
        moved.send_replace(server.url.clone());
    }
    store.close().await;
    (server, kills)
}

async fn reach(house: &House, caller: &Caller, edge: Edge, after: u64) {
    // Not only the very first moment after it.
    let nudge = rand::rng().random_range(0..4);
    match edge {
        Random => {
            let moment = rand::rng().random_range(20..400);
            tokio::time::sleep(Duration::from_millis(moment)).await;
        }
        Event(kind) => {
            let path = format!("/live?after={after}");
            let Ok(live) = caller.ask(reqwest::Method::GET, &path).send().await else {
                return std::future::pending().await;
            };
            told(live, kind).await;
            tokio::time::sleep(Duration::from_millis(nudge)).await;
        }
        Mark(word, whose) => {
            let marks = || fs::read(house.path("marks")).unwrap_or_default();
            let from = marks().len();
            loop {
                let new = String::from_utf8_lossy(&marks()[from..]).into_owned();
                let is = |line: &str| line.starts_with(word) && line.ends_with(whose);
                if new.lines().any(is) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            if nudge > 1 {
                tokio::time::sleep(Duration::from_millis(nudge)).await;
            }
        }
    }
}

/// Reads the live stream until it tells this event.
async fn told(mut live: reqwest::Response, kind: &str) {
    let mut rest = Vec::new();
    while let Ok(Some(bytes)) = live.chunk().await {
        rest.extend_from_slice(&bytes);
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let data = line.strip_prefix(b"data:").unwrap_or_default();
            let event: Value = serde_json::from_slice(data).unwrap_or_default();
            if event["event"] == kind {
                return;
            }
        }
    }
    std::future::pending().await
}

fn lose(house: &House, loss: Loss) {
    if loss == Loss::Nothing {
        return;
    }
    for run in fs::read_dir(house.path("data/runs"))
        .into_iter()
        .flatten()
        .flatten()
    {
        for attempt in fs::read_dir(run.path()).into_iter().flatten().flatten() {
            match supervisor(&attempt.path()) {
                Some(pid) if loss == Loss::Supervisors => kill_nine(&pid),
                Some(_) => fs::remove_dir_all(attempt.path()).unwrap_or_default(),
                None => {}
            }
        }
    }
}

/// Who runs the attempt of this folder, by its claim, while it has no result.
pub fn supervisor(attempt: &std::path::Path) -> Option<String> {
    let claim: Value = serde_json::from_slice(&fs::read(attempt.join("claim")).ok()?).ok()?;
    let pid = claim["supervisor"]["pid"].as_u64()?.to_string();
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    (name.trim() == "muster-attempt").then_some(pid)
}
