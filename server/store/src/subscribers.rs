//! Those who want to hear from the public status page, and what is to be said to each of them. They come and go with
//! [`crate::Batch`]; what is to be said is taken by lease, as the outbox's rows are, and gone once it was said.
//!
//! Here alone something is deleted: whoever leaves is forgotten.

use crate::dialect::{on, on_tx, work};
use crate::tx::text;
use crate::{Batch, Error, Store, Tx, sql};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Subscriber {
    pub id: String,
    /// `email`, `webhook`, `slack`.
    pub kind: String,
    /// By which the address is known again.
    pub mark: String,
    /// The address, under seal.
    pub sealed: Vec<u8>,
    pub language: String,
    /// Ids with spaces between; nothing stands for all.
    pub components: String,
    /// `pending`, `active`, `disabled`.
    pub state: String,
    pub created_at: i64,
    /// Not confirmed by then, it is forgotten.
    pub expires_at: Option<i64>,
    pub confirmed_at: Option<i64>,
    /// When they were last told that they are subscribed already.
    pub reminded_at: Option<i64>,
    pub failing_since: Option<i64>,
    pub why: String,
}

/// What is to be said to one of them.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Mailing {
    pub subscriber: String,
    /// The number of an event, or one of [`Mailing::CONFIRM`] and [`Mailing::REMIND`].
    pub about: i64,
    pub queue: String,
    pub created_at: i64,
    pub next_at: i64,
    pub attempts: i64,
    pub leased_by: Option<String>,
}

impl Mailing {
    /// Did they mean it?
    pub const CONFIRM: i64 = 0;
    /// They are subscribed already.
    pub const REMIND: i64 = -1;
}

