//! The outbox: who is to be told, and how far that has got. Its rows come to be with the events they follow from
//! ([`crate::Batch::notifications`]); from then on workers take what is due, several at a time, and write down what became
//! of it.
//!
//! A lease is a next try that lies ahead: a row that nobody settles becomes due again by itself, whoever had it.

use crate::dialect::{on, work};
use crate::tx::text;
use crate::{Error, Store, sql};
use std::collections::{BTreeMap, HashMap, HashSet};

/// One who is to be told on one channel.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Notification {
    /// The number of the event that queued it and its place in there, `1234.17`: the same for every try.
    pub id: String,
    /// Those in the same order as a number.
    pub rank: i64,
    pub incident: Option<String>,
    /// The number of the event that it tells of.
    pub about: i64,
    pub cause: String,
    pub severity: Option<String>,
    pub audience: String,
    pub person: String,
    pub channel: String,
    /// Nothing where nothing is to be sent.
    pub address: Option<String>,
    pub state: String,
    pub due: i64,
    pub not_before: Option<i64>,
    /// When it is tried next; nothing once it is over.
    pub next_at: Option<i64>,
    /// Begun so far …
    pub attempts: i64,
    /// … and the last one that certainly was not taken.
    pub certain: i64,
    /// The node that tries it.
    pub leased_by: Option<String>,
    pub first_at: Option<i64>,
    pub sent_at: Option<i64>,
    pub delivered_at: Option<i64>,
    pub read_at: Option<i64>,
    pub provider_id: Option<String>,
    pub why: String,
    /// The timeline does not know of its state yet.
    pub untold: bool,
    pub created_at: i64,
}

impl Notification {
    /// An earlier try may have been taken: nobody saw how it ended.
    pub fn is_doubtful(&self) -> bool {
        self.certain < self.attempts - 1
    }
}

/// Which rows a worker wants.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub channel: &'a str,
    pub node: &'a str,
    /// Whatever is due by then, by the clock that the rows' next tries are by …
    pub now: i64,
    /// … and the time of day.
    pub at: i64,
    /// Not settled by then they are due again.
    pub until: i64,
    pub limit: u32,
}

/// One try, as it went.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Attempt {
    pub id: String,
    pub number: i64,
    pub at: i64,
    pub took_ms: i64,
    pub outcome: String,
    pub why: String,
}

/// What became of a claimed row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    pub id: String,
    pub node: String,
    /// The try it is about.
    pub attempts: i64,
    pub state: String,
    pub next_at: Option<i64>,
    pub certain: i64,
    pub sent_at: Option<i64>,
    pub delivered_at: Option<i64>,
    pub provider_id: Option<String>,
    pub why: String,
    /// It is to be told to the timeline.
    pub untold: bool,
    /// Nothing was tried: the claim is as if it had not been, and this is when it was first tried, if ever.
    pub unclaim: bool,
    pub first_at: Option<i64>,
    pub attempt: Option<Attempt>,
}

/// The timeline knows that a notification is in this state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub id: String,
    pub state: String,
}

/// An incident has become graver: what was held goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub incident: String,
    pub severity: String,
    pub at: i64,
    /// Also what is held.
    pub held: bool,
}

