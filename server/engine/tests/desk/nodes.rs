//! Several nodes on one database.

use crate::{house::*, on_both_engines};
use domain::*;
use engine::Desk;
use futures::future::join_all;
use std::collections::BTreeSet;

on_both_engines! {
    two_desks_on_one_database_never_disagree
    what_another_node_did_to_a_closed_incident_is_folded_in_once
    a_plan_put_in_force_on_one_node_is_in_force_on_all
}

async fn two_desks_on_one_database_never_disagree(house: &House) {
    const EACH: usize = 30;
    let nodes = [house.desk().await, house.node("there").await];
    caught_up(&nodes[1], 1).await;

    let work = async |desk: Desk, who: &str, n: usize| -> Number {
        let incident = declared(&desk, &format!("Trouble {n} of {who}")).await;
        ask(&desk, update(&incident, "We are looking."))
            .await
            .unwrap();
        ask(&desk, note(&incident, &format!("note {n} of {who}")))
            .await
            .unwrap();
        if n.is_multiple_of(3) {
            ask(&desk, resolve(&incident)).await.unwrap();
        }
        incident
    };
    let all = join_all(
        (0..2 * EACH).map(|n| work(nodes[n % 2].clone(), ["here", "there"][n % 2], n / 2)),
    )
    .await;
    assert_eq!(
        all.iter().collect::<BTreeSet<_>>().len(),
        2 * EACH,
        "no number is given twice"
    );

    // Each goes on with what the other began.
    join_all(all.iter().enumerate().map(|(n, incident)| {
        ask(
            &nodes[(n + 1) % 2],
            note(incident, "seen from the other side"),
        )
    }))
    .await
    .into_iter()
    .for_each(|answer| {
        answer.unwrap();
    });

    let head = house.verified().await;
    // With each declaration goes a line of whom it tells.
    let expected = 1 + 2 * EACH * 5 + 2 * EACH / 3;
    assert_eq!(
        head, expected as u64,
        "the log is gap-free and holds all of it"
    );
    let worlds = [
        caught_up(&nodes[0], head).await,
        caught_up(&nodes[1], head).await,
    ];
    assert_eq!(worlds[0], worlds[1]);
    assert_eq!(*worlds[0], house.replay().await);
    for node in &nodes {
        assert_eq!(
            told(node),
            (1..=head).collect::<Vec<_>>(),
            "every reader is told all of it, in order"
        );
    }
}

/// The numbers of all that a reader of this node is sent.
fn told(node: &Desk) -> Vec<u64> {
    let (mut place, mut told) = (0, Vec::new());
    while let Some(frames) = node.live_after(place).unwrap() {
        let bytes = frames.after(place);
        let lines = std::str::from_utf8(&bytes).unwrap().lines();
        told.extend(lines.filter_map(|l| l.strip_prefix("id: ")?.parse::<u64>().ok()));
        place = frames.last();
    }
    told
}

async fn what_another_node_did_to_a_closed_incident_is_folded_in_once(house: &House) {
    let here = house.desk().await;
    let incident = declared(&here, "Orders are failing").await;
    ask(&here, resolve(&incident)).await.unwrap();

    // Opened when it was closed: it does not hold it, and meets it again as a document that is ahead of the log's reader.
    let there = house.node("there").await;
    assert!(there.world().open_incidents().is_empty());
    ask(&here, reopen(&incident)).await.unwrap();
    ask(&here, update(&incident, "It is back.")).await.unwrap();
    ask(
        &here,
        Command::AddTask {
            incident: incident.clone(),
            title: "Find out why".into(),
            owner: "Bob".into(),
            minutes: 5,
        },
    )
    .await
    .unwrap();
    started(&here, "run-1", Some(&incident)).await;

    let head = house.verified().await;
    let world = caught_up(&there, head).await;
    assert_eq!(
        world.incidents[&incident],
        here.world().incidents[&incident]
    );
    assert_eq!(
        *world.incidents[&incident],
        *house.replay().await.incidents[&incident]
    );
    assert_eq!(world.runs, here.world().runs);
}

async fn a_plan_put_in_force_on_one_node_is_in_force_on_all(house: &House) {
    let here = house.desk().await;
    let there = house.node("there").await;
    let mut changed = plan();
    changed.checklist.emergency.push("Call the vendor".into());
    let hash = put_in_force(&here, changed.clone()).await;
    caught_up(&there, house.verified().await).await;
    assert_eq!(there.plan().hash, Some(hash));
    assert_eq!(*there.plan().plan, changed);
    let incident = declared(&there, "Orders are failing").await;
    assert_eq!(
        there.world().incidents[&incident]
            .checklist
            .last()
            .unwrap()
            .text,
        "Call the vendor"
    );
}
