//! What runs outlives the server: it is found again, runs once, and can be stopped whole.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

use house::{Caller, House, kills, until};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use std::{
    fs,
    path::{Path, PathBuf},
};

async fn start_run(caller: &Caller, slug: &str) -> String {
    let answer = caller
        .post(&format!("/api/v1/runbooks/{slug}/runs"), json!({}))
        .await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    format!(
        "/api/v1/runs/{}",
        answer.json::<Value>().await.unwrap()["id"]
            .as_str()
            .unwrap()
    )
}

async fn ended(caller: &Caller, run: &str) -> Value {
    until("the run ends", async || {
        Some(caller.json(run).await).filter(|run| run["ended_at"] != Value::Null)
    })
    .await
}

async fn exists(path: &Path) {
    until(&path.display().to_string(), async || {
        path.exists().then_some(())
    })
    .await;
}

/// A step whose end the test decides, and that leaves a trace each time it is run.
const STEP: &str = "echo ran >> $HERE/ran; echo begin; until [ -e $HERE/go ]; do sleep 0.02; done; echo end; touch $HERE/over; exit 0";

async fn a_run_across_a_kill(step_ends_meanwhile: bool) {
    let house = House::sqlite();
    house.runbook("slow", STEP);
    let token = house.token("commander");
    let server = house.start();
    let caller = server.program(&token);
    let run = start_run(&caller, "slow").await;
    until("its output begins", async || {
        caller
            .text(&format!("{run}/output"))
            .await
            .contains("begin")
            .then_some(())
    })
    .await;

    server.kill();
    if step_ends_meanwhile {
        fs::write(house.path("go"), "").unwrap();
        exists(&house.path("over")).await;
    }
    let server = house.start();
    let caller = server.program(&token);
    if !step_ends_meanwhile {
        assert_eq!(caller.json(&run).await["status"], "running");
        fs::write(house.path("go"), "").unwrap();
    }

    let done = ended(&caller, &run).await;
    assert_eq!(
        (&done["status"], &done["steps"][0]["status"]),
        (&json!("completed"), &json!("succeeded")),
        "{done}"
    );
    assert_eq!(done["steps"][0]["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(
        done["steps"][0]["attempts"][0]["ending"],
        json!({ "ending": "exited", "code": 0 })
    );
    let output = caller.text(&format!("{run}/output")).await;
    let own: Vec<&str> = output
        .lines()
        .filter(|line| ["begin", "end"].contains(line))
        .collect();
    assert_eq!(own, ["begin", "end"], "{output}");
    assert_eq!(
        done["steps"][0]["attempts"][0]["output_bytes"],
        output.len()
    );
    assert_eq!(
        fs::read_to_string(house.path("ran")).unwrap(),
        "ran\n",
        "nothing runs twice"
    );
}

#[tokio::test]
async fn a_killed_server_readopts_the_running_step() {
    a_run_across_a_kill(false).await;
}

#[tokio::test]
async fn the_end_of_a_step_is_known_though_the_server_was_dead() {
    a_run_across_a_kill(true).await;
}

#[derive(Clone, Copy, PartialEq)]
enum Dies {
    Nothing,
    Server,
    /// With its machine.
    Machine,
}

/// Makes a folder one that was made before the machine was last started.
fn is_of_another_boot(record: &Path) {
    let crc32 = |bytes: &[u8]| {
        !bytes.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
            })
        })
    };
    let mut bytes = fs::read(record).unwrap();
    let length = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    let text = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let other = text.replace(boot.trim(), "00000000-0000-0000-0000-000000000000");
    assert_ne!(other, text, "the record names the boot");
    bytes[8..8 + length].copy_from_slice(other.as_bytes());
    bytes[4..8].copy_from_slice(&crc32(other.as_bytes()).to_le_bytes());
    fs::write(record, bytes).unwrap();
}

