//! The limits of an incident: time against the plan's objectives.

use crate::{
    facts::{Limit, face},
    node::{El, span},
    page::Page,
};
use domain::{
    Incident, Stamp,
    notify::Cadence,
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

/// The recovery-time objective of an open incident.
pub struct Rto<'a> {
    pub tier: &'a Tier,
    pub limit: Limit,
    /// From the impact where that was measured, else from the declaration.
    pub from: Stamp,
    /// Service is proved to be back: the clock stands.
    pub back: bool,
}

pub fn rto<'a>(page: &'a Page, incident: &Incident) -> Option<Rto<'a>> {
    let tier = tier(&page.plan, incident)?;
    let recovery = page.measured.recoveries.get(&incident.number);
    let from = recovery.map_or(incident.declared_at, |r| r.impact);
    let back = recovery.and_then(|r| r.back);
    let limit = Limit {
        within: tier.within,
        used: back.unwrap_or(page.now).since(from),
    };
    Some(Rto {
        tier,
        limit,
        from,
        back: back.is_some(),
    })
}

impl Rto<'_> {
    /// What is left; once service is back, what it took.
    pub fn figure(&self) -> El {
        if self.back {
            return span()
                .class(format!("figure {}", self.limit.tone()))
                .put(face(self.limit.used));
        }
        counting(&self.limit, self.from)
    }

    pub fn words(&self) -> &'static str {
        match self.back {
            true => "back after",
            false => "left",
        }
    }
}

/// What is left of a limit, with its tone; the browser counts on.
pub fn counting(limit: &Limit, from: Stamp) -> El {
    span()
        .class(format!("figure {}", limit.tone()))
        .set("data-from", from.0.to_string())
        .set("data-within", limit.within.as_secs().to_string())
        .put(limit.figure())
}

/// When the next update of a kind is due, against the plan's cadence.
pub fn update_due(
    plan: &Plan,
    incident: &Incident,
    which: Cadence,
    now: Stamp,
) -> Option<(Stamp, Limit)> {
    match which {
        Cadence::Public => next_update(plan, incident, now),
        Cadence::Internal => {
            let policy = plan.communication.severity(incident.severity)?;
            let within = policy.internal_every.filter(|_| incident.is_open())?;
            let last = incident
                .updates
                .last()
                .map_or(incident.declared_at, |u| u.at);
            let used = now.since(last);
            Some((last.plus(within), Limit { within, used }))
        }
    }
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
