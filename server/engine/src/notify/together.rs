//! Receipts come by the thousand, each on its own request: those that wait at the same time are written in one commit.
//!
//! Whoever comes first writes for all who wait by then; the next writes for all who came meanwhile.

use std::sync::{Mutex, MutexGuard, PoisonError};
use store::{Error, Notification, Store};
use tokio::sync::{Mutex as Turn, oneshot};

const MOST_AT_ONCE: usize = 128;

#[derive(Default)]
pub struct Together {
    waiting: Mutex<Vec<Waiting>>,
    turn: Turn<()>,
}

struct Waiting {
    from: String,
    to: Notification,
    answer: oneshot::Sender<bool>,
}

impl Together {
    /// Takes a row from one state to the next. False where it was in another one by then.
    pub async fn write(&self, store: &Store, from: &str, to: &Notification) -> Result<bool, Error> {
        loop {
            let (answer, mut answered) = oneshot::channel();
            self.waiting().push(Waiting {
                from: from.to_owned(),
                to: to.clone(),
                answer,
            });
            loop {
                let _turn = self.turn.lock().await;
                match answered.try_recv() {
                    Ok(done) => return Ok(done),
                    Err(oneshot::error::TryRecvError::Empty) => self.write_all(store).await?,
                    // Who wrote for us could not, or went away in the middle: then we do, and it comes to the same.
                    Err(oneshot::error::TryRecvError::Closed) => break,
                }
            }
        }
    }

    async fn write_all(&self, store: &Store) -> Result<(), Error> {
        let mut batch: Vec<Waiting> = {
            let mut waiting = self.waiting();
            let most = waiting.len().min(MOST_AT_ONCE);
            waiting.drain(..most).collect()
        };
        // Who left has nobody to answer; the receipt is as true as before. The order is the same for everybody, so that
        // two who write at once cannot wait for each other.
        batch.sort_by(|a, b| a.to.id.cmp(&b.to.id));
        let rows: Vec<_> = batch.iter().map(|w| (w.from.as_str(), &w.to)).collect();
        let done = store.receive(&rows).await?;
        for (waiting, done) in batch.into_iter().zip(done) {
            let _ = waiting.answer.send(done);
        }
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
