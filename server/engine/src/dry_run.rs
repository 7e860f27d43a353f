//! What the server hands to `muster step dry-run`: a step, and how it would be run now.

use domain::plan::Step;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    pub step: Step,
    /// What it would type, word for word, after parameters were put in their places.
    #[serde(default)]
    pub commands: Vec<Vec<String>>,
    /// What only the server knows: the condition's answer, approvals, locks, permissions.
    #[serde(default)]
    pub notes: Vec<String>,
}
