//! From what a person asks of a failover, by a form or by REST, to the command: with what Muster saw last, and the
//! incident that it belongs to.

use crate::state::State;
use domain::{Command, Number, RunId, ServiceId, failover::Sight};
use engine::failover::incident_of;

pub enum Asked {
    Trigger {
        incident: Option<Number>,
        risk: String,
    },
    Override {
        risk: String,
    },
    PlanFailback {
        reason: String,
    },
    FailBack {
        incident: Option<Number>,
        confirm: String,
    },
    Settle {
        reason: String,
    },
    Acknowledge,
}

/// What was last seen.
pub fn sight(state: &State, service: &ServiceId) -> Option<Box<Sight>> {
    state.sights.borrow().get(service).cloned().map(Box::new)
}

pub fn command(state: &State, service: &ServiceId, asked: Asked) -> Command {
    let world = state.desk.world();
    let service = service.clone();
    let run = RunId(uuid::Uuid::now_v7().to_string());
    match asked {
        Asked::Trigger { incident, risk } => Command::TriggerFailover {
            run,
            incident: incident.or_else(|| incident_of(&world, &service)),
            sight: sight(state, &service),
            risk,
            service,
        },
        Asked::Override { risk } => Command::OverrideFencing {
            run: world
                .failover(&service)
                .and_then(|f| f.run.clone())
                .unwrap_or_default(),
            risk,
            service,
        },
        Asked::PlanFailback { reason } => Command::PlanFailback { service, reason },
        Asked::FailBack { incident, confirm } => Command::FailBack {
            run,
            incident: incident.or_else(|| incident_of(&world, &service)),
            confirm,
            service,
        },
        Asked::Settle { reason } => Command::SettleFailover {
            sight: sight(state, &service),
            reason,
            service,
        },
        Asked::Acknowledge => Command::AcknowledgeFailover { service },
    }
}
