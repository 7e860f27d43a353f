//! What a run does next. Each function returns the events that follow from where the run stands; they are decided and
//! written together, so a crash leaves either the question or the whole answer.

use super::{Ending, Run, RunStatus, StepStatus};
use crate::{Event, Health, Resume, ServiceId, Stamp, plan::Condition, plan::Plan};

/// What the rules may look at besides the run itself.
pub(crate) struct Look<'a> {
    pub plan: &'a Plan,
    pub health: &'a dyn Fn(&ServiceId) -> Health,
    pub now: Stamp,
    /// The node that launches what starts now.
    pub node: &'a str,
}

/// A run and the events it has brought forth so far; each is folded in at once, so the next rule sees it.
struct Walk<'a> {
    run: Run,
    events: Vec<Event>,
    look: &'a Look<'a>,
}

impl Walk<'_> {
    fn push(&mut self, event: Event) {
        self.run.fold(&event, self.look.now);
        self.events.push(event);
    }

    fn start_attempt(&mut self, step: u32) {
        let attempt = self.run.steps[step as usize].attempts.len() as u32 + 1;
        self.push(Event::AttemptStarted {
            run: self.run.id.clone(),
            step,
            attempt,
            node: self.look.node.to_owned(),
        });
    }

    fn end_run(&mut self, status: RunStatus) {
        self.push(Event::RunEnded {
            run: self.run.id.clone(),
            status,
        });
    }

    fn condition(&self, name: &str) -> Option<Condition> {
        self.look.plan.conditions.get(name).cloned()
    }

    /// Goes on from the first step that is not over: skips what does not hold, starts what does, ends after the last.
    fn go_on(&mut self) {
        while let Some(step) = self.run.current() {
            let id = self.run.id.clone();
            let index = step as u32;
            let because = match self.run.runbook.steps[step].condition.clone() {
                None => String::new(),
                Some(name) => {
                    let Some(condition) = self.condition(&name) else {
                        let because = format!("the plan has no condition named {name}");
                        self.push(Event::RunPaused {
                            run: id,
                            step: index,
                            because,
                        });
                        return;
                    };
                    let verdict = condition.evaluate(&self.run, self.look.health);
                    let Some(holds) = verdict.holds else {
                        let because = format!("{name} cannot be told ({})", verdict.because);
                        self.push(Event::RunPaused {
                            run: id,
                            step: index,
                            because,
                        });
                        return;
                    };
                    let because = format!("{name} = {holds} ({})", verdict.because);
                    if !holds {
                        self.push(Event::StepSkipped {
                            run: id,
                            step: index,
                            because,
                        });
                        continue;
                    }
                    because
                }
            };
            self.push(Event::StepStarted {
                run: id,
                step: index,
                because,
            });
            self.start_attempt(index);
            return;
        }
        let status = if self.run.exceptions {
            RunStatus::CompletedWithExceptions
        } else {
            RunStatus::Completed
        };
        self.end_run(status);
    }

    /// The later step that answers this failure: its condition asks about the failed step, and holds.
    fn answered_by(&self, failed: usize) -> Option<usize> {
        let name = &self.run.runbook.steps[failed].name;
        (failed + 1..self.run.steps.len()).find(|&later| {
            let Some(condition) = self.run.runbook.steps[later]
                .condition
                .as_deref()
                .and_then(|n| self.condition(n))
            else {
                return false;
            };
            condition.asks_about(name)
                && condition.evaluate(&self.run, self.look.health).holds == Some(true)
        })
    }
}

fn walk<'a>(run: &Run, look: &'a Look<'a>) -> Walk<'a> {
    Walk {
        run: run.clone(),
        events: Vec::new(),
        look,
    }
}

/// The first events of a run, or those of a retry whose delay is over.
pub(crate) fn advance(run: &Run, look: &Look<'_>) -> Vec<Event> {
    let mut w = walk(run, look);
    if run.status != RunStatus::Running || run.running_attempt().is_some() {
        return Vec::new();
    }
    match run
        .steps
        .iter()
        .position(|s| s.status == StepStatus::Retrying)
    {
        Some(step) if run.steps[step].retry_at.is_none_or(|due| due <= look.now) => {
            w.start_attempt(step as u32)
        }
        Some(_) => {}
        None => w.go_on(),
    }
    w.events
}

/// What follows from the end of an attempt.
pub(crate) fn after_attempt(
    run: &Run,
    step: u32,
    attempt: u32,
    ending: Ending,
    output_bytes: u64,
    look: &Look<'_>,
) -> Vec<Event> {
    let mut w = walk(run, look);
    let id = run.id.clone();
    let index = step as usize;
    w.push(Event::AttemptEnded {
        run: id.clone(),
        step,
        attempt,
        ending: ending.clone(),
        output_bytes,
    });
    let cancelling = run.status == RunStatus::Cancelling;
    let definition = run.runbook.steps[index].clone();
    let status = ending.step_status();
    let made = w.run.steps[index].attempts.len() as u32 - w.run.steps[index].spent;

    if status.is_failure() && !cancelling && made <= definition.retries {
        let at = look
            .now
            .plus(definition.retry_delay.unwrap_or(Run::DEFAULT_RETRY_DELAY));
        w.push(Event::RetryScheduled {
            run: id,
            step,
            attempt: attempt + 1,
            at,
        });
        return w.events;
    }

    let because = if status == StepStatus::Succeeded {
        String::new()
    } else {
        why_it_ended(made, &ending)
    };
    w.push(Event::StepEnded {
        run: id.clone(),
        step,
        status,
        because: because.clone(),
    });
    if cancelling || status == StepStatus::Cancelled {
        w.end_run(RunStatus::Cancelled);
    } else if status == StepStatus::Succeeded
        || (status.is_failure() && w.answered_by(index).is_some())
    {
        w.go_on();
    } else {
        w.push(Event::RunPaused {
            run: id,
            step,
            because,
        });
    }
    w.events
}

fn why_it_ended(made: u32, ending: &Ending) -> String {
    match made {
        1 => ending.words(),
        n => format!("{n} attempts, the last: {}", ending.words()),
    }
}

/// What follows from an operator's word on a paused run. `step` is the one it paused at.
pub(crate) fn after_resume(
    run: &Run,
    step: u32,
    how: Resume,
    reason: String,
    look: &Look<'_>,
) -> Vec<Event> {
    let mut w = walk(run, look);
    let id = run.id.clone();
    w.push(Event::RunResumed {
        run: id.clone(),
        step,
        how,
        reason: reason.clone(),
    });
    match how {
        Resume::Retry => {}
        Resume::Skip => w.push(Event::StepSkipped {
            run: id,
            step,
            because: format!("skipped by a person: {reason}"),
        }),
        Resume::MarkDone => {
            let because = format!("marked done by a person: {reason}");
            w.push(Event::StepEnded {
                run: id,
                step,
                status: StepStatus::Succeeded,
                because,
            });
        }
    }
    w.go_on();
    w.events
}
