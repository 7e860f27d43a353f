//! The hint that there is something new to read. It carries no data and promises little: readers read the log.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::watch;

use crate::Error;
use crate::dialect::Db;

/// What a hint that was lost costs at most. Another process on the same SQLite file sends none.
const POLL: Duration = Duration::from_secs(1);

/// Waits for appended events: of this process at once, of other nodes on PostgreSQL by NOTIFY, and else by looking again
/// every second. One per process is meant (it holds a connection to PostgreSQL): whoever follows the timeline for many
/// readers has it, and tells them.
///
/// ```no_run
/// # async fn follow(store: store::Store) -> Result<(), store::Error> {
/// let (mut appends, mut seen) = (store.appends().await?, 0);
/// loop {
///     for event in store.events_after(seen, 1000).await? {
///         seen = event.seq;
///     }
///     appends.changed().await;
/// }
/// # }
/// ```
pub struct Appends {
    local: watch::Receiver<()>,
    remote: Option<PgListener>,
}

impl Appends {
    pub(crate) async fn subscribe(db: &Db, local: watch::Receiver<()>) -> Result<Appends, Error> {
        let remote = match db {
            Db::Sqlite { .. } => None,
            Db::Postgres { read, .. } => {
                let mut listener = PgListener::connect_with(read).await?;
                listener.listen("muster_event").await?;
                Some(listener)
            }
        };
        Ok(Appends { local, remote })
    }

    /// What this process has appended so far is no news to its one writer, which did it. Others are still heard of.
    pub fn skip_own(&mut self) {
        self.local.mark_unchanged();
    }

    /// Returns after an append since the last call (or since the subscription), at the latest after a second, and sometimes
    /// for nothing. An append between reading the log and this call is not missed. Safe to cancel.
    pub async fn changed(&mut self) {
        let remote = async {
            // `Ok(None)` tells of a lost connection: something may have been missed, so it counts as a hint.
            if let Some(listener) = &mut self.remote
                && listener.try_recv().await.is_ok()
            {
                return;
            }
            // Without a connection the clock below does.
            std::future::pending().await
        };
        tokio::select! {
            Ok(()) = self.local.changed() => {}
            () = remote => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}
