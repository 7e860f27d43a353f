//! What may keep a step from starting although its condition holds: a person's word, a confirmation, a lock.

use super::{Answer, Run, StepStatus, Wait, next::Walk};
use crate::{
    Event, RunId, World,
    plan::{Approval, OnLocked, Section, Step, Value, Work},
};
use std::sync::Arc;

impl Walk<'_> {
    /// True where the step has to wait, or the run was paused over it.
    pub(super) fn gate(&mut self, index: usize, definition: &Step, because: &str) -> bool {
        let main = self.run.runbook.section(index) == Section::Steps;
        if main && let Some(why) = crate::failover::bars(self.look, &self.run, &definition.name) {
            self.pause(index, why);
            return true;
        }
        if main && let Some((what, until)) = self.word_needed(index, definition) {
            let until = until.map(|span| self.look.now.plus(span));
            self.wait(index, what, because, until);
            return true;
        }
        if self.locked(index, definition, because) {
            return true;
        }
        if main && let Some(Work::Manual(manual)) = definition.work() {
            let until = definition.timeout.map(|span| self.look.now.plus(span));
            self.push(Event::StepStarted {
                run: self.id(),
                step: index as u32,
                because: because.to_owned(),
            });
            let what = Wait::Manual {
                instructions: manual.instructions,
                evidence: manual.evidence,
            };
            self.wait(index, what, because, until);
            return true;
        }
        false
    }

    fn wait(&mut self, index: usize, what: Wait, because: &str, until: Option<crate::Stamp>) {
        let now = self.run.steps[index].wait.as_ref();
        if now.is_some_and(|w| w.what == what) {
            return;
        }
        self.push(Event::StepWaits {
            run: self.id(),
            step: index as u32,
            what,
            because: because.to_owned(),
            until,
        });
    }

    /// The first word that has not been said yet.
    fn word_needed(&self, index: usize, definition: &Step) -> Option<(Wait, Option<crate::Span>)> {
        let said = &self.run.steps[index];
        if self.run.stepwise && !said.heard(Answer::Go) {
            return Some((Wait::Go, None));
        }
        if let Some(text) = &definition.confirm
            && !said.heard(Answer::Confirm)
        {
            return Some((Wait::Confirm { text: text.clone() }, None));
        }
        let approval = self.run.approval_of(index)?;
        if said.heard(Answer::BreakGlass) || self.run.approvals(index) >= approval.min {
            return None;
        }
        let what = Wait::Approval {
            min: approval.min,
            role: approval.role,
            prevent_self: approval.prevent_self,
        };
        Some((what, approval.timeout))
    }

    pub(super) fn waits_for_a_lock(&self, index: usize) -> bool {
        let wait = self.run.steps[index].wait.as_ref();
        wait.is_some_and(|w| matches!(w.what, Wait::Lock { .. }))
    }

    /// Takes the locks that this step needs; true where another run has one of them.
    fn locked(&mut self, index: usize, definition: &Step, because: &str) -> bool {
        let missing = |locks: &[String], run: &Run| -> Vec<String> {
            let mut missing: Vec<_> = locks.to_vec();
            missing.retain(|lock| !run.locks.contains_key(lock));
            missing.sort();
            missing.dedup();
            missing
        };
        let whole = missing(&self.run.runbook.locks, &self.run);
        let mut own = missing(&definition.locks, &self.run);
        own.retain(|lock| !whole.contains(lock));
        for lock in whole.iter().chain(&own) {
            let Some(holder) = self.look.world.lock_holder(lock, &self.run) else {
                continue;
            };
            match self.run.runbook.when_locked() {
                OnLocked::Queue => {
                    let what = Wait::Lock {
                        lock: lock.clone(),
                        holder: holder.id.clone(),
                        by: holder.runbook.name.clone(),
                    };
                    self.wait(index, what, because, None);
                }
                OnLocked::Reject => self.pause(
                    index,
                    format!("{lock} is held by {} ({})", holder.runbook.name, holder.id),
                ),
            }
            return true;
        }
        for (locks, step) in [(whole, None), (own, Some(index as u32))] {
            if !locks.is_empty() {
                self.push(Event::LocksTaken {
                    run: self.id(),
                    step,
                    locks,
                });
            }
        }
        false
    }
}

impl Run {
    /// Whose word this step needs: its own rule, or on the first step that of the whole runbook.
    pub(crate) fn approval_of(&self, index: usize) -> Option<Approval> {
        let step = self.runbook.step(index)?;
        let first = (self.steps.iter())
            .position(|s| s.status != StepStatus::Skipped)
            .is_none_or(|first| first == index);
        let whole = self.runbook.approval.as_ref().filter(|_| first);
        step.approval.as_ref().or(whole).cloned()
    }

    /// How many different people approved.
    pub(crate) fn approvals(&self, index: usize) -> u32 {
        let said = self.steps[index].current_answers().iter();
        let people: std::collections::BTreeSet<_> = said
            .filter(|s| s.answer == Answer::Approve)
            .map(|s| s.by.as_str())
            .collect();
        people.len() as u32
    }

    /// What a value of the plan stands for in this run; nothing for a secret, which only its command gets to see.
    pub fn resolve(&self, value: &Value) -> Option<String> {
        match value {
            Value::Text(text) => Some(text.clone()),
            Value::Parameter(name) => self.parameters.get(name).cloned(),
            Value::Output(name) => self.outputs().get(name.as_str()).map(|v| (*v).to_owned()),
            Value::Secret(_) => None,
        }
    }

    fn is_within(&self, ancestor: &RunId, world: &World) -> bool {
        let mut parent = self.parent.as_ref();
        while let Some(up) = parent {
            if up.run == *ancestor {
                return true;
            }
            parent = world.runs.get(&up.run).and_then(|r| r.parent.as_ref());
        }
        false
    }
}

impl World {
    /// Who keeps `asking` from a lock: a run that holds it, or one that has waited for it longer. A run shares the locks
    /// of the run whose step it is.
    pub fn lock_holder(&self, lock: &str, asking: &Run) -> Option<&Arc<Run>> {
        let stranger = |r: &&Arc<Run>| {
            !r.is_over()
                && r.id != asking.id
                && !asking.is_within(&r.id, self)
                && !r.is_within(&asking.id, self)
        };
        let waits_longer = |r: &Arc<Run>| {
            r.awaited_lock() == Some(lock)
                && (r.started_at, &r.id) < (asking.started_at, &asking.id)
        };
        let others = || self.runs.values().filter(stranger);
        others()
            .find(|r| r.locks.contains_key(lock))
            .or_else(|| others().find(|r| waits_longer(r)))
    }
}
