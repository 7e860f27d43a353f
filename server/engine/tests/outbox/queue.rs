//! The queue of a channel: retries, leases, rates, bundles, receipts.

use crate::{
    house::*,
    on_both_engines,
    provider::{Answer, Node, Provider, connected, declare, grave, later, node},
};
use domain::{notify::Delivery, plan::Channel, *};
use engine::{
    channels::{Doubt, Outcome},
    notify::{Receipt, Which},
};

on_both_engines! {
    what_was_declared_is_sent_and_the_timeline_says_so
    a_provider_that_is_busy_is_tried_again_and_not_before_it_asked
    what_is_refused_for_good_is_not_tried_again
    a_channel_that_hangs_delays_no_other
    what_is_claimed_and_cannot_be_begun_is_put_back_as_if_it_had_not_been
    what_a_killed_node_was_sending_is_tried_again_and_known_to_be_doubtful
    another_node_takes_over_from_a_dead_one
    who_cannot_be_reached_for_days_is_given_up
    nobody_is_called_more_often_than_the_rules_say
    several_small_things_for_one_address_go_as_one_message
    nobody_is_woken_for_what_is_over
    held_messages_go_out_at_their_time
}

async fn what_was_declared_is_sent_and_the_timeline_says_so(house: &House) {
    let provider = Provider::default();
    let node = node(house, &provider).await;
    let incident = declare(&node, Severity::Sev1).await;
    let got = provider.until(4).await;
    let mut to = provider.addresses();
    to.sort();
    assert_eq!(
        to,
        [
            "email:cto@example.com",
            "email:devops@example.com",
            "phone:+15550001",
            "phone:+15550002"
        ]
    );
    for message in &got {
        let brief = message.incident.as_ref().unwrap();
        assert_eq!(
            (&brief.number, brief.title.as_str()),
            (&incident, "Orders are failing")
        );
        assert_eq!(brief.affected, ["Orders"]);
        assert_eq!(message.attempt, 1);
        assert_eq!(message.doubt, None);
        let link = message.acknowledge.as_deref().unwrap();
        assert!(
            link.starts_with("https://muster.example.org/ack/"),
            "{link}"
        );
    }
    let rows = node.settled(&incident).await;
    assert!(
        rows.iter()
            .all(|n| n.state == "sent" && n.sent_at.is_some())
    );
    let replayed = house.replay().await;
    let told = &replayed.comms[&incident].told;
    let states: Vec<Delivery> = told
        .values()
        .flat_map(|p| p.values())
        .map(|t| t.state)
        .collect();
    assert_eq!(states, [Delivery::Sent; 4]);
    assert_eq!(
        node.desk.world().comms[&incident],
        replayed.comms[&incident]
    );
    house.verified().await;
}

