//! Every state that a run's page can be in, each as a page: of a runbook that uses what the format offers.

use super::*;
use app::page::{Book, Line, Past, Proof, Ran, Refused, Revision};

const BOOK: &str = r#"
name: Move the Database
trigger: The primary is lost
description: Promotes the replica, points the application at it, and fences the old primary.
target: db:primary
confirm: db:primary
locks: [db:primary]
parameters:
  - {name: reason, description: Why now, required: true, min: "3", max: "200"}
  - {name: lag, type: int, description: Most seconds of lag that are bearable, default: "5", min: "0", max: "600"}
  - {name: speed, type: enum, description: How, values: [careful, fast], default: careful}
  - {name: announce, type: bool, description: Tell the customers}
  - {name: until, type: timestamp, description: Recover up to}
  - {name: patience, type: duration, description: Wait for the replica, default: 2m}
  - {name: region, description: Region, regex: "[a-z]{2}-[a-z]+-[0-9]"}
  - {name: passphrase, type: secret, description: Passphrase of the vault, required: true}
env: {PGAPPNAME: muster}
steps:
  - name: Look at the Replica
    sql: {database: manufacturing, node: replica, statement: "select pg_is_in_recovery()", expect: "t", read_only: true}
    timeout: 30s
    retries: 3
    retry_delay: 2s
    backoff: {factor: 2, max: 1m}
  - name: Ask the Plant
    manual: {instructions: "Call the shop floor and let them stop entering orders.", evidence: "Who confirmed it"}
  - name: Promote the Replica
    commands: ["npm run db:failover-replica"]
    forced: ["npm run db:failover-replica -- --force"]
    verify: ["npm run db:verify-connection"]
    approval: {min: 2, role: commander, prevent_self: true, timeout: 15m}
    confirm: db-replica-1
    locks: [db:replica]
    expect: {database: manufacturing, node: replica, role: replica}
    secrets: {PGPASSWORD: replica-password}
    timeout: 2m
    outputs: [timeline]
  - name: Point the Application
    http: {url: "https://app.internal/reload", method: POST, within: 10s, internal: true}
    parallel: after
    on_failure: continue
  - name: Recover the Network
    runbook: {slug: database-recovery}
    parallel: after
on_cancel:
  - {name: Give Back the Pool, commands: ["npm run db:reconnect"]}
finally:
  - {name: Write the Report, commands: ["npm run alert:send-report"], idempotent: true}
"#;

const MOVE: &str = "move-the-database";
const ID: &str = "0192f3c1-9999-7c21-9d10-5b7f0a3c1e41";

fn john() -> Actor {
    person("John Smith", AccessRole::Commander)
}

struct Told(Story);

impl Told {
    fn begun(mode: Mode, stepwise: bool) -> Told {
        let mut story = Story::failing();
        let mut book: plan::Runbook = serde_saphyr::from_str(BOOK).expect("a runbook");
        book.slug = MOVE.into();
        book.revision = "a41c09e2d7b5".into();
        story.plan.runbooks.push(book.clone());
        let given = [
            ("reason", "The disk of the primary fails"),
            ("lag", "5"),
            ("speed", "careful"),
            ("passphrase", plan::MASK),
        ];
        let parameters = given.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        story.tell(
            190,
            &jane(),
            Event::RunStarted {
                run: ID.into(),
                runbook: std::sync::Arc::new(book),
                incident: None,
                parameters,
                mode,
                plan: "4f1c9e02ab7d55e1c0".into(),
                parent: None,
                stepwise,
            },
        );
        Told(story)
    }

    /// The first step is done, and the run's lock is held.
    fn real() -> Told {
        let mut told = Told::begun(Mode::Real, false);
        told.lock(None, "db:primary").done(0);
        told
    }

    fn tell(&mut self, second: i64, who: &Actor, event: Event) -> &mut Told {
        self.0.tell(second, who, event);
        self
    }

    fn lock(&mut self, step: Option<u32>, lock: &str) -> &mut Told {
        let (run, locks) = (ID.into(), vec![lock.to_owned()]);
        self.tell(191, &runner(), Event::LocksTaken { run, step, locks })
    }

    fn done(&mut self, step: u32) -> &mut Told {
        let second = 192 + 8 * i64::from(step);
        let exit = Ending::Exited { code: 0 };
        self.0.attempt(second, ID, step, 1, exit, 6);
        self.0.step(second + 6, ID, step, StepStatus::Succeeded, "");
        self
    }

    fn begins(&mut self, second: i64, step: u32, attempt: u32) -> &mut Told {
        let run = || ID.into();
        let because = String::new();
        self.tell(
            second,
            &runner(),
            Event::StepStarted {
                run: run(),
                step,
                because,
            },
        );
        let node = "muster-1".into();
        let purpose = Purpose::Run;
        self.tell(
            second,
            &runner(),
            Event::AttemptStarted {
                run: run(),
                step,
                attempt,
                node,
                purpose,
            },
        )
    }

