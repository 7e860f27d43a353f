//! The words and the rules of Muster: what a plan says, what an incident is, what may be done to it by whom, and what
//! follows. `Command → decide → Event → apply`: the server decides and applies; the browser applies the same events
//! with the same code, so that a board cannot drift from the log.
//!
//! Architecture invariant: pure. No I/O, no async, no clock and no randomness: instants and ids come in as arguments.
//! Architecture invariant: [`World::apply`] is total. An event that was ever written is applied or passed over, never
//! refused; only [`decide`] refuses.
//! Architecture invariant: every command has a permission, declared in one exhaustive `match` ([`permission`]).
//! Architecture invariant: compiles to wasm32 and stays small there; no date, regex or id-minting library.
//!
//! Deliberately absent: how anything is stored, sent, rendered or run.

mod actor;
mod command;
mod decide;
mod event;
mod exposure;
pub mod failover;
#[cfg(not(target_arch = "wasm32"))]
pub mod history;
mod id;
mod incident;
pub mod maintenance;
pub mod notify;
pub mod plan;
pub mod recovery;
mod run;
mod service;
mod time;
pub mod words;
mod world;

pub use actor::*;
pub use command::*;
pub use decide::{Context, Fact, asking, decide, due, empty_roles};
pub use event::*;
pub use exposure::*;
pub use failover::FENCING_PROOF;
pub use id::*;
pub use incident::*;
pub use maintenance::{Maintenance, Stage};
pub use run::*;
pub use service::*;
pub use time::*;
pub use world::*;
