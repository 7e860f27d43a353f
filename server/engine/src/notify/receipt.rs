//! What a provider tells later: that it was delivered, read, or not after all.

use super::{Outbox, Unwritten, outcome::pause};
use domain::{Span, Stamp, notify::Delivery};
use store::Notification;

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
    /// One try of a notification.
    Try(&'a str, i64),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Receipt {
    /// The provider has it, under this name.
    Taken(String),
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
    pub async fn receipt(&self, which: Which<'_>, receipt: Receipt) -> Result<bool, Unwritten> {
        self.receipts.write(self, which, receipt).await
    }

    /// The row after the receipt; nothing where it is further on already.
    pub(super) fn after(
        &self,
        row: &Notification,
        number: Option<i64>,
        receipt: &Receipt,
    ) -> Option<Notification> {
        let arrived = matches!(receipt, Receipt::Delivered | Receipt::Read);
        // Of an earlier try it only counts that somebody was reached.
        if number.is_some_and(|n| n != row.attempts) && !arrived {
            return None;
        }
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
            Receipt::Taken(provider_id) => {
                to.provider_id = Some(provider_id.clone());
                Delivery::Sent
            }
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
            // What certainly was not taken, or did not arrive, is not taken by a word that comes late.
            (Delivery::FailedTemporarily, Delivery::Sent) => row.certain < row.attempts,
            (Delivery::Sending, Delivery::Sent) => number.is_some(),
            (_, Delivery::Sent) => false,
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
