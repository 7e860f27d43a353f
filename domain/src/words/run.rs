//! The sentences for what happens to runs.

use super::{Icon, run_icon, step_icon};
use crate::{Answer, Ending, Event, Mode, Purpose, Resume, RunId, Stamped, Wait, World};

/// Icon, sentence, and a person's own words; nothing for an event that is not about a run.
pub(super) fn says<'e>(
    world: &World,
    stamped: &'e Stamped,
) -> Option<(Icon, String, Option<&'e str>)> {
    use Event::*;
    let run_name = |id: &RunId| {
        let run = world.runs.get(id);
        run.map_or_else(|| "A run".to_owned(), |r| r.runbook.name.clone())
    };
    let step_name = |id: &RunId, step: u32| {
        let run = world.runs.get(id);
        match run.and_then(|r| r.runbook.step(step as usize)) {
            Some(step) => step.name.clone(),
            None => format!("step {}", step + 1),
        }
    };
    let with = |says: String, because: &str| match because {
        "" => says,
        because => format!("{says}: {because}"),
    };
    let plain = |icon, says| Some((icon, says, None));
    match &stamped.event {
        RunStarted { runbook, mode, .. } => {
            let how = match mode {
                Mode::Real => "",
                Mode::Drill => " as a drill",
                Mode::DryRun => " as a dry run: nothing is done",
            };
            plain(Icon::Run, format!("{} started{how}", runbook.name))
        }
        StepStarted { run, step, because } => {
            let says = format!("{} started", step_name(run, *step));
            plain(Icon::Run, with(says, because))
        }
        StepSkipped { run, step, because } => plain(
            Icon::Skip,
            format!("{} skipped: {because}", step_name(run, *step)),
        ),
        StepWaits {
            run, step, what, ..
        } => plain(
            Icon::Person,
            format!("{} waits {}", step_name(run, *step), wait(what)),
        ),
        StepAnswered {
            run,
            step,
            answer,
            says,
            ..
        } => {
            let (icon, did) = answered(*answer);
            Some((icon, format!("{} {did}", step_name(run, *step)), Some(says)))
        }
        LocksTaken { run, locks, .. } => plain(
            Icon::None,
            format!("{} holds {}", run_name(run), locks.join(", ")),
        ),
        AttemptStarted {
            run,
            step,
            attempt,
            purpose,
            ..
        } => {
            let what = match purpose {
                Purpose::Run => "started",
                Purpose::Verify => "looks what the one before had done",
            };
            let step = step_name(run, *step);
            plain(Icon::None, format!("{step}, attempt {attempt} {what}"))
        }
        AttemptEnded {
            run,
            step,
            attempt,
            ending,
            ..
        } => {
            let icon = if *ending == (Ending::Exited { code: 0 }) {
                Icon::Ok
            } else {
                Icon::Warn
            };
            let step = step_name(run, *step);
            plain(
                icon,
                format!("{step}, attempt {attempt}: {}", ending.words()),
            )
        }
        RetryScheduled {
            run, step, attempt, ..
        } => plain(
            Icon::None,
            format!("{}, attempt {attempt} follows", step_name(run, *step)),
        ),
        StepEnded {
            run,
            step,
            status,
            because,
        } => {
            let status_says = status.words().to_ascii_lowercase();
            // "timed out" needs no "timed out" before it.
            let says = match because.as_str() {
                because if because.ends_with(&status_says) => because.to_owned(),
                because => with(status_says, because),
            };
            let says = format!("{} {says}", step_name(run, *step));
            plain(step_icon(*status), says)
        }
        RunPaused { run, step, because } => plain(
            Icon::Warn,
            format!(
                "{} waits for a person at {}: {because}",
                run_name(run),
                step_name(run, *step)
            ),
        ),
        RunHeld { run, because } => Some((
            Icon::Warn,
            format!("{} paused by an operator", run_name(run)),
            Some(because),
        )),
        RunResumed {
            run,
            step,
            how,
            reason,
        } => {
            let what = match how {
                Resume::Go => "goes on at",
                Resume::Retry => "retries",
                Resume::Force => "is forced from here on: retries",
                Resume::From => "goes on from",
                Resume::Skip => "goes on without",
                Resume::MarkDone => "goes on: marked done",
            };
            let says = format!("{} {what} {}", run_name(run), step_name(run, *step));
            Some((Icon::Run, says, Some(reason)))
        }
        RunFailing { run, because } => {
            plain(Icon::Bad, format!("{} gives up: {because}", run_name(run)))
        }
        RunCancelling { run, reason } => Some((
            Icon::Warn,
            format!("{} is being stopped", run_name(run)),
            Some(reason),
        )),
        RunEnded { run, status } => plain(
            run_icon(*status),
            format!("{} {}", run_name(run), status.words().to_ascii_lowercase()),
        ),
        _ => None,
    }
}

/// What is waited for, after "waits".
pub fn wait(what: &Wait) -> String {
    match what {
        Wait::Go => "for a go".into(),
        Wait::Confirm { .. } => "for a confirmation".into(),
        Wait::Approval { min: 1, role, .. } => format!("for the approval of a {}", role.name()),
        Wait::Approval { min, role, .. } => {
            format!(
                "for the approval of {min} people with the role {}",
                role.name()
            )
        }
        Wait::Manual { .. } => "for a person to do it".into(),
        Wait::Lock { lock, by, .. } => format!("for {lock}, held by {by}"),
    }
}

/// What a person's word does, after the name of its step or of the person.
pub fn answered(answer: Answer) -> (Icon, &'static str) {
    match answer {
        Answer::Go => (Icon::Person, "may go on"),
        Answer::Confirm => (Icon::Person, "confirmed"),
        Answer::Approve => (Icon::Ok, "approved"),
        Answer::Decline => (Icon::Bad, "declined"),
        Answer::Done => (Icon::Ok, "done by hand"),
        Answer::Failed => (Icon::Bad, "could not be done by hand"),
        Answer::BreakGlass => (
            Icon::Warn,
            "goes on alone: glass broken, a co-signature is due",
        ),
        Answer::CoSign => (Icon::Ok, "co-signed"),
    }
}
