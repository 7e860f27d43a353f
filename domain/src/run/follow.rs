//! What follows from what happened to a run: an attempt ended, a person said something, somebody stopped it.

use super::{
    Answer, Ending, Purpose, Run, RunStatus, StepStatus, Wait,
    next::{Look, Walk, advance, walk},
};
use crate::{
    Event, Resume, RunId, Span, Stamped,
    plan::{Backoff, OnFailure, Section, Step, Work, child_run},
};
use std::collections::BTreeMap;

/// How an attempt ended, and what it left.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub step: u32,
    pub attempt: u32,
    pub ending: Ending,
    pub output_bytes: u64,
    pub outputs: BTreeMap<String, String>,
    pub digest: String,
    pub dropped_bytes: u64,
}

impl Ended {
    /// Without any output of its own.
    pub fn silent(step: u32, attempt: u32, ending: Ending) -> Self {
        Ended {
            step,
            attempt,
            ending,
            output_bytes: 0,
            outputs: BTreeMap::new(),
            digest: String::new(),
            dropped_bytes: 0,
        }
    }

    /// What the end of a step's own run means for the step.
    pub fn of_child(parent: &Run, step: u32, attempt: u32, status: RunStatus) -> Self {
        let ending = match status {
            RunStatus::Completed | RunStatus::CompletedWithExceptions => Ending::Exited { code: 0 },
            RunStatus::Cancelled if parent.is_stopping(step) => Ending::Cancelled,
            RunStatus::Cancelled => Ending::Exited { code: 130 },
            _ => Ending::Exited { code: 1 },
        };
        Ended::silent(step, attempt, ending)
    }
}

/// A run's first events: that it was started, and what follows at once.
pub(crate) fn begin(started: Event, look: &Look<'_>) -> (Event, Vec<Event>) {
    let stamped = Stamped {
        seq: 0,
        stream: started.stream(),
        at: look.now,
        recorded: look.now,
        actor: look.actor.clone(),
        event: started,
    };
    let following = match Run::started(&stamped) {
        Some(run) => advance(&run, look, None),
        None => Vec::new(),
    };
    (stamped.event, following)
}

/// What the run came to, if these events end it.
pub(crate) fn how_it_ended(events: &[Event], run: &RunId) -> Option<RunStatus> {
    events.iter().find_map(|event| match event {
        Event::RunEnded { run: ended, status } if ended == run => Some(*status),
        _ => None,
    })
}

/// What follows from the end of an attempt.
pub(crate) fn after_attempt(run: &Run, ended: Ended, look: &Look<'_>) -> Vec<Event> {
    let mut w = walk(run, look);
    attempt_ended(&mut w, ended);
    w.go_on();
    w.events
}

pub(super) fn attempt_ended(w: &mut Walk<'_>, ended: Ended) {
    let index = ended.step as usize;
    let ending = ended.ending.clone();
    w.push(Event::AttemptEnded {
        run: w.id(),
        step: ended.step,
        attempt: ended.attempt,
        ending: ending.clone(),
        output_bytes: ended.output_bytes,
        dropped_bytes: ended.dropped_bytes,
        digest: ended.digest,
        outputs: ended.outputs,
    });
    let definition = w.definition(index);
    let status = ending.step_status();
    let attempts = &w.run.steps[index].attempts;
    let purpose = attempts.last().map(|a| a.purpose).unwrap_or_default();
    let in_a_row = |a: &&super::Attempt| a.ending == Some(Ending::Interrupted);
    let unseen = attempts.iter().rev().take_while(in_a_row).count();

    if w.run.is_stopping(ended.step) {
        // Stopped or not: it is over, and so is the step. What it came to before the stop is kept.
        let because = words(1, &ending);
        return w.end_step(index, status, because);
    }
    if purpose == Purpose::Verify {
        return match status {
            StepStatus::Succeeded => w.end_step(
                index,
                StepStatus::Succeeded,
                "its end was not seen; its verification says that it is done",
            ),
            _ if definition.idempotent => w.start_attempt(index, Purpose::Run),
            _ => unseen_end(
                w,
                index,
                "its end was not seen, and its verification does not hold",
            ),
        };
    }
    if status == StepStatus::Interrupted {
        return if !definition.verify.is_empty() {
            w.start_attempt(index, Purpose::Verify)
        } else if definition.idempotent && ending == Ending::Interrupted && unseen <= 3 {
            w.start_attempt(index, Purpose::Run)
        } else {
            unseen_end(w, index, &ending.words())
        };
    }
    let made = failures(&w.run, index);
    if status.is_failure() && made <= definition.retries && worth_a_retry(&definition, &ending) {
        let at = w.look.now.plus(delay(&definition, made));
        return w.push(Event::RetryScheduled {
            run: w.id(),
            step: ended.step,
            attempt: ended.attempt + 1,
            at,
        });
    }
    let because = if status == StepStatus::Succeeded {
        String::new()
    } else {
        words(made.max(1), &ending)
    };
    w.end_step(index, status, because.clone());
    match status {
        StepStatus::Succeeded => {}
        // Nobody stopped the run: somebody stopped its command from outside.
        StepStatus::Cancelled => pause_once(w, index, because),
        _ => after_failure(w, index, because),
    }
}

