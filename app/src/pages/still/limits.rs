//! The limits of an incident: time against the plan's objectives.

use crate::facts::Limit;
use domain::{
    Incident, Stamp,
    plan::{Plan, Tier},
};

/// The strictest tier of the incident's affected services: the one whose time runs out first.
pub fn tier<'a>(plan: &'a Plan, incident: &Incident) -> Option<&'a Tier> {
    let tiers = incident
        .affected
        .iter()
        .filter_map(|s| plan.tier(&plan.service(s)?.tier));
    tiers.min_by_key(|t| t.within)
}

/// The recovery-time objective of an incident: from its declaration to its end, or to now.
pub fn rto<'a>(plan: &'a Plan, incident: &Incident, now: Stamp) -> Option<(&'a Tier, Limit)> {
    let tier = tier(plan, incident)?;
    let used = incident
        .resolved_at
        .unwrap_or(now)
        .since(incident.declared_at);
    Some((
        tier,
        Limit {
            within: tier.within,
            used,
        },
    ))
}

/// When the next public word is due, against the plan's cadence.
pub fn next_update(plan: &Plan, incident: &Incident, now: Stamp) -> Option<(Stamp, Limit)> {
    let due = incident.next_update_due(&plan.communication)?;
    let policy = plan.communication.severity(incident.severity)?;
    let first = !incident.updates.iter().any(|u| u.public);
    let within = if first {
        policy.first_update
    } else {
        policy.update_every
    };
    let used = now.since(Stamp(due.0 - within.micros()));
    Some((due, Limit { within, used }))
}
