//! Commands that outlive the server.
//!
//! A recovery step must not end, run twice or be forgotten because the program that started it was
//! killed. So the server runs no command itself. Before anything else it starts a *zygote*: the same
//! binary, one thread, almost no memory. For each attempt the zygote forks a *supervisor*, which runs
//! the commands, stops the whole tree when it must, and writes the ending down. The server only
//! watches; if it dies, its successor finds the attempt again by its folder ([`adopt`]). A supervisor is
//! forked before there is an order for it, and gets ready before there is the word to begin.
//!
//! ```text
//! server ──socket──▶ zygote ──fork──▶ supervisor ─────fork────▶ command
//!    ▲                                 │ ▲   │                   │   │
//!    ├────── notice pipe, pidfd ───────┤ └───│─── output pipe ───┘   │
//!    │       DIR/rec  intent | result ◀┤     ▼                       ▼
//!    │       DIR/claim  who runs it   ◀┘   mask, hash            DIR/outputs
//!    │                                       ▼                   KEY=VALUE
//!    └─────────────────────────────────── DIR/out, index, tail-…
//! ```
//!
//! Architecture invariant: a folder is run at most once. Whoever makes `claim` first owns it: a
//! supervisor, which then runs the commands, or [`adopt`], after which no supervisor ever will.
//! Architecture invariant: a supervisor that claimed a folder leaves a result in it, or was killed;
//! the second case is told apart ([`Lost`]) and never taken for a failure of the command.
//! Architecture invariant: no byte of output passes through the server, so that its death loses none;
//! and none is stored before it is masked.
//! Architecture invariant: no output, however much, and no full disk stops or ends a command. What is
//! not kept is counted, and is in the checksum.
//! Architecture invariant: environment, arguments and files of secrets travel in memory files, never in an
//! argv of ours and never on a disk.
//! Architecture invariant: between `fork` and `exec` runs only code of a process with one thread.
//!
//! Deliberately absent: retries, conditions and every other rule of a runbook; what is a secret; how long
//! an output is kept.
//! A command that is to go on after its attempt (a database server, say) must be handed to a service
//! manager: whatever an attempt leaves behind is killed.
//!
//! A service manager that kills the whole control group on restart defeats all this: systemd needs
//! `KillMode=process` and `Delegate=yes`.

mod attempt;
mod cgroup;
mod claim;
mod folder;
mod launch;
mod leftovers;
mod mask;
mod output;
mod outputs;
mod pipe;
mod proc;
mod program;
mod record;
mod spawn;
mod supervisor;
mod sys;
mod wire;
mod zygote;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use attempt::{Adopted, Attempt, Lost, adopt, close, is_unclaimed};
pub use folder::Folder;
pub use launch::{Standby, Supervisor, Word};
pub use output::{Hit, LONGEST_LINE, Lines, Piece, output_size, read_lines, read_output, search};
pub use outputs::read_outputs;
pub use zygote::run_if_zygote;

/// Names the time since this machine was last started: processes of another boot are gone.
pub fn boot() -> std::io::Result<String> {
    proc::boot_id().map(str::to_owned)
}

/// One attempt: what to run, and where to keep its traces. (No `Debug`: it may hold secrets.)
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
    /// looked up in its `PATH`. `MUSTER_OUTPUT` is added: the file that [`read_outputs`] reads.
    pub env: Vec<(String, String)>,
    /// Names of the environment, and contents that a command finds in the file which that name tells:
    /// `/dev/fd/N`, to be read by the command and what it starts, and nowhere on a disk. It is not
    /// hidden in the output unless it, or a part of it, is in `mask` too.
    #[serde(default)]
    pub files: Vec<(String, String)>,
    /// Secrets. Where the output, the announcements, the outputs or the sentence of a failed start have
    /// one, raw or in base64, hex, an URL, JSON or a shell's trace, they get `********` instead; of one
    /// with several lines each line of at least 6 bytes is hidden by itself as well. Values shorter than
    /// 4 bytes are not hidden: they turn up everywhere by chance.
    #[serde(default)]
    pub mask: Vec<String>,
    /// How many bytes of output are kept: its first half, and at least three quarters of as much of its
    /// end. 0 stands for 64 MiB; the least is 4 KiB.
    #[serde(default)]
    pub output_limit: u64,
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
    /// The size of the masked output, kept or not, when everything was over, `$` lines included.
    pub output_bytes: u64,
    /// How many of these bytes are not kept, for the limit's sake or for want of room on the disk.
    #[serde(default)]
    pub dropped_bytes: u64,
    /// Of all of them, in hexadecimal digits. Empty if nobody computed it.
    #[serde(default)]
    pub sha256: String,
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
