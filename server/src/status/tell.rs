//! What the public is told: only what was meant for it, in public names. A service without a public face is not there.

use domain::{
    Health, Incident, Phase, ServiceId, Stamp, World,
    plan::Plan,
    words::{Icon, health_icon},
};
use std::sync::Arc;

pub struct Told {
    pub title: String,
    pub affected: Vec<String>,
    pub since: Stamp,
    pub until: Option<Stamp>,
    /// The newest first.
    pub updates: Vec<Word>,
    pub next: Option<Stamp>,
}

pub struct Word {
    pub phase: &'static str,
    pub at: Stamp,
    pub message: String,
}

pub struct Group {
    pub name: String,
    pub services: Vec<Service>,
}

pub struct Service {
    pub name: String,
    pub says: &'static str,
    pub tone: &'static str,
    pub icon: &'static str,
    health: Health,
}

pub fn incident(incident: &Incident, plan: &Plan) -> Told {
    let public = incident.updates.iter().rev().filter(|u| u.public);
    Told {
        title: incident.title.clone(),
        affected: incident
            .affected
            .iter()
            .filter_map(|id| plan.service(id)?.public.as_ref())
            .map(|p| p.name.clone())
            .collect(),
        since: incident.declared_at,
        until: incident.resolved_at,
        updates: public
            .map(|u| Word {
                phase: u.phase.words(),
                at: u.at,
                message: u.message.clone(),
            })
            .collect(),
        next: incident.next_update_due(&plan.communication),
    }
}

/// `fresh` tells whether a service was looked at lately: what nobody looks at any more has no data.
pub fn groups(plan: &Plan, world: &World, fresh: &dyn Fn(&ServiceId) -> bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for service in &plan.services {
        let Some(face) = &service.public else {
            continue;
        };
        let own = if fresh(&service.id) {
            world.health(&service.id)
        } else {
            Health::NoData
        };
        // What it stands on is down: it is not well, whatever its own check has found so far.
        let failed =
            !domain::failed_dependencies(plan, &|id| world.health(id), &service.id).is_empty();
        let health = if failed && own.rank() < Health::Degraded.rank() {
            Health::Degraded
        } else {
            own
        };
        let icon = health_icon(health);
        let told = Service {
            name: face.name.clone(),
            says: health.words(),
            tone: icon.tone(),
            icon: icon.id(),
            health,
        };
        match groups.iter_mut().find(|g| g.name == face.group) {
            Some(group) => group.services.push(told),
            None => groups.push(Group {
                name: face.group.clone(),
                services: vec![told],
            }),
        }
    }
    groups
}

/// The one sentence at the top, with its shape: the worst there is, or the truth that nothing is known.
pub fn headline(open: &[&&Arc<Incident>], groups: &[Group]) -> (String, Icon) {
    let all = || groups.iter().flat_map(|g| &g.services);
    let worst = all()
        .map(|s| s.health)
        .max_by_key(|h| h.rank())
        .unwrap_or_default();
    let seen = all().any(|s| s.health != Health::NoData);
    match (open.first(), worst) {
        (Some(incident), worst)
            if incident.phase == Phase::Monitoring && worst != Health::MajorOutage =>
        {
            (format!("Recovering: {}", incident.title), Icon::Warn)
        }
        (Some(incident), Health::MajorOutage) => (incident.title.clone(), Icon::Bad),
        (Some(incident), _) => (incident.title.clone(), Icon::Warn),
        (None, Health::MajorOutage) => ("Major outage".into(), Icon::Bad),
        (None, Health::PartialOutage) => ("Partial outage".into(), Icon::Warn),
        (None, Health::Degraded) => ("Degraded service".into(), Icon::Warn),
        (None, Health::Maintenance) => ("Under maintenance".into(), Icon::Run),
        (None, _) if !seen => ("No data yet".into(), Icon::None),
        // Some services have no data; what is watched works.
        (None, _) => ("All watched systems operational".into(), Icon::Ok),
    }
}
