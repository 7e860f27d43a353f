//! Holds what the timeline tells against what the commands themselves left behind.

use crate::{
    books,
    drive::Driven,
    given,
    house::{Caller, House},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    time::Duration,
};
use tokio::time::Instant;

#[derive(Default)]
pub struct Judgement {
    pub violations: Vec<String>,
    pub runs: usize,
    pub attempts: usize,
    pub executed: usize,
    pub output_bytes: u64,
}

/// What became of one attempt.
#[derive(Default)]
struct Attempt {
    proof_only: bool,
    ended: Option<Value>,
}

struct Told {
    runbook: Value,
    steps: BTreeMap<(u64, u64), Attempt>,
    /// Further attempts that something asked for: a retry that was due, or a person.
    asked: BTreeMap<u64, u32>,
    status: Option<String>,
}

pub async fn judge(house: &House, caller: &Caller, driven: &[Driven], mark: &str) -> Judgement {
    let mut found = Judgement::default();
    let told = read(house).await;
    found.runs = told.len();
    let ends: HashMap<&str, &Driven> = driven.iter().map(|d| (d.id.as_str(), d)).collect();
    for driven in driven {
        if !driven.over {
            found.wrong(format!("{driven:?} is stuck"));
        }
        if !told.contains_key(&driven.id) {
            found.wrong(format!("{driven:?} was acknowledged and is lost"));
        }
    }
    for (id, run) in &told {
        let status = run.status.as_deref().unwrap_or("stuck");
        let expected = ends
            .get(id.as_str())
            .map_or("completed", |d| d.shape.comes_to());
        if status != expected {
            found.wrong(format!("run {id} came to {status}, not {expected}"));
        }
        let ran = fs::read_to_string(house.path("ran").join(id)).unwrap_or_default();
        found.executed += ran.lines().count();
        let steps: Vec<&Value> = ["steps", "on_cancel", "finally"]
            .iter()
            .flat_map(|section| run.runbook[section].as_array().into_iter().flatten())
            .collect();
        for (index, step) in steps.iter().enumerate() {
            judge_step(&mut found, caller, id, run, index as u64, step, &ran).await;
        }
    }
    let said = house.run(&["timeline", "verify"]);
    if !said.contains("every one as it was written") {
        found.wrong(said);
    }
    let orphans = until_none_is_left(mark).await;
    if !orphans.is_empty() {
        found.wrong(format!(
            "{} processes are left behind: {orphans:?}",
            orphans.len()
        ));
    }
    found
}

async fn judge_step(
    found: &mut Judgement,
    caller: &Caller,
    id: &str,
    run: &Told,
    index: u64,
    step: &Value,
    ran: &str,
) {
    let name = step["name"].as_str().unwrap();
    let is_command = step["commands"].is_array();
    let attempts = || run.steps.range((index, 0)..(index + 1, 0));
    let (mut surely, mut perhaps) = (0, 0);
    for ((_, number), attempt) in attempts() {
        found.attempts += 1;
        let place = format!("run {id}, {name}, attempt {number}");
        let Some(ended) = &attempt.ended else {
            found.wrong(format!("{place}: never ended"));
            continue;
        };
        let ending = ended["ending"]["ending"].as_str().unwrap();
        match ending {
            "exited" | "signalled" | "timed_out" => surely += u64::from(!attempt.proof_only),
            "cancelled" => perhaps += 1,
            _ => {
                perhaps += 1;
                found.wrong(format!("{place}: {}", ended["ending"]));
            }
        }
        if !is_command {
            continue;
        }
        let path = format!("/api/v1/runs/{id}/output?step={index}&attempt={number}");
        let output = caller.text(&path).await;
        found.output_bytes += output.len() as u64;
        if ended["output_bytes"] != output.len() {
            found.wrong(format!(
                "{place}: {} of {} bytes are there",
                output.len(),
                ended["output_bytes"]
            ));
        }
        let digest = hex::encode(Sha256::digest(output.as_bytes()));
        if ended["digest"].as_str().unwrap_or_default() != digest {
            found.wrong(format!(
                "{place}: the output is not the one whose hash was written"
            ));
        }
        let whole = books::output(step, id, attempt.proof_only);
        let as_printed = match ending {
            // Of several commands the first one may have failed.
            "exited" if ended["ending"]["code"] == 0 => output == whole,
            "exited" => {
                !output.is_empty()
                    && whole.starts_with(&output)
                    && output.ends_with('\n')
                    && output.lines().count() == 81
            }
            _ => whole.starts_with(&output),
        };
        if !as_printed {
            found.wrong(format!(
                "{place}: {} bytes, not what the command printed ({ending})",
                output.len()
            ));
        }
    }
    if !is_command {
        return;
    }
    let times = ran.lines().filter(|line| *line == name).count() as u64;
    if times < surely {
        found.wrong(format!(
            "run {id}, {name}: {surely} attempts ended, {times} were run"
        ));
    }
    if times > surely + perhaps {
        found.wrong(format!(
            "run {id}, {name}: ran twice: {times} times for {} attempts",
            surely + perhaps
        ));
    }
    let began = attempts().count() as u32;
    let asked = run.asked.get(&index).copied().unwrap_or(0);
    if began > 1 + asked {
        found.wrong(format!(
            "run {id}, {name}: ran twice: {began} attempts, {asked} retries"
        ));
    }
}

impl Judgement {
    fn wrong(&mut self, what: String) {
        self.violations.push(what);
    }
}

/// Every run that the timeline knows.
async fn read(house: &House) -> BTreeMap<String, Told> {
    let store = house.store().await;
    let mut runs: BTreeMap<String, Told> = BTreeMap::new();
    let mut after = 0;
    while let records = store.events_after(after, 2000).await.unwrap()
        && let Some(last) = records.last()
    {
        after = last.seq;
        for record in records.iter().filter(|r| r.stream.starts_with("run/")) {
            let body: Value = serde_json::from_str(&record.body).unwrap();
            let id = record.stream["run/".len()..].to_owned();
            if record.kind == "run_started" {
                let told = Told {
                    runbook: body["runbook"].clone(),
                    steps: BTreeMap::new(),
                    asked: BTreeMap::new(),
                    status: None,
                };
                runs.insert(id, told);
                continue;
            }
            let run = runs.get_mut(&id).unwrap();
            let number = |field: &str| body[field].as_u64().unwrap_or_default();
            let at = (number("step"), number("attempt"));
            match record.kind.as_str() {
                "attempt_started" => {
                    let attempt = Attempt {
                        proof_only: body["purpose"] == "verify",
                        ended: None,
                    };
                    run.steps.insert(at, attempt);
                }
                "attempt_ended" => run.steps.get_mut(&at).unwrap().ended = Some(body),
                "retry_scheduled" => *run.asked.entry(at.0).or_default() += 1,
                "run_resumed" if body["how"] == "retry" => *run.asked.entry(at.0).or_default() += 1,
                "run_ended" => run.status = body["status"].as_str().map(str::to_owned),
                _ => {}
            }
        }
    }
    store.close().await;
    runs
}

/// What is ending may take a moment.
async fn until_none_is_left(mark: &str) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(15);
    loop {
        let left = given(mark);
        if left.is_empty() || Instant::now() > until {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
