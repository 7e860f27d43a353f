//! Receipts come by the thousand, each on its own request: those that wait at the same time are looked up at once and
//! written in one commit.
//!
//! Whoever comes first does it for all who wait by then; the next for all who came meanwhile, a moment later: no provider
//! is in a hurry, and those who are still to be told are.

use super::{Outbox, Receipt, Which};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use store::{Error, Notification};
use tokio::{
    sync::{Mutex as Turn, oneshot},
    time::{Duration, Instant, sleep_until},
};

const MOST_AT_ONCE: usize = 256;
/// Between two commits of them.
const PACE: Duration = Duration::from_millis(200);

#[derive(Default)]
pub struct Together {
    waiting: Mutex<Vec<Waiting>>,
    /// Whoever has it writes, and leaves the time of that in it.
    turn: Turn<Option<Instant>>,
}

struct Waiting {
    about: About,
    receipt: Receipt,
    answer: oneshot::Sender<bool>,
}

/// A [`Which`] that waits.
#[derive(Clone)]
enum About {
    Provider(String),
    Row(String, Option<i64>),
}

impl Together {
    /// False where nothing is known of such a notification.
    pub async fn write(
        &self,
        outbox: &Outbox,
        which: Which<'_>,
        receipt: &Receipt,
    ) -> Result<bool, Error> {
        let about = match which {
            Which::Id(id) => About::Row(id.to_owned(), None),
            Which::Try(id, number) => About::Row(id.to_owned(), Some(number)),
            Which::Provider(id) => About::Provider(id.to_owned()),
        };
        loop {
            let (answer, mut answered) = oneshot::channel();
            self.waiting().push(Waiting {
                about: about.clone(),
                receipt: receipt.clone(),
                answer,
            });
            loop {
                let mut turn = self.turn.lock().await;
                match answered.try_recv() {
                    Ok(known) => return Ok(known),
                    Err(oneshot::error::TryRecvError::Empty) => {
                        if let Some(last) = *turn {
                            sleep_until(last + PACE).await;
                        }
                        let written = self.write_all(outbox).await;
                        *turn = Some(Instant::now());
                        written?;
                    }
                    // Who wrote for us could not, or went away in the middle: then we do, and it comes to the same.
                    Err(oneshot::error::TryRecvError::Closed) => break,
                }
            }
        }
    }

    async fn write_all(&self, outbox: &Outbox) -> Result<(), Error> {
        let batch: Vec<Waiting> = {
            let mut waiting = self.waiting();
            let most = waiting.len().min(MOST_AT_ONCE);
            waiting.drain(..most).collect()
        };
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
        // Who left has nobody to answer; the receipt is as true as before.
        for (waiting, known) in batch.into_iter().zip(known) {
            let _ = waiting.answer.send(known);
        }
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
