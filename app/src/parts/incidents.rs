//! What names an incident.

use crate::node::{El, span};
use domain::Number;
#[cfg(feature = "ssr")]
use domain::{Incident, Kind};

pub fn address(number: &Number) -> String {
    format!("/incidents/{number}")
}

/// A mark for what is not real and now.
#[cfg(feature = "ssr")]
pub fn kind(incident: &Incident) -> Option<El> {
    match incident.kind {
        Kind::Real => None,
        Kind::Drill => Some(drill()),
        Kind::Backfilled => Some(span().class("chip").put("Backfilled")),
    }
}

pub fn drill() -> El {
    span().class("chip drill").put("Drill")
}
