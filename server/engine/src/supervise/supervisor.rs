//! The process that runs one attempt, whoever else lives or dies.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, Signal, kill, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{self, Pid};

use super::cgroup::{self, Cgroup};
use super::claim::{Claim, Draft, Owner};
use super::pipe::Pipe;
use super::program::{Program, Running};
use super::sys::{self, Reaped, Status};
use super::wire::{self, Notice, Order};
use super::{Ending, Outcome, Spec, outputs, proc, record};

/// How long something killed may take to be gone. Only a process stuck in the kernel needs longer,
/// and an attempt that is over must not seem to run because of it.
const DEATH: Duration = Duration::from_secs(10);
/// What a server that lives needs at most, nearly always, to write down what it has heard.
const ASIDE: Duration = Duration::from_secs(1);

/// Gets ready, and runs the attempts of the orders that then come, each from claim to result.
pub fn supervise(mut next: impl FnMut() -> io::Result<Option<Order>>, groups: Option<&Path>) {
    let mut ready = Ready::get(groups);
    while let Ok(Some(Order { spec, word, bell })) = next() {
        let ready = ready.as_mut().map_err(|error| error.to_string());
        let begun = ready.and_then(|ready| match begin(ready, spec.as_fd(), word.as_fd()) {
            Ok(begun) => Ok(begun.map(|begun| (ready, begun))),
            Err(error) => Err(error.to_string()),
        });
        match begun {
            Ok(Some((ready, (Armed { spec, pipe, first }, record)))) => {
                let supervisor = Supervisor {
                    spec,
                    first: Some(first),
                    record,
                    ready,
                    word,
                    bell,
                    is_told: false,
                };
                if !supervisor.run(pipe) {
                    break;
                }
            }
            Ok(None) => {}
            Err(sentence) => {
                wire::notify(&bell, &Notice::Refused(sentence));
                break;
            }
        }
    }
    if let Ok(ready) = ready {
        ready.leave();
    }
}

/// Nothing where the attempt is called off.
fn begin(
    ready: &mut Ready,
    spec: BorrowedFd<'_>,
    word: BorrowedFd<'_>,
) -> io::Result<Option<(Armed, File)>> {
    let armed = Armed::with(spec)?;
    let record = ready.claim(&armed.spec.dir, word)?;
    Ok(record.map(|record| (armed, record)))
}

/// All that can be done before there is an order.
struct Ready {
    owner: Owner,
    watch: Watch,
    cgroup: Option<Cgroup>,
}

impl Ready {
    fn get(groups: Option<&Path>) -> io::Result<Self> {
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
        Ok(Self {
            owner,
            watch,
            cgroup,
        })
    }

    /// Waits for the word, and takes the folder. Its record; nothing where the attempt is called off.
    fn claim(&mut self, dir: &Path, word: BorrowedFd<'_>) -> io::Result<Option<File>> {
        let claim = Claim::Supervisor(self.owner.clone());
        // There need not be a folder yet.
        let draft = Draft::write(dir, &claim).ok();
        let Some([record]) = wire::take_over(word)? else {
            return Ok(None);
        };
        // Nobody can have meant this attempt before it was claimed.
        self.watch.listen();
        self.watch.asked = None;
        let draft = draft.map_or_else(|| Draft::write(dir, &claim), Ok)?;
        if !draft.take()? {
            return Err(io::Error::other("its folder has been claimed already"));
        }
        Ok(Some(record.into()))
    }

    /// Whether it is as it was: the commands may have changed their group.
    fn renew(&mut self) -> bool {
        match self.cgroup.take() {
            Some(group) => {
                self.cgroup = group.renew();
                self.cgroup.is_some()
            }
            None => true,
        }
    }

    /// Nothing more is to be run, or not by this one.
    fn leave(self) {
        if let Some(cgroup) = self.cgroup {
            let _ = cgroup::remove(cgroup.path());
        }
    }
}

/// All that can be done before the word comes.
struct Armed {
    spec: Spec,
    pipe: io::Result<Pipe>,
    /// The first command.
    first: Result<Program, String>,
}

impl Armed {
    fn with(order: BorrowedFd<'_>) -> io::Result<Self> {
        let mut spec = wire::read_spec(order)?;
        outputs::offer(&mut spec);
        Ok(Self {
            pipe: Pipe::new(&spec),
            first: Program::new(&spec, 0),
            spec,
        })
    }
}

struct Supervisor<'a> {
    spec: Spec,
    first: Option<Result<Program, String>>,
    record: File,
    ready: &'a mut Ready,
    word: OwnedFd,
    bell: OwnedFd,
    /// That the folder is claimed.
    is_told: bool,
}

impl Supervisor<'_> {
    fn run(mut self, mut pipe: io::Result<Pipe>) -> bool {
        let (began, clock) = (SystemTime::now(), Instant::now());
        self.ready.watch.deadline = self
            .spec
            .timeout
            .and_then(|timeout| clock.checked_add(timeout));
        let (ending, command) = match &mut pipe {
            Ok(pipe) => self.run_commands(pipe),
            Err(error) => (
                Ending::CouldNotStart(format!("No pipe can be made for the output: {error}.")),
                0,
            ),
        };
        self.tell_of_claim();
        let is_alone = self.end_tree();
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
        // If the disk refuses it, the server at least hears it. One that hears it writes it down durably before it does
        // anything about it, and says so: only where it does not is this needed on the disk.
        let is_written = record::write_result(&self.record, &outcome).is_ok();
        let is_heard = wire::notify(&self.bell, &Notice::Ended(outcome));
        let is_kept = is_heard && wire::hears_kept(self.word.as_fd(), ASIDE);
        if !is_kept {
            let _ = record::sync(&self.record);
        }
        // Whoever has found it again looks at the record, or waits for this one's exit.
        is_kept && is_alone && is_written && self.ready.renew()
    }

    /// Once. It can wait until the first command is on its way.
    fn tell_of_claim(&mut self) {
        if !std::mem::replace(&mut self.is_told, true) {
            wire::notify(&self.bell, &Notice::Claimed(self.ready.owner.clone()));
        }
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
        for command in 0..self.spec.commands.len() {
            self.ready.watch.listen();
            if let Some(ending) = self.ready.watch.stop_asked() {
                return (ending, command);
            }
            let group = self.ready.cgroup.as_ref().map(Cgroup::as_fd);
            let program = self.first.take();
            let program = program.unwrap_or_else(|| Program::new(&self.spec, command));
            let started = program.and_then(|program| program.start(pipe.end_to_write(), group));
            self.tell_of_claim();
            // The command may write already, but nothing of it is read before this.
            pipe.announce(&self.spec.commands[command].display);
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
    /// Whether all of them are gone.
    fn end_tree(&mut self) -> bool {
        let limit = Instant::now() + DEATH;
        loop {
            self.ready.watch.listen();
            loop {
                match sys::reap(-1) {
                    Reaped::Child(..) => {}
                    Reaped::Busy => break,
                    Reaped::NoChildren => return true,
                }
            }
            if Instant::now() >= limit {
                return false;
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
