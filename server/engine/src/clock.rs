//! The one place that reads the time of day. Tests hand in their own and move it by hand.

use domain::{Span, Stamp};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    /// Since when it runs, by a clock that nobody sets and by the wall.
    System(Instant, Stamp),
    Manual(Arc<AtomicI64>),
}

/// How often a hand that somebody moves is looked at.
const LOOK: Duration = Duration::from_millis(2);
/// Nobody sleeps longer in one go.
const LONGEST: Duration = Duration::from_secs(3600);

impl Clock {
    pub fn system() -> Self {
        Clock(Source::System(Instant::now(), wall()))
    }

    /// A clock that stands still at `start` until somebody stores another instant (µs since 1970).
    pub fn manual(start: Stamp) -> (Self, Arc<AtomicI64>) {
        let hand = Arc::new(AtomicI64::new(start.0));
        (Clock(Source::Manual(hand.clone())), hand)
    }

    pub fn now(&self) -> Stamp {
        match &self.0 {
            Source::System(..) => wall(),
            Source::Manual(hand) => Stamp(hand.load(Ordering::SeqCst)),
        }
    }

    /// The time of day as if nobody had set the clock since this program started: what lengths of time are measured by.
    pub fn steady(&self) -> Stamp {
        match &self.0 {
            Source::System(since, start) => start.plus(Span(since.elapsed())),
            Source::Manual(_) => self.now(),
        }
    }

    /// Waits until [`Clock::steady`] is there.
    pub async fn reach(&self, at: Stamp) {
        loop {
            let left = at.since(self.steady()).0;
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(match &self.0 {
                Source::System(..) => left.min(LONGEST),
                Source::Manual(_) => LOOK,
            })
            .await;
        }
    }
}

fn wall() -> Stamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Stamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