    fn waits(&mut self, second: i64, step: u32, what: Wait, until: Option<i64>) -> &mut Told {
        let because = String::new();
        let until = until.map(at);
        let run = ID.into();
        self.tell(
            second,
            &runner(),
            Event::StepWaits {
                run,
                step,
                what,
                because,
                until,
            },
        )
    }

    fn says(
        &mut self,
        second: i64,
        who: &Actor,
        step: u32,
        answer: Answer,
        says: &str,
    ) -> &mut Told {
        let (run, says) = (ID.into(), says.into());
        self.tell(
            second,
            who,
            Event::StepAnswered {
                run,
                step,
                answer,
                says,
            },
        )
    }

    fn by_hand(&mut self) -> &mut Told {
        self.says(214, &jane(), 1, Answer::Done, "Ms Okafor, shift lead");
        self.0.step(
            214,
            ID,
            1,
            StepStatus::Succeeded,
            "done by Jane Doe: Ms Okafor, shift lead",
        );
        self
    }

    fn asks_approval(&mut self) -> &mut Told {
        self.by_hand();
        let what = Wait::Approval {
            min: 2,
            role: AccessRole::Commander,
            prevent_self: true,
        };
        self.waits(215, 2, what, Some(1115))
    }

    fn pauses(&mut self) -> &mut Told {
        self.by_hand().lock(Some(2), "db:replica").begins(216, 2, 1);
        let mut ended = Event::AttemptEnded {
            run: ID.into(),
            step: 2,
            attempt: 1,
            ending: Ending::Exited { code: 2 },
            output_bytes: 1204,
            dropped_bytes: 0,
            digest: String::new(),
            outputs: BTreeMap::new(),
        };
        self.tell(221, &runner(), ended.clone());
        self.0.step(221, ID, 2, StepStatus::Failed, "exit 2");
        if let Event::AttemptEnded { step, .. } = &mut ended {
            *step = 2;
        }
        let (run, because) = (ID.into(), "exit 2".into());
        self.tell(
            221,
            &runner(),
            Event::RunPaused {
                run,
                step: 2,
                because,
            },
        )
    }

    fn breaks_glass(&mut self) -> &mut Told {
        self.asks_approval()
            .says(
                216,
                &jane(),
                2,
                Answer::BreakGlass,
                "Nobody answers and the plant stands still",
            )
            .begins(217, 2, 1)
    }

    fn stops(&mut self) -> &mut Told {
        let (run, reason) = (ID.into(), "The primary came back".into());
        self.tell(224, &jane(), Event::RunCancelling { run, reason })
    }

    fn ends(&mut self, status: RunStatus) -> &mut Told {
        let run = ID.into();
        self.tell(236, &runner(), Event::RunEnded { run, status })
    }

    fn page(&self, past: Past) -> Page {
        self.page_for(AccessRole::Commander, past)
    }

    fn page_for(&self, who: AccessRole, past: Past) -> Page {
        let mut shown = output();
        shown.step = 0;
        let view = View::Run {
            id: ID.into(),
            output: shown,
        };
        let mut page = self.0.page(view, 227, who);
        page.past = past;
        page
    }
}

fn five() -> Past {
    Past {
        runs: 5,
        millis: vec![6_000, 40_000, 95_000, 4_000, 0, 0, 3_000],
    }
}

