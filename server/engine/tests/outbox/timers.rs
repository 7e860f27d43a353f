//! What is done because nothing happened.

use crate::{
    house::*,
    on_both_engines,
    provider::{Node, Provider, declare, node},
};
use domain::{notify::Via, plan::Channel, *};

on_both_engines! {
    nobody_acknowledges_and_the_next_level_is_asked
    a_word_on_time_asks_nobody_else
    two_nodes_ask_the_next_level_once
    an_update_that_is_due_is_asked_for
    a_restart_does_not_forget_what_is_due
}

fn level(desk: &engine::Desk, incident: &Number) -> u8 {
    desk.world().comms[incident].level
}

async fn reached(desk: &engine::Desk, incident: &Number, at_least: u8) {
    let mut world = desk.watch();
    let there = world.wait_for(|w| w.comms.get(incident).is_some_and(|c| c.level >= at_least));
    let there = tokio::time::timeout(std::time::Duration::from_secs(20), there).await;
    assert!(there.is_ok(), "level {}", level(desk, incident));
}

async fn nobody_acknowledges_and_the_next_level_is_asked(house: &House) {
    let provider = Provider::default();
    let node = node(house, &provider).await;
    let incident = declare(&node, Severity::Sev1).await;
    node.settled(&incident).await;
    house.wait(Span::secs(5 * 60 - 1));
    declare(&node, Severity::Sev3).await;
    provider.until(5).await;
    assert_eq!(level(&node.desk, &incident), 1, "not a second too soon");
    house.wait(Span::secs(1));
    reached(&node.desk, &incident, 2).await;
    let rows = node.settled(&incident).await;
    let asked: Vec<_> = rows.iter().filter(|n| n.cause == "escalation-2").map(|n| (n.channel.as_str(), n.person.as_str())).collect();
    assert_eq!(
        asked,
        [("phone", "Jane Doe"), ("phone", "John Smith"), ("slack", "ops")],
        "the secondary contact, and the primary once more"
    );
    house.wait(Span::secs(5 * 60));
    reached(&node.desk, &incident, 3).await;
    house.wait(Span::secs(3600));
    let other = declare(&node, Severity::Sev3).await;
    node.settled(&other).await;
    assert_eq!(level(&node.desk, &incident), 3, "there it ends");
    house.verified().await;
}

async fn a_word_on_time_asks_nobody_else(house: &House) {
    let provider = Provider::default();
    let node = node(house, &provider).await;
    let incident = declare(&node, Severity::Sev1).await;
    house.wait(Span::secs(5 * 60 - 1));
    let acknowledge = Command::Acknowledge {
        incident: incident.clone(),
        via: Via::Link,
    };
    ask(&node.desk, acknowledge).await.unwrap();
    house.wait(Span::secs(3600));
    let other = declare(&node, Severity::Sev3).await;
    node.settled(&other).await;
    assert_eq!(level(&node.desk, &incident), 1);
    assert!(provider.addresses().iter().filter(|a| a.starts_with("phone")).count() == 2);
}

async fn two_nodes_ask_the_next_level_once(house: &House) {
    let provider = Provider::default();
    let here = node(house, &provider).await;
    let there = Node::start(house.node("there").await, &provider);
    let incident = declare(&here, Severity::Sev1).await;
    caught_up(&there.desk, here.desk.world().seq).await;
    house.wait(Span::secs(5 * 60));
    reached(&here.desk, &incident, 2).await;
    reached(&there.desk, &incident, 2).await;
    here.settled(&incident).await;
    let store = here.desk.store();
    let events = store.stream(&format!("incident/{incident}"), 0, 1000).await.unwrap();
    let asked = events.iter().filter(|r| r.kind == "escalated").count();
    assert_eq!(asked, 1);
}

async fn an_update_that_is_due_is_asked_for(house: &House) {
    let provider = Provider::default();
    let node = node(house, &provider).await;
    let incident = declare(&node, Severity::Sev2).await;
    let acknowledge = Command::Acknowledge {
        incident: incident.clone(),
        via: Via::Page,
    };
    ask(&node.desk, acknowledge).await.unwrap();
    node.settled(&incident).await;
    house.wait(Span::secs(15 * 60));
    let got = provider.until(3).await;
    let mut reminders: Vec<_> = got[1..].iter().map(|m| (m.address.channel(), m.text.as_str())).collect();
    reminders.sort();
    assert_eq!(
        reminders,
        [(Channel::Sms, "The next public update is due"), (Channel::Email, "The next public update is due")]
    );
    ask(&node.desk, update(&incident, "We look.")).await.unwrap();
    node.settled(&incident).await;
    house.wait(Span::secs(29 * 60));
    let other = declare(&node, Severity::Sev3).await;
    node.settled(&other).await;
    let reminded = node.rows(&incident).await.iter().filter(|n| n.cause == "reminder").count();
    assert_eq!(reminded, 2, "the next one is not due yet");
}

async fn a_restart_does_not_forget_what_is_due(house: &House) {
    let provider = Provider::default();
    let first = node(house, &provider).await;
    let incident = declare(&first, Severity::Sev1).await;
    first.settled(&incident).await;
    drop(first);
    // It was down when the time came.
    house.wait(Span::secs(5 * 60));
    let second = Node::start(house.node("here").await, &provider);
    reached(&second.desk, &incident, 2).await;
}
