//! Reading what a step waits for, as [`super::ending`] reads how an attempt ended, and for the same reason.

use super::Wait;
use crate::{AccessRole, RunId};
use serde::Deserialize;

/// A [`Wait`] with every field that any of them has.
#[derive(Deserialize)]
pub struct Flat {
    #[serde(rename = "for")]
    of: String,
    #[serde(default)]
    min: u32,
    #[serde(default)]
    role: Option<AccessRole>,
    #[serde(default)]
    prevent_self: bool,
    /// What is to be typed, or the instructions.
    #[serde(default)]
    text: String,
    #[serde(default)]
    evidence: Option<String>,
    #[serde(default)]
    lock: String,
    #[serde(default)]
    holder: RunId,
    #[serde(default)]
    by: String,
}

impl TryFrom<Flat> for Wait {
    type Error = &'static str;

    fn try_from(flat: Flat) -> Result<Wait, Self::Error> {
        Ok(match (flat.of.as_str(), flat.role) {
            ("go", _) => Wait::Go,
            ("confirm", _) => Wait::Confirm { text: flat.text },
            ("approval", Some(role)) => Wait::Approval {
                min: flat.min,
                role,
                prevent_self: flat.prevent_self,
            },
            ("manual", _) => Wait::Manual {
                instructions: flat.text,
                evidence: flat.evidence,
            },
            ("lock", _) => Wait::Lock {
                lock: flat.lock,
                holder: flat.holder,
                by: flat.by,
            },
            _ => return Err("this is nothing that a step waits for"),
        })
    }
}
