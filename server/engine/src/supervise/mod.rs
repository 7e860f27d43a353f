//! Commands that outlive the server.
//!
//! A recovery step must not end, run twice or be forgotten because the program that started it was
//! killed. So the server runs no command itself. Before anything else it starts a *zygote*: the same
//! binary, one thread, almost no memory. For each attempt the zygote forks a *supervisor*, which runs
//! the commands, stops the whole tree when it must, and writes the ending down. The server only
//! watches; if it dies, its successor finds the attempt again by its folder ([`adopt`]).
//!
//! ```text
//! server ──socket──▶ zygote ──fork──▶ supervisor ──▶ command
//!    ▲                                    │             │
//!    └────── notice pipe, pidfd ──────────┤             ▼
//!            DIR/rec  intent | result ◀───┤          DIR/out
//!            DIR/claim  who runs it   ◀───┘
//! ```
//!
//! Architecture invariant: a folder is run at most once. Whoever makes `claim` first owns it: a
//! supervisor, which then runs the commands, or [`adopt`], after which no supervisor ever will.
//! Architecture invariant: a supervisor that claimed a folder leaves a result in it, or was killed;
//! the second case is told apart ([`Lost`]) and never taken for a failure of the command.
//! Architecture invariant: environment and arguments travel in a memory file, never in an argv of
//! ours and never on a disk.
//! Architecture invariant: between `fork` and `exec` runs only code of a process with one thread.
//!
//! Deliberately absent: retries, conditions, masking of secrets and every other rule of a runbook.
//! A command that is to go on after its attempt (a database server, say) must be handed to a service
//! manager: whatever an attempt leaves behind is killed.
//!
//! A service manager that kills the whole control group on restart defeats all this: systemd needs
//! `KillMode=process` and `Delegate=yes`.

mod attempt;
mod cgroup;
mod claim;
mod launch;
mod leftovers;
mod proc;
mod program;
mod record;
mod spool;
mod supervisor;
mod sys;
mod wire;
mod zygote;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use attempt::{Adopted, Attempt, Lost, adopt};
pub use launch::Supervisor;
pub use spool::{output_size, read_output};
pub use zygote::run_if_zygote;

/// One attempt: what to run, and where to keep its traces. (No `Debug`: `env` may hold secrets.)
#[derive(Clone, Serialize, Deserialize)]
pub struct Spec {
    /// A folder of its own, made by [`Supervisor::launch`] and never used again.
    pub dir: PathBuf,
    /// Unique among all attempts; letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// Run one after the other until one does not exit with 0.
    pub commands: Vec<CommandLine>,
    pub cwd: PathBuf,
    /// The whole environment of the commands: nothing of the server's own is inherited. Programs are
    /// looked up in its `PATH`.
    pub env: Vec<(String, String)>,
    /// For the attempt as a whole.
    pub timeout: Option<Duration>,
    /// How long a stopped command may take to leave by itself, after TERM and before KILL.
    pub grace: Duration,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct CommandLine {
    /// Written to the output as `$ DISPLAY` before the command runs.
    pub display: String,
    /// Passed on byte for byte; no shell unless it names one.
    pub argv: Vec<String>,
}

/// How an attempt ended, in the supervisor's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub ending: Ending,
    /// Which command the ending speaks of, from 0: the one that failed or was stopped, else the last.
    pub command: usize,
    /// Microseconds since 1970 by the wall clock.
    pub started_at: i64,
    /// `started_at` plus the time that really passed: a clock set meanwhile cannot distort it.
    pub ended_at: i64,
    /// The size of the output when everything was over, `$` lines included.
    pub output_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Exited(i32),
    /// Ended by a signal nobody here sent. 15 also if the supervisor itself was sent TERM, as a
    /// machine does that shuts down.
    Signalled(i32),
    TimedOut,
    Cancelled,
    /// The sentence says why, and what to do.
    CouldNotStart(String),
}
