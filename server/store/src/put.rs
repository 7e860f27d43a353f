//! The statements that write a [`Batch`].

use std::collections::HashSet;

use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Executor, SqliteConnection};

use crate::dialect::DbTx;
use crate::tx::number;
use crate::writer::{BEGIN, COMMIT};
use crate::{Batch, Projection, outbox, sql, subscribers};

/// The parameters of one row, in the order of its statement.
macro_rules! event {
    ($query:ident, $r:ident) => {
        $query
            .bind(number($r.seq))
            .bind(&$r.stream)
            .bind(&$r.kind)
            .bind($r.occurred_at)
            .bind($r.recorded_at)
            .bind(&$r.actor)
            .bind(&$r.body)
            .bind(&$r.hash[..])
    };
}
macro_rules! receipt {
    ($query:ident, $r:ident) => {
        $query
            .bind(&$r.key)
            .bind(&$r.fingerprint[..])
            .bind(number($r.seq))
            .bind(&$r.answer)
            .bind($r.at)
    };
}
macro_rules! projection {
    ($query:ident, $p:ident) => {
        $query
            .bind(&$p.kind)
            .bind(&$p.id)
            .bind($p.open)
            .bind(number($p.version))
            .bind(&$p.body)
    };
}

/// The statements of [`Tx::write`] for what nearly every batch has, over a connection of either engine.
macro_rules! put_timeline {
    ($c:ident, $batch:ident) => {
        async {
            for (sql, rows) in sql::EVENT_PUT.split(&*$c, &$batch.records) {
                let query = sqlx::query(sql);
                let query = rows.iter().fold(query, |query, r| event!(query, r));
                query.execute(&mut *$c).await?;
            }
            for (sql, rows) in sql::RECEIPT_PUT.split(&*$c, &$batch.receipts) {
                let query = sqlx::query(sql);
                let query = rows.iter().fold(query, |query, r| receipt!(query, r));
                query.execute(&mut *$c).await?;
            }
            for (sql, rows) in sql::PROJECTION_PUT.split(&*$c, &last_of_each(&$batch.projections)) {
                let query = sqlx::query(sql);
                let query = rows.iter().fold(query, |query, p| projection!(query, p));
                query.execute(&mut *$c).await?;
            }
            Ok::<(), sqlx::Error>(())
        }
        .await
    };
}

/// The same for few rows on SQLite, all in one breath: its connection is another thread, and each answer from there costs
/// more than the statement.
async fn put_timeline_at_once(
    c: &mut SqliteConnection,
    batch: &Batch,
    projections: &[&Projection],
    is_all: bool,
) -> Result<(), Halfway> {
    let events = sql::EVENT_PUT.split(&*c, &batch.records);
    let receipts = sql::RECEIPT_PUT.split(&*c, &batch.receipts);
    let documents = sql::PROJECTION_PUT.split(&*c, projections);
    let mut statements: Vec<&str> = events.map(|(sql, _)| sql).collect();
    statements.extend(receipts.map(|(sql, _)| sql));
    statements.extend(documents.map(|(sql, _)| sql));
    // One alone begins and commits by itself.
    if is_all && statements.len() > 1 {
        statements.insert(0, BEGIN);
        statements.push(COMMIT);
    }
    // Safe, for they are all ours. Their parameters have no numbers, and follow each other.
    let query = sqlx::query(AssertSqlSafe(statements.join("; ")));
    let query = batch
        .records
        .iter()
        .fold(query, |query, r| event!(query, r));
    let query = batch
        .receipts
        .iter()
        .fold(query, |query, r| receipt!(query, r));
    let query = projections
        .iter()
        .fold(query, |query, p| projection!(query, p));
    // The last statement's answer is enough: that there is no more would be heard only in another breath.
    let mut answers = c.fetch_many(query);
    for answered in 0..statements.len() {
        let error = match answers.try_next().await {
            Ok(Some(_)) => continue,
            // Its thread is gone.
            Ok(None) => sqlx::Error::WorkerCrashed,
            Err(error) => error,
        };
        return Err(Halfway { answered, error });
    }
    Ok(())
}

/// Where a script came to its end too early: behind so many statements.
pub(crate) struct Halfway {
    pub answered: usize,
    pub error: sqlx::Error,
}

impl From<Halfway> for sqlx::Error {
    fn from(halfway: Halfway) -> Self {
        halfway.error
    }
}

/// So many rows are few: less than two hundred different scripts come of them, twice, and all are kept.
const FEW: usize = 8;

