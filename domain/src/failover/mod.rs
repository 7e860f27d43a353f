//! The failover of a service, as the plan's section 4 draws it: detect, automatic or manual, initiate (fence, then
//! promote), update DNS, verify the secondary, watch the primary, plan the failback, fail back.
//!
//! [`TABLE`] is the whole machine: from where, by what, to where, and which [`Guard`]s must hold. Commands move along
//! it (`decide/failover.rs`); the work of a move is a runbook, and the ends of its steps are signals too ([`follow`]),
//! decided in the same transaction, so the state is never behind its run.
//!
//! Architecture invariant: nothing is promoted before [`Signal::Fenced`] or [`Signal::Override`] was decided ([`bars`]).
//! Architecture invariant: no signal of a machine leads out of [`State::Monitoring`] or [`State::Planned`]: failing back
//! is always begun by a person.

mod follow;
mod guard;
mod state;
mod table;

pub(crate) use follow::{bars, follow};
pub use guard::*;
pub use state::*;
pub use table::*;

/// The output that a step writes to prove that the old primary takes no writes.
pub const FENCING_PROOF: &str = "fencing_proof";
