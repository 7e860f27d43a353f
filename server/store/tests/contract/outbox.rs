//! What the outbox promises: a row is with one worker at a time, comes back where nobody settles it, and never goes back
//! from what is known.

use super::{append_many, on_both_engines};
use store::testing::Database;
use store::{Attempt, Batch, Claim, Notification, Release, Settlement, Store, Told};

on_both_engines! {
    what_is_due_is_claimed_once_the_longest_due_first
    two_nodes_never_claim_the_same_row
    a_dead_nodes_lease_is_taken_over
    a_row_that_nobody_settled_is_doubtful
    results_are_written_together_and_only_by_who_has_the_lease
    a_receipt_that_comes_first_stays
    receipts_of_one_notification_in_one_batch_follow_each_other
    a_receipt_that_nobody_was_reached_lets_it_be_tried_again
    what_is_told_to_the_timeline_is_told_once
    a_graver_incident_lets_what_was_held_out
    an_addresss_past_is_counted_from_a_time_on
    nothing_can_be_sent_without_an_address_or_be_open_without_a_next_try
}

const T: i64 = 1_767_225_600_000_000;
const SECOND: i64 = 1_000_000;

fn row(place: i64, channel: &str, next_at: i64) -> Notification {
    Notification {
        id: format!("7.{place}"),
        rank: 7000 + place,
        incident: Some("INC-2026-001".into()),
        about: 6,
        cause: "declared".into(),
        severity: Some("SEV2".into()),
        audience: "all".into(),
        person: format!("Person {place}"),
        channel: channel.into(),
        address: Some(format!("{place}@example.com")),
        state: "pending".into(),
        due: next_at,
        not_before: None,
        next_at: Some(next_at),
        attempts: 0,
        certain: 0,
        leased_by: None,
        first_at: None,
        sent_at: None,
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

fn claim<'a>(channel: &'a str, node: &'a str, now: i64, limit: u32) -> Claim<'a> {
    Claim {
        channel,
        node,
        now,
        at: now,
        until: now + 120 * SECOND,
        limit,
    }
}

fn ids(rows: &[Notification]) -> Vec<&str> {
    rows.iter().map(|n| n.id.as_str()).collect()
}

fn sent(row: &Notification, at: i64) -> Settlement {
    Settlement {
        id: row.id.clone(),
        node: row.leased_by.clone().unwrap(),
        attempts: row.attempts,
        state: "sent".into(),
        certain: row.certain,
        sent_at: Some(at),
        provider_id: Some(format!("SM{}", row.id)),
        untold: true,
        attempt: Some(Attempt {
            id: row.id.clone(),
            number: row.attempts,
            at,
            took_ms: 12,
            outcome: "sent".into(),
            why: String::new(),
        }),
        ..Settlement::default()
    }
}

fn later(row: &Notification, next_at: i64, certain: bool) -> Settlement {
    Settlement {
        state: "failed_temporarily".into(),
        next_at: Some(next_at),
        certain: if certain { row.attempts } else { row.certain },
        sent_at: None,
        provider_id: None,
        untold: false,
        why: "busy".into(),
        ..sent(row, next_at)
    }
}

async fn what_is_due_is_claimed_once_the_longest_due_first(database: &Database) {
    let store = database.open().await;
    let rows = [3, 1, 2, 0].map(|n| row(n, "email", T - n * SECOND));
    put(&store, rows.to_vec()).await;
    put(
        &store,
        vec![row(4, "email", T + SECOND), row(5, "phone", T)],
    )
    .await;
    let first = store.claim(claim("email", "a", T, 2)).await.unwrap();
    assert_eq!(
        ids(&first),
        ["7.2", "7.3"],
        "those that wait longest, in the order of their queueing"
    );
    assert!(
        first
            .iter()
            .all(|n| n.state == "sending" && n.attempts == 1 && n.first_at == Some(T))
    );
    let rest = store.claim(claim("email", "a", T, 10)).await.unwrap();
    assert_eq!(ids(&rest), ["7.0", "7.1"]);
    assert!(
        store
            .claim(claim("email", "a", T, 10))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.next_due("email").await.unwrap(), Some(T + SECOND));
    assert_eq!(store.next_due("slack").await.unwrap(), None);
    assert_eq!(
        ids(&store.claim(claim("phone", "a", T, 10)).await.unwrap()),
        ["7.5"]
    );
}

async fn two_nodes_never_claim_the_same_row(database: &Database) {
    let (here, there) = (database.open().await, database.open().await);
    put(&here, (0..200).map(|n| row(n, "email", T)).collect()).await;
    let take = |store: Store, node: &'static str| async move {
        let mut mine = Vec::new();
        loop {
            let rows = store.claim(claim("email", node, T, 7)).await.unwrap();
            if rows.is_empty() {
                return mine;
            }
            mine.extend(rows.into_iter().map(|n| n.id));
        }
    };
    let (a, b) = tokio::join!(
        tokio::spawn(take(here, "a")),
        tokio::spawn(take(there, "b"))
    );
    let mut all = [a.unwrap(), b.unwrap()].concat();
    assert_eq!(all.len(), 200);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 200, "each once");
}

