//! When a step runs. Written as `{step_failed: Attempt Reconnection}`.

use crate::{Health, Mode, ServiceId};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// The named step of this run ended failed or timed out.
    StepFailed(String),
    /// The named step of this run succeeded.
    StepSucceeded(String),
    /// The named step's last attempt ended with this exit code.
    StepExited {
        step: String,
        code: i32,
    },
    /// The named service is in a major outage now.
    ServiceDown(ServiceId),
    /// The named service is seen in this health now.
    ServiceIs {
        service: ServiceId,
        health: Health,
    },
    /// A step of this run wrote this value under this name.
    Output {
        name: String,
        is: String,
    },
    /// The run was given this value.
    Parameter {
        name: String,
        is: String,
    },
    Mode(Mode),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

impl Condition {
    /// Itself and all its parts.
    pub fn each(&self, visit: &mut dyn FnMut(&Condition)) {
        visit(self);
        match self {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|p| p.each(visit))
            }
            Condition::Not(part) => part.each(visit),
            _ => {}
        }
    }

    /// The step it asks about, where it is about one.
    pub fn step(&self) -> Option<&str> {
        match self {
            Condition::StepFailed(step)
            | Condition::StepSucceeded(step)
            | Condition::StepExited { step, .. } => Some(step),
            _ => None,
        }
    }
}
