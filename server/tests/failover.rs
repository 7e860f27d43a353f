//! Failover for real: the lab's primary is killed, the shipped plan's runbooks do the work, and Muster is cut off or killed
//! in the middle of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

use house::{Caller, House, Server, until};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{io::copy_bidirectional, net::TcpListener, net::TcpStream, sync::Mutex};

/// One lab at a time: each is four servers.
static ONE: Mutex<()> = Mutex::const_new(());

const SERVICE: &str = "/api/v1/failovers/manufacturing-database";

/// A lab of its own, and the shipped plan over it with the failover made automatic.
struct Scene {
    house: House,
    lab: Lab,
}

struct Lab {
    program: PathBuf,
    base: u16,
    folder: tempfile::TempDir,
}

impl Lab {
    fn run(&self, words: &[&str]) -> Result<String, String> {
        let done = Command::new(&self.program)
            .args(words)
            .env("MUSTER_LAB_DIR", self.folder.path().join("lab"))
            .env("MUSTER_LAB_BASE_PORT", self.base.to_string())
            .env_remove("MUSTER_LAB_URL")
            .output()
            .unwrap();
        match done.status.success() {
            true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.run(&["down"]);
    }
}

/// `None`, loudly, on a machine without PostgreSQL or where the lab is not built.
fn scene(base: u16) -> Option<Scene> {
    let program = Path::new(env!("CARGO_BIN_EXE_muster")).with_file_name("muster-lab");
    let skip = |why: &str| {
        eprintln!("\n******** SKIPPED, NOTHING WAS TESTED: {why} ********\n");
        None
    };
    if !program.exists() {
        return skip("muster-lab is not built beside muster");
    }
    // The database servers run as another user when root runs the tests: the folder must let them pass.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    let folder = tempfile::Builder::new()
        .prefix("muster-failover-")
        .permissions(open)
        .tempdir()
        .unwrap();
    let lab = Lab {
        program,
        base,
        folder,
    };
    if let Err(error) = lab.run(&["up"]) {
        if error.contains("PostgreSQL's server programs are not on this machine") {
            return skip(&error);
        }
        panic!("{error}");
    }
    let mut house = House::sqlite();
    let secrets = fs::read_to_string(lab.folder.path().join("lab/secrets.env")).unwrap();
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    house.env = secrets.lines().filter_map(pair).collect();
    let control = format!("http://127.0.0.1:{}", base + 81);
    house.env.push(("MUSTER_LAB_URL".into(), control));
    let scene = Scene { house, lab };
    for port in [30, 32, 33, 80] {
        for file in ["targets.yaml", "services.yaml"] {
            scene.edit(file, &format!(":554{port}"), &format!(":{}", base + port));
        }
    }
    scene.edit("failover.yaml", "automatic: false", "automatic: true");
    // Every second instead of every fifth: a test need not wait that long.
    scene.edit(
        "services.yaml",
        "      postgres: {database: manufacturing, node: route, writable: true}\n",
        "      postgres: {database: manufacturing, node: route, writable: true}\n    interval: 1s\n    timeout: 900ms\n",
    );
    Some(scene)
}

impl Scene {
    fn edit(&self, file: &str, from: &str, to: &str) {
        let file = self.house.path("plan").join(file);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replace(from, to)).unwrap();
    }

    async fn orders(&self, caller: &Caller) -> String {
        let url = format!("http://127.0.0.1:{}/orders", self.lab.base + 80);
        let order = json!({ "sku": "gear", "quantity": 7 });
        let answer = caller.http.post(url).json(&order).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let order: Value = answer.json().await.unwrap();
        order["id"].to_string().trim_matches('"').to_owned()
    }

    async fn order_is_there(&self, caller: &Caller, id: &str) -> bool {
        let url = format!("http://127.0.0.1:{}/orders/{id}", self.lab.base + 80);
        let answer = caller.http.get(url).send().await.unwrap();
        answer.status() == StatusCode::OK
    }
}

/// Waits until the failover is in a state.
async fn reaches(caller: &Caller, state: &str) -> Value {
    until(&format!("the failover is {state}"), async || {
        let now = caller.json(SERVICE).await;
        assert_ne!(now["state"], "stopped", "{now:#}");
        (now["state"] == state).then_some(now)
    })
    .await
}

/// Muster has looked long enough, at everything, and all is well.
async fn ready(caller: &Caller) {
    until("every guard but the failure's own holds", async || {
        let now = caller.json(SERVICE).await;
        let refused: Vec<&str> = now["guards"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|g| g["holds"] == false)
            .filter_map(|g| g["guard"].as_str())
            .collect();
        let usual = [
            "The check has failed",
            "The primary itself takes no writes",
            "The observers agree",
        ];
        (now["state"] == "watching" && refused == usual).then_some(())
    })
    .await;
}

