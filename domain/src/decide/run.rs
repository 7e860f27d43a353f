//! The rules of a run: who may start, answer or stop it, and what the runner's reports bring about.

use super::{Context, Decision, Fact, one, open_incident, run, text};
use crate::{
    Command, Event, Kind, Mode, Refusal, Resume, RunStatus, World, advance, after_attempt,
    after_resume,
};
use std::collections::BTreeMap;

pub(super) fn decide(world: &World, context: &Context<'_>, command: Command) -> Decision {
    let health = |id: &crate::ServiceId| world.health(id);
    let look = crate::Look {
        plan: context.plan,
        health: &health,
        now: context.now,
        node: context.node,
    };
    match command {
        Command::StartRun {
            id,
            runbook,
            incident,
            parameters,
            mode,
        } => {
            let Some(definition) = context.plan.runbook(&runbook) else {
                return Err(Refusal::not_found(format!(
                    "The plan has no runbook `{runbook}`."
                )));
            };
            // A recovery follows the plan of its incident: that is what `context.plan` holds.
            let pinned = match &incident {
                Some(number) => Some(open_incident(world, number)?.plan.clone()),
                None => None,
            };
            bounded_parameters(&parameters)?;
            if mode == crate::Mode::DryRun {
                return Err(Refusal::invalid(
                    "mode",
                    "A dry run is not possible yet; use real or drill.",
                ));
            }
            let about = incident
                .as_ref()
                .and_then(|n| world.incidents.get(n))
                .map(|i| i.kind);
            fits(mode, about, context.plan.targets.rehearsal)?;
            let busy = world
                .runs
                .values()
                .find(|r| !r.is_over() && r.runbook.slug == runbook);
            if let Some(busy) = busy {
                return Err(Refusal::conflict(format!(
                    "{} is running already, started by {} ({}).",
                    definition.name,
                    busy.started_by,
                    busy.status.words().to_lowercase()
                )));
            }
            let in_force = || world.plan.as_ref().map(|p| p.hash.clone());
            let Some(plan) = pinned.or_else(in_force) else {
                return Err(Refusal::conflict(
                    "No plan is loaded yet; try again in a moment.",
                ));
            };
            let started = Event::RunStarted {
                run: id,
                runbook: definition.clone(),
                incident,
                parameters,
                mode,
                plan,
            };
            let stamped = crate::Stamped {
                seq: 0,
                stream: started.stream(),
                at: context.now,
                recorded: context.now,
                actor: context.actor.clone(),
                event: started.clone(),
            };
            let mut events = vec![started];
            if let Some(run) = crate::Run::started(&stamped) {
                events.extend(advance(&run, &look));
            }
            Ok(facts(context, events))
        }
        Command::Advance { run: id } => Ok(facts(context, advance(run(world, &id)?, &look))),
        Command::EndAttempt {
            run: id,
            step,
            attempt,
            ending,
            output_bytes,
            ended_at,
        } => {
            let now = run(world, &id)?;
            if now.running_attempt().map(|(s, a)| (s, a.number)) != Some((step, attempt)) {
                // Reported twice (a runner that was restarted): it is written already.
                return Ok(Vec::new());
            }
            let mut facts = facts(
                context,
                after_attempt(now, step, attempt, ending, output_bytes, &look),
            );
            if let Some(first) = facts.first_mut() {
                first.at = ended_at.min(context.now);
            }
            Ok(facts)
        }
        Command::RetryStep { run: id } => {
            resume(world, context, &look, id, Resume::Retry, String::new())
        }
        Command::SkipStep { run: id, reason } => resume(
            world,
            context,
            &look,
            id,
            Resume::Skip,
            text::line("reason", &reason, 3, 500)?,
        ),
        Command::MarkStepDone { run: id, reason } => resume(
            world,
            context,
            &look,
            id,
            Resume::MarkDone,
            text::line("reason", &reason, 3, 500)?,
        ),
        Command::CancelRun { run: id, reason } => {
            let now = run(world, &id)?;
            let reason = text::line("reason", &reason, 0, 500)?;
            match now.status {
                RunStatus::Cancelling => Ok(Vec::new()),
                status if status.is_over() => Err(Refusal::conflict(format!(
                    "This run is over ({}).",
                    status.words().to_lowercase()
                ))),
                _ if now.running_attempt().is_some() => {
                    one(context, Event::RunCancelling { run: id, reason })
                }
                _ => Ok(facts(
                    context,
                    vec![
                        Event::RunCancelling {
                            run: id.clone(),
                            reason,
                        },
                        Event::RunEnded {
                            run: id,
                            status: RunStatus::Cancelled,
                        },
                    ],
                )),
            }
        }
        // Every other command was taken by `super::decide`.
        _ => Ok(Vec::new()),
    }
}

fn resume(
    world: &World,
    context: &Context<'_>,
    look: &crate::Look<'_>,
    id: crate::RunId,
    how: Resume,
    reason: String,
) -> Decision {
    let now = run(world, &id)?;
    match &now.paused {
        Some(paused) => Ok(facts(
            context,
            after_resume(now, paused.step, how, reason, look),
        )),
        None => Err(Refusal::conflict(format!(
            "This run is not waiting for an answer ({}).",
            now.status.words().to_lowercase()
        ))),
    }
}

fn facts(context: &Context<'_>, events: Vec<Event>) -> Vec<Fact> {
    events
        .into_iter()
        .map(|event| Fact {
            at: context.now,
            event,
        })
        .collect()
}

/// A drill's run acts like any other: so it is kept to drills, and to targets that are there to be practised on.
fn fits(mode: Mode, about: Option<Kind>, rehearsal: bool) -> Result<(), Refusal> {
    let wrong = |says: &str| Err(Refusal::invalid("mode", says));
    match (mode, about) {
        (Mode::Drill, _) if !rehearsal => wrong(
            "The plan's targets are not for practice (targets.yaml: rehearsal), so no drill runs against them.",
        ),
        (Mode::Drill, Some(Kind::Real | Kind::Backfilled)) => {
            wrong("This incident is no drill: run the runbook for real.")
        }
        (Mode::Real, Some(Kind::Drill)) => {
            wrong("This incident is a drill: run the runbook as a drill.")
        }
        _ => Ok(()),
    }
}

fn bounded_parameters(parameters: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if parameters.len() > 50 {
        return Err(Refusal::invalid("parameters", "At most 50 parameters."));
    }
    for (name, value) in parameters {
        let good = !name.is_empty()
            && name.len() <= 60
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !good {
            return Err(Refusal::invalid(
                "parameters",
                format!("`{name}` is not a parameter's name: use letters, digits, - and _."),
            ));
        }
        if value.len() > 10_000 || value.contains('\0') {
            return Err(Refusal::invalid(
                "parameters",
                format!("The value of `{name}` is longer than 10,000 bytes or holds a NUL."),
            ));
        }
    }
    Ok(())
}
