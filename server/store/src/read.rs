//! Reading: never waits for a writer, sees only what was committed.
//!
//! To follow the timeline from a state: read [`Store::head`] first, then projections, then events after the head. A
//! projection may already be ahead of that head, or be written behind it by who says so; its `version` says up to where.

use crate::dialect::{on, work};
use crate::tx::{number, text};
use crate::{
    Broken, Credential, CredentialKind, Error, Fault, Head, HistoryDay, Node, Projection, Record,
    Secret, Store, Verified, Verifier, sql,
};

impl Store {
    /// The end of the timeline.
    pub async fn head(&self) -> Result<Head, Error> {
        let head: Option<Head> =
            on!(&self.db, p => sqlx::query_as(sql::HEAD).fetch_optional(p).await)?;
        Ok(head.unwrap_or_default())
    }

    /// Events after a number, oldest first.
    pub async fn events_after(&self, after: u64, limit: u32) -> Result<Vec<Record>, Error> {
        let query = (number(after), i64::from(limit));
        Ok(
            on!(&self.db, p => sqlx::query_as(sql::EVENTS_AFTER).bind(query.0).bind(query.1).fetch_all(p).await)?,
        )
    }

    /// Events of one stream after a number, oldest first.
    pub async fn stream(&self, stream: &str, after: u64, limit: u32) -> Result<Vec<Record>, Error> {
        self.stream_page(sql::STREAM_AFTER, stream, after, limit)
            .await
    }

    /// Events of one stream before a number, newest first. `u64::MAX` begins at the end.
    pub async fn stream_before(
        &self,
        stream: &str,
        before: u64,
        limit: u32,
    ) -> Result<Vec<Record>, Error> {
        self.stream_page(sql::STREAM_BEFORE, stream, before, limit)
            .await
    }

    async fn stream_page(
        &self,
        sql: &'static str,
        stream: &str,
        seq: u64,
        limit: u32,
    ) -> Result<Vec<Record>, Error> {
        let (stream, seq, limit) = (text("a stream", stream)?, number(seq), i64::from(limit));
        Ok(
            on!(&self.db, p => sqlx::query_as(sql).bind(stream).bind(seq).bind(limit).fetch_all(p).await)?,
        )
    }

    /// Events of several streams after a number, oldest first, such as an incident and its runs.
    pub async fn streams(
        &self,
        streams: &[String],
        after: u64,
        limit: u32,
    ) -> Result<Vec<Record>, Error> {
        let mut all: Vec<Record> = Vec::new();
        for chunk in streams.chunks(sql::Multi::LARGEST) {
            let (sql, list) = sql::STREAMS_AFTER.padded(chunk);
            for stream in chunk {
                text("a stream", stream)?;
            }
            let (after, limit) = (number(after), i64::from(limit));
            all.extend::<Vec<Record>>(on!(&self.db, p => {
                let query = sqlx::query_as(sql).bind(after).bind(limit);
                list.fold(query, |query, stream| query.bind(stream)).fetch_all(p).await
            })?);
        }
        // Each chunk brought its first ones: the first ones of all are among them. A stream may be named twice.
        all.sort_by_key(|record| record.seq);
        all.dedup_by_key(|record| record.seq);
        all.truncate(limit as usize);
        Ok(all)
    }

    pub async fn projection(&self, kind: &str, id: &str) -> Result<Option<Projection>, Error> {
        let (kind, id) = (text("a kind", kind)?, text("an id", id)?);
        Ok(
            on!(&self.db, p => sqlx::query_as(sql::PROJECTION).bind(kind).bind(id).fetch_optional(p).await)?,
        )
    }

    /// All that are still open, by id.
    pub async fn open_projections(&self, kind: &str) -> Result<Vec<Projection>, Error> {
        let kind = text("a kind", kind)?;
        Ok(on!(&self.db, p => sqlx::query_as(sql::PROJECTIONS_OPEN).bind(kind).fetch_all(p).await)?)
    }

