//! Follows the timeline, and notes for each subscriber what is to be said to them. How far it has come is kept with what it
//! noted, in one transaction: whatever is killed when, on however many nodes, everything is noted once.
//!
//! It reads beside the writers, and takes their place only where there is something to note, and then for one page of
//! subscribers at a time: nobody who declares an incident waits for those who hear of it.

use super::{
    Inner,
    news::{self, News},
    roster::due,
    sender,
};
use engine::{
    stamped,
    store::{Batch, Error, Projection},
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

const KIND: &str = "subscribers";
const CURSOR: &str = "cursor";
const READ: u32 = 500;
/// So many subscribers are gone through in one transaction.
const PAGE: u32 = 500;
/// How far it has come is written down at least after so many events, so that a start has few to read.
const UNWRITTEN: u64 = 1000;
const AGAIN: Duration = Duration::from_secs(1);
/// Other nodes' events are noticed after this at the latest.
const LOOK: Duration = Duration::from_secs(5);

/// What the cursor's document holds while one event is gone through.
#[derive(Default, Serialize, Deserialize)]
struct Within {
    about: i64,
    /// As far as this subscriber.
    after: String,
}

pub async fn serve(inner: Arc<Inner>) {
    let mut world = inner.desk.watch();
    let mut at = None;
    loop {
        world.mark_unchanged();
        let mut pause = LOOK;
        if let Err(error) = round(&inner, &mut at).await {
            tracing::warn!(%error, "Cannot note what subscribers are to be told");
            pause = AGAIN;
        }
        tokio::select! {
            changed = world.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Goes on to the end of the timeline.
async fn round(inner: &Inner, at: &mut Option<u64>) -> Result<(), Error> {
    let store = inner.desk.store();
    let mut written = match store.projection(KIND, CURSOR).await? {
        Some(cursor) => cursor.version,
        None => begin(inner).await?,
    };
    let mut seq = at.unwrap_or(written).max(written);
    loop {
        let records = store.events_after(seq, READ).await?;
        let Some(last) = records.last() else { break };
        let plan = inner.desk.plan().plan;
        for event in records.iter().filter_map(stamped) {
            if let Some(news) = news::of(store, &plan, &event).await? {
                while !note(inner, event.seq, &news).await? {}
                written = event.seq;
                inner.queued.send_replace(());
            }
        }
        seq = last.seq;
        *at = Some(seq);
        if seq - written >= UNWRITTEN {
            keep(inner, seq).await?;
            written = seq;
        }
    }
    Ok(())
}

/// Of what was before there were subscribers, nobody is told.
async fn begin(inner: &Inner) -> Result<u64, Error> {
    let head = inner.desk.store().head().await?.seq;
    keep(inner, head).await?;
    Ok(head)
}

async fn keep(inner: &Inner, seq: u64) -> Result<(), Error> {
    let mut tx = inner.desk.store().begin().await?;
    let known = tx.projection(KIND, CURSOR).await?;
    if known.is_some_and(|k| k.version >= seq) {
        return tx.rollback().await;
    }
    let batch = Batch {
        projections: vec![cursor(seq, &Within::default())],
        ..Batch::default()
    };
    tx.write(&batch).await?;
    tx.commit().await
}

/// Notes news for one more page of subscribers. True once that was the last.
async fn note(inner: &Inner, seq: u64, news: &News) -> Result<bool, Error> {
    let (now, steady) = (inner.desk.clock().now(), inner.desk.clock().steady());
    let mut tx = inner.desk.store().begin().await?;
    let known = tx.projection(KIND, CURSOR).await?;
    // Another node was here before.
    if known.as_ref().is_some_and(|k| k.version >= seq) {
        tx.rollback().await?;
        return Ok(true);
    }
    let within = known.and_then(|k| serde_json::from_str::<Within>(&k.body).ok());
    let within = within.filter(|w| w.about == news.seq).unwrap_or_default();
    let page = tx.subscribers_in("active", &within.after, PAGE).await?;
    let last = page.len() < PAGE as usize;
    let hear = page.iter().filter(|s| news.matters_to(&s.components));
    let mailings = hear.map(|s| {
        let queue = match s.kind.as_str() {
            "email" => sender::MAIL,
            _ => sender::WEB,
        };
        due(&s.id, news.seq, queue, now, steady)
    });
    let come = match (last, page.last()) {
        (false, Some(s)) => cursor(
            seq - 1,
            &Within {
                about: news.seq,
                after: s.id.clone(),
            },
        ),
        _ => cursor(seq, &Within::default()),
    };
    let batch = Batch {
        mailings: mailings.collect(),
        projections: vec![come],
        ..Batch::default()
    };
    tx.write(&batch).await?;
    tx.commit().await?;
    Ok(last)
}

fn cursor(seq: u64, within: &Within) -> Projection {
    Projection {
        kind: KIND.into(),
        id: CURSOR.into(),
        open: false,
        version: seq,
        body: serde_json::to_string(within).unwrap_or_default(),
    }
}
