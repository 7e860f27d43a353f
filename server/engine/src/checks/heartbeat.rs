//! A service whose other side must call in. When it last did is kept in the database: a restart forgets nothing, and every
//! node knows.

use super::{
    failure::{Class, Failure},
    probe::{Looked, Seen},
};
use domain::{Span, Stamp, plan::HeartbeatProbe};

/// What the last call says at `now`. Nothing as long as nobody could know: it never called, and has not been waited for
/// long enough (`watching`: since when).
pub fn judge(
    probe: &HeartbeatProbe,
    last: Option<Stamp>,
    watching: Stamp,
    now: Stamp,
) -> Option<Looked> {
    let most = Span(probe.every.0 + probe.grace.0);
    let silent = now.since(last.unwrap_or(watching));
    match last {
        Some(_) if silent <= most => Some(Ok(Seen {
            says: format!("called in {} ago", silent.human()),
        })),
        None if silent <= most => None,
        Some(_) => Some(Err(Failure::new(
            Class::Missed,
            format!(
                "has not called in for {}, at most {}",
                silent.human(),
                most.human()
            ),
        ))),
        None => Some(Err(Failure::new(Class::Missed, "has never called in"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_missed_after_its_grace_and_unknown_before_it_was_waited_for() {
        let probe = HeartbeatProbe {
            every: Span::secs(60),
            grace: Span::secs(10),
        };
        let at = |second: i64| Stamp(second * 1_000_000);
        let judge = |last: Option<i64>, now| judge(&probe, last.map(at), at(0), at(now));
        assert_eq!(judge(None, 70), None);
        assert!(judge(None, 71).is_some_and(|l| l.is_err()));
        assert!(judge(Some(5), 75).is_some_and(|l| l.is_ok()));
        assert!(judge(Some(5), 76).is_some_and(|l| l.is_err()));
        // It called before this server was started: that is known.
        assert!(judge(Some(-100), 1).is_some_and(|l| l.is_err()));
    }
}
