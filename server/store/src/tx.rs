//! Writing: one transaction at a time, whole or not at all.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::dialect::{Begun, DbTx, on_tx};
use crate::put::Halfway;
use crate::{
    Credential, Error, Head, HistoryDay, HistorySpell, Mailing, Notification, PlanRevision,
    Projection, Receipt, Record, Release, Revocation, Secret, Subscriber, Told, chain, put, sql,
    subscribers,
};

/// What is written together. The caller numbers and chains the records with [`Head::append`], starting from [`Tx::head`].
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub records: Vec<Record>,
    /// New ones: a key that exists fails the batch. Look them up first, with [`Tx::receipts`].
    pub receipts: Vec<Receipt>,
    /// Replace what is there; of several for the same thing the last one stays.
    pub projections: Vec<Projection>,
    /// New ones, or renewed (person, expiry, last use). What is revoked stays revoked.
    pub credentials: Vec<Credential>,
    pub revocations: Vec<Revocation>,
    pub plan_revisions: Vec<PlanRevision>,
    pub secrets: Vec<Secret>,
    /// Names of secrets that are no more.
    pub secrets_gone: Vec<String>,
    /// New ones.
    pub notifications: Vec<Notification>,
    /// What the records tell of notifications.
    pub told: Vec<Told>,
    pub releases: Vec<Release>,
    /// Added to what is there; each service and day once.
    pub history_days: Vec<HistoryDay>,
    /// Replace what is there; each service once.
    pub history_spells: Vec<HistorySpell>,
    /// New ones, or renewed; who they are and where they are reached stays as it was.
    pub subscribers: Vec<Subscriber>,
    /// Ids of those who leave, and of what was to be said to them.
    pub subscribers_gone: Vec<String>,
    /// New ones; what is there already stays as it is.
    pub mailings: Vec<Mailing>,
}

/// The one writer's transaction. Dropped without [`Tx::commit`], it leaves no trace.
pub struct Tx {
    tx: DbTx,
    head: Head,
    /// Nothing has been asked of the database yet.
    is_assumed: bool,
    appended: Option<Arc<watch::Sender<()>>>,
    wrote_events: bool,
    /// A statement failed or was cut short. PostgreSQL would turn the commit into a silent rollback, SQLite would commit the
    /// half of it: so it ends here.
    given_up: bool,
}

impl Tx {
    pub(crate) fn new(begun: Begun, appended: Arc<watch::Sender<()>>) -> Tx {
        Tx {
            tx: begun.tx,
            head: begun.head,
            is_assumed: begun.is_assumed,
            appended: Some(appended),
            wrote_events: false,
            given_up: false,
        }
    }

    /// The end of the timeline as of this transaction, including what it has written.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Events after a number, oldest first. For a node that follows the timeline and must catch up before it decides.
    pub async fn events_after(&mut self, after: u64, limit: u32) -> Result<Vec<Record>, Error> {
        let found = on_tx!(self.enter().await?, c => {
            sqlx::query_as(sql::EVENTS_AFTER).bind(number(after)).bind(i64::from(limit)).fetch_all(c).await
        });
        self.leave(found)
    }

    /// The receipts there are for these keys.
    pub async fn receipts(&mut self, keys: &[&str]) -> Result<HashMap<String, Receipt>, Error> {
        let mut all = HashMap::new();
        for chunk in keys.chunks(sql::Multi::LARGEST) {
            let (sql, list) = sql::RECEIPTS.padded(chunk);
            for key in chunk {
                text("an idempotency key", key)?;
            }
            let found = on_tx!(self.enter().await?, c => {
                list.fold(sqlx::query_as(sql), |query, key| query.bind(*key)).fetch_all(c).await
            });
            all.extend(
                self.leave(found)?
                    .into_iter()
                    .map(|receipt: Receipt| (receipt.key.clone(), receipt)),
            );
        }
        Ok(all)
    }