/// Whether there are few rows, and none but of the timeline.
pub(crate) fn is_few(batch: &Batch) -> bool {
    let Batch {
        records,
        receipts,
        projections,
        credentials,
        revocations,
        plan_revisions,
        secrets,
        secrets_gone,
        notifications,
        told,
        releases,
        history_days,
        history_spells,
        subscribers,
        subscribers_gone,
        mailings,
    } = batch;
    let others = [
        credentials.len(),
        revocations.len(),
        plan_revisions.len(),
        secrets.len(),
        secrets_gone.len(),
        notifications.len(),
        told.len(),
        releases.len(),
        history_days.len(),
        history_spells.len(),
        subscribers.len(),
        subscribers_gone.len(),
        mailings.len(),
    ];
    let all = records.len() + receipts.len() + projections.len();
    all <= FEW && others.iter().all(|rows| *rows == 0)
}

/// Begins, writes such a batch, and commits: all in one breath.
pub(crate) async fn few_and_commit(c: &mut SqliteConnection, batch: &Batch) -> Result<(), Halfway> {
    put_timeline_at_once(c, batch, &last_of_each(&batch.projections), true).await
}

/// The other statements of [`Tx::write`], over a connection of either engine.
macro_rules! put {
    ($c:ident, $batch:ident) => {
        async {
            for x in &$batch.credentials {
                let query = sqlx::query(sql::CREDENTIAL_PUT)
                    .bind(&x.id)
                    .bind(x.kind.as_str())
                    .bind(&x.secret_hash[..]);
                let query = query
                    .bind(&x.person)
                    .bind(x.expires_at)
                    .bind(x.revoked_at)
                    .bind(x.used_at)
                    .bind(x.created_at);
                query.execute(&mut *$c).await?;
            }
            for r in &$batch.revocations {
                sqlx::query(sql::CREDENTIAL_REVOKE)
                    .bind(&r.id)
                    .bind(r.at)
                    .execute(&mut *$c)
                    .await?;
            }
            for p in &$batch.plan_revisions {
                let query = sqlx::query(sql::PLAN_REVISION_PUT)
                    .bind(&p.hash)
                    .bind(&p.body)
                    .bind(p.loaded_at);
                query.execute(&mut *$c).await?;
            }
            for s in &$batch.secrets {
                let query = sqlx::query(sql::SECRET_PUT)
                    .bind(&s.name)
                    .bind(&s.sealed[..])
                    .bind(s.changed_at);
                query.execute(&mut *$c).await?;
            }
            for name in &$batch.secrets_gone {
                sqlx::query(sql::SECRET_REMOVE)
                    .bind(name)
                    .execute(&mut *$c)
                    .await?;
            }
            outbox::put!($c, $batch);
            subscribers::put!($c, $batch);
            for (sql, rows) in sql::HISTORY_DAY_PUT.split(&*$c, &$batch.history_days) {
                let mut query = sqlx::query(sql);
                for d in rows {
                    query = query.bind(d.day).bind(&d.service);
                    query = query
                        .bind(d.operational)
                        .bind(d.degraded)
                        .bind(d.partial_outage)
                        .bind(d.major_outage);
                    query = query.bind(d.maintenance).bind(d.changes);
                }
                query.execute(&mut *$c).await?;
            }
            for (sql, rows) in sql::HISTORY_SPELL_PUT.split(&*$c, &$batch.history_spells) {
                let mut query = sqlx::query(sql);
                for s in rows {
                    query = query
                        .bind(&s.service)
                        .bind(&s.health)
                        .bind(s.since)
                        .bind(s.seen);
                }
                query.execute(&mut *$c).await?;
            }
            Ok::<(), sqlx::Error>(())
        }
        .await
    };
}

/// Writes all of a batch.
pub(crate) async fn all(tx: &mut DbTx, batch: &Batch) -> Result<(), sqlx::Error> {
    match tx {
        DbTx::Sqlite(tx) => put_sqlite(tx, batch).await,
        DbTx::Postgres(tx) => {
            let c = &mut **tx;
            put_timeline!(c, batch)?;
            put!(c, batch)
        }
    }
}

async fn put_sqlite(c: &mut SqliteConnection, batch: &Batch) -> Result<(), sqlx::Error> {
    let projections = last_of_each(&batch.projections);
    match batch.records.len() + batch.receipts.len() + projections.len() {
        0 => {}
        1..=FEW => put_timeline_at_once(c, batch, &projections, false).await?,
        _ => put_timeline!(c, batch)?,
    }
    put!(c, batch)
}

/// PostgreSQL refuses to upsert one row twice in a statement, SQLite does not mind: neither gets to see it.
fn last_of_each(projections: &[Projection]) -> Vec<&Projection> {
    let mut seen = HashSet::new();
    let mut last: Vec<_> = projections
        .iter()
        .rev()
        .filter(|p| seen.insert((&p.kind, &p.id)))
        .collect();
    last.reverse();
    last
}
