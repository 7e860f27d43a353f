//! One command of an attempt: from its words to a running process group, or a sentence why not.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, c_char};
use std::fs::File;
use std::io::{self, PipeReader, Read, Seek, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, SealFlag, fcntl, open};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, killpg, signal, sigprocmask};
use nix::sys::stat::Mode;
use nix::unistd::{self, Pid};

use super::Spec;
use super::{spawn, sys};

/// What the system searches when nothing else is said.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long a child may take to become the command: less than the server waits to hear of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A command in the form `execve` wants it.
pub struct Program {
    name: String,
    path: String,
    /// Where the program may be, in the order of trial.
    places: Vec<CString>,
    argv: Vec<CString>,
    env: Vec<CString>,
    /// Kept open across `exec`, under the numbers that `env` tells.
    files: Vec<OwnedFd>,
    cwd: CString,
}

/// The leader of a running process group.
pub struct Running {
    pub pid: i32,
    /// Says what failed between `fork` and `exec`; closed without a word by an `exec` that worked.
    failure: PipeReader,
    program: Program,
}

// The last thing tried before a child gave up.
const PREPARE: u8 = 1;
const ENTER: u8 = 2;
const EXECUTE: u8 = 3;

impl Program {
    pub fn new(spec: &Spec, command: usize) -> Result<Self, String> {
        let argv = &spec.commands[command].argv;
        let name = argv.first().filter(|name| !name.is_empty()).cloned();
        let name = name.ok_or("The command is empty: name a program to run.")?;
        let (mut files, mut at) = (Vec::new(), Vec::new());
        for (key, content) in &spec.files {
            let file = memory_file(content).map_err(|error| {
                format!("`{key}` could not be handed over: {}.", describe(&error))
            })?;
            at.push((key, format!("/dev/fd/{}", file.as_raw_fd())));
            files.push(file);
        }
        // The last of several values counts; a `getenv` would find the first.
        let env: BTreeMap<_, _> = spec
            .env
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .chain(at.iter().map(|(key, path)| (key.as_str(), path.as_str())))
            .collect();
        if let Some(key) = env.keys().find(|key| key.is_empty() || key.contains('=')) {
            return Err(format!(
                "`{key}` cannot be the name of an environment variable."
            ));
        }
        let path = env.get("PATH").copied().unwrap_or(USUAL_PATH).to_owned();
        let places: Vec<String> = if name.contains('/') {
            vec![name.clone()]
        } else {
            path.split(':')
                .filter(|dir| !dir.is_empty())
                .map(|dir| format!("{dir}/{name}"))
                .collect()
        };
        let env = env.iter().map(|(key, value)| format!("{key}={value}"));
        Ok(Self {
            places: c_strings(places, "PATH")?,
            argv: c_strings(argv.iter().cloned(), "an argument")?,
            env: c_strings(env, "the environment")?,
            files,
            cwd: c_string(spec.cwd.as_os_str().as_bytes(), "the working directory")?,
            name,
            path,
        })
    }

    /// Starts it as the leader of a new process group that writes to `out`.
    pub fn start(
        self,
        out: BorrowedFd<'_>,
        cgroup: Option<BorrowedFd<'_>>,
    ) -> Result<Running, String> {
        // The child may not allocate.
        let (argv, env) = (pointers(&self.argv), pointers(&self.env));
        let start = || -> io::Result<_> {
            let (failure, report) = io::pipe()?;
            let pid = spawn::spawn(cgroup, || {
                // Meanwhile nobody hears a stop, or sees the time: a folder may be on a disk that does not answer.
                sys::die_unless_replaced_within(PATIENCE);
                let (step, error) = match self.prepare(out) {
                    Ok(()) => (EXECUTE, self.execute(&argv, &env)),
                    Err(failed) => failed,
                };
                let [a, b, c, d] = (error as i32).to_le_bytes();
                let _ = unistd::write(&report, &[step, a, b, c, d]);
                sys::exit_now(127)
            })?;
            // Both sides do it, so that the group exists for whichever goes on first.
            let _ = unistd::setpgid(Pid::from_raw(pid), Pid::from_raw(pid));
            Ok((pid, failure))
        };
        match start() {
            Ok((pid, failure)) => Ok(Running {
                pid,
                failure,
                program: self,
            }),
            Err(error) => Err(format!(
                "No process could be made for `{}`: {}.",
                self.name,
                describe(&error)
            )),
        }
    }

