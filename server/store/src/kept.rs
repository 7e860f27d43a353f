//! How the matrix was kept, and how the ways by which people are reached do: counted from the outbox's rows.

use crate::dialect::on;
use crate::tx::text;
use crate::{Error, Notification, Store, sql};

/// First words that were due in a stretch of time: sent by when they were due, later, or not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Kept {
    pub met: i64,
    pub late: i64,
    pub failed: i64,
}

/// What is counted, and how.
#[derive(Debug, Clone, Copy)]
pub struct Measure<'a> {
    pub severity: &'a str,
    pub channel: &'a str,
    /// Due from then on …
    pub from: i64,
    /// … and before then.
    pub until: i64,
    /// What was not sent by now and is due longer than `grace` is late.
    pub now: i64,
    pub grace: i64,
    /// Reasons of a suppression under which somebody was to be told and could not be.
    pub unreachable: [&'a str; 2],
}

impl Store {
    pub async fn kept(&self, of: Measure<'_>) -> Result<Kept, Error> {
        let [one, other] = of.unreachable;
        Ok(on!(&self.db, p => {
            let query = sqlx::query_as(sql::NOTIFICATIONS_KEPT).bind(of.severity).bind(of.channel);
            let query = query.bind(of.from).bind(of.until).bind(of.now).bind(of.grace);
            query.bind(one).bind(other).fetch_one(p).await
        })?)
    }

    /// When something last went out by a channel; by one of its places, where one is named.
    pub async fn last_sent(&self, channel: &str, place: &str) -> Result<Option<i64>, Error> {
        let place = text("a place", place)?;
        Ok(on!(&self.db, p => {
            let query = sqlx::query_scalar(sql::NOTIFICATION_LAST_SENT).bind(channel).bind(place);
            query.fetch_one(p).await
        })?)
    }

    /// What was tried last by a channel and has not gone out.
    pub async fn last_failed(&self, channel: &str, place: &str) -> Result<Option<Notification>, Error> {
        let place = text("a place", place)?;
        Ok(on!(&self.db, p => {
            let query = sqlx::query_as(sql::NOTIFICATION_LAST_FAILED).bind(channel).bind(place);
            query.fetch_optional(p).await
        })?)
    }
}