/// The statements of a batch about the outbox, over a connection of either engine.
macro_rules! put {
    ($c:ident, $batch:ident) => {
        for (sql, rows) in sql::NOTIFICATION_PUT.split(&*$c, &$batch.notifications) {
            let mut query = sqlx::query(sql);
            for n in rows {
                query = query
                    .bind(&n.id)
                    .bind(n.rank)
                    .bind(&n.incident)
                    .bind(n.about);
                query = query.bind(&n.cause).bind(&n.severity).bind(&n.audience);
                query = query.bind(&n.person).bind(&n.channel).bind(&n.address);
                query = query
                    .bind(&n.state)
                    .bind(n.due)
                    .bind(n.not_before)
                    .bind(n.next_at);
                query = query.bind(n.attempts).bind(n.certain).bind(&n.leased_by);
                query = query.bind(n.first_at).bind(n.sent_at).bind(n.delivered_at);
                query = query.bind(n.read_at).bind(&n.provider_id).bind(&n.why);
                query = query.bind(n.untold).bind(n.created_at);
            }
            query.execute(&mut *$c).await?;
        }
        for (state, ids) in $crate::outbox::by_state(&$batch.told) {
            for ids in ids.chunks(sql::Multi::LARGEST) {
                let (sql, ids) = sql::NOTIFICATIONS_TOLD.padded(ids);
                let query = ids.fold(sqlx::query(sql).bind(state), |query, id| query.bind(*id));
                query.execute(&mut *$c).await?;
            }
        }
        for r in &$batch.releases {
            let graver = sqlx::query(sql::NOTIFICATION_GRAVER);
            graver
                .bind(&r.incident)
                .bind(&r.severity)
                .execute(&mut *$c)
                .await?;
            if r.held {
                let release = sqlx::query(sql::NOTIFICATION_RELEASE);
                release
                    .bind(&r.incident)
                    .bind(r.at)
                    .execute(&mut *$c)
                    .await?;
            }
        }
    };
}
pub(crate) use put;

pub(crate) fn by_state(told: &[Told]) -> BTreeMap<&str, Vec<&str>> {
    let mut by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for told in told {
        by.entry(&told.state).or_default().push(&told.id);
    }
    by
}

macro_rules! settle {
    ($c:ident, $settlements:ident) => {
        async {
            let mut done = vec![false; $settlements.len()];
            let (unclaimed, tried): (Vec<_>, Vec<_>) = $settlements
                .iter()
                .enumerate()
                .partition(|(_, s)| s.unclaim);
            for (i, s) in unclaimed {
                let query = sqlx::query(sql::NOTIFICATION_UNCLAIM)
                    .bind(&s.id)
                    .bind(&s.node);
                let query = query.bind(s.attempts).bind(&s.state).bind(s.next_at);
                let written = query.bind(s.first_at).execute(&mut *$c).await?;
                done[i] = written.rows_affected() == 1;
            }
            for round in $crate::outbox::rounds(tried, |s| &s.id) {
                for (sql, rows) in sql::NOTIFICATION_SETTLE.split(&*$c, &round) {
                    let mut query = sqlx::query_scalar(sql);
                    for (_, s) in rows {
                        query = query.bind(&s.id).bind(&s.node).bind(s.attempts);
                        query = query.bind(&s.state).bind(s.next_at).bind(s.certain);
                        query = query.bind(s.sent_at).bind(s.delivered_at);
                        query = query.bind(&s.provider_id).bind(&s.why).bind(s.untold);
                    }
                    let written: HashSet<String> =
                        query.fetch_all(&mut *$c).await?.into_iter().collect();
                    for (i, s) in rows {
                        done[*i] = written.contains(&s.id);
                    }
                }
            }
            let attempts: Vec<_> = $settlements
                .iter()
                .filter_map(|s| s.attempt.as_ref())
                .collect();
            for (sql, rows) in sql::ATTEMPT_PUT.split(&*$c, &attempts) {
                let mut query = sqlx::query(sql);
                for a in rows {
                    query = query.bind(&a.id).bind(a.number).bind(a.at).bind(a.took_ms);
                    query = query.bind(&a.outcome).bind(&a.why);
                }
                query.execute(&mut *$c).await?;
            }
            Ok::<_, sqlx::Error>(done)
        }
        .await
    };
}

