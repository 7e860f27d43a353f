//! The failover's promises: the table is whole, every guard refuses with its sentence, and no path passes one by.

#[path = "../house/mod.rs"]
mod house;
mod scene;
mod simulation;

use domain::{
    failover::{State, *},
    *,
};
use house::House;
use scene::*;
use std::collections::BTreeSet;

#[test]
fn every_state_is_reached_and_left() {
    let mut reached = BTreeSet::from([State::Watching]);
    while let Some(row) = TABLE
        .iter()
        .find(|t| reached.contains(&t.from) && !reached.contains(&t.to))
    {
        reached.insert(row.to);
    }
    assert_eq!(reached, BTreeSet::from(State::ALL));
    for state in State::ALL {
        assert!(TABLE.iter().any(|t| t.from == state), "{state:?} is a trap");
        // From anywhere there is a way back to where the primary serves.
        let mut near = BTreeSet::from([state]);
        while let Some(row) = TABLE
            .iter()
            .find(|t| near.contains(&t.from) && !near.contains(&t.to))
        {
            near.insert(row.to);
        }
        assert!(near.contains(&State::Watching), "{state:?} leads nowhere");
    }
}

#[test]
fn no_machine_fails_back_and_work_ends_by_its_run() {
    for row in TABLE {
        match row.from {
            State::Monitoring | State::Planned => {
                assert_eq!(row.signal.by(), By::Person, "{row:?}")
            }
            state if state.is_work() => {
                let person = row.signal == Signal::Override;
                assert!(person || row.signal.by() == By::Run, "{row:?}");
            }
            _ => assert_ne!(row.signal.by(), By::Run, "{row:?}"),
        }
        if row.to == State::FailingBack {
            assert_eq!((row.signal, row.from), (Signal::FailBack, State::Planned));
        }
        if row.to == State::Promoting {
            let proof = [Guard::FencingProof, Guard::RiskNamed];
            assert!(row.guards.iter().any(|g| proof.contains(g)), "{row:?}");
        }
    }
}

/// A failure that was detected, with everything ready for an automatic failover.
fn detected() -> House {
    let mut house = house(true);
    observe(&mut house, Health::MajorOutage);
    let seen = down(&house);
    watch(&mut house, seen).expect("looked");
    assert_eq!(now(&house).state, State::Detected);
    house
}

/// What keeps Muster from failing over by itself.
fn refusal(house: &House, sight: &Sight) -> String {
    let asking = asking(
        &house.world,
        &house.plan,
        &SERVICE.into(),
        Signal::Automatic,
        Some(sight),
        house.now,
    );
    let asking = asking.expect("the plan has it");
    match step(now(house).state, Signal::Automatic, &asking) {
        Ok(_) => String::new(),
        Err(refusal) => refusal.says,
    }
}

