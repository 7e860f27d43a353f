//! What the store promises, on SQLite and on PostgreSQL alike: every promise is one function over a database, run on both.

#![allow(clippy::unwrap_used)]

mod access;
mod documents;
mod export;
mod history;
mod kept;
mod opening;
mod outbox;
mod statements;
mod subscribers;
mod survival;
mod tampering;
mod timeline;

use store::{Batch, Draft, Error, Head, Record, Store};

/// Runs each promise on a new database of either engine.
macro_rules! on_both_engines {
    ($($promise:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(&store::testing::Database::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(&store::testing::Database::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both_engines;

/// An event of a stream; the number makes it different from others.
pub fn draft(stream: &str, number: u32) -> Draft {
    Draft {
        stream: stream.into(),
        kind: "noted".into(),
        occurred_at: 1_767_225_600_000_000 + i64::from(number),
        recorded_at: 1_767_225_600_000_500 + i64::from(number),
        actor: r#"{"name":"Ada"}"#.into(),
        body: format!(r#"{{"text":"Größe {number}","quote":"\"\\"}}"#),
    }
}

/// Appends in one transaction, as the Desk does.
pub async fn append(store: &Store, drafts: Vec<Draft>) -> Result<Vec<Record>, Error> {
    let mut tx = store.begin().await?;
    let records = chained(tx.head(), drafts);
    tx.write(&Batch {
        records: records.clone(),
        ..Batch::default()
    })
    .await?;
    tx.commit().await?;
    Ok(records)
}

pub fn chained(mut head: Head, drafts: Vec<Draft>) -> Vec<Record> {
    drafts.into_iter().map(|draft| head.append(draft)).collect()
}

/// Appends `count` events to one stream.
pub async fn append_many(store: &Store, stream: &str, count: u32) -> Vec<Record> {
    append(store, (0..count).map(|n| draft(stream, n)).collect())
        .await
        .unwrap()
}

pub fn numbers(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.seq).collect()
}
