//! What each event does to its run.

use super::{
    Answer, Attempt, Held, Paused, Run, RunStatus, Said, StepRun, StepStatus, Wait, Waiting,
};
use crate::{Actor, Event, Resume, Stamp};
use std::sync::Arc;

impl Run {
    /// [`Run::apply`] without the envelope: also how the rules look ahead of their own events.
    pub(crate) fn fold(&mut self, event: &Event, at: Stamp, by: &Actor, seq: u64) {
        match event {
            Event::StepStarted { step, because, .. } => {
                self.busy();
                self.step(*step, |s| {
                    s.status = StepStatus::Running;
                    s.because = because.clone();
                    s.started_at = Some(at);
                    s.ended_at = None;
                    s.wait = None;
                });
            }
            Event::StepSkipped { step, because, .. } => self.step(*step, |s| {
                s.end(StepStatus::Skipped, because, at);
            }),
            Event::StepWaits {
                step,
                what,
                because,
                until,
                ..
            } => {
                if self.status == RunStatus::Running {
                    self.status = RunStatus::Waiting;
                }
                self.step(*step, |s| {
                    s.status = match what {
                        Wait::Approval { .. } => StepStatus::WaitingApproval,
                        Wait::Manual { .. } | Wait::Confirm { .. } => StepStatus::WaitingManual,
                        Wait::Go | Wait::Lock { .. } => StepStatus::Waiting,
                    };
                    if !because.is_empty() {
                        s.because = because.clone();
                    }
                    s.wait = Some(Waiting {
                        what: what.clone(),
                        since: at,
                        until: *until,
                    });
                });
            }
            Event::StepAnswered {
                step, answer, says, ..
            } => {
                self.step(*step, |s| {
                    s.answers.push(Said {
                        answer: *answer,
                        by: by.id.clone(),
                        name: by.name.clone(),
                        at,
                        says: says.clone(),
                    });
                });
            }
            Event::LocksTaken { step, locks, .. } => {
                for lock in locks {
                    let held = Held {
                        token: seq,
                        step: *step,
                    };
                    self.locks.entry(lock.clone()).or_insert(held);
                }
            }
            Event::AttemptStarted {
                step,
                attempt,
                node,
                purpose,
                ..
            } => {
                self.busy();
                self.step(*step, |s| {
                    s.status = StepStatus::Running;
                    s.retry_at = None;
                    s.attempts.push(Attempt {
                        number: *attempt,
                        node: node.clone(),
                        purpose: *purpose,
                        started_at: at,
                        ended_at: None,
                        ending: None,
                        output_bytes: 0,
                    });
                });
            }
            Event::AttemptEnded {
                step,
                attempt,
                ending,
                output_bytes,
                outputs,
                ..
            } => self.step(*step, |s| {
                if let Some(a) = s.attempts.iter_mut().find(|a| a.number == *attempt) {
                    a.ended_at = Some(at);
                    a.ending = Some(ending.clone());
                    a.output_bytes = *output_bytes;
                    s.outputs.extend(outputs.clone());
                }
            }),
            Event::RetryScheduled { step, at: due, .. } => self.step(*step, |s| {
                s.status = StepStatus::Retrying;
                s.retry_at = Some(*due);
            }),
            Event::StepEnded {
                step,
                status,
                because,
                ..
            } => {
                self.busy();
                self.locks.retain(|_, held| held.step != Some(*step));
                self.step(*step, |s| s.end(*status, because, at));
            }
            Event::RunPaused { step, because, .. } => {
                self.status = RunStatus::PausedByFailedStep;
                self.locks.retain(|_, held| held.step != Some(*step));
                self.paused = Some(Paused {
                    step: *step,
                    because: because.clone(),
                });
                // What it waited for is part of the question now.
                self.step(*step, |s| {
                    if s.wait.take().is_some() {
                        s.status = StepStatus::Pending;
                    }
                });
            }
            Event::RunHeld { .. } => self.status = RunStatus::PausedByOperator,
            Event::RunResumed { step, how, .. } => self.resume(*step, *how),
            Event::RunFailing { .. } => self.ending = Some(RunStatus::Failed),
            Event::RunCancelling { .. } => {
                self.abandoned = self.status == RunStatus::Cancelling;
                self.status = RunStatus::Cancelling;
                self.ending = Some(RunStatus::Cancelled);
                self.paused = None;
            }
            Event::RunEnded { status, .. } => {
                self.status = *status;
                self.ended_at = Some(at);
                self.paused = None;
                self.locks.clear();
                for step in &mut self.steps {
                    if step.wait.is_some() || step.retry_at.is_some() {
                        let step = Arc::make_mut(step);
                        step.wait = None;
                        step.retry_at = None;
                    }
                }
            }
            _ => {}
        }
    }

    fn resume(&mut self, step: u32, how: Resume) {
        self.status = RunStatus::Running;
        self.paused = None;
        match how {
            Resume::Go => {}
            Resume::Retry => self.step(step, StepRun::again),
            Resume::Force => {
                self.forced = true;
                self.step(step, StepRun::again);
            }
            Resume::From => self
                .steps
                .iter_mut()
                .skip(step as usize)
                .for_each(|step| Arc::make_mut(step).again()),
            Resume::Skip | Resume::MarkDone => self.exceptions = true,
        }
    }

    /// Something moves: nothing is waited for any more.
    fn busy(&mut self) {
        if self.status == RunStatus::Waiting {
            self.status = RunStatus::Running;
        }
    }

    fn step(&mut self, step: u32, change: impl FnOnce(&mut StepRun)) {
        if let Some(step) = self.steps.get_mut(step as usize) {
            change(Arc::make_mut(step));
        }
    }
}

impl StepRun {
    fn end(&mut self, status: StepStatus, because: &str, at: Stamp) {
        self.status = status;
        self.ended_at = Some(at);
        self.retry_at = None;
        self.wait = None;
        if !because.is_empty() {
            self.because = because.to_owned();
        }
    }

    /// As if it had not been asked for yet; what was attempted and said stays written. An approval holds for the retry of
    /// what was approved, but not after a refusal.
    fn again(&mut self) {
        self.spent = self.attempts.len() as u32;
        self.status = StepStatus::Pending;
        self.ended_at = None;
        self.wait = None;
        if self.heard(Answer::Decline) || self.heard(Answer::Failed) || self.heard(Answer::Done) {
            self.answered = self.answers.len() as u32;
        }
    }
}
