//! What providers tell later.

use crate::{
    house::*,
    on_both_engines,
    provider::{Answer, Node, Provider, connected, declare, node},
};
use domain::{
    notify::{Delivery, Via},
    plan::Channel,
    *,
};
use engine::{
    channels::Outcome,
    notify::{Receipt, Which},
};

on_both_engines! {
    a_receipt_goes_forward_only
    a_call_that_nobody_answers_is_made_again_and_then_left_to_the_escalation
    a_call_that_reports_though_its_answer_was_lost_is_not_made_again
}

async fn a_receipt_goes_forward_only(house: &House) {
    let provider = Provider::default();
    let node = node(house, &provider).await;
    let incident = declare(&node, Severity::Sev1).await;
    let id = node.settled(&incident).await[0].id.clone();
    let state = async |receipt| {
        assert!(node.outbox.receipt(Which::Id(&id), receipt).await.unwrap());
        node.desk
            .store()
            .notification(&id)
            .await
            .unwrap()
            .unwrap()
            .state
    };
    assert_eq!(state(Receipt::Read).await, "read");
    assert_eq!(
        state(Receipt::Delivered).await,
        "read",
        "a late one changes nothing"
    );
    assert_eq!(state(Receipt::Failed("no".into())).await, "read");
    assert_eq!(state(Receipt::Unanswered("no".into())).await, "read");
    assert!(
        !node
            .outbox
            .receipt(Which::Id("99.0"), Receipt::Read)
            .await
            .unwrap()
    );
    assert!(
        !node
            .outbox
            .receipt(Which::Provider("x"), Receipt::Read)
            .await
            .unwrap()
    );
    node.settled(&incident).await;
    let comms = house.replay().await.comms[&incident].clone();
    assert_eq!(
        comms.told(Channel::Phone, "John Smith").unwrap().state,
        Delivery::Read
    );
}

async fn a_call_that_nobody_answers_is_made_again_and_then_left_to_the_escalation(house: &House) {
    let provider = Provider::default();
    let node = node(house, &provider).await;
    let incident = declare(&node, Severity::Sev1).await;
    // Its escalation is another matter.
    let acknowledge = Command::Acknowledge {
        incident: incident.clone(),
        via: Via::Page,
    };
    ask(&node.desk, acknowledge).await.unwrap();
    let id = node.settled(&incident).await[0].id.clone();
    for attempt in 1..=3 {
        node.until(&id, |n| n.state == "sent" && n.attempts == attempt)
            .await;
        for _ in 0..2 {
            // Providers tell it twice at times.
            let receipt = Receipt::Unanswered("no answer".into());
            node.outbox.receipt(Which::Id(&id), receipt).await.unwrap();
        }
        house.wait(Span::secs(150));
    }
    let row = node.until(&id, |n| n.state == "failed").await;
    assert_eq!((row.attempts, row.why.as_str()), (3, "no answer"));
    let calls = provider.got().iter().filter(|m| m.id == id).count();
    assert_eq!(calls, 3);
    assert!(provider.got().iter().all(|m| m.doubt.is_none()));
}

async fn a_call_that_reports_though_its_answer_was_lost_is_not_made_again(house: &House) {
    let provider = Provider::default();
    let lost = Outcome::Doubtful {
        why: "no answer".into(),
    };
    provider.answers(Channel::Phone, [Answer::Is(lost)]);
    let desk = house.node("here").await;
    let mut plan = connected();
    plan.communication.matrix[1].channels = vec![Channel::Phone];
    put_in_force(&desk, plan).await;
    let node = Node::start(desk, &provider);
    let incident = declare(&node, Severity::Sev2).await;
    let id = node.rows(&incident).await[0].id.clone();
    node.until(&id, |n| n.state == "failed_temporarily").await;
    let taken = |number| {
        let receipt = Receipt::Taken("CA1".into());
        node.outbox.receipt(Which::Try(&id, number), receipt)
    };
    assert!(taken(2).await.unwrap());
    node.until(&id, |n| n.state == "failed_temporarily").await;
    assert!(taken(1).await.unwrap());
    let row = node.until(&id, |n| n.state == "sent").await;
    assert_eq!(row.provider_id.as_deref(), Some("CA1"));
    // What is told of it from now on is known by its name, and a late word of an earlier try is passed over.
    let unanswered = Receipt::Unanswered("the line was busy".into());
    node.outbox
        .receipt(Which::Provider("CA1"), unanswered)
        .await
        .unwrap();
    node.until(&id, |n| n.state == "failed_temporarily").await;
    assert!(taken(1).await.unwrap());
    node.until(&id, |n| n.state == "failed_temporarily").await;
    house.wait(Span::secs(150));
    let row = node
        .until(&id, |n| n.state == "sent" && n.attempts == 2)
        .await;
    assert_eq!(row.certain, 2);
    let calls: Vec<u32> = provider
        .got()
        .iter()
        .filter(|m| m.id == id)
        .map(|m| m.attempt)
        .collect();
    assert_eq!(calls, [1, 2]);
}
