//! The current state as documents: two an incident (itself, and who knows of it), one a run, one a failover, one a
//! maintenance window, and some of the desk itself. They are written with the events they follow from, and are all that a
//! restarted desk reads; but for a run that goes on step by step ([`is_written_with`]), whose last events it reads as well.

use super::stamped;
use domain::{
    Event, Incident, Maintenance, MaintenanceId, Number, Run, RunId, ServiceId, World,
    failover::Failover, notify::Comms, run_stream,
};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;
use store::{Error, Projection, Store, Tx};

pub(super) const INCIDENT: &str = "incident";
pub(super) const COMMS: &str = "comms";
pub(super) const RUN: &str = "run";
pub(super) const FAILOVER: &str = "failover";
pub(super) const MAINTENANCE: &str = "maintenance";
pub(super) const DESK: &str = "desk";

/// A run's document stands in the same piece of the timeline as its last event, and pieces are so long: so it is fewer
/// events behind, and so many are enough to bring it up to date.
const PIECE: u64 = 128;

/// Whether the document of a run is written with an event of it, which follows on its `version`. It is long, and each step
/// waits for what is written: so not with those that make a run go on by itself, but for one now and then.
pub(super) fn is_written_with(event: &Event, seq: u64, version: Option<u64>) -> bool {
    let goes_on = matches!(
        event,
        Event::StepStarted { .. }
            | Event::StepSkipped { .. }
            | Event::StepEnded { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptEnded { .. }
            | Event::RetryScheduled { .. }
    );
    !goes_on || version.is_none_or(|version| version / PIECE != seq / PIECE)
}

/// All that is open.
pub(super) async fn open_world(store: &Store) -> Result<World, Error> {
    let head = store.head().await?;
    let mut world = World {
        seq: head.seq,
        ..World::default()
    };
    for found in store.open_projections(INCIDENT).await? {
        if let Some(incident) = read::<Incident>(&found) {
            world
                .incidents
                .insert(incident.number.clone(), Arc::new(incident));
        }
    }
    for found in store.open_projections(COMMS).await? {
        if let Some(comms) = read::<Comms>(&found) {
            world.comms.insert(Number(found.id), Arc::new(comms));
        }
    }
    for found in store.open_projections(RUN).await? {
        if let Some(mut run) = read::<Run>(&found) {
            let stream = run_stream(&run.id);
            let since = store.stream(&stream, run.version, PIECE as u32).await?;
            let since = since.iter().filter_map(stamped);
            since.for_each(|event| run.apply(&event));
            world.runs.insert(run.id.clone(), Arc::new(run));
        }
    }
    for found in store.open_projections(FAILOVER).await? {
        if let Some(failover) = read::<Failover>(&found) {
            world
                .failovers
                .insert(ServiceId(found.id), Arc::new(failover));
        }
    }
    for found in store.open_projections(MAINTENANCE).await? {
        if let Some(window) = read::<Maintenance>(&found) {
            world
                .maintenances
                .insert(window.id.clone(), Arc::new(window));
        }
    }
    world.take_up_windows();
    for found in store.open_projections(DESK).await? {
        match found.id.as_str() {
            "plan" => world.plan = read(&found),
            "counts" => world.counts = read(&found).unwrap_or_default(),
            "maintenance counts" => world.maintenance_counts = read(&found).unwrap_or_default(),
            "exposures" => world.exposures = read(&found).unwrap_or_default(),
            "automation" => world.automation = read(&found).unwrap_or_default(),
            "verified" => world.verified = read(&found).unwrap_or_default(),
            "overrides" => world.overrides = read(&found).unwrap_or_default(),
            _ => {}
        }
    }
    // The head was read first: a document may be ahead of it, and its version says how far.
    for run in world.runs.values().cloned().collect::<Vec<_>>() {
        if let Some(number) = &run.incident
            && !world.incidents.contains_key(number)
            && let Some(found) = store.projection(INCIDENT, number.as_str()).await?
            && let Some(incident) = read::<Incident>(&found)
        {
            world.incidents.insert(number.clone(), Arc::new(incident));
        }
    }
    for (number, incident) in &world.incidents {
        if !world.comms.contains_key(number) {
            let comms = comms_of(store.projection(COMMS, number.as_str()).await?, incident);
            world.comms.insert(number.clone(), comms);
        }
    }
    Ok(world)
}

/// The document of one thing as it is now.
pub(super) fn projection(world: &World, kind: &str, id: &str) -> Option<Projection> {
    let document = |open: bool, version: u64, body: String| {
        Some(Projection {
            kind: kind.into(),
            id: id.into(),
            open,
            version,
            body,
        })
    };
    match (kind, id) {
        (INCIDENT, id) => {
            let incident = world.incidents.get(&Number::from(id))?;
            document(incident.is_open(), incident.version, json(incident))
        }
        (COMMS, id) => {
            let number = Number::from(id);
            let (incident, comms) = (world.incidents.get(&number)?, world.comms(&number)?);
            document(incident.is_open(), comms.version, json(comms))
        }
        (RUN, id) => {
            let run = world.runs.get(&RunId::from(id))?;
            document(!run.is_over(), run.version, json(run))
        }
        (FAILOVER, id) => {
            let failover = world.failover(&ServiceId::from(id))?;
            document(true, failover.version, json(failover))
        }
        (MAINTENANCE, id) => {
            let window = world.maintenances.get(&MaintenanceId::from(id))?;
            document(!window.stage.is_over(), window.version, json(window))
        }
        (_, "maintenance counts") => document(true, world.seq, json(&world.maintenance_counts)),
        (_, "automation") => document(true, world.seq, json(&world.automation)),
        (_, "counts") => document(true, world.seq, json(&world.counts)),
        (_, "exposures") => document(true, world.seq, json(&world.exposures)),
        (_, "verified") => document(true, world.seq, json(&world.verified)),
        (_, "overrides") => document(true, world.seq, json(&world.overrides)),
        (_, "plan") => document(true, world.seq, json(&world.plan)),
        _ => None,
    }
}

/// What is closed is not held in memory; whoever needs it brings it back.
pub(super) async fn bring_incident(
    tx: &mut Tx,
    world: &mut World,
    number: &Number,
) -> Result<(), Error> {
    if !world.incidents.contains_key(number)
        && let Some(found) = tx.projection(INCIDENT, number.as_str()).await?
        && let Some(incident) = read::<Incident>(&found)
    {
        let comms = comms_of(tx.projection(COMMS, number.as_str()).await?, &incident);
        world.comms.insert(number.clone(), comms);
        world.incidents.insert(number.clone(), Arc::new(incident));
    }
    Ok(())
}

pub(super) async fn bring_run(tx: &mut Tx, world: &mut World, id: &RunId) -> Result<(), Error> {
    if !world.runs.contains_key(id)
        && let Some(found) = tx.projection(RUN, id.as_str()).await?
        && let Some(run) = read::<Run>(&found)
    {
        world.runs.insert(id.clone(), Arc::new(run));
    }
    Ok(())
}

/// Who knows of an incident. One without such a document was declared before there were any.
fn comms_of(found: Option<Projection>, incident: &Incident) -> Arc<Comms> {
    let comms = found.as_ref().and_then(read::<Comms>);
    Arc::new(comms.unwrap_or_else(|| Comms::before(incident)))
}

pub(super) fn json<T: Serialize>(value: &T) -> String {
    // Maps with string-like keys and plain structs: this cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn read<T: DeserializeOwned>(found: &Projection) -> Option<T> {
    serde_json::from_str(&found.body)
        .map_err(|error| tracing::error!(projection.kind = %found.kind, projection.id = %found.id, %error, "Document {} does not decode", found.id))
        .ok()
}
