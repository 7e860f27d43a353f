//! A step that survives everything, beside a bare spawn of the same program and beside what others take for it.

use std::path::Path;
use std::time::{Duration, Instant};

use domain::{Actor, Mode, RunId, RunStatus, Source, Span};
use engine::{
    Beside, Clock, Desk, Request,
    plan::{Loaded, canonical_json, load},
    runner::{Place, Runner},
    secrets::Vault,
    store::{PlanRevision, Store},
    supervise::{CommandLine, Spec, Supervisor},
};

use crate::{
    Ground,
    figures::{Row, ms, number},
    others::{Ansible, Just, durable_spawn, spawn},
};

const ROUNDS: usize = 15;
/// How often in a round each of the quick ones is done.
const EACH: usize = 40;
/// The steps of one run, one after the other.
const STEPS: usize = 25;
/// Ansible takes its turn in every so manieth round.
const SELDOM: usize = 3;

// Rows, in the order of the table.
const BARE: usize = 0;
const SHELL: usize = 1;
const DURABLE: usize = 2;
const ATTEMPT: usize = 3;
const STEP: usize = 4;
const RUN: usize = 5;
const JUST_LINE: usize = 6;
const JUST: usize = 7;
const ANSIBLE: usize = 8;

pub async fn run() {
    let ground = Ground::new("step");
    let dir = ground.path();
    let house = House::new(&dir).await;
    let (just, ansible) = (Just::find(&dir), Ansible::find(&dir));
    let mut rows = [
        "bare spawn of `true`, and wait",
        "`sh -c true`",
        "a spawn between two syncs to disk",
        "Muster: an attempt, launch to result",
        "Muster: a step, end to end",
        "Muster: a run of 25 steps, a step's share",
        "just: a line of a recipe",
        "just: a call of one line",
        "Ansible: a task, local",
    ]
    .map(Row::new);
    house.run().await;
    for round in 0..ROUNDS {
        let bare = (0..EACH).map(|_| ms(spawn(&["/bin/true"])));
        rows[BARE].rounds.push(bare.collect());
        let shell = (0..EACH).map(|_| ms(spawn(&["/bin/sh", "-c", "true"])));
        rows[SHELL].rounds.push(shell.collect());
        let durable = (0..EACH).map(|n| ms(durable_spawn(&dir.join(format!("{round}-{n}")))));
        rows[DURABLE].rounds.push(durable.collect());
        let mut attempts = Vec::new();
        for n in 0..EACH {
            attempts.push(ms(house.attempt(&format!("{round}-{n}")).await));
        }
        rows[ATTEMPT].rounds.push(attempts);
        let (share, steps) = house.run().await;
        rows[STEP].rounds.push(steps);
        rows[RUN].rounds.push(vec![share]);
        let (call, line) = just.as_ref().map(Just::times).unzip();
        rows[JUST].rounds.push(call.map(ms).into_iter().collect());
        rows[JUST_LINE]
            .rounds
            .push(line.map(ms).into_iter().collect());
        let ansible = ansible.as_ref().filter(|_| round % SELDOM == 0);
        let task = ansible.map(|ansible| ms(ansible.task()));
        rows[ANSIBLE].rounds.push(task.into_iter().collect());
    }
    tell(&rows);
}

fn tell(rows: &[Row]) {
    println!(
        "durable steps; {ROUNDS} rounds                       p50 ms    p99 ms  over [1] ms  ratio to [1]"
    );
    let over = |row: &Row| row.to(&rows[BARE], |own, bare| own - bare);
    for (n, row) in (1..).zip(rows) {
        if !row.is_here() {
            println!("[{n}] {:<42} not here", row.name);
            continue;
        }
        let ratio = row.to(&rows[BARE], |own, bare| own / bare);
        let (p50, p99) = (row.percent(50), row.percent(99));
        println!(
            "[{n}] {:<42} {p50:>8.3} {p99:>9.3} {:>12.3} {ratio:>13.2}",
            row.name,
            over(row)
        );
    }
    println!(
        "\nA step waits for one sync to the disk, of the timeline: it has the end of the step before it, and its own beginning.\n\
         An attempt by itself, [4], waits for none. Two syncs and their files, [3], are {:+.2} ms over [1] in this run; the\n\
         Desk and the runner, [5], {:+.2} ms over [4]. [6] is [5] with a share of the run's own beginning and end.",
        over(&rows[DURABLE]),
        rows[STEP].to(&rows[ATTEMPT], |own, other| own - other),
    );
    let more = over(&rows[STEP]);
    number(
        "durable runbook step, one's end to the next one's, over bare spawn, p50",
        "≤ +1.2 ms",
        format!("{more:+.2} ms"),
        more <= 1.2,
    );
}

/// The engine, whole: a plan with one runbook, a database on the disk, a runner.
struct House {
    desk: Desk,
    supervisor: Supervisor,
    dir: std::path::PathBuf,
}