    /// A page of all, greatest id first (ids compare as bytes), beginning after `before_id`.
    pub async fn projections(
        &self,
        kind: &str,
        before_id: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Projection>, Error> {
        let (kind, limit) = (text("a kind", kind)?, i64::from(limit));
        Ok(match before_id {
            None => on!(&self.db, p => {
                sqlx::query_as(sql::PROJECTIONS_LAST).bind(kind).bind(limit).fetch_all(p).await
            })?,
            Some(id) => {
                let id = text("an id", id)?;
                on!(&self.db, p => {
                    sqlx::query_as(sql::PROJECTIONS_BEFORE).bind(kind).bind(id).bind(limit).fetch_all(p).await
                })?
            }
        })
    }

    /// The credential with this hash of a secret, whether it is still good or not.
    pub async fn credential_by_hash(
        &self,
        secret_hash: &[u8; 32],
    ) -> Result<Option<Credential>, Error> {
        let hash = &secret_hash[..];
        Ok(
            on!(&self.db, p => sqlx::query_as(sql::CREDENTIAL_BY_HASH).bind(hash).fetch_optional(p).await)?,
        )
    }

    /// All credentials of a kind, by id, also those that ended.
    pub async fn credentials(&self, kind: CredentialKind) -> Result<Vec<Credential>, Error> {
        Ok(
            on!(&self.db, p => sqlx::query_as(sql::CREDENTIALS).bind(kind.as_str()).fetch_all(p).await)?,
        )
    }

    /// The plan with this hash of its content.
    pub async fn plan_revision(&self, hash: &str) -> Result<Option<String>, Error> {
        let hash = text("the hash of a plan", hash)?;
        Ok(
            on!(&self.db, p => sqlx::query_scalar(sql::PLAN_REVISION).bind(hash).fetch_optional(p).await)?,
        )
    }

    /// A secret, sealed.
    pub async fn secret(&self, name: &str) -> Result<Option<Secret>, Error> {
        let name = text("the name of a secret", name)?;
        Ok(on!(&self.db, p => sqlx::query_as(sql::SECRET).bind(name).fetch_optional(p).await)?)
    }

    /// The secrets whose names begin so.
    pub async fn secrets(&self, prefix: &str) -> Result<Vec<Secret>, Error> {
        let from = text("the name of a secret", prefix)?;
        let to = format!("{prefix}{}", char::MAX);
        Ok(
            on!(&self.db, p => sqlx::query_as(sql::SECRETS).bind(from).bind(&to).fetch_all(p).await)?,
        )
    }

    pub async fn nodes(&self) -> Result<Vec<Node>, Error> {
        Ok(on!(&self.db, p => sqlx::query_as(sql::NODES).fetch_all(p).await)?)
    }

    /// This node lives, and here is what it runs. No event: it need not be durable.
    pub async fn beat(&self, name: &str, spool: &str, boot: &str) -> Result<(), Error> {
        let (name, spool) = (text("a node", name)?, text("a folder", spool)?);
        work!(self.db, c => {
            let beat = sqlx::query(sql::NODE_BEAT).bind(name).bind(spool).bind(boot);
            beat.execute(c).await.map(drop)
        });
        Ok(())
    }

    /// When the other side of a service last called in.
    pub async fn heartbeat(&self, service: &str) -> Result<Option<i64>, Error> {
        let service = text("a service", service)?;
        Ok(
            on!(&self.db, p => sqlx::query_scalar(sql::HEARTBEAT).bind(service).fetch_optional(p).await)?,
        )
    }

    /// It called in. No event: it comes again.
    pub async fn put_heartbeat(&self, service: &str, at: i64) -> Result<(), Error> {
        let service = text("a service", service)?;
        work!(self.db, c => {
            let put = sqlx::query(sql::HEARTBEAT_PUT).bind(service).bind(at);
            put.execute(c).await.map(drop)
        });
        Ok(())
    }

    /// How long each service was in each state, by day and service, beginning after one of them.
    pub async fn history_days(
        &self,
        after: (i64, &str),
        limit: u32,
    ) -> Result<Vec<HistoryDay>, Error> {
        let (day, service, limit) = (after.0, text("a service", after.1)?, i64::from(limit));
        Ok(
            on!(&self.db, p => sqlx::query_as(sql::HISTORY_DAYS).bind(day).bind(service).bind(limit).fetch_all(p).await)?,
        )
    }

    /// Does the database answer?
    pub async fn ping(&self) -> Result<(), Error> {
        on!(&self.db, p => sqlx::query(sql::PING).execute(p).await.map(drop))?;
        Ok(())
    }

    /// Reads the whole timeline and checks every hash. Names the first record that is not as it was written, or that the
    /// database cannot read; also notices an end that was cut off, as long as the database remembers it elsewhere.
    /// Keep the head it answers somewhere else, and no cut can hide.
    pub async fn verify(&self) -> Result<Verified, Broken> {
        const PAGE: u32 = 1000;
        let mut verifier = Verifier::default();
        let broken = |seq: u64, error: Error| Broken {
            seq,
            fault: Fault::Unreadable(error.to_string()),
        };
        // Read before the walk, so that events appended meanwhile do no harm.
        let promised: i64 =
            on!(&self.db, p => sqlx::query_scalar(sql::END_KNOWN).fetch_one(p).await)
                .map_err(|error| broken(1, error.into()))?;
        let mut page = PAGE;
        loop {
            let after = verifier.head().seq;
            match self.events_after(after, page).await {
                Ok(records) if records.is_empty() => break,
                Ok(records) => {
                    for record in &records {
                        verifier.push(record)?;
                    }
                }
                // One of a page cannot be read: find out which, one by one.
                Err(_) if page > 1 => page = 1,
                Err(error) => return Err(broken(after + 1, error)),
            }
        }
        verifier.finish(u64::try_from(promised).unwrap_or(0))
    }
}
