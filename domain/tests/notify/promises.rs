//! What holds whatever is done in whatever order.

use super::{declare, house, people::queued};
use crate::house::{House, actor};
use domain::{notify::*, plan::Channel, *};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Move {
    Declare(Severity, Kind, bool),
    Raise(usize, Severity),
    Update(usize),
    Resolve(usize),
    Reopen(usize),
    Acknowledge(usize, usize),
    Call(usize, bool),
    Again(usize),
    Wait(u64),
}

const PEOPLE: [&str; 5] = [
    "John Smith",
    "Jane Doe",
    "Bob Wilson",
    "Alice Brown",
    "A stranger",
];

fn severity() -> impl Strategy<Value = Severity> {
    (0..3usize).prop_map(|i| Severity::ALL[i])
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let kind =
        prop_oneof![3 => Just(Kind::Real), 1 => Just(Kind::Drill), 1 => Just(Kind::Backfilled)];
    let one = prop_oneof![
        2 => (severity(), kind, proptest::bool::weighted(0.2)).prop_map(|(s, k, q)| Move::Declare(s, k, q)),
        3 => (0..3usize, severity()).prop_map(|(i, s)| Move::Raise(i, s)),
        2 => (0..3usize).prop_map(Move::Update),
        1 => (0..3usize).prop_map(Move::Resolve),
        1 => (0..3usize).prop_map(Move::Reopen),
        1 => (0..3usize, 0..5usize).prop_map(|(i, p)| Move::Acknowledge(i, p)),
        1 => (0..3usize, any::<bool>()).prop_map(|(i, r)| Move::Call(i, r)),
        1 => (0..3usize).prop_map(Move::Again),
        3 => (0..2000u64).prop_map(Move::Wait),
    ];
    proptest::collection::vec(one, 1..40)
}

fn carry_out(h: &mut House, one: Move) -> Vec<Event> {
    let numbers: Vec<Number> = h.world.incidents.keys().cloned().collect();
    let number = |i: usize| {
        numbers
            .get(i)
            .cloned()
            .unwrap_or_else(|| "INC-2026-999".into())
    };
    let command = match one {
        Move::Declare(severity, kind, quiet) => {
            let Command::Declare {
                title, affected, ..
            } = declare(severity)
            else {
                unreachable!()
            };
            Command::Declare {
                title,
                severity,
                affected,
                kind,
                public: kind != Kind::Drill,
                quiet,
                occurred_at: (kind == Kind::Backfilled).then_some(h.now),
            }
        }
        Move::Raise(i, severity) => Command::ChangeSeverity {
            incident: number(i),
            severity,
            reason: String::new(),
        },
        Move::Update(i) => Command::PostUpdate {
            incident: number(i),
            phase: Phase::Identified,
            message: "More is known.".into(),
            internal: false,
        },
        Move::Resolve(i) => Command::Resolve {
            incident: number(i),
            message: "Done.".into(),
        },
        Move::Reopen(i) => Command::Reopen {
            incident: number(i),
            reason: "Again.".into(),
        },
        Move::Acknowledge(i, who) => {
            let command = Command::Acknowledge {
                incident: number(i),
                via: Via::Link,
            };
            let who = actor(PEOPLE[who], AccessRole::Responder);
            return h.ask(&who, command).unwrap_or_default();
        }
        Move::Call(i, reached) => Command::RecordCall {
            incident: number(i),
            person: "Bob Wilson".into(),
            reached,
            says: String::new(),
        },
        Move::Again(i) => Command::RepeatNotifications {
            incident: number(i),
            person: None,
        },
        Move::Wait(seconds) => {
            h.now = h.now.plus(Span::secs(seconds));
            let due: Vec<Timer> = h.timers().into_iter().filter(|t| t.at <= h.now).collect();
            let done = due
                .into_iter()
                .map(|t| h.machine(t.command).expect("a timer is never refused"));
            return done.flatten().collect();
        }
    };
    h.jane(command).unwrap_or_default()
}

