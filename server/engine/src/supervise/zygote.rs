//! The process that forks supervisors. It has one thread and has done nothing, so that a fork is cheap
//! and safe; it knows no attempt, so that its death costs nothing.
//!
//! A spare supervisor is forked when there is nothing else to do, so that an order need not wait for it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use memchr::memchr;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::socket::{SockType, getsockopt, sockopt};
use nix::unistd;
use sha2::{Digest, Sha256};

use super::sys::{self, Fork};
use super::wire::{self, Notice, Order};
use super::{cgroup, proc, supervisor};

/// Without another order for so long, there is time to fork a spare: the last one's command is on its way by then.
const REST: Duration = Duration::from_millis(1);

/// The first argument that makes this binary a zygote.
pub const ARGUMENT: &str = "zygote";

/// To be called first thing in `main`, before threads, signal handlers or a runtime exist. If this
/// process was started to be the zygote, it never returns; else it does nothing.
pub fn run_if_zygote() {
    if std::env::args_os().nth(1).as_deref() != Some(OsStr::new(ARGUMENT)) {
        return;
    }
    if getsockopt(&io::stdin(), sockopt::SockType) != Ok(SockType::SeqPacket) {
        eprintln!("`{ARGUMENT}` is a part of the server, which starts it by itself. Use `serve`.");
        std::process::exit(2);
    }
    sys::exit_now(if serve().is_ok() { 0 } else { 1 })
}

fn serve() -> io::Result<()> {
    sys::close_inherited();
    // Out of the reach of a terminal's ^C. It fails for a process that leads a group already.
    let _ = unistd::setsid();
    unistd::chdir("/")?;
    // SAFETY: neither disposition runs code of ours. Ignoring makes the kernel bury the supervisors.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn)? };
    let groups = cgroup::home();
    let sweep = || {
        if let Some(home) = &groups {
            cgroup::sweep(home);
        }
    };
    sweep();
    // Asked once, known to every supervisor: the boot, and what the processor can do, which a virtual one tells slowly.
    let _ = proc::boot_id();
    let _ = (Sha256::digest(b"\n"), memchr(b'\n', b"\n"));
    let stdin = io::stdin();
    wire::send_ready(stdin.as_fd())?;
    let mut spare = None;
    loop {
        if spare.is_none() && !wire::comes_within(stdin.as_fd(), REST)? {
            spare = fork_spare(groups.as_deref()).ok();
        }
        let Some(order) = wire::receive_order(stdin.as_fd())? else {
            return Ok(());
        };
        // A spare that was killed takes no order; one that is killed with it in hand is noticed by the server.
        let passed_on = spare.take().map(|spare| order.pass_on(spare.as_fd()));
        if !matches!(passed_on, Some(Ok(()))) {
            fork_supervisor(order, groups.as_deref());
        }
        if matches!(passed_on, Some(Err(_))) {
            sweep();
        }
    }
}

fn fork_supervisor(order: Order, groups: Option<&Path>) {
    match sys::fork(None) {
        Ok(Fork::Parent(_)) => {}
        Ok(Fork::Child) => become_supervisor(|| Ok(Some(order)), groups, false),
        Err(error) => {
            let sentence = format!("no process can be made to run it: {error}");
            wire::notify(&order.bell, &Notice::Refused(sentence));
        }
    }
}

/// One that gets ready and waits for the order that comes through the channel. It leaves with the zygote.
fn fork_spare(groups: Option<&Path>) -> io::Result<OwnedFd> {
    let (ours, theirs) = wire::channel()?;
    match sys::fork(None)? {
        Fork::Parent(_) => Ok(ours),
        Fork::Child => {
            drop(ours);
            become_supervisor(|| wire::receive_order(theirs.as_fd()), groups, true)
        }
    }
}

fn become_supervisor(
    order: impl FnOnce() -> io::Result<Option<Order>>,
    groups: Option<&Path>,
    is_spare: bool,
) -> ! {
    // A panic must not go on as a second zygote.
    let supervise = || supervisor::supervise(order, groups, is_spare);
    let done = catch_unwind(AssertUnwindSafe(supervise));
    sys::exit_now(if done.is_ok() { 0 } else { 101 })
}
