#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;
use domain::{Actor, Event, Mode, PlanHash, Source, Stamped};
use serde_json::{Value, json};
use std::time::Duration;

const HOUR: i64 = 3_600_000_000;
const NOON: i64 = 1_795_356_000_000_000;
const DELAY: Duration = Duration::from_secs(300);

/// A run whose first step failed at noon and is tried again five minutes later.
fn retrying() -> World {
    let mut world = World::default();
    let run = RunId("0199c5ff-1d3a-7e44-a7b9-52d0c6e8f913".into());
    let actor = json!(Actor::system("runner", Source::Runner));
    let book = json!({ "slug": "try", "name": "Try", "steps": [{ "name": "Only", "commands": ["false"], "retries": 1 }] });
    let events = [
        json!({ "event": "run_started", "run": run, "runbook": book, "incident": null, "parameters": {},
            "plan": PlanHash("0".repeat(64)), "mode": Mode::Real }),
        json!({ "event": "step_started", "run": run, "step": 0, "because": "" }),
        json!({ "event": "attempt_started", "run": run, "step": 0, "attempt": 1, "node": "here" }),
        json!({ "event": "attempt_ended", "run": run, "step": 0, "attempt": 1,
            "ending": { "ending": "exited", "code": 1 }, "output_bytes": 0 }),
        json!({ "event": "retry_scheduled", "run": run, "step": 0, "attempt": 2,
            "due": NOON + DELAY.as_micros() as i64 }),
    ];
    for (n, event) in events.into_iter().enumerate() {
        let _: Event = serde_json::from_value(event.clone()).unwrap();
        let mut whole = json!({ "seq": n + 1, "stream": format!("run/{run}"), "at": NOON, "recorded": NOON, "actor": actor });
        let fields: &mut serde_json::Map<String, Value> = whole.as_object_mut().unwrap();
        fields.extend(event.as_object().unwrap().clone());
        world.apply(&serde_json::from_value::<Stamped>(whole).unwrap());
    }
    world
}

fn due(dues: &Dues, world: &World) -> Instant {
    dues.of(world.runs.values().next().unwrap()).unwrap()
}

#[test]
fn a_clock_that_jumps_neither_fires_nor_stretches_what_is_due() {
    let (world, begin) = (retrying(), Instant::now());
    let mut dues = Dues::default();
    dues.see(&world, Stamp(NOON), begin);
    for (later, jump) in [HOUR, -HOUR, 24 * HOUR, -24 * HOUR, 0]
        .into_iter()
        .enumerate()
    {
        let here = begin + Duration::from_secs(later as u64);
        dues.see(&world, Stamp(NOON + jump), here);
        assert_eq!(due(&dues, &world), begin + DELAY, "{jump}");
    }
}

#[test]
fn a_restart_believes_the_clock_but_waits_no_longer_than_was_meant() {
    let (world, here) = (retrying(), Instant::now());
    let minute = Duration::from_secs(60);
    for (jump, left) in [
        (60_000_000, DELAY - minute),
        (HOUR, Duration::ZERO),
        (-HOUR, DELAY),
        (-24 * HOUR, DELAY),
    ] {
        let mut dues = Dues::default();
        dues.see(&world, Stamp(NOON + jump), here);
        assert_eq!(due(&dues, &world), here + left, "{jump}");
    }
}

#[test]
fn what_is_no_longer_due_is_forgotten() {
    let mut dues = Dues::default();
    dues.see(&retrying(), Stamp(NOON), Instant::now());
    assert_eq!(dues.0.len(), 1);
    dues.see(&World::default(), Stamp(NOON), Instant::now());
    assert!(dues.0.is_empty());
}