fn is_live(incident: &Incident) -> bool {
    incident.kind == Kind::Real && !incident.quiet
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("MUSTER_PROVE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
    ))]

    #[test]
    fn drills_backfilled_and_quiet_incidents_reach_nobody(moves in moves()) {
        let mut h = house();
        for one in moves {
            let events = carry_out(&mut h, one);
            for event in &events {
                let Event::NotificationsQueued { incident, to, .. } = event else {
                    continue;
                };
                let incident = &h.world.incidents[incident];
                if is_live(incident) {
                    continue;
                }
                prop_assert!(Live::of(incident, &h.plan).is_err(), "there is no way to an address");
                prop_assert!(to.iter().all(|to| to.suppressed.is_some() && to.held_until.is_none()));
            }
        }
    }

    #[test]
    fn a_raise_tells_exactly_those_of_the_new_row_who_were_not_told(from in severity(), path in proptest::collection::vec(severity(), 1..8)) {
        let mut h = house();
        let row = |h: &mut House, severity| {
            let mut fresh = house();
            fresh.now = h.now;
            let events = fresh.jane(declare(severity)).expect("declared");
            let to = queued(&events).into_iter().map(|to| (to.channel, to.person.clone()));
            to.collect::<BTreeSet<_>>()
        };
        let mut known = row(&mut h, from);
        let mut now = from;
        h.jane(declare(from)).expect("declared");
        for to in path {
            let events = carry_out(&mut h, Move::Raise(0, to));
            let told: BTreeSet<_> = queued(&events).into_iter().map(|to| (to.channel, to.person.clone())).collect();
            let whole = row(&mut h, to);
            let expected: BTreeSet<_> = match to < now {
                true => whole.difference(&known).cloned().collect(),
                false => BTreeSet::new(),
            };
            prop_assert_eq!(&told, &expected);
            known.extend(told);
            now = to;
        }
    }

    #[test]
    fn nobody_is_told_the_same_thing_twice(moves in moves()) {
        let mut h = house();
        for one in moves {
            let before = h.log.len();
            carry_out(&mut h, one);
            // Within what one command says, and between a declaration and its raises.
            let mut seen: BTreeSet<(Number, Channel, String)> = BTreeSet::new();
            let mut cause = None;
            for event in &h.log[before..] {
                match &event.event {
                    Event::NotificationsQueued { incident, to, cause: why, .. } => {
                        if cause != Some(*why) {
                            seen.clear();
                            cause = Some(*why);
                        }
                        for to in to {
                            prop_assert!(seen.insert((incident.clone(), to.channel, to.person.clone())), "{:?} twice", to);
                        }
                    }
                    _ => cause = None,
                }
            }
        }
        let mut first: BTreeSet<(Number, Channel, String)> = BTreeSet::new();
        for event in &h.log {
            match &event.event {
                Event::IncidentReopened { incident, .. } => first.retain(|(number, ..)| number != incident),
                Event::NotificationsQueued { incident, cause: Cause::Declared | Cause::Raised, to, .. } => {
                    for to in to {
                        prop_assert!(first.insert((incident.clone(), to.channel, to.person.clone())));
                    }
                }
                Event::NotificationsQueued { incident, cause: Cause::Reopened | Cause::Escalation(_), to, .. } => {
                    first.extend(to.iter().map(|to| (incident.clone(), to.channel, to.person.clone())));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_acknowledgement_stops_the_escalation(moves in moves(), who in 0..5usize) {
        let mut h = house();
        for one in moves {
            carry_out(&mut h, one);
        }
        let open: Vec<Number> = h.world.incidents.values().filter(|i| i.is_open()).map(|i| i.number.clone()).collect();
        for number in &open {
            let command = Command::Acknowledge { incident: number.clone(), via: Via::Phone };
            h.ask(&actor(PEOPLE[who], AccessRole::Responder), command).expect("acknowledged");
            let comms = h.world.comms(number).expect("known");
            prop_assert!(comms.knows(PEOPLE[who]).is_some());
        }
        for _ in 0..20 {
            h.now = h.now.plus(Span::secs(600));
            let now = h.now;
            for timer in h.timers().into_iter().filter(|t| t.at <= now) {
                let asks = matches!(timer.command, Command::Escalate { .. });
                prop_assert!(!asks);
                h.machine(timer.command).expect("a timer is never refused");
            }
            for number in &open {
                let command = Command::Escalate { incident: number.clone(), level: 2 };
                prop_assert_eq!(h.machine(command).expect("not refused"), vec![], "nor by a node that is behind");
            }
        }
    }

    #[test]
    fn replaying_the_log_gives_the_same_knowledge(moves in moves()) {
        let mut h = house();
        for one in moves {
            carry_out(&mut h, one);
        }
        let mut again = World::default();
        for event in &h.log {
            let json = serde_json::to_string(event).expect("an event is JSON");
            let read: Stamped = serde_json::from_str(&json).expect("what was written decodes");
            again.apply(&read);
            again.apply(&read);
            prop_assert!(!words::line(&World::default(), &read).says.is_empty());
            if let Some(said) = words::said(&read) {
                let (whole, short) = (words::line(&h.world, &read), words::line(&h.world, &said));
                prop_assert_eq!((whole.says, whole.icon, whole.quote), (short.says, short.icon, short.quote));
            }
        }
        prop_assert_eq!(&again, &h.world);
        for comms in h.world.comms.values() {
            let json = serde_json::to_string(&**comms).expect("a document");
            prop_assert_eq!(&serde_json::from_str::<Comms>(&json).expect("reads"), &**comms);
        }
    }
}
