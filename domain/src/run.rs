//! A run of a runbook: its steps, their attempts, and what comes next. The rules are pure; the engine only launches
//! what an [`crate::Event::AttemptStarted`] says and reports how it ended.

mod condition;
mod ending;
mod fold;
mod follow;
mod gate;
mod next;
mod state;
mod wait;

pub use condition::Verdict;
pub(crate) use follow::{
    Ended, after_answer, after_attempt, after_cancel, after_resume, begin, wait_of,
};
pub(crate) use next::{Look, advance};
pub use state::*;
