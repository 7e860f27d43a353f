//! The process that forks supervisors. It has one thread and has done nothing, so that a fork is cheap
//! and safe; it knows no attempt, so that its death costs nothing.
//!
//! A supervisor that has done with its attempt is given the next one. Where none is free, a spare is forked when there is
//! nothing else to do, so that an order need not wait for it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use memchr::memchr;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::socket::{SockType, getsockopt, sockopt};
use nix::unistd;
use sha2::{Digest, Sha256};

use super::sys::{self, Fork};
use super::wire::{self, Notice, Order};
use super::{cgroup, mask, proc, supervisor};

/// Without another order for so long, there is time to fork a spare: the last one's command is on its way by then.
const REST: Duration = Duration::from_millis(1);

/// After this, a supervisor without an order forgets what it knows.
const IDLE: Duration = Duration::from_secs(1);
/// So many wait for an order at most.
const SPARE: usize = 4;

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
    let mut supervisors = Supervisors::new();
    supervisors.sweep();
    // Asked once, known to every supervisor: the boot, and what the processor can do, which a virtual one tells slowly.
    let _ = proc::boot_id();
    let _ = (Sha256::digest(b"\n"), memchr(b'\n', b"\n"));
    let stdin = io::stdin();
    wire::send_ready(stdin.as_fd())?;
    loop {
        match supervisors.rest(stdin.as_fd())? {
            Next::Nothing => supervisors.fork_spare(),
            Next::Order => match wire::receive_order(stdin.as_fd())? {
                Some(order) => supervisors.give(order),
                None => return Ok(()),
            },
        }
    }
}

/// What the zygote hears first.
enum Next {
    Order,
    Nothing,
}

/// The ways to those who have no order yet, or no more, and to those who have one.
struct Supervisors {
    groups: Option<PathBuf>,
    spare: Vec<OwnedFd>,
    busy: Vec<OwnedFd>,
    /// No spare is tried for again where there was no room for one, before the next order.
    may_fork: bool,
}

impl Supervisors {
    fn new() -> Self {
        Self {
            groups: cgroup::home(),
            spare: Vec::new(),
            busy: Vec::new(),
            may_fork: true,
        }
    }

    /// Until there is something to do. Meanwhile those who have done what they were ordered become spare.
    fn rest(&mut self, orders: BorrowedFd<'_>) -> io::Result<Next> {
        loop {
            let timeout = match self.spare.is_empty() && self.may_fork {
                true => PollTimeout::try_from(REST).unwrap_or(PollTimeout::MAX),
                false => PollTimeout::NONE,
            };
            let ways = [orders]
                .into_iter()
                .chain(self.busy.iter().map(AsFd::as_fd));
            let mut ways: Vec<_> = ways
                .map(|way| PollFd::new(way, PollFlags::POLLIN))
                .collect();
            let is_quiet = match poll(&mut ways, timeout) {
                Err(Errno::EINTR) => continue,
                ready => ready? == 0,
            };
            let told: Vec<bool> = ways.iter().map(|way| way.any() != Some(false)).collect();
            for n in (0..self.busy.len()).rev().filter(|n| told[n + 1]) {
                let way = self.busy.swap_remove(n);
                // All others leave when it is dropped, if they are there at all.
                if matches!(wire::receive_ready(way.as_fd()), Ok(true)) && self.spare.len() < SPARE
                {
                    self.spare.push(way);
                }
            }
            match (told[0], is_quiet) {
                (true, _) => return Ok(Next::Order),
                (_, true) => return Ok(Next::Nothing),
                _ => {}
            }
        }
    }

    fn give(&mut self, order: Order) {
        // One that was killed takes no order; one that is killed with it in hand is noticed by the server.
        while let Some(spare) = self.spare.pop() {
            if order.pass_on(spare.as_fd()).is_ok() {
                self.busy.push(spare);
                return;
            }
            self.sweep();
        }
        let mut order = Some(order);
        let forked = self.fork(&mut order);
        self.may_fork = true;
        match (forked, order) {
            (Ok(way), _) => self.busy.push(way),
            (Err(error), Some(order)) => {
                let sentence = format!("no process can be made to run it: {error}");
                wire::notify(&order.bell, &Notice::Refused(sentence));
            }
            _ => {}
        }
    }

    fn sweep(&self) {
        if let Some(home) = &self.groups {
            cgroup::sweep(home);
        }
    }

    fn fork_spare(&mut self) {
        match self.fork(&mut None) {
            Ok(way) => self.spare.push(way),
            Err(_) => self.may_fork = false,
        }
    }

    /// One that carries out this order, and then those that come through the way to it. It leaves with the zygote.
    fn fork(&mut self, order: &mut Option<Order>) -> io::Result<OwnedFd> {
        let (ours, theirs) = wire::channel()?;
        match sys::fork(None)? {
            Fork::Parent(_) => Ok(ours),
            Fork::Child => {
                drop(ours);
                // The ways to others: they must see them close when the zygote dies.
                self.spare.clear();
                self.busy.clear();
                become_supervisor(order.take(), theirs, self.groups.as_deref())
            }
        }
    }
}

fn become_supervisor(mut order: Option<Order>, orders: OwnedFd, groups: Option<&Path>) -> ! {
    let mut is_first = true;
    let next = || {
        let is_first = std::mem::replace(&mut is_first, false);
        match order.take() {
            Some(order) => return Ok(Some(order)),
            None if !is_first => wire::send_ready(orders.as_fd())?,
            None => {}
        }
        // What it was told of secrets is of use to the next attempt of the same run, which comes at once or not at all.
        if !wire::comes_within(orders.as_fd(), IDLE)? {
            mask::forget();
        }
        wire::receive_order(orders.as_fd())
    };
    // A panic must not go on as a second zygote.
    let supervise = || supervisor::supervise(next, groups);
    let done = catch_unwind(AssertUnwindSafe(supervise));
    sys::exit_now(if done.is_ok() { 0 } else { 101 })
}
