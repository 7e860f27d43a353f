//! A window begins and ends once, on however many nodes, and goes on after a restart.

use crate::{house::*, on_both_engines};
use domain::*;
use engine::Desk;

on_both_engines! {
    a_window_begins_once_on_two_nodes
    a_window_goes_on_after_a_restart_and_tells_what_fails_then
    a_window_scheduled_twice_under_one_key_is_one
    a_change_under_an_old_version_is_refused
}

const SERVICE: &str = "orders-api";

fn schedule(house: &House) -> Command {
    let from = house.clock.now().plus(Span::secs(60));
    Command::ScheduleMaintenance {
        title: "New disks".into(),
        message: String::new(),
        services: vec![SERVICE.into()],
        from,
        until: from.plus(Span::secs(3_600)),
        public: true,
    }
}

async fn observe(desk: &Desk, health: Health) {
    let command = Command::Observe {
        service: SERVICE.into(),
        health,
        because: "connection refused".into(),
        since: desk.clock().now(),
    };
    let request = engine::Request::new(&worker(), command);
    desk.execute(request).await.unwrap();
}

fn moves(world: &World) -> usize {
    world.maintenances.values().map(|m| m.updates.len()).sum()
}

async fn a_window_begins_once_on_two_nodes(house: &House) {
    let (here, there) = (house.desk().await, house.node("there").await);
    let receipt = ask(&here, schedule(house)).await.unwrap();
    caught_up(&there, receipt.seq).await;
    house.wait(Span::secs(60));
    for _ in 0..3 {
        tokio::join!(
            engine::maintenance::advance(&here),
            engine::maintenance::advance(&there)
        );
    }
    let head = house.verified().await;
    let world = caught_up(&there, head).await;
    assert_eq!(moves(&world), 2, "scheduled, and begun once");
    assert_eq!(world.health(&SERVICE.into()), Health::Maintenance);
    assert_eq!(*world, *caught_up(&here, head).await);
}

async fn a_window_goes_on_after_a_restart_and_tells_what_fails_then(house: &House) {
    let desk = house.desk().await;
    observe(&desk, Health::Operational).await;
    let id = ask(&desk, schedule(house))
        .await
        .unwrap()
        .maintenance
        .unwrap();
    house.wait(Span::secs(60));
    engine::maintenance::advance(&desk).await;
    let before = desk.world().maintenances.clone();
    drop(desk);

    let desk = house.node("here").await;
    let world = desk.world();
    assert_eq!(
        (&world.maintenances, world.health(&SERVICE.into())),
        (&before, Health::Maintenance)
    );
    assert_eq!(
        world.found(&SERVICE.into()),
        Health::NoData,
        "it has looked at nothing yet"
    );
    observe(&desk, Health::MajorOutage).await;
    assert_eq!(desk.world().health(&SERVICE.into()), Health::Maintenance);
    let end = Command::MoveMaintenance {
        maintenance: id,
        to: Stage::Completed,
        message: String::new(),
    };
    ask(&desk, end).await.unwrap();
    assert_eq!(desk.world().health(&SERVICE.into()), Health::MajorOutage);
    drop(desk);

    let desk = house.node("here").await;
    assert!(
        desk.world().maintenances.is_empty(),
        "what is over stays in the database"
    );
    let next = ask(&desk, schedule(house)).await.unwrap().maintenance;
    assert_eq!(
        next,
        Some("MNT-2026-002".into()),
        "no number is given twice"
    );
    house.verified().await;
}

async fn a_window_scheduled_twice_under_one_key_is_one(house: &House) {
    let desk = house.desk().await;
    let press = || engine::Request::new(&jane(), schedule(house)).key("press");
    let first = desk.execute(press()).await.unwrap();
    let again = desk.execute(press()).await.unwrap();
    assert_eq!(
        (again.replayed, again.maintenance),
        (true, first.maintenance)
    );
    assert_eq!(desk.world().maintenances.len(), 1);
}

async fn a_change_under_an_old_version_is_refused(house: &House) {
    let desk = house.desk().await;
    let receipt = ask(&desk, schedule(house)).await.unwrap();
    let begin = |version| {
        let command = Command::MoveMaintenance {
            maintenance: receipt.maintenance.clone().unwrap(),
            to: Stage::InProgress,
            message: String::new(),
        };
        engine::Request::new(&jane(), command).expecting(Some(version))
    };
    assert_eq!(
        why(desk.execute(begin(receipt.seq - 1)).await),
        Why::Conflict
    );
    desk.execute(begin(receipt.seq)).await.unwrap();
}