impl House {
    async fn new(dir: &Path) -> House {
        let plan = dir.join("plan");
        small_plan(&plan);
        let url = format!("sqlite://{}", dir.join("muster.db").display());
        let store = Store::open(&url).await.expect("a database");
        // As the server does.
        store.make_room().await.expect("room");
        let desk = Desk::open(store, Clock::system(), "bench")
            .await
            .expect("a desk");
        let loaded = load(&plan).unwrap_or_else(|faults| panic!("{faults:?}"));
        put_in_force(&desk, loaded).await;
        let supervisor = Supervisor::start().expect("a zygote");
        let place = Place {
            spool: dir.join("runs"),
            plan,
            program: "/bin/true".into(),
            url: "http://127.0.0.1:8080".into(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            secrets: Vec::new(),
            keep: Span::secs(3600),
        };
        let vault = Vault::open(dir).expect("a vault");
        let runner = Runner::new(desk.clone(), supervisor.clone(), vault, place);
        tokio::spawn(runner.serve());
        House {
            desk,
            supervisor,
            dir: dir.to_owned(),
        }
    }

    /// The supervisor's own part: until the result is known here.
    async fn attempt(&self, name: &str) -> Duration {
        let spec = Spec {
            dir: self.dir.join("attempts").join(name),
            id: format!("bench-{}-{name}", std::process::id()),
            commands: vec![CommandLine {
                display: "true".into(),
                argv: vec!["/bin/true".into()],
            }],
            cwd: "/".into(),
            env: Vec::new(),
            files: Vec::new(),
            mask: Vec::new(),
            output_limit: 0,
            timeout: Some(Duration::from_secs(60)),
            grace: Duration::from_secs(1),
        };
        let began = Instant::now();
        let mut attempt = self.supervisor.launch(spec).await.expect("launched");
        attempt.wait().await.expect("ended");
        let took = began.elapsed();
        attempt.kept();
        took
    }

    /// A run from the request to its last event: a step's share of that, and from one step's end to the next one's.
    async fn run(&self) -> (f64, Vec<f64>) {
        let id = RunId(uuid::Uuid::now_v7().to_string());
        let before = self.desk.world().seq;
        let command = domain::Command::StartRun {
            id: id.clone(),
            runbook: "steps".into(),
            incident: None,
            parameters: Default::default(),
            mode: Mode::Real,
            confirm: String::new(),
            stepwise: false,
        };
        let jane = Actor {
            id: "person:Jane Doe".into(),
            name: "Jane Doe".into(),
            role: domain::AccessRole::Commander,
            source: Source::Browser,
        };
        let began = Instant::now();
        let mut world = self.desk.watch();
        let started = self.desk.execute(Request::new(&jane, command)).await;
        started.expect("the run starts");
        let over = |world: &std::sync::Arc<domain::World>| {
            world.runs.get(&id).is_none_or(|run| run.is_over())
        };
        world.wait_for(over).await.expect("the run ends");
        let share = ms(began.elapsed()) / STEPS as f64;
        let events = self
            .desk
            .store()
            .events_after(before, 1000)
            .await
            .expect("events");
        let ends: Vec<i64> = events
            .iter()
            .filter(|event| event.kind == "attempt_ended")
            .map(|event| event.recorded_at)
            .collect();
        assert_eq!(ends.len(), STEPS, "every step was run once");
        let run = self.desk.store().projection("run", id.as_str()).await;
        let run = run.expect("a document").expect("of the run").body;
        let run: domain::Run = serde_json::from_str(&run).expect("a run");
        assert_eq!(run.status, RunStatus::Completed);
        // Its token is taken back now; that is not the next one's time.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let pairs = ends.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e3);
        (share, pairs.collect())
    }
}

fn small_plan(plan: &Path) {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken_plans/base");
    std::fs::create_dir_all(plan.join("runbooks")).expect("a folder");
    for folder in ["", "runbooks"] {
        for entry in std::fs::read_dir(base.join(folder)).expect("the small plan") {
            let path = entry.expect("a file").path();
            if path.is_file() {
                let to = plan.join(folder).join(path.file_name().expect("a name"));
                std::fs::copy(&path, to).expect("copied");
            }
        }
    }
    let steps = (1..=STEPS).map(|n| format!("  - {{name: Step {n}, commands: [[\"true\"]]}}\n"));
    let runbook = format!("name: Steps\nsteps:\n{}", steps.collect::<String>());
    std::fs::write(plan.join("runbooks/steps.yaml"), runbook).expect("written");
}

async fn put_in_force(desk: &Desk, loaded: Loaded) {
    let revision = PlanRevision {
        hash: loaded.hash.0.clone(),
        body: canonical_json(&loaded.plan),
        loaded_at: desk.clock().now().0,
    };
    let command = domain::Command::LoadPlan {
        hash: loaded.hash,
        name: loaded.plan.about.name,
        changes: 1,
    };
    let beside = Beside {
        plan_revisions: vec![revision],
        ..Beside::default()
    };
    let loader = Actor::system("plan loader", Source::Loader);
    let done = desk
        .execute(Request::new(&loader, command).beside(beside))
        .await;
    done.expect("the plan is in force");
}
