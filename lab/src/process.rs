//! Processes as the lab sees them: a pid is only a name until its start time agrees.
//!
//! Architecture invariant: no signal leaves this program except through [`Proc::signal`], which holds a pidfd while
//! it compares the start time, so a recycled pid is never hit.

use std::fs;
use std::future::Future;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::failure::{Doing, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proc {
    pub pid: i32,
    /// Clock ticks between the machine's boot and the process' start.
    pub started: u64,
}

struct Stat {
    state: char,
    parent: i32,
    started: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold spaces and parentheses: the fields begin after the last one.
    let fields: Vec<&str> = text
        .get(text.rfind(')')? + 1..)?
        .split_whitespace()
        .collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

impl Proc {
    /// The process that has this pid now. A zombie counts as gone: it holds no port, no memory and no lock.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = stat(pid)?;
        (!matches!(stat.state, 'Z' | 'X')).then_some(Self {
            pid,
            started: stat.started,
        })
    }

    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal to this very process; `false` when it is gone already.
    pub fn signal(self, signal: Signal) -> Result<bool> {
        // SAFETY: pidfd_open takes two integers and returns a new descriptor or -1.
        let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, self.pid, 0) };
        if raw < 0 || !self.is_alive() {
            return Ok(false);
        }
        // SAFETY: `raw` is a descriptor that was just opened and that nobody else owns.
        let pidfd = unsafe { OwnedFd::from_raw_fd(raw as i32) };
        // SAFETY: a valid pidfd, a valid signal number, no siginfo, no flags.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                pidfd.as_raw_fd(),
                signal as i32,
                std::ptr::null::<()>(),
                0,
            )
        };
        if sent == 0 {
            return Ok(true);
        }
        let error = std::io::Error::last_os_error();
        if error.raw_os_error() == Some(libc::ESRCH) {
            return Ok(false);
        }
        Err(error).doing(|| format!("send {signal} to process {}", self.pid))
    }

    /// Waits until the process is gone; `false` when it is still there after `bound`.
    pub async fn gone(self, bound: Duration) -> bool {
        poll(bound, async || (!self.is_alive()).then_some(()))
            .await
            .is_some()
    }

    /// Children, grandchildren and so on, at this moment.
    pub fn descendants(self) -> Vec<Self> {
        let everyone: Vec<(i32, Stat)> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, stat(pid)?)))
            .collect();
        let mut family = vec![self.pid];
        let mut found = Vec::new();
        let mut next = 0;
        while let Some(&parent) = family.get(next) {
            for (pid, stat) in everyone.iter().filter(|(_, stat)| stat.parent == parent) {
                family.push(*pid);
                found.push(Self {
                    pid: *pid,
                    started: stat.started,
                });
            }
            next += 1;
        }
        found
    }

    /// The command line, empty when the process is gone.
    pub fn arguments(self) -> Vec<String> {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        bytes
            .split(|b| *b == 0)
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect()
    }
}

/// Asks until there is an answer, for `bound` at most.
pub async fn poll<T, F: Future<Output = Option<T>>>(
    bound: Duration,
    mut ask: impl FnMut() -> F,
) -> Option<T> {
    let deadline = Instant::now() + bound;
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A child that must outlive the terminal, and the program, that started it.
pub fn detach(command: &mut tokio::process::Command) -> &mut tokio::process::Command {
    // SAFETY: setsid is async-signal-safe and touches no memory of this process.
    unsafe {
        command.pre_exec(|| {
            nix::unistd::setsid()
                .map(drop)
                .map_err(std::io::Error::from)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_recycled_pid_is_never_signalled() {
        let mut child = tokio::process::Command::new("sleep")
            .arg("60")
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let real = Proc::of(child.id().unwrap() as i32).unwrap();
        let impostor = Proc {
            started: real.started + 1,
            ..real
        };
        assert!(!impostor.signal(Signal::SIGKILL).unwrap());
        assert!(real.is_alive());
        assert!(real.signal(Signal::SIGKILL).unwrap());
        child.wait().await.unwrap();
        assert!(!real.is_alive());
    }
}
