//! What a server finds that was under way before it: by another server, on a spool that may be lost since, or before the
//! machine was started anew. A folder that is missing, or claimed by nobody, then does not mean that nothing was run.

use super::{Key, Runner, write_whole};
use crate::supervise;
use domain::{Run, Stamp, World};
use std::{collections::HashSet, fs, path::Path, sync::Arc};

pub(super) struct Past {
    /// What was under way when this server started. Whatever begins later cannot be of a lost spool or an earlier boot,
    /// even if the wall clock has been put back meanwhile.
    found: HashSet<Key>,
    /// Attempts of this node that began before this and have left no folder ran in a spool that is lost.
    spool_since: Stamp,
    /// Some of it may be of an earlier boot, whose last files did not reach the disk.
    is_after_a_boot: bool,
}

impl Past {
    pub fn look(spool: &Path, world: &World, now: Stamp) -> Self {
        let under_way = world.runs.values().flat_map(|run| {
            run.running_attempts().map(|(step, attempt)| Key {
                run: run.id.clone(),
                step,
                attempt: attempt.number,
            })
        });
        let found: HashSet<_> = under_way.collect();
        let is_after_a_boot = is_after_a_boot(spool);
        let spool_since = spool_since(spool, now);
        if is_after_a_boot && found.is_empty() {
            write_boot(spool);
        }
        Past {
            is_after_a_boot: is_after_a_boot && !found.is_empty(),
            found,
            spool_since,
        }
    }

    pub fn knows(&self, key: &Key) -> bool {
        self.found.contains(key)
    }

    /// It may have been run in this folder, or in one that is gone, without leaving a trace.
    pub fn is_lost(&self, run: &Run, key: &Key, dir: &Path) -> bool {
        if !self.knows(key) {
            return false;
        }
        let attempt = run.steps.get(key.step as usize);
        let attempt = attempt.and_then(|s| s.attempts.iter().find(|a| a.number == key.attempt));
        let before_the_spool = attempt.is_some_and(|a| a.started_at < self.spool_since);
        self.is_after_a_boot && supervise::is_unclaimed(dir) || before_the_spool && !dir.exists()
    }
}

/// The same of another node's spool on this machine: no server has looked through it since the machine was started.
pub(super) fn is_lost_with_the_boot(spool: &Path, dir: &Path) -> bool {
    is_after_a_boot(spool) && supervise::is_unclaimed(dir)
}

fn is_after_a_boot(spool: &Path) -> bool {
    let known = fs::read_to_string(spool.join(BOOT)).ok();
    known != supervise::boot().ok()
}

impl Runner {
    /// Once all that was found has come to its end, whatever is under way on this node is of this boot.
    pub(super) async fn outlive_the_past(self) {
        if !self.past.is_after_a_boot {
            return;
        }
        let is_over = |world: &Arc<World>| {
            let mut found = self.past.found.iter();
            found.all(|key| key.runs_on(world) != Some(self.desk.node()))
        };
        if self.desk.watch().wait_for(is_over).await.is_err() {
            return;
        }
        let spool = self.place.spool.clone();
        let _ = tokio::task::spawn_blocking(move || write_boot(&spool)).await;
    }
}

const BOOT: &str = ".boot";
const SINCE: &str = ".since";

fn write_boot(spool: &Path) {
    if let Err(error) = supervise::boot().and_then(|boot| write_whole(&spool.join(BOOT), &boot)) {
        // What is found after the next start may be shown to a person without need.
        tracing::warn!(%error, "Cannot write down which boot the spool is of");
    }
}

/// When this spool was first used. One that was lost begins anew, and what ran in the old one left nothing to find.
fn spool_since(spool: &Path, now: Stamp) -> Stamp {
    let known = fs::read_to_string(spool.join(SINCE)).ok();
    if let Some(since) = known.and_then(|text| text.trim().parse().ok()) {
        return Stamp(since);
    }
    // A spool of an older version has runs in it, but not this file.
    let since = match fs::read_dir(spool).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Stamp(0),
        _ => now,
    };
    if let Err(error) = write_whole(&spool.join(SINCE), &since.0.to_string()) {
        tracing::warn!(%error, "Cannot write down since when the spool is used");
    }
    since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_remembers_since_when_it_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let spool = dir.path().join("runs");
        assert_eq!(spool_since(&spool, Stamp(5)), Stamp(5));
        assert_eq!(spool_since(&spool, Stamp(9)), Stamp(5));
        let old = dir.path().join("old");
        fs::create_dir_all(old.join("a-run")).unwrap();
        assert_eq!(spool_since(&old, Stamp(9)), Stamp(0));
    }
}
