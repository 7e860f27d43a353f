//! A maintenance window goes through its stages by time or by hand, and holds what the checks find meanwhile.

mod house;

use domain::{
    maintenance::{LONGEST, VERIFY},
    plan::{Check, Probe, TcpProbe},
    *,
};
use house::{House, actor};

const SERVICE: &str = "orders-api";

fn house() -> House {
    let mut house = House::new();
    let check = |_: &str| Check {
        probe: Probe::Tcp(TcpProbe {
            address: "127.0.0.1:1".into(),
        }),
        interval: Span::secs(10),
        timeout: Span::secs(2),
        fall: 3,
        rise: 2,
        slow_after: None,
        internal: true,
    };
    house.plan.services[0].check = Some(check(SERVICE));
    let mut other = house.plan.services[0].clone();
    other.id = "web".into();
    other.depends_on = vec![SERVICE.into()];
    house.plan.services.push(other);
    house
}

/// From in a minute, for an hour.
fn schedule(house: &mut House) -> MaintenanceId {
    let from = house.now.plus(Span::secs(60));
    scheduled(house, from, from.plus(Span::secs(3600)))
}

fn scheduled(house: &mut House, from: Stamp, until: Stamp) -> MaintenanceId {
    let events = house.jane(window(from, until)).expect("scheduled");
    match &events[0] {
        Event::MaintenanceScheduled { maintenance, .. } => maintenance.clone(),
        other => panic!("{other:?}"),
    }
}

fn window(from: Stamp, until: Stamp) -> Command {
    Command::ScheduleMaintenance {
        title: "New disks".into(),
        message: String::new(),
        services: vec![SERVICE.into()],
        from,
        until,
        public: true,
    }
}

fn observe(house: &mut House, health: Health) -> Vec<Event> {
    let command = Command::Observe {
        service: SERVICE.into(),
        health,
        because: "connection refused".into(),
        since: house.now,
    };
    house.machine(command).expect("observed")
}

fn advance(house: &mut House, seconds: u64) -> Vec<Event> {
    house.now = house.now.plus(Span::secs(seconds));
    let ids: Vec<_> = house.world.maintenances.keys().cloned().collect();
    let mut all = Vec::new();
    for maintenance in ids {
        let command = Command::AdvanceMaintenance { maintenance };
        all.extend(house.machine(command).expect("advanced"));
    }
    all
}

fn by_hand(house: &mut House, id: &MaintenanceId, to: Stage) -> Result<Vec<Event>, Refusal> {
    house.jane(Command::MoveMaintenance {
        maintenance: id.clone(),
        to,
        message: String::new(),
    })
}

fn stage(house: &House, id: &MaintenanceId) -> Stage {
    house.world.maintenances[id].stage
}

fn health(house: &House) -> Health {
    house.world.health(&SERVICE.into())
}

#[test]
fn a_window_goes_through_its_stages_by_itself() {
    let mut h = house();
    observe(&mut h, Health::Operational);
    let id = schedule(&mut h);
    assert_eq!(id.as_str(), "MNT-2026-001");
    assert_eq!(advance(&mut h, 59), [], "not yet");
    advance(&mut h, 1);
    assert_eq!(
        (stage(&h, &id), health(&h)),
        (Stage::InProgress, Health::Maintenance)
    );
    assert_eq!(advance(&mut h, 3_599), []);
    advance(&mut h, 1);
    assert_eq!(
        (stage(&h, &id), health(&h)),
        (Stage::Verifying, Health::Maintenance)
    );
    assert_eq!(
        advance(&mut h, 11),
        [],
        "it was not looked at yet since the work was done"
    );
    advance(&mut h, 1);
    assert_eq!(
        (stage(&h, &id), health(&h)),
        (Stage::Completed, Health::Operational)
    );
    assert_eq!(advance(&mut h, 10_000), [], "it is over");
    let words = &h.world.maintenances[&id].updates;
    let stages: Vec<Stage> = words.iter().map(|w| w.stage).collect();
    assert_eq!(stages, Stage::ALL[..4]);
    assert!(words.iter().all(|w| w.message == w.stage.says()));
}

