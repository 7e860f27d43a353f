//! The process that runs one attempt, whoever else lives or dies.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, Signal, kill, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{self, Pid};

use super::cgroup::{self, Cgroup};
use super::claim::{self, Claim, Owner};
use super::pipe::Pipe;
use super::program::{Program, Running};
use super::recruit::Recruit;
use super::sys::{self, Reaped, Status};
use super::wire::{self, Notice, Order};
use super::{Ending, Outcome, Spec, outputs, proc, record};

/// How long something killed may take to be gone. Only a process stuck in the kernel needs longer,
/// and an attempt that is over must not seem to run because of it.
const DEATH: Duration = Duration::from_secs(10);

/// Gets ready, and runs the attempt of the order that then comes, from claim to result. A spare has time to get more ready.
pub fn supervise(
    order: impl FnOnce() -> io::Result<Option<Order>>,
    groups: Option<&Path>,
    is_spare: bool,
) {
    let ready = Ready::get(groups, is_spare);
    let Ok(Some(Order { spec, record, bell })) = order() else {
        return ready.map_or((), Ready::leave);
    };
    match ready.and_then(|ready| Supervisor::begin(ready, spec, record.into())) {
        Ok(supervisor) => {
            wire::notify(&bell, &Notice::Claimed(supervisor.ready.owner.clone()));
            supervisor.run(|outcome| wire::notify(&bell, &Notice::Ended(outcome)));
        }
        Err(error) => wire::notify(&bell, &Notice::Refused(error.to_string())),
    }
}

/// All that can be done before there is an order.
struct Ready {
    owner: Owner,
    watch: Watch,
    cgroup: Option<Cgroup>,
    /// Becomes the first command.
    recruit: Option<Recruit>,
}

impl Ready {
    fn get(groups: Option<&Path>, is_spare: bool) -> io::Result<Self> {
        // Lets go of the zygote's socket: the server must see it close when the zygote dies.
        unistd::dup2_stdin(File::open("/dev/null")?)?;
        unistd::setsid()?;
        prctl::set_child_subreaper(true)?;
        let _ = prctl::set_name(c"muster-attempt");
        // Before the claim, so that whoever reads there whom to signal is always heard.
        let watch = Watch::new()?;
        let mut owner = Owner::this_process()?;
        // No other process of this boot is called the same.
        let name = format!("{}-{}", owner.pid, owner.start);
        let cgroup = groups.and_then(|home| Cgroup::make(home, &name));
        owner.cgroup = cgroup.as_ref().map(|group| group.path().to_owned());
        let fork = || Recruit::fork(cgroup.as_ref().map(Cgroup::as_fd)).ok();
        Ok(Self {
            recruit: is_spare.then(fork).flatten(),
            owner,
            watch,
            cgroup,
        })
    }

    /// What is to be run, if it is ours to run.
    fn claim(&mut self, spec: OwnedFd, record: &File) -> io::Result<Spec> {
        if let Some(recruit) = self.recruit.take() {
            match recruit.prepare(spec.as_fd()) {
                Ok(()) => self.recruit = Some(recruit),
                Err(_) => recruit.dismiss(),
            }
        }
        let mut spec = wire::read_spec(spec)?;
        if !record::is_of(record, &spec.id)? {
            let sentence = format!("its folder was not made for the attempt {}", spec.id);
            return Err(io::Error::other(sentence));
        }
        if !claim::take(&spec.dir, &Claim::Supervisor(self.owner.clone()))? {
            return Err(io::Error::other("its folder has been claimed already"));
        }
        outputs::offer(&mut spec);
        Ok(spec)
    }

    /// Nothing is to be run, or not by this one.
    fn leave(self) {
        if let Some(recruit) = self.recruit {
            recruit.dismiss();
        }
        if let Some(cgroup) = self.cgroup {
            let _ = cgroup::remove(cgroup.path());
        }
    }
}

struct Supervisor {
    spec: Spec,
    record: File,
    ready: Ready,
}

