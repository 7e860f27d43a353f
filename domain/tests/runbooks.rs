//! Runbooks with everything in them, played at random: whatever people, machines and time do to them, no run is stuck,
//! none does what it may not, and the log alone gives the same world.

mod house;

use domain::{plan::*, *};
use house::{House, actor};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn step(name: &str) -> Step {
    Step {
        name: name.into(),
        commands: vec![CommandLine::Line("true".into())],
        ..Step::default()
    }
}

fn approval() -> Approval {
    Approval {
        min: 1,
        role: AccessRole::Commander,
        prevent_self: true,
        timeout: Some(Span::secs(60)),
        on_timeout: OnTimeout::Pause,
    }
}

fn call(slug: &str) -> Call {
    Call {
        slug: slug.into(),
        with: BTreeMap::new(),
    }
}

/// One runbook that can do everything, one that it calls, and one that wants the same lock.
fn runbooks() -> Vec<Runbook> {
    let everything = Runbook {
        slug: "everything".into(),
        name: "Everything".into(),
        locks: vec!["db:primary".into()],
        steps: vec![
            Step {
                retries: 1,
                idempotent: true,
                ..step("Look")
            },
            Step {
                parallel: Some("both".into()),
                ..step("Left")
            },
            Step {
                parallel: Some("both".into()),
                on_failure: OnFailure::Continue,
                ..step("Right")
            },
            Step {
                approval: Some(approval()),
                verify: vec![CommandLine::Line("true".into())],
                ..step("Promote")
            },
            Step {
                runbook: Some(call("helper")),
                commands: vec![],
                ..step("Call")
            },
            Step {
                on_failure: OnFailure::Goto("Last".into()),
                locks: vec!["app".into()],
                ..step("Jump")
            },
            Step {
                confirm: Some("app".into()),
                ..step("Confirm")
            },
            Step {
                manual: Some(Manual {
                    instructions: "Walk there".into(),
                    evidence: None,
                }),
                commands: vec![],
                timeout: Some(Span::secs(90)),
                ..step("Walk")
            },
            Step {
                on_failure: OnFailure::Abort,
                ..step("Last")
            },
        ],
        on_cancel: vec![step("Undo")],
        finally: vec![
            step("Tidy"),
            Step {
                retries: 1,
                ..step("Report")
            },
        ],
        ..Runbook::default()
    };
    let helper = Runbook {
        slug: "helper".into(),
        name: "Helper".into(),
        steps: vec![
            step("One"),
            Step {
                only: Some(Only::Drill),
                ..step("Two")
            },
        ],
        finally: vec![step("Sweep")],
        ..Runbook::default()
    };
    let rival = Runbook {
        slug: "rival".into(),
        name: "Rival".into(),
        locks: vec!["app".into(), "db:primary".into()],
        steps: vec![
            step("Alone"),
            Step {
                approval: Some(Approval {
                    on_timeout: OnTimeout::Abort,
                    ..approval()
                }),
                commands: vec![],
                ..step("Gate")
            },
        ],
        ..Runbook::default()
    };
    vec![everything, helper, rival]
}

fn house() -> House {
    let mut h = House::new();
    h.plan.runbooks.extend(runbooks());
    let problems: Vec<_> = check(&h.plan)
        .into_iter()
        .filter(|p| p.at.starts_with("runbooks"))
        .filter(|p| !p.at.ends_with("group"))
        .collect();
    assert_eq!(problems, [], "the runbooks are whole");
    h
}

#[derive(Clone, Debug)]
enum Move {
    Start(usize, bool, bool),
    End(usize, usize, Ending),
    Say(usize, usize, bool, Answer),
    Resume(usize, u8),
    Wait(u64),
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        8 => Just(Ending::Exited { code: 0 }),
        3 => Just(Ending::Exited { code: 1 }),
        1 => Just(Ending::TimedOut),
        1 => Just(Ending::Cancelled),
        1 => Just(Ending::Interrupted),
        1 => Just(Ending::Unreachable),
        1 => Just(Ending::Refused { reason: "another".into() }),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::Go),
        Just(Answer::Confirm),
        Just(Answer::Approve),
        Just(Answer::Decline),
        Just(Answer::Done),
        Just(Answer::Failed),
        Just(Answer::BreakGlass),
        Just(Answer::CoSign),
    ]
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        2 => (0..3usize, any::<bool>(), any::<bool>()).prop_map(|(book, dry, stepwise)| Move::Start(book, dry && stepwise, stepwise && !dry)),
        9 => (0..5usize, 0..3usize, ending()).prop_map(|(run, which, ending)| Move::End(run, which, ending)),
        5 => (0..5usize, 0..14usize, any::<bool>(), answer()).prop_map(|(run, step, bob, answer)| Move::Say(run, step, bob, answer)),
        3 => (0..5usize, 0..9u8).prop_map(|(run, how)| Move::Resume(run, how)),
        2 => (0..120u64).prop_map(Move::Wait),
    ];
    proptest::collection::vec(one, 0..120)
}

