//! A database, a clock that is moved by hand, a small plan, and as many desks over them as a test wants nodes.

use domain::{plan::Plan, *};
use engine::{
    Beside, Clock, Desk, No, Receipt, Request,
    plan::{canonical_json, hash, load},
    stamped,
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use store::{PlanRevision, testing::Database};

pub struct House {
    pub database: Database,
    pub clock: Clock,
    hand: Arc<AtomicI64>,
}

impl House {
    pub fn over(database: Database) -> House {
        // 2026-11-22, an afternoon.
        let (clock, hand) = Clock::manual(Stamp(1_795_356_000_000_000));
        House {
            database,
            clock,
            hand,
        }
    }

    pub fn wait(&self, span: Span) {
        self.hand.fetch_add(span.micros(), Ordering::SeqCst);
    }

    /// A node: a desk with a store of its own.
    pub async fn node(&self, name: &str) -> Desk {
        Desk::open(self.database.open().await, self.clock.clone(), name)
            .await
            .unwrap()
    }

    /// A node with the small plan in force.
    pub async fn desk(&self) -> Desk {
        let desk = self.node("here").await;
        put_in_force(&desk, plan()).await;
        desk
    }

    /// What the log says, read from the database itself.
    pub async fn replay(&self) -> World {
        let store = self.database.open().await;
        let mut world = World::default();
        loop {
            let records = store.events_after(world.seq, 1000).await.unwrap();
            if records.is_empty() {
                return world;
            }
            for record in &records {
                world.apply(&stamped(record).expect("what was written decodes"));
            }
        }
    }

    /// The end of the log, once it was found whole: without gaps, every hash right.
    pub async fn verified(&self) -> u64 {
        self.database.open().await.verify().await.unwrap().events
    }
}

/// The plan of the loader's own tests: one runbook of two steps, the second of which answers the first one's failure.
pub fn plan() -> Plan {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken_plans/base"))
        .unwrap()
        .plan
}

pub async fn put_in_force(desk: &Desk, plan: Plan) -> PlanHash {
    let hash = hash(&plan);
    let revision = PlanRevision {
        hash: hash.0.clone(),
        body: canonical_json(&plan),
        loaded_at: desk.clock().now().0,
    };
    let command = Command::LoadPlan {
        hash: hash.clone(),
        name: plan.about.name,
        changes: 1,
    };
    let beside = Beside {
        plan_revisions: vec![revision],
        ..Beside::default()
    };
    desk.execute(Request::new(&worker(), command).beside(beside))
        .await
        .unwrap();
    hash
}

pub fn person(name: &str, role: AccessRole) -> Actor {
    Actor {
        id: format!("person:{name}"),
        name: name.into(),
        role,
        source: Source::Browser,
    }
}

pub fn jane() -> Actor {
    person("Jane Doe", AccessRole::Commander)
}

pub fn worker() -> Actor {
    Actor::system("worker", Source::Runner)
}

pub fn declare(title: &str) -> Command {
    Command::Declare {
        title: title.into(),
        severity: Severity::Sev1,
        affected: vec!["orders-api".into()],
        kind: Kind::Real,
        public: true,
        quiet: false,
        occurred_at: None,
    }
}

pub fn note(incident: &Number, text: &str) -> Command {
    Command::AddNote {
        incident: incident.clone(),
        text: text.into(),
        occurred_at: None,
    }
}

pub fn update(incident: &Number, message: &str) -> Command {
    Command::PostUpdate {
        incident: incident.clone(),
        phase: Phase::Identified,
        message: message.into(),
        internal: false,
    }
}

pub fn resolve(incident: &Number) -> Command {
    Command::Resolve {
        incident: incident.clone(),
        message: "It works again.".into(),
    }
}

pub fn reopen(incident: &Number) -> Command {
    Command::Reopen {
        incident: incident.clone(),
        reason: "It is back.".into(),
    }
}

pub fn start(id: &str, incident: Option<&Number>) -> Command {
    Command::StartRun {
        id: id.into(),
        runbook: "restart".into(),
        incident: incident.cloned(),
        parameters: Default::default(),
        mode: Mode::Real,
        confirm: String::new(),
        stepwise: false,
    }
}

/// Asks as Jane, without a key.
pub async fn ask(desk: &Desk, command: Command) -> Result<Receipt, No> {
    desk.execute(Request::new(&jane(), command)).await
}

pub async fn declared(desk: &Desk, title: &str) -> Number {
    ask(desk, declare(title)).await.unwrap().incident.unwrap()
}

pub async fn started(desk: &Desk, id: &str, incident: Option<&Number>) -> RunId {
    ask(desk, start(id, incident)).await.unwrap().run.unwrap()
}

/// Reports the end of the attempt that runs.
pub async fn end(desk: &Desk, run: &RunId, ending: Ending) {
    let world = desk.world();
    let (step, attempt) = world.runs[run]
        .running_attempt()
        .map(|(s, a)| (s, a.number))
        .expect("an attempt runs");
    let command = Command::EndAttempt {
        run: run.clone(),
        step,
        attempt,
        ending,
        output_bytes: 1,
        dropped_bytes: 0,
        digest: String::new(),
        outputs: Default::default(),
        ended_at: desk.clock().now(),
    };
    desk.execute(Request::new(&worker(), command))
        .await
        .unwrap();
}

/// The class of a refusal; anything else is not what was promised.
pub fn why(answer: Result<Receipt, No>) -> Why {
    match answer {
        Err(No::Refused(refusal)) => refusal.why,
        other => panic!("not refused: {other:?}"),
    }
}

/// Waits until a node has folded in everything up to `seq`.
pub async fn caught_up(desk: &Desk, seq: u64) -> Arc<World> {
    let mut watch = desk.watch();
    let there = tokio::time::timeout(
        Duration::from_secs(20),
        watch.wait_for(|world| world.seq >= seq),
    )
    .await;
    there
        .expect("a node follows what others write")
        .unwrap()
        .clone()
}
