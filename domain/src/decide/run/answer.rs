//! Whose word counts on a step that waits for one.

use super::text;
use crate::{
    AccessRole, Answer, Event, Refusal, Run, StepStatus, Wait, World, after_answer, plan::Approval,
    run::Look, wait_of,
};

pub(super) fn answer(
    look: &Look<'_>,
    run: &Run,
    step: u32,
    answer: Answer,
    says: &str,
) -> Result<Vec<Event>, Refusal> {
    let Some(state) = run.steps.get(step as usize) else {
        return Err(Refusal::not_found("This run has no such step."));
    };
    let says = text::line("says", says, 0, 2000)?;
    if answer == Answer::CoSign {
        return cosign(look, run, step, says);
    }
    let Some(wait) = wait_of(run, step) else {
        return Err(Refusal::conflict(format!(
            "This step is not waiting for anybody ({}).",
            state.status.words().to_lowercase()
        )));
    };
    match (wait, answer) {
        (Wait::Go, Answer::Go) => commands(look)?,
        (Wait::Confirm { text }, Answer::Confirm) => {
            commands(look)?;
            if says.trim() != text {
                return Err(Refusal::invalid("says", format!("Type `{text}` to go on.")));
            }
        }
        (
            Wait::Approval {
                role, prevent_self, ..
            },
            Answer::Approve | Answer::Decline,
        ) => {
            holds(look, *role)?;
            let by = &look.actor.id;
            if *prevent_self && answer == Answer::Approve && *by == starter(look.world, run) {
                return Err(Refusal::forbidden(
                    "You started this run: somebody else has to approve it. Where nobody can be reached, break the glass.",
                ));
            }
            let said = state.current_answers();
            if said.iter().any(|s| s.answer == answer && s.by == *by) {
                return Ok(Vec::new());
            }
        }
        (Wait::Approval { .. }, Answer::BreakGlass) => {
            commands(look)?;
            text::line("says", &says, 10, 2000)?;
        }
        (Wait::Manual { evidence, .. }, Answer::Done) => {
            if let Some(what) = evidence
                && says.trim().is_empty()
            {
                return Err(Refusal::invalid("says", format!("Write down: {what}.")));
            }
        }
        (Wait::Manual { .. }, Answer::Failed) => {
            text::line("says", &says, 3, 2000)?;
        }
        _ => {
            return Err(Refusal::conflict(
                "That is not what this step waits for; look at it again.",
            ));
        }
    }
    Ok(after_answer(run, step, answer, says, look))
}

/// The second name under what somebody decided alone; also after the run's end.
fn cosign(look: &Look<'_>, run: &Run, step: u32, says: String) -> Result<Vec<Event>, Refusal> {
    let state = &run.steps[step as usize];
    let Some(broke) = state.wants_cosignature() else {
        return Err(Refusal::conflict(
            "Nobody went on alone here, or it is co-signed already.",
        ));
    };
    if broke.by == look.actor.id {
        return Err(Refusal::forbidden(
            "You broke the glass yourself: somebody else has to co-sign.",
        ));
    }
    let role = run.approval_of(step as usize).map(|a: Approval| a.role);
    holds(look, role.unwrap_or(AccessRole::Commander))?;
    Ok(after_answer(run, step, Answer::CoSign, says, look))
}

fn commands(look: &Look<'_>) -> Result<(), Refusal> {
    if look.actor.role.may(crate::Permission::Command) {
        return Ok(());
    }
    Err(Refusal::forbidden(
        "This needs the role commander.".to_owned(),
    ))
}

fn holds(look: &Look<'_>, role: AccessRole) -> Result<(), Refusal> {
    let has = look.actor.role;
    if has == role || has == AccessRole::Admin {
        return Ok(());
    }
    Err(Refusal::forbidden(format!(
        "This needs the word of somebody with the role {}.",
        role.name()
    )))
}

/// Who pressed the button: of a step's own run, whoever started the outermost one.
fn starter(world: &World, run: &Run) -> String {
    let mut at = run;
    while let Some(up) = at.parent.as_ref().and_then(|p| world.runs.get(&p.run)) {
        at = up;
    }
    at.starter.clone()
}

/// Steps that wait for a person, for whoever lists them.
impl Run {
    pub fn waits_for_a_person(&self) -> bool {
        self.paused.is_some()
            || self.steps.iter().any(|s| {
                matches!(
                    s.status,
                    StepStatus::WaitingApproval | StepStatus::WaitingManual
                ) || s.wait.as_ref().is_some_and(|w| w.what == Wait::Go)
            })
    }
}
