//! The log: in order, whole, never changed.

use std::collections::HashMap;
use std::time::Duration;

use store::testing::Database;
use store::{Batch, Draft, Error, Head, Projection, Receipt, Store, Unfinished};

use crate::{append, append_many, chained, draft, numbers, on_both_engines};

on_both_engines! {
    appended_events_come_back_as_they_were_written
    appended_events_are_gap_free_under_concurrent_writers
    two_writers_with_the_same_thousand_keys_append_once
    a_reader_at_sequence_n_never_skips
    a_reader_does_not_wait_for_a_writer
    a_batch_is_finished_at_the_head_that_was_assumed
    where_another_has_written_nothing_is_finished_at_an_assumed_head
    an_append_wakes_a_follower_on_another_node
    streams_are_read_alone_and_merged
}

async fn appended_events_come_back_as_they_were_written(database: &Database) {
    let store = database.open().await;
    assert_eq!(
        store.head().await.unwrap(),
        Head {
            seq: 0,
            hash: [0; 32]
        }
    );
    let (early, long) = (
        Draft {
            occurred_at: -1,
            ..draft("a", 1)
        },
        "€".repeat(100_000),
    );
    let written = append(
        &store,
        vec![
            early,
            Draft {
                body: long,
                ..draft("b", 2)
            },
            draft("a", 3),
        ],
    )
    .await
    .unwrap();
    assert_eq!(store.events_after(0, 10).await.unwrap(), written);
    assert_eq!(
        store.head().await.unwrap(),
        Head {
            seq: 3,
            hash: written[2].hash
        }
    );
    let verified = store.verify().await.unwrap();
    assert_eq!((verified.events, verified.head.hash), (3, written[2].hash));
}