/// A step failed for good.
pub(super) fn after_failure(w: &mut Walk<'_>, index: usize, because: String) {
    let definition = w.definition(index);
    let main = w.run.runbook.section(index) == Section::Steps;
    if !main || w.run.mode == super::Mode::DryRun || w.answered_by(index).is_some() {
        return;
    }
    match definition.on_failure {
        OnFailure::Pause => pause_once(w, index, because),
        OnFailure::Continue => {}
        OnFailure::Abort => w.push(Event::RunFailing {
            run: w.id(),
            because: format!("{}: {because}", definition.name),
        }),
        OnFailure::Goto(to) => {
            let steps = &w.run.runbook.steps;
            let target = steps.iter().position(|s| s.name == to);
            for between in index + 1..target.unwrap_or(index + 1) {
                if w.run.steps[between].status == StepStatus::Pending {
                    w.skip(
                        between,
                        format!("{} failed: goes on at {to}", definition.name),
                    );
                }
            }
        }
    }
}

fn unseen_end(w: &mut Walk<'_>, index: usize, because: &str) {
    w.end_step(index, StepStatus::Interrupted, because);
    if w.run.runbook.section(index) == Section::Steps {
        pause_once(w, index, because.to_owned());
    }
}

/// One question at a time: what else failed beside it is asked about afterwards.
fn pause_once(w: &mut Walk<'_>, index: usize, because: String) {
    if w.run.paused.is_none() {
        w.pause(index, because);
    }
}

/// Failed attempts since the step was last asked for.
fn failures(run: &Run, index: usize) -> u32 {
    let step = &run.steps[index];
    let counted = step.attempts.get(step.spent as usize..).unwrap_or(&[]);
    let failed = |a: &&super::Attempt| {
        let ending = a.ending.as_ref();
        a.purpose == Purpose::Run && ending.is_some_and(|e| e.step_status().is_failure())
    };
    counted.iter().filter(failed).count() as u32
}

fn worth_a_retry(definition: &Step, ending: &Ending) -> bool {
    match ending {
        // It would be refused again.
        Ending::Refused { .. } => false,
        _ if definition.retry_on.is_empty() => true,
        Ending::Exited { code } => definition.retry_on.contains(code),
        _ => false,
    }
}

/// Before the attempt after the `made`th failure.
fn delay(definition: &Step, made: u32) -> Span {
    let first = definition.retry_delay.unwrap_or(Run::DEFAULT_RETRY_DELAY);
    let Some(Backoff { factor, max }) = definition.backoff else {
        return first;
    };
    let grown = factor.saturating_pow(made.saturating_sub(1).min(31));
    Span(first.0.saturating_mul(grown)).min(max.max(first))
}

fn words(made: u32, ending: &Ending) -> String {
    match made {
        1 => ending.words(),
        n => format!("{n} attempts, the last: {}", ending.words()),
    }
}

/// What follows from a person's word on a step that waits for one. That the word may be said was looked at before.
pub(crate) fn after_answer(
    run: &Run,
    step: u32,
    answer: Answer,
    says: String,
    look: &Look<'_>,
) -> Vec<Event> {
    let mut w = walk(run, look);
    let index = step as usize;
    w.push(Event::StepAnswered {
        run: w.id(),
        step,
        answer,
        says: says.clone(),
    });
    let by = &look.actor.name;
    match answer {
        Answer::CoSign => return w.events,
        Answer::Decline => {
            let because = match says.as_str() {
                "" => format!("declined by {by}"),
                says => format!("declined by {by}: {says}"),
            };
            w.pause(index, because);
        }
        Answer::Done => {
            let because = match says.as_str() {
                "" => format!("done by {by}"),
                says => format!("done by {by}: {says}"),
            };
            w.end_step(index, StepStatus::Succeeded, because);
        }
        Answer::Failed => {
            let because = format!("{by} could not do it: {says}");
            w.end_step(index, StepStatus::Failed, because.clone());
            after_failure(&mut w, index, because);
        }
        Answer::Go | Answer::Confirm | Answer::Approve | Answer::BreakGlass => {
            w.look_again(index);
        }
    }
    w.go_on();
    w.events
}

