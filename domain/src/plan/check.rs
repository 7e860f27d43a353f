//! What makes a plan whole: references that hold, names that are unique, durations that are possible, no cycles.

use super::Plan;

/// One thing wrong, and where: `at` is the path in the plan (`services[3].depends_on[0]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub at: String,
    /// The offending text as it stands in the file.
    pub found: String,
    /// What is wrong and what would be right, as a sentence.
    pub says: String,
}

/// Everything wrong with the plan, in the order of its files; nothing where it is whole.
pub fn check(_plan: &Plan) -> Vec<Problem> {
    Vec::new()
}
