//! What a run is: the state that its events add up to.

use crate::{
    AccessRole, Event, Number, PlanHash, RunId, Span, Stamp, Stamped,
    plan::{Runbook, Section},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

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
    /// For a person's word, or for a lock.
    Waiting,
    PausedByFailedStep,
    PausedByOperator,
    Cancelling,
    Completed,
    /// Done, but a person skipped a step or marked it done, or something that was not critical failed.
    CompletedWithExceptions,
    Failed,
    Cancelled,
}

impl RunStatus {
    pub fn is_over(self) -> bool {
        use RunStatus::*;
        matches!(
            self,
            Completed | CompletedWithExceptions | Failed | Cancelled
        )
    }
    pub fn words(self) -> &'static str {
        match self {
            RunStatus::Running => "Running",
            RunStatus::Waiting => "Waiting",
            RunStatus::PausedByFailedStep => "Paused: a step failed, decide what next",
            RunStatus::PausedByOperator => "Paused by an operator",
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
    /// For a lock, or for a go in a run that goes step by step.
    Waiting,
    WaitingApproval,
    WaitingManual,
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
            StepStatus::Waiting => "Waiting",
            StepStatus::WaitingApproval => "Waiting for approval",
            StepStatus::WaitingManual => "Waiting for a person",
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
        use StepStatus::*;
        matches!(
            self,
            Succeeded | Failed | TimedOut | Skipped | Cancelled | Interrupted
        )
    }
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(
    tag = "ending",
    rename_all = "snake_case",
    try_from = "super::ending::Flat"
)]
pub enum Ending {
    Exited {
        code: i32,
    },
    Signalled {
        signal: i32,
    },
    TimedOut,
    Cancelled,
    CouldNotStart {
        reason: String,
    },
    /// The target was not the expected one: nothing was run.
    Refused {
        reason: String,
    },
    Interrupted,
    /// The node that ran it is gone, and its supervisor with it or out of reach.
    Unreachable,
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
            Ending::Refused { reason } => format!("refused: {reason}"),
            Ending::Interrupted => "interrupted: its end was not seen".into(),
            Ending::Unreachable => "interrupted: its node cannot be reached".into(),
        }
    }
    pub(crate) fn step_status(&self) -> StepStatus {
        match self {
            Ending::Exited { code: 0 } => StepStatus::Succeeded,
            Ending::Exited { .. }
            | Ending::Signalled { .. }
            | Ending::CouldNotStart { .. }
            | Ending::Refused { .. } => StepStatus::Failed,
            Ending::TimedOut => StepStatus::TimedOut,
            Ending::Cancelled => StepStatus::Cancelled,
            Ending::Interrupted | Ending::Unreachable => StepStatus::Interrupted,
        }
    }
}

/// What an attempt is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    #[default]
    Run,
    /// Only the step's `verify`: the attempt before it ended unseen.
    Verify,
}

/// What a step waits for before, or instead of, its commands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case", try_from = "super::wait::Flat")]
pub enum Wait {
    /// The run goes step by step.
    Go,
    Confirm {
        text: String,
    },
    Approval {
        min: u32,
        role: AccessRole,
        prevent_self: bool,
    },
    Manual {
        #[serde(rename = "text")]
        instructions: String,
        evidence: Option<String>,
    },
    Lock {
        lock: String,
        holder: RunId,
        by: String,
    },
}

