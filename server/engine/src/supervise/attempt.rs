//! The server's view of an attempt: launched by it, or found again.

use std::future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::claim::{self, Claim, Owner};
use super::wire::{self, Notice, Notices};
use super::{Outcome, cgroup, leftovers, outputs, record, sys};

/// How often the record is looked at where only an exit would be heard.
const GLANCE: Duration = Duration::from_secs(1);

/// An attempt that a supervisor has claimed. Dropping it does not stop it.
pub struct Attempt {
    dir: PathBuf,
    state: State,
    /// To the supervisor, where this server has launched it.
    word: Option<OwnedFd>,
}

enum State {
    Live(Owner, Bell),
    Over(Result<Outcome, Lost>),
}

/// How a supervisor is heard.
enum Bell {
    /// It tells the outcome itself.
    Notices(Notices),
    /// Its exit is seen.
    Exit(AsyncFd<OwnedFd>),
    /// Not at all: what it left must be looked at.
    Silent,
}

/// The supervisor was killed before it could write how the command ended. What it ran was killed too,
/// but whether it had done its work nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the supervisor of this attempt was killed: how its command ended is unknown. Check the target before running it again."
)]
pub struct Lost;

/// What [`adopt`] found.
pub enum Adopted {
    Finished(Outcome),
    Running(Attempt),
    /// No supervisor has begun it, and none will from now on.
    NeverStarted,
    Lost,
}

/// Finds out what became of the attempt in `dir`, of which a former server may have been the last to
/// know. Gives the same answer however often it is asked, but that what runs will end.
pub async fn adopt(dir: &Path) -> io::Result<Adopted> {
    let dir = std::path::absolute(dir)?;
    let (owner, pidfd) = {
        let dir = dir.clone();
        match spawn_blocking(move || look(&dir)).await?? {
            Seen::Finished(outcome) => return Ok(Adopted::Finished(outcome)),
            Seen::NeverStarted => return Ok(Adopted::NeverStarted),
            Seen::Lost => return Ok(Adopted::Lost),
            Seen::Running(owner, pidfd) => (owner, pidfd),
        }
    };
    Ok(Adopted::Running(Attempt {
        dir,
        word: None,
        state: State::Live(owner, Bell::on_exit(pidfd)?),
    }))
}

/// Sees to it that no supervisor ever begins the attempt in `dir`. False where one has claimed it.
pub fn close(dir: &Path) -> io::Result<bool> {
    claim::take(dir, &Claim::Nobody)
}

/// Whether no supervisor has claimed the attempt in `dir`, by what can be read there.
pub fn is_unclaimed(dir: &Path) -> bool {
    matches!(claim::read(dir), Ok(None | Some(Claim::Nobody)))
}

enum Seen {
    Finished(Outcome),
    Running(Owner, OwnedFd),
    NeverStarted,
    Lost,
}

fn look(dir: &Path) -> io::Result<Seen> {
    std::fs::create_dir_all(dir)?;
    loop {
        let claim = claim::read(dir)?;
        // Asked before the record is read: what ends between the two questions has written by then.
        let alive = match &claim {
            Some(Claim::Supervisor(owner)) => owner.alive()?,
            _ => None,
        };
        let result = record::read_result(dir)?;
        return Ok(match (claim, alive, result) {
            (Some(Claim::Supervisor(owner)), None, Some(outcome)) => {
                // Its own last act, which it may have been kept from.
                let _ = owner.cgroup.as_deref().map(cgroup::remove);
                Seen::Finished(outcome)
            }
            (_, _, Some(outcome)) => Seen::Finished(outcome),
            (Some(Claim::Supervisor(owner)), Some(pidfd), None) => Seen::Running(owner, pidfd),
            (Some(Claim::Supervisor(owner)), None, None) => {
                leftovers::end(&owner)?;
                // Nobody masked them.
                outputs::remove(dir);
                Seen::Lost
            }
            (Some(Claim::Torn), ..) => Seen::Lost,
            (Some(Claim::Nobody), ..) => Seen::NeverStarted,
            // A claim may have been lost with the power.
            (None, ..) if record::is_of_an_earlier_boot(dir)? => Seen::Lost,
            (None, ..) if claim::take(dir, &Claim::Nobody)? => Seen::NeverStarted,
            (None, ..) => continue,
        });
    }
}