#[test]
fn what_fails_in_a_window_is_held_and_told_when_it_ends() {
    let mut h = house();
    observe(&mut h, Health::Operational);
    let id = schedule(&mut h);
    advance(&mut h, 60);
    h.now = h.now.plus(Span::secs(600));
    let held = observe(&mut h, Health::MajorOutage);
    assert!(
        matches!(
            &held[..],
            [Event::FindingHeld {
                to: Health::MajorOutage,
                ..
            }]
        ),
        "recorded: {held:?}"
    );
    assert_eq!(health(&h), Health::Maintenance, "and not told");
    assert_eq!(
        observe(&mut h, Health::MajorOutage),
        [],
        "it was so already"
    );
    advance(&mut h, 3_000);
    assert_eq!(stage(&h, &id), Stage::Verifying);
    assert_eq!(advance(&mut h, 299), [], "it may yet come back");
    let told = advance(&mut h, 1);
    let [
        _,
        Event::ServiceChanged {
            from, to, because, ..
        },
    ] = &told[..]
    else {
        panic!("told as failed: {told:?}")
    };
    assert_eq!((from, to), (&Health::Maintenance, &Health::MajorOutage));
    assert!(
        because.contains("connection refused, held since"),
        "{because}"
    );
    assert_eq!(
        (stage(&h, &id), health(&h)),
        (Stage::Completed, Health::MajorOutage)
    );
    // From here on it is told at once again.
    observe(&mut h, Health::Operational);
    assert_eq!(health(&h), Health::Operational);
}

#[test]
fn what_failed_and_came_back_in_a_window_is_not_told() {
    let mut h = house();
    observe(&mut h, Health::Operational);
    let id = schedule(&mut h);
    advance(&mut h, 60);
    observe(&mut h, Health::MajorOutage);
    observe(&mut h, Health::Operational);
    let told = by_hand(&mut h, &id, Stage::Completed).expect("completed");
    assert!(matches!(
        &told[..],
        [
            _,
            Event::ServiceChanged {
                to: Health::Operational,
                ..
            }
        ]
    ));
}

#[test]
fn a_window_whose_services_are_not_seen_well_ends_all_the_same() {
    let mut h = house();
    let id = schedule(&mut h);
    advance(&mut h, 60);
    advance(&mut h, 3_600);
    advance(&mut h, VERIFY.as_secs());
    // It was never looked at: nobody says that it works.
    assert_eq!(
        (stage(&h, &id), health(&h)),
        (Stage::Completed, Health::NoData)
    );
}

#[test]
fn a_service_in_two_windows_stays_until_the_last_one_ends() {
    let mut h = house();
    observe(&mut h, Health::Operational);
    let first = schedule(&mut h);
    let second = schedule(&mut h);
    assert_eq!(second.as_str(), "MNT-2026-002");
    advance(&mut h, 60);
    by_hand(&mut h, &first, Stage::Completed).expect("completed");
    assert_eq!(health(&h), Health::Maintenance);
    observe(&mut h, Health::Degraded);
    by_hand(&mut h, &second, Stage::Cancelled).expect("cancelled");
    assert_eq!(health(&h), Health::Degraded);
}

#[test]
fn a_window_that_begins_now_begins_with_its_scheduling() {
    let mut h = house();
    observe(&mut h, Health::Operational);
    let (now, until) = (h.now, h.now.plus(Span::secs(600)));
    let id = scheduled(&mut h, now, until);
    assert_eq!(
        (stage(&h, &id), health(&h)),
        (Stage::InProgress, Health::Maintenance)
    );
}

#[test]
fn a_window_is_begun_early_extended_while_it_is_verified_and_ended_by_hand() {
    let mut h = house();
    observe(&mut h, Health::Operational);
    let id = schedule(&mut h);
    let early = by_hand(&mut h, &id, Stage::Completed).map_err(|r| r.why);
    assert_eq!(early, Err(Why::Conflict), "it has not begun");
    by_hand(&mut h, &id, Stage::InProgress).expect("begun");
    assert_eq!(
        by_hand(&mut h, &id, Stage::InProgress).expect("so already"),
        []
    );
    by_hand(&mut h, &id, Stage::Verifying).expect("the work is done");
    let until = h.now.plus(Span::secs(7_200));
    let extend = |until| Command::RescheduleMaintenance {
        maintenance: id.clone(),
        from: None,
        until,
        message: "The copy takes longer.".into(),
    };
    h.jane(extend(until)).expect("extended");
    assert_eq!(
        (stage(&h, &id), h.world.maintenances[&id].until),
        (Stage::InProgress, until)
    );
    assert_eq!(h.jane(extend(until)).expect("so already"), []);
    by_hand(&mut h, &id, Stage::Completed).expect("completed");
    assert_eq!(health(&h), Health::Operational);
    assert_eq!(
        by_hand(&mut h, &id, Stage::Cancelled).map_err(|r| r.why),
        Err(Why::Conflict)
    );
    assert_eq!(
        h.jane(extend(until.plus(Span::secs(1)))).map_err(|r| r.why),
        Err(Why::Conflict)
    );
}

