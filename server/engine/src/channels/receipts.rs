//! What a provider says of a message after it took it: it goes into the outbox's row, whose state only ever goes forward.
//! The same receipt may come any number of times, and receipts may overtake each other.

use domain::{Span, Stamp, notify::Delivery};
use store::{Error, Notification, Store};

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Under way: nothing is known yet.
    Pending,
    /// Somebody picked up, or it is in their mailbox or on their telephone.
    Delivered,
    /// They opened it.
    Read,
    /// It did not reach them, and another try may.
    NotReached(String),
    /// It cannot reach them.
    Failed(String),
}

/// A line that was busy is tried again after this time …
const AGAIN: Span = Span::secs(60);
/// … and so often in all.
const MOST_TRIES: i64 = 3;

/// Writes a receipt down: of the notification `id`, under the name that the provider gave to this try of it, where it gives
/// each a name of its own. False where it changed nothing.
pub async fn record(
    store: &Store,
    id: &str,
    provider_id: Option<&str>,
    receipt: &Receipt,
    now: Stamp,
) -> Result<bool, Error> {
    // Once more where somebody else wrote meanwhile.
    for _ in 0..3 {
        let Some(row) = store.notification(id).await? else {
            return Ok(false);
        };
        let Some(next) = next(&row, provider_id, receipt, now) else {
            return Ok(false);
        };
        if store.receipt(&row.state, &next).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The row as the receipt makes it; nothing where it is no news.
fn next(
    row: &Notification,
    provider_id: Option<&str>,
    receipt: &Receipt,
    now: Stamp,
) -> Option<Notification> {
    let state: Delivery = row.state.parse().ok()?;
    let known = row.provider_id.as_deref();
    let is_of_this_try = match (state, known, provider_id) {
        // Its answer is not written down yet; what is known is the name of an earlier try.
        (Delivery::Sending, Some(known), Some(of)) => known != of,
        (Delivery::Sent | Delivery::Delivered, Some(known), Some(of)) => known == of,
        (Delivery::Sending | Delivery::Sent | Delivery::Delivered, ..) => true,
        _ => false,
    };
    if !is_of_this_try {
        return None;
    }
    let to = |state: Delivery, why: &str| Notification {
        state: state.id().into(),
        sent_at: row.sent_at.or(Some(now.0)),
        next_at: None,
        provider_id: provider_id.map(str::to_owned).or(row.provider_id.clone()),
        why: why.to_owned(),
        ..row.clone()
    };
    match receipt {
        Receipt::Pending => None,
        Receipt::Delivered if state == Delivery::Delivered => None,
        Receipt::Delivered => Some(Notification {
            delivered_at: Some(now.0),
            ..to(Delivery::Delivered, "")
        }),
        Receipt::Read => Some(Notification {
            delivered_at: row.delivered_at.or(Some(now.0)),
            read_at: Some(now.0),
            ..to(Delivery::Read, "")
        }),
        // What was once picked up was not in vain.
        Receipt::NotReached(_) | Receipt::Failed(_) if state == Delivery::Delivered => None,
        Receipt::NotReached(why) if row.attempts < MOST_TRIES => Some(Notification {
            next_at: Some(now.plus(AGAIN).0),
            ..to(Delivery::FailedTemporarily, why)
        }),
        Receipt::NotReached(why) | Receipt::Failed(why) => Some(to(Delivery::Failed, why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: Delivery, provider_id: Option<&str>) -> Notification {
        Notification {
            id: "7.0".into(),
            rank: 7000,
            incident: Some("INC-2026-001".into()),
            about: 6,
            cause: "declared".into(),
            severity: Some("SEV1".into()),
            audience: "all".into(),
            person: "Bob Wilson".into(),
            channel: "phone".into(),
            address: Some("+15550003".into()),
            state: state.id().into(),
            due: 0,
            not_before: None,
            next_at: None,
            attempts: 1,
            certain: 0,
            leased_by: None,
            first_at: Some(1),
            sent_at: None,
            delivered_at: None,
            read_at: None,
            provider_id: provider_id.map(str::to_owned),
            why: String::new(),
            untold: false,
            created_at: 0,
        }
    }

    fn state(row: &Notification, of: &str, receipt: Receipt) -> Option<String> {
        next(row, Some(of), &receipt, Stamp(9)).map(|n| n.state)
    }

    fn busy() -> Receipt {
        Receipt::NotReached("the line was busy".into())
    }

    #[test]
    fn a_receipt_goes_forward_and_the_same_one_again_is_no_news() {
        let sent = row(Delivery::Sent, Some("CA1"));
        let delivered = next(&sent, Some("CA1"), &Receipt::Delivered, Stamp(9)).unwrap();
        assert_eq!(
            (delivered.state.as_str(), delivered.delivered_at),
            ("delivered", Some(9))
        );
        assert_eq!(state(&delivered, "CA1", Receipt::Delivered), None);
        assert_eq!(state(&delivered, "CA1", busy()), None, "they had picked up");
        assert_eq!(
            state(&delivered, "CA1", Receipt::Read).as_deref(),
            Some("read")
        );
        let read = next(&sent, Some("CA1"), &Receipt::Read, Stamp(9)).unwrap();
        assert_eq!((read.delivered_at, read.read_at), (Some(9), Some(9)));
        assert_eq!(state(&read, "CA1", Receipt::Delivered), None);
        assert_eq!(state(&sent, "CA1", Receipt::Pending), None);
    }

    #[test]
    fn a_receipt_that_overtakes_the_answer_counts_and_one_of_an_earlier_call_does_not() {
        let sending = row(Delivery::Sending, None);
        assert_eq!(
            state(&sending, "CA1", Receipt::Delivered).as_deref(),
            Some("delivered")
        );
        let second = row(Delivery::Sending, Some("CA1"));
        assert_eq!(
            state(&second, "CA1", busy()),
            None,
            "that was the first call"
        );
        assert_eq!(
            state(&second, "CA2", busy()).as_deref(),
            Some("failed_temporarily")
        );
        let sent = row(Delivery::Sent, Some("CA2"));
        assert_eq!(state(&sent, "CA1", busy()), None);
    }

    #[test]
    fn a_busy_line_is_tried_again_and_at_last_given_up() {
        let first = row(Delivery::Sent, Some("CA1"));
        let again = next(&first, Some("CA1"), &busy(), Stamp(9)).unwrap();
        assert_eq!(again.next_at, Some(9 + 60_000_000));
        assert_eq!(again.why, "the line was busy");
        let third = Notification {
            attempts: 3,
            ..first
        };
        let over = next(&third, Some("CA1"), &busy(), Stamp(9)).unwrap();
        assert_eq!((over.state.as_str(), over.next_at), ("failed", None));
        for closed in [
            Delivery::Acknowledged,
            Delivery::Failed,
            Delivery::Suppressed,
            Delivery::FailedTemporarily,
        ] {
            assert_eq!(
                state(&row(closed, Some("CA1")), "CA1", Receipt::Delivered),
                None,
                "{closed:?}"
            );
        }
    }
}