    pub async fn projection(&mut self, kind: &str, id: &str) -> Result<Option<Projection>, Error> {
        let (kind, id) = (text("a kind", kind)?, text("an id", id)?);
        let found = on_tx!(self.enter().await?, c => sqlx::query_as(sql::PROJECTION).bind(kind).bind(id).fetch_optional(c).await);
        self.leave(found)
    }

    /// What goes on with each service, by its name, beginning after one.
    pub async fn history_spells(
        &mut self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<HistorySpell>, Error> {
        let after = text("a service", after)?;
        let found = on_tx!(self.enter().await?, c => {
            sqlx::query_as(sql::HISTORY_SPELLS).bind(after).bind(i64::from(limit)).fetch_all(c).await
        });
        self.leave(found)
    }

    /// Of these notifications: each that the timeline does not know of yet, with its state.
    pub async fn untold(&mut self, ids: &[&str]) -> Result<HashMap<String, String>, Error> {
        let mut all = HashMap::new();
        for chunk in ids.chunks(sql::Multi::LARGEST) {
            let (sql, list) = sql::NOTIFICATIONS_STILL_UNTOLD.padded(chunk);
            for id in chunk {
                text("a notification", id)?;
            }
            let found = on_tx!(self.enter().await?, c => {
                list.fold(sqlx::query_as(sql), |query, id| query.bind(*id)).fetch_all(c).await
            });
            all.extend::<Vec<(String, String)>>(self.leave(found)?);
        }
        Ok(all)
    }

    /// Uses up a sign-in link. True for exactly one caller, and only before it expires or is revoked.
    pub async fn use_link(&mut self, id: &str, at: i64) -> Result<bool, Error> {
        let id = text("a credential", id)?;
        let done = on_tx!(self.enter().await?, c => {
            sqlx::query(sql::LINK_USE).bind(id).bind(at).execute(c).await.map(|done| done.rows_affected())
        });
        Ok(self.leave(done)? == 1)
    }

    /// Whether that is what the caller of [`Store::begin_at`] said, and nobody has looked.
    pub fn is_assumed(&self) -> bool {
        self.is_assumed
    }

    /// [`Tx::write`] and [`Tx::commit`] in one; where that can be all there is to it, in one breath.
    pub async fn finish(mut self, batch: &Batch) -> Result<(), Unfinished> {
        if !self.is_assumed || batch.records.is_empty() || !put::is_few(batch) {
            self.write(batch).await.map_err(Unfinished::Before)?;
            return self.commit().await.map_err(Unfinished::Committing);
        }
        check_texts(batch).map_err(Unfinished::Before)?;
        check_chain(self.head, &batch.records).map_err(Unfinished::Before)?;
        let DbTx::Sqlite(mut tx) = self.tx else {
            return Err(Unfinished::Before(Error::GivenUp));
        };
        if let Err(Halfway { answered, error }) = put::few_and_commit(&mut tx, batch).await {
            // It had not even begun, or has undone itself, or can still be undone; else nobody knows.
            let is_undone = match answered {
                0 if !is_unclear(&error) => {
                    tx.leave();
                    true
                }
                _ => tx.undo().await,
            };
            return Err(match is_undone {
                true => Unfinished::Before(error.into()),
                false => Unfinished::Committing(error.into()),
            });
        }
        tx.leave();
        if let Some(appended) = self.appended {
            appended.send_replace(());
        }
        Ok(())
    }

    /// Writes all of the batch. Nothing is written if its texts or its chain are wrong; then the transaction can go on.
    /// After an error of the database it cannot: every further call answers [`Error::GivenUp`].
    pub async fn write(&mut self, batch: &Batch) -> Result<(), Error> {
        check_texts(batch)?;
        let head = check_chain(self.head, &batch.records)?;
        let done = put::all(self.enter().await?, batch).await;
        self.leave(done)?;
        self.head = head;
        self.wrote_events |= !batch.records.is_empty();
        Ok(())
    }

    /// Makes it durable: on `Ok` it survives a kill and a power cut. After an error it is unknown whether it was committed;
    /// trying again under the same idempotency keys finds out.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.enter().await?;
        self.tx.commit().await?;
        if let (true, Some(appended)) = (self.wrote_events, self.appended) {
            appended.send_replace(());
        }
        Ok(())
    }

