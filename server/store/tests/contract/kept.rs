//! What is counted of the outbox's rows: what was in time, late, or not at all.

use super::on_both_engines;
use store::testing::Database;
use store::{Batch, Kept, Measure, Notification, Store};

on_both_engines! {
    first_words_are_counted_in_time_late_and_failed
    a_ways_last_success_and_failure_are_found
}

const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;
const T: i64 = 20_000 * DAY + 43_200 * SECOND;
const MEASURE: Measure<'static> = Measure {
    severity: "SEV1",
    channel: "phone",
    from: T - 30 * DAY,
    until: T + DAY,
    now: T + 3600 * SECOND,
    grace: 60 * SECOND,
    unreachable: ["no provider", "no address"],
};

fn row(place: i64, state: &str, sent_at: Option<i64>) -> Notification {
    let open = matches!(state, "pending" | "failed_temporarily");
    Notification {
        id: format!("7.{place}"),
        rank: 7000 + place,
        incident: Some("INC-2026-001".into()),
        about: 6,
        cause: "declared".into(),
        severity: Some("SEV1".into()),
        audience: "all".into(),
        person: format!("Person {place}"),
        channel: "phone".into(),
        address: Some(format!("+1555{place:04}")),
        state: state.into(),
        due: T,
        not_before: None,
        next_at: open.then_some(T),
        attempts: 1,
        certain: 0,
        leased_by: None,
        first_at: Some(T + place),
        sent_at,
        delivered_at: None,
        read_at: None,
        provider_id: None,
        why: String::new(),
        untold: false,
        created_at: T,
    }
}

async fn put(store: &Store, rows: Vec<Notification>) {
    let mut tx = store.begin().await.unwrap();
    tx.write(&Batch {
        notifications: rows,
        ..Batch::default()
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

async fn first_words_are_counted_in_time_late_and_failed(database: &Database) {
    let store = database.open().await;
    let unreachable = |why: &str| Notification {
        address: None,
        why: why.into(),
        ..row(5, "suppressed", None)
    };
    let drill = Notification {
        id: "7.6".into(),
        ..unreachable("a drill reaches nobody")
    };
    let update = Notification {
        cause: "update".into(),
        ..row(7, "sent", Some(T))
    };
    let old = Notification {
        due: T - 31 * DAY,
        ..row(8, "sent", Some(T))
    };
    let yesterday = Notification {
        due: T - DAY,
        channel: "email".into(),
        severity: Some("SEV2".into()),
        ..row(9, "sent", Some(T - DAY))
    };
    let later = Notification {
        due: T + DAY,
        ..row(10, "pending", None)
    };
    let rows = vec![
        row(0, "sent", Some(T)),
        row(1, "delivered", Some(T + 60 * SECOND)),
        row(2, "sent", Some(T + 61 * SECOND)),
        row(3, "failed_temporarily", None),
        row(4, "failed", None),
        // The provider took it, and nobody picked up.
        row(11, "failed", Some(T)),
        unreachable("no provider"),
        drill,
        update,
        old,
        yesterday,
        later,
    ];
    put(&store, rows).await;
    let kept = |measure| {
        let store = store.clone();
        async move {
            let Kept { met, late, failed } = store.kept(measure).await.unwrap();
            [met, late, failed]
        }
    };
    assert_eq!(kept(MEASURE).await, [2, 2, 3]);
    let second = Measure {
        severity: "SEV2",
        channel: "email",
        ..MEASURE
    };
    assert_eq!(kept(second).await, [1, 0, 0]);
    let none = Measure {
        from: T + 1,
        ..MEASURE
    };
    assert_eq!(kept(none).await, [0, 0, 0]);
}

async fn a_ways_last_success_and_failure_are_found(database: &Database) {
    let store = database.open().await;
    let post = |place, name: &str, state: &str, sent_at| Notification {
        channel: "slack".into(),
        address: Some(name.into()),
        ..row(place, state, sent_at)
    };
    put(
        &store,
        vec![
            row(0, "sent", Some(T)),
            row(1, "delivered", Some(T + 5)),
            row(2, "failed", None),
            post(3, "ops", "delivered", Some(T + 7)),
            post(4, "board", "failed_temporarily", None),
        ],
    )
    .await;
    assert_eq!(store.last_sent("phone", "").await.unwrap(), Some(T + 5));
    assert_eq!(store.last_sent("slack", "ops").await.unwrap(), Some(T + 7));
    assert_eq!(store.last_sent("slack", "board").await.unwrap(), None);
    let failed = store.last_failed("phone", "").await.unwrap().unwrap();
    assert_eq!(failed.id, "7.2");
    assert_eq!(store.last_failed("slack", "ops").await.unwrap(), None);
    let failed = store.last_failed("slack", "board").await.unwrap().unwrap();
    assert_eq!(failed.person, "Person 4");
}
