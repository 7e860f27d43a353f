//! What a run does next. Each function returns the events that follow from where the run stands; they are decided and
//! written together, so a crash leaves either the question or the whole answer.

use super::{Ending, Mode, Purpose, Run, RunStatus, StepStatus};
use crate::{
    Actor, Event, Health, RunId, ServiceId, Stamp, World,
    plan::{OnFailure, OnTimeout, Only, Plan, Section, Step, When, Work, child_run},
};

/// What the rules may look at besides the run itself.
pub(crate) struct Look<'a> {
    pub plan: &'a Plan,
    pub world: &'a World,
    pub now: Stamp,
    /// The node that launches what starts now.
    pub node: &'a str,
    pub actor: &'a Actor,
}

impl Look<'_> {
    pub fn health(&self, service: &ServiceId) -> Health {
        self.world.health(service)
    }
}

/// A run and the events it has brought forth so far; each is folded in at once, so the next rule sees it.
pub(super) struct Walk<'a> {
    pub run: Run,
    pub events: Vec<Event>,
    pub look: &'a Look<'a>,
}

pub(super) fn walk<'a>(run: &Run, look: &'a Look<'a>) -> Walk<'a> {
    Walk {
        run: run.clone(),
        events: Vec::new(),
        look,
    }
}

/// What follows from the mere passing of time, or from a lock that was let go: the first events of a run, a retry whose
/// delay is over, a wait whose time is up.
pub(crate) fn advance(run: &Run, look: &Look<'_>, due: Option<Stamp>) -> Vec<Event> {
    let mut w = walk(run, look);
    if run.is_over() {
        return Vec::new();
    }
    for index in 0..run.steps.len() {
        let step = &run.steps[index];
        if due.is_some_and(|due| step.retry_at.is_some_and(|at| at <= due))
            && !run.is_stopping(index as u32)
        {
            w.start_attempt(index, Purpose::Run);
        }
        let wait = step.wait.as_ref();
        if due.is_some_and(|due| wait.is_some_and(|w| w.until.is_some_and(|at| at <= due))) {
            w.give_up_waiting(index);
        }
    }
    w.go_on();
    w.events
}