impl Supervisor {
    fn begin(mut ready: Ready, spec: OwnedFd, record: File) -> io::Result<Self> {
        // Nobody can have meant this attempt before it was claimed.
        ready.watch.listen();
        ready.watch.asked = None;
        match ready.claim(spec, &record) {
            Ok(spec) => Ok(Self {
                spec,
                record,
                ready,
            }),
            Err(error) => {
                ready.leave();
                Err(error)
            }
        }
    }

    fn run(mut self, tell: impl FnOnce(Outcome)) {
        let (began, clock) = (SystemTime::now(), Instant::now());
        self.ready.watch.deadline = self
            .spec
            .timeout
            .and_then(|timeout| clock.checked_add(timeout));
        let mut pipe = Pipe::new(&self.spec);
        let (ending, command) = match &mut pipe {
            Ok(pipe) => self.run_commands(pipe),
            Err(error) => (
                Ending::CouldNotStart(format!("No pipe can be made for the output: {error}.")),
                0,
            ),
        };
        self.end_tree();
        let mut outcome = Outcome {
            ending,
            command,
            started_at: began
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
                .as_micros() as i64,
            ended_at: 0,
            output_bytes: 0,
            sha256: String::new(),
            dropped_bytes: 0,
        };
        outcome.ended_at = outcome.started_at + clock.elapsed().as_micros() as i64;
        if let Ok(pipe) = pipe {
            self.collect(pipe, &mut outcome);
        }
        // If the disk refuses it, the server at least hears it. A server that hears it writes it down durably before it
        // does anything about it: only one that is dead needs this to be on the disk, and nobody has to wait for that.
        let _ = record::write_result(&self.record, &outcome);
        tell(outcome);
        let _ = record::sync(&self.record);
        self.ready.leave();
    }

    /// Takes in what is left of the output when nothing writes any more.
    fn collect(&self, mut pipe: Pipe, outcome: &mut Outcome) {
        pipe.drain();
        outputs::mask(&self.spec.dir, pipe.mask());
        if let Ending::CouldNotStart(sentence) = &mut outcome.ending {
            let masked = pipe.mask().whole(sentence.as_bytes());
            *sentence = String::from_utf8_lossy(&masked).into_owned();
        }
        let total = pipe.finish();
        outcome.output_bytes = total.bytes;
        outcome.dropped_bytes = total.dropped;
        outcome.sha256 = total.sha256;
    }

    /// Says how it ended, and with which command.
    fn run_commands(&mut self, pipe: &mut Pipe) -> (Ending, usize) {
        for (command, line) in self.spec.commands.iter().enumerate() {
            self.ready.watch.listen();
            if let Some(ending) = self.ready.watch.stop_asked() {
                return (ending, command);
            }
            let group = self.ready.cgroup.as_ref().map(Cgroup::as_fd);
            let recruit = self.ready.recruit.take();
            let started = Program::new(&self.spec, command)
                .and_then(|program| program.start(pipe.end_to_write(), recruit, group));
            // The command may write already, but nothing of it is read before this.
            pipe.announce(&line.display);
            let ending = match started {
                Ok(running) => self.ready.watch.end_of(running, self.spec.grace, pipe),
                Err(sentence) => Ending::CouldNotStart(sentence),
            };
            pipe.drain();
            if ending != Ending::Exited(0) || command + 1 == self.spec.commands.len() {
                return (ending, command);
            }
        }
        (
            Ending::CouldNotStart("There is no command to run.".into()),
            0,
        )
    }

    /// Kills whatever is left of the commands and of what they started. A subreaper inherits the
    /// children of its dead descendants: none escapes by losing its parent or changing its session.
    fn end_tree(&mut self) {
        let limit = Instant::now() + DEATH;
        loop {
            self.ready.watch.listen();
            loop {
                match sys::reap(-1) {
                    Reaped::Child(..) => {}
                    Reaped::Busy => break,
                    Reaped::NoChildren => return,
                }
            }
            if Instant::now() >= limit {
                return;
            }
            if let Some(cgroup) = &self.ready.cgroup {
                let _ = cgroup::kill_all(cgroup.path());
            }
            for child in proc::own_children() {
                let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
            }
            // Once more soon in any case: the list of children may miss one that is just arriving.
            let soon = limit.min(Instant::now() + Duration::from_millis(50));
            self.ready.watch.rest(Some(soon), None);
        }
    }
}

