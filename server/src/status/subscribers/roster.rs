//! Who subscribed: they ask, confirm, choose, and leave. Each change is one transaction of the one writer, so what is
//! counted in it holds on however many nodes.

use super::{Inner, Subscribers, keys::For, sender};
use domain::{Span, Stamp, plan::Way};
use engine::store::{Batch, Error, Mailing, Subscriber, SubscriberCount};
use std::{sync::Arc, time::Duration};

/// An address that nobody confirms is forgotten after this.
pub const WAITS: Span = Span::secs(86_400);
/// Who is subscribed already and asks again is told so at most this often.
const REMINDED: Span = Span::secs(86_400);
/// So many may wait to be confirmed …
const MOST_PENDING: i64 = 5_000;
/// … and so many there may be.
const MOST: i64 = 50_000;
/// A webhook may be subscribed so often, each time with a secret of its own.
const MOST_OF_A_HOOK: usize = 3;
const SWEEP: Duration = Duration::from_secs(60);

/// What somebody asks for.
pub struct Wish {
    pub id: String,
    pub way: Way,
    pub address: String,
    pub language: String,
    pub components: String,
}

/// A subscriber as an administrator sees them.
pub struct Listed {
    pub row: Subscriber,
    /// Nothing where it was sealed with another key.
    pub address: Option<String>,
}

impl Inner {
    /// Notes a wish, and that the address is to be asked. Whether it was noted nobody is told.
    pub async fn sign_up(&self, wish: Wish) -> Result<(), Error> {
        let (now, steady) = (self.desk.clock().now(), self.desk.clock().steady());
        let kind = wish.way.id();
        let mark = self.keys.mark(kind, &wish.address);
        let mut tx = self.desk.store().begin().await?;
        let known = tx.subscribers_by_mark(&mark).await?;
        let expired = |s: &Subscriber| s.expires_at.is_some_and(|at| at <= now.0);
        let (gone, known): (Vec<_>, Vec<_>) = known
            .into_iter()
            .partition(|s| s.state == "disabled" || expired(s));
        let mut batch = Batch {
            subscribers_gone: gone.into_iter().map(|s| s.id).collect(),
            ..Batch::default()
        };
        let most = match wish.way {
            Way::Webhook => MOST_OF_A_HOOK,
            Way::Email | Way::Slack => 1,
        };
        if known.len() < most {
            let pending = tx.count_subscribers("pending").await?;
            let active = tx.count_subscribers("active").await?;
            if pending < MOST_PENDING && pending + active < MOST {
                batch.mailings.push(due(
                    &wish.id,
                    Mailing::CONFIRM,
                    sender::CONFIRM,
                    now,
                    steady,
                ));
                batch.subscribers.push(self.row(wish, mark, now)?);
            } else {
                tracing::warn!(
                    pending,
                    active,
                    "A sign-up was passed over: there are too many"
                );
            }
        } else if let [known] = &known[..]
            && let Some(confirmed) = known.confirmed_at
            && now.since(Stamp(known.reminded_at.unwrap_or(confirmed))) >= REMINDED
        {
            let row = Subscriber {
                reminded_at: Some(now.0),
                ..known.clone()
            };
            batch.mailings.push(due(
                &known.id,
                Mailing::REMIND,
                sender::CONFIRM,
                now,
                steady,
            ));
            batch.subscribers.push(row);
        }
        tx.write(&batch).await?;
        tx.commit().await?;
        self.queued.send_replace(());
        Ok(())
    }

    fn row(&self, wish: Wish, mark: String, now: Stamp) -> Result<Subscriber, Error> {
        let sealed = self.keys.seal(&wish.id, &wish.address);
        Ok(Subscriber {
            sealed: sealed.map_err(|why| Error::Busy(std::io::Error::other(why).into()))?,
            kind: wish.way.id().into(),
            id: wish.id,
            mark,
            language: wish.language,
            components: wish.components,
            state: "pending".into(),
            created_at: now.0,
            expires_at: Some(now.plus(WAITS).0),
            confirmed_at: None,
            reminded_at: None,
            failing_since: None,
            why: String::new(),
        })
    }

    /// The one whom a link is about, with the address; nothing where there is no such one any more.
    pub async fn behind(&self, token: &str) -> Result<Option<(For, Subscriber, String)>, Error> {
        let Some((what, id)) = self.keys.read(token) else {
            return Ok(None);
        };
        let Some(row) = self.desk.store().subscriber(&id).await? else {
            return Ok(None);
        };
        let late = row
            .expires_at
            .is_some_and(|at| at <= self.desk.clock().now().0);
        let address = self.keys.open(&id, &row.sealed);
        Ok(address
            .filter(|_| !late)
            .map(|address| (what, row, address)))
    }

    /// Changes a subscriber that is still there.
    pub async fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Subscriber),
    ) -> Result<bool, Error> {
        let mut tx = self.desk.store().begin().await?;
        let Some(mut row) = tx.subscriber(id).await? else {
            tx.rollback().await?;
            return Ok(false);
        };
        change(&mut row);
        let batch = Batch {
            subscribers: vec![row],
            ..Batch::default()
        };
        tx.write(&batch).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// They meant it.
    pub async fn confirm(&self, id: &str) -> Result<bool, Error> {
        let now = self.desk.clock().now();
        self.change(id, |row| {
            if row.state == "pending" {
                row.state = "active".into();
                row.expires_at = None;
                row.confirmed_at = Some(now.0);
            }
        })
        .await
    }

    /// Forgets somebody, and what was to be said to them.
    pub async fn forget(&self, id: &str) -> Result<(), Error> {
        let mut tx = self.desk.store().begin().await?;
        let batch = Batch {
            subscribers_gone: vec![id.to_owned()],
            ..Batch::default()
        };
        tx.write(&batch).await?;
        tx.commit().await
    }
}

impl Subscribers {
    /// A page of them for an administrator, those first who came last.
    pub async fn listed(
        &self,
        before: Option<(i64, &str)>,
        limit: u32,
    ) -> Result<Vec<Listed>, Error> {
        let rows = self
            .0
            .desk
            .store()
            .subscribers_before(before, limit)
            .await?;
        let listed = |row: Subscriber| Listed {
            address: self.0.keys.open(&row.id, &row.sealed),
            row,
        };
        Ok(rows.into_iter().map(listed).collect())
    }

    pub async fn counts(&self) -> Result<Vec<SubscriberCount>, Error> {
        self.0.desk.store().subscriber_counts().await
    }

    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        self.0.forget(id).await
    }
}

pub fn due(id: &str, about: i64, queue: &str, now: Stamp, steady: Stamp) -> Mailing {
    Mailing {
        subscriber: id.to_owned(),
        about,
        queue: queue.to_owned(),
        created_at: now.0,
        next_at: steady.0,
        attempts: 0,
        leased_by: None,
    }
}

/// Forgets whoever was not confirmed in time.
pub async fn sweep(inner: Arc<Inner>) {
    loop {
        let now = inner.desk.clock().now();
        match inner.desk.store().expire_subscribers(now.0).await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(
                gone,
                "{gone} sign-ups were never confirmed: they are forgotten"
            ),
            Err(error) => tracing::warn!(%error, "Cannot forget who was not confirmed"),
        }
        tokio::time::sleep(SWEEP).await;
    }
}