impl Walk<'_> {
    pub fn push(&mut self, event: Event) {
        // The token of a lock is the event's own number, which is not known yet: what matters here is that it is held.
        self.run.fold(&event, self.look.now, self.look.actor, 0);
        self.events.push(event);
    }

    pub fn id(&self) -> RunId {
        self.run.id.clone()
    }

    pub fn definition(&self, index: usize) -> Step {
        self.run.runbook.step(index).cloned().unwrap_or_default()
    }

    pub fn start_attempt(&mut self, index: usize, purpose: Purpose) {
        let attempt = self.run.steps[index].attempts.len() as u32 + 1;
        self.push(Event::AttemptStarted {
            run: self.id(),
            step: index as u32,
            attempt,
            node: self.look.node.to_owned(),
            purpose,
        });
    }

    pub fn end_step(&mut self, index: usize, status: StepStatus, because: impl Into<String>) {
        self.push(Event::StepEnded {
            run: self.id(),
            step: index as u32,
            status,
            because: because.into(),
        });
    }

    pub fn skip(&mut self, index: usize, because: impl Into<String>) {
        self.push(Event::StepSkipped {
            run: self.id(),
            step: index as u32,
            because: because.into(),
        });
    }

    pub fn pause(&mut self, index: usize, because: impl Into<String>) {
        self.push(Event::RunPaused {
            run: self.id(),
            step: index as u32,
            because: because.into(),
        });
    }

    /// Goes on as far as it can: skips what does not hold, starts what does, ends after the last step.
    pub fn go_on(&mut self) {
        use RunStatus::*;
        loop {
            if !matches!(self.run.status, Running | Waiting | Cancelling) {
                return;
            }
            let open = |w: &Self, i: &usize| !w.run.steps[*i].status.is_over();
            let under_way =
                |w: &Self, i: &usize| open(w, i) && w.run.steps[*i].status != StepStatus::Pending;
            // Where a run stops, what is under way ends first; only then does it tidy up.
            if self.run.ending.is_some()
                && (0..self.run.runbook.steps.len()).any(|i| under_way(self, &i))
            {
                return;
            }
            let Some(next) = self.run.to_do().find(|i| open(self, i)) else {
                // Abandoned, but what tidies up has not ended yet.
                if (0..self.run.steps.len()).any(|i| under_way(self, &i)) {
                    return;
                }
                let status = self.comes_to();
                self.push(Event::RunEnded {
                    run: self.id(),
                    status,
                });
                return;
            };
            for index in self.together(next) {
                let status = self.run.steps[index].status;
                // A lock may have become free.
                if status == StepStatus::Pending || self.waits_for_a_lock(index) {
                    self.try_start(index);
                }
                if self.run.is_over() || self.run.paused.is_some() {
                    return;
                }
            }
            let moved = |w: &Self| w.together(next).into_iter().any(|i| open(w, &i));
            if moved(self) {
                return;
            }
        }
    }

    /// The steps that run at the same time as this one, itself included.
    fn together(&self, index: usize) -> Vec<usize> {
        let book = &self.run.runbook;
        let Some(group) = book.step(index).and_then(|s| s.parallel.clone()) else {
            return vec![index];
        };
        let section = book.section(index);
        (index..self.run.steps.len())
            .take_while(|&i| {
                book.section(i) == section
                    && book.step(i).and_then(|s| s.parallel.as_ref()) == Some(&group)
            })
            .collect()
    }

    fn comes_to(&self) -> RunStatus {
        if let Some(ending) = self.run.ending {
            return ending;
        }
        let mut exceptions = self.run.exceptions;
        for (index, step) in self.run.steps.iter().enumerate() {
            let definition = self.definition(index);
            let main = self.run.runbook.section(index) == Section::Steps;
            let failed = step.status.is_failure() || step.status == StepStatus::Interrupted;
            if !failed || (main && self.answered_by(index).is_some()) {
                continue;
            }
            if main && definition.is_critical() && definition.on_failure == OnFailure::Continue {
                return RunStatus::Failed;
            }
            exceptions = true;
        }
        if exceptions {
            RunStatus::CompletedWithExceptions
        } else {
            RunStatus::Completed
        }
    }

    /// Starts a step, unless something keeps it from it: its condition, a person's word, a lock.
    pub(super) fn try_start(&mut self, index: usize) {
        let definition = self.definition(index);
        let real = self.run.mode != Mode::DryRun;
        match (definition.only, self.run.mode) {
            (Some(Only::Drill), Mode::Real) => return self.skip(index, "only in a drill"),
            (Some(Only::Real), Mode::Drill) => return self.skip(index, "not in a drill"),
            _ => {}
        }
        let mut because = match self.asks(definition.condition.as_ref()) {
            Asked::Runs(because) => because,
            Asked::Not(because) if real => return self.skip(index, because),
            Asked::Unknown(because) if real => return self.pause(index, because),
            Asked::Not(because) | Asked::Unknown(because) => because,
        };
        if real && self.gate(index, &definition, &because) {
            return;
        }
        if self.run.steps[index].status == StepStatus::Waiting && because.is_empty() {
            because = "its turn has come".into();
        }
        self.push(Event::StepStarted {
            run: self.id(),
            step: index as u32,
            because,
        });
        match definition.work() {
            Some(Work::Runbook(call)) if real => self.start_child(index, &call),
            Some(Work::Manual(_)) if !real => {
                self.end_step(index, StepStatus::Succeeded, "a person would do this");
            }
            None if definition.is_gate() => self.end_step(index, StepStatus::Succeeded, ""),
            _ => self.start_attempt(index, Purpose::Run),
        }
    }

    /// Another runbook as this step: a run of its own, whose end is the end of the attempt.
    fn start_child(&mut self, index: usize, call: &crate::plan::Call) {
        self.start_attempt(index, Purpose::Run);
        let attempt = self.run.steps[index].attempts.len() as u32;
        let Some(runbook) = self.look.plan.runbook(&call.slug).cloned() else {
            let reason = format!("the plan has no runbook `{}`", call.slug);
            return self.fail_attempt(index, attempt, reason);
        };
        let mut parameters = std::collections::BTreeMap::new();
        for (name, value) in &call.with {
            match self.run.resolve(value) {
                Some(value) => drop(parameters.insert(name.clone(), value)),
                None => {
                    let reason = format!("there is no value for `{name}` ({})", value.display());
                    return self.fail_attempt(index, attempt, reason);
                }
            }
        }
        if let Err(refusal) = crate::decide::take_parameters(&runbook, &mut parameters) {
            return self.fail_attempt(index, attempt, refusal.says);
        }
        let child = child_run(&self.run.id, index as u32, attempt);
        let (first, following) = super::follow::begin(
            Event::RunStarted {
                run: child,
                runbook: std::sync::Arc::new(runbook),
                incident: self.run.incident.clone(),
                parameters,
                mode: self.run.mode,
                plan: self.run.plan.clone(),
                parent: Some(super::Parent {
                    run: self.id(),
                    step: index as u32,
                }),
                stepwise: self.run.stepwise,
            },
            self.look,
        );
        let over = super::follow::how_it_ended(
            &following,
            &child_run(&self.run.id, index as u32, attempt),
        );
        self.events.push(first);
        self.events.extend(following);
        if let Some(status) = over {
            let ended = super::Ended::of_child(&self.run, index as u32, attempt, status);
            super::follow::attempt_ended(self, ended);
        }
    }

    fn fail_attempt(&mut self, index: usize, attempt: u32, reason: String) {
        let ending = Ending::CouldNotStart { reason };
        super::follow::attempt_ended(self, super::Ended::silent(index as u32, attempt, ending));
    }

    fn asks(&self, when: Option<&When>) -> Asked {
        let Some(when) = when else {
            return Asked::Runs(String::new());
        };
        let condition = match when {
            When::Named(name) => match self.look.plan.conditions.get(name) {
                Some(condition) => condition,
                None => {
                    return Asked::Unknown(format!("the plan has no condition named {name}"));
                }
            },
            When::Written(condition) => condition,
        };
        let name = when.name();
        let verdict = condition.evaluate(&self.run, &|id| self.look.health(id));
        match verdict.holds {
            None => Asked::Unknown(format!("{name} cannot be told ({})", verdict.because)),
            Some(true) => Asked::Runs(format!("{name} = true ({})", verdict.because)),
            Some(false) => Asked::Not(format!("{name} = false ({})", verdict.because)),
        }
    }

    /// The later step that answers this failure: its condition asks about the failed step, and holds.
    pub fn answered_by(&self, failed: usize) -> Option<usize> {
        let name = self.definition(failed).name;
        (failed + 1..self.run.runbook.steps.len()).find(|&later| {
            let condition = match self.run.runbook.steps[later].condition.as_ref() {
                Some(When::Named(name)) => self.look.plan.conditions.get(name),
                Some(When::Written(condition)) => Some(condition),
                None => None,
            };
            condition.is_some_and(|c| {
                c.asks_about(&name)
                    && c.evaluate(&self.run, &|id| self.look.health(id)).holds == Some(true)
            })
        })
    }

    /// Nobody said anything in time.
    fn give_up_waiting(&mut self, index: usize) {
        let definition = self.definition(index);
        let because = "nobody answered in time";
        match self.run.steps[index].wait.as_ref().map(|w| &w.what) {
            Some(super::Wait::Manual { .. }) => {
                self.end_step(index, StepStatus::TimedOut, because);
                super::follow::after_failure(self, index, because.into());
            }
            Some(super::Wait::Approval { .. }) => {
                let asked = definition.approval.or(self.run.runbook.approval.clone());
                match asked.map(|a| a.on_timeout).unwrap_or_default() {
                    OnTimeout::Pause => self.pause(index, because),
                    OnTimeout::Abort => {
                        self.end_step(index, StepStatus::Cancelled, because);
                        self.push(Event::RunFailing {
                            run: self.id(),
                            because: because.into(),
                        });
                    }
                }
            }
            _ => {}
        }
    }
}

enum Asked {
    Runs(String),
    Not(String),
    Unknown(String),
}
