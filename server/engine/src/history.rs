//! What became of each service: keeps the last ninety days, for the board and the status page.
//!
//! Reading it touches neither the database nor a lock that a writer holds: [`Histories`] is handed on as a whole.

use crate::{Desk, checks::Looks};
use domain::{ServiceId, history::History};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::watch;

/// By service; one that was never looked at is not there. `History::days` gives the days, `domain::history::uptime` the
/// share of them.
pub type Histories = BTreeMap<ServiceId, History>;

/// Follows the timeline and the looks.
pub struct Historian {
    #[expect(dead_code)]
    desk: Desk,
    #[expect(dead_code)]
    looks: watch::Receiver<Looks>,
    histories: watch::Sender<Arc<Histories>>,
}

impl Historian {
    pub fn new(desk: Desk, looks: watch::Receiver<Looks>) -> Historian {
        Historian {
            desk,
            looks,
            histories: watch::Sender::default(),
        }
    }

    /// Wakes when one of them has changed.
    pub fn histories(&self) -> watch::Receiver<Arc<Histories>> {
        self.histories.subscribe()
    }
}
