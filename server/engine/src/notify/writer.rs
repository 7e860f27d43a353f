//! One writer for what became of all tries: it takes what there is and writes it in one commit, so that many sends cost
//! few, and the first of them waits for none.

use super::Outbox;
use std::time::Duration;
use store::Settlement;
use tokio::sync::mpsc;

const MOST_AT_ONCE: usize = 128;

#[derive(Clone)]
pub struct Writer(mpsc::UnboundedSender<Settlement>);

impl Writer {
    /// It is written as soon as can be. There are never more than are claimed.
    pub fn write(&self, settlement: Settlement) {
        // Nobody listens only at the very end; the lease brings it back then.
        let _ = self.0.send(settlement);
    }
}

pub fn start(outbox: &Outbox) -> Writer {
    let (to, from) = mpsc::unbounded_channel();
    tokio::spawn(serve(outbox.clone(), from));
    Writer(to)
}

async fn serve(outbox: Outbox, mut from: mpsc::UnboundedReceiver<Settlement>) {
    let mut batch = Vec::with_capacity(MOST_AT_ONCE);
    while from.recv_many(&mut batch, MOST_AT_ONCE).await > 0 {
        // In the order in which receipts are written, too: two who write at once must not wait for each other.
        batch.sort_by(|a, b| a.id.cmp(&b.id));
        let mut pause = Duration::from_millis(20);
        // Written until it is: what was sent must not be sent again.
        while let Err(error) = outbox.desk.store().settle(&batch).await {
            tracing::warn!(%error, "Cannot write what became of {} notifications; trying again", batch.len());
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
        if batch.iter().any(|s| s.untold) {
            outbox.news.notify_one();
        }
        if batch.iter().any(|s| s.next_at.is_some()) {
            outbox.due.send_replace(());
        }
        batch.clear();
    }
}
