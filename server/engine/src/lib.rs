//! What happens: the Desk (the one door to change anything), the runner and its supervisor, the checks, the plan's loader.
//!
//! Architecture invariant: only the Desk writes events. Workers are reconcilers: they look at the state, do what it says
//! should be happening, and report through [`Desk::execute`]; a wake-up carries no data.
//! Architecture invariant: a worker may be killed at any instruction. What it had begun is found again from rows and
//! spool folders, or told as interrupted.
//!
//! Deliberately absent: HTTP routes, pages, rules (those are `domain`'s).

pub mod access;
pub mod address;
mod calendar;
pub mod channels;
pub mod checks;
mod clock;
pub mod desk;
mod dry_run;
pub mod exposure;
pub mod failover;
pub mod notify;
pub mod history;
pub mod maintenance;
mod pass;
pub mod plan;
pub mod runner;
pub mod secrets;
pub mod supervise;

pub use calendar::Zones;
pub use clock::Clock;
pub use desk::{Beside, Desk, No, Receipt, Request, stamped};
pub use dry_run::DryRun;
pub use pass::{Pass, address_mark};
pub use store;
