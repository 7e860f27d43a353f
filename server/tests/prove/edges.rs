//! Many runs at once, while the server dies again and again.

use crate::{
    books,
    drive::Desk,
    given,
    house::{House, kill_nine, size},
    judge::{Judgement, judge},
    killer::{Kills, Loss, kill_again_and_again},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// Runs in flight.
const WORKERS: usize = 8;

/// Plays it all, until there were so many kills and runs, and everything has settled.
async fn play(house: &House, kills: usize, runs: usize, loss: Loss) -> (Judgement, Kills) {
    let mark = format!("prove-mark-{}", uuid::Uuid::new_v4());
    books::write(house, WORKERS, &mark);
    let (first, second) = (house.token("commander"), house.token("commander"));
    let server = house.start();
    let (moved, place) = watch::channel(server.url.clone());
    let desk = Arc::new(Desk {
        starter: server.program(&first),
        second: server.program(&second),
        place,
        begun: AtomicUsize::new(0),
        enough: AtomicBool::new(false),
        runs: Mutex::default(),
    });
    let drivers: Vec<_> = (0..WORKERS)
        .map(|worker| tokio::spawn(desk.clone().drive(worker)))
        .collect();
    let enough = |so_far: usize| so_far >= kills && desk.begun.load(Relaxed) >= runs + WORKERS;
    let (server, kills) =
        kill_again_and_again(house, &desk.starter, server, &moved, loss, enough).await;
    desk.enough.store(true, Relaxed);
    for driver in drivers {
        driver.await.unwrap();
    }
    let driven = std::mem::take(&mut *desk.runs.lock().unwrap());
    let caller = desk.starter.at(server.url.clone());
    let mut found = judge(house, &caller, &driven, &mark).await;
    found.violations.sort();
    // What a control has torn from its supervisor nobody else ends.
    for pid in given(&mark) {
        kill_nine(&pid);
    }
    (found, kills)
}

async fn a_run_survives_a_kill_at_every_edge(name: &str, house: House, kills: usize, runs: usize) {
    let began = Instant::now();
    let (found, kills) = play(&house, kills, runs, Loss::Nothing).await;
    let Judgement {
        violations,
        runs,
        attempts,
        executed,
        output_bytes,
    } = &found;
    assert!(
        violations.is_empty(),
        "{} violations over {} kills:\n{}",
        violations.len(),
        kills.count,
        violations.join("\n")
    );
    println!(
        "{} kills over {runs} runs on {name} in {:.0?}: {attempts} attempts, {executed} commands run, {output_bytes} bytes of output; 0 stuck, 0 twice, 0 interrupted, 0 bytes lost, 0 orphans",
        kills.count,
        Duration::from_secs(began.elapsed().as_secs()),
    );
    let at: Vec<String> = kills
        .at
        .iter()
        .map(|(edge, n)| format!("{edge} {n}"))
        .collect();
    println!("{} kills by edge: {}", kills.count, at.join(", "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_survives_a_kill_at_every_edge_on_sqlite() {
    let (kills, runs) = (
        size("MUSTER_PROVE_EDGE_KILLS", 25),
        size("MUSTER_PROVE_EDGE_RUNS", 75),
    );
    a_run_survives_a_kill_at_every_edge("SQLite", House::small(), kills, runs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_survives_a_kill_at_every_edge_on_postgres() {
    let (kills, runs) = (
        size("MUSTER_PROVE_EDGE_KILLS_POSTGRES", 10),
        size("MUSTER_PROVE_EDGE_RUNS_POSTGRES", 30),
    );
    let house = House::small().over_postgres().await;
    a_run_survives_a_kill_at_every_edge("PostgreSQL", house, kills, runs).await;
}

/// The control: with its durability taken away, the same suite must go red.
async fn without_durability_the_suite_notices(loss: Loss, complaint: &str) {
    let house = House::small();
    let (found, kills) = play(&house, 6, 0, loss).await;
    let such = found
        .violations
        .iter()
        .filter(|v| v.contains(complaint))
        .count();
    assert!(such > 0, "nothing was noticed: {:?}", found.violations);
    println!(
        "{} kills with the loss of {loss:?}: {} violations noticed in {} runs, {such} of them \"{complaint}\"",
        kills.count,
        found.violations.len(),
        found.runs
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_durability_the_suite_notices_what_ran_twice() {
    without_durability_the_suite_notices(Loss::Attempts, "ran twice").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_durability_the_suite_notices_what_was_interrupted() {
    without_durability_the_suite_notices(Loss::Supervisors, "interrupted").await;
}