/// A person's word on a step that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Go,
    Confirm,
    Approve,
    Decline,
    /// A manual step was done …
    Done,
    /// … or could not be.
    Failed,
    /// Goes on without the second person. To be co-signed afterwards.
    BreakGlass,
    CoSign,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub incident: Option<Number>,
    /// Frozen as it was when the run started.
    pub runbook: Arc<Runbook>,
    pub plan: PlanHash,
    pub parameters: BTreeMap<String, String>,
    pub mode: Mode,
    pub status: RunStatus,
    pub started_at: Stamp,
    pub started_by: String,
    /// Whose run it is, as [`crate::Actor::id`].
    #[serde(default)]
    pub starter: String,
    pub ended_at: Option<Stamp>,
    /// Shared, so that a copy of the run costs as many pointers.
    pub steps: Vec<Arc<StepRun>>,
    /// A person skipped a step or marked one done.
    pub exceptions: bool,
    /// While paused: the step that waits for a person, and why.
    pub paused: Option<Paused>,
    /// The step of another run that it is.
    #[serde(default)]
    pub parent: Option<Parent>,
    #[serde(default)]
    pub stepwise: bool,
    /// An operator switched to the forced variants.
    #[serde(default)]
    pub forced: bool,
    /// What it will have come to once its last steps have run.
    #[serde(default)]
    pub ending: Option<RunStatus>,
    /// Asked to stop a second time: not even the last steps run.
    #[serde(default)]
    pub abandoned: bool,
    /// Locks held, each with its fencing token, and the step that lets go of it (none: the run's end).
    #[serde(default)]
    pub locks: BTreeMap<String, Held>,
    pub version: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    pub run: RunId,
    pub step: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Greater than that of whoever held it before: a target that remembers the last can refuse an older one.
    pub token: u64,
    pub step: Option<u32>,
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
    /// While it waits: for what.
    #[serde(default)]
    pub wait: Option<Waiting>,
    /// What people said to it, in order.
    #[serde(default)]
    pub answers: Vec<Said>,
    /// Answers given before it was asked for again: they do not count any more.
    #[serde(default)]
    pub answered: u32,
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub what: Wait,
    pub since: Stamp,
    /// When waiting is over by itself.
    pub until: Option<Stamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    pub answer: Answer,
    /// [`crate::Actor::id`] and name.
    pub by: String,
    pub name: String,
    pub at: Stamp,
    pub says: String,
}

/// One attempt. Numbered from 1 within its step; what was written of it is never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u32,
    /// The node of Muster that launched it and holds its output.
    pub node: String,
    #[serde(default)]
    pub purpose: Purpose,
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
            wait: None,
            answers: Vec::new(),
            answered: 0,
            outputs: BTreeMap::new(),
        }
    }

    /// What was said since it was last asked for.
    pub fn current_answers(&self) -> &[Said] {
        self.answers.get(self.answered as usize..).unwrap_or(&[])
    }

    pub(crate) fn heard(&self, answer: Answer) -> bool {
        self.current_answers().iter().any(|s| s.answer == answer)
    }

    /// Somebody went on alone, and nobody has put a second name under it yet.
    pub fn wants_cosignature(&self) -> Option<&Said> {
        let broke = |s: &&Said| s.answer == Answer::BreakGlass;
        let last = self.answers.iter().rposition(|s| broke(&s))?;
        let signed = self.answers[last..]
            .iter()
            .any(|s| s.answer == Answer::CoSign);
        (!signed).then(|| &self.answers[last])
    }
}

impl Run {
    /// Where an attempt may not say how long it takes, it may take this …
    pub const DEFAULT_TIMEOUT: Span = Span::secs(3600);
    /// … and this, where it tidies up after a run that was stopped.
    pub const CLEANUP_TIMEOUT: Span = Span::secs(120);
    /// Between attempts, unless the step says otherwise.
    pub const DEFAULT_RETRY_DELAY: Span = Span::secs(1);

    pub fn is_over(&self) -> bool {
        self.status.is_over()
    }

    /// The step that all eyes are on: the one that is paused at, else the first that is under way or is next.
    pub fn current(&self) -> Option<usize> {
        let under_way = |s: &Arc<StepRun>| !s.status.is_over() && s.status != StepStatus::Pending;
        let paused = self.paused.as_ref().map(|p| p.step as usize);
        paused
            .or_else(|| self.steps.iter().position(under_way))
            .or_else(|| self.next())
    }

    /// The first step that has not begun and is not passed over by the way the run goes.
    fn next(&self) -> Option<usize> {
        self.to_do()
            .find(|&i| self.steps[i].status == StepStatus::Pending)
    }