macro_rules! receive {
    ($c:ident, $receipts:ident) => {
        async {
            let mut done = vec![false; $receipts.len()];
            let all = $receipts.iter().enumerate().collect();
            for round in $crate::outbox::rounds(all, |(_, to)| &to.id) {
                for (sql, rows) in sql::NOTIFICATION_RECEIVE.split(&*$c, &round) {
                    let mut query = sqlx::query_scalar(sql);
                    for (_, (from, to)) in rows {
                        query = query
                            .bind(&to.id)
                            .bind(*from)
                            .bind(&to.state)
                            .bind(to.next_at);
                        query = query
                            .bind(to.certain)
                            .bind(to.sent_at)
                            .bind(to.delivered_at);
                        query = query.bind(to.read_at).bind(&to.provider_id).bind(&to.why);
                        query = query.bind(to.untold);
                    }
                    let written: HashSet<String> =
                        query.fetch_all(&mut *$c).await?.into_iter().collect();
                    for (i, (_, to)) in rows {
                        done[*i] = written.contains(&to.id);
                    }
                }
            }
            Ok::<_, sqlx::Error>(done)
        }
        .await
    };
}

/// With its place among all.
type Numbered<'a, T> = (usize, &'a T);

/// One statement writes a row once: what comes again is for the next round.
fn rounds<T>(rows: Vec<Numbered<'_, T>>, id: impl Fn(&T) -> &str) -> Vec<Vec<Numbered<'_, T>>> {
    let mut rounds: Vec<Vec<Numbered<'_, T>>> = Vec::new();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (place, row) in rows {
        let round = seen.entry(id(row)).or_default();
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push((place, row));
        *round += 1;
    }
    rounds
}

impl Store {
    /// Takes what is due on a channel, the longest due first: no other worker gets these until the lease is over.
    pub async fn claim(&self, claim: Claim<'_>) -> Result<Vec<Notification>, Error> {
        let node = text("a node", claim.node)?;
        let mut rows: Vec<Notification> = work!(self.db, c => {
            let query = sqlx::query_as(sql::NOTIFICATION_CLAIM).bind(node).bind(claim.until);
            let query = query.bind(claim.channel).bind(claim.now).bind(i64::from(claim.limit));
            query.bind(claim.at).fetch_all(c).await
        });
        rows.sort_by_key(|n| n.rank);
        Ok(rows)
    }

    /// When something of a channel is due next.
    pub async fn next_due(&self, channel: &str) -> Result<Option<i64>, Error> {
        Ok(on!(&self.db, p => {
            sqlx::query_scalar(sql::NOTIFICATION_NEXT).bind(channel).fetch_optional(p).await
        })?)
    }

    /// Writes down what became of claimed rows, all at once. False for each that was somebody else's by then.
    pub async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<bool>, Error> {
        for s in settlements {
            text("a reason", &s.why)?;
            text(
                "a provider's id",
                s.provider_id.as_deref().unwrap_or_default(),
            )?;
        }
        Ok(work!(self.db, c => settle!(c, settlements)))
    }

    /// A node begins anew: what it was sending when it ended is due at once. Nobody knows whether it was sent.
    pub async fn let_go(&self, node: &str, now: i64) -> Result<u64, Error> {
        let node = text("a node", node)?;
        Ok(work!(self.db, c => {
            let query = sqlx::query(sql::NOTIFICATION_LEASES).bind(node).bind(now);
            query.execute(c).await.map(|done| done.rows_affected())
        }))
    }

    /// What a channel means to try only after `latest` is due now: the clock was put back since that was written down.
    pub async fn bring_nearer(&self, channel: &str, now: i64, latest: i64) -> Result<u64, Error> {
        Ok(work!(self.db, c => {
            let query = sqlx::query(sql::NOTIFICATION_NEARER).bind(channel).bind(now).bind(latest);
            query.execute(c).await.map(|done| done.rows_affected())
        }))
    }

