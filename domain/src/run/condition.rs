//! Does a step's condition hold, and on what evidence? The evidence is written into the timeline beside the answer.

use super::Run;
use crate::{Health, ServiceId, StepStatus, plan::Condition};

/// The answer with its inputs in words: `attempt 4 of Attempt Reconnection: exit 2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Nothing where there is no data to tell by: then a person decides.
    pub holds: Option<bool>,
    pub because: String,
}

impl Condition {
    pub fn evaluate(&self, run: &Run, health: &dyn Fn(&ServiceId) -> Health) -> Verdict {
        let unsure = |holds, because: String| Verdict { holds, because };
        let verdict = |holds, because: String| unsure(Some(holds), because);
        match self {
            Condition::StepFailed(name) => match find(run, name) {
                Some((status, last)) => verdict(status.is_failure(), format!("{name}: {last}")),
                None => verdict(false, format!("{name} is not a step of this run")),
            },
            Condition::StepExited { step, code } => match find(run, step) {
                Some((_, last)) => verdict(
                    last.ends_with(&format!("exit {code}")),
                    format!("{step}: {last}, asked for exit {code}"),
                ),
                None => verdict(false, format!("{step} is not a step of this run")),
            },
            Condition::ServiceDown(service) => {
                let now = health(service);
                let holds = (now != Health::NoData).then_some(now == Health::MajorOutage);
                unsure(holds, format!("{service}: {}", now.words().to_lowercase()))
            }
            Condition::All(parts) => {
                let parts: Vec<_> = parts.iter().map(|p| p.evaluate(run, health)).collect();
                unsure(settled(&parts, false), join(&parts, " and "))
            }
            Condition::Any(parts) => {
                let parts: Vec<_> = parts.iter().map(|p| p.evaluate(run, health)).collect();
                unsure(settled(&parts, true), join(&parts, " or "))
            }
            Condition::Not(part) => {
                let part = part.evaluate(run, health);
                unsure(part.holds.map(|h| !h), format!("not ({})", part.because))
            }
        }
    }

    /// Does this condition ask about how `step` ended? Then it is that step's answer.
    pub fn asks_about(&self, step: &str) -> bool {
        match self {
            Condition::StepFailed(name) => name == step,
            Condition::StepExited { step: name, .. } => name == step,
            Condition::ServiceDown(_) => false,
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().any(|p| p.asks_about(step))
            }
            Condition::Not(part) => part.asks_about(step),
        }
    }
}

/// One part that is `decisive` settles it; else one that is unknown leaves it open.
fn settled(parts: &[Verdict], decisive: bool) -> Option<bool> {
    if parts.iter().any(|p| p.holds == Some(decisive)) {
        return Some(decisive);
    }
    parts.iter().all(|p| p.holds.is_some()).then_some(!decisive)
}

fn join(parts: &[Verdict], word: &str) -> String {
    parts
        .iter()
        .map(|p| p.because.as_str())
        .collect::<Vec<_>>()
        .join(word)
}

/// How the named step stands, and its last attempt in words.
fn find(run: &Run, name: &str) -> Option<(StepStatus, String)> {
    let at = run.runbook.steps.iter().position(|s| s.name == name)?;
    let step = run.steps.get(at)?;
    let last = match step.attempts.last() {
        Some(a) => match &a.ending {
            Some(ending) => format!("attempt {} {}", a.number, ending.words()),
            None => format!("attempt {} is running", a.number),
        },
        None => step.status.words().to_lowercase(),
    };
    Some((step.status, last))
}
