//! The binary `muster`: the server, its command line, and the recovery actions (`muster do`).
//!
//! Architecture invariant: handlers only translate. A form, a REST call or a command line becomes a `Command` for the
//! Desk, a page becomes a `Page` for `app`; rules are `domain`'s, workers are `engine`'s.
//! Architecture invariant: every route stands in `web::routes` or `rest::routes` with the permission it asks for.
//! Architecture invariant: the public status page is served from memory; no request for it touches the database.
//!
//! Deliberately absent: server functions, a second way to write, scripts or fonts from elsewhere.

mod actions;
mod assets;
mod cli;
mod failover;
mod rest;
mod serve;
mod state;
mod status;
mod step;
mod web;

fn main() -> std::process::ExitCode {
    // Before anything else: this same program is also the zygote that supervisors are forked from.
    engine::supervise::run_if_zygote();
    cli::main()
}