async fn a_provider_that_is_busy_is_tried_again_and_not_before_it_asked(house: &House) {
    let provider = Provider::default();
    provider.answers(Channel::Slack, [later(None), later(Some(Span::secs(90)))]);
    let node = node(house, &provider).await;
    let incident = declare(&node, Severity::Sev3).await;
    provider.until(1).await;
    let id = node.rows(&incident).await[0].id.clone();
    let waits = |after: Stamp| {
        move |n: &store::Notification| n.state == "failed_temporarily" && n.next_at > Some(after.0)
    };
    let start = node.desk.clock().now();
    let row = node.until(&id, waits(start)).await;
    assert!(
        row.next_at.unwrap() <= start.0 + 1_200_000,
        "a second, more or less"
    );
    house.wait(Span::secs(2));
    provider.until(2).await;
    let row = node.until(&id, waits(node.desk.clock().now())).await;
    assert_eq!(
        row.next_at,
        Some(start.0 + 92_000_000),
        "as long as it asked for"
    );
    house.wait(Span::secs(89));
    assert_eq!(node.until(&id, |n| n.attempts == 2).await.attempts, 2);
    house.wait(Span::secs(1));
    let got = provider.until(3).await;
    assert_eq!(got.iter().map(|m| m.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(
        got.iter().all(|m| m.id == got[0].id),
        "the same for every try"
    );
    let tries = node.desk.store().attempts(&id).await.unwrap();
    node.settled(&incident).await;
    assert_eq!(
        tries[..2]
            .iter()
            .map(|a| a.outcome.as_str())
            .collect::<Vec<_>>(),
        ["later", "later"]
    );
}

async fn what_is_refused_for_good_is_not_tried_again(house: &House) {
    let provider = Provider::default();
    let never = Outcome::Never {
        why: "no such channel".into(),
    };
    provider.answers(Channel::Slack, [Answer::Is(never)]);
    let node = node(house, &provider).await;
    let incident = declare(&node, Severity::Sev3).await;
    let rows = node.settled(&incident).await;
    assert_eq!(
        (rows[0].state.as_str(), rows[0].why.as_str()),
        ("failed", "no such channel")
    );
    house.wait(Span::secs(86_400));
    // Something else passes through the same queue.
    let second = declare(&node, Severity::Sev3).await;
    node.settled(&second).await;
    assert_eq!(
        provider.first_words().len(),
        2,
        "a day is full of reminders"
    );
}

async fn a_channel_that_hangs_delays_no_other(house: &House) {
    let provider = Provider::default();
    provider.answers(Channel::Phone, vec![Answer::Hangs; 100]);
    let node = node(house, &provider).await;
    let mut last = None;
    for _ in 0..40 {
        last = Some(declare(&node, Severity::Sev1).await);
    }
    // More calls hang than may be on their way; all mails are there.
    for incident in node.desk.world().incidents.keys() {
        for row in node.rows(incident).await {
            if row.channel == "email" {
                node.until(&row.id, |n| n.state == "sent").await;
            }
        }
    }
    assert_eq!(node.desk.world().incidents.len(), 40, "{last:?}");
    let calls = provider
        .addresses()
        .iter()
        .filter(|a| a.starts_with("phone"))
        .count();
    assert_eq!(calls, 32, "so many at once and no more");
}

async fn what_is_claimed_and_cannot_be_begun_is_put_back_as_if_it_had_not_been(house: &House) {
    let provider = Provider::default();
    let well = Outcome::Sent { provider_id: None };
    provider.answers(Channel::Phone, vec![Answer::Is(well); 8]);
    provider.answers(Channel::Phone, vec![Answer::Hangs; 100]);
    let desk = house.node("here").await;
    put_in_force(&desk, connected()).await;
    for _ in 0..40 {
        ask(&desk, grave(Severity::Sev1)).await.unwrap();
    }
    let node = Node::start(desk, &provider);
    let mut calls = Vec::new();
    for incident in node.desk.world().incidents.keys() {
        let rows = node.rows(incident).await.into_iter();
        calls.extend(rows.filter(|n| n.channel == "phone").map(|n| n.id));
    }
    let mut leases = Vec::new();
    for id in &calls[..64] {
        let row = node.until(id, |n| n.attempts == 1).await;
        leases.push((id, row.next_at));
    }
    provider.until(120).await;
    let begun: Vec<String> = provider.got().into_iter().map(|m| m.id).collect();
    let in_hand = leases.iter().filter(|(id, _)| !begun.contains(id));
    assert_eq!(in_hand.clone().count(), 24, "8 are made, and 32 hang");
    house.wait(Span::secs(11));
    for (id, lease) in in_hand {
        let row = node.until(id, |n| n.next_at != *lease).await;
        assert!(!row.is_doubtful(), "{row:?}");
    }
    let called = |a: &&String| a.starts_with("phone");
    assert_eq!(provider.addresses().iter().filter(called).count(), 40);
}

async fn what_a_killed_node_was_sending_is_tried_again_and_known_to_be_doubtful(house: &House) {
    let provider = Provider::default();
    provider.answers(Channel::Slack, [Answer::Hangs]);
    let first = node(house, &provider).await;
    let start = first.desk.clock().now();
    let incident = declare(&first, Severity::Sev3).await;
    provider.until(1).await;
    drop(first);
    house.wait(Span::secs(10));
    let second = Node::start(house.node("here").await, &provider);
    let got = provider.until(2).await;
    assert_eq!(
        (got[0].doubt.clone(), got[1].doubt.clone()),
        (
            None,
            Some(Doubt {
                since: start,
                tries: 1..=1
            })
        )
    );
    assert_eq!((&got[1].id, got[1].attempt), (&got[0].id, 2));
    let rows = second.settled(&incident).await;
    assert_eq!(rows[0].state, "sent");
}

async fn another_node_takes_over_from_a_dead_one(house: &House) {
    let provider = Provider::default();
    provider.answers(Channel::Slack, [Answer::Hangs]);
    let dead = node(house, &provider).await;
    let alive = Node::start(house.node("there").await, &provider);
    caught_up(&alive.desk, 1).await;
    let incident = declare(&dead, Severity::Sev3).await;
    provider.until(1).await;
    let row = dead.rows(&incident).await.remove(0);
    let (gone, left) = match row.leased_by.as_deref() {
        Some("here") => (dead, alive),
        _ => (alive, dead),
    };
    drop(gone);
    house.wait(Span::secs(121));
    provider.until(2).await;
    assert_eq!(left.settled(&incident).await[0].state, "sent");
}

async fn who_cannot_be_reached_for_days_is_given_up(house: &House) {
    let provider = Provider::default();
    provider.answers(Channel::Slack, vec![later(None); 1000]);
    let node = node(house, &provider).await;
    let incident = declare(&node, Severity::Sev3).await;
    let id = node.rows(&incident).await[0].id.clone();
    let mut tries = 0;
    while node
        .desk
        .store()
        .notification(&id)
        .await
        .unwrap()
        .unwrap()
        .next_at
        .is_some()
    {
        tries += 1;
        provider.until(tries).await;
        let row = node
            .until(&id, |n| n.state != "sending" && n.attempts == tries as i64)
            .await;
        if let Some(next) = row.next_at {
            house.wait(Stamp(next).since(node.desk.clock().now()));
        }
    }
    let rows = node.settled(&incident).await;
    assert_eq!(rows[0].state, "failed");
    assert!((100..200).contains(&tries), "{tries} tries in three days");
}

async fn nobody_is_called_more_often_than_the_rules_say(house: &House) {
    let provider = Provider::default();
    let desk = house.node("here").await;
    let mut plan = connected();
    plan.communication.matrix[1].channels = vec![Channel::Phone];
    // Nobody else is asked meanwhile.
    for policy in &mut plan.communication.severities {
        policy.acknowledge_within = Some(Span::default());
    }
    put_in_force(&desk, plan).await;
    let node = Node::start(desk, &provider);
    let now = node.desk.clock().now();
    let calls = async |count: usize| {
        for _ in 0..count {
            let incident = declare(&node, Severity::Sev2).await;
            let id = node.rows(&incident).await[0].id.clone();
            node.until(&id, |n| {
                n.state == "sent" || n.state == "pending" && n.next_at > Some(now.0)
            })
            .await;
        }
        provider.got().len()
    };
    assert_eq!(calls(5).await, 3);
    // Whatever else is due, SEV1 comes through.
    let incident = declare(&node, Severity::Sev1).await;
    let rows = node.settled(&incident).await;
    assert!(rows.iter().all(|n| n.state == "sent"), "{rows:?}");
    house.wait(Span::secs(16 * 60));
    let last = node.rows(&Number::from("INC-2026-005")).await[0].id.clone();
    node.until(&last, |n| n.state == "sent").await;
    let got = provider.got();
    let call = got.iter().find(|m| m.id == last).unwrap();
    assert!(
        call.text.contains("INC-2026-004"),
        "both that waited are one call: {:?}",
        call.text
    );
}

async fn several_small_things_for_one_address_go_as_one_message(house: &House) {
    let provider = Provider::default();
    provider.answers(Channel::Email, vec![later(Some(Span::secs(600))); 3]);
    let node = node(house, &provider).await;
    let mut ids = Vec::new();
    for n in 1..=3 {
        let incident = declare(&node, Severity::Sev2).await;
        ids.push(node.rows(&incident).await[0].id.clone());
        provider.until(n).await;
        node.until(&ids[n - 1], |row| row.state == "failed_temporarily")
            .await;
    }
    house.wait(Span::secs(600));
    let got = provider.until(4).await;
    let message = &got[3];
    assert_eq!(message.id, ids[2], "the latest carries the others");
    for number in ["INC-2026-001", "INC-2026-002"] {
        assert!(
            message
                .text
                .contains(&format!("SEV2 {number} (declared): Orders are failing")),
            "{}",
            message.text
        );
    }
    for id in &ids {
        let row = node.until(id, |n| n.state == "sent").await;
        assert_eq!(
            row.provider_id.as_deref(),
            Some(format!("p-{}", ids[2]).as_str())
        );
    }
    assert_eq!(provider.got().len(), 4);
    // One receipt is for all of them.
    let theirs = format!("p-{}", ids[2]);
    let receipt = node
        .outbox
        .receipt(Which::Provider(&theirs), Receipt::Delivered);
    assert!(receipt.await.unwrap());
    for id in &ids {
        node.until(id, |n| n.state == "delivered").await;
    }
}

async fn nobody_is_woken_for_what_is_over(house: &House) {
    let provider = Provider::default();
    provider.answers(Channel::Phone, vec![later(Some(Span::secs(60))); 2]);
    let node = node(house, &provider).await;
    let incident = declare(&node, Severity::Sev1).await;
    provider.until(4).await;
    ask(&node.desk, resolve(&incident)).await.unwrap();
    provider.until(6).await;
    house.wait(Span::secs(60));
    let rows = node.settled(&incident).await;
    for row in rows.iter().filter(|n| n.channel == "phone") {
        assert_eq!(
            (row.state.as_str(), row.why.as_str()),
            ("suppressed", "resolved before it was sent")
        );
    }
    let calls = provider
        .addresses()
        .iter()
        .filter(|a| a.starts_with("phone"))
        .count();
    assert_eq!(calls, 2, "only the first tries");
}

async fn held_messages_go_out_at_their_time(house: &House) {
    let provider = Provider::default();
    let desk = house.node("here").await;
    let mut plan = connected();
    plan.communication.matrix[1].within = Span::secs(3 * 3600);
    let now = desk.clock().now();
    // 2026-11-22T14:00Z is 15:00 in Vienna.
    plan.contacts.emergency[1].timezone = Some("Europe/Vienna".into());
    plan.contacts.emergency[1].quiet_hours = Some(domain::plan::QuietHours {
        from: "13:00".parse().unwrap(),
        until: "17:30".parse().unwrap(),
    });
    put_in_force(&desk, plan).await;
    let node = Node::start(desk, &provider);
    let incident = declare(&node, Severity::Sev2).await;
    let row = node.rows(&incident).await.remove(0);
    let until = row.next_at.unwrap();
    assert_eq!(row.state, "held");
    let wait = Stamp(until).since(now);
    house.wait(Span(wait.0 - std::time::Duration::from_secs(1)));
    let other = declare(&node, Severity::Sev3).await;
    node.settled(&other).await;
    assert_eq!(provider.first_words(), ["slack:ops"], "not yet");
    house.wait(Span::secs(1));
    node.until(&row.id, |n| n.state == "sent").await;
    assert_eq!(provider.first_words()[1], "email:devops@example.com");
}
