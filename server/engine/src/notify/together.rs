//! Receipts come by the thousand, each on its own request: those that wait at the same time are looked up at once and
//! written in one commit.
//!
//! The first is written at once, and those that come meanwhile a moment later: no provider is in a hurry, and those who are
//! still to be told are.

use super::{Outbox, Receipt, Which};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use store::{Error, Notification};
use tokio::sync::oneshot;

const MOST_AT_ONCE: usize = 512;
/// Between two commits of them.
const PACE: Duration = Duration::from_millis(200);
/// So long a database may be away. Providers wait a little longer for an answer, and few tell a receipt twice.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub struct Together(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Somebody writes, and will see what waits by then.
    is_written: bool,
}

/// The database did not take a receipt: it is to be told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receipt could not be written down")]
pub struct Unwritten;

struct Waiting {
    about: About,
    receipt: Receipt,
    answer: oneshot::Sender<Result<bool, Unwritten>>,
}

/// A [`Which`] that waits.
#[derive(Clone)]
enum About {
    Provider(String),
    Row(String, Option<i64>),
}

impl Together {
    /// False where nothing is known of such a notification. Who goes away before the answer has left a receipt all the same.
    pub async fn write(
        &self,
        outbox: &Outbox,
        which: Which<'_>,
        receipt: Receipt,
    ) -> Result<bool, Unwritten> {
        let about = match which {
            Which::Id(id) => About::Row(id.to_owned(), None),
            Which::Try(id, number) => About::Row(id.to_owned(), Some(number)),
            Which::Provider(id) => About::Provider(id.to_owned()),
        };
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut state = self.state();
            state.waiting.push(Waiting {
                about,
                receipt,
                answer,
            });
            !std::mem::replace(&mut state.is_written, true)
        };
        if is_first {
            tokio::spawn(write_all(outbox.clone()));
        }
        // Where there is no answer the writer has failed us, and is no more.
        answered.await.unwrap_or_else(|_| {
            self.state().is_written = false;
            Err(Unwritten)
        })
    }

    /// What waits by now; nothing where nobody is needed to write any more.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut state = self.state();
        let most = state.waiting.len().min(MOST_AT_ONCE);
        state.is_written = most > 0;
        state
            .is_written
            .then(|| state.waiting.drain(..most).collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write_all(outbox: Outbox) {
    while let Some(batch) = outbox.receipts.next() {
        let began = Instant::now();
        let mut known = write(&outbox, &batch).await;
        while let Err(error) = &known
            && began.elapsed() < PATIENCE
        {
            tracing::warn!(%error, "Cannot write {} receipts down yet", batch.len());
            tokio::time::sleep(PACE).await;
            known = write(&outbox, &batch).await;
        }
        outbox.news.notify_one();
        // Thousands of receipts that only tell of an end must not have every channel look for work.
        let unanswered = |w: &Waiting| matches!(w.receipt, Receipt::Unanswered(_));
        if batch.iter().any(unanswered) {
            outbox.due.send_replace(());
        }
        for (n, waiting) in batch.into_iter().enumerate() {
            let known = known.as_ref().map(|known| known[n]);
            let _ = waiting.answer.send(known.map_err(|_| Unwritten));
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Of each whether its notification is known.
async fn write(outbox: &Outbox, batch: &[Waiting]) -> Result<Vec<bool>, Error> {
    let mut known = vec![false; batch.len()];
    let mut left: Vec<usize> = (0..batch.len()).collect();
    // Again for those whose row somebody else has changed in between.
    while !left.is_empty() {
        let mut rows = rows(outbox, left.iter().map(|n| &batch[*n].about)).await?;
        let mut changes: Vec<(usize, String, Notification)> = Vec::new();
        for n in left.drain(..) {
            let Waiting { about, receipt, .. } = &batch[n];
            let number = match about {
                About::Row(_, number) => *number,
                About::Provider(_) => None,
            };
            for row in rows.values_mut().filter(|row| about.is(row)) {
                known[n] = true;
                if let Some(to) = outbox.after(row, number, receipt) {
                    changes.push((n, std::mem::take(&mut row.state), to.clone()));
                    *row = to;
                }
            }
        }
        if changes.is_empty() {
            break;
        }
        // The order is the same for everybody, so that two who write at once cannot wait for each other. Of several
        // about one row the first stays first.
        changes.sort_by(|(_, _, a), (_, _, b)| a.id.cmp(&b.id));
        let all: Vec<_> = changes
            .iter()
            .map(|(_, from, to)| (&from[..], to))
            .collect();
        let done = outbox.desk.store().receive(&all).await?;
        left.extend(
            changes
                .iter()
                .zip(done)
                .filter(|(_, done)| !done)
                .map(|((n, ..), _)| *n),
        );
        left.sort_unstable();
        left.dedup();
    }
    Ok(known)
}

impl About {
    fn is(&self, row: &Notification) -> bool {
        match self {
            About::Provider(id) => row.provider_id.as_ref() == Some(id),
            About::Row(id, _) => row.id == *id,
        }
    }
}

/// What these are about, by id.
async fn rows(
    outbox: &Outbox,
    all: impl Iterator<Item = &About>,
) -> Result<HashMap<String, Notification>, Error> {
    let (mut ids, mut theirs) = (Vec::new(), Vec::new());
    for about in all {
        match about {
            About::Row(id, _) => ids.push(id.as_str()),
            About::Provider(id) => theirs.push(id.as_str()),
        }
    }
    let store = outbox.desk.store();
    let mut found = store.notifications(&ids).await?;
    found.extend(store.notifications_by_provider(&theirs).await?);
    Ok(found.into_iter().map(|row| (row.id.clone(), row)).collect())
}
