//! Maintenance windows: announced work on some services, in Statuspage's stages. While one holds, its services are shown in
//! maintenance; what the checks find meanwhile is held, not dropped: it is told when the window ends.

use crate::{
    Event, Health, MaintenanceId, ServiceId, ServiceState, Span, Stamp, Stamped, World, plan::Plan,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// After the work its services have so long to be seen well; then the window ends, and what still fails is told.
pub const VERIFY: Span = Span::secs(5 * 60);
/// A window is at most so long …
pub const LONGEST: Span = Span::secs(30 * 86_400);
/// … at least so long …
pub const SHORTEST: Span = Span::secs(60);
/// … and begins at most so far ahead.
pub const AHEAD: Span = Span::secs(366 * 86_400);

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    #[default]
    Scheduled,
    InProgress,
    /// The work is done; whether it is well is looked at.
    Verifying,
    Completed,
    Cancelled,
}

impl Stage {
    pub const ALL: [Stage; 5] = [
        Stage::Scheduled,
        Stage::InProgress,
        Stage::Verifying,
        Stage::Completed,
        Stage::Cancelled,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Stage::Scheduled => "Scheduled",
            Stage::InProgress => "In progress",
            Stage::Verifying => "Verifying",
            Stage::Completed => "Completed",
            Stage::Cancelled => "Cancelled",
        }
    }

    pub fn is_over(self) -> bool {
        matches!(self, Stage::Completed | Stage::Cancelled)
    }

    /// Its services are in maintenance.
    pub fn holds(self) -> bool {
        matches!(self, Stage::InProgress | Stage::Verifying)
    }

    /// The stages that may follow. A window that was extended while it was verified goes on.
    pub fn next(self) -> &'static [Stage] {
        use Stage::*;
        match self {
            Scheduled => &[InProgress, Completed, Cancelled],
            InProgress => &[Verifying, Completed, Cancelled],
            Verifying => &[InProgress, Completed, Cancelled],
            Completed | Cancelled => &[],
        }
    }

    /// What the public is told where nobody wrote anything else.
    pub fn says(self) -> &'static str {
        match self {
            Stage::Scheduled => "Maintenance is scheduled.",
            Stage::InProgress => "Maintenance is in progress.",
            Stage::Verifying => "The work is done; whether everything is well is being verified.",
            Stage::Completed => "The maintenance is completed.",
            Stage::Cancelled => "The maintenance was cancelled.",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Maintenance {
    pub id: MaintenanceId,
    pub title: String,
    pub services: Vec<ServiceId>,
    pub from: Stamp,
    pub until: Stamp,
    /// It is told on the public status page.
    pub public: bool,
    pub stage: Stage,
    /// Since when it is in this stage.
    pub since: Stamp,
    /// Who scheduled it, and when.
    pub by: String,
    pub scheduled_at: Stamp,
    pub began_at: Option<Stamp>,
    pub ended_at: Option<Stamp>,
    /// What was told, the latest last.
    pub updates: Vec<Word>,
    pub version: u64,
}

/// What was told of a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    pub at: Stamp,
    pub stage: Stage,
    pub message: String,
    pub by: String,
}

impl Maintenance {
    fn scheduled(stamped: &Stamped) -> Option<Maintenance> {
        let Event::MaintenanceScheduled {
            maintenance,
            title,
            message,
            services,
            from,
            until,
            public,
        } = &stamped.event
        else {
            return None;
        };
        let mut new = Maintenance {
            id: maintenance.clone(),
            title: title.clone(),
            services: services.clone(),
            from: *from,
            until: *until,
            public: *public,
            stage: Stage::Scheduled,
            since: stamped.at,
            by: stamped.actor.name.clone(),
            scheduled_at: stamped.at,
            began_at: None,
            ended_at: None,
            updates: Vec::new(),
            version: stamped.seq,
        };
        new.say(stamped, message);
        Some(new)
    }

    fn fold(&mut self, stamped: &Stamped) {
        if stamped.seq <= self.version {
            return;
        }
        self.version = stamped.seq;
        match &stamped.event {
            Event::MaintenanceRescheduled {
                from,
                until,
                message,
                ..
            } => {
                (self.from, self.until) = (*from, *until);
                self.say(stamped, message);
            }
            Event::MaintenanceMoved { to, message, .. } => {
                (self.stage, self.since) = (*to, stamped.at);
                if to.holds() {
                    self.began_at.get_or_insert(stamped.at);
                }
                if to.is_over() {
                    self.ended_at = Some(stamped.at);
                }
                self.say(stamped, message);
            }
            _ => {}
        }
    }

    fn say(&mut self, stamped: &Stamped, message: &str) {
        self.updates.push(Word {
            at: stamped.at,
            stage: self.stage,
            message: message.to_owned(),
            by: stamped.actor.name.clone(),
        });
    }