/// What became of a claimed mailing, and so of whom it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    pub mailing: Mailing,
    /// It is tried again then; nothing where it is over.
    pub next_at: Option<i64>,
    pub standing: Standing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    AsBefore,
    /// They are reached.
    Well,
    Failing {
        since: i64,
        why: String,
    },
    /// Nothing more is sent there, whatever waits.
    Disabled {
        why: String,
    },
    Confirmed {
        at: i64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SubscriberCount {
    pub kind: String,
    pub state: String,
    pub count: i64,
}

/// The statements of a batch about subscribers, over a connection of either engine.
macro_rules! put {
    ($c:ident, $batch:ident) => {
        for s in &$batch.subscribers {
            let query = sqlx::query(sql::SUBSCRIBER_PUT)
                .bind(&s.id)
                .bind(&s.kind)
                .bind(&s.mark)
                .bind(&s.sealed[..]);
            let query = query.bind(&s.language).bind(&s.components).bind(&s.state);
            let query = query
                .bind(s.created_at)
                .bind(s.expires_at)
                .bind(s.confirmed_at);
            let query = query.bind(s.reminded_at).bind(s.failing_since).bind(&s.why);
            query.execute(&mut *$c).await?;
        }
        for id in &$batch.subscribers_gone {
            let query = sqlx::query(sql::SUBSCRIBER_REMOVE).bind(id);
            query.execute(&mut *$c).await?;
        }
        for (sql, rows) in sql::MAILING_PUT.split(&*$c, &$batch.mailings) {
            let mut query = sqlx::query(sql);
            for m in rows {
                query = query.bind(&m.subscriber).bind(m.about).bind(&m.queue);
                query = query.bind(m.created_at).bind(m.next_at).bind(m.attempts);
                query = query.bind(&m.leased_by);
            }
            query.execute(&mut *$c).await?;
        }
    };
}
pub(crate) use put;

macro_rules! settle {
    ($c:ident, $endings:ident) => {
        async {
            for e in $endings {
                let id = &e.mailing.subscriber;
                // Whoever it is for first, and then what is for them: in the order in which they go.
                let query = match &e.standing {
                    Standing::AsBefore => None,
                    Standing::Well => Some(sqlx::query(sql::SUBSCRIBER_WELL).bind(id)),
                    Standing::Failing { since, why } => {
                        let query = sqlx::query(sql::SUBSCRIBER_FAILING).bind(id);
                        Some(query.bind(*since).bind(why))
                    }
                    Standing::Disabled { why } => {
                        let query = sqlx::query(sql::SUBSCRIBER_DISABLE).bind(id);
                        query.bind(why).execute(&mut *$c).await?;
                        Some(sqlx::query(sql::MAILINGS_REMOVE).bind(id))
                    }
                    Standing::Confirmed { at } => {
                        Some(sqlx::query(sql::SUBSCRIBER_CONFIRM).bind(id).bind(*at))
                    }
                };
                if let Some(query) = query {
                    query.execute(&mut *$c).await?;
                }
                let which = |sql| sqlx::query(sql).bind(id).bind(e.mailing.about);
                let query = match e.next_at {
                    Some(next) => which(sql::MAILING_AGAIN).bind(next),
                    None => which(sql::MAILING_DONE),
                };
                let query = query.bind(&e.mailing.leased_by).bind(e.mailing.attempts);
                query.execute(&mut *$c).await?;
            }
            Ok::<_, sqlx::Error>(())
        }
        .await
    };
}

pub(crate) fn check_texts(batch: &Batch) -> Result<(), Error> {
    for s in &batch.subscribers {
        text("the language of a subscriber", &s.language)?;
        text("the components of a subscriber", &s.components)?;
    }
    Ok(())
}

impl Tx {
    pub async fn subscriber(&mut self, id: &str) -> Result<Option<Subscriber>, Error> {
        let id = text("a subscriber", id)?;
        let found = on_tx!(self.enter().await?, c => sqlx::query_as(sql::SUBSCRIBER).bind(id).fetch_optional(c).await);
        self.leave(found)
    }

    /// All with this address.
    pub async fn subscribers_by_mark(&mut self, mark: &str) -> Result<Vec<Subscriber>, Error> {
        let mark = text("a mark", mark)?;
        let found = on_tx!(self.enter().await?, c => sqlx::query_as(sql::SUBSCRIBERS_BY_MARK).bind(mark).fetch_all(c).await);
        self.leave(found)
    }

    /// Those in a state after an id, in the order of their ids.
    pub async fn subscribers_in(
        &mut self,
        state: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Subscriber>, Error> {
        let after = text("a subscriber", after)?;
        let found = on_tx!(self.enter().await?, c => {
            let query = sqlx::query_as(sql::SUBSCRIBERS_IN).bind(state).bind(after);
            query.bind(i64::from(limit)).fetch_all(c).await
        });
        self.leave(found)
    }

    pub async fn count_subscribers(&mut self, state: &str) -> Result<i64, Error> {
        let found = on_tx!(self.enter().await?, c => sqlx::query_scalar(sql::SUBSCRIBERS_COUNT).bind(state).fetch_one(c).await);
        self.leave(found)
    }
}

impl Store {
    pub async fn subscriber(&self, id: &str) -> Result<Option<Subscriber>, Error> {
        let id = text("a subscriber", id)?;
        Ok(on!(&self.db, p => sqlx::query_as(sql::SUBSCRIBER).bind(id).fetch_optional(p).await)?)
    }

    /// The last that came first; before one of them, where there was a page before.
    pub async fn subscribers_before(
        &self,
        before: Option<(i64, &str)>,
        limit: u32,
    ) -> Result<Vec<Subscriber>, Error> {
        let (at, id) = before.unwrap_or((i64::MAX, ""));
        let id = text("a subscriber", id)?;
        Ok(on!(&self.db, p => {
            let query = sqlx::query_as(sql::SUBSCRIBERS_BEFORE).bind(at).bind(id);
            query.bind(i64::from(limit)).fetch_all(p).await
        })?)
    }

    pub async fn subscriber_counts(&self) -> Result<Vec<SubscriberCount>, Error> {
        Ok(on!(&self.db, p => sqlx::query_as(sql::SUBSCRIBER_COUNTS).fetch_all(p).await)?)
    }

    /// Forgets whoever was not confirmed in time.
    pub async fn expire_subscribers(&self, now: i64) -> Result<u64, Error> {
        Ok(work!(self.db, c => {
            let query = sqlx::query(sql::SUBSCRIBERS_EXPIRE).bind(now);
            query.execute(c).await.map(|done| done.rows_affected())
        }))
    }

    /// Takes what is due in a queue, the longest due first: no other worker gets these before `until`.
    pub async fn claim_mailings(
        &self,
        queue: &str,
        node: &str,
        now: i64,
        until: i64,
        limit: u32,
    ) -> Result<Vec<Mailing>, Error> {
        let node = text("a node", node)?;
        let mut rows: Vec<Mailing> = work!(self.db, c => {
            let query = sqlx::query_as(sql::MAILING_CLAIM).bind(node).bind(until);
            query.bind(queue).bind(now).bind(i64::from(limit)).fetch_all(c).await
        });
        rows.sort_by_key(|m| (m.about, m.created_at));
        Ok(rows)
    }

    /// When something of a queue is due next.
    pub async fn next_mailing(&self, queue: &str) -> Result<Option<i64>, Error> {
        Ok(
            on!(&self.db, p => sqlx::query_scalar(sql::MAILING_NEXT).bind(queue).fetch_optional(p).await)?,
        )
    }

    /// Writes down what became of claimed mailings, all at once. What was somebody else's by then stays as it is.
    pub async fn settle_mailings(&self, endings: &[Ending]) -> Result<(), Error> {
        for ending in endings {
            if let Standing::Failing { why, .. } | Standing::Disabled { why } = &ending.standing {
                text("a reason", why)?;
            }
        }
        work!(self.db, c => settle!(c, endings));
        Ok(())
    }

    /// What a queue means to try only after `latest` is due now: the clock was put back since that was written down.
    pub async fn bring_mailings_nearer(
        &self,
        queue: &str,
        now: i64,
        latest: i64,
    ) -> Result<u64, Error> {
        Ok(work!(self.db, c => {
            let query = sqlx::query(sql::MAILING_NEARER).bind(queue).bind(now).bind(latest);
            query.execute(c).await.map(|done| done.rows_affected())
        }))
    }

    /// A node begins anew: what it was sending when it ended is due at once.
    pub async fn let_go_mailings(&self, node: &str, now: i64) -> Result<u64, Error> {
        let node = text("a node", node)?;
        Ok(work!(self.db, c => {
            let query = sqlx::query(sql::MAILING_LEASES).bind(node).bind(now);
            query.execute(c).await.map(|done| done.rows_affected())
        }))
    }
}
