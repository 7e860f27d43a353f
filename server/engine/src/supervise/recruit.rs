//! A process that was forked ahead, to become the first command of the attempt that comes: a fork costs more than all else
//! that lies between an order and its command.
//!
//! It is born in the attempt's cgroup, knows nothing but the way to its supervisor, and leaves with it.

use std::io::{self, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::program::{self, Program};
use super::sys::{self, Fork};
use super::{outputs, wire};

pub struct Recruit {
    pid: i32,
    channel: OwnedFd,
}

impl Recruit {
    pub fn fork(cgroup: Option<BorrowedFd<'_>>) -> io::Result<Self> {
        let (channel, theirs) = wire::channel()?;
        match sys::fork(cgroup)? {
            Fork::Parent(pid) => Ok(Self { pid, channel }),
            Fork::Child => {
                // The supervisor's own ways: whoever waits at their other end must see them close when it dies.
                std::mem::forget(channel);
                let _ = sys::keep_only(theirs).and_then(wait);
                sys::exit_now(127)
            }
        }
    }

    /// Lets it get ready. Nothing is run yet.
    pub fn prepare(&self, spec: BorrowedFd<'_>) -> io::Result<()> {
        wire::hand_over(self.channel.as_fd(), [spec], MsgFlags::empty())
    }

    /// Becomes the command. Its number; nothing where it has been killed, and then it runs nothing.
    pub fn go(self, out: BorrowedFd<'_>, report: &PipeWriter) -> Option<i32> {
        let all = [out, report.as_fd()];
        match wire::hand_over(self.channel.as_fd(), all, MsgFlags::empty()) {
            Ok(()) => Some(self.pid),
            Err(_) => None,
        }
    }

    /// There is nothing to be done after all.
    pub fn dismiss(self) {
        drop(self.channel);
        let _ = waitpid(Pid::from_raw(self.pid), None);
    }
}

/// Returns when it is not needed, or has said why it cannot be what it should.
fn wait(channel: OwnedFd) -> io::Result<()> {
    let Some([spec]) = wire::take_over(channel.as_fd())? else {
        return Ok(());
    };
    // Nobody can have meant this attempt before.
    sys::forget_signals();
    let program = wire::read_spec(spec).map(|mut spec| {
        outputs::offer(&mut spec);
        Program::new(&spec, 0)
    });
    let Some([out, report]) = wire::take_over(channel.as_fd())? else {
        return Ok(());
    };
    drop(channel);
    match program {
        Ok(Ok(program)) => program.become_it_or_report(out.as_fd(), report.into()),
        // The supervisor could: here something is short.
        _ => program::tell(report.into(), program::PREPARE, Errno::EAGAIN),
    }
    Ok(())
}