fn ways(now: &Value) -> Vec<(String, String, String)> {
    let text = |m: &Value, key: &str| m[key].as_str().unwrap().to_owned();
    let moves = now["moves"].as_array().unwrap().iter();
    moves
        .map(|m| (text(m, "from"), text(m, "signal"), text(m, "to")))
        .collect()
}

const AUTOMATIC: [(&str, &str, &str); 6] = [
    ("watching", "failing", "detected"),
    ("detected", "automatic", "fencing"),
    ("fencing", "fenced", "promoting"),
    ("promoting", "promoted", "redirecting"),
    ("redirecting", "redirected", "verifying"),
    ("verifying", "verified", "monitoring"),
];

fn went(now: &Value, expected: &[(&str, &str, &str)]) {
    let ways = ways(now);
    let went: Vec<_> = ways
        .iter()
        .map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()))
        .collect();
    assert_eq!(went, expected, "{now:#}");
}

/// Begins the failback and gives it the second person's word.
async fn fail_back(scene: &Scene, server: &Server, caller: &Caller) {
    let asked = |path: &str, body: Value| {
        let path = format!("{SERVICE}/{path}");
        async move { caller.post(&path, body).await }
    };
    // Not before it is planned.
    let early = asked("failback", json!({ "confirm": "db:primary" })).await;
    assert_eq!(early.status(), StatusCode::CONFLICT);
    let reason = json!({ "reason": "The host was replaced" });
    assert_eq!(
        asked("plan-failback", reason).await.status(),
        StatusCode::OK
    );
    let begun = asked("failback", json!({ "confirm": "db:primary" })).await;
    let begun: Value = begun.json().await.unwrap();
    assert_eq!(begun["state"], "failing_back", "{begun:#}");
    let run = begun["run"].as_str().unwrap();
    let second = server.program(&scene.house.run(&[
        "token",
        "create",
        "--name",
        "the second",
        "--role",
        "commander",
    ]));
    let approved = second
        .post(&format!("/api/v1/runs/{run}/approve"), json!({}))
        .await;
    assert_eq!(approved.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_primary_is_failed_over_without_anybody_and_failed_back_on_a_persons_word() {
    let _one = ONE.lock().await;
    let Some(scene) = scene(27300) else { return };
    let token = scene.house.token("commander");
    let server = scene.house.start();
    let caller = server.program(&token);
    ready(&caller).await;
    let order = scene.orders(&caller).await;
    until("the replica has it", async || {
        let now = caller.json(SERVICE).await;
        (now["sight"]["candidate"]["lag"] == 0).then_some(())
    })
    .await;

    scene.lab.run(&["break", "db"]).unwrap();
    let now = reaches(&caller, "monitoring").await;
    went(&now, &AUTOMATIC);
    let proof = now["moves"][2]["evidence"][0].as_str().unwrap();
    assert!(proof.starts_with("primary: a write is refused"), "{proof}");
    assert!(scene.order_is_there(&caller, &order).await);

    // The incident tells all of it: declared by nobody, every move but the one that came before it.
    let number = now["incident"].as_str().unwrap();
    let incident = caller.json(&format!("/api/v1/incidents/{number}")).await;
    assert_eq!(incident["severity"], "SEV1");
    let timeline = caller
        .json(&format!("/api/v1/incidents/{number}/timeline?limit=1000"))
        .await;
    let told = timeline["events"].as_array().unwrap();
    let moves: Vec<_> = told
        .iter()
        .filter(|e| e["event"] == "failover_moved")
        .map(|e| e["to"].as_str().unwrap())
        .collect();
    let states = [
        "fencing",
        "promoting",
        "redirecting",
        "verifying",
        "monitoring",
    ];
    assert_eq!(moves, states);
    assert!(
        told.iter()
            .all(|e| e["actor"]["id"].as_str().unwrap().starts_with("system:"))
    );

    // The page shows it, and why nothing else can be done.
    let page = server.browser(&scene.house, "commander").await;
    let html = page.text("/failover/manufacturing-database").await;
    assert!(
        html.contains("<g class=\"lit\" data-place=\"monitor\" aria-current=\"step\""),
        "{html}"
    );
    assert!(html.contains("It is not the time to fail over: the secondary serves."));

    until("its run has ended", async || {
        let run = caller
            .json(&format!("/api/v1/runs/{}", now["run"].as_str().unwrap()))
            .await;
        (run["status"] == "completed").then_some(())
    })
    .await;
    let acknowledge = caller
        .post(&format!("{SERVICE}/acknowledge"), json!({}))
        .await;
    assert_eq!(acknowledge.status(), StatusCode::OK);
    fail_back(&scene, &server, &caller).await;
    reaches(&caller, "watching").await;
    // What was seen last may be of before.
    until("only the primary is seen to take writes", async || {
        let now = caller.json(SERVICE).await;
        (now["sight"]["writable"] == json!(["primary"])).then_some(())
    })
    .await;
    assert!(scene.order_is_there(&caller, &order).await);
    let status: Value =
        serde_json::from_str(&scene.lab.run(&["status", "--json"]).unwrap()).unwrap();
    assert_eq!(status["writable"], json!(["primary"]));
}

/// Passes connections on, or cuts them all.
async fn way_to(port: u16, open: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut inside, _)) = listener.accept().await {
            let open = open.clone();
            tokio::spawn(async move {
                if !open.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut outside) = TcpStream::connect(("127.0.0.1", port)).await else {
                    return;
                };
                let _ = copy_bidirectional(&mut inside, &mut outside).await;
            });
        }
    });
    own
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_that_is_cut_off_alone_fails_nothing_over() {
    let _one = ONE.lock().await;
    let Some(scene) = scene(27400) else { return };
    let base = scene.lab.base;
    let open = Arc::new(AtomicBool::new(true));
    for port in [base + 30, base + 32] {
        let own = way_to(port, open.clone()).await;
        scene.edit("targets.yaml", &format!(":{port}/"), &format!(":{own}/"));
    }
    let token = scene.house.token("commander");
    let server = scene.house.start();
    let caller = server.program(&token);
    ready(&caller).await;

    open.store(false, Ordering::SeqCst);
    let detected = reaches(&caller, "detected").await;
    // It looks again and again, with everything else in favour.
    let since = detected["sight"]["at"].as_i64().unwrap();
    let now = until("it has looked three times more", async || {
        let now = caller.json(SERVICE).await;
        (now["sight"]["at"].as_i64()? > since + 6_000_000).then_some(now)
    })
    .await;
    went(&now, &AUTOMATIC[..1]);
    let refused: Vec<&Value> = now["guards"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|g| g["holds"] == false)
        .collect();
    assert_eq!(refused.len(), 1, "{now:#}");
    let says = refused[0]["says"].as_str().unwrap();
    assert!(
        says.starts_with("1 of 3 observers see it down, 2 must"),
        "{says}"
    );

    open.store(true, Ordering::SeqCst);
    let well = reaches(&caller, "watching").await;
    assert_eq!(well["run"], Value::Null);
    assert_eq!(house::incidents(&caller).await, 0);
    let status: Value =
        serde_json::from_str(&scene.lab.run(&["status", "--json"]).unwrap()).unwrap();
    assert_eq!(status["writable"], json!(["primary"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_muster_killed_in_mid_outage_goes_on_with_the_same_failover() {
    let _one = ONE.lock().await;
    let Some(scene) = scene(27500) else { return };
    let token = scene.house.token("commander");
    let server = scene.house.start();
    let caller = server.program(&token);
    ready(&caller).await;
    scene.lab.run(&["break", "db"]).unwrap();
    // Killed as soon as the failover has begun.
    until("it has begun", async || {
        let now = caller.json(SERVICE).await;
        (now["run"] != Value::Null).then_some(())
    })
    .await;
    server.kill();
    let server = scene.house.start();
    let caller = server.program(&token);
    // What was there is known at once; nothing was taken for a recovery.
    let now = caller.json(SERVICE).await;
    assert!(
        !["watching", "detected"].contains(&now["state"].as_str().unwrap()),
        "{now:#}"
    );

    let now = until("it is over, or asks a person", async || {
        let now = caller.json(SERVICE).await;
        if let Some(run) = now["run"].as_str() {
            // A step whose end nobody saw asks; what was begun is not done twice by itself.
            let run = caller.json(&format!("/api/v1/runs/{run}")).await;
            if run["status"] == "paused_by_failed_step" {
                let path = format!("/api/v1/runs/{}/retry", run["id"].as_str().unwrap());
                caller.post(&path, json!({})).await;
            }
        }
        (now["state"] == "monitoring").then_some(now)
    })
    .await;
    went(&now, &AUTOMATIC);
    // Killed once more where the secondary serves: it stays so, and nothing is begun again.
    server.kill();
    let server = scene.house.start();
    let caller = server.program(&token);
    let since = until("it has looked", async || {
        caller.json(SERVICE).await["sight"]["at"].as_i64()
    })
    .await;
    let now = until("it has looked for longer than its grace", async || {
        let now = caller.json(SERVICE).await;
        (now["sight"]["at"].as_i64()? > since + 12_000_000).then_some(now)
    })
    .await;
    went(&now, &AUTOMATIC);
    assert_eq!(now["state"], "monitoring");
    assert_eq!(house::incidents(&caller).await, 1);
}