    /// Makes this process, a child, ready to become the command; or says what failed, and why.
    fn prepare(&self, out: BorrowedFd<'_>) -> Result<(), (u8, Errno)> {
        let prepare = || {
            unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
            // SAFETY: a default disposition runs no code of ours. The two that this process ignores
            // or was born ignoring would stay ignored across `exec`.
            unsafe {
                signal(Signal::SIGPIPE, SigHandler::SigDfl)?;
                signal(Signal::SIGCHLD, SigHandler::SigDfl)?;
            }
            sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
            let nothing = open(
                c"/dev/null",
                OFlag::O_RDONLY | OFlag::O_CLOEXEC,
                Mode::empty(),
            )?;
            unistd::dup2_stdin(&nothing)?;
            unistd::dup2_stdout(out)?;
            unistd::dup2_stderr(out)?;
            for file in &self.files {
                fcntl(file, FcntlArg::F_SETFD(FdFlag::empty()))?;
            }
            Ok(())
        };
        prepare().map_err(|error| (PREPARE, error))?;
        unistd::chdir(&*self.cwd).map_err(|error| (ENTER, error))
    }

    /// Turns this process into the command. Returns only to say why not.
    fn execute(&self, argv: &[*const c_char], env: &[*const c_char]) -> Errno {
        let mut worst = Errno::ENOENT;
        for place in &self.places {
            // SAFETY: both lists end in a null, and their strings in a NUL.
            unsafe { libc::execve(place.as_ptr(), argv.as_ptr(), env.as_ptr()) };
            match Errno::last() {
                Errno::ENOENT | Errno::ENOTDIR => {}
                // A later folder may have one that may be run.
                Errno::EACCES => worst = Errno::EACCES,
                error => return error,
            }
        }
        worst
    }

    fn explain(&self, step: u8, error: Errno) -> String {
        let Self { name, path, .. } = self;
        let cwd = Path::new(OsStr::from_bytes(self.cwd.as_bytes()));
        let is_there = |place: &CString| place.to_str().is_ok_and(|place| cwd.join(place).exists());
        if step == ENTER {
            return format!(
                "The working directory {} cannot be entered: {}.",
                cwd.display(),
                error.desc()
            );
        }
        match error {
            error if step == PREPARE => format!("`{name}` could not be started: {}.", error.desc()),
            Errno::ENOENT if self.places.iter().any(is_there) => {
                format!(
                    "`{name}` exists, but not the interpreter or loader it asks for. Look at its first line."
                )
            }
            Errno::ENOENT if name.contains('/') => {
                format!(
                    "There is no program `{name}` (seen from {}). Install it or correct the path.",
                    cwd.display()
                )
            }
            Errno::ENOENT => {
                format!(
                    "There is no program `{name}` in {path}. Install it, or write its whole path."
                )
            }
            Errno::EACCES => format!(
                "`{name}` may not be executed. Check its permissions and those of its folders."
            ),
            Errno::ENOEXEC => format!(
                "`{name}` is no program: it has no `#!` line, or is made for another machine."
            ),
            Errno::E2BIG => format!(
                "The arguments and environment of `{name}` are too large. One may have 128 KiB, all together \
                 a quarter of the stack limit (usually 2 MiB). Pass a file instead."
            ),
            error => format!("`{name}` could not be started: {}.", error.desc()),
        }
    }
}

impl Running {
    /// To be asked when the leader has ended: was it the command at all?
    pub fn failure_to_start(mut self) -> Option<String> {
        let mut report = [0; 5];
        self.failure.read_exact(&mut report).ok()?;
        let [step, error @ ..] = report;
        Some(
            self.program
                .explain(step, Errno::from_raw(i32::from_le_bytes(error))),
        )
    }

    /// Asks the whole group to end, also those of it that are stopped.
    pub fn ask_to_end(&self) {
        for signal in [Signal::SIGTERM, Signal::SIGCONT] {
            let _ = killpg(Pid::from_raw(self.pid), signal);
        }
    }
}

/// A file that is nowhere but in memory, for whoever has its descriptor, and that nobody can change.
fn memory_file(content: &str) -> io::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = File::from(memfd_create(c"muster-file", flags)?);
    file.write_all(content.as_bytes())?;
    file.rewind()?;
    let seals = SealFlag::F_SEAL_WRITE
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file.into())
}

fn c_strings(
    strings: impl IntoIterator<Item = String>,
    what: &str,
) -> Result<Vec<CString>, String> {
    let strings = strings.into_iter();
    strings.map(|string| c_string(string, what)).collect()
}

fn c_string(string: impl Into<Vec<u8>>, what: &str) -> Result<CString, String> {
    CString::new(string)
        .map_err(|_| format!("There is a NUL byte in {what}: no program can be given one."))
}

/// As `execve` wants them, which must not outlive the strings.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    let all = strings.iter().map(|string| string.as_ptr());
    all.chain([std::ptr::null()]).collect()
}

fn describe(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(
        || error.to_string(),
        |code| Errno::from_raw(code).desc().to_owned(),
    )
}