fn play(moves: Vec<Move>) -> House {
    let mut h = house();
    let bob = actor("Bob", AccessRole::Commander);
    for one in moves {
        let runs: Vec<RunId> = h.world.runs.keys().cloned().collect();
        match one {
            Move::Start(book, dry, stepwise) => {
                let command = Command::StartRun {
                    id: RunId(format!("run{:04}", h.log.len())),
                    runbook: ["everything", "helper", "rival"][book].into(),
                    incident: None,
                    parameters: BTreeMap::new(),
                    mode: if dry { Mode::DryRun } else { Mode::Real },
                    confirm: String::new(),
                    stepwise,
                };
                drop(h.jane(command));
            }
            Move::End(run, which, ending) => {
                let running: Vec<_> = runs
                    .get(run)
                    .map(|r| h.run(r))
                    .into_iter()
                    .flat_map(|r| {
                        r.running_attempts()
                            .filter(|(s, _)| {
                                r.mode == Mode::DryRun
                                    || r.runbook
                                        .step(*s as usize)
                                        .is_some_and(|d| d.runbook.is_none())
                            })
                            .map(|(s, a)| (r.id.clone(), s, a.number))
                            .collect::<Vec<_>>()
                    })
                    .collect();
                if let Some((run, step, attempt)) = running.get(which) {
                    let command = Command::EndAttempt {
                        run: run.clone(),
                        step: *step,
                        attempt: *attempt,
                        ending,
                        output_bytes: 1,
                        dropped_bytes: 0,
                        digest: String::new(),
                        outputs: BTreeMap::new(),
                        ended_at: h.now,
                    };
                    h.machine(command).expect("a report is never refused");
                }
            }
            Move::Say(run, step, by_bob, answer) => {
                if let Some(run) = runs.get(run).cloned() {
                    let says = if answer == Answer::Confirm {
                        "app"
                    } else {
                        "nobody else is awake"
                    };
                    let command = Command::AnswerStep {
                        run,
                        step: step as u32,
                        answer,
                        says: says.into(),
                    };
                    drop(if by_bob {
                        h.ask(&bob, command)
                    } else {
                        h.jane(command)
                    });
                }
            }
            Move::Resume(run, how) => {
                if let Some(run) = runs.get(run).cloned() {
                    let reason = "because".to_owned();
                    drop(h.jane(match how {
                        0 => Command::RetryStep { run, forced: false },
                        1 => Command::RetryStep { run, forced: true },
                        2 => Command::SkipStep { run, reason },
                        3 => Command::MarkStepDone { run, reason },
                        4 => Command::HoldRun { run, reason },
                        5 => Command::ContinueRun { run },
                        6 => Command::ResumeFrom {
                            run,
                            step: 2,
                            reason,
                        },
                        7 => Command::ResumeFrom {
                            run,
                            step: 8,
                            reason,
                        },
                        _ => Command::CancelRun { run, reason },
                    }));
                }
            }
            Move::Wait(seconds) => h.now = h.now.plus(Span::secs(seconds)),
        }
        settle(&mut h);
    }
    h
}

/// What the runner does by itself: it asks to advance whatever is due, and whatever waits for a lock that is free.
fn settle(h: &mut House) {
    for _ in 0..50 {
        let wants = |r: &Run| {
            let due = r.due().is_some_and(|due| due <= h.now);
            let unlocked = r
                .awaited_lock()
                .is_some_and(|lock| h.world.lock_holder(lock, r).is_none());
            !r.is_over() && (due || unlocked)
        };
        let Some(run) = h
            .world
            .runs
            .values()
            .find(|r| wants(r))
            .map(|r| r.id.clone())
        else {
            return;
        };
        let before = h.run(&run).clone();
        let events = h
            .machine(Command::Advance {
                run,
                due: Some(h.now),
            })
            .expect("a report is never refused");
        assert!(
            !events.is_empty(),
            "it asks again and again, and nothing comes of it: {before:#?}"
        );
    }
    panic!("the runner would turn for ever");
}

