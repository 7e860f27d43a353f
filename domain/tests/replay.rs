//! The log is the truth: whatever is asked in whatever order, replaying what was written gives the same world, and what
//! was ever written still decodes.

mod house;

use domain::*;
use house::{House, actor};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,40}", ".{0,20}", Just("x".repeat(5000))]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        Just(Number::from("INC-2026-001")),
        Just(Number::from("INC-2026-002")),
        Just(Number::from("nonsense"))
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        4 => Just(Ending::Exited { code: 0 }),
        3 => Just(Ending::Exited { code: 1 }),
        1 => Just(Ending::TimedOut),
        1 => Just(Ending::Cancelled),
        1 => Just(Ending::Interrupted),
        1 => Just(Ending::Signalled { signal: 9 }),
    ]
}

/// What somebody may do; runs go by their order, since their ids are minted on the way.
#[derive(Clone, Debug)]
enum Move {
    Ask(AccessRole, Command),
    Start(Option<Number>),
    End(usize, Ending),
    Answer(usize, u8),
    Wait(u64),
}

fn command() -> impl Strategy<Value = Command> {
    let severity = || {
        prop_oneof![
            Just(Severity::Sev1),
            Just(Severity::Sev2),
            Just(Severity::Sev3)
        ]
    };
    let role = || (0..5usize).prop_map(|i| IncidentRole::ALL[i]);
    prop_oneof![
        (text(), severity(), any::<bool>()).prop_map(|(title, severity, public)| {
            Command::Declare {
                title,
                severity,
                affected: vec![],
                kind: Kind::Real,
                public,
                quiet: false,
                occurred_at: None,
            }
        }),
        (number(), severity()).prop_map(|(incident, severity)| Command::ChangeSeverity {
            incident,
            severity,
            reason: String::new()
        }),
        (number(), role(), text()).prop_map(|(incident, role, person)| Command::AssignRole {
            incident,
            role,
            person
        }),
        (number(), role()).prop_map(|(incident, role)| Command::HandOver {
            incident,
            role,
            to: "Bob".into()
        }),
        (number(), role()).prop_map(|(incident, role)| Command::AcceptRole { incident, role }),
        (number(), text(), any::<bool>()).prop_map(|(incident, message, internal)| {
            Command::PostUpdate {
                incident,
                phase: Phase::Identified,
                message,
                internal,
            }
        }),
        (number(), text()).prop_map(|(incident, text)| Command::AddNote {
            incident,
            text,
            occurred_at: None
        }),
        (number(), 0..40u64, any::<bool>()).prop_map(|(incident, seq, pinned)| Command::Pin {
            incident,
            seq,
            pinned
        }),
        (number(), text(), 0..3000u32).prop_map(|(incident, title, minutes)| Command::AddTask {
            incident,
            title,
            owner: "Bob".into(),
            minutes
        }),
        (number(), 0..4u32).prop_map(|(incident, task)| Command::AcceptTask { incident, task }),
        (number(), 0..4u32).prop_map(|(incident, task)| Command::FinishTask { incident, task }),
        (number(), 0..4u32, any::<bool>()).prop_map(|(incident, item, done)| Command::Tick {
            incident,
            item,
            done
        }),
        (number(), text()).prop_map(|(incident, message)| Command::Resolve { incident, message }),
        (number(), text()).prop_map(|(incident, reason)| Command::Reopen { incident, reason }),
    ]
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let role = prop_oneof![1 => Just(AccessRole::Viewer), 2 => Just(AccessRole::Responder), 6 => Just(AccessRole::Commander)];
    let one = prop_oneof![
        6 => (role, command()).prop_map(|(role, command)| Move::Ask(role, command)),
        2 => proptest::option::of(number()).prop_map(Move::Start),
        5 => (0..4usize, ending()).prop_map(|(run, ending)| Move::End(run, ending)),
        2 => (0..4usize, 0..4u8).prop_map(|(run, how)| Move::Answer(run, how)),
        2 => (0..120u64).prop_map(Move::Wait),
    ];
    proptest::collection::vec(one, 0..60)
}

