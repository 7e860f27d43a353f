//! An afternoon in which the database failed, told as events and folded into a world: what the views are looked at and
//! tested with. The plan is the one that is shipped.
#![allow(dead_code)]

use app::{
    Assets,
    page::{Look, Output, Page, Said, View, Who},
    shell,
};
use domain::{plan::Plan, *};
use leptos::prelude::*;
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, fs, path::PathBuf};

/// 2026-11-22 14:02:11 UTC.
pub const START: Stamp = Stamp(1_795_356_131_000_000);

mod comms;
mod runs;

pub use comms::*;

pub fn at(seconds: i64) -> Stamp {
    Stamp(START.0 + seconds * 1_000_000)
}

pub fn plan() -> Plan {
    let mut plan = Plan {
        about: part("plan"),
        objectives: part("objectives"),
        services: part("services"),
        targets: part("targets"),
        communication: part("communication"),
        contacts: part("contacts"),
        channels: part("channels"),
        rotations: vec![rotation()],
        scenarios: part("scenarios"),
        schedules: part("schedules"),
        checklist: part("checklist"),
        appendices: part("appendices"),
        conditions: part("conditions"),
        failover: part("failover"),
        ..Plan::default()
    };
    let mut files: Vec<PathBuf> = fs::read_dir(folder().join("runbooks"))
        .expect("the plan's runbooks")
        .filter_map(|f| Some(f.ok()?.path()))
        .collect();
    files.sort();
    plan.runbooks = files
        .iter()
        .map(|file| {
            let mut runbook: plan::Runbook = read(file);
            runbook.slug = file
                .file_stem()
                .and_then(|s| s.to_str())
                .expect("a name")
                .into();
            runbook
        })
        .collect();
    plan.contacts.emergency[0].timezone = Some("America/New_York".into());
    plan
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../plan")
}

fn part<T: DeserializeOwned>(name: &str) -> T {
    read(&folder().join(format!("{name}.yaml")))
}

