//! The system calls that `nix` does not have, each as a safe function.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use nix::libc;

use super::Ending;

pub enum Fork {
    Parent(i32),
    Child,
}

/// Forks, if it can straight into `cgroup`: a process moved there later could fork before it.
///
/// Only for processes with one thread. The child may then do as it likes.
pub fn fork(cgroup: Option<BorrowedFd<'_>>) -> io::Result<Fork> {
    if let Some(cgroup) = cgroup {
        // `struct clone_args`: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size,
        // tls, set_tid, set_tid_size, cgroup.
        let mut args = [0u64; 11];
        args[0] = CLONE_INTO_CGROUP;
        args[4] = libc::SIGCHLD as u64;
        args[10] = cgroup.as_raw_fd() as u64;
        // SAFETY: the kernel reads `args` and nothing else. Without CLONE_VM and with no stack given it
        // is a plain fork, and the caller has one thread, so that no lock is left locked in the child.
        let pid = unsafe { libc::syscall(libc::SYS_clone3, args.as_ptr(), size_of_val(&args)) };
        match pid {
            0 => return Ok(Fork::Child),
            1.. => return Ok(Fork::Parent(pid as i32)),
            // An older kernel, or one that forbids it: the tree is then found by walking it.
            _ => {}
        }
    }
    // SAFETY: the caller has one thread, as above.
    match unsafe { libc::fork() } {
        0 => Ok(Fork::Child),
        pid @ 1.. => Ok(Fork::Parent(pid)),
        _ => Err(io::Error::last_os_error()),
    }
}

pub const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Kills this process unless it has become another program by then. Allocates nothing.
pub fn die_unless_replaced_within(time: Duration) {
    // SAFETY: both structures are plain data, valid as zeroes, and outlive the calls, which only read them or write `timer`.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = libc::SIGKILL;
        let mut timer: libc::c_int = 0;
        if libc::syscall(
            libc::SYS_timer_create,
            libc::CLOCK_MONOTONIC,
            &raw mut event,
            &raw mut timer,
        ) != 0
        {
            return;
        }
        let mut when: libc::itimerspec = std::mem::zeroed();
        when.it_value.tv_sec = time.as_secs() as libc::time_t;
        let none = std::ptr::null_mut::<libc::itimerspec>();
        libc::syscall(libc::SYS_timer_settime, timer, 0, &raw const when, none);
    }
}

/// Leaves a forked child without the parent's destructors and exit handlers.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: it does not return, and touches no memory.
    unsafe { libc::_exit(code) }
}

pub enum Reaped {
    Child(i32, Status),
    /// There are children, and all of them live.
    Busy,
    NoChildren,
}

/// A wait status as the kernel encodes it. (`nix` refuses one that names a real-time signal.)
#[derive(Clone, Copy)]
pub struct Status(i32);

impl From<Status> for Ending {
    fn from(Status(raw): Status) -> Self {
        if libc::WIFSIGNALED(raw) {
            Ending::Signalled(libc::WTERMSIG(raw))
        } else {
            Ending::Exited(libc::WEXITSTATUS(raw))
        }
    }
}

/// `waitpid` without waiting: -1 for any child, -G for one of the process group G.
pub fn reap(which: i32) -> Reaped {
    let mut raw = 0;
    // SAFETY: `raw` outlives the call.
    match unsafe { libc::waitpid(which, &mut raw, libc::WNOHANG) } {
        0 => Reaped::Busy,
        pid @ 1.. => Reaped::Child(pid, Status(raw)),
        _ => Reaped::NoChildren,
    }
}

/// A handle to a process, which unlike its number is never given to another one.
pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed. A result that is not negative is a new descriptor, owned by nobody else.
    unsafe {
        match libc::syscall(libc::SYS_pidfd_open, pid, 0) {
            fd @ 0.. => Ok(OwnedFd::from_raw_fd(fd as i32)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Signals the process behind `pidfd`; one that is already gone is no error.
pub fn pidfd_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo stands for that of kill(2).
    let done = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            none,
            0,
        )
    };
    match io::Error::last_os_error() {
        _ if done == 0 => Ok(()),
        error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        error => Err(error),
    }
}

/// How many bytes can be read from `pipe` at once, now.
pub fn readable(pipe: BorrowedFd<'_>) -> io::Result<usize> {
    let mut length: libc::c_int = 0;
    // SAFETY: the kernel writes one int to `length`, which outlives the call.
    match unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &mut length) } {
        0 => Ok(usize::try_from(length).unwrap_or(0)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Renames a file, unless there is one of the new name already.
pub fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    const RENAME_NOREPLACE: u32 = 1;
    let from = CString::new(from.as_os_str().as_bytes())?;
    let to = CString::new(to.as_os_str().as_bytes())?;
    let here = libc::AT_FDCWD;
    // SAFETY: both strings end in NUL and outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            here,
            from.as_ptr(),
            here,
            to.as_ptr(),
            RENAME_NOREPLACE,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Closes every descriptor above standard error: whatever the server's own parent left open.
pub fn close_inherited() {
    let _ = close_from(3);
}

/// Fails before Linux 5.9.
fn close_from(lowest: u32) -> io::Result<()> {
    // SAFETY: those who call it own no such descriptor.
    match unsafe { libc::syscall(libc::SYS_close_range, lowest, u32::MAX, 0u32) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
