//! `failover.yaml`: which services fail over, on whose word, and by which runbooks.

use crate::{ServiceId, Severity, Slug, time::Span};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A service whose database has a node that can take over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failover {
    pub service: ServiceId,
    /// A database of `targets.yaml`: its `primary` is failed over from, its `replica` to.
    pub database: String,
    /// Muster fails over by itself where every guard holds; else it only says what it sees.
    #[serde(default)]
    pub automatic: bool,
    /// Of the incident that is declared with a failover, where none is open.
    pub severity: Severity,
    pub observers: Observers,
    /// An application of `targets.yaml` that uses the database: what the observer `application` asks.
    #[serde(default)]
    pub application: Option<String>,
    /// How far the replica may be behind for Muster to promote it by itself.
    pub lag_limit: Bytes,
    /// One automatic failover in this time, unless somebody has acknowledged the last one.
    #[serde(default = "hour")]
    pub every: Span,
    pub runbooks: FailoverRunbooks,
    pub stages: Stages,
}

fn hour() -> Span {
    Span::secs(3600)
}

/// So many of these must see the failure for an automatic failover.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observers {
    pub needed: u32,
    pub of: Vec<Observer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observer {
    /// The service's check failed, and the primary itself takes no writes from here.
    Muster,
    /// The replica receives nothing from the primary.
    Replica,
    /// The application that uses the database says that it cannot.
    Application,
}

impl Observer {
    pub fn words(self) -> &'static str {
        match self {
            Observer::Muster => "Muster",
            Observer::Replica => "the replica",
            Observer::Application => "the application",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailoverRunbooks {
    pub automatic: Slug,
    pub manual: Slug,
    pub failback: Slug,
}

/// The steps of both failover runbooks whose ends move the failover on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stages {
    /// Writes the output `fencing_proof`.
    pub fence: String,
    pub promote: String,
    pub redirect: String,
    pub verify: String,
}

impl Stages {
    pub fn in_order(&self) -> [(&'static str, &str); 4] {
        [
            ("fence", &self.fence),
            ("promote", &self.promote),
            ("redirect", &self.redirect),
            ("verify", &self.verify),
        ]
    }
}

impl super::Plan {
    pub fn failover(&self, service: &ServiceId) -> Option<&Failover> {
        self.failover.iter().find(|f| f.service == *service)
    }
}

/// A number of bytes, written `16MB` or `16MiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // In the unit that says it in the fewest letters.
        let whole = UNITS
            .iter()
            .filter(|(_, size)| self.0.is_multiple_of(*size));
        let shortest = whole
            .map(|(unit, size)| format!("{}{unit}", self.0 / size))
            .min_by_key(String::len);
        f.write_str(&shortest.unwrap_or_default())
    }
}

impl std::str::FromStr for Bytes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a size; write it as 16MB, 512kB or 1GiB");
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
        let (number, unit) = text.split_at(end);
        let (_, size) = UNITS
            .iter()
            .find(|(name, _)| *name == unit.trim())
            .ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(*size).map(Bytes).ok_or_else(wrong)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_it_is_written() {
        for text in ["16MB", "16MiB", "1GB", "512kB", "0B", "7B", "1500B", "1GiB"] {
            let bytes: Bytes = text.parse().expect(text);
            assert_eq!(bytes.to_string(), text);
        }
        assert_eq!("16 MB".parse(), Ok(Bytes(16_000_000)));
        for wrong in [
            "",
            "16",
            "MB",
            "-1MB",
            "16mb",
            "99999999999999999999GB",
            "1e3B",
        ] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }
}
