//! What a supervisor that was killed left running.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;

use super::claim::Owner;
use super::proc::{self, Stat};
use super::{cgroup, sys};

const PATIENCE: Duration = Duration::from_secs(5);

/// Kills everything a dead supervisor's commands still run: by its cgroup, and by its session, whose
/// number the kernel gives to no other as long as a member lives. Without a cgroup a process that
/// changed its session is not found: nothing tells any more whose it was.
pub fn end(owner: &Owner) -> io::Result<()> {
    // Nothing survives a boot.
    if !owner.is_of_this_boot()? {
        return Ok(());
    }
    let limit = Instant::now() + PATIENCE;
    loop {
        let members = kill_session(owner);
        let group_gone = owner.cgroup.as_deref().is_none_or(end_group);
        if (group_gone && members == 0) || Instant::now() >= limit {
            return Ok(());
        }
        thread::park_timeout(Duration::from_millis(5));
    }
}

fn end_group(path: &Path) -> bool {
    let _ = cgroup::kill_all(path);
    cgroup::remove(path).is_ok()
}

/// How many were found alive.
fn kill_session(owner: &Owner) -> usize {
    let is_member = |pid| {
        Stat::of(pid).is_ok_and(|stat| {
            stat.session == owner.pid && stat.start >= owner.start && !stat.has_ended()
        })
    };
    proc::all()
        .filter(|&pid| is_member(pid))
        .filter_map(|pid| {
            let pidfd = sys::pidfd_open(pid).ok()?;
            // Asked again now that the handle keeps its number from meaning another.
            is_member(pid).then(|| sys::pidfd_signal(pidfd.as_fd(), libc::SIGKILL))
        })
        .count()
}
