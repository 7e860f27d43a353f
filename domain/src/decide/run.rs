//! The rules of a run: who may start, answer or stop it, and what the runner's reports bring about.

mod answer;
mod start;

pub(crate) use start::take_parameters;
pub(super) use start::{locked, under_way};

use super::{Context, Decision, Fact, run, text};
use crate::{
    Command, Event, Refusal, Resume, Run, RunId, RunStatus, World, advance, after_attempt,
    after_cancel, after_resume,
    run::{Ended, Look},
};

pub(super) fn decide(world: &World, context: &Context<'_>, command: Command) -> Decision {
    let look = Look {
        plan: context.plan,
        world,
        now: context.now,
        node: context.node,
        actor: context.actor,
    };
    let when = match &command {
        Command::EndAttempt { ended_at, .. } => Some((*ended_at).min(context.now)),
        _ => None,
    };
    let mut events = follow(&look, command)?;
    parents_hear(&look, &mut events);
    crate::failover::follow(&look, &mut events);
    let mut facts: Vec<Fact> = events
        .into_iter()
        .map(|event| Fact {
            at: context.now,
            event,
        })
        .collect();
    if let (Some(when), Some(first)) = (when, facts.first_mut()) {
        first.at = when;
    }
    Ok(facts)
}

fn follow(look: &Look<'_>, command: Command) -> Result<Vec<Event>, Refusal> {
    let world = look.world;
    Ok(match command {
        Command::StartRun {
            id,
            runbook,
            incident,
            parameters,
            mode,
            confirm,
            stepwise,
        } => {
            let asked = start::Asked {
                id,
                runbook,
                incident,
                parameters,
                mode,
                confirm,
                stepwise,
            };
            start::start(look, asked)?
        }
        Command::Advance { run: id, due } => advance(run(world, &id)?, look, due),
        Command::EndAttempt {
            run: id,
            step,
            attempt,
            ending,
            output_bytes,
            dropped_bytes,
            digest,
            outputs,
            ended_at: _,
        } => {
            let now = run(world, &id)?;
            if !now
                .running_attempts()
                .any(|(s, a)| (s, a.number) == (step, attempt))
            {
                // Reported twice (a runner that was restarted): it is written already.
                return Ok(Vec::new());
            }
            let ended = Ended {
                step,
                attempt,
                ending,
                output_bytes,
                dropped_bytes,
                digest,
                outputs,
            };
            after_attempt(now, ended, look)
        }
        Command::AnswerStep {
            run: id,
            step,
            answer,
            says,
        } => answer::answer(look, run(world, &id)?, step, answer, &says)?,
        Command::HoldRun { run: id, reason } => {
            let now = run(world, &id)?;
            if !matches!(now.status, RunStatus::Running | RunStatus::Waiting) {
                return Err(not_from(now, "It cannot be paused"));
            }
            let because = text::line("reason", &reason, 0, 500)?;
            vec![Event::RunHeld { run: id, because }]
        }
        Command::ContinueRun { run: id } => {
            let now = run(world, &id)?;
            if now.status != RunStatus::PausedByOperator {
                return Err(not_from(now, "It was not paused by an operator"));
            }
            let step = now.current().unwrap_or_default() as u32;
            after_resume(now, step, Resume::Go, String::new(), look)
        }
        Command::RetryStep { run: id, forced } => {
            let (now, step) = paused(world, &id)?;
            let how = if forced { Resume::Force } else { Resume::Retry };
            after_resume(now, step, how, String::new(), look)
        }
        Command::ResumeFrom {
            run: id,
            step,
            reason,
        } => {
            let (now, _) = paused(world, &id)?;
            if step as usize >= now.runbook.steps.len() {
                return Err(Refusal::invalid("step", "This run has no such step."));
            }
            if now.running_attempt().is_some() {
                return Err(Refusal::conflict(
                    "A step of this run is still running; wait for its end, or stop the run.",
                ));
            }
            let reason = text::line("reason", &reason, 3, 500)?;
            after_resume(now, step, Resume::From, reason, look)
        }
        Command::SkipStep { run: id, reason } => {
            let (now, step) = paused(world, &id)?;
            let reason = text::line("reason", &reason, 3, 500)?;
            after_resume(now, step, Resume::Skip, reason, look)
        }
        Command::MarkStepDone { run: id, reason } => {
            let (now, step) = paused(world, &id)?;
            let reason = text::line("reason", &reason, 3, 500)?;
            after_resume(now, step, Resume::MarkDone, reason, look)
        }
        Command::CancelRun { run: id, reason } => {
            let now = run(world, &id)?;
            let reason = text::line("reason", &reason, 0, 500)?;
            if now.is_over() {
                return Err(Refusal::conflict(format!(
                    "This run is over ({}).",
                    now.status.words().to_lowercase()
                )));
            }
            // Asked twice while it stops: nothing is left but to hurry, and that only where it tidies up.
            let tidies = now
                .running_attempts()
                .any(|(step, _)| !now.is_stopping(step));
            if now.status == RunStatus::Cancelling && !tidies {
                return Ok(Vec::new());
            }
            after_cancel(now, reason, look)
        }
        // Every other command was taken by `super::decide`.
        _ => Vec::new(),
    })
}

/// Where a run that is a step of another has ended, that step has.
fn parents_hear(look: &Look<'_>, events: &mut Vec<Event>) {
    let mut from = 0;
    while from < events.len() {
        let fresh = from..events.len();
        from = events.len();
        let mut heard = Vec::new();
        for event in &events[fresh] {
            let Event::RunEnded { run: ended, status } = event else {
                continue;
            };
            // A child that began in this very decision has told its parent already.
            let Some(parent) = look.world.runs.get(ended).and_then(|r| r.parent.as_ref()) else {
                continue;
            };
            let told = |e: &Event| matches!(e, Event::AttemptEnded { run, step, .. } if *run == parent.run && *step == parent.step);
            if events.iter().any(told) {
                continue;
            }
            let Some(run) = look.world.runs.get(&parent.run) else {
                continue;
            };
            let attempt = run.running_attempts().find(|(s, _)| *s == parent.step);
            if let Some((step, attempt)) = attempt {
                let ended = Ended::of_child(run, step, attempt.number, *status);
                heard.extend(after_attempt(run, ended, look));
            }
        }
        events.extend(heard);
    }
}

/// The run and the step that it paused at.
fn paused<'a>(world: &'a World, id: &RunId) -> Result<(&'a Run, u32), Refusal> {
    let now = run(world, id)?;
    match &now.paused {
        Some(paused) => Ok((now, paused.step)),
        None => Err(not_from(now, "This run is not waiting for an answer")),
    }
}

fn not_from(run: &Run, says: &str) -> Refusal {
    Refusal::conflict(format!("{says} ({}).", run.status.words().to_lowercase()))
}
