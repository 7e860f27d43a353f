//! The rules of an incident: who may do what, from which state.

use super::{Context, Decision, Fact, incident, one, open_incident, text};
use crate::{Command, Event, Incident, IncidentRole, Kind, Number, Phase, Refusal, World};

pub(super) fn decide(world: &World, context: &Context<'_>, command: Command) -> Decision {
    match command {
        Command::Declare {
            title,
            severity,
            affected,
            kind,
            public,
            quiet,
            occurred_at,
        } => {
            let title = text::line("title", &title, 3, 200)?;
            for (i, service) in affected.iter().enumerate() {
                if context.plan.service(service).is_none() {
                    return Err(Refusal::invalid(
                        "affected",
                        format!("The plan has no service `{service}`."),
                    ));
                }
                if affected[..i].contains(service) {
                    return Err(Refusal::invalid(
                        "affected",
                        format!("`{service}` is named twice."),
                    ));
                }
            }
            let at = match (kind, occurred_at) {
                (Kind::Backfilled, Some(at)) if at <= context.now => at,
                (Kind::Backfilled, Some(_)) => {
                    return Err(Refusal::invalid(
                        "occurred_at",
                        "A backfilled incident happened in the past.",
                    ));
                }
                (Kind::Backfilled, None) => {
                    return Err(Refusal::invalid(
                        "occurred_at",
                        "Say when the backfilled incident happened.",
                    ));
                }
                (_, Some(_)) => {
                    return Err(Refusal::invalid(
                        "occurred_at",
                        "Only a backfilled incident may carry another time.",
                    ));
                }
                (_, None) => context.now,
            };
            if kind == Kind::Drill && public {
                return Err(Refusal::invalid(
                    "public",
                    "A drill never appears on the public status page.",
                ));
            }
            let Some(plan) = &world.plan else {
                return Err(Refusal::conflict(
                    "No plan is loaded yet; try again in a moment.",
                ));
            };
            let year = context.now.year();
            let count = world.counts.get(&year).copied().unwrap_or(0) + 1;
            let event = Event::IncidentDeclared {
                incident: Number::new(year, count),
                title,
                severity,
                affected,
                kind,
                public,
                quiet,
                plan: plan.hash.clone(),
                checklist: context.plan.checklist.emergency.clone(),
            };
            Ok(vec![Fact { at, event }])
        }
        Command::ChangeSeverity {
            incident,
            severity,
            reason,
        } => {
            let now = open_incident(world, &incident)?;
            let reason = text::lines("reason", &reason, 0, 1000)?;
            if now.severity == severity {
                return Ok(Vec::new());
            }
            one(
                context,
                Event::SeverityChanged {
                    from: now.severity,
                    to: severity,
                    incident,
                    reason,
                },
            )
        }
        Command::AssignRole {
            incident,
            role,
            person,
        } => {
            let now = open_incident(world, &incident)?;
            let person = text::line("person", &person, 1, 80)?;
            if now.roles.get(&role) == Some(&person) {
                return Ok(Vec::new());
            }
            one(
                context,
                Event::RoleAssigned {
                    incident,
                    role,
                    person,
                },
            )
        }
        Command::HandOver { incident, role, to } => {
            let now = open_incident(world, &incident)?;
            let to = text::line("to", &to, 1, 80)?;
            match now.roles.get(&role) {
                None => Err(Refusal::conflict(format!(
                    "Nobody is {}: assign it instead.",
                    role.words()
                ))),
                Some(holder) if *holder == to => Err(Refusal::invalid(
                    "to",
                    format!("{to} is {} already.", role.words()),
                )),
                Some(_) => one(context, Event::RoleOffered { incident, role, to }),
            }
        }
        Command::AcceptRole { incident, role } => {
            let now = open_incident(world, &incident)?;
            match now.offers.get(&role) {
                None => Err(Refusal::conflict(format!(
                    "The role {} is not on offer.",
                    role.words()
                ))),
                Some(to) if !to.eq_ignore_ascii_case(&context.actor.name) => {
                    Err(Refusal::forbidden(format!(
                        "{} was offered to {to}, who must accept it.",
                        role.words()
                    )))
                }
                Some(to) => one(
                    context,
                    Event::RoleAccepted {
                        incident,
                        role,
                        person: to.clone(),
                    },
                ),
            }
        }
        Command::PostUpdate {
            incident,
            phase,
            message,
            internal,
        } => {
            let now = open_incident(world, &incident)?;
            let phase = if internal { now.phase } else { phase };
            if phase == Phase::Resolved {
                return Err(Refusal::invalid(
                    "phase",
                    "Resolve the incident instead: that posts the last update.",
                ));
            }
            let message = text::lines("message", &message, 1, 4000)?;
            let public = now.public && !internal;
            one(
                context,
                Event::UpdatePosted {
                    incident,
                    phase,
                    message,
                    public,
                },
            )
        }
        Command::AddNote {
            incident: number,
            text: note,
            occurred_at,
        } => {
            incident(world, &number)?;
            let text = text::lines("text", &note, 1, 10_000)?;
            let at = occurred_at.unwrap_or(context.now);
            if at > context.now {
                return Err(Refusal::invalid(
                    "occurred_at",
                    "A note is about the past or the present.",
                ));
            }
            Ok(vec![Fact {
                at,
                event: Event::NoteAdded {
                    incident: number,
                    text,
                },
            }])
        }
        Command::Pin {
            incident: number,
            seq,
            pinned,
        } => {
            let now = incident(world, &number)?;
            if seq == 0 || seq > world.seq {
                return Err(Refusal::not_found(format!("There is no event {seq}.")));
            }
            if now.pinned.contains(&seq) == pinned {
                return Ok(Vec::new());
            }
            one(
                context,
                Event::Pinned {
                    incident: number,
                    seq,
                    pinned,
                },
            )
        }
        Command::AddTask {
            incident,
            title,
            owner,
            minutes,
        } => {
            let now = open_incident(world, &incident)?;
            let title = text::line("title", &title, 1, 200)?;
            let owner = text::line("owner", &owner, 1, 80)?;
            if !(1..=1440).contains(&minutes) {
                return Err(Refusal::invalid(
                    "minutes",
                    "A task's timebox is between 1 minute and 1,440 (a day).",
                ));
            }
            let task = now.tasks.iter().map(|t| t.id).max().unwrap_or(0) + 1;
            one(
                context,
                Event::TaskAdded {
                    incident,
                    task,
                    title,
                    owner,
                    minutes,
                },
            )
        }
        Command::AcceptTask { incident, task } => {
            let now = open_incident(world, &incident)?;
            match self::task(now, task)?.accepted {
                true => Ok(Vec::new()),
                false => one(context, Event::TaskAccepted { incident, task }),
            }
        }
        Command::FinishTask {
            incident: number,
            task,
        } => {
            let now = incident(world, &number)?;
            match self::task(now, task)?.finished_at {
                Some(_) => Ok(Vec::new()),
                None => one(
                    context,
                    Event::TaskFinished {
                        incident: number,
                        task,
                    },
                ),
            }
        }
        Command::Tick {
            incident: number,
            item,
            done,
        } => {
            let now = incident(world, &number)?;
            let Some(line) = now.checklist.get(item as usize) else {
                return Err(Refusal::not_found(format!(
                    "The checklist has {} items; there is no item {item}.",
                    now.checklist.len()
                )));
            };
            if line.done.is_some() == done {
                return Ok(Vec::new());
            }
            one(
                context,
                Event::Ticked {
                    incident: number,
                    item,
                    done,
                },
            )
        }
        Command::Resolve { incident, message } => {
            let now = open_incident(world, &incident)?;
            let message = text::lines("message", &message, 1, 4000)?;
            if let Some(run) = world.runs_of(&incident).into_iter().find(|r| !r.is_over()) {
                return Err(Refusal::conflict(format!(
                    "{} is not over ({}). Let it end or stop it, then resolve.",
                    run.runbook.name,
                    run.status.words().to_lowercase()
                )));
            }
            let public = now.public;
            one(
                context,
                Event::IncidentResolved {
                    incident,
                    message,
                    public,
                },
            )
        }
        Command::Reopen {
            incident: number,
            reason,
        } => {
            let now = incident(world, &number)?;
            let reason = text::lines("reason", &reason, 1, 1000)?;
            if now.is_open() {
                return Err(Refusal::conflict(format!("{number} is open already.")));
            }
            one(
                context,
                Event::IncidentReopened {
                    incident: number,
                    reason,
                },
            )
        }
        // Every other command was taken by `super::decide`.
        _ => Ok(Vec::new()),
    }
}

fn task(incident: &Incident, id: u32) -> Result<&crate::Task, Refusal> {
    incident
        .tasks
        .iter()
        .find(|t| t.id == id)
        .ok_or_else(|| Refusal::not_found(format!("{} has no task {id}.", incident.number)))
}

/// Roles that nobody holds though an open incident needs them: the loudest thing on its page.
pub fn empty_roles(incident: &Incident) -> Vec<IncidentRole> {
    if !incident.is_open() {
        return Vec::new();
    }
    IncidentRole::ALL
        .into_iter()
        .filter(|r| !incident.roles.contains_key(r))
        .collect()
}