async fn a_dead_nodes_lease_is_taken_over(database: &Database) {
    let store = database.open().await;
    put(&store, vec![row(0, "email", T), row(1, "email", T)]).await;
    let mine = store.claim(claim("email", "dead", T, 1)).await.unwrap();
    store.claim(claim("email", "alive", T, 1)).await.unwrap();
    let soon = T + 119 * SECOND;
    assert!(
        store
            .claim(claim("email", "alive", soon, 10))
            .await
            .unwrap()
            .is_empty(),
        "not while it may live"
    );
    let over = T + 121 * SECOND;
    let taken = store
        .claim(claim("email", "alive", over, 10))
        .await
        .unwrap();
    assert_eq!(taken.len(), 2);
    // It was only slow: it has no say any more.
    assert_eq!(
        store.settle(&[sent(&mine[0], over)]).await.unwrap(),
        [false]
    );
    assert_eq!(
        store.notification("7.0").await.unwrap().unwrap().state,
        "sending"
    );
    // A node that begins anew does not wait for its own lease.
    assert_eq!(store.let_go("alive", over).await.unwrap(), 2);
    assert_eq!(store.let_go("dead", over).await.unwrap(), 0);
    assert_eq!(
        store
            .claim(claim("email", "alive", over, 10))
            .await
            .unwrap()
            .len(),
        2
    );
}

async fn a_row_that_nobody_settled_is_doubtful(database: &Database) {
    let store = database.open().await;
    put(&store, vec![row(0, "phone", T)]).await;
    let mut now = T;
    let next = async |now: i64| {
        store
            .claim(claim("phone", "a", now, 1))
            .await
            .unwrap()
            .remove(0)
    };
    let first = next(now).await;
    assert!(!first.is_doubtful());
    store.settle(&[later(&first, now, true)]).await.unwrap();
    let second = next(now).await;
    assert!(
        !second.is_doubtful(),
        "the first try certainly was not taken"
    );
    now += 200 * SECOND;
    let third = next(now).await;
    assert!(third.is_doubtful(), "nobody saw how the second ended");
    store.settle(&[later(&third, now, false)]).await.unwrap();
    assert!(
        next(now).await.is_doubtful(),
        "nor is that of the third certain"
    );
}

