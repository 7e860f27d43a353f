//! `decide(world, context, command) → events | Refusal`: the rules and the permissions, in one pure function.

mod failover;
mod incident;
mod maintenance;
mod notify;
pub(crate) mod run;
mod text;

pub use failover::{asking, due};
pub use incident::empty_roles;
pub(crate) use run::take_parameters;

use crate::{
    AccessRole, Actor, Command, Event, Incident, Number, Permission, Refusal, Run, RunId,
    ServiceState, Stamp, Stamped, World, notify::Calendar, permission, plan::Plan,
};
use std::sync::Arc;

/// What a decision may look at besides the state.
pub struct Context<'a> {
    pub actor: &'a Actor,
    pub now: Stamp,
    pub plan: &'a Plan,
    pub calendar: &'a dyn Calendar,
    /// The node of Muster that decides.
    pub node: &'a str,
}

/// An event to be written, and when it happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub at: Stamp,
    pub event: Event,
}

type Decision = Result<Vec<Fact>, Refusal>;

/// What the command brings about, or why it may not be. No events and no refusal means: it was so already.
pub fn decide(world: &World, context: &Context<'_>, command: Command) -> Decision {
    let needed = permission(&command);
    if !context.actor.role.may(needed) {
        return Err(forbidden(context.actor, needed));
    }
    if let Command::StartRun { runbook, mode, .. } = &command {
        failover::not_by_itself(context.plan, runbook, *mode)?;
    }
    let facts = carry_out(world, context, command)?;
    Ok(notify::follow(world, context, facts))
}

fn carry_out(world: &World, context: &Context<'_>, command: Command) -> Decision {
    match command {
        Command::StartRun { .. }
        | Command::AnswerStep { .. }
        | Command::HoldRun { .. }
        | Command::ContinueRun { .. }
        | Command::ResumeFrom { .. }
        | Command::RetryStep { .. }
        | Command::SkipStep { .. }
        | Command::MarkStepDone { .. }
        | Command::CancelRun { .. }
        | Command::Advance { .. }
        | Command::EndAttempt { .. } => run::decide(world, context, command),

        Command::WatchFailover { .. }
        | Command::TriggerFailover { .. }
        | Command::OverrideFencing { .. }
        | Command::PlanFailback { .. }
        | Command::FailBack { .. }
        | Command::SettleFailover { .. }
        | Command::AcknowledgeFailover { .. }
        | Command::HoldAutomation { .. }
        | Command::ReleaseAutomation { .. } => failover::decide(world, context, command),

        Command::Acknowledge { .. }
        | Command::RepeatNotifications { .. }
        | Command::RecordCall { .. }
        | Command::Escalate { .. }
        | Command::RemindUpdate { .. }
        | Command::ReportNotifications { .. }
        | Command::TestContact { .. }
        | Command::ConfirmContact { .. }
        | Command::OverrideOnCall { .. }
        | Command::RemoveOverride { .. } => notify::decide(world, context, command),
        Command::ScheduleMaintenance { .. }
        | Command::RescheduleMaintenance { .. }
        | Command::MoveMaintenance { .. }
        | Command::AdvanceMaintenance { .. } => maintenance::decide(world, context, command),

        Command::Observe {
            service,
            health,
            because,
            since,
        } => {
            if context.plan.service(&service).is_none() {
                return Err(Refusal::not_found(format!(
                    "The plan has no service `{service}`."
                )));
            }
            let found = ServiceState {
                health,
                since: Some(since),
                because,
            };
            maintenance::observed(world, service, found)
        }
        Command::ReportExposure {
            database,
            cover,
            point,
            because,
        } => match world.exposures.get(&database) {
            Some(now) if now.cover == cover && now.point == point => Ok(Vec::new()),
            _ => one(
                context,
                Event::ExposureChanged {
                    database,
                    cover,
                    point,
                    because,
                },
            ),
        },
        Command::LoadPlan {
            hash,
            name,
            changes,
        } => match &world.plan {
            Some(in_force) if in_force.hash == hash => Ok(Vec::new()),
            _ => one(
                context,
                Event::PlanLoaded {
                    hash,
                    name,
                    changes,
                },
            ),
        },
        Command::IssueToken { id, name, role } => {
            let name = text::line("name", &name, 1, 80)?;
            grantable(role)?;
            one(context, Event::TokenIssued { id, name, role })
        }
        Command::RevokeToken { id } => one(context, Event::TokenRevoked { id }),
        Command::SignIn { id, name, role } => {
            let name = text::line("name", &name, 1, 80)?;
            grantable(role)?;
            one(context, Event::SignedIn { id, name, role })
        }
        Command::SetSecret { name } => {
            secret_name(&name)?;
            one(context, Event::SecretSet { name })
        }
        Command::RemoveSecret { name } => one(context, Event::SecretRemoved { name }),
        command => incident::decide(world, context, command),
    }
}

/// The world after these.
fn ahead(world: &World, context: &Context<'_>, facts: &[Fact]) -> World {
    let mut world = world.clone();
    for fact in facts {
        let stamped = Stamped {
            seq: world.seq + 1,
            stream: fact.event.stream(),
            at: fact.at,
            recorded: context.now,
            actor: context.actor.clone(),
            event: fact.event.clone(),
        };
        world.apply(&stamped);
    }
    world
}

fn one(context: &Context<'_>, event: Event) -> Decision {
    Ok(vec![Fact {
        at: context.now,
        event,
    }])
}

fn secret_name(name: &str) -> Result<(), Refusal> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
    if !name.is_empty() && name.len() <= 100 && name.chars().all(good) {
        return Ok(());
    }
    Err(Refusal::invalid(
        "name",
        "A secret's name is made of up to 100 letters, digits, `-`, `_` and `.`.",
    ))
}

fn grantable(role: AccessRole) -> Result<(), Refusal> {
    if AccessRole::GRANTABLE.contains(&role) {
        Ok(())
    } else {
        Err(Refusal::invalid(
            "role",
            "Use viewer, responder, commander, manager or admin.",
        ))
    }
}

fn forbidden(actor: &Actor, needed: Permission) -> Refusal {
    let needs = match needed {
        Permission::View => "to be signed in",
        Permission::Respond => "the role responder or higher",
        Permission::Command => "the role commander",
        Permission::Administer => "the role admin",
        Permission::Machine => "to be one of Muster's own workers",
    };
    Refusal::forbidden(format!(
        "{} has the role {}; this needs {needs}.",
        actor.name,
        actor.role.name()
    ))
}

fn incident<'a>(world: &'a World, number: &Number) -> Result<&'a Arc<Incident>, Refusal> {
    world
        .incidents
        .get(number)
        .ok_or_else(|| Refusal::not_found(format!("There is no incident {number}.")))
}

fn open_incident<'a>(world: &'a World, number: &Number) -> Result<&'a Arc<Incident>, Refusal> {
    let incident = incident(world, number)?;
    if incident.is_open() {
        Ok(incident)
    } else {
        Err(Refusal::conflict(format!(
            "{number} is resolved. Reopen it first."
        )))
    }
}

fn run<'a>(world: &'a World, id: &RunId) -> Result<&'a Arc<Run>, Refusal> {
    world
        .runs
        .get(id)
        .ok_or_else(|| Refusal::not_found(format!("There is no run {id}.")))
}
