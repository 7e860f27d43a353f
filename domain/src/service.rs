//! A service as Muster sees it: its health, since when, and on what evidence. "No data" is never green.

use crate::{ServiceId, Stamp, plan::Plan};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    #[default]
    NoData,
    Operational,
    Degraded,
    PartialOutage,
    MajorOutage,
    Maintenance,
}

impl Health {
    pub fn words(self) -> &'static str {
        match self {
            Health::NoData => "No data",
            Health::Operational => "Operational",
            Health::Degraded => "Degraded",
            Health::PartialOutage => "Partial outage",
            Health::MajorOutage => "Major outage",
            Health::Maintenance => "Maintenance",
        }
    }

    /// How loudly it asks for a look: higher is worse.
    pub fn rank(self) -> u8 {
        match self {
            Health::Operational => 0,
            Health::Maintenance => 1,
            Health::NoData => 2,
            Health::Degraded => 3,
            Health::PartialOutage => 4,
            Health::MajorOutage => 5,
        }
    }
}

/// One service's state now. A restarted Muster knows nothing until it has looked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceState {
    pub health: Health,
    pub since: Option<Stamp>,
    pub because: String,
}

/// The services of `id`'s dependencies (nearest first) that are in a major outage now.
pub fn failed_dependencies<'a>(
    plan: &'a Plan,
    health: &dyn Fn(&ServiceId) -> Health,
    id: &ServiceId,
) -> Vec<&'a ServiceId> {
    let mut found = Vec::new();
    let mut seen = vec![id.clone()];
    let mut queue: Vec<&ServiceId> = plan
        .service(id)
        .map(|s| s.depends_on.iter().collect())
        .unwrap_or_default();
    while let Some(next) = queue.pop() {
        if seen.contains(next) {
            continue;
        }
        seen.push(next.clone());
        if health(next) == Health::MajorOutage {
            found.push(next);
        }
        if let Some(service) = plan.service(next) {
            queue.extend(service.depends_on.iter());
        }
    }
    found
}