/// What follows from an operator's word on a paused run. `step` is the one it paused at, or goes on from.
pub(crate) fn after_resume(
    run: &Run,
    step: u32,
    how: Resume,
    reason: String,
    look: &Look<'_>,
) -> Vec<Event> {
    let mut w = walk(run, look);
    let index = step as usize;
    w.push(Event::RunResumed {
        run: w.id(),
        step,
        how,
        reason: reason.clone(),
    });
    match how {
        Resume::Retry | Resume::Force | Resume::Go => {}
        Resume::From => {
            for before in 0..index {
                if !w.run.steps[before].status.is_over() {
                    w.skip(
                        before,
                        format!("a person went on from a later step: {reason}"),
                    );
                }
            }
        }
        Resume::Skip => w.skip(index, format!("skipped by a person: {reason}")),
        Resume::MarkDone => {
            let because = format!("marked done by a person: {reason}");
            w.end_step(index, StepStatus::Succeeded, because);
        }
    }
    // What failed beside it in its group meanwhile is the next question.
    for other in w.beside(index) {
        let status = w.run.steps[other].status;
        let failed = status.is_failure() && w.answered_by(other).is_none();
        let unseen = matches!(status, StepStatus::Interrupted | StepStatus::Cancelled);
        if unseen || (failed && w.definition(other).on_failure == OnFailure::Pause) {
            let because = w.run.steps[other].because.clone();
            pause_once(&mut w, other, because);
        }
    }
    w.go_on();
    w.events
}

/// Somebody stops the run; a second time: without the steps that tidy up.
pub(crate) fn after_cancel(run: &Run, reason: String, look: &Look<'_>) -> Vec<Event> {
    let mut w = walk(run, look);
    w.push(Event::RunCancelling {
        run: w.id(),
        reason: reason.clone(),
    });
    for index in 0..w.run.steps.len() {
        let step = &w.run.steps[index];
        if step.status.is_over() || step.status == StepStatus::Pending {
            continue;
        }
        if !w.run.is_stopping(index as u32) {
            continue;
        }
        let running = step.attempts.last().filter(|a| a.ending.is_none());
        match running.map(|a| a.number) {
            None => w.end_step(index, StepStatus::Cancelled, "stopped"),
            Some(attempt) if matches!(w.definition(index).work(), Some(Work::Runbook(_))) => {
                let child = child_run(&w.run.id, index as u32, attempt);
                let Some(running) = look.world.runs.get(&child).filter(|r| !r.is_over()) else {
                    continue;
                };
                let events = after_cancel(running, reason.clone(), look);
                let over = how_it_ended(&events, &child);
                w.events.extend(events);
                if let Some(status) = over {
                    let ended = Ended::of_child(&w.run, index as u32, attempt, status);
                    attempt_ended(&mut w, ended);
                }
            }
            // Its supervisor ends it, and reports.
            Some(_) => {}
        }
    }
    w.go_on();
    w.events
}

impl Walk<'_> {
    /// The other steps of a step's parallel group.
    fn beside(&self, index: usize) -> Vec<usize> {
        let group = |i: usize| self.run.runbook.step(i).and_then(|s| s.parallel.as_ref());
        let Some(of) = group(index) else {
            return Vec::new();
        };
        (0..self.run.runbook.steps.len())
            .filter(|&i| i != index && group(i) == Some(of))
            .collect()
    }

    /// A word was said: is it enough?
    fn look_again(&mut self, index: usize) {
        let enough = match self.run.steps[index].wait.as_ref().map(|w| &w.what) {
            Some(Wait::Approval { min, .. }) => {
                self.run.approvals(index) >= *min || self.run.steps[index].heard(Answer::BreakGlass)
            }
            _ => true,
        };
        if enough {
            self.try_start(index);
        }
    }
}

/// The wait is named here, so that whoever asks for a word need not know how a step waits.
pub(crate) fn wait_of(run: &Run, step: u32) -> Option<&Wait> {
    let step = run.steps.get(step as usize)?;
    step.wait.as_ref().map(|w| &w.what)
}
