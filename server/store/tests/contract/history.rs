//! What became of the services: days are added to, spells replaced.

use store::testing::Database;
use store::{Batch, HistoryDay, HistorySpell, Store};

use crate::on_both_engines;

on_both_engines! {
    a_day_is_added_to_and_a_spell_replaced
    days_are_paged_in_their_order
    what_is_not_committed_adds_nothing
}

fn day(day: i64, service: &str, operational: i64, changes: i64) -> HistoryDay {
    HistoryDay {
        day,
        service: service.into(),
        operational,
        major_outage: 7,
        changes,
        ..HistoryDay::default()
    }
}

fn spell(service: &str, health: &str, seen: i64) -> HistorySpell {
    HistorySpell {
        service: service.into(),
        health: health.into(),
        since: 10,
        seen,
    }
}

async fn write(store: &Store, history_days: Vec<HistoryDay>, history_spells: Vec<HistorySpell>) {
    let batch = Batch {
        history_days,
        history_spells,
        ..Batch::default()
    };
    let mut tx = store.begin().await.unwrap();
    tx.write(&batch).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_day_is_added_to_and_a_spell_replaced(database: &Database) {
    let store = database.open().await;
    let first = vec![
        spell("api", "operational", 20),
        spell("web", "degraded", 20),
    ];
    write(&store, vec![day(5, "api", 100, 1)], first).await;
    let second = vec![spell("api", "major_outage", 30)];
    write(
        &store,
        vec![day(5, "api", 20, 2), day(6, "api", 3, 0)],
        second,
    )
    .await;
    let days = store.history_days((0, ""), 10).await.unwrap();
    let sum = HistoryDay {
        major_outage: 14,
        ..day(5, "api", 120, 3)
    };
    assert_eq!(days, [sum, day(6, "api", 3, 0)]);
    let mut tx = store.begin().await.unwrap();
    let spells = tx.history_spells("", 10).await.unwrap();
    assert_eq!(
        spells,
        [
            spell("api", "major_outage", 30),
            spell("web", "degraded", 20)
        ]
    );
    assert_eq!(tx.history_spells("api", 10).await.unwrap(), spells[1..]);
}

async fn days_are_paged_in_their_order(database: &Database) {
    let store = database.open().await;
    let many: Vec<_> = (0..3)
        .flat_map(|d| (0..200).map(move |s| day(d, &format!("s{s:03}"), 1, 0)))
        .collect();
    write(&store, many.iter().rev().cloned().collect(), Vec::new()).await;
    let (mut found, mut after) = (Vec::new(), (0, String::from("s150")));
    loop {
        let page = store.history_days((after.0, &after.1), 64).await.unwrap();
        let Some(last) = page.last() else { break };
        after = (last.day, last.service.clone());
        found.extend(page);
    }
    assert_eq!(found, many[151..]);
}

async fn what_is_not_committed_adds_nothing(database: &Database) {
    let store = database.open().await;
    let batch = Batch {
        history_days: vec![day(5, "api", 100, 1)],
        ..Batch::default()
    };
    let mut tx = store.begin().await.unwrap();
    tx.write(&batch).await.unwrap();
    tx.rollback().await.unwrap();
    assert!(store.history_days((0, ""), 10).await.unwrap().is_empty());
}
