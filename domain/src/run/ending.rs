//! Reading how an attempt ended. The derived decoder of a tagged enum first copies it into a buffer, and brings a second way
//! to read everything that is in one: a good part of the browser's download.

use super::Ending;
use serde::Deserialize;

/// An [`Ending`] with every field that any of them has.
#[derive(Deserialize)]
pub struct Flat {
    ending: String,
    #[serde(default)]
    code: Option<i32>,
    #[serde(default)]
    signal: Option<i32>,
    #[serde(default)]
    reason: Option<String>,
}

impl TryFrom<Flat> for Ending {
    type Error = &'static str;

    fn try_from(flat: Flat) -> Result<Ending, Self::Error> {
        Ok(
            match (flat.ending.as_str(), flat.code, flat.signal, flat.reason) {
                ("exited", Some(code), ..) => Ending::Exited { code },
                ("signalled", _, Some(signal), _) => Ending::Signalled { signal },
                ("timed_out", ..) => Ending::TimedOut,
                ("cancelled", ..) => Ending::Cancelled,
                ("could_not_start", _, _, Some(reason)) => Ending::CouldNotStart { reason },
                ("refused", _, _, Some(reason)) => Ending::Refused { reason },
                ("interrupted", ..) => Ending::Interrupted,
                ("unreachable", ..) => Ending::Unreachable,
                _ => return Err("this is not how an attempt ends"),
            },
        )
    }
}
