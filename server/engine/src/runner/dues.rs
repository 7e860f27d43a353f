//! When what the timeline says is due is due by a clock that nobody sets.
//!
//! The timeline holds times of day. What is meant by a retry's delay or an approval's timeout is a length of time: it is
//! measured from when this node first saw it. Only a restart has to believe the wall clock, and even then nothing takes
//! longer than it was meant to take as a whole.

use domain::{Run, RunId, Stamp, World};
use std::collections::HashMap;
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct Dues(HashMap<(RunId, Stamp), Instant>);

impl Dues {
    /// Notes what is new, also of a run that is paused: its time goes on. `now` is the time of day, `here` the same
    /// moment by the steady clock.
    pub fn see(&mut self, world: &World, now: Stamp, here: Instant) {
        let open = |run: &RunId| world.runs.get(run).filter(|r| !r.is_over());
        self.0
            .retain(|(run, due), _| open(run).is_some_and(|r| r.dues().any(|(at, _)| at == *due)));
        for run in world.runs.values().filter(|r| !r.is_over()) {
            for (due, since) in run.dues() {
                let left = due.since(now).0.min(due.since(since).0);
                self.0
                    .entry((run.id.clone(), due))
                    .or_insert_with(|| here + left);
            }
        }
    }

    /// When the runner should look at this run again.
    pub fn of(&self, run: &Run) -> Option<Instant> {
        self.0.get(&(run.id.clone(), run.due()?)).copied()
    }
}

#[cfg(test)]
mod tests;
