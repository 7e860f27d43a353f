//! A failover is decided once, survives a restart, and goes on where it stood.

use crate::{house::*, on_both_engines};
use domain::{
    failover::{Candidate, Held, Sight, State, Vote, Word},
    plan::{Observer, Plan},
    *,
};
use engine::{Desk, No, Receipt, Request};
use futures::future::join_all;
use std::path::Path;

on_both_engines! {
    two_nodes_that_see_the_same_outage_fail_over_once
    a_failover_goes_on_where_it_stood_after_a_restart
    the_lever_survives_a_restart
    a_trigger_pressed_twice_is_one_failover
}

const SERVICE: &str = "manufacturing-database";

fn automatic() -> Plan {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plan");
    let mut plan = engine::plan::load(&shipped).unwrap().plan;
    plan.failover[0].automatic = true;
    plan
}

fn sight(house: &House) -> Box<Sight> {
    let vote = |observer| Vote {
        observer,
        word: Word::Down,
        because: "no answer".into(),
    };
    Box::new(Sight {
        at: house.clock.now(),
        since: Stamp(0),
        votes: [Observer::Muster, Observer::Replica, Observer::Application]
            .map(vote)
            .to_vec(),
        candidate: Some(Candidate {
            standby: true,
            system: "7".into(),
            timeline: 1,
            lag: Some(0),
        }),
        system: Some("7".into()),
        writable: Vec::new(),
    })
}

async fn observe(desk: &Desk, health: Health) {
    let command = Command::Observe {
        service: SERVICE.into(),
        health,
        because: "connection refused, 3 of 3 looks".into(),
        since: desk.clock().now(),
    };
    desk.execute(Request::new(&worker(), command))
        .await
        .unwrap();
}

async fn watch(house: &House, desk: &Desk, run: &str) -> Result<Receipt, No> {
    let command = Command::WatchFailover {
        service: SERVICE.into(),
        run: run.into(),
        incident: engine::failover::incident_of(&desk.world(), &SERVICE.into()),
        sight: sight(house),
    };
    desk.execute(Request::new(&worker(), command)).await
}

async fn here(house: &House) -> Desk {
    let desk = house.node("here").await;
    put_in_force(&desk, automatic()).await;
    observe(&desk, Health::MajorOutage).await;
    desk
}

fn state(desk: &Desk) -> State {
    desk.world()
        .failover(&SERVICE.into())
        .map(|f| f.state)
        .unwrap_or_default()
}

async fn two_nodes_that_see_the_same_outage_fail_over_once(house: &House) {
    let desk = here(house).await;
    watch(house, &desk, "none").await.unwrap();
    let there = house.node("there").await;
    observe(&there, Health::MajorOutage).await;
    let nodes = [&desk, &there];
    let looks = (0..12).map(|n| async move {
        let run = format!("run-{n}");
        watch(house, nodes[n % 2], &run).await.unwrap()
    });
    join_all(looks).await;
    let world = house.replay().await;
    assert_eq!((world.runs.len(), world.incidents.len()), (1, 1));
    let failover = world.failover(&SERVICE.into()).unwrap();
    assert_eq!((failover.state, failover.moves.len()), (State::Fencing, 2));
    house.verified().await;
}

async fn a_failover_goes_on_where_it_stood_after_a_restart(house: &House) {
    let desk = here(house).await;
    watch(house, &desk, "none").await.unwrap();
    watch(house, &desk, "run-1").await.unwrap();
    let before = desk.world().failovers.clone();
    drop(desk);

    let desk = house.node("here").await;
    assert_eq!(desk.world().failovers, before);
    // It has looked at nothing yet: no second failover, and no recovery.
    house.wait(Span::secs(7200));
    let head = house.verified().await;
    watch(house, &desk, "run-2").await.unwrap();
    assert_eq!(house.verified().await, head, "nothing was decided");
    let world = desk.world();
    let run = world.runs.get(&RunId::from("run-1")).unwrap();
    let command = Command::EndAttempt {
        run: run.id.clone(),
        step: 0,
        attempt: 1,
        ending: Ending::Exited { code: 0 },
        output_bytes: 0,
        dropped_bytes: 0,
        digest: String::new(),
        outputs: [(FENCING_PROOF.to_owned(), "a write is refused".to_owned())].into(),
        ended_at: desk.clock().now(),
    };
    desk.execute(Request::new(&worker(), command))
        .await
        .unwrap();
    assert_eq!(state(&desk), State::Promoting);
    for next in [State::Redirecting, State::Verifying, State::Monitoring] {
        end(&desk, &"run-1".into(), Ending::Exited { code: 0 }).await;
        assert_eq!(state(&desk), next);
    }
    assert_eq!(house.replay().await.failovers, desk.world().failovers);
}

async fn the_lever_survives_a_restart(house: &House) {
    let desk = here(house).await;
    let reason = "Works on the network".to_owned();
    ask(
        &desk,
        Command::HoldAutomation {
            reason: reason.clone(),
        },
    )
    .await
    .unwrap();
    drop(desk);
    let desk = house.node("here").await;
    let held = desk.world().automation.clone().unwrap();
    assert!(matches!(&*held, Held { by, reason: r, .. } if by == "Jane Doe" && *r == reason));
    observe(&desk, Health::MajorOutage).await;
    watch(house, &desk, "none").await.unwrap();
    watch(house, &desk, "run-1").await.unwrap();
    assert_eq!(state(&desk), State::Detected, "seen, and not acted on");
    let released = Command::ReleaseAutomation {
        reason: String::new(),
    };
    ask(&desk, released).await.unwrap();
    watch(house, &desk, "run-2").await.unwrap();
    assert_eq!(state(&desk), State::Fencing);
}

async fn a_trigger_pressed_twice_is_one_failover(house: &House) {
    let desk = here(house).await;
    let presses = (0..6).map(|n| {
        let command = Command::TriggerFailover {
            service: SERVICE.into(),
            run: format!("run-{n}").into(),
            incident: None,
            sight: (n % 2 == 0).then(|| sight(house)),
            risk: "data loss is accepted".into(),
        };
        desk.execute(Request::new(&jane(), command).key("press"))
    });
    let receipts: Vec<_> = join_all(presses)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(receipts.iter().filter(|r| !r.replayed).count(), 1);
    let again = Command::TriggerFailover {
        service: SERVICE.into(),
        run: "again".into(),
        incident: None,
        sight: Some(sight(house)),
        risk: String::new(),
    };
    assert_eq!(why(ask(&desk, again).await), Why::Conflict);
    assert_eq!(desk.world().runs.len(), 1);
}