async fn results_are_written_together_and_only_by_who_has_the_lease(database: &Database) {
    let store = database.open().await;
    put(&store, (0..4).map(|n| row(n, "email", T)).collect()).await;
    let rows = store.claim(claim("email", "a", T, 10)).await.unwrap();
    let foreign = Settlement {
        node: "b".into(),
        ..sent(&rows[2], T)
    };
    let back = Settlement {
        unclaim: true,
        state: "pending".into(),
        next_at: Some(T + 60 * SECOND),
        attempt: None,
        ..later(&rows[3], T, true)
    };
    let all = [
        sent(&rows[0], T + 1),
        later(&rows[1], T + SECOND, true),
        foreign,
        back,
    ];
    assert_eq!(store.settle(&all).await.unwrap(), [true, true, false, true]);
    let now = async |id: &str| store.notification(id).await.unwrap().unwrap();
    let first = now("7.0").await;
    assert_eq!(
        (first.state.as_str(), first.sent_at, first.next_at),
        ("sent", Some(T + 1), None)
    );
    assert_eq!(first.provider_id.as_deref(), Some("SM7.0"));
    assert_eq!(
        store
            .notifications_by_provider(&["SM7.0", "unknown"])
            .await
            .unwrap(),
        [first]
    );
    assert_eq!(now("7.1").await.next_at, Some(T + SECOND));
    assert_eq!(now("7.2").await.state, "sending");
    let back = now("7.3").await;
    assert_eq!(
        (back.attempts, back.first_at, back.state.as_str()),
        (0, None, "pending"),
        "as if it had not been claimed"
    );
    let again = store
        .claim(claim("email", "a", T + SECOND, 10))
        .await
        .unwrap();
    assert_eq!(ids(&again), ["7.1"]);
    store
        .settle(&[sent(&again[0], T + 2 * SECOND)])
        .await
        .unwrap();
    let tries = store.attempts("7.1").await.unwrap();
    assert_eq!(tries.iter().map(|a| a.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        store
            .notifications_of("INC-2026-001", 7001, 10)
            .await
            .unwrap()
            .len(),
        2
    );
}

async fn a_receipt_that_comes_first_stays(database: &Database) {
    let store = database.open().await;
    put(&store, vec![row(0, "phone", T)]).await;
    let mine = store
        .claim(claim("phone", "a", T, 1))
        .await
        .unwrap()
        .remove(0);
    let delivered = Notification {
        state: "delivered".into(),
        next_at: None,
        untold: true,
        delivered_at: Some(T + 5),
        provider_id: Some("CA1".into()),
        ..mine.clone()
    };
    assert!(store.receive(&[("sending", &delivered)]).await.unwrap()[0]);
    assert!(
        !store.receive(&[("sending", &delivered)]).await.unwrap()[0],
        "it is not being sent any more"
    );
    assert_eq!(
        store.settle(&[sent(&mine, T + 9)]).await.unwrap(),
        [false],
        "the answer is older news"
    );
    let now = store.notification("7.0").await.unwrap().unwrap();
    assert_eq!(
        (now.state.as_str(), now.next_at, now.delivered_at),
        ("delivered", None, Some(T + 5))
    );
    assert!(now.untold);
}

async fn receipts_of_one_notification_in_one_batch_follow_each_other(database: &Database) {
    let store = database.open().await;
    put(&store, (0..40).map(|n| row(n, "phone", T)).collect()).await;
    let rows = store.claim(claim("phone", "a", T, 40)).await.unwrap();
    let step = |n: &Notification, state: &str| Notification {
        state: state.into(),
        next_at: None,
        delivered_at: (state == "delivered").then_some(T + 5),
        read_at: (state == "read").then_some(T + 9),
        ..n.clone()
    };
    let delivered: Vec<_> = rows.iter().map(|n| step(n, "delivered")).collect();
    let read: Vec<_> = rows.iter().map(|n| step(n, "read")).collect();
    let mut all: Vec<(&str, &Notification)> = Vec::new();
    for (delivered, read) in delivered.iter().zip(&read) {
        all.extend([
            ("sending", delivered),
            ("delivered", read),
            ("sent", delivered),
        ]);
    }
    let done = store.receive(&all).await.unwrap();
    assert_eq!(done, [true, true, false].repeat(40));
    for row in rows {
        let now = store.notification(&row.id).await.unwrap().unwrap();
        assert_eq!(
            (now.state.as_str(), now.delivered_at, now.read_at),
            ("read", Some(T + 5), Some(T + 9))
        );
    }
}

async fn a_receipt_that_nobody_was_reached_lets_it_be_tried_again(database: &Database) {
    let store = database.open().await;
    put(&store, vec![row(0, "phone", T)]).await;
    let mine = store.claim(claim("phone", "a", T, 1)).await.unwrap();
    store.settle(&[sent(&mine[0], T)]).await.unwrap();
    let busy = Notification {
        state: "failed_temporarily".into(),
        next_at: Some(T + 60 * SECOND),
        certain: 1,
        why: "the line was busy".into(),
        ..store.notification("7.0").await.unwrap().unwrap()
    };
    assert!(store.receive(&[("sent", &busy)]).await.unwrap()[0]);
    let early = store
        .claim(claim("phone", "a", T + SECOND, 1))
        .await
        .unwrap();
    assert_eq!(ids(&early), [""; 0]);
    let again = store
        .claim(claim("phone", "b", T + 61 * SECOND, 1))
        .await
        .unwrap();
    assert_eq!(ids(&again), ["7.0"]);
    assert!(
        !again[0].is_doubtful(),
        "the first call certainly reached nobody"
    );
}

async fn what_is_told_to_the_timeline_is_told_once(database: &Database) {
    let store = database.open().await;
    put(&store, (0..3).map(|n| row(n, "email", T)).collect()).await;
    let rows = store.claim(claim("email", "a", T, 10)).await.unwrap();
    let all: Vec<_> = rows.iter().map(|n| sent(n, T)).collect();
    store.settle(&all).await.unwrap();
    let untold = store.untold(0, 2).await.unwrap();
    assert_eq!(ids(&untold), ["7.0", "7.1"]);
    assert_eq!(
        ids(&store.untold(untold[1].rank, 2).await.unwrap()),
        ["7.2"]
    );
    // Meanwhile a receipt comes for the second.
    let read = Notification {
        state: "read".into(),
        read_at: Some(T),
        ..untold[1].clone()
    };
    assert!(store.receive(&[("sent", &read)]).await.unwrap()[0]);
    let told = |n: &Notification| Told {
        id: n.id.clone(),
        state: n.state.clone(),
    };
    append_many(&store, "s", 1).await;
    let mut tx = store.begin().await.unwrap();
    let still = tx.untold(&["7.0", "7.1", "7.9"]).await.unwrap();
    assert_eq!(still.len(), 2);
    assert_eq!(
        (still["7.0"].as_str(), still["7.1"].as_str()),
        ("sent", "read")
    );
    tx.write(&Batch {
        told: untold.iter().map(told).collect(),
        ..Batch::default()
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let left = store.untold(0, 10).await.unwrap();
    assert_eq!(
        ids(&left),
        ["7.1", "7.2"],
        "that it was sent is known, not that it was read"
    );
}

async fn a_graver_incident_lets_what_was_held_out(database: &Database) {
    let store = database.open().await;
    let held = Notification {
        state: "held".into(),
        not_before: Some(T + 600 * SECOND),
        ..row(0, "email", T + 600 * SECOND)
    };
    let elsewhere = Notification {
        incident: Some("INC-2026-002".into()),
        ..row(1, "email", T + 600 * SECOND)
    };
    put(&store, vec![held, elsewhere]).await;
    let mut tx = store.begin().await.unwrap();
    let graver = Release {
        incident: "INC-2026-001".into(),
        severity: "SEV1".into(),
        at: T,
        held: true,
    };
    tx.write(&Batch {
        releases: vec![graver],
        ..Batch::default()
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let out = store.claim(claim("email", "a", T, 10)).await.unwrap();
    assert_eq!(ids(&out), ["7.0"]);
    assert_eq!(out[0].severity.as_deref(), Some("SEV1"));
}

async fn an_addresss_past_is_counted_from_a_time_on(database: &Database) {
    let store = database.open().await;
    let same = |place, at| Notification {
        address: Some("+1555".into()),
        ..row(place, "sms", at)
    };
    put(
        &store,
        vec![
            same(0, T),
            same(1, T + 10),
            same(2, T + 20),
            row(3, "sms", T),
        ],
    )
    .await;
    for at in [T, T + 10, T + 20] {
        store.claim(claim("sms", "a", at, 10)).await.unwrap();
    }
    let past = store
        .written_to("sms", T, &["+1555", "+1556"])
        .await
        .unwrap();
    let mut times: Vec<i64> = past.iter().map(|(_, at)| *at).collect();
    times.sort();
    assert_eq!(times, [T + 10, T + 20]);
    assert!(past.iter().all(|(address, _)| address == "+1555"));
}

async fn nothing_can_be_sent_without_an_address_or_be_open_without_a_next_try(database: &Database) {
    let store = database.open().await;
    let refused = async |row: Notification| {
        let mut tx = store.begin().await.unwrap();
        let batch = Batch {
            notifications: vec![row],
            ..Batch::default()
        };
        tx.write(&batch).await.is_err()
    };
    let nowhere = Notification {
        address: None,
        ..row(0, "email", T)
    };
    assert!(refused(nowhere.clone()).await);
    let lost = Notification {
        next_at: None,
        ..row(0, "email", T)
    };
    assert!(refused(lost).await);
    let over = Notification {
        state: "sent".into(),
        ..row(0, "email", T)
    };
    assert!(refused(over).await);
    let kept = Notification {
        state: "suppressed".into(),
        next_at: None,
        ..nowhere
    };
    assert!(!refused(kept).await);
}
