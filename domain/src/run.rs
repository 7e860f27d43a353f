//! A run of a runbook: its steps, their attempts, and what comes next. The rules are pure; the engine only launches
//! what an [`Event::AttemptStarted`] says and reports how it ended.

mod condition;
mod next;

pub use condition::Verdict;
pub(crate) use next::{Look, advance, after_attempt, after_resume};

use crate::{Event, Number, PlanHash, Resume, RunId, Span, Stamp, Stamped, plan::Runbook};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Real,
    Drill,
    DryRun,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    PausedByFailedStep,
    Cancelling,
    Completed,
    /// Done, but a person skipped a step or marked it done.
    CompletedWithExceptions,
    Failed,
    Cancelled,
}

impl RunStatus {
    pub fn is_over(self) -> bool {
        !matches!(
            self,
            RunStatus::Running | RunStatus::PausedByFailedStep | RunStatus::Cancelling
        )
    }
    pub fn words(self) -> &'static str {
        match self {
            RunStatus::Running => "Running",
            RunStatus::PausedByFailedStep => "Paused: a step failed, decide what next",
            RunStatus::Cancelling => "Stopping",
            RunStatus::Completed => "Completed",
            RunStatus::CompletedWithExceptions => "Completed with exceptions",
            RunStatus::Failed => "Failed",
            RunStatus::Cancelled => "Cancelled",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    Pending,
    Running,
    Retrying,
    Succeeded,
    Failed,
    TimedOut,
    Skipped,
    Cancelled,
    /// Nobody saw how it ended: neither failed nor succeeded.
    Interrupted,
}

impl StepStatus {
    pub fn words(self) -> &'static str {
        match self {
            StepStatus::Pending => "Pending",
            StepStatus::Running => "Running",
            StepStatus::Retrying => "Waiting to retry",
            StepStatus::Succeeded => "Succeeded",
            StepStatus::Failed => "Failed",
            StepStatus::TimedOut => "Timed out",
            StepStatus::Skipped => "Skipped",
            StepStatus::Cancelled => "Cancelled",
            StepStatus::Interrupted => "Interrupted: its end was not seen",
        }
    }
    pub fn is_failure(self) -> bool {
        matches!(self, StepStatus::Failed | StepStatus::TimedOut)
    }
    pub fn is_over(self) -> bool {
        !matches!(
            self,
            StepStatus::Pending | StepStatus::Running | StepStatus::Retrying
        )
    }
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "ending", rename_all = "snake_case")]
pub enum Ending {
    Exited { code: i32 },
    Signalled { signal: i32 },
    TimedOut,
    Cancelled,
    CouldNotStart { reason: String },
    Interrupted,
}