    pub async fn rollback(self) -> Result<(), Error> {
        match self.tx {
            DbTx::Sqlite(tx) if self.is_assumed => {
                tx.leave();
                Ok(())
            }
            tx => Ok(tx.rollback().await?),
        }
    }

    /// Given up until [`Tx::leave`] has seen the outcome: a future dropped in between counts as a failure.
    pub(crate) async fn enter(&mut self) -> Result<&mut DbTx, Error> {
        if self.given_up {
            return Err(Error::GivenUp);
        }
        self.given_up = true;
        if let (true, DbTx::Sqlite(tx)) = (self.is_assumed, &mut self.tx) {
            if tx.read_head().await?.unwrap_or_default() != self.head {
                return Err(Error::Moved);
            }
            self.is_assumed = false;
        }
        Ok(&mut self.tx)
    }

    pub(crate) fn leave<T>(&mut self, outcome: Result<T, sqlx::Error>) -> Result<T, Error> {
        self.given_up = outcome.is_err();
        Ok(outcome?)
    }
}

/// After an error of the disk, what was written may be found there later.
fn is_unclear(error: &sqlx::Error) -> bool {
    const SQLITE_IOERR: u32 = 10;
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<u32>().ok());
            code.is_none_or(|code| code & 0xff == SQLITE_IOERR)
        }
        sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Where [`Tx::finish`] came to its end too early.
#[derive(Debug)]
pub enum Unfinished {
    /// Nothing was written.
    Before(Error),
    /// Nobody knows: trying again under the same idempotency keys finds out.
    Committing(Error),
}

fn check_chain(mut head: Head, records: &[Record]) -> Result<Head, Error> {
    for record in records {
        if record.seq != head.seq + 1 || record.hash != chain(&head.hash, record) {
            return Err(Error::OutOfOrder {
                head: head.seq,
                found: record.seq,
            });
        }
        head = Head {
            seq: record.seq,
            hash: record.hash,
        };
    }
    Ok(head)
}

fn check_texts(batch: &Batch) -> Result<(), Error> {
    for r in &batch.records {
        text("the stream of an event", &r.stream)?;
        text("the kind of an event", &r.kind)?;
        text("the actor of an event", &r.actor)?;
        text("the body of an event", &r.body)?;
    }
    for r in &batch.receipts {
        text("an idempotency key", &r.key)?;
        text("an answer", &r.answer)?;
    }
    for p in &batch.projections {
        text("a kind", &p.kind)?;
        text("an id", &p.id)?;
        text("a projection", &p.body)?;
    }
    for c in &batch.credentials {
        text("a credential", &c.id)?;
        text("the person of a credential", &c.person)?;
    }
    for r in &batch.revocations {
        text("a credential", &r.id)?;
    }
    for p in &batch.plan_revisions {
        text("the hash of a plan", &p.hash)?;
        text("a plan", &p.body)?;
    }
    for s in &batch.secrets {
        text("the name of a secret", &s.name)?;
    }
    for name in &batch.secrets_gone {
        text("the name of a secret", name)?;
    }
    for n in &batch.notifications {
        text("the person of a notification", &n.person)?;
        text("an audience", &n.audience)?;
        text("an address", n.address.as_deref().unwrap_or_default())?;
    }
    for d in &batch.history_days {
        text("a service", &d.service)?;
    }
    for s in &batch.history_spells {
        text("a service", &s.service)?;
    }
    subscribers::check_texts(batch)
}

/// The one check on texts. PostgreSQL cannot store a NUL, SQLite can: so nobody does.
pub(crate) fn text<'a>(what: &'static str, text: &'a str) -> Result<&'a str, Error> {
    if text.contains('\0') {
        Err(Error::Nul { what })
    } else {
        Ok(text)
    }
}

/// A sequence number as a column. The engines count to 2^63.
pub(crate) fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