    /// Somebody knows better, such as a provider by its receipts: each from one state to the next, all at once. False for
    /// each that was in another one by then.
    pub async fn receive(&self, receipts: &[(&str, &Notification)]) -> Result<Vec<bool>, Error> {
        for (_, to) in receipts {
            text("a notification", &to.id)?;
            text(
                "a provider's id",
                to.provider_id.as_deref().unwrap_or_default(),
            )?;
            text("a reason", &to.why)?;
        }
        Ok(work!(self.db, c => receive!(c, receipts)))
    }

    pub async fn notification(&self, id: &str) -> Result<Option<Notification>, Error> {
        Ok(self.notifications(&[id]).await?.pop())
    }

    /// Those there are of so many.
    pub async fn notifications(&self, ids: &[&str]) -> Result<Vec<Notification>, Error> {
        self.listed(&sql::NOTIFICATIONS, "a notification", ids)
            .await
    }

    /// By the provider's own names of them; several that went as one message have the same.
    pub async fn notifications_by_provider(
        &self,
        ids: &[&str],
    ) -> Result<Vec<Notification>, Error> {
        self.listed(&sql::NOTIFICATIONS_BY_PROVIDER, "a provider's id", ids)
            .await
    }

    async fn listed(
        &self,
        sql: &sql::Multi,
        what: &'static str,
        ids: &[&str],
    ) -> Result<Vec<Notification>, Error> {
        let mut all = Vec::new();
        for chunk in ids.chunks(sql::Multi::LARGEST) {
            let (sql, list) = sql.padded(chunk);
            for id in chunk {
                text(what, id)?;
            }
            let found: Vec<Notification> = on!(&self.db, p => {
                list.fold(sqlx::query_as(sql), |query, id| query.bind(*id)).fetch_all(p).await
            })?;
            all.extend(found);
        }
        Ok(all)
    }

    /// Those of an incident after a rank, in their order.
    pub async fn notifications_of(
        &self,
        incident: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Notification>, Error> {
        let incident = text("an incident", incident)?;
        Ok(on!(&self.db, p => {
            let query = sqlx::query_as(sql::NOTIFICATIONS_OF).bind(incident).bind(after);
            query.bind(i64::from(limit)).fetch_all(p).await
        })?)
    }

    /// Those whose state the timeline does not know, after a rank, in their order.
    pub async fn untold(&self, after: i64, limit: u32) -> Result<Vec<Notification>, Error> {
        Ok(on!(&self.db, p => {
            sqlx::query_as(sql::NOTIFICATIONS_UNTOLD).bind(after).bind(i64::from(limit)).fetch_all(p).await
        })?)
    }

    /// Those that were due before a time and that nobody has taken.
    pub async fn late(
        &self,
        channel: &str,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Notification>, Error> {
        Ok(on!(&self.db, p => {
            let query = sqlx::query_as(sql::NOTIFICATIONS_LATE).bind(channel).bind(before);
            query.bind(i64::from(limit)).fetch_all(p).await
        })?)
    }

    /// When these addresses of a channel were written to since a time, one entry each time.
    pub async fn written_to(
        &self,
        channel: &str,
        since: i64,
        addresses: &[&str],
    ) -> Result<Vec<(String, i64)>, Error> {
        let mut all = Vec::new();
        for chunk in addresses.chunks(sql::Multi::LARGEST) {
            for address in chunk {
                text("an address", address)?;
            }
            let (sql, list) = sql::ADDRESSES_SINCE.padded(chunk);
            all.extend::<Vec<(String, i64)>>(on!(&self.db, p => {
                let query = sqlx::query_as(sql).bind(channel).bind(since);
                list.fold(query, |query, address| query.bind(*address)).fetch_all(p).await
            })?);
        }
        Ok(all)
    }

    /// The tries of a notification, the first first.
    pub async fn attempts(&self, id: &str) -> Result<Vec<Attempt>, Error> {
        let id = text("a notification", id)?;
        Ok(on!(&self.db, p => sqlx::query_as(sql::ATTEMPTS).bind(id).fetch_all(p).await)?)
    }
}
