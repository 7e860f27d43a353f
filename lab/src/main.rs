//! `muster-lab`: a small real platform to break and recover.
//!
//! A PostgreSQL primary and its streaming replica, a TCP proxy in front of them, a sample app that takes orders through
//! the proxy, and an outside world that takes mails, calls and posts ([`sinks`]). Faults are real (SIGKILL, closed ports, held-back bytes) and so is every recovery.
//!
//! - Architecture invariant: it stands alone. Nothing of Muster is linked in; runbooks reach it through this program
//!   and through its control API, as they would reach any platform.
//! - Architecture invariant: everything listens on 127.0.0.1 only, and no password is ever on a command line.
//! - Architecture invariant: at most one database is started writable; [`rule`] is the only judge of that.
//!
//! Deliberately absent: automatic failover. Deciding is what Muster and its people are for.

mod app;
mod cli;
mod client;
mod cluster;
mod control;
mod daemon;
mod failure;
mod keeper;
mod outside;
mod place;
mod postgres;
mod process;
mod provision;
mod proxy;
mod rebuild;
mod reserve;
mod rule;
mod secrets;
mod sinks;
mod status;
mod toolbox;
mod trouble;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(cli::run(arguments)),
        Err(error) => {
            eprintln!("muster-lab: could not start: {error}");
            ExitCode::from(1)
        }
    }
}
