//! `conditions.yaml`, and the conditions that steps write out themselves.

use super::{Findings, service_ids, words};
use crate::plan::{Condition, Plan, When};
use std::collections::BTreeSet;

pub(super) fn conditions(plan: &Plan, f: &mut Findings) {
    let steps: BTreeSet<&str> = plan
        .runbooks
        .iter()
        .flat_map(|r| r.steps.iter())
        .map(|s| s.name.as_str())
        .collect();
    for (name, condition) in &plan.conditions {
        let at = format!("conditions.{name}");
        if !words::is_name(name) {
            f.add(&at, name, "a condition's name is made of lower-case letters, digits and underscores, such as restart_failed");
        }
        whole(
            plan,
            condition,
            at,
            &steps,
            "no runbook has a step of this name",
            f,
        );
    }
}

/// The conditions that stand in steps ask about steps of their own runbook.
pub(super) fn written(
    plan: &Plan,
    when: Option<&When>,
    at: String,
    steps: &BTreeSet<&str>,
    f: &mut Findings,
) {
    if let Some(When::Written(condition)) = when {
        whole(
            plan,
            condition,
            at,
            steps,
            "this runbook has no step of this name",
            f,
        );
    }
}

fn whole(
    plan: &Plan,
    condition: &Condition,
    at: String,
    steps: &BTreeSet<&str>,
    no_step: &str,
    f: &mut Findings,
) {
    let services = service_ids(plan);
    let no_service = "no service has this id";
    each(condition, at, &mut |at, part| match part {
        Condition::StepFailed(step) => {
            f.refer(
                format!("{at}.step_failed"),
                step,
                no_step,
                steps,
                "runbooks",
            );
        }
        Condition::StepSucceeded(step) => {
            f.refer(
                format!("{at}.step_succeeded"),
                step,
                no_step,
                steps,
                "runbooks",
            );
        }
        Condition::StepExited { step, .. } => {
            f.refer(
                format!("{at}.step_exited.step"),
                step,
                no_step,
                steps,
                "runbooks",
            );
        }
        Condition::ServiceDown(service) => f.refer(
            format!("{at}.service_down"),
            service.as_str(),
            no_service,
            &services,
            "services",
        ),
        Condition::ServiceIs { service, .. } => f.refer(
            format!("{at}.service_is.service"),
            service.as_str(),
            no_service,
            &services,
            "services",
        ),
        Condition::All(parts) if parts.is_empty() => f.add(
            format!("{at}.all"),
            "all",
            "nothing is asked here; name at least one condition",
        ),
        Condition::Any(parts) if parts.is_empty() => f.add(
            format!("{at}.any"),
            "any",
            "nothing is asked here; name at least one condition",
        ),
        Condition::All(_)
        | Condition::Any(_)
        | Condition::Not(_)
        | Condition::Output { .. }
        | Condition::Parameter { .. }
        | Condition::Mode(_) => {}
    });
}

/// A condition and all its parts, each with its path.
fn each(condition: &Condition, at: String, visit: &mut dyn FnMut(&str, &Condition)) {
    visit(&at, condition);
    match condition {
        Condition::All(parts) => parts
            .iter()
            .enumerate()
            .for_each(|(i, part)| each(part, format!("{at}.all[{i}]"), visit)),
        Condition::Any(parts) => parts
            .iter()
            .enumerate()
            .for_each(|(i, part)| each(part, format!("{at}.any[{i}]"), visit)),
        Condition::Not(part) => each(part, format!("{at}.not"), visit),
        _ => {}
    }
}

/// The names of the steps a condition asks about, each once.
pub(super) fn steps_of(condition: &Condition) -> Vec<String> {
    let mut names = BTreeSet::new();
    condition.each(&mut |part| names.extend(part.step().map(str::to_owned)));
    names.into_iter().collect()
}