    /// The steps that this run goes through as it stands, in order.
    pub(crate) fn to_do(&self) -> impl Iterator<Item = usize> + '_ {
        let nothing_to_tidy = self.ending.is_some() && !self.has_begun();
        (0..self.steps.len()).filter(move |&i| match self.runbook.section(i) {
            _ if self.abandoned || nothing_to_tidy => false,
            Section::Steps => self.ending.is_none(),
            Section::OnCancel => self.ending == Some(RunStatus::Cancelled),
            Section::Finally => true,
        })
    }

    /// Whether any of its steps did anything.
    pub fn has_begun(&self) -> bool {
        self.steps.iter().any(|s| s.started_at.is_some())
    }

    /// The attempts that should be running in the world now, each with its step.
    pub fn running_attempts(&self) -> impl Iterator<Item = (u32, &Attempt)> {
        self.steps.iter().enumerate().filter_map(|(i, s)| {
            Some((i as u32, s.attempts.last().filter(|a| a.ending.is_none())?))
        })
    }

    pub fn running_attempt(&self) -> Option<(u32, &Attempt)> {
        self.running_attempts().next()
    }

    /// Whether the running attempt of this step is to be ended.
    pub fn is_stopping(&self, step: u32) -> bool {
        self.status == RunStatus::Cancelling
            && (self.abandoned || self.runbook.section(step as usize) == Section::Steps)
    }

    /// When the runner should ask to [`crate::Command::Advance`]: a retry is due, or a wait is over.
    pub fn due(&self) -> Option<Stamp> {
        if self.is_over() || self.status == RunStatus::PausedByOperator {
            return None;
        }
        self.dues().map(|(due, _)| due).min()
    }

    /// Every time that something is due, and since when it has been.
    pub fn dues(&self) -> impl Iterator<Item = (Stamp, Stamp)> {
        self.steps.iter().flat_map(|step| {
            let ended = step.attempts.last().and_then(|a| a.ended_at);
            let retry = step.retry_at.map(|due| (due, ended.unwrap_or(due)));
            let wait = step.wait.as_ref();
            let wait = wait.and_then(|w| Some((w.until?, w.since)));
            retry.into_iter().chain(wait)
        })
    }

    /// The lock it waits for, ready to go on with it.
    pub fn awaited_lock(&self) -> Option<&str> {
        use RunStatus::*;
        if !matches!(self.status, Running | Waiting | Cancelling) {
            return None;
        }
        self.steps
            .iter()
            .find_map(|s| match &s.wait.as_ref()?.what {
                Wait::Lock { lock, .. } => Some(lock.as_str()),
                _ => None,
            })
    }

    /// What its steps wrote, the last word of each name.
    pub fn outputs(&self) -> BTreeMap<&str, &str> {
        let all = self.steps.iter().flat_map(|s| s.outputs.iter());
        all.map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    pub(crate) fn started(stamped: &Stamped) -> Option<Run> {
        let Event::RunStarted {
            run,
            runbook,
            incident,
            parameters,
            mode,
            plan,
            parent,
            stepwise,
        } = &stamped.event
        else {
            return None;
        };
        Some(Run {
            id: run.clone(),
            incident: incident.clone(),
            steps: runbook
                .all_steps()
                .map(|_| Arc::new(StepRun::pending()))
                .collect(),
            runbook: runbook.clone(),
            plan: plan.clone(),
            parameters: parameters.clone(),
            mode: *mode,
            status: RunStatus::Running,
            started_at: stamped.at,
            started_by: stamped.actor.name.clone(),
            starter: stamped.actor.id.clone(),
            ended_at: None,
            exceptions: false,
            paused: None,
            parent: parent.clone(),
            stepwise: *stepwise,
            forced: false,
            ending: None,
            abandoned: false,
            locks: BTreeMap::new(),
            version: stamped.seq,
        })
    }

    /// Folds an event of this run in, unless it has been folded in already.
    pub fn apply(&mut self, stamped: &Stamped) {
        if stamped.seq <= self.version {
            return;
        }
        self.fold(&stamped.event, stamped.at, &stamped.actor, stamped.seq);
        self.version = stamped.seq;
    }
}
