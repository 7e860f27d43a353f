//! `claim`: who runs the attempt of a folder. Taken once, never given back.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};

use super::proc::{self, Stat};
use super::sys;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    Supervisor(Owner),
    /// Taken by a server that found the folder unclaimed: nobody will run it.
    Nobody,
    /// Cut off by a power failure: somebody claimed it in an earlier boot.
    #[serde(skip)]
    Torn,
}

/// Names one process of one boot, and the cgroup it made for its commands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Owner {
    pub pid: i32,
    pub start: u64,
    pub boot: String,
    pub cgroup: Option<PathBuf>,
}

impl Owner {
    pub fn this_process() -> io::Result<Self> {
        let pid = std::process::id() as i32;
        Ok(Self {
            pid,
            start: Stat::of(pid)?.start,
            boot: proc::boot_id()?.to_owned(),
            cgroup: None,
        })
    }

    pub fn is_of_this_boot(&self) -> io::Result<bool> {
        Ok(self.boot == proc::boot_id()?)
    }

    /// A handle to the owner, or `None` if it is dead.
    pub fn alive(&self) -> io::Result<Option<OwnedFd>> {
        if !self.is_of_this_boot()? {
            return Ok(None);
        }
        // Handle first, questions later: what is asked by number then concerns the process held.
        let pidfd = match sys::pidfd_open(self.pid) {
            Ok(pidfd) => pidfd,
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
            Err(error) => return Err(error),
        };
        let same = match Stat::of(self.pid) {
            Ok(stat) => stat.start == self.start,
            // Between the two calls it ended and was buried: no file, or one that reads as ESRCH.
            Err(_) if has_exited(&pidfd)? => false,
            Err(error) => return Err(error),
        };
        Ok((same && !has_exited(&pidfd)?).then_some(pidfd))
    }
}

fn has_exited(pidfd: &OwnedFd) -> io::Result<bool> {
    Ok(poll(
        &mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)],
        PollTimeout::ZERO,
    )? > 0)
}

pub fn read(dir: &Path) -> io::Result<Option<Claim>> {
    match fs::read(dir.join("claim")) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or(Claim::Torn))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A claim that is written, and counts for nothing yet.
pub struct Draft {
    dir: PathBuf,
    file: PathBuf,
    is_placed: bool,
}

impl Draft {
    pub fn write(dir: &Path, claim: &Claim) -> io::Result<Self> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("claim.{}.{serial}", std::process::id());
        let draft = Self {
            dir: dir.to_owned(),
            file: dir.join(name),
            is_placed: false,
        };
        let mut new = OpenOptions::new();
        new.write(true).create(true).truncate(true).mode(0o600);
        let mut file = new.open(&draft.file)?;
        file.write_all(&serde_json::to_vec(claim)?)?;
        Ok(draft)
    }

    /// Whether the folder is now ours. The claim appears complete or not at all: what gives it its name does not replace.
    pub fn take(mut self) -> io::Result<bool> {
        match place(&self.file, &self.dir.join("claim")) {
            Ok(()) => {
                self.is_placed = true;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_placed {
            let _ = fs::remove_file(&self.file);
        }
    }
}

pub fn take(dir: &Path, claim: &Claim) -> io::Result<bool> {
    Draft::write(dir, claim)?.take()
}

fn place(draft: &Path, claim: &Path) -> io::Result<()> {
    match sys::rename_to_new(draft, claim) {
        // A file system that cannot do this can link.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) => {
            fs::hard_link(draft, claim)?;
            fs::remove_file(draft)
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_claim_counts() {
        let dir = tempfile::tempdir().unwrap();
        let me = Owner::this_process().unwrap();
        assert!(take(dir.path(), &Claim::Supervisor(me)).unwrap());
        assert!(!take(dir.path(), &Claim::Nobody).unwrap());
        assert!(matches!(
            read(dir.path()).unwrap(),
            Some(Claim::Supervisor(_))
        ));
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no draft is left behind"
        );
    }

    #[test]
    fn a_claim_cut_off_by_a_power_failure_is_still_a_claim() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("claim"), "").unwrap();
        assert!(matches!(read(dir.path()).unwrap(), Some(Claim::Torn)));
        assert!(!take(dir.path(), &Claim::Nobody).unwrap());
    }

    #[test]
    fn a_number_used_again_is_not_taken_for_the_owner() {
        let me = Owner::this_process().unwrap();
        assert!(me.alive().unwrap().is_some());
        assert!(
            Owner {
                start: me.start + 1,
                ..me.clone()
            }
            .alive()
            .unwrap()
            .is_none()
        );
        assert!(
            Owner {
                boot: "another".into(),
                ..me
            }
            .alive()
            .unwrap()
            .is_none()
        );
    }
}