/// Waits for what comes first: an end, a request to stop, a time.
struct Watch {
    signals: SignalFd,
    deadline: Option<Instant>,
    asked: Option<Ending>,
}

impl Watch {
    fn new() -> io::Result<Self> {
        // Nothing but KILL may end a supervisor before it has written the result.
        SigSet::all().thread_block()?;
        // SAFETY: a default disposition runs no code of ours. The zygote's made children vanish unseen.
        unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl)? };
        let heard = SigSet::from_iter([Signal::SIGCHLD, Signal::SIGUSR1, Signal::SIGTERM]);
        let signals = SignalFd::with_flags(&heard, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self {
            signals,
            deadline: None,
            asked: None,
        })
    }

    /// Takes in the signals that came. Always before `reap`: then none that comes after it is missed.
    fn listen(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            let ending = match info.ssi_signo as i32 {
                libc::SIGUSR1 => Ending::Cancelled,
                libc::SIGTERM => Ending::Signalled(libc::SIGTERM),
                _ => continue,
            };
            self.asked.get_or_insert(ending);
        }
    }

    fn stop_asked(&self) -> Option<Ending> {
        let late = self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        self.asked.clone().or(late.then_some(Ending::TimedOut))
    }

    /// Until something happens, or there is output to take.
    fn rest(&self, until: Option<Instant>, pipe: Option<&mut Pipe>) {
        let timeout = until.map_or(PollTimeout::NONE, |until| {
            // Rounded up: not to wake a moment too early, again and again.
            let left = until
                .saturating_duration_since(Instant::now())
                .as_micros()
                .div_ceil(1000);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let signals = PollFd::new(self.signals.as_fd(), PollFlags::POLLIN);
        let Some(pipe) = pipe else {
            let _ = poll(&mut [signals], timeout);
            return;
        };
        let mut both = [signals, PollFd::new(pipe.end_to_read(), PollFlags::POLLIN)];
        let _ = poll(&mut both, timeout);
        if both[1].any().unwrap_or(false) {
            // Once only: whoever writes without end must not keep a stop from being heard.
            pipe.take();
        }
    }

    /// Sees one command through, and ends it if asked to. What then remains of it is for `end_tree`.
    fn end_of(&mut self, running: Running, grace: Duration, pipe: &mut Pipe) -> Ending {
        let leader = running.pid;
        let mut status: Option<Status> = None;
        let mut stopping: Option<(Ending, Option<Instant>)> = None;
        loop {
            self.listen();
            // Orphans of the commands are buried as well: one may run for hours and leave thousands.
            while let Reaped::Child(pid, how) = sys::reap(-1) {
                if pid == leader {
                    status = Some(how);
                }
            }
            match (&stopping, status) {
                (None, Some(status)) => {
                    return running
                        .failure_to_start()
                        .map_or_else(|| status.into(), Ending::CouldNotStart);
                }
                (None, None) => {
                    if let Some(ending) = self.stop_asked() {
                        running.ask_to_end();
                        stopping = Some((ending, Instant::now().checked_add(grace)));
                    }
                }
                // The rest of its group may still be tidying up after the leader left.
                (Some((ending, _)), Some(_))
                    if matches!(sys::reap(-leader), Reaped::NoChildren) =>
                {
                    return ending.clone();
                }
                (Some((ending, Some(limit))), _) if Instant::now() >= *limit => {
                    return ending.clone();
                }
                _ => {}
            }
            let until = stopping.as_ref().map_or(self.deadline, |(_, limit)| *limit);
            self.rest(until, Some(pipe));
        }
    }
}