fn read<T: DeserializeOwned>(file: &PathBuf) -> T {
    let text = fs::read_to_string(file).expect("a file of the plan");
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// The whole document, as the server sends it.
pub fn render(page: Page) -> String {
    let owner = Owner::new_root(None);
    let html = owner.with(|| {
        let file = |name: &str| name.to_owned();
        provide_context(Assets {
            css: file("main.css"),
            js: file("./app.js"),
            wasm: file("./app_bg.wasm"),
            icon: file("icon.svg"),
        });
        provide_context(page);
        shell().to_html()
    });
    owner.unset_with_forced_cleanup();
    html
}

/// A log that is written line by line and folded as it grows.
pub struct Story {
    pub world: World,
    pub log: Vec<Stamped>,
    pub plan: Plan,
}

pub fn person(name: &str, role: AccessRole) -> Actor {
    Actor {
        id: format!("person:{}", name.to_lowercase().replace(' ', "-")),
        name: name.into(),
        role,
        source: Source::Browser,
    }
}

pub fn jane() -> Actor {
    person("Jane Doe", AccessRole::Commander)
}

pub const INC: &str = "INC-2026-014";
pub const RUN: &str = "0192f3c1-7a4e-7c21-9d10-5b7f0a3c1e41";

impl Story {
    /// A plan is in force and nothing has happened.
    pub fn quiet() -> Story {
        let mut story = Story {
            world: World::default(),
            log: Vec::new(),
            plan: plan(),
        };
        let loader = Actor::system("loader", Source::Loader);
        story.tell(
            -7200,
            &loader,
            Event::PlanLoaded {
                hash: "4f1c9e02ab7d55e1c0".into(),
                name: "Disaster Recovery Plan".into(),
                changes: 12,
            },
        );
        story
    }

    pub fn tell(&mut self, second: i64, actor: &Actor, event: Event) -> u64 {
        let seq = self.world.seq + 1;
        let stamped = Stamped {
            seq,
            stream: event.stream(),
            at: at(second),
            recorded: at(second),
            actor: actor.clone(),
            event,
        };
        self.world.apply(&stamped);
        self.log.push(stamped);
        seq
    }

    pub fn health(&mut self, second: i64, service: &str, to: Health, because: &str) {
        let checker = Actor::system("user-path check", Source::Checker);
        let from = self.world.health(&service.into());
        self.tell(
            second,
            &checker,
            Event::ServiceChanged {
                service: service.into(),
                from,
                to,
                because: because.into(),
            },
        );
    }

    /// Every service with a check answers.
    pub fn well() -> Story {
        let mut story = Story::quiet();
        let checked: Vec<_> = story
            .plan
            .services
            .iter()
            .filter(|s| s.check.is_some())
            .map(|s| s.id.to_string())
            .collect();
        for id in checked {
            story.health(-7190, &id, Health::Operational, "");
        }
        story
    }

    /// The database and what needs it are down; nobody has declared it.
    pub fn failing() -> Story {
        let mut story = Story::well();
        story.health(
            0,
            "manufacturing-database",
            Health::MajorOutage,
            "refused, 3 of 3 looks",
        );
        story.health(
            4,
            "orders-api",
            Health::MajorOutage,
            "wrong answer: 500, 3 of 3 looks",
        );
        story.health(9, "database-replica", Health::Degraded, "slow: 1.4 s");
        story
    }

    /// Declared, staffed in part, the recovery at its third step.
    pub fn recovering() -> Story {
        let mut story = Story::failing();
        let (jane, john, bob) = (
            jane(),
            person("John Smith", AccessRole::Commander),
            person("Bob Wilson", AccessRole::Responder),
        );
        let n = || Number::from(INC);
        let checklist = story.plan.checklist.emergency.clone();
        story.tell(
            14,
            &jane,
            Event::IncidentDeclared {
                incident: n(),
                title: "Orders are failing: primary database down".into(),
                severity: Severity::Sev1,
                affected: vec![
                    "orders-api".into(),
                    "manufacturing-database".into(),
                    "shop-floor-terminals".into(),
                ],
                kind: Kind::Real,
                public: true,
                quiet: false,
                plan: "4f1c9e02ab7d55e1c0".into(),
                checklist,
            },
        );
        story.follow(14);
        story.providers_answer();
        story.acknowledge(19, "Jane Doe", notify::Via::Phone);
        story.tell(
            20,
            &jane,
            Event::RoleAssigned {
                incident: n(),
                role: IncidentRole::IncidentCommander,
                person: "Jane Doe".into(),
            },
        );
        story.tell(
            31,
            &jane,
            Event::RoleAssigned {
                incident: n(),
                role: IncidentRole::SubjectMatterExpert,
                person: "Bob Wilson".into(),
            },
        );
        story.tell(
            40,
            &jane,
            Event::RoleOffered {
                incident: n(),
                role: IncidentRole::Communications,
                to: "John Smith".into(),
            },
        );
        story.tell(
            55,
            &john,
            Event::RoleAccepted {
                incident: n(),
                role: IncidentRole::Communications,
                person: "John Smith".into(),
            },
        );
        story.tell(
            60,
            &jane,
            Event::Ticked {
                incident: n(),
                item: 0,
                done: true,
            },
        );
        story.acknowledge(66, "Bob Wilson", notify::Via::Link);
        story.tell(
            80,
            &john,
            Event::CalledByHand {
                incident: n(),
                person: "Alice Brown".into(),
                reached: false,
                says: "No answer, left a message".into(),
            },
        );
        let note = story.tell(90, &bob, Event::NoteAdded { incident: n(), text: "Primary's disk shows I/O errors since 14:01.\nReplica is 0.8 s behind and healthy.".into() });
        story.tell(119, &john, Event::UpdatePosted {
            incident: n(),
            phase: Phase::Identified,
            message: "Orders cannot be saved because our main database is down. We are moving to its replica. Next word by 14:24 UTC.".into(),
            public: true,
        });
        story.follow(119);
        story.tell(
            125,
            &john,
            Event::Ticked {
                incident: n(),
                item: 1,
                done: true,
            },
        );
        story.tell(
            140,
            &jane,
            Event::TaskAdded {
                incident: n(),
                task: 1,
                title: "Copy the old primary's data folder before anything touches it".into(),
                owner: "Bob Wilson".into(),
                minutes: 15,
            },
        );
        story.tell(
            150,
            &jane,
            Event::TaskAdded {
                incident: n(),
                task: 2,
                title: "Call the shop floor: orders on paper".into(),
                owner: "Alice Brown".into(),
                minutes: 5,
            },
        );
        story.tell(
            158,
            &bob,
            Event::TaskAccepted {
                incident: n(),
                task: 1,
            },
        );
        story.tell(
            160,
            &jane,
            Event::Pinned {
                incident: n(),
                seq: note,
                pinned: true,
            },
        );
        story.start(199, RUN, "database-recovery", &jane);
        story.attempt(199, RUN, 0, 1, Ending::Exited { code: 0 }, 1);
        story.step(200, RUN, 0, StepStatus::Succeeded, "");
        story.tell(
            200,
            &runner(),
            Event::StepStarted {
                run: RUN.into(),
                step: 1,
                because: String::new(),
            },
        );
        for n in 1..=4_u32 {
            let second = 200 + 6 * i64::from(n - 1);
            story.attempt_only(second, RUN, 1, n, Ending::Exited { code: 2 }, 1);
            if n < 4 {
                story.tell(
                    second + 1,
                    &runner(),
                    Event::RetryScheduled {
                        run: RUN.into(),
                        step: 1,
                        attempt: n + 1,
                        at: at(second + 6),
                    },
                );
            }
        }
        story.step(
            219,
            RUN,
            1,
            StepStatus::Failed,
            "4 attempts, the last: exit 2",
        );
        story.tell(
            219,
            &runner(),
            Event::StepStarted {
                run: RUN.into(),
                step: 2,
                because: "reconnection_failed = true (Attempt Reconnection: attempt 4 exit 2)"
                    .into(),
            },
        );
        story.tell(
            219,
            &runner(),
            Event::AttemptStarted {
                run: RUN.into(),
                step: 2,
                attempt: 1,
                node: "muster-1".into(),
                purpose: Purpose::Run,
            },
        );
        story
    }

    /// The third step failed too, and a person must decide.
    pub fn paused() -> Story {
        let mut story = Story::recovering();
        story.tell(
            262,
            &runner(),
            Event::AttemptEnded {
                run: RUN.into(),
                step: 2,
                attempt: 1,
                ending: Ending::TimedOut,
                output_bytes: 1_204,
                dropped_bytes: 0,
                digest: String::new(),
                outputs: BTreeMap::new(),
            },
        );
        story.step(262, RUN, 2, StepStatus::TimedOut, "timed out");
        story.tell(
            262,
            &runner(),
            Event::RunPaused {
                run: RUN.into(),
                step: 2,
                because: "timed out".into(),
            },
        );
        story
    }

    /// It ended well; another, smaller incident is open, and a drill.
    pub fn resolved() -> Story {
        let mut story = Story::recovering();
        let jane = jane();
        story.tell(
            238,
            &runner(),
            Event::AttemptEnded {
                run: RUN.into(),
                step: 2,
                attempt: 1,
                ending: Ending::Exited { code: 0 },
                output_bytes: 2_811,
                dropped_bytes: 0,
                digest: String::new(),
                outputs: BTreeMap::new(),
            },
        );
        story.step(238, RUN, 2, StepStatus::Succeeded, "");
        story.tell(
            238,
            &runner(),
            Event::StepSkipped {
                run: RUN.into(),
                step: 3,
                because: "replica_unavailable = false (Failover to Replica: attempt 1 succeeded)"
                    .into(),
            },
        );
        story.attempt(238, RUN, 4, 1, Ending::Exited { code: 0 }, 3);
        story.step(241, RUN, 4, StepStatus::Succeeded, "");
        story.tell(
            241,
            &runner(),
            Event::RunEnded {
                run: RUN.into(),
                status: RunStatus::Completed,
            },
        );
        story.health(250, "manufacturing-database", Health::Operational, "");
        story.health(255, "orders-api", Health::Operational, "");
        story.tell(
            2460,
            &jane,
            Event::IncidentResolved {
                incident: INC.into(),
                message:
                    "Orders are saved again since 14:06 UTC. No order that was confirmed was lost."
                        .into(),
                public: true,
            },
        );
        for (number, title, severity, kind) in [
            (
                "INC-2026-015",
                "Report export is slow",
                Severity::Sev3,
                Kind::Real,
            ),
            (
                "INC-2026-016",
                "Monthly database drill",
                Severity::Sev2,
                Kind::Drill,
            ),
        ] {
            story.tell(
                2500,
                &jane,
                Event::IncidentDeclared {
                    incident: number.into(),
                    title: title.into(),
                    severity,
                    affected: vec!["report-export".into()],
                    kind,
                    public: kind == Kind::Real,
                    quiet: false,
                    plan: "4f1c9e02ab7d55e1c0".into(),
                    checklist: Vec::new(),
                },
            );
            story.follow(2500);
        }
        story
    }

    pub fn start(&mut self, second: i64, run: &str, slug: &str, who: &Actor) {
        self.start_as(second, run, slug, who, Mode::Real, BTreeMap::new());
    }

    pub fn start_as(
        &mut self,
        second: i64,
        run: &str,
        slug: &str,
        who: &Actor,
        mode: Mode,
        parameters: BTreeMap<String, String>,
    ) {
        let runbook = self
            .plan
            .runbook(&slug.into())
            .expect("a runbook of the plan")
            .clone();
        let incident = self.world.incidents.keys().next().cloned();
        let plan = "4f1c9e02ab7d55e1c0".into();
        self.tell(
            second,
            who,
            Event::RunStarted {
                run: run.into(),
                runbook: std::sync::Arc::new(runbook),
                incident,
                parameters,
                mode,
                plan,
                parent: None,
                stepwise: false,
            },
        );
    }

    pub fn attempt(
        &mut self,
        second: i64,
        run: &str,
        step: u32,
        attempt: u32,
        ending: Ending,
        took: i64,
    ) {
        self.tell(
            second,
            &runner(),
            Event::StepStarted {
                run: run.into(),
                step,
                because: String::new(),
            },
        );
        self.attempt_only(second, run, step, attempt, ending, took);
    }

    fn attempt_only(
        &mut self,
        second: i64,
        run: &str,
        step: u32,
        attempt: u32,
        ending: Ending,
        took: i64,
    ) {
        self.tell(
            second,
            &runner(),
            Event::AttemptStarted {
                run: run.into(),
                step,
                attempt,
                node: "muster-1".into(),
                purpose: Purpose::Run,
            },
        );
        self.tell(
            second + took,
            &runner(),
            Event::AttemptEnded {
                run: run.into(),
                step,
                attempt,
                ending,
                output_bytes: 640,
                dropped_bytes: 0,
                digest: String::new(),
                outputs: BTreeMap::new(),
            },
        );
    }

    pub fn step(&mut self, second: i64, run: &str, step: u32, status: StepStatus, because: &str) {
        self.tell(
            second,
            &runner(),
            Event::StepEnded {
                run: run.into(),
                step,
                status,
                because: because.into(),
            },
        );
    }

    /// A page of this story, as the server would hand it over.
    pub fn page(&self, view: View, second: i64, who: AccessRole) -> Page {
        let now = at(second);
        let look = |ago: i64, took_ms: u32| Look {
            at: at(second - ago),
            took_ms,
            class: "ok".into(),
        };
        let looks = self
            .plan
            .services
            .iter()
            .filter(|s| s.check.is_some())
            .zip(0..)
            .map(|(s, i)| (s.id.clone(), look(1 + i % 4, 37 + 11 * i as u32)))
            .collect();
        let timeline = match &view {
            View::Incident { number } => self
                .log
                .iter()
                .filter(|s| {
                    s.stream == incident_stream(number)
                        || s.stream.starts_with("run/")
                        || s.at >= START && s.stream.starts_with("service/")
                })
                .map(|s| words::said(s).unwrap_or_else(|| s.clone()))
                .collect(),
            View::Run { id, .. } => self
                .log
                .iter()
                .filter(|s| s.stream == run_stream(id))
                .cloned()
                .collect(),
            _ => Vec::new(),
        };
        Page {
            view,
            who: Who {
                name: "Jane Doe".into(),
                role: who,
            },
            now,
            world: self.world.clone(),
            plan: self.plan.clone(),
            looks,
            timeline,
            refused: None,
            past: Default::default(),
            proof: BTreeMap::new(),
            book: Default::default(),
            measured: Default::default(),
            sight: None,
            parts: false,
            told: self.told(now),
            draft: None,
            seed: "5e1f".into(),
        }
    }
}

pub fn runner() -> Actor {
    Actor::system("Database Recovery", Source::Runner)
}

pub fn output() -> Output {
    let said = |number: u64, runs: &[(&str, &str)]| Said {
        number: Some(number),
        runs: runs
            .iter()
            .map(|(class, text)| ((*class).into(), (*text).into()))
            .collect(),
    };
    let last = vec![
        said(
            1,
            &[(
                "",
                "db:failover-replica  target system 7391…0042, role replica  as expected",
            )],
        ),
        said(
            2,
            &[
                ("", "fencing old primary … port closed, write refused  "),
                ("t-green", "proof recorded"),
            ],
        ),
        said(3, &[("", "promoting … timeline 1 → 2")]),
        said(4, &[("", "pg_is_in_recovery = f, write and read back ok")]),
        said(
            5,
            &[(
                "",
                "app:update-connection  manufacturing-api  pool reset, 12 connections",
            )],
        ),
    ];
    Output {
        step: 2,
        attempt: 1,
        lines: 5,
        bytes: 290,
        last,
        follows: true,
        over: false,
    }
}
