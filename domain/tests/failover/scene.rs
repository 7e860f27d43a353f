//! A service whose database fails over, and what may be seen of it.

use crate::house::{self, House};
use domain::{failover::*, plan::*, *};
use std::collections::BTreeMap;

pub const SERVICE: &str = "manufacturing-database";

fn step(name: &str, outputs: &[&str]) -> Step {
    Step {
        name: name.into(),
        commands: vec![CommandLine::Line("true".into())],
        outputs: outputs.iter().map(|o| (*o).to_owned()).collect(),
        ..Step::default()
    }
}

fn runbook(slug: &str, steps: Vec<Step>) -> Runbook {
    Runbook {
        slug: slug.into(),
        name: slug.into(),
        locks: vec!["db:primary".into()],
        steps,
        ..Runbook::default()
    }
}

/// The shipped runbooks' steps, in short.
pub fn plan(automatic: bool) -> Plan {
    let mut plan = house::plan();
    let failover = || {
        vec![
            step("Fence the Primary", &[FENCING_PROOF]),
            step("Initiate Failover", &[]),
            step("Update DNS", &[]),
            step("Verify Secondary", &[]),
            step("Monitor Primary", &[]),
        ]
    };
    plan.runbooks
        .push(runbook("failover-automatic", failover()));
    plan.runbooks.push(runbook("failover-manual", failover()));
    plan.runbooks.push(runbook(
        "failback",
        vec![step("Failback to Primary", &[]), step("Update DNS", &[])],
    ));
    plan.services.push(Service {
        id: SERVICE.into(),
        name: "Manufacturing database".into(),
        ..plan.services[0].clone()
    });
    let node = |name: &str| Node {
        url: format!("postgres://postgres@{name}.example.com/manufacturing"),
        password_env: None,
    };
    plan.targets.rehearsal = true;
    plan.targets.databases.insert(
        "manufacturing".into(),
        Database {
            nodes: BTreeMap::from([
                ("primary".to_owned(), node("primary")),
                ("replica".to_owned(), node("replica")),
            ]),
            primary: "primary".into(),
            replica: "replica".into(),
            route: node("route"),
            fence: BTreeMap::new(),
            move_route: BTreeMap::new(),
            rebuild: BTreeMap::new(),
        },
    );
    plan.failover.push(plan::Failover {
        service: SERVICE.into(),
        database: "manufacturing".into(),
        automatic,
        severity: Severity::Sev1,
        observers: Observers {
            needed: 2,
            of: vec![Observer::Muster, Observer::Replica, Observer::Application],
        },
        application: None,
        lag_limit: Bytes(16_000_000),
        every: Span::secs(3600),
        runbooks: FailoverRunbooks {
            automatic: "failover-automatic".into(),
            manual: "failover-manual".into(),
            failback: "failback".into(),
        },
        stages: Stages {
            fence: "Fence the Primary".into(),
            promote: "Initiate Failover".into(),
            redirect: "Update DNS".into(),
            verify: "Verify Secondary".into(),
        },
    });
    plan
}

pub fn house(automatic: bool) -> House {
    let mut house = House::new();
    house.plan = plan(automatic);
    house
}

/// What Muster sees with these votes, the primary down and the replica ready.
pub fn sight(house: &House, votes: [Word; 3]) -> Sight {
    let vote = |(observer, word)| Vote {
        observer,
        word,
        because: "looked".into(),
    };
    let observers = [Observer::Muster, Observer::Replica, Observer::Application];
    Sight {
        at: house.now,
        since: Stamp(0),
        votes: observers.into_iter().zip(votes).map(vote).collect(),
        candidate: Some(Candidate {
            standby: true,
            system: "7".into(),
            timeline: 1,
            lag: Some(1_000),
        }),
        system: Some("7".into()),
        writable: Vec::new(),
    }
}

pub fn down(house: &House) -> Sight {
    sight(house, [Word::Down, Word::Down, Word::Up])
}

pub fn observe(house: &mut House, health: Health) {
    let command = Command::Observe {
        service: SERVICE.into(),
        health,
        because: "connection refused, 3 of 3 looks".into(),
        since: house.now,
    };
    house.machine(command).expect("observed");
}

pub fn watch(house: &mut House, sight: Sight) -> Result<Vec<Event>, Refusal> {
    let incident = house
        .world
        .open_incidents()
        .first()
        .map(|i| i.number.clone());
    let command = Command::WatchFailover {
        service: SERVICE.into(),
        run: RunId(format!("auto-{}", house.log.len())),
        incident,
        sight: Box::new(sight),
    };
    house.ask(&Actor::system("failover", Source::Checker), command)
}

pub fn trigger(house: &mut House, sight: Option<Sight>, risk: &str) -> Result<Vec<Event>, Refusal> {
    let incident = house
        .world
        .open_incidents()
        .first()
        .map(|i| i.number.clone());
    house.jane(Command::TriggerFailover {
        service: SERVICE.into(),
        run: RunId(format!("manual-{}", house.log.len())),
        incident,
        sight: sight.map(Box::new),
        risk: risk.into(),
    })
}

pub fn fail_back(house: &mut House) -> Result<Vec<Event>, Refusal> {
    house.jane(Command::FailBack {
        service: SERVICE.into(),
        run: RunId(format!("back-{}", house.log.len())),
        incident: None,
        confirm: String::new(),
    })
}

pub fn now(house: &House) -> domain::failover::Failover {
    let found = house.world.failover(&SERVICE.into());
    found.map(|f| (**f).clone()).unwrap_or_default()
}

/// Ends the attempt that the failover's run has under way.
pub fn end(house: &mut House, ending: Ending, proof: Option<&str>) {
    let run = now(house).run.expect("a run");
    let running = house.run(&run).running_attempt();
    let (step, attempt) = running.map(|(s, a)| (s, a.number)).expect("an attempt");
    let outputs = proof.map(|p| (FENCING_PROOF.to_owned(), p.to_owned()));
    let command = Command::EndAttempt {
        run,
        step,
        attempt,
        ending,
        output_bytes: 0,
        dropped_bytes: 0,
        digest: String::new(),
        outputs: outputs.into_iter().collect(),
        ended_at: house.now,
    };
    house.machine(command).expect("reported");
}

pub const DONE: Ending = Ending::Exited { code: 0 };
