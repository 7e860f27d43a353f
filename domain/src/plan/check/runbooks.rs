//! `conditions.yaml` and `runbooks/`: steps that can run, and conditions about things that come before.

use super::{Findings, service_ids, words};
use crate::plan::{Condition, Plan, Runbook};
use std::collections::{BTreeSet, HashMap};

pub(super) fn conditions(plan: &Plan, f: &mut Findings) {
    let services = service_ids(plan);
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
        let no_step = "no runbook has a step of this name";
        each(condition, at, &mut |at, part| match part {
            Condition::StepFailed(step) => f.refer(
                format!("{at}.step_failed"),
                step,
                no_step,
                &steps,
                "runbooks",
            ),
            Condition::StepExited { step, .. } => f.refer(
                format!("{at}.step_exited.step"),
                step,
                no_step,
                &steps,
                "runbooks",
            ),
            Condition::ServiceDown(service) => {
                f.refer(
                    format!("{at}.service_down"),
                    service.as_str(),
                    "no service has this id",
                    &services,
                    "services",
                );
            }
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
            Condition::All(_) | Condition::Any(_) | Condition::Not(_) => {}
        });
    }
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
        Condition::StepFailed(_) | Condition::StepExited { .. } | Condition::ServiceDown(_) => {}
    }
}

/// The steps that each condition asks about.
type Asks<'a> = HashMap<&'a str, Vec<String>>;

pub(super) fn runbooks(plan: &Plan, f: &mut Findings) {
    let names: BTreeSet<&str> = plan.conditions.keys().map(String::as_str).collect();
    // A step that no runbook has is the condition's own problem, said above.
    let known: BTreeSet<&str> = plan
        .runbooks
        .iter()
        .flat_map(|r| r.steps.iter())
        .map(|s| s.name.as_str())
        .collect();
    let asked = |condition| {
        steps_of(condition)
            .into_iter()
            .filter(|s| known.contains(s.as_str()))
            .collect()
    };
    let asks: Asks<'_> = plan
        .conditions
        .iter()
        .map(|(name, condition)| (name.as_str(), asked(condition)))
        .collect();
    for (i, runbook) in plan.runbooks.iter().enumerate() {
        let at = format!("runbooks[{i}]");
        f.id(
            format!("{at}.slug"),
            runbook.slug.as_str(),
            "a runbook's slug, the name of its file,",
        );
        f.line(format!("{at}.name"), &runbook.name, "a runbook's name");
        f.prose(
            format!("{at}.description"),
            &runbook.description,
            "description",
        );
        if let Some(trigger) = &runbook.trigger {
            f.line(format!("{at}.trigger"), trigger, "a runbook's trigger");
        }
        f.id(format!("{at}.group"), &runbook.group, "a runbook's group");
        steps(&at, runbook, &names, &asks, f);
    }
    let slugs = plan
        .runbooks
        .iter()
        .enumerate()
        .map(|(i, r)| (format!("runbooks[{i}].slug"), r.slug.as_str()));
    f.unique(slugs, "another runbook");
    let names = plan
        .runbooks
        .iter()
        .enumerate()
        .map(|(i, r)| (format!("runbooks[{i}].name"), r.name.as_str()));
    f.unique(names, "another runbook");
}

fn steps(
    at: &str,
    runbook: &Runbook,
    conditions: &BTreeSet<&str>,
    asks: &Asks<'_>,
    f: &mut Findings,
) {
    const MOST_RETRIES: u32 = 100;
    if runbook.steps.is_empty() {
        f.add(
            format!("{at}.steps"),
            "steps",
            "this runbook has no steps; write at least one",
        );
    }
    let mut earlier = BTreeSet::new();
    let all: BTreeSet<&str> = runbook.steps.iter().map(|s| s.name.as_str()).collect();
    for (i, step) in runbook.steps.iter().enumerate() {
        let at = |key: &str| format!("{at}.steps[{i}].{key}");
        f.line(at("name"), &step.name, "a step's name");
        if let Some(name) = &step.condition {
            f.refer(
                at("condition"),
                name,
                "conditions.yaml has no condition of this name",
                conditions,
                "conditions",
            );
            for asked in asks
                .get(name.as_str())
                .into_iter()
                .flatten()
                .filter(|asked| !earlier.contains(asked.as_str()))
            {
                let says = if all.contains(asked.as_str()) {
                    format!(
                        "this condition asks about the step `{asked}`, which is not before this one; move that step up, or ask about an earlier one"
                    )
                } else {
                    format!(
                        "this condition asks about the step `{asked}`, which this runbook does not have; name an earlier step so, or use another condition"
                    )
                };
                f.add(at("condition"), name, says);
            }
        }
        if step.commands.is_empty() {
            f.add(
                at("commands"),
                "commands",
                "this step does nothing; write at least one command",
            );
        }
        for (j, command) in step.commands.iter().enumerate() {
            f.command(at(&format!("commands[{j}]")), command);
        }
        if let Some(timeout) = step.timeout {
            f.positive(at("timeout"), timeout, "the timeout of a step");
        }
        if step.retries > MOST_RETRIES {
            f.add(at("retries"), step.retries, format!("a step is tried again {MOST_RETRIES} times at most; `retries: 3` is up to four attempts"));
        }
        earlier.insert(step.name.as_str());
    }
    let names = runbook
        .steps
        .iter()
        .enumerate()
        .map(|(i, s)| (format!("{at}.steps[{i}].name"), s.name.as_str()));
    f.unique(names, "another step of this runbook");
}

/// The names of the steps a condition asks about, each once.
fn steps_of(condition: &Condition) -> Vec<String> {
    let mut names = BTreeSet::new();
    each(condition, String::new(), &mut |_, part| {
        if let Condition::StepFailed(step) | Condition::StepExited { step, .. } = part {
            names.insert(step.clone());
        }
    });
    names.into_iter().collect()
}
