//! The last events, each serialised once, for the readers of the live stream.

use domain::Stamped;
use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
};

/// How many events are kept at hand; a reader further behind reads the log.
const KEPT: usize = 4096;

/// One event as the live stream sends it.
#[derive(Clone, Debug)]
pub struct Live {
    pub seq: u64,
    pub json: Arc<str>,
}

impl Live {
    pub fn of(stamped: &Stamped) -> Live {
        let json = serde_json::to_string(stamped).unwrap_or_default();
        Live {
            seq: stamped.seq,
            json: json.into(),
        }
    }
}

#[derive(Default)]
pub struct Tail(RwLock<VecDeque<Live>>);

impl Tail {
    pub(super) fn push(&self, events: &[Stamped]) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            if kept.len() == KEPT {
                kept.pop_front();
            }
            kept.push_back(Live::of(event));
        }
    }

    /// The events after `seq`, or nothing where the tail does not reach back that far.
    pub(super) fn after(&self, seq: u64) -> Option<Vec<Live>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let first = kept.front()?.seq;
        if seq + 1 < first {
            return None;
        }
        Some(
            kept.iter()
                .skip((seq + 1 - first) as usize)
                .cloned()
                .collect(),
        )
    }
}
