//! Whether somebody's address is known to work: a message went there, and they said that it came.

use crate::{facts::words, node::El, page::Page, parts::state};
use domain::{
    Span, Stamp,
    notify::{Verification, verification_key},
    plan::Channel,
    words::Icon,
};

/// After so many days a proof is too old to be one.
pub const GOOD_DAYS: u64 = 90;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// No message was ever sent to this address.
    Never,
    /// One was, and nobody has said that it came.
    Unanswered(Stamp),
    Confirmed(Stamp),
    /// Too long ago.
    Old(Stamp),
}

pub fn standing(page: &Page, person: &str, channel: Channel) -> Standing {
    let place = page.told.places.get(person);
    let digest = place.and_then(|p| p.digests.get(&channel));
    let known = page.told.verified.get(&verification_key(person, channel));
    match (known, digest) {
        // What is known of another address says nothing of this one.
        (Some(known), Some(digest)) if known.digest == *digest => Standing::of(known, page.now),
        _ => Standing::Never,
    }
}

impl Standing {
    fn of(known: &Verification, now: Stamp) -> Standing {
        let fresh = |at: Stamp| now.since(at) <= Span::secs(GOOD_DAYS * 86_400);
        match (known.confirmed_at, known.tested_at) {
            (Some(at), _) if fresh(at) => Standing::Confirmed(at),
            (confirmed, Some(tested)) if confirmed.is_none_or(|at| at < tested) => {
                Standing::Unanswered(tested)
            }
            (Some(at), _) => Standing::Old(at),
            (None, _) => Standing::Never,
        }
    }

    pub fn is_proved(self) -> bool {
        matches!(self, Standing::Confirmed(_))
    }

    pub fn mark(self, now: Stamp) -> El {
        let ago = |at: Stamp| match now.since(at).as_secs() / 86_400 {
            0 | 1 => words(now.since(at)),
            days => format!("{days} d"),
        };
        let (icon, says) = match self {
            Standing::Never => (Icon::Warn, "Never tested".into()),
            Standing::Unanswered(at) => {
                (Icon::Warn, format!("Tested {} ago, not confirmed", ago(at)))
            }
            Standing::Confirmed(at) => (Icon::Ok, format!("Confirmed {} ago", ago(at))),
            Standing::Old(at) => (Icon::Bad, format!("Untested for {}", ago(at))),
        };
        state(icon, says)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_proved_for_ninety_days_and_then_loud() {
        let now = Stamp(1_795_356_131_000_000);
        let days = |n: i64| Stamp(now.0 - n * 86_400_000_000);
        let known = |tested: Option<i64>, confirmed: Option<i64>| {
            let known = Verification {
                digest: "d".into(),
                tested_at: tested.map(days),
                confirmed_at: confirmed.map(days),
            };
            Standing::of(&known, now)
        };
        assert_eq!(known(None, None), Standing::Never);
        assert_eq!(known(Some(1), None), Standing::Unanswered(days(1)));
        assert_eq!(known(Some(12), Some(12)), Standing::Confirmed(days(12)));
        assert_eq!(known(Some(90), Some(90)), Standing::Confirmed(days(90)));
        assert_eq!(known(Some(91), Some(91)), Standing::Old(days(91)));
        // Tried again: what counts is that it was not answered.
        assert_eq!(known(Some(1), Some(100)), Standing::Unanswered(days(1)));
        // Proved lately, and tried once more: it is still proved.
        assert_eq!(known(Some(1), Some(10)), Standing::Confirmed(days(10)));
    }
}