fn cases() -> u32 {
    std::env::var("MUSTER_PROVE_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(100)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_run_moves_waits_for_somebody_or_is_over(moves in moves()) {
        let h = play(moves);
        for run in h.world.runs.values() {
            let running = run.running_attempts().count();
            let locked = run.awaited_lock().is_some_and(|lock| h.world.lock_holder(lock, run).is_some());
            let moves = running > 0 || run.due().is_some() || run.waits_for_a_person() || locked
                || run.status == RunStatus::PausedByOperator;
            prop_assert!(run.is_over() != moves, "{:?} {:#?}", run.status, run);
            if run.is_over() {
                prop_assert!(run.ended_at.is_some() && run.locks.is_empty());
                prop_assert!(run.steps.iter().all(|s| s.status.is_over() || s.status == StepStatus::Pending));
            }
        }
    }

    #[test]
    fn what_tidies_up_runs_before_every_end_but_an_abandoned_one(moves in moves()) {
        let h = play(moves);
        for run in h.world.runs.values().filter(|r| r.is_over() && !r.abandoned && r.has_begun()) {
            for (i, (section, _)) in run.runbook.all_steps().enumerate() {
                let over = run.steps[i].status.is_over();
                match section {
                    Section::Finally => prop_assert!(over, "{:#?}", run),
                    Section::OnCancel => prop_assert_eq!(over, run.status == RunStatus::Cancelled),
                    Section::Steps => {}
                }
            }
        }
    }

    #[test]
    fn a_lock_has_one_holder_and_its_runs_only(moves in moves()) {
        let h = play(moves);
        let mut holders: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
        for run in h.world.runs.values().filter(|r| !r.is_over()) {
            for lock in run.locks.keys() {
                holders.entry(lock).or_default().push(run);
            }
        }
        for (lock, runs) in holders {
            let outermost: BTreeSet<_> = runs.iter().map(|r| r.id.as_str().split('-').next()).collect();
            prop_assert_eq!(outermost.len(), 1, "{} is held by strangers", lock);
        }
    }

    #[test]
    fn what_may_not_run_twice_is_never_run_again_without_a_person(moves in moves()) {
        let h = play(moves);
        // Attempts of a step that is neither idempotent nor verifiable, since a person last spoke.
        let mut unseen: BTreeMap<(RunId, u32), bool> = BTreeMap::new();
        for stamped in &h.log {
            match &stamped.event {
                Event::AttemptEnded { run, step, ending, .. } => {
                    let definition = h.run(run).runbook.step(*step as usize).expect("a step");
                    let risky = !definition.idempotent && definition.verify.is_empty() && h.run(run).mode != Mode::DryRun;
                    let lost = matches!(ending, Ending::Interrupted | Ending::Unreachable);
                    unseen.insert((run.clone(), *step), risky && lost);
                }
                Event::AttemptStarted { run, step, .. } => {
                    prop_assert!(!unseen.get(&(run.clone(), *step)).copied().unwrap_or(false));
                }
                Event::RunResumed { run, .. } => unseen.retain(|(r, _), _| r != run),
                _ => {}
            }
        }
    }

    #[test]
    fn nobody_approves_their_own_run_and_glass_is_never_broken_silently(moves in moves()) {
        let h = play(moves);
        for run in h.world.runs.values() {
            for (i, step) in run.steps.iter().enumerate() {
                let own = |s: &&Said| s.answer == Answer::Approve && s.by == "person:Jane Doe";
                prop_assert_eq!(step.answers.iter().find(own), None);
                let ran = step.attempts.iter().any(|_| true);
                if ran && run.mode == Mode::Real && run.runbook.step(i).is_some_and(|s| s.approval.is_some()) {
                    prop_assert!(step.answers.iter().any(|s| matches!(s.answer, Answer::Approve | Answer::BreakGlass)));
                }
                let signed = step.answers.iter().filter(|s| s.answer == Answer::CoSign);
                for sign in signed {
                    prop_assert!(step.answers.iter().any(|s| s.answer == Answer::BreakGlass && s.by != sign.by));
                }
            }
        }
    }

    #[test]
    fn a_step_of_another_run_ends_with_that_run(moves in moves()) {
        let h = play(moves);
        for run in h.world.runs.values() {
            let Some(parent) = &run.parent else { continue };
            let up = h.run(&parent.run);
            let waits = up.running_attempts().any(|(s, a)| run.id == child_run(&up.id, s, a.number));
            prop_assert_eq!(run.is_over(), !waits);
            if up.is_over() {
                prop_assert!(run.is_over());
            }
        }
    }

    #[test]
    fn the_log_alone_gives_the_same_world(moves in moves()) {
        let h = play(moves);
        let mut again = World::default();
        for event in &h.log {
            let json = serde_json::to_string(event).expect("an event is JSON");
            let read: Stamped = serde_json::from_str(&json).expect("what was written decodes");
            prop_assert!(!words::line(&h.world, &read).says.is_empty());
            again.apply(&read);
        }
        prop_assert_eq!(again, h.world);
    }
}