#[test]
fn a_window_that_passed_while_nobody_was_there_is_said_to_have_passed() {
    let mut h = house();
    let id = schedule(&mut h);
    let events = advance(&mut h, 7_200);
    let [Event::MaintenanceMoved { to, message, .. }] = &events[..] else {
        panic!("no service was in maintenance: {events:?}")
    };
    assert_eq!((*to, stage(&h, &id)), (Stage::Completed, Stage::Completed));
    assert!(message.contains("nobody has watched"), "{message}");
}

#[test]
fn what_is_wrong_with_a_window_is_said_at_its_field() {
    let mut h = house();
    let (now, minute) = (h.now, Span::secs(60));
    let field = |answer: Result<Vec<Event>, Refusal>| {
        answer.expect_err("refused").field.unwrap_or_default()
    };
    let hour = |n: u64| now.plus(Span::secs(n * 3_600));
    assert_eq!(
        field(h.jane(window(Stamp(now.0 - minute.micros() * 60), hour(1)))),
        "from"
    );
    assert_eq!(field(h.jane(window(hour(9_000), hour(9_001)))), "from");
    assert_eq!(field(h.jane(window(hour(2), hour(1)))), "until");
    assert_eq!(
        field(h.jane(window(hour(1), hour(2).plus(LONGEST)))),
        "until"
    );
    let with = |services: &[&str], title: &str| {
        let Command::ScheduleMaintenance {
            message,
            from,
            until,
            public,
            ..
        } = window(hour(1), hour(2))
        else {
            unreachable!()
        };
        let services = services.iter().map(|s| ServiceId::from(*s)).collect();
        Command::ScheduleMaintenance {
            title: title.into(),
            message,
            services,
            from,
            until,
            public,
        }
    };
    assert_eq!(field(h.jane(with(&[], "New disks"))), "services");
    assert_eq!(field(h.jane(with(&["nobody"], "New disks"))), "services");
    assert_eq!(field(h.jane(with(&[SERVICE], ""))), "title");
    assert_eq!(
        field(h.jane(with(&[SERVICE], "New\nSubject: disks"))),
        "title"
    );
    let viewer = actor("Bob", AccessRole::Responder);
    let refused = h.ask(&viewer, window(hour(1), hour(2))).map_err(|r| r.why);
    assert_eq!(refused, Err(Why::Forbidden));
    assert!(h.world.maintenances.is_empty());
    h.jane(with(&[SERVICE, SERVICE], "New disks"))
        .expect("named twice is once");
    assert_eq!(
        h.world
            .maintenances
            .values()
            .next()
            .map(|m| m.services.len()),
        Some(1)
    );
}

#[test]
fn every_stage_is_reached_and_only_the_last_ones_are_left_by_nobody() {
    for stage in Stage::ALL {
        let reached = Stage::ALL.iter().any(|from| from.next().contains(&stage));
        assert_eq!(reached, stage != Stage::Scheduled, "{stage:?}");
        assert_eq!(stage.next().is_empty(), stage.is_over(), "{stage:?}");
        assert!(!stage.next().contains(&stage));
    }
}

#[test]
fn who_depends_on_what_is_worked_on_is_named() {
    let h = house();
    let touched = maintenance::dependents(&h.plan, &[SERVICE.into()]);
    assert_eq!(touched, [&ServiceId::from("web")]);
    assert!(maintenance::dependents(&h.plan, &["web".into(), SERVICE.into()]).is_empty());
}

#[test]
fn the_windows_are_replayed_from_the_log() {
    let mut h = house();
    observe(&mut h, Health::Operational);
    schedule(&mut h);
    advance(&mut h, 60);
    observe(&mut h, Health::MajorOutage);
    let mut again = World::default();
    for event in &h.log {
        again.apply(event);
    }
    assert_eq!(again, h.world);
}
