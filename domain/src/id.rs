//! Names of things. Each kind of name is its own type, so that one cannot be handed in for another.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);
        impl $name {
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl From<&str> for $name {
            fn from(s: &str) -> Self { Self(s.to_owned()) }
        }
        impl From<String> for $name {
            fn from(s: String) -> Self { Self(s) }
        }
    )*};
}

names! {
    /// An incident's number, `INC-<year>-<three digits or more>`.
    Number;
    /// A run of a runbook (UUID v7, minted by the server).
    RunId;
    /// A service of the plan (`orders-api`).
    ServiceId;
    /// A runbook's slug: the name of its file without `.yaml`.
    Slug;
    /// A maintenance window's number, `MNT-<year>-<three digits or more>`.
    MaintenanceId;
    /// A plan's content hash: lower-case hex of SHA-256.
    PlanHash;
}

impl Number {
    pub fn new(year: i64, count: u32) -> Self {
        Self(format!("INC-{year}-{count:03}"))
    }

    /// Year and count, or nothing where the text is not an incident's number.
    pub fn parts(&self) -> Option<(i64, u32)> {
        parts(self.0.strip_prefix("INC-")?)
    }
}

impl MaintenanceId {
    pub fn new(year: i64, count: u32) -> Self {
        Self(format!("MNT-{year}-{count:03}"))
    }

    /// Year and count, or nothing where the text is not a window's number.
    pub fn parts(&self) -> Option<(i64, u32)> {
        parts(self.0.strip_prefix("MNT-")?)
    }
}

fn parts(text: &str) -> Option<(i64, u32)> {
    let (year, count) = text.split_once('-')?;
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if year.len() != 4 || count.len() < 3 || !digits(year) || !digits(count) {
        return None;
    }
    Some((year.parse().ok()?, count.parse().ok()?))
}
