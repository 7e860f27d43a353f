//! The one place that reads the time of day. Tests hand in their own and move it by hand.

use domain::Stamp;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub fn system() -> Self {
        Clock(Source::System)
    }

    /// A clock that stands still at `start` until somebody stores another instant (µs since 1970).
    pub fn manual(start: Stamp) -> (Self, Arc<AtomicI64>) {
        let hand = Arc::new(AtomicI64::new(start.0));
        (Clock(Source::Manual(hand.clone())), hand)
    }

    pub fn now(&self) -> Stamp {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                Stamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
            Source::Manual(hand) => Stamp(hand.load(Ordering::SeqCst)),
        }
    }
}
