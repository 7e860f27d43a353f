//! Those who subscribed: they are found again, what is to be said to them is taken once, and whoever leaves is forgotten.

use store::testing::Database;
use store::{Batch, Ending, Mailing, Standing, Store, Subscriber};

use crate::on_both_engines;

on_both_engines! {
    whoever_leaves_is_forgotten_with_what_was_to_be_said
    a_mailing_is_taken_once_and_gone_once_it_is_said
    who_is_not_confirmed_in_time_is_forgotten
    what_became_of_a_mailing_is_known_of_its_subscriber
}

fn subscriber(id: &str, state: &str) -> Subscriber {
    Subscriber {
        id: id.into(),
        kind: "email".into(),
        mark: format!("mark of {id}"),
        sealed: vec![1, 2, 3],
        language: "en".into(),
        components: String::new(),
        state: state.into(),
        created_at: 10,
        expires_at: (state == "pending").then_some(100),
        confirmed_at: None,
        reminded_at: None,
        failing_since: None,
        why: String::new(),
    }
}

fn mailing(id: &str, about: i64) -> Mailing {
    Mailing {
        subscriber: id.into(),
        about,
        queue: "mail".into(),
        created_at: 10,
        next_at: 10,
        attempts: 0,
        leased_by: None,
    }
}

async fn write(store: &Store, batch: Batch) {
    let mut tx = store.begin().await.unwrap();
    tx.write(&batch).await.unwrap();
    tx.commit().await.unwrap();
}

async fn with(store: &Store, subscribers: Vec<Subscriber>, mailings: Vec<Mailing>) {
    let batch = Batch {
        subscribers,
        mailings,
        ..Batch::default()
    };
    write(store, batch).await;
}

async fn claim(store: &Store, now: i64) -> Vec<Mailing> {
    store
        .claim_mailings("mail", "here", now, now + 50, 10)
        .await
        .unwrap()
}

async fn whoever_leaves_is_forgotten_with_what_was_to_be_said(database: &Database) {
    let store = database.open().await;
    let two = vec![subscriber("a", "active"), subscriber("b", "active")];
    with(
        &store,
        two,
        vec![mailing("a", 7), mailing("b", 7), mailing("a", 7)],
    )
    .await;
    let mut tx = store.begin().await.unwrap();
    assert_eq!(tx.count_subscribers("active").await.unwrap(), 2);
    let known = tx.subscribers_by_mark("mark of a").await.unwrap();
    assert_eq!(known, [subscriber("a", "active")]);
    let page = tx.subscribers_in("active", "a", 10).await.unwrap();
    assert_eq!(page, [subscriber("b", "active")]);
    tx.rollback().await.unwrap();
    let gone = Batch {
        subscribers_gone: vec!["a".into()],
        ..Batch::default()
    };
    write(&store, gone).await;
    assert_eq!(store.subscriber("a").await.unwrap(), None);
    let left = claim(&store, 10).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].subscriber, "b");
    let counts = store.subscriber_counts().await.unwrap();
    assert_eq!((counts.len(), counts[0].count), (1, 1));
}

async fn a_mailing_is_taken_once_and_gone_once_it_is_said(database: &Database) {
    let store = database.open().await;
    with(
        &store,
        vec![subscriber("a", "active")],
        vec![mailing("a", 7), mailing("a", 8)],
    )
    .await;
    assert_eq!(store.next_mailing("mail").await.unwrap(), Some(10));
    let taken = claim(&store, 10).await;
    assert_eq!(taken.len(), 2);
    assert!(claim(&store, 20).await.is_empty(), "they are leased");
    let end = |mailing: &Mailing, next_at| Ending {
        mailing: mailing.clone(),
        next_at,
        standing: Standing::AsBefore,
    };
    let endings = [end(&taken[0], None), end(&taken[1], Some(30))];
    store.settle_mailings(&endings).await.unwrap();
    let again = claim(&store, 30).await;
    assert_eq!((again.len(), again[0].about, again[0].attempts), (1, 8, 2));
    // Whose lease is over has nothing to say any more.
    store
        .settle_mailings(&[end(&taken[1], None)])
        .await
        .unwrap();
    assert_eq!(store.let_go_mailings("here", 40).await.unwrap(), 1);
    assert_eq!(claim(&store, 40).await.len(), 1);
}

async fn who_is_not_confirmed_in_time_is_forgotten(database: &Database) {
    let store = database.open().await;
    let two = vec![subscriber("a", "pending"), subscriber("b", "active")];
    with(&store, two, vec![mailing("a", 0)]).await;
    assert_eq!(store.expire_subscribers(99).await.unwrap(), 0);
    assert_eq!(store.expire_subscribers(100).await.unwrap(), 1);
    let left = store.subscribers_before(None, 10).await.unwrap();
    assert_eq!(left, [subscriber("b", "active")]);
    assert!(claim(&store, 200).await.is_empty());
}

async fn what_became_of_a_mailing_is_known_of_its_subscriber(database: &Database) {
    let store = database.open().await;
    let two = vec![subscriber("a", "pending"), subscriber("b", "active")];
    with(
        &store,
        two,
        vec![mailing("a", 0), mailing("b", 7), mailing("b", 8)],
    )
    .await;
    let taken = claim(&store, 10).await;
    let settle = async |mailing: &Mailing, standing| {
        let ending = Ending {
            mailing: mailing.clone(),
            next_at: None,
            standing,
        };
        store.settle_mailings(&[ending]).await.unwrap();
        let id = mailing.subscriber.clone();
        store.subscriber(&id).await.unwrap().unwrap()
    };
    let of = |id: &str| taken.iter().find(|m| m.subscriber == id).unwrap();
    let a = settle(of("a"), Standing::Confirmed { at: 20 }).await;
    assert_eq!(
        (a.state.as_str(), a.confirmed_at, a.expires_at),
        ("active", Some(20), None)
    );
    let failing = |since| Standing::Failing {
        since,
        why: "no answer".into(),
    };
    settle(of("b"), failing(20)).await;
    let b = settle(of("b"), failing(30)).await;
    assert_eq!((b.failing_since, b.why.as_str()), (Some(20), "no answer"));
    let b = settle(of("b"), Standing::Well).await;
    assert_eq!((b.failing_since, b.why.as_str()), (None, ""));
    let b = settle(of("b"), Standing::Disabled { why: "gone".into() }).await;
    assert_eq!((b.state.as_str(), b.why.as_str()), ("disabled", "gone"));
    assert!(claim(&store, 200).await.is_empty());
}