impl Story {
    /// Every state of a run's page by name, and the runbook's own page.
    pub fn runs() -> Vec<(&'static str, Page)> {
        let none = Past::default;
        let real = Told::real;
        let over = |status| real().by_hand().done(2).done(3).ends(status).page(none());
        let plant = Wait::Manual {
            instructions: "Call the shop floor and let them stop entering orders.".into(),
            evidence: Some("Who confirmed it".into()),
        };
        let busy = Wait::Lock {
            lock: "db:primary".into(),
            holder: RUN.into(),
            by: "Database Recovery".into(),
        };
        let retry = Event::RetryScheduled {
            run: ID.into(),
            step: 2,
            attempt: 2,
            at: at(233),
        };
        let held = Event::RunHeld {
            run: ID.into(),
            because: "Wait for the storage team".into(),
        };
        let lost = |t: &mut Told| {
            t.begins(216, 2, 1);
            t.0.step(222, ID, 2, StepStatus::Interrupted, "");
            let (run, because) = (ID.into(), "its end was not seen".into());
            t.tell(
                222,
                &runner(),
                Event::RunPaused {
                    run,
                    step: 2,
                    because,
                },
            );
        };
        let mut unseen = real();
        lost(unseen.by_hand());
        let mut tidies = real();
        tidies.by_hand().begins(216, 2, 1).stops();
        tidies.0.step(225, ID, 2, StepStatus::Cancelled, "stopped");
        tidies.begins(225, 5, 1);
        let mut drill = Told::begun(Mode::Drill, false);
        drill.lock(None, "db:primary").begins(192, 0, 1);
        let mut dry = Told::begun(Mode::DryRun, false);
        dry.done(0).begins(200, 1, 1);
        let mut child = real();
        child.by_hand().done(2).begins(222, 4, 1);
        let mut retrying = real();
        retrying.pauses();
        let mut again = real();
        again
            .by_hand()
            .begins(216, 2, 1)
            .tell(221, &runner(), retry);
        let mut step = Told::begun(Mode::Real, true);
        step.waits(191, 0, Wait::Go, None);
        let mut failed = real();
        failed.by_hand().begins(216, 2, 1);
        failed.0.step(221, ID, 2, StepStatus::TimedOut, "timed out");
        let (run, because) = (ID.into(), "Promote the Replica timed out".into());
        failed.tell(221, &runner(), Event::RunFailing { run, because });
        failed.done(6).ends(RunStatus::Failed);
        vec![
            (
                "run-running",
                real().by_hand().begins(216, 2, 1).page(five()),
            ),
            ("run-first", real().by_hand().begins(216, 2, 1).page(none())),
            ("run-retrying", again.page(five())),
            (
                "run-approval",
                real()
                    .asks_approval()
                    .says(220, &john(), 2, Answer::Approve, "go")
                    .page(five()),
            ),
            (
                "run-approval-viewer",
                real().asks_approval().page_for(AccessRole::Viewer, none()),
            ),
            (
                "run-confirm",
                real()
                    .by_hand()
                    .waits(
                        215,
                        2,
                        Wait::Confirm {
                            text: "db-replica-1".into(),
                        },
                        None,
                    )
                    .page(none()),
            ),
            (
                "run-manual",
                real().waits(201, 1, plant, Some(801)).page(five()),
            ),
            ("run-step-by-step", step.page(none())),
            (
                "run-lock",
                Told::begun(Mode::Real, false)
                    .waits(191, 0, busy, None)
                    .page(none()),
            ),
            ("run-paused-by-failure", retrying.page(five())),
            (
                "run-paused-by-operator",
                real().by_hand().tell(216, &jane(), held).page(five()),
            ),
            ("run-interrupted", unseen.page(none())),
            ("run-stopping", tidies.page(none())),
            ("run-glass-broken", real().breaks_glass().page(none())),
            ("run-child", child.page(none())),
            ("run-drill", drill.page(five())),
            ("run-dry", dry.page(none())),
            ("run-completed", over(RunStatus::Completed)),
            ("run-exceptions", over(RunStatus::CompletedWithExceptions)),
            ("run-failed", failed.page(none())),
            (
                "run-cancelled",
                real()
                    .by_hand()
                    .stops()
                    .ends(RunStatus::Cancelled)
                    .page(none()),
            ),
            (
                "run-unsigned",
                real()
                    .breaks_glass()
                    .ends(RunStatus::Completed)
                    .page(none()),
            ),
            ("runbook-form", Self::book(false)),
            ("runbook-refused", Self::book(true)),
        ]
    }

    /// The page of a runbook that asks for everything that can be asked for.
    fn book(refused: bool) -> Page {
        let mut told = Told::real();
        told.by_hand().done(2).ends(RunStatus::Completed);
        told.0.tell(
            240,
            &jane(),
            Event::IncidentDeclared {
                incident: INC.into(),
                title: "Orders are failing: primary database down".into(),
                severity: Severity::Sev1,
                affected: vec!["orders-api".into()],
                kind: Kind::Real,
                public: true,
                quiet: false,
                plan: "4f1c9e02ab7d55e1c0".into(),
                checklist: Vec::new(),
            },
        );
        let view = View::Runbook {
            slug: MOVE.into(),
            incident: Some(INC.into()),
        };
        let run = told.0.world.runs[&RunId::from(ID)].clone();
        let mut page = told.0.page(view, 3 * 86_400, AccessRole::Commander);
        let proved = Proof::Worked {
            at: at(236),
            mode: Mode::Drill,
            exceptions: false,
        };
        page.proof.insert(MOVE.into(), proved);
        let revision = |name: &str, runs, current| Revision {
            name: name.into(),
            since: at(0),
            runs,
            current,
        };
        page.book = Book {
            runs: vec![Ran {
                run,
                revision: "a41c09e2d7b5".into(),
            }],
            revisions: vec![
                revision("a41c09e2d7b5", 1, true),
                revision("77c0de12ab34", 4, false),
            ],
            compared: refused.then(|| {
                (
                    "77c0de12ab34".into(),
                    vec![
                        Line::Same("steps:".into()),
                        Line::Same("  - name: Promote the Replica".into()),
                        Line::Gone("    timeout: 30s".into()),
                        Line::New("    timeout: 2min".into()),
                    ],
                )
            }),
        };
        if refused {
            page.refused = Some(Refused {
                form: format!("/runbooks/{MOVE}/runs"),
                refusal: Refusal::invalid(
                    "parameters.lag",
                    "Most seconds of lag that are bearable must be at most 600.",
                ),
                typed: [
                    ("p.reason", "The disk fails"),
                    ("p.lag", "900"),
                    ("incident", ""),
                    ("mode", "drill"),
                    ("confirm", "db:primary"),
                    ("stepwise", "true"),
                ]
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .to_vec(),
            });
        }
        page
    }
}
