//! How much of the latest data would be lost if its database were lost now (the recovery point of NIST SP 800-34).

use crate::Stamp;
use serde::{Deserialize, Serialize};

/// Whether a database's newest commits stand in a second place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    pub cover: Cover,
    /// Where no second place follows: what was committed up to here can be restored. Nothing where no such point is known.
    pub point: Option<Stamp>,
    pub because: String,
    /// It has stood so since then.
    pub since: Stamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cover {
    /// A second place follows within seconds.
    Follows,
    /// A primary writes, and what it writes is nowhere else.
    Alone,
    /// Nothing answers as primary: as far as one can see nothing is written.
    Silent,
}
