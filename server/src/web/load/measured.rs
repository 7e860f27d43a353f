//! What is known of an incident's time: its recovery as the timeline tells it, what stands in one place only, and how
//! long what runs will still take.

use super::past;
use app::page::{Forecast, Measured};
use domain::{
    Event, Exposure, Incident, IncidentRole, Run, ServiceId, Slug, Stamp, Stamped, World, failover,
    plan::{DataObjective, Plan},
    recovery::measure,
};
use std::sync::Arc;

/// `timeline`: the events of the incident, its runs and its services. `runs`: those before, for the forecast.
pub fn measured(
    plan: &Plan,
    world: &World,
    incident: &Incident,
    timeline: &[Stamped],
    runs: &[Arc<Run>],
    now: Stamp,
) -> Measured {
    let mut measured = Measured {
        recovery: measure(plan, incident, timeline, now),
        acknowledged: timeline.iter().find_map(in_command),
        exposures: exposures(plan, world),
        ..Measured::default()
    };
    if !incident.is_open() {
        return measured;
    }
    let mut runs_of = incident.runs.iter().filter_map(|id| world.runs.get(id));
    let going = runs_of.rfind(|r| !r.is_over() && r.parent.is_none());
    if let Some(run) = going {
        let past = past::past(run, runs);
        measured.forecast = (past.runs > 0).then(|| Forecast {
            name: run.runbook.name.clone(),
            left: past.left(run, now).0,
            runs: past.runs,
        });
    }
    let services = incident.affected.iter().filter_map(|id| plan.service(id));
    let mut others = services
        .flat_map(|s| &s.runbooks)
        .filter(|slug| going.is_none_or(|r| r.runbook.slug != **slug));
    measured.otherwise = others.find_map(|slug| usual(plan, slug, runs));
    measured
}

pub fn exposures(plan: &Plan, world: &World) -> Vec<(String, Arc<Exposure>)> {
    let of = |o: &DataObjective| {
        let exposure = world.exposures.get(o.database.as_ref()?)?;
        Some((o.id.clone(), exposure.clone()))
    };
    plan.objectives.rpo.iter().filter_map(of).collect()
}

pub fn failovers(plan: &Plan, world: &World) -> Vec<(ServiceId, failover::State)> {
    let state = |id| world.failover(id).map(|f| f.state).unwrap_or_default();
    let services = plan.failover.iter().map(|f| &f.service);
    services.map(|id| (id.clone(), state(id))).collect()
}

/// The first word of a person who leads.
fn in_command(stamped: &Stamped) -> Option<Stamp> {
    match &stamped.event {
        Event::RoleAssigned { role, .. } | Event::RoleAccepted { role, .. } => {
            (*role == IncidentRole::IncidentCommander).then_some(stamped.at)
        }
        _ => None,
    }
}

fn usual(plan: &Plan, slug: &Slug, runs: &[Arc<Run>]) -> Option<Forecast> {
    let (left, runs) = past::usual(slug, runs)?;
    Some(Forecast {
        name: plan.runbook(slug)?.name.clone(),
        left,
        runs,
    })
}