impl Attempt {
    pub(super) fn launched(dir: PathBuf, owner: Owner, notices: Notices, word: OwnedFd) -> Self {
        Self {
            dir,
            state: State::Live(owner, Bell::Notices(notices)),
            word: Some(word),
        }
    }

    pub(super) fn over(dir: PathBuf, end: Result<Outcome, Lost>) -> Self {
        Self {
            dir,
            state: State::Over(end),
            word: None,
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Waits for the end, and knows it from then on. May be dropped and called again at any time.
    pub async fn wait(&mut self) -> Result<Outcome, Lost> {
        loop {
            let bell = match &mut self.state {
                State::Over(end) => return end.clone(),
                State::Live(_, bell) => bell,
            };
            match bell {
                Bell::Notices(notices) => match notices.next().await {
                    Some(Notice::Ended(outcome)) => self.state = State::Over(Ok(outcome)),
                    Some(_) => {}
                    // It is about to exit; nothing is concluded before it has.
                    None => *bell = Bell::Silent,
                },
                Bell::Exit(exit) => {
                    // It may have written its result, and gone on to another attempt for whoever launched it.
                    if let Ok(Err(_)) = timeout(GLANCE, exit.readable()).await {
                        // The runtime is shutting down; about the attempt that says nothing.
                        future::pending::<()>().await;
                    }
                    *bell = Bell::Silent;
                }
                Bell::Silent => {
                    let dir = self.dir.clone();
                    match spawn_blocking(move || look(&dir)).await {
                        Ok(Ok(Seen::Finished(outcome))) => self.state = State::Over(Ok(outcome)),
                        Ok(Ok(Seen::Lost | Seen::NeverStarted)) => {
                            self.state = State::Over(Err(Lost))
                        }
                        Ok(Ok(Seen::Running(_, pidfd))) => match Bell::on_exit(pidfd) {
                            Ok(exit) => *bell = exit,
                            Err(error) => self.look_again_later(&error).await,
                        },
                        Ok(Err(error)) => self.look_again_later(&error).await,
                        Err(_) => future::pending().await,
                    }
                }
            }
        }
    }

    /// A lack of descriptors passes, and a disk may come back; until then nothing is known, which is
    /// neither an outcome nor a loss.
    async fn look_again_later(&self, error: &io::Error) {
        tracing::error!(%error, dir = %self.dir.display(), "cannot see what became of an attempt; trying again");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    /// Its end is durably written down elsewhere: nobody needs it to be on the disk in its folder as well.
    pub fn kept(self) {
        if let Some(word) = self.word {
            wire::say_kept(word.as_fd());
        }
    }

    /// Asks for the end of the whole tree: TERM, grace, KILL. [`Attempt::wait`] tells when it is over.
    /// An attempt that has ended meanwhile stays as it is.
    pub fn cancel(&self) -> io::Result<()> {
        let State::Live(owner, _) = &self.state else {
            return Ok(());
        };
        // Its supervisor may be at another one by now.
        if record::read_result(&self.dir)?.is_some() {
            return Ok(());
        }
        // The supervisor has listened since before it claimed the folder: no request is missed.
        match owner.alive()? {
            Some(pidfd) => sys::pidfd_signal(pidfd.as_fd(), libc::SIGUSR1),
            None => Ok(()),
        }
    }
}

impl Bell {
    fn on_exit(pidfd: OwnedFd) -> io::Result<Self> {
        // SAFETY: an `OwnedFd` is one descriptor for as long as it lives, here as long as the `AsyncFd`.
        let exit = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) }?;
        Ok(Self::Exit(exit))
    }
}
