//! A control group (v2) for each attempt, where the machine lets us have one: what is born in it
//! cannot leave it by forking, changing its session or losing its parent.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::proc::Stat;

pub struct Cgroup {
    path: PathBuf,
    dir: File,
}

impl Cgroup {
    /// `None` where it may not be made, and if there is one of that name: it would be another's.
    pub fn make(home: &Path, name: &str) -> Option<Self> {
        let path = home.join(format!("muster-{name}"));
        fs::create_dir(&path).ok()?;
        let dir = File::open(&path).ok()?;
        Some(Self { path, dir })
    }

    /// A new one of the same name, if this one is empty.
    pub fn renew(self) -> Option<Self> {
        remove(&self.path).ok()?;
        fs::create_dir(&self.path).ok()?;
        let dir = File::open(&self.path).ok()?;
        Some(Self {
            path: self.path,
            dir,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

/// Removes the empty groups of processes that are gone: of those that were killed before they had anything to do, no claim
/// tells.
pub fn sweep(home: &Path) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| {
            let (pid, start) = name.strip_prefix("muster-")?.split_once('-')?;
            Some((pid.parse::<i32>().ok()?, start.parse::<u64>().ok()?))
        });
        let lives = |(pid, start)| Stat::of(pid).is_ok_and(|stat| stat.start == start);
        if owner.is_some_and(|owner| !lives(owner)) {
            let _ = remove(&entry.path());
        }
    }
}

/// The group of this process, under which it may make others; `None` where there is no such place.
pub fn home() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let home = locate(&mounts, &groups)?;
    // Something else may be mounted on top.
    home.join("cgroup.procs").exists().then_some(home)
}

fn locate(mounts: &str, groups: &str) -> Option<PathBuf> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, at) = (fields.next()?, fields.next()?);
        let below = Path::new(own).strip_prefix(root).ok()?;
        kind.starts_with("cgroup2 ")
            .then(|| Path::new(at).join(below))
    })
}

/// Kills everything in the group and below it. A group that is gone is as good as dead.
pub fn kill_all(path: &Path) -> io::Result<()> {
    match fs::write(path.join("cgroup.kill"), "1") {
        // Before Linux 5.14: one by one. Whoever forked meanwhile is met by the next call.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let procs = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
            for pid in procs
                .split_ascii_whitespace()
                .filter_map(|pid| pid.parse().ok())
            {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            Ok(())
        }
        done => done,
    }
}

/// Removes the group with those that its commands made in it. Fails while something lives there.
pub fn remove(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    match fs::remove_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";

    #[test]
    fn a_group_whose_owner_is_gone_is_removed_and_no_other() {
        let home = tempfile::tempdir().unwrap();
        let me = std::process::id() as i32;
        let start = Stat::of(me).unwrap().start;
        let mine = format!("muster-{me}-{start}");
        let gone = format!("muster-{me}-{}", start + 1);
        for name in [&mine, &gone, "muster-of-somebody", "other"] {
            fs::create_dir(home.path().join(name)).unwrap();
        }
        sweep(home.path());
        let is_there = |name: &str| home.path().join(name).exists();
        assert!(is_there(&mine) && is_there("muster-of-somebody") && is_there("other"));
        assert!(!is_there(&gone));
    }

    #[test]
    fn the_group_is_found_wherever_it_is_mounted() {
        assert_eq!(
            locate(HYBRID, "4:cpu:/\n0::/\n"),
            Some("/sys/fs/cgroup/unified".into())
        );
        let systemd = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw";
        let own = Some("/sys/fs/cgroup/system.slice/muster.service".into());
        assert_eq!(locate(systemd, "0::/system.slice/muster.service\n"), own);
        let container = "30 23 0:26 /box/7 /sys/fs/cgroup ro - cgroup2 cgroup rw";
        assert_eq!(
            locate(container, "0::/box/7/inner\n"),
            Some("/sys/fs/cgroup/inner".into())
        );
        assert_eq!(locate(container, "0::/elsewhere\n"), None);
        assert_eq!(locate("", "0::/\n"), None);
    }
}
