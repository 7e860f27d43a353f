//! The process that forks supervisors. It has one thread and has done nothing, so that a fork is cheap
//! and safe; it knows no attempt, so that its death costs nothing.

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use memchr::memchr;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::socket::{SockType, getsockopt, sockopt};
use nix::unistd;
use sha2::{Digest, Sha256};

use super::sys::{self, Fork};
use super::wire::{self, Notice, Order};
use super::{cgroup, proc, supervisor};

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
    // Asked once, known to every supervisor: the boot, and what the processor can do, which a virtual one tells slowly.
    let _ = proc::boot_id();
    let _ = (Sha256::digest(b"\n"), memchr(b'\n', b"\n"));
    let stdin = io::stdin();
    wire::send_ready(stdin.as_fd())?;
    while let Some(order) = wire::receive_order(stdin.as_fd())? {
        fork_supervisor(order, groups.as_deref());
    }
    Ok(())
}

fn fork_supervisor(order: Order, groups: Option<&Path>) {
    match sys::fork(None) {
        Ok(Fork::Parent(_)) => {}
        Ok(Fork::Child) => {
            // A panic must not go on as a second zygote.
            let done = catch_unwind(AssertUnwindSafe(|| supervisor::supervise(order, groups)));
            sys::exit_now(if done.is_ok() { 0 } else { 101 })
        }
        Err(error) => {
            let sentence = format!("no process can be made to run it: {error}");
            wire::notify(&order.bell, &Notice::Refused(sentence));
        }
    }
}
