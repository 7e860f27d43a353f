//! The state that the events add up to. The server holds all that is open; a page holds the part it shows; both fold
//! the same events with [`World::apply`].

use crate::{
    Event, Exposure, Health, Incident, MaintenanceId, Number, PlanHash, Run, RunId, ServiceId,
    ServiceState, Stamp, Stamped,
    failover::{Failover, Held},
    maintenance::{HeldFindings, Maintenance},
    notify::{Comms, Override, Verification},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// What the browser never holds. It need not let go of it either: that would cost the download some hundred bytes a map.
#[cfg(target_arch = "wasm32")]
type Apart<T> = std::mem::ManuallyDrop<T>;
#[cfg(not(target_arch = "wasm32"))]
type Apart<T> = T;

/// Values are shared (`Arc`), so that a snapshot for a reader or for a decision costs a map of pointers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// The last event in here.
    pub seq: u64,
    pub plan: Option<PlanInForce>,
    pub services: BTreeMap<ServiceId, Arc<ServiceState>>,
    pub incidents: BTreeMap<Number, Arc<Incident>>,
    pub runs: BTreeMap<RunId, Arc<Run>>,
    /// Per year: how many incidents were declared.
    pub counts: BTreeMap<i64, u32>,
    /// By database. The browser does not hold them.
    #[serde(skip)]
    pub exposures: Apart<BTreeMap<String, Arc<Exposure>>>,
    /// The browser holds none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub failovers: Apart<BTreeMap<ServiceId, Arc<Failover>>>,
    /// While somebody holds it: what Muster would begin by itself, it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub automation: Option<Arc<Held>>,
    /// Who knows of each open incident. The browser holds none of these three.
    #[serde(skip)]
    pub comms: Apart<BTreeMap<Number, Arc<Comms>>>,
    /// Which of the contacts' addresses were tried: by [`crate::notify::verification_key`].
    #[serde(skip)]
    pub verified: Arc<BTreeMap<String, Verification>>,
    /// Who is on call in somebody's place.
    #[serde(skip)]
    pub overrides: Arc<Vec<Override>>,
    /// Maintenance windows that are not over. The browser has no such thing, and what the checks find meanwhile neither.
    #[serde(skip)]
    pub maintenances: Apart<BTreeMap<MaintenanceId, Arc<Maintenance>>>,
    /// Per year: how many were scheduled.
    #[serde(skip)]
    pub maintenance_counts: Apart<BTreeMap<i64, u32>>,
    /// What the checks find of services in maintenance.
    #[serde(skip)]
    pub held: Apart<HeldFindings>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanInForce {
    pub hash: PlanHash,
    pub since: Stamp,
}

impl World {
    /// Folds one event in. Total: what it does not know or does not hold is passed over. An event at or below `seq` was
    /// folded already and changes nothing, so a stream may repeat itself; and an incident or run that was loaded ahead of
    /// `seq` takes only what came after its own `version`.
    pub fn apply(&mut self, stamped: &Stamped) {
        if stamped.seq <= self.seq {
            return;
        }
        self.seq = stamped.seq;
        self.apply_failover(stamped);
        self.apply_comms(stamped);
        self.apply_maintenance(stamped);
        match &stamped.event {
            Event::IncidentDeclared { incident, .. } => {
                if let Some((year, count)) = incident.parts() {
                    let most = self.counts.entry(year).or_default();
                    *most = (*most).max(count);
                }
                if let Some(new) = Incident::declared(stamped) {
                    self.incidents
                        .entry(new.number.clone())
                        .or_insert_with(|| Arc::new(new));
                }
            }
            Event::RunStarted { run, incident, .. } => {
                if let Some(new) = Run::started(stamped) {
                    self.runs
                        .entry(run.clone())
                        .or_insert_with(|| Arc::new(new));
                }
                if let Some(incident) = incident.as_ref().and_then(|n| self.incidents.get_mut(n)) {
                    Arc::make_mut(incident).apply(stamped);
                }
            }
            Event::ServiceChanged {
                service,
                to,
                because,
                ..
            } => {
                let state = ServiceState {
                    health: *to,
                    since: Some(stamped.at),
                    because: because.clone(),
                };
                self.services.insert(service.clone(), Arc::new(state));
            }
            Event::PlanLoaded { hash, .. } => {
                self.plan = Some(PlanInForce {
                    hash: hash.clone(),
                    since: stamped.at,
                })
            }
            event => match event.subject() {
                Subject::Incident(number) => {
                    if let Some(incident) = self.incidents.get_mut(number) {
                        Arc::make_mut(incident).apply(stamped);
                    }
                }
                Subject::Run(run) => {
                    if let Some(run) = self.runs.get_mut(run) {
                        Arc::make_mut(run).apply(stamped);
                    }
                }
                Subject::Other => self.keep_house(stamped),
            },
        }
    }

    /// What only the server folds.
    #[cfg(not(target_arch = "wasm32"))]
    fn keep_house(&mut self, stamped: &Stamped) {
        if let Event::ExposureChanged {
            database,
            cover,
            point,
            because,
        } = &stamped.event
        {
            let exposure = Exposure {
                cover: *cover,
                point: *point,
                because: because.clone(),
                since: stamped.at,
            };
            self.exposures.insert(database.clone(), Arc::new(exposure));
        }
    }

    #[cfg(target_arch = "wasm32")]
    fn keep_house(&mut self, _: &Stamped) {}

    pub fn health(&self, service: &ServiceId) -> Health {
        self.services
            .get(service)
            .map_or(Health::NoData, |s| s.health)
    }

    /// Open incidents: the gravest first, the newest first among equals.
    pub fn open_incidents(&self) -> Vec<&Arc<Incident>> {
        let open = self.incidents.values().filter(|i| i.is_open());
        ordered(open, |a, b| {
            a.severity
                .cmp(&b.severity)
                .then(b.declared_at.cmp(&a.declared_at))
        })
    }

    /// The runs of an incident, the latest first.
    pub fn runs_of(&self, incident: &Number) -> Vec<&Arc<Run>> {
        let runs = self
            .runs
            .values()
            .filter(|r| r.incident.as_ref() == Some(incident));
        ordered(runs, |a, b| {
            b.started_at.cmp(&a.started_at).then(b.id.cmp(&a.id))
        })
    }
}

/// For the few things that are open: the library's sort would cost the browser's download some kilobytes for each type.
fn ordered<'a, T>(
    of: impl Iterator<Item = &'a Arc<T>>,
    compare: impl Fn(&T, &T) -> std::cmp::Ordering,
) -> Vec<&'a Arc<T>> {
    let mut out: Vec<&Arc<T>> = Vec::new();
    for item in of {
        let at = out.partition_point(|other| compare(other, item).is_le());
        out.insert(at, item);
    }
    out
}

