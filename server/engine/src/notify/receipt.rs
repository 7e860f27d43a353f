//! What a provider tells later: that it was delivered, read, or not after all.

use super::{Outbox, outcome::pause};
use domain::{Span, Stamp, notify::Delivery};
use store::{Error, Notification};

/// A person who does not answer the telephone is called so often; then it is the escalation's turn.
const CALLS: i64 = 3;
/// They are called again no sooner than this.
const CALL_AGAIN: Span = Span::secs(120);

/// Which notification is meant.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    Id(&'a str),
    /// The provider's own name of it.
    Provider(&'a str),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Receipt {
    /// It has arrived.
    Delivered,
    /// A person has seen or heard it.
    Read,
    /// It has not, and will not.
    Failed(String),
    /// Nobody answered: worth another try.
    Unanswered(String),
}

impl Outbox {
    /// Writes a receipt down. It only ever goes forward, so one that comes twice, or late, changes nothing. False where
    /// nothing is known under this name.
    pub async fn receipt(&self, which: Which<'_>, receipt: Receipt) -> Result<bool, Error> {
        let store = self.desk.store();
        let rows = match which {
            Which::Id(id) => Vec::from_iter(store.notification(id).await?),
            Which::Provider(id) => store.notifications_by_provider(id).await?,
        };
        let known = !rows.is_empty();
        for mut row in rows {
            // It may be somebody else's turn in between.
            while let Some(to) = self.after(&row, &receipt) {
                if store.receipt(&row.state, &to).await? {
                    break;
                }
                match store.notification(&row.id).await? {
                    Some(now) => row = now,
                    None => break,
                }
            }
        }
        self.news.notify_one();
        self.due.send_replace(());
        Ok(known)
    }

    /// The row after the receipt; nothing where it is further on already.
    fn after(&self, row: &Notification, receipt: &Receipt) -> Option<Notification> {
        let clock = self.desk.clock();
        let (at, now) = (clock.now(), clock.steady());
        let state: Delivery = row.state.parse().ok()?;
        let mut to = Notification {
            next_at: None,
            certain: row.attempts,
            why: String::new(),
            untold: row.incident.is_some(),
            ..row.clone()
        };
        let reached = match receipt {
            Receipt::Delivered => {
                to.delivered_at = Some(at.0);
                Delivery::Delivered
            }
            Receipt::Read => {
                to.delivered_at = Some(at.0);
                to.read_at = Some(at.0);
                Delivery::Read
            }
            Receipt::Failed(why) => {
                to.why.clone_from(why);
                Delivery::Failed
            }
            Receipt::Unanswered(why) if row.attempts < CALLS => {
                to.why.clone_from(why);
                to.next_at = Some(next_call(now, row.attempts).0);
                to.untold = false;
                Delivery::FailedTemporarily
            }
            Receipt::Unanswered(why) => {
                to.why.clone_from(why);
                Delivery::Failed
            }
        };
        let forward = match (state, reached) {
            (Delivery::Suppressed, _) => false,
            (Delivery::Delivered | Delivery::Read | Delivery::Acknowledged, Delivery::Failed) => {
                false
            }
            (Delivery::Failed, Delivery::Delivered | Delivery::Read) => true,
            (Delivery::Pending | Delivery::Held | Delivery::FailedTemporarily, to) => {
                to != Delivery::FailedTemporarily && row.attempts > 0
            }
            (Delivery::Sending | Delivery::Sent, _) => true,
            (from, to) => to > from && to <= Delivery::Read,
        };
        to.sent_at = to.sent_at.or(reached.is_sent().then_some(at.0));
        to.state = reached.id().into();
        forward.then_some(to)
    }
}

fn next_call(now: Stamp, attempts: i64) -> Stamp {
    now.plus(CALL_AGAIN.max(pause(attempts, None)))
}