async fn appended_events_are_gap_free_under_concurrent_writers(database: &Database) {
    let nodes = [database.open().await, database.open().await];
    let writers: Vec<_> = (0..8u32)
        .map(|writer| {
            let store = nodes[writer as usize % 2].clone();
            tokio::spawn(async move {
                for round in 0..12 {
                    append_many(&store, &format!("s{writer}"), 1 + (writer + round) % 5).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let records = nodes[0].events_after(0, 10_000).await.unwrap();
    assert_eq!(
        numbers(&records),
        (1..=records.len() as u64).collect::<Vec<_>>()
    );
    assert_eq!(
        nodes[1].verify().await.unwrap().events,
        records.len() as u64
    );
    assert_eq!(
        records.len(),
        (0..8)
            .flat_map(|w| (0..12).map(move |r| 1 + (w + r) % 5))
            .sum::<usize>()
    );
}

/// What the Desk does with requests that carry a key: those with a receipt are answered, the others carried out.
async fn execute(store: &Store, keys: &[String]) -> Result<HashMap<String, u64>, Error> {
    let mut tx = store.begin().await?;
    let known = tx
        .receipts(&keys.iter().map(String::as_str).collect::<Vec<_>>())
        .await?;
    let mut answers: HashMap<String, u64> = known.into_values().map(|r| (r.key, r.seq)).collect();
    let (mut head, mut batch) = (tx.head(), Batch::default());
    for key in keys.iter().filter(|key| !answers.contains_key(*key)) {
        let record = head.append(Draft {
            body: format!("{{\"key\":\"{key}\"}}"),
            ..draft("s", 0)
        });
        let receipt = Receipt {
            key: key.clone(),
            fingerprint: [7; 32],
            seq: record.seq,
            answer: "{}".into(),
            at: 1,
        };
        batch.receipts.push(receipt);
        batch.records.push(record);
    }
    answers.extend(batch.receipts.iter().map(|r| (r.key.clone(), r.seq)));
    tx.write(&batch).await?;
    tx.commit().await?;
    Ok(answers)
}

async fn two_writers_with_the_same_thousand_keys_append_once(database: &Database) {
    let keys: Vec<String> = (0..1000).map(|n| format!("key-{n}")).collect();
    let writers =
        [(database.open().await, 37), (database.open().await, 150)].map(|(store, size)| {
            let keys = keys.clone();
            tokio::spawn(async move {
                let mut answers = HashMap::new();
                for some in keys.chunks(size) {
                    answers.extend(execute(&store, some).await.unwrap());
                }
                answers
            })
        });
    let [first, second] = writers;
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!(first.len(), 1000);
    assert_eq!(
        first, second,
        "both were given the same number for each key"
    );
    let store = database.open().await;
    assert_eq!(store.verify().await.unwrap().events, 1000);
    for record in store.events_after(0, 1000).await.unwrap() {
        let key = record.body.split('"').nth(3).unwrap().to_string();
        assert_eq!(first[&key], record.seq);
    }
}

async fn a_reader_at_sequence_n_never_skips(database: &Database) {
    let nodes = [database.open().await, database.open().await];
    let reader = {
        let store = nodes[0].clone();
        tokio::spawn(async move {
            let (mut appends, mut seen) = (store.appends().await.unwrap(), 0);
            while seen < 240 {
                for record in store.events_after(seen, 7).await.unwrap() {
                    assert_eq!(record.seq, seen + 1);
                    seen = record.seq;
                }
                if store.head().await.unwrap().seq == seen {
                    appends.changed().await;
                }
            }
        })
    };
    let writers = nodes.map(|store| {
        tokio::spawn(async move {
            for _ in 0..60 {
                append_many(&store, "s", 2).await;
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }
    reader.await.unwrap();
}

async fn a_reader_does_not_wait_for_a_writer(database: &Database) {
    let store = database.open().await;
    append_many(&store, "s", 1).await;
    let mut tx = store.begin().await.unwrap();
    let records = chained(tx.head(), vec![draft("s", 9)]);
    tx.write(&Batch {
        records,
        ..Batch::default()
    })
    .await
    .unwrap();
    assert_eq!(tx.head().seq, 2);
    assert_eq!(numbers(&tx.events_after(0, 10).await.unwrap()), [1, 2]);
    assert_eq!(
        store.head().await.unwrap().seq,
        1,
        "what is not committed is not seen"
    );
    tx.rollback().await.unwrap();
    assert_eq!(append_many(&store, "s", 1).await[0].seq, 2);
}

async fn a_batch_is_finished_at_the_head_that_was_assumed(database: &Database) {
    let store = database.open().await;
    let mut head = Head::default();
    for n in 1..=12 {
        let tx = store.begin_at(head).await.unwrap();
        let records = chained(tx.head(), (0..n).map(|_| draft("s", 9)).collect());
        let last = records.last().unwrap();
        head = Head {
            seq: last.seq,
            hash: last.hash,
        };
        // Also more than go down in one breath.
        let batch = Batch {
            records,
            ..Batch::default()
        };
        tx.finish(&batch).await.unwrap();
        assert_eq!(store.head().await.unwrap(), head);
        // One that comes to nothing leaves the place to the next.
        let tx = store.begin_at(head).await.unwrap();
        tx.rollback().await.unwrap();
    }
    assert_eq!(store.verify().await.unwrap().head, head);
}

async fn where_another_has_written_nothing_is_finished_at_an_assumed_head(database: &Database) {
    let (here, there) = (database.open().await, database.open().await);
    append_many(&here, "s", 1).await;
    let old = here.head().await.unwrap();
    append_many(&there, "s", 1).await;
    let now = here.head().await.unwrap();

    let tx = here.begin_at(old).await.unwrap();
    let is_assumed = tx.is_assumed();
    if is_assumed {
        let projection = Projection {
            kind: "k".into(),
            id: "i".into(),
            open: true,
            version: 2,
            body: "{}".into(),
        };
        tx.rollback().await.unwrap();
        // One statement, several, and several of which the last ones would be let in.
        for (events, projections) in [(1, vec![]), (3, vec![]), (1, vec![projection])] {
            let tx = here.begin_at(old).await.unwrap();
            let drafts = (0..events).map(|_| draft("lost", 9)).collect();
            let batch = Batch {
                records: chained(tx.head(), drafts),
                projections,
                ..Batch::default()
            };
            let finished = tx.finish(&batch).await;
            assert!(matches!(finished, Err(Unfinished::Before(_))));
            assert_eq!(here.projection("k", "i").await.unwrap(), None);
            // The writer's place is free.
            append_many(&there, "s", 1).await;
        }
        let mut tx = here.begin_at(old).await.unwrap();
        let read = tx.projection("run", "a").await;
        assert!(matches!(read, Err(Error::Moved)));
    } else {
        assert_eq!(tx.head(), now, "it was asked");
        tx.rollback().await.unwrap();
    }
    let now = here.head().await.unwrap();
    assert_eq!(append_many(&here, "s", 1).await[0].seq, now.seq + 1);
    let streams = here.stream("lost", 0, 10).await.unwrap();
    assert_eq!(streams, [], "what was refused");
    assert_eq!(here.verify().await.unwrap().events, now.seq + 1);
}

async fn an_append_wakes_a_follower_on_another_node(database: &Database) {
    let (here, there) = (database.open().await, database.open().await);
    let (mut near, mut far) = (
        here.appends().await.unwrap(),
        there.appends().await.unwrap(),
    );
    append_many(&here, "s", 1).await;
    for (appends, store) in [(&mut near, &here), (&mut far, &there)] {
        // A hint may come for nothing; that it comes at all is the promise.
        while store.head().await.unwrap().seq < 1 {
            appends.changed().await;
        }
        appends.changed().await;
    }
}

#[tokio::test]
async fn a_commit_on_postgres_notifies_other_nodes_and_carries_no_data() {
    let database = Database::postgres().await;
    let store = database.open().await;
    let mut listener = sqlx::postgres::PgListener::connect(&database.url)
        .await
        .unwrap();
    listener.listen("muster_event").await.unwrap();
    append_many(&store, "s", 200).await;
    let hint = tokio::time::timeout(Duration::from_secs(20), listener.recv()).await;
    assert_eq!(hint.expect("the hint comes").unwrap().payload(), "");
}

async fn streams_are_read_alone_and_merged(database: &Database) {
    let store = database.open().await;
    append(
        &store,
        (0..300)
            .map(|n| draft(&format!("s{}", n % 150), n))
            .collect(),
    )
    .await
    .unwrap();
    assert_eq!(numbers(&store.stream("s3", 0, 10).await.unwrap()), [4, 154]);
    assert_eq!(numbers(&store.stream("s3", 4, 10).await.unwrap()), [154]);
    assert_eq!(
        numbers(&store.stream_before("s3", u64::MAX, 10).await.unwrap()),
        [154, 4]
    );
    assert_eq!(
        numbers(&store.stream_before("s3", 154, 10).await.unwrap()),
        [4]
    );
    let named = |numbers: &[u32]| numbers.iter().map(|n| format!("s{n}")).collect::<Vec<_>>();
    assert_eq!(
        numbers(&store.streams(&named(&[9, 1, 1, 4]), 2, 4).await.unwrap()),
        [5, 10, 152, 155]
    );
    assert_eq!(numbers(&store.streams(&[], 0, 4).await.unwrap()), [0; 0]);
    let all = named(&(0..150).collect::<Vec<_>>());
    assert_eq!(
        numbers(&store.streams(&all, 100, 120).await.unwrap()),
        (101..=220).collect::<Vec<_>>()
    );
}