/// What an event is about.
pub enum Subject<'a> {
    Incident(&'a Number),
    Run(&'a RunId),
    Other,
}

impl Event {
    pub fn subject(&self) -> Subject<'_> {
        use Event::*;
        match self {
            IncidentDeclared { incident, .. }
            | SeverityChanged { incident, .. }
            | RoleAssigned { incident, .. }
            | RoleOffered { incident, .. }
            | RoleAccepted { incident, .. }
            | UpdatePosted { incident, .. }
            | NoteAdded { incident, .. }
            | Pinned { incident, .. }
            | TaskAdded { incident, .. }
            | TaskAccepted { incident, .. }
            | TaskFinished { incident, .. }
            | Ticked { incident, .. }
            | IncidentResolved { incident, .. }
            | IncidentReopened { incident, .. }
            | NotificationsQueued { incident, .. }
            | NotificationsReported { incident, .. }
            | Acknowledged { incident, .. }
            | CalledByHand { incident, .. }
            | Escalated { incident, .. }
            | UpdateReminded { incident, .. }
            | Said { incident, .. }
            | FailoverMoved {
                incident: Some(incident),
                ..
            } => Subject::Incident(incident),
            RunStarted { run, .. }
            | StepStarted { run, .. }
            | StepSkipped { run, .. }
            | StepWaits { run, .. }
            | StepAnswered { run, .. }
            | LocksTaken { run, .. }
            | AttemptStarted { run, .. }
            | AttemptEnded { run, .. }
            | RetryScheduled { run, .. }
            | StepEnded { run, .. }
            | RunPaused { run, .. }
            | RunHeld { run, .. }
            | RunResumed { run, .. }
            | RunFailing { run, .. }
            | RunCancelling { run, .. }
            | RunEnded { run, .. } => Subject::Run(run),
            ServiceChanged { .. }
            | FindingHeld { .. }
            | MaintenanceScheduled { .. }
            | MaintenanceRescheduled { .. }
            | MaintenanceMoved { .. }
            | ExposureChanged { .. }
            | FailoverMoved { incident: None, .. }
            | FailoverAcknowledged { .. }
            | AutomationHeld { .. }
            | ContactTested { .. }
            | ContactConfirmed { .. }
            | OnCallOverridden { .. }
            | OverrideRemoved { .. }
            | PlanLoaded { .. }
            | TokenIssued { .. }
            | TokenRevoked { .. }
            | SignedIn { .. }
            | SecretSet { .. }
            | SecretRemoved { .. } => Subject::Other,
        }
    }
}
