//! Who must know of an incident, on which channel, by when; who said that they know; and what is due next because nobody
//! did. Decided purely: an event brings [`react`]'s answer with it, in the same transaction.
//!
//! Architecture invariant: a drill, a backfilled incident and a quiet one reach nobody. An [`Address`] comes from
//! [`Live`] only, and there is no [`Live`] of those.
//! Architecture invariant: no address stands in an event. The timeline says who was told, not where.

mod address;
mod calendar;
mod comms;
mod crowd;
mod due;
mod react;
mod roster;
mod score;
mod types;

pub use address::{Address, Live, People};
pub use calendar::*;
pub use comms::*;
pub use due::{Timer, timers};
pub(crate) use due::{next_level, next_reminder};
pub(crate) use react::again;
pub use react::{ALL, MOST_IN_ONE, audience_name, react};
pub use roster::{Stint, roster};
pub use score::*;
pub use types::*;