    /// What its own time brings about now.
    pub fn due(&self, world: &World, plan: &Plan, now: Stamp) -> Option<Stage> {
        match self.stage {
            // Nobody was there to begin it.
            Stage::Scheduled if now >= self.until => Some(Stage::Completed),
            Stage::Scheduled if now >= self.from => Some(Stage::InProgress),
            Stage::InProgress if now >= self.until => Some(Stage::Verifying),
            Stage::Verifying if now >= self.since.plus(VERIFY) => Some(Stage::Completed),
            Stage::Verifying if self.is_well(world, plan, now) => Some(Stage::Completed),
            _ => None,
        }
    }

    /// Each of its services was looked at since the work was done, and none is found failing.
    fn is_well(&self, world: &World, plan: &Plan, now: Stamp) -> bool {
        let checks = self.services.iter().filter_map(|id| {
            let check = plan.service(id)?.check.as_ref()?;
            Some((id, Span(check.interval.0 + check.timeout.0)))
        });
        let well = |(id, look): (&ServiceId, Span)| {
            world.found(id) == Health::Operational && now >= self.since.plus(look)
        };
        checks.into_iter().all(well)
    }
}

impl World {
    /// The window that a service is in now.
    pub fn window(&self, service: &ServiceId) -> Option<&Arc<Maintenance>> {
        let mut all = self.maintenances.values();
        all.find(|m| m.stage.holds() && m.services.contains(service))
    }

    /// What the checks say of a service, also while that is held.
    pub fn found(&self, service: &ServiceId) -> Health {
        self.finding(service).map_or(Health::NoData, |s| s.health)
    }

    /// The same, with its evidence.
    pub fn finding(&self, service: &ServiceId) -> Option<&Arc<ServiceState>> {
        match self.window(service) {
            Some(_) => self.held.get(service),
            None => self.services.get(service),
        }
    }

    /// The windows that are not over, the next one first.
    pub fn open_maintenances(&self) -> Vec<&Arc<Maintenance>> {
        let open = self.maintenances.values().filter(|m| !m.stage.is_over());
        let mut open: Vec<_> = open.collect();
        open.sort_by_key(|m| (!m.stage.holds(), m.from));
        open
    }

    /// For a restarted server, which holds the windows and nothing else of its services: they are in maintenance, and
    /// what the checks find is not known.
    pub fn take_up_windows(&mut self) {
        for window in self.maintenances.values().filter(|m| m.stage.holds()) {
            for service in &window.services {
                let state = ServiceState {
                    health: Health::Maintenance,
                    since: window.began_at,
                    because: window.title.clone(),
                };
                self.services.insert(service.clone(), Arc::new(state));
            }
        }
    }

    /// The browser holds no windows, and passes over them.
    pub(crate) fn apply_maintenance(&mut self, stamped: &Stamped) {
        if cfg!(target_arch = "wasm32") {
            return;
        }
        match &stamped.event {
            Event::MaintenanceScheduled { maintenance, .. } => {
                if let Some((year, count)) = maintenance.parts() {
                    let most = self.maintenance_counts.entry(year).or_default();
                    *most = (*most).max(count);
                }
                if let Some(new) = Maintenance::scheduled(stamped) {
                    let entry = self.maintenances.entry(maintenance.clone());
                    entry.or_insert_with(|| Arc::new(new));
                }
            }
            Event::MaintenanceRescheduled { maintenance, .. }
            | Event::MaintenanceMoved { maintenance, .. } => {
                if let Some(window) = self.maintenances.get_mut(maintenance) {
                    Arc::make_mut(window).fold(stamped);
                }
            }
            // From here on what is known of it is held …
            Event::ServiceChanged {
                service,
                to: Health::Maintenance,
                ..
            } => {
                if let Some(before) = self.services.get(service) {
                    self.held.insert(service.clone(), before.clone());
                }
            }
            // … until here.
            Event::ServiceChanged { service, .. } => {
                self.held.remove(service);
            }
            Event::FindingHeld {
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
                self.held.insert(service.clone(), Arc::new(state));
            }
            _ => {}
        }
    }
}

/// The services of the plan that depend on these, and are none of them: they may fail with them, and are told.
pub fn dependents<'a>(plan: &'a Plan, of: &[ServiceId]) -> Vec<&'a ServiceId> {
    let mut found: Vec<&ServiceId> = Vec::new();
    loop {
        let depends = |s: &&crate::plan::Service| {
            let on = |id: &ServiceId| of.contains(id) || found.contains(&id);
            !on(&s.id) && s.depends_on.iter().any(on)
        };
        match plan.services.iter().find(depends) {
            Some(service) => found.push(&service.id),
            None => return found,
        }
    }
}

/// By service: findings of checks that are held.
pub type HeldFindings = BTreeMap<ServiceId, Arc<ServiceState>>;
