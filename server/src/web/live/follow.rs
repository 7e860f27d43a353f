//! How far the output of a run has got, told to one reader of the live stream.

use crate::{
    state::State,
    web::{lines, output},
};
use app::page::Wrote;
use domain::RunId;
use engine::supervise;
use std::time::Duration;
use tokio::time::Instant;

/// How often a run's output is looked at, while somebody watches: it is told so many times a second at most.
pub const LOOK: Duration = Duration::from_millis(100);

/// Follows the output of a run, from one attempt to the next.
pub struct Follow {
    run: RunId,
    at: Option<(u32, u32)>,
    /// What the reader knows of.
    bytes: u64,
    /// When it was told last.
    told: Option<Instant>,
}

impl Follow {
    pub fn new(run: RunId, from: Option<&str>) -> Self {
        let mut parts = from
            .unwrap_or_default()
            .split('-')
            .map(|p| p.parse::<u64>().ok());
        let mut part = || parts.next().flatten();
        let (at, bytes) = match (part(), part(), part()) {
            (Some(step), Some(attempt), Some(bytes)) => {
                (Some((step as u32, attempt as u32)), bytes)
            }
            _ => (None, 0),
        };
        Follow {
            run,
            at,
            bytes,
            told: None,
        }
    }

    pub async fn read(&mut self, state: &State) -> Option<Wrote> {
        if self.told.is_some_and(|told| told.elapsed() < LOOK) {
            return None;
        }
        let (step, attempt) = match self.at {
            Some(at) => at,
            None => {
                let world = state.desk.world();
                *self.at.insert(output::current(world.runs.get(&self.run)?)?)
            }
        };
        let dir = output::folder_of(state, &self.run, step, attempt);
        let bytes = supervise::output_size(&dir).await.unwrap_or(0);
        if bytes != self.bytes {
            let size = lines::window(&dir, u64::MAX, 0, "").await.ok()?;
            self.bytes = bytes;
            self.told = Some(Instant::now());
            return Some(Wrote {
                step,
                attempt,
                total: size.total,
                bytes: size.bytes,
                lost: size.lost,
                found: size.found,
            });
        }
        // Nothing more here: go on with the attempt that followed, once there is one.
        let world = state.desk.world();
        let now = output::current(world.runs.get(&self.run)?)?;
        if now != (step, attempt) {
            self.at = Some(next_after(world.runs.get(&self.run)?, (step, attempt)).unwrap_or(now));
            self.bytes = 0;
        }
        None
    }
}

/// The attempt that was started after this one.
fn next_after(run: &domain::Run, (step, attempt): (u32, u32)) -> Option<(u32, u32)> {
    let mut all: Vec<_> = run
        .steps
        .iter()
        .enumerate()
        .flat_map(|(i, s)| {
            s.attempts
                .iter()
                .map(move |a| (a.started_at, i as u32, a.number))
        })
        .collect();
    all.sort();
    let at = all
        .iter()
        .position(|(_, s, a)| (*s, *a) == (step, attempt))?;
    all.get(at + 1).map(|(_, s, a)| (*s, *a))
}