#[test]
fn every_guard_refuses_with_its_sentence() {
    fn with(change: impl FnOnce(&mut House, &mut Sight)) -> String {
        let mut house = detected();
        let mut sight = down(&house);
        change(&mut house, &mut sight);
        let says = refusal(&house, &sight);
        let before = house.log.len();
        watch(&mut house, sight).expect("looked");
        assert_ne!(now(&house).state, State::Fencing, "{says}");
        assert!(house.log.len() <= before + 1, "{says}");
        says
    }
    let plan = with(|h, _| h.plan.failover[0].automatic = false);
    assert_eq!(
        plan,
        "The plan leaves this failover to a person (failover.yaml: automatic)."
    );
    let held = with(|h, _| {
        let reason = "Works on the network".into();
        h.jane(Command::HoldAutomation { reason }).expect("held");
    });
    assert!(
        held.starts_with("Automation is held by Jane Doe since "),
        "{held}"
    );
    let young = with(|h, s| s.since = h.now);
    assert_eq!(
        young,
        "Muster has looked for less than 10 s: nothing is decided so early."
    );
    let old = with(|h, _| h.now = h.now.plus(Span::secs(40)));
    assert_eq!(old, "The last look was 40.0 s ago.");
    let unasked = with(|_, s| s.votes.truncate(2));
    assert_eq!(unasked, "the application was not asked yet.");
    let well = with(|h, _| observe(h, Health::Operational));
    assert_eq!(
        well,
        "The check has not failed as often as the plan demands: operational."
    );
    let alive = with(|_, s| s.writable = vec!["primary".into()]);
    assert_eq!(
        alive,
        "primary itself takes writes: the way to it is broken."
    );
    let alone = with(|h, s| *s = sight(h, [Word::Down, Word::Up, Word::Unknown]));
    assert!(
        alone.starts_with("1 of 3 observers see it down, 2 must (Muster sees it down: looked; "),
        "{alone}"
    );
    let gone = with(|_, s| s.candidate = None);
    assert_eq!(gone, "replica does not answer.");
    let writes = with(|_, s| s.candidate.as_mut().expect("one").standby = false);
    assert_eq!(writes, "replica is no standby: it takes writes itself.");
    let stranger = with(|_, s| s.candidate.as_mut().expect("one").system = "8".into());
    assert_eq!(stranger, "replica is another system (8) than primary (7).");
    let unknown = with(|_, s| s.system = None);
    assert!(
        unknown.starts_with("It cannot be told whether replica is a copy of primary"),
        "{unknown}"
    );
    let behind = with(|_, s| s.candidate.as_mut().expect("one").lag = Some(16_000_001));
    assert_eq!(
        behind,
        "replica is 16000001 bytes behind; the plan allows 16MB."
    );
    let cold = with(|_, s| s.candidate.as_mut().expect("one").lag = None);
    assert!(
        cold.starts_with("It cannot be told how far replica is behind"),
        "{cold}"
    );
    let drill = with(|h, _| {
        let command = Command::Declare {
            title: "Exercise".into(),
            severity: Severity::Sev3,
            affected: vec![SERVICE.into()],
            kind: Kind::Drill,
            public: false,
            quiet: false,
            occurred_at: None,
        };
        h.jane(command).expect("declared");
    });
    assert!(drill.contains("is a drill on this service"), "{drill}");
    let busy = with(|h, _| {
        h.plan.runbooks[0].locks = vec!["db:primary".into()];
        h.start(None);
    });
    assert!(
        busy.starts_with("db:primary is held by Database Recovery"),
        "{busy}"
    );
}

#[test]
fn an_automatic_failover_declares_its_incident_and_goes_through_every_state() {
    let mut house = detected();
    let seen = down(&house);
    let events = watch(&mut house, seen).expect("begun");
    assert!(matches!(
        &events[0],
        Event::IncidentDeclared {
            severity: Severity::Sev1,
            ..
        }
    ));
    assert!(
        matches!(&events[1], Event::FailoverMoved { to: State::Fencing, signal: Signal::Automatic, evidence, .. }
        if evidence.len() == AUTOMATIC.len())
    );
    assert!(
        matches!(&events[2], Event::RunStarted { runbook, incident: Some(_), .. } if runbook.slug.as_str() == "failover-automatic")
    );
    end(&mut house, DONE, Some("a write to primary is refused"));
    for state in [
        State::Promoting,
        State::Redirecting,
        State::Verifying,
        State::Monitoring,
    ] {
        assert_eq!(now(&house).state, state);
        end(&mut house, DONE, None);
    }
    let done = now(&house);
    assert_eq!(done.state, State::Monitoring);
    let run = done.run.expect("a run");
    assert_eq!(house.run(&run).status, RunStatus::Completed);
    // The whole way stands in the incident's stream, but for the detection that went before it.
    let number = done.incident.expect("an incident");
    let told = house
        .log
        .iter()
        .filter(|e| e.stream == incident_stream(&number));
    let moves = told.filter(|e| matches!(e.event, Event::FailoverMoved { .. }));
    assert_eq!(moves.count(), 5);

    // Back again: only on a person's word, and planned first.
    assert!(fail_back(&mut house).is_err());
    let reason = "The primary is sound".to_owned();
    let plan = Command::PlanFailback {
        service: SERVICE.into(),
        reason,
    };
    house.jane(plan).expect("planned");
    fail_back(&mut house).expect("begun");
    assert_eq!(now(&house).state, State::FailingBack);
    end(&mut house, DONE, None);
    end(&mut house, DONE, None);
    assert_eq!(now(&house).state, State::Watching);
}

