//! A world to try the rules in: a small plan, a clock that is moved by hand, and a log.

// Each test file uses its part of it.
#![allow(dead_code)]

use domain::{plan::*, *};
use std::collections::BTreeMap;

pub struct House {
    pub plan: Plan,
    pub calendar: Wall,
    pub world: World,
    pub log: Vec<Stamped>,
    pub now: Stamp,
}

/// A calendar without time zones: quiet hours are those that a test says, and a week is on call from the epoch on.
#[derive(Default)]
pub struct Wall {
    pub quiet: BTreeMap<String, Stamp>,
}

impl notify::Calendar for Wall {
    fn quiet_until(&self, contact: &Contact, now: Stamp) -> Option<Stamp> {
        self.quiet
            .get(&contact.role)
            .copied()
            .filter(|until| *until > now)
    }
    fn shift(&self, rotation: &Rotation, at: Stamp) -> Option<notify::Shift> {
        let week = Span::secs(7 * 86_400);
        let turn = at.0 / week.micros();
        let from = Stamp(turn * week.micros());
        Some(notify::Shift {
            role: rotation.members[turn as usize % rotation.members.len()].clone(),
            from,
            until: from.plus(week),
        })
    }
}

pub fn actor(name: &str, role: AccessRole) -> Actor {
    Actor {
        id: format!("person:{name}"),
        name: name.into(),
        role,
        source: Source::Browser,
    }
}

fn step(name: &str, condition: Option<&str>, retries: u32) -> Step {
    Step {
        name: name.into(),
        condition: condition.map(Into::into),
        commands: vec![CommandLine::Line("true".into())],
        retries,
        ..Step::default()
    }
}

/// The document's database runbook, and one service.
pub fn plan() -> Plan {
    let runbook = Runbook {
        slug: "database-recovery".into(),
        name: "Database Recovery".into(),
        trigger: Some("Database connection failure".into()),
        steps: vec![
            step("Initial Assessment", None, 0),
            step("Attempt Reconnection", None, 3),
            step("Failover to Replica", Some("reconnection_failed"), 0),
            step("Restore from Backup", Some("replica_unavailable"), 0),
            step("Post-Recovery", None, 0),
        ],
        ..Runbook::default()
    };
    let service = Service {
        id: "orders-api".into(),
        name: "Orders API".into(),
        tier: "critical".into(),
        description: String::new(),
        depends_on: vec![],
        public: None,
        runbooks: vec![],
        check: None,
    };
    let severity = |id, every| SeverityPolicy {
        id,
        name: String::new(),
        description: String::new(),
        first_update: Span::secs(300),
        update_every: Span::secs(every),
        acknowledge_within: None,
        internal_every: None,
    };
    Plan {
        services: vec![service],
        runbooks: vec![runbook],
        checklist: Checklist {
            emergency: vec![
                "Assess situation severity".into(),
                "Notify stakeholders".into(),
            ],
            ..Checklist::default()
        },
        conditions: BTreeMap::from([
            (
                "reconnection_failed".into(),
                Condition::StepFailed("Attempt Reconnection".into()),
            ),
            (
                "replica_unavailable".into(),
                Condition::StepFailed("Failover to Replica".into()),
            ),
        ]),
        communication: Communication {
            severities: vec![
                severity(Severity::Sev1, 1200),
                severity(Severity::Sev2, 1800),
                severity(Severity::Sev3, 7200),
            ],
            ..Communication::default()
        },
        ..Plan::default()
    }
}

impl House {
    pub fn new() -> Self {
        let mut house = House {
            plan: plan(),
            calendar: Wall::default(),
            world: World::default(),
            log: Vec::new(),
            now: Stamp(1_795_000_000_000_000),
        };
        house
            .machine(Command::LoadPlan {
                hash: "abc".into(),
                name: "Plan".into(),
                changes: 1,
            })
            .expect("the plan loads");
        house
    }

    pub fn ask(&mut self, actor: &Actor, command: Command) -> Result<Vec<Event>, Refusal> {
        let context = Context {
            actor,
            now: self.now,
            plan: &self.plan,
            calendar: &self.calendar,
            node: "here",
        };
        let facts = decide(&self.world, &context, command)?;
        let mut events = Vec::new();
        for fact in facts {
            let stamped = Stamped {
                seq: self.world.seq + 1,
                stream: fact.event.stream(),
                at: fact.at,
                recorded: self.now,
                actor: actor.clone(),
                event: fact.event.clone(),
            };
            self.world.apply(&stamped);
            self.log.push(stamped);
            events.push(fact.event);
        }
        Ok(events)
    }

    pub fn jane(&mut self, command: Command) -> Result<Vec<Event>, Refusal> {
        self.ask(&actor("Jane Doe", AccessRole::Commander), command)
    }

    pub fn machine(&mut self, command: Command) -> Result<Vec<Event>, Refusal> {
        self.ask(&Actor::system("runner", Source::Runner), command)
    }

    pub fn declare(&mut self) -> Number {
        let command = Command::Declare {
            title: "Orders are failing".into(),
            severity: Severity::Sev1,
            affected: vec!["orders-api".into()],
            kind: Kind::Real,
            public: true,
            quiet: false,
            occurred_at: None,
        };
        self.jane(command).expect("declared");
        self.world
            .incidents
            .keys()
            .next_back()
            .expect("an incident")
            .clone()
    }

    pub fn start(&mut self, incident: Option<Number>) -> RunId {
        let id = RunId(format!("run-{}", self.log.len()));
        let command = Command::StartRun {
            id: id.clone(),
            runbook: "database-recovery".into(),
            incident,
            parameters: BTreeMap::new(),
            mode: Mode::Real,
            confirm: String::new(),
            stepwise: false,
        };
        self.jane(command).expect("started");
        id
    }

    /// Ends the attempt that runs, a second later.
    pub fn end(&mut self, run: &RunId, ending: Ending) {
        self.now = self.now.plus(Span::secs(1));
        let (step, attempt) = self
            .run(run)
            .running_attempt()
            .map(|(s, a)| (s, a.number))
            .expect("an attempt runs");
        let command = Command::EndAttempt {
            run: run.clone(),
            step,
            attempt,
            ending,
            output_bytes: 10,
            dropped_bytes: 0,
            digest: String::new(),
            outputs: Default::default(),
            ended_at: self.now,
        };
        self.machine(command).expect("reported");
    }

    /// Lets retry delays pass.
    pub fn wait(&mut self, run: &RunId) {
        self.now = self.now.plus(Span::secs(60));
        self.machine(Command::Advance {
            run: run.clone(),
            due: Some(self.now),
        })
        .expect("advanced");
    }

    /// What is due of its incidents, and when.
    pub fn timers(&self) -> Vec<notify::Timer> {
        let of = |i: &std::sync::Arc<Incident>| notify::timers(&self.world, &self.plan, i);
        self.world.incidents.values().flat_map(of).collect()
    }

    pub fn run(&self, id: &RunId) -> &Run {
        &self.world.runs[id]
    }

    pub fn statuses(&self, id: &RunId) -> Vec<StepStatus> {
        self.run(id).steps.iter().map(|s| s.status).collect()
    }
}
