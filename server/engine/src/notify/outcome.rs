//! From what became of a try to what is written down, and to when it is tried next.

use crate::channels::Outcome;
use domain::{Span, Stamp, notify::Delivery};
use rand::Rng;
use std::time::Duration;
use store::{Attempt, Notification, Settlement};

/// The first pause, doubled with each further try …
const FIRST: Duration = Duration::from_secs(1);
/// … up to this one.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Whoever could not be reached for so long is not tried any more.
pub const GIVEN_UP: Span = Span::secs(3 * 86_400);
/// A provider may ask for a pause, but not for longer than this.
const MOST_ASKED: Duration = Duration::from_secs(86_400);

/// One try, from its beginning to its end.
pub struct Tried {
    pub began: Stamp,
    pub ended: Stamp,
    pub took: Duration,
    /// By the steady clock.
    pub now: Stamp,
}

pub fn settlement(row: &Notification, outcome: &Outcome, tried: &Tried) -> Settlement {
    let ended = Some(tried.ended.0);
    let gone_on = tried.ended.since(Stamp(row.created_at));
    let next = |after: Option<Span>| {
        let pause = pause(row.attempts, after);
        Some(tried.now.plus(pause).0)
    };
    let (state, next_at) = match outcome {
        Outcome::Sent { .. } => (Delivery::Sent, None),
        Outcome::Delivered { .. } => (Delivery::Delivered, None),
        Outcome::Never { .. } => (Delivery::Failed, None),
        Outcome::Later { .. } | Outcome::Doubtful { .. } if gone_on >= GIVEN_UP => {
            (Delivery::Failed, None)
        }
        Outcome::Later { after, .. } => (Delivery::FailedTemporarily, next(*after)),
        Outcome::Doubtful { .. } => (Delivery::FailedTemporarily, next(None)),
    };
    let sent = state.is_sent();
    let provider_id = match outcome {
        Outcome::Sent { provider_id } | Outcome::Delivered { provider_id } => provider_id.clone(),
        _ => None,
    };
    let why = outcome.why().to_owned();
    Settlement {
        id: row.id.clone(),
        node: row.leased_by.clone().unwrap_or_default(),
        attempts: row.attempts,
        state: state.id().into(),
        next_at,
        certain: match outcome {
            Outcome::Doubtful { .. } => row.certain,
            _ => row.attempts,
        },
        sent_at: ended.filter(|_| sent),
        delivered_at: ended.filter(|_| state == Delivery::Delivered),
        provider_id,
        why: why.clone(),
        untold: state.is_over() && row.incident.is_some(),
        attempt: Some(Attempt {
            id: row.id.clone(),
            number: row.attempts,
            at: tried.began.0,
            took_ms: i64::try_from(tried.took.as_millis()).unwrap_or(i64::MAX),
            outcome: word(outcome).into(),
            why,
        }),
        ..Settlement::default()
    }
}

pub fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent { .. } => "sent",
        Outcome::Delivered { .. } => "delivered",
        Outcome::Later { .. } => "later",
        Outcome::Doubtful { .. } => "doubtful",
        Outcome::Never { .. } => "never",
    }
}

/// Doubled each time, and no two alike: what failed together is not tried together.
pub fn pause(attempts: i64, after: Option<Span>) -> Span {
    let doubled = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
    let own = FIRST.saturating_mul(1 << doubled).min(LONGEST);
    let own = own.mul_f64(rand::rng().random_range(0.8..1.2));
    let asked = after.map_or(Duration::ZERO, |after| after.0.min(MOST_ASKED));
    Span(own.max(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_an_hour_and_a_provider_may_ask_for_more() {
        let secs = |n, after| pause(n, after).0.as_secs_f64();
        for (attempt, about) in [(1, 1.0), (2, 2.0), (5, 16.0), (11, 1024.0), (12, 1800.0), (500, 1800.0)] {
            let pause = secs(attempt, None);
            assert!((about * 0.79..about * 1.21).contains(&pause), "{attempt}: {pause}");
        }
        assert_eq!(secs(1, Some(Span::secs(90))), 90.0);
        assert_eq!(secs(1, Some(Span::secs(10 * 86_400))), 86_400.0, "within reason");
        let different: std::collections::BTreeSet<_> = (0..50).map(|_| pause(8, None)).collect();
        assert!(different.len() > 40, "no two alike");
    }
}
