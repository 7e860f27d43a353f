//! What a dry run hands to the command that tells what a step would do.

use domain::plan::Step;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DryRun {
    pub step: Step,
    /// The exact argv of each of its commands.
    pub commands: Vec<Vec<String>>,
    /// Its condition, whose word it would wait for, its locks.
    pub notes: Vec<String>,
}
