//! From an event to what the public is told because of it; nothing for most of them.

use super::super::{
    tell,
    told::{self, Affected},
};
use domain::{Event, Kind, Phase, Stage, Stamped, plan::Plan};
use engine::store::{Error, Store};
use serde::de::DeserializeOwned;

pub struct News {
    /// The number of the event.
    pub seq: i64,
    pub about: About,
    /// What somebody wrote.
    pub message: Option<String>,
}

pub enum About {
    Incident {
        incident: told::Incident,
        phase: Phase,
        /// It was over.
        again: bool,
    },
    Window {
        window: told::Window,
        stage: Stage,
    },
}

impl News {
    fn affected(&self) -> &[Affected] {
        match &self.about {
            About::Incident { incident, .. } => &incident.affected,
            About::Window { window, .. } => &window.affected,
        }
    }

    /// Whether it matters to somebody who chose these components, or none of them.
    pub fn matters_to(&self, chosen: &str) -> bool {
        let is_chosen = |a: &Affected| chosen.split(' ').any(|id| id == a.id.0);
        chosen.is_empty() || self.affected().iter().any(is_chosen)
    }
}

pub async fn of(store: &Store, plan: &Plan, stamped: &Stamped) -> Result<Option<News>, Error> {
    let news = |about, message: Option<String>| News {
        seq: i64::try_from(stamped.seq).unwrap_or(i64::MAX),
        about,
        message: message.filter(|m| !m.trim().is_empty()),
    };
    let (number, phase, message, again) = match &stamped.event {
        Event::IncidentDeclared {
            incident,
            public: true,
            ..
        } => (incident, Phase::Investigating, None, false),
        Event::UpdatePosted {
            incident,
            phase,
            message,
            public: true,
        } => (incident, *phase, Some(message), false),
        Event::IncidentResolved {
            incident,
            message,
            public,
        } => (incident, Phase::Resolved, public.then_some(message), false),
        Event::IncidentReopened { incident, .. } => (incident, Phase::Investigating, None, true),
        Event::MaintenanceScheduled {
            maintenance,
            message,
            ..
        }
        | Event::MaintenanceRescheduled {
            maintenance,
            message,
            ..
        }
        | Event::MaintenanceMoved {
            maintenance,
            message,
            ..
        } => {
            let window =
                document::<domain::Maintenance>(store, "maintenance", maintenance.as_str());
            let Some(window) = window.await?.filter(|w| w.public) else {
                return Ok(None);
            };
            let stage = match &stamped.event {
                Event::MaintenanceMoved { to, .. } => *to,
                _ => Stage::Scheduled,
            };
            let own = Some(message.clone()).filter(|m| m != stage.says());
            // Between the work and its end nothing new is to be known, unless somebody says so.
            if stage == Stage::Verifying && own.is_none() {
                return Ok(None);
            }
            let window = tell::window(&window, plan);
            return Ok(Some(news(About::Window { window, stage }, own)));
        }
        _ => return Ok(None),
    };
    let Some(incident) = document::<domain::Incident>(store, "incident", number.as_str()).await?
    else {
        return Ok(None);
    };
    if !incident.public || incident.quiet || incident.kind != Kind::Real {
        return Ok(None);
    }
    if message.is_some() && is_nothing_new(&incident, stamped) {
        return Ok(None);
    }
    let about = About::Incident {
        incident: tell::incident(&incident, plan),
        phase,
        again,
    };
    Ok(Some(news(about, message.cloned())))
}

/// The same was said before, word for word, in the same phase.
fn is_nothing_new(incident: &domain::Incident, stamped: &Stamped) -> bool {
    let Event::UpdatePosted { phase, message, .. } = &stamped.event else {
        return false;
    };
    let mut before = incident
        .updates
        .iter()
        .filter(|u| u.public && u.at < stamped.at);
    before
        .next_back()
        .is_some_and(|u| u.phase == *phase && u.message == *message)
}

async fn document<T: DeserializeOwned>(
    store: &Store,
    kind: &str,
    id: &str,
) -> Result<Option<T>, Error> {
    let found = store.projection(kind, id).await?;
    Ok(found.and_then(|found| serde_json::from_str(&found.body).ok()))
}
