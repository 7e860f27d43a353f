//! What a failover is: the state that its events add up to; and what is seen of the world around it.

use super::{Signal, State};
use crate::{Event, Number, RunId, ServiceId, Stamp, Stamped, World, plan::Observer};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// So many of its moves are kept with it; all are in the timeline.
const KEPT: usize = 100;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Failover {
    pub state: State,
    pub since: Option<Stamp>,
    pub because: String,
    /// The run that does the work of this state, or did that of the last one.
    pub run: Option<RunId>,
    pub incident: Option<Number>,
    /// When Muster last began one by itself …
    pub automatic_at: Option<Stamp>,
    /// … and whether a person has acknowledged that.
    pub acknowledged: bool,
    /// The latest last.
    pub moves: Vec<Move>,
    pub version: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Move {
    pub at: Stamp,
    pub from: State,
    pub signal: Signal,
    pub to: State,
    pub because: String,
    pub evidence: Vec<String>,
    /// The name of who or what moved it.
    pub by: String,
    pub run: Option<RunId>,
}

/// The lever: what Muster would begin by itself, it does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    pub at: Stamp,
    pub by: String,
    pub reason: String,
}

/// One look of Muster at everything that a failover is decided by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    pub at: Stamp,
    /// Since when this Muster looks.
    pub since: Stamp,
    /// Of the observers asked so far, one each.
    pub votes: Vec<Vote>,
    /// The node to promote, where it answers.
    pub candidate: Option<Candidate>,
    /// The system that the primary is of, as it was last seen by this Muster.
    pub system: Option<String>,
    /// The nodes that take writes.
    pub writable: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vote {
    pub observer: Observer,
    pub word: Word,
    pub because: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    Up,
    Down,
    /// It cannot be told: no vote for anything.
    Unknown,
}

impl Word {
    pub fn words(self) -> &'static str {
        match self {
            Word::Up => "sees it up",
            Word::Down => "sees it down",
            Word::Unknown => "cannot tell",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub standby: bool,
    pub system: String,
    pub timeline: u32,
    /// How many bytes it lacked of what the primary had when both were last seen.
    pub lag: Option<u64>,
}

impl World {
    pub fn failover(&self, service: &ServiceId) -> Option<&Arc<Failover>> {
        self.failovers.get(service)
    }

    /// Folds an event about failovers in. The browser holds none, and passes over them.
    pub(crate) fn apply_failover(&mut self, stamped: &Stamped) {
        if cfg!(target_arch = "wasm32") {
            return;
        }
        match &stamped.event {
            Event::FailoverMoved { service, .. } | Event::FailoverAcknowledged { service } => {
                let failover = self.failovers.entry(service.clone()).or_default();
                if stamped.seq > failover.version {
                    Arc::make_mut(failover).fold(stamped);
                }
            }
            Event::AutomationHeld { held, reason } => {
                self.automation = held.then(|| {
                    Arc::new(Held {
                        at: stamped.at,
                        by: stamped.actor.name.clone(),
                        reason: reason.clone(),
                    })
                });
            }
            _ => {}
        }
    }
}

impl Failover {
    fn fold(&mut self, stamped: &Stamped) {
        self.version = stamped.seq;
        let Event::FailoverMoved {
            incident,
            from,
            signal,
            to,
            because,
            evidence,
            run,
            ..
        } = &stamped.event
        else {
            self.acknowledged = true;
            return;
        };
        self.state = *to;
        self.since = Some(stamped.at);
        self.because.clone_from(because);
        // The next story begins without the last one's incident and run.
        if run.is_some() || !to.is_work() && matches!(signal, Signal::Failing | Signal::Moved) {
            self.run.clone_from(run);
        }
        if incident.is_some() || *to == State::Detected {
            self.incident.clone_from(incident);
        }
        if *signal == Signal::Automatic {
            self.automatic_at = Some(stamped.at);
            self.acknowledged = false;
        }
        if self.moves.len() >= KEPT {
            self.moves.remove(0);
        }
        self.moves.push(Move {
            at: stamped.at,
            from: *from,
            signal: *signal,
            to: *to,
            because: because.clone(),
            evidence: evidence.clone(),
            by: stamped.actor.name.clone(),
            run: run.clone(),
        });
    }

    /// The last automatic failover, unless somebody has acknowledged it.
    pub fn unacknowledged(&self) -> Option<Stamp> {
        self.automatic_at.filter(|_| !self.acknowledged)
    }
}
