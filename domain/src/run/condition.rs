//! Does a step's condition hold, and on what evidence? The evidence is written into the timeline beside the answer.

use super::{Mode, Run};
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
        let of_step = |name: &str, holds: &dyn Fn(StepStatus, &str) -> bool| match find(run, name) {
            Some((status, last)) => verdict(holds(status, &last), format!("{name}: {last}")),
            None => verdict(false, format!("{name} is not a step of this run")),
        };
        let of_service = |service: &ServiceId, asked: Health| {
            let now = health(service);
            let holds = (now != Health::NoData || asked == Health::NoData).then_some(now == asked);
            unsure(
                holds,
                format!("{service}: {}", now.words().to_ascii_lowercase()),
            )
        };
        let of_value = |what: &str, name: &str, value: Option<&str>, is: &str| {
            verdict(
                value == Some(is),
                match value {
                    Some(value) => format!("{what} {name}: {value}, asked for {is}"),
                    None => format!("{what} {name}: not there"),
                },
            )
        };
        match self {
            Condition::StepFailed(name) => of_step(name, &|status, _| status.is_failure()),
            Condition::StepSucceeded(name) => {
                of_step(name, &|status, _| status == StepStatus::Succeeded)
            }
            Condition::StepExited { step, code } => {
                let mut told = of_step(step, &|_, last| last.ends_with(&format!("exit {code}")));
                if find(run, step).is_some() {
                    told.because.push_str(&format!(", asked for exit {code}"));
                }
                told
            }
            Condition::ServiceDown(service) => of_service(service, Health::MajorOutage),
            Condition::ServiceIs { service, health } => of_service(service, *health),
            Condition::Output { name, is } => {
                let outputs = run.outputs();
                of_value("output", name, outputs.get(name.as_str()).copied(), is)
            }
            Condition::Parameter { name, is } => {
                let value = run.parameters.get(name).map(String::as_str);
                of_value("parameter", name, value, is)
            }
            Condition::Mode(mode) => verdict(
                run.mode == *mode,
                format!(
                    "this run is {}",
                    match run.mode {
                        Mode::Real => "real",
                        Mode::Drill => "a drill",
                        Mode::DryRun => "a dry run",
                    }
                ),
            ),
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
        let mut asks = false;
        self.each(&mut |part| asks |= part.step() == Some(step));
        asks
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
        None => step.status.words().to_ascii_lowercase(),
    };
    Some((step.status, last))
}
