//! What the public is told, in no language and no form yet: everything public is made from this and nothing else. It is also
//! what is kept for a start without a database.
//!
//! Architecture invariant: nothing comes in here that was not meant for the public. A service without a public face, an
//! incident that is not public, a drill, a note, a name: not there, so no document can betray it.

use domain::{
    Health, Number, Phase, Severity, Span, Stage, Stamp,
    plan::{Language, Way},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// When all this was so.
    pub as_of: Stamp,
    /// Our own database does not answer since: what people write is of that time.
    pub cut_off: Option<Stamp>,
    /// When anything of it was last different.
    pub changed: Stamp,
    /// When this Muster began.
    pub began: Stamp,
    pub site: Site,
    pub groups: Vec<Group>,
    /// The last that was declared first.
    pub incidents: Vec<Incident>,
    /// The next that begins first, then what is over, the last first.
    pub windows: Vec<Window>,
    /// All this is the last that was known, and so old.
    #[serde(skip)]
    pub age: Option<Span>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Site {
    pub name: String,
    /// Where people reach it, without a slash at the end.
    pub url: String,
    pub logo: Option<String>,
    pub accent: Option<(String, String)>,
    pub languages: Vec<Language>,
    /// By what one may subscribe.
    #[serde(default)]
    pub subscribe: Vec<Way>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    pub components: Vec<Component>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    pub id: Id,
    pub name: String,
    pub health: Health,
    pub since: Option<Stamp>,
    /// When it was last looked at.
    pub seen: Option<Stamp>,
    /// The oldest first, today last.
    pub days: Vec<Day>,
    /// The share of those days in which it was up.
    pub up: Option<f64>,
}

/// One day of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Day {
    /// Days since 1970-01-01.
    pub date: i32,
    pub worst: Health,
    /// Seconds of partial or major outage.
    pub down: u32,
    pub up: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    pub id: Id,
    pub number: Number,
    pub title: String,
    pub severity: Severity,
    pub phase: Phase,
    pub affected: Vec<Affected>,
    pub declared: Stamp,
    pub resolved: Option<Stamp>,
    /// In the order they were written. The first is the declaration.
    pub updates: Vec<Update>,
    pub next: Option<Stamp>,
    pub postmortem: Option<String>,
}

impl Incident {
    pub fn is_open(&self) -> bool {
        self.resolved.is_none()
    }

    /// When it was last spoken of.
    pub fn updated(&self) -> Stamp {
        self.updates.last().map_or(self.declared, |u| u.at)
    }

    /// What people said is wrong with what it affects.
    pub fn claims(&self) -> Health {
        match (self.phase, self.severity) {
            (Phase::Resolved, _) => Health::Operational,
            (_, Severity::Sev1) => Health::MajorOutage,
            (_, Severity::Sev2) => Health::PartialOutage,
            (_, Severity::Sev3) => Health::Degraded,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Affected {
    pub id: Id,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    pub id: Id,
    pub phase: Phase,
    pub at: Stamp,
    /// Nothing where it was only declared.
    pub message: Option<String>,
}

/// A maintenance window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    pub id: Id,
    /// Its own name in addresses.
    pub key: String,
    pub title: String,
    pub stage: Stage,
    pub affected: Vec<Affected>,
    pub announced: Stamp,
    pub begins: Stamp,
    pub ends: Stamp,
    pub ended: Option<Stamp>,
    /// In the order they were told. The first announced it.
    pub steps: Vec<Step>,
}

impl Window {
    pub fn is_over(&self) -> bool {
        self.stage.is_over()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub id: Id,
    pub stage: Stage,
    pub at: Stamp,
    /// Nothing where nobody wrote anything.
    pub message: Option<String>,
}

/// A stable id in the form of Statuspage's: twelve lower-case letters and digits, from what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub String);

impl Id {
    pub fn of(kind: &str, name: &str) -> Id {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let hash = Sha256::digest(format!("{kind}/{name}"));
        let mut number = hash
            .iter()
            .take(8)
            .fold(0_u64, |n, b| n << 8 | u64::from(*b));
        let digit = |_| {
            let digit = DIGITS[(number % 36) as usize];
            number /= 36;
            char::from(digit)
        };
        Id((0..12).map(digit).collect())
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Told {
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        self.groups.iter().flat_map(|g| &g.components)
    }

    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.iter().filter(|i| i.is_open())
    }

    /// The worst there is among what is watched.
    pub fn worst(&self) -> Health {
        let watched = self.components().filter(|c| c.health != Health::NoData);
        watched
            .map(|c| c.health)
            .max_by_key(|h| h.rank())
            .unwrap_or_default()
    }

    /// The same but for the instant it was seen, and what passes by itself.
    pub fn says_the_same(&self, other: &Told) -> bool {
        let health = |told: &Told| {
            told.components()
                .map(|c| (c.id.clone(), c.name.clone(), c.health))
                .collect::<Vec<_>>()
        };
        self.site == other.site
            && self.incidents == other.incidents
            && self.windows == other.windows
            && health(self) == health(other)
    }
}