/// The database cannot write down that the second step begins, while its folder is made already.
async fn a_beginning_that_is_not_written(dies: Dies) {
    let house = House::small();
    let here = |file: &str| house.path(file).display().to_string();
    let wait = format!(
        "touch {}; until [ -e {} ]; do sleep 0.02; done",
        here("begun"),
        here("go")
    );
    let say = format!(
        "echo ran | tee -a {}; until [ -e {} ]; do sleep 0.02; done",
        here("ran"),
        here("enough")
    );
    let steps = json!([
        { "name": "Wait", "commands": [["sh", "-c", wait]] },
        { "name": "Say", "commands": [["sh", "-c", say]] },
    ]);
    house.write_runbook("two", &json!({ "name": "Two", "steps": steps }));
    let token = house.token("commander");
    let server = house.start();
    let mut caller = server.program(&token);
    let run = start_run(&caller, "two").await;
    exists(&house.path("begun")).await;

    let database = format!("sqlite://{}", here("data/muster.db"));
    let mut database = SqliteConnection::connect(&database).await.unwrap();
    let mut change = async |sql: &'static str| sqlx::raw_sql(sql).execute(&mut database).await;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON event WHEN NEW.kind = 'attempt_started' \
        BEGIN SELECT RAISE(ABORT, 'no room'); END";
    change(refuse).await.unwrap();
    fs::write(house.path("go"), "").unwrap();
    let folders = house
        .path("data/runs")
        .join(run.rsplit('/').next().unwrap());
    until("the beginning is refused", async || {
        let log = server.log.lock().unwrap();
        log.contains("The desk cannot write").then_some(())
    })
    .await;
    let it_dies = dies != Dies::Nothing;
    let alive = if it_dies {
        server.kill();
        None
    } else {
        Some(server)
    };
    if it_dies {
        // Between two tries it has none: it may have died in the middle of one.
        let left = folders.join("1-1");
        let id = format!("{}-1-1", run.rsplit('/').next().unwrap());
        let made = engine::supervise::Folder::make(&left, &id);
        assert!(made.is_ok() || left.join("rec").exists());
    }
    if dies == Dies::Machine {
        is_of_another_boot(&folders.join("1-1/rec"));
    }
    assert!(
        !house.path("ran").exists(),
        "nothing runs that has not begun"
    );
    change("DROP TRIGGER refuse").await.unwrap();
    let mut server = alive.unwrap_or_else(|| house.start());
    caller = server.program(&token);
    exists(&house.path("ran")).await;
    if it_dies {
        // Once more, while it runs: it is found where it is, not where it might have been.
        server.kill();
        server = house.start();
        caller = server.program(&token);
        until("it is found again", async || {
            let log = server.log.lock().unwrap();
            log.contains("Found attempt").then_some(())
        })
        .await;
    }
    fs::write(house.path("enough"), "").unwrap();
    let done = ended(&caller, &run).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["steps"][1]["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(fs::read_to_string(house.path("ran")).unwrap(), "ran\n");
    let output = caller.text(&format!("{run}/output?step=1&attempt=1")).await;
    assert!(output.ends_with("\nran\n"), "{output}");
    assert_eq!(folders.join("1-1r").exists(), it_dies);
}

#[tokio::test]
async fn a_folder_made_ahead_waits_until_the_beginning_is_written() {
    a_beginning_that_is_not_written(Dies::Nothing).await;
}

#[tokio::test]
async fn a_folder_of_a_beginning_that_was_never_written_runs_nothing() {
    a_beginning_that_is_not_written(Dies::Server).await;
}

#[tokio::test]
async fn a_folder_of_a_beginning_that_was_never_written_holds_up_nothing_after_a_power_cut() {
    a_beginning_that_is_not_written(Dies::Machine).await;
}

/// Is this process there, and not only its entry in a table?
fn lives(pid: &str) -> bool {
    let stat =
        fs::read_to_string(PathBuf::from("/proc").join(pid).join("stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn a_stopped_run_kills_its_whole_tree() {
    let house = House::sqlite();
    // A leader, its child, and one that left the family: a session of its own, its parent dead.
    house.runbook(
        "tree",
        "sh -c 'echo $$ >> $HERE/pids; while :; do sleep 1; done' & \
         sh -c \"setsid sh -c 'echo \\$\\$ >> $HERE/pids; while :; do sleep 1; done' & exit\"; \
         echo $$ >> $HERE/pids; while :; do sleep 1; done",
    );
    let token = house.token("commander");
    let server = house.start();
    let caller = server.program(&token);
    let run = start_run(&caller, "tree").await;
    let pids = until("the tree stands", async || {
        let pids: Vec<String> = fs::read_to_string(house.path("pids"))
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect();
        (pids.len() == 3).then_some(pids)
    })
    .await;
    assert!(pids.iter().all(|pid| lives(pid)), "{pids:?}");

    // Also a tree that another life of the server has begun.
    server.kill();
    let server = house.start();
    let caller = server.program(&token);
    let answer = caller
        .post(
            &format!("{run}/cancel"),
            json!({ "reason": "The wrong one." }),
        )
        .await;
    assert_eq!(answer.status(), StatusCode::OK);
    let done = ended(&caller, &run).await;
    assert_eq!(
        (&done["status"], &done["steps"][0]["status"]),
        (&json!("cancelled"), &json!("cancelled")),
        "{done}"
    );
    until("nobody of the tree is left", async || {
        pids.iter().all(|pid| !lives(pid)).then_some(())
    })
    .await;
}

/// Asks for the run under a key, as often as one likes.
async fn start_under(caller: &Caller, key: &str) -> reqwest::Result<Value> {
    let ask = caller.ask(Method::POST, "/api/v1/runbooks/short/runs");
    let answer = ask
        .header("idempotency-key", key)
        .json(&json!({}))
        .send()
        .await?;
    assert_eq!(answer.status(), StatusCode::CREATED, "{key}");
    answer.json().await
}

/// The server dies around the start of a step: while it is asked for, when it has answered, when the command begins.
#[tokio::test]
async fn no_step_runs_twice_however_often_the_server_dies() {
    let house = House::sqlite();
    house.runbook("short", "echo $MUSTER_RUN >> $HERE/ran; sleep 0.02; exit 0");
    let token = house.token("commander");
    let ran = || fs::read_to_string(house.path("ran")).unwrap_or_default();
    let (mut succeeded, mut interrupted) = (0, 0);
    let mut server = house.start();
    for kill in 0..kills() {
        let key = format!("run-{kill}");
        let caller = server.program(&token);
        match kill % 4 {
            0 => {
                let (caller, key) = (caller.clone(), key.clone());
                let asked = tokio::spawn(async move { start_under(&caller, &key).await });
                tokio::task::yield_now().await;
                server.kill();
                let _ = asked.await.unwrap();
            }
            1 => {
                start_under(&caller, &key).await.unwrap();
                server.kill();
            }
            2 => {
                let id = start_under(&caller, &key).await.unwrap()["id"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                until("its folder is there", async || {
                    house.path("data/runs").join(&id).exists().then_some(())
                })
                .await;
                server.kill();
            }
            _ => {
                let id = start_under(&caller, &key).await.unwrap()["id"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                until("the command begins", async || {
                    ran().contains(&id).then_some(())
                })
                .await;
                server.kill();
            }
        }
        server = house.start();
        let caller = server.program(&token);
        let id = start_under(&caller, &key).await.unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let run = format!("/api/v1/runs/{id}");
        let stands = until("the run goes on", async || {
            Some(caller.json(&run).await).filter(|run| run["status"] != "running")
        })
        .await;
        let times = ran().lines().filter(|line| *line == id).count();
        match stands["steps"][0]["status"].as_str().unwrap() {
            "succeeded" => {
                assert_eq!(times, 1, "{stands}");
                succeeded += 1;
            }
            // Nobody saw its end: a person decides, and nothing was run again meanwhile.
            "interrupted" => {
                assert!(
                    times <= 1 && stands["status"] == "paused_by_failed_step",
                    "{times} times: {stands}"
                );
                interrupted += 1;
                let stop = caller
                    .post(&format!("{run}/cancel"), json!({ "reason": "Enough." }))
                    .await;
                assert_eq!(stop.status(), StatusCode::OK);
            }
            other => panic!("{other}: {stands}"),
        }
    }
    server.kill();
    let runs = succeeded + interrupted;
    assert_eq!(
        ran().lines().count(),
        ran()
            .lines()
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    );
    println!(
        "{runs} runs over {runs} kills: {succeeded} succeeded, {interrupted} interrupted, 0 ran twice"
    );
}