fn play(moves: Vec<Move>) -> House {
    let mut h = House::new();
    for one in moves {
        let runs: Vec<RunId> = h.world.runs.keys().cloned().collect();
        match one {
            Move::Ask(role, command) => drop(h.ask(&actor("Bob", role), command)),
            Move::Start(incident) => {
                let id = RunId(format!("run-{:04}", h.log.len()));
                let command = Command::StartRun {
                    id,
                    runbook: "database-recovery".into(),
                    incident,
                    parameters: Default::default(),
                    mode: Mode::Real,
                    confirm: String::new(),
                    stepwise: false,
                };
                drop(h.jane(command));
            }
            Move::End(run, ending) => {
                let running = runs.get(run).and_then(|r| {
                    h.run(r)
                        .running_attempt()
                        .map(|(s, a)| (r.clone(), s, a.number))
                });
                if let Some((run, step, attempt)) = running {
                    let command = Command::EndAttempt {
                        run,
                        step,
                        attempt,
                        ending,
                        output_bytes: 1,
                        dropped_bytes: 0,
                        digest: String::new(),
                        outputs: Default::default(),
                        ended_at: h.now,
                    };
                    h.machine(command).expect("a report is never refused");
                }
            }
            Move::Answer(run, how) => {
                if let Some(run) = runs.get(run).cloned() {
                    let reason = "because".to_owned();
                    drop(h.jane(match how {
                        0 => Command::RetryStep { run, forced: false },
                        1 => Command::SkipStep { run, reason },
                        2 => Command::MarkStepDone { run, reason },
                        _ => Command::CancelRun { run, reason },
                    }));
                }
            }
            Move::Wait(seconds) => {
                h.now = h.now.plus(Span::secs(seconds));
                for run in runs {
                    h.machine(Command::Advance {
                        run,
                        due: Some(h.now),
                    })
                    .expect("a report is never refused");
                }
            }
        }
    }
    h
}

/// A sample; `make prove` asks for many more.
fn cases() -> u32 {
    std::env::var("MUSTER_PROVE_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn replaying_the_log_gives_the_same_world(moves in moves()) {
        let h = play(moves);
        let mut again = World::default();
        for event in &h.log {
            let json = serde_json::to_string(event).expect("an event is JSON");
            let read: Stamped = serde_json::from_str(&json).expect("what was written decodes");
            prop_assert_eq!(&read, event);
            again.apply(&read);
            // A stream may repeat itself.
            again.apply(&read);
        }
        prop_assert_eq!(again, h.world);
    }

    #[test]
    fn a_run_is_never_stuck_and_never_does_two_things_at_once(moves in moves()) {
        let h = play(moves);
        for run in h.world.runs.values() {
            let running = run.steps.iter().flat_map(|s| &s.attempts).filter(|a| a.ending.is_none()).count();
            prop_assert!(running <= 1, "{} attempts at once", running);
            match run.status {
                RunStatus::Running => prop_assert!(running == 1 || run.due().is_some(), "it runs, and nothing will move it on"),
                RunStatus::Cancelling => prop_assert_eq!(running, 1),
                RunStatus::PausedByFailedStep => prop_assert!(running == 0 && run.paused.is_some()),
                _ => prop_assert!(running == 0 && run.ended_at.is_some()),
            }
            for (step, definition) in run.steps.iter().zip(&run.runbook.steps) {
                let allowed = 1 + definition.retries;
                prop_assert!(step.attempts.len() as u32 - step.spent.min(step.attempts.len() as u32) <= allowed);
                prop_assert!(step.attempts.iter().enumerate().all(|(i, a)| a.number as usize == i + 1));
            }
        }
    }

    #[test]
    fn every_event_has_a_sentence(moves in moves()) {
        let h = play(moves);
        for event in &h.log {
            prop_assert!(!words::line(&World::default(), event).says.is_empty());
            prop_assert!(!words::line(&h.world, event).says.is_empty());
        }
    }
}

/// One line for each kind of event ever written. A line is never changed; a new kind adds one.
const EVER_WRITTEN: &str = include_str!("events.jsonl");

#[test]
fn every_event_ever_written_still_decodes() {
    let mut seen = BTreeSet::new();
    let mut world = World::default();
    for (n, line) in EVER_WRITTEN.lines().enumerate() {
        let event: Stamped =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("line {}: {e}", n + 1));
        assert_eq!(
            serde_json::to_value(&event.event).expect("JSON")["event"],
            event.event.kind(),
            "the store's index agrees with the body"
        );
        assert_eq!(event.stream, event.event.stream());
        seen.insert(event.event.kind());
        world.apply(&event);
    }
    assert_eq!(seen.len(), 55, "each kind has its line: {seen:?}");
    assert_eq!(world.incidents.len(), 1);
}
