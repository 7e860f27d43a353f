//! Muster notices when it does not do what it should.

use crate::{
    house::*,
    on_both_engines,
    provider::{Node, Provider, connected, declare, grave, later, node},
};
use domain::{notify::Delivery, *};
use engine::notify::STUCK;
use std::time::Duration;

on_both_engines! {
    a_lost_notification_is_noticed_within_a_minute_and_told_once
    what_waits_for_its_time_is_not_stuck
}

async fn stuck(desk: &engine::Desk) -> Number {
    let mut world = desk.watch();
    let there = world.wait_for(|w| w.incidents.values().any(|i| i.title == STUCK));
    let there = tokio::time::timeout(Duration::from_secs(20), there).await;
    let world = there.expect("noticed").unwrap();
    let mut found = world.incidents.values().filter(|i| i.title == STUCK);
    let number = found.next().unwrap().number.clone();
    assert_eq!(found.count(), 0, "once");
    number
}

async fn a_lost_notification_is_noticed_within_a_minute_and_told_once(house: &House) {
    let provider = Provider::default();
    let desk = house.node("here").await;
    put_in_force(&desk, connected()).await;
    // Nothing is sent yet, and one of them gets lost.
    let incident = ask(&desk, grave(Severity::Sev3)).await.unwrap().incident.unwrap();
    house.database.execute("DELETE FROM notification").await.unwrap();
    let told = desk.world().comms[&incident].told.values().next().unwrap().clone();
    assert!(told.values().all(|t| t.state == Delivery::Pending));
    let node = Node::start(desk, &provider);
    for _ in 0..6 {
        house.wait(Span::secs(10));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let number = stuck(&node.desk).await;
    let declared = node.desk.world().incidents[&number].clone();
    assert!(!declared.public && !declared.quiet);
    assert_eq!(declared.declared_by, "self-audit");
    assert!(!node.outbox.is_sound().await, "whoever watches us from outside is not told that all is well");
    for _ in 0..6 {
        house.wait(Span::secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stuck(&node.desk).await, number, "not again and again");
    node.settled(&number).await;
    assert!(!provider.got().is_empty(), "it is told like any other");
}

async fn what_waits_for_its_time_is_not_stuck(house: &House) {
    let provider = Provider::default();
    provider.answers(domain::plan::Channel::Slack, vec![later(Some(Span::secs(3600))); 2]);
    let node = node(house, &provider).await;
    declare(&node, Severity::Sev3).await;
    provider.until(1).await;
    for _ in 0..20 {
        house.wait(Span::secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(node.outbox.is_sound().await);
    assert_eq!(node.desk.world().incidents.len(), 1);
}