impl Ending {
    pub fn words(&self) -> String {
        match self {
            Ending::Exited { code: 0 } => "succeeded".into(),
            Ending::Exited { code } => format!("exit {code}"),
            Ending::Signalled { signal } => format!("killed by signal {signal}"),
            Ending::TimedOut => "timed out".into(),
            Ending::Cancelled => "cancelled".into(),
            Ending::CouldNotStart { reason } => format!("could not start: {reason}"),
            Ending::Interrupted => "interrupted: its end was not seen".into(),
        }
    }
    pub(crate) fn step_status(&self) -> StepStatus {
        match self {
            Ending::Exited { code: 0 } => StepStatus::Succeeded,
            Ending::Exited { .. } | Ending::Signalled { .. } | Ending::CouldNotStart { .. } => {
                StepStatus::Failed
            }
            Ending::TimedOut => StepStatus::TimedOut,
            Ending::Cancelled => StepStatus::Cancelled,
            Ending::Interrupted => StepStatus::Interrupted,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub incident: Option<Number>,
    /// Frozen as it was when the run started.
    pub runbook: Runbook,
    pub plan: PlanHash,
    pub parameters: BTreeMap<String, String>,
    pub mode: Mode,
    pub status: RunStatus,
    pub started_at: Stamp,
    pub started_by: String,
    pub ended_at: Option<Stamp>,
    pub steps: Vec<StepRun>,
    /// A person skipped a step or marked one done.
    pub exceptions: bool,
    /// While paused: the step that waits for a person, and why.
    pub paused: Option<Paused>,
    pub version: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paused {
    pub step: u32,
    pub because: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    pub status: StepStatus,
    /// Why it ran, or did not.
    pub because: String,
    pub started_at: Option<Stamp>,
    pub ended_at: Option<Stamp>,
    pub attempts: Vec<Attempt>,
    /// While [`StepStatus::Retrying`]: when the next attempt is due.
    pub retry_at: Option<Stamp>,
    /// Attempts made before an operator asked for the step again: they do not count against `retries`.
    pub spent: u32,
}

/// One attempt. Numbered from 1 within its step; what was written of it is never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    /// The node of Muster that launched it and holds its output.
    pub node: String,
    pub started_at: Stamp,
    pub ended_at: Option<Stamp>,
    pub ending: Option<Ending>,
    pub output_bytes: u64,
}

impl StepRun {
    fn pending() -> Self {
        StepRun {
            status: StepStatus::Pending,
            because: String::new(),
            started_at: None,
            ended_at: None,
            attempts: Vec::new(),
            retry_at: None,
            spent: 0,
        }
    }
}

impl Run {
    /// Where an attempt may not say how long it takes, it may take this.
    pub const DEFAULT_TIMEOUT: Span = Span::secs(3600);
    /// Between attempts, unless the step says otherwise.
    pub const DEFAULT_RETRY_DELAY: Span = Span::secs(1);

    pub fn is_over(&self) -> bool {
        self.status.is_over()
    }

    /// The first step that is not over.
    pub fn current(&self) -> Option<usize> {
        self.steps.iter().position(|s| !s.status.is_over())
    }

    /// The step and the attempt that should be running in the world now.
    pub fn running_attempt(&self) -> Option<(u32, &Attempt)> {
        self.steps
            .iter()
            .enumerate()
            .find_map(|(i, s)| Some((i as u32, s.attempts.last().filter(|a| a.ending.is_none())?)))
    }

    /// When the runner should ask to [`crate::Command::Advance`], if a retry waits.
    pub fn retry_due(&self) -> Option<Stamp> {
        (self.status == RunStatus::Running).then(|| self.steps.iter().find_map(|s| s.retry_at))?
    }

    pub(crate) fn started(stamped: &Stamped) -> Option<Run> {
        let Event::RunStarted {
            run,
            runbook,
            incident,
            parameters,
            mode,
            plan,
        } = &stamped.event
        else {
            return None;
        };
        Some(Run {
            id: run.clone(),
            incident: incident.clone(),
            steps: runbook.steps.iter().map(|_| StepRun::pending()).collect(),
            runbook: runbook.clone(),
            plan: plan.clone(),
            parameters: parameters.clone(),
            mode: *mode,
            status: RunStatus::Running,
            started_at: stamped.at,
            started_by: stamped.actor.name.clone(),
            ended_at: None,
            exceptions: false,
            paused: None,
            version: stamped.seq,
        })
    }

    pub(crate) fn apply(&mut self, stamped: &Stamped) {
        if stamped.seq <= self.version {
            return;
        }
        self.fold(&stamped.event, stamped.at);
        self.version = stamped.seq;
    }

    /// [`Run::apply`] without the envelope: also how the rules look ahead of their own events.
    pub(crate) fn fold(&mut self, event: &Event, at: Stamp) {
        match event {
            Event::StepStarted { step, because, .. } => self.step(*step, |s| {
                s.status = StepStatus::Running;
                s.because = because.clone();
                s.started_at = Some(at);
                s.ended_at = None;
            }),
            Event::StepSkipped { step, because, .. } => self.step(*step, |s| {
                s.status = StepStatus::Skipped;
                s.because = because.clone();
                s.ended_at = Some(at);
            }),
            Event::AttemptStarted {
                step,
                attempt,
                node,
                ..
            } => self.step(*step, |s| {
                s.status = StepStatus::Running;
                s.retry_at = None;
                s.attempts.push(Attempt {
                    number: *attempt,
                    node: node.clone(),
                    started_at: at,
                    ended_at: None,
                    ending: None,
                    output_bytes: 0,
                });
            }),
            Event::AttemptEnded {
                step,
                attempt,
                ending,
                output_bytes,
                ..
            } => self.step(*step, |s| {
                if let Some(a) = s.attempts.iter_mut().find(|a| a.number == *attempt) {
                    a.ended_at = Some(at);
                    a.ending = Some(ending.clone());
                    a.output_bytes = *output_bytes;
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
            } => self.step(*step, |s| {
                s.status = *status;
                s.ended_at = Some(at);
                s.retry_at = None;
                if !because.is_empty() {
                    s.because = because.clone();
                }
            }),
            Event::RunPaused { step, because, .. } => {
                self.status = RunStatus::PausedByFailedStep;
                self.paused = Some(Paused {
                    step: *step,
                    because: because.clone(),
                });
            }
            Event::RunResumed { step, how, .. } => {
                self.status = RunStatus::Running;
                self.paused = None;
                match how {
                    Resume::Retry => self.step(*step, |s| {
                        s.spent = s.attempts.len() as u32;
                        s.status = StepStatus::Pending;
                    }),
                    Resume::Skip | Resume::MarkDone => self.exceptions = true,
                }
            }
            Event::RunCancelling { .. } => self.status = RunStatus::Cancelling,
            Event::RunEnded { status, .. } => {
                self.status = *status;
                self.ended_at = Some(at);
                self.paused = None;
            }
            _ => {}
        }
    }

    fn step(&mut self, step: u32, change: impl FnOnce(&mut StepRun)) {
        if let Some(step) = self.steps.get_mut(step as usize) {
            change(step);
        }
    }
}