#[test]
fn nothing_is_promoted_without_a_fencing_proof() {
    let mut house = detected();
    let seen = down(&house);
    trigger(&mut house, Some(seen), "").expect("begun");
    // It said that it succeeded, and gave no proof.
    end(&mut house, DONE, None);
    let run = now(&house).run.expect("a run");
    assert_eq!(now(&house).state, State::Fencing);
    let paused = house.run(&run).paused.clone().expect("paused");
    assert!(
        paused
            .because
            .starts_with("it is not proven that the old primary takes no writes"),
        "{paused:?}"
    );
    // No way around by the run's own buttons.
    for step in 1..4 {
        let command = Command::ResumeFrom {
            run: run.clone(),
            step,
            reason: "go on".into(),
        };
        house.jane(command).expect("asked");
        assert!(house.run(&run).paused.is_some() && house.run(&run).running_attempt().is_none());
    }
    let override_with = |risk: &str| Command::OverrideFencing {
        service: SERVICE.into(),
        run: run.clone(),
        risk: risk.into(),
    };
    let refused = house
        .jane(override_with("go on"))
        .expect_err("it names nothing");
    assert_eq!(
        refused.says,
        "Name the risk: write why, with the words “two primaries”."
    );
    let viewer = house::actor("Bob", AccessRole::Responder);
    let risk = "The host has burnt down, so no two primaries";
    assert_eq!(
        house
            .ask(&viewer, override_with(risk))
            .expect_err("no commander")
            .why,
        Why::Forbidden
    );
    house.jane(override_with(risk)).expect("a commander may");
    assert_eq!(now(&house).state, State::Promoting);
}

#[test]
fn a_person_may_fail_over_in_doubt_only_by_naming_the_risk() {
    let mut house = detected();
    let refused = trigger(&mut house, None, "").expect_err("nothing was seen");
    assert_eq!(refused.says, "replica was not looked at yet.");
    trigger(&mut house, None, "Accept data loss, the customer waits").expect("named");
    let last = now(&house).moves.pop().expect("a move");
    assert!(
        last.evidence
            .iter()
            .any(|e| e.starts_with("risk accepted:")),
        "{last:?}"
    );
}

#[test]
fn a_service_that_works_is_failed_over_only_with_a_reason() {
    let mut house = house(false);
    observe(&mut house, Health::Operational);
    let seen = down(&house);
    let refused = trigger(&mut house, Some(seen.clone()), "").expect_err("no reason");
    assert_eq!(
        refused.says,
        "Nothing was seen to fail: write why it is to fail over."
    );
    trigger(&mut house, Some(seen), "The host is to be replaced").expect("a reason");
    assert_eq!(now(&house).state, State::Fencing);
}

#[test]
fn one_automatic_failover_in_an_hour_until_it_is_acknowledged() {
    let mut house = detected();
    let seen = down(&house);
    watch(&mut house, seen).expect("begun");
    let run = now(&house).run.expect("a run");
    for _ in 0..2 {
        house
            .jane(Command::CancelRun {
                run: run.clone(),
                reason: String::new(),
            })
            .expect("stopped");
    }
    end(&mut house, Ending::Cancelled, None);
    assert_eq!(now(&house).state, State::Stopped);
    let mut well = down(&house);
    well.writable = vec!["primary".into()];
    observe(&mut house, Health::Operational);
    let settle = Command::SettleFailover {
        service: SERVICE.into(),
        sight: Some(Box::new(well)),
        reason: "started by hand".into(),
    };
    house.jane(settle).expect("settled");
    observe(&mut house, Health::MajorOutage);
    let seen = down(&house);
    watch(&mut house, seen).expect("looked");
    assert_eq!(now(&house).state, State::Detected);
    let says = refusal(&house, &down(&house));
    assert!(
        says.starts_with("One automatic failover in 1 h: the last began at "),
        "{says}"
    );
    let acknowledge = || Command::AcknowledgeFailover {
        service: SERVICE.into(),
    };
    house.jane(acknowledge()).expect("acknowledged");
    assert_eq!(
        house.jane(acknowledge()).expect_err("once").why,
        Why::Conflict
    );
    assert_eq!(refusal(&house, &down(&house)), "");
}

#[test]
fn its_runbooks_are_begun_only_with_it() {
    let mut house = house(false);
    let start = |runbook: &str, mode| Command::StartRun {
        id: "run-1".into(),
        runbook: runbook.into(),
        incident: None,
        parameters: Default::default(),
        mode,
        confirm: String::new(),
        stepwise: false,
    };
    for slug in ["failover-automatic", "failover-manual", "failback"] {
        let refused = house.jane(start(slug, Mode::Real)).expect_err(slug);
        assert!(
            refused.says.ends_with("/failover/manufacturing-database"),
            "{refused}"
        );
    }
    house
        .jane(start("failover-manual", Mode::DryRun))
        .expect("a dry run does nothing");
    assert_eq!(now(&house).state, State::Watching);
}
