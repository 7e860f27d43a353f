//! `runbooks/`: what is asked before they start, and how they call each other. Their steps: [`super::steps`].

use super::{Findings, slugs, steps};
use crate::plan::{ParameterKind, Plan, Runbook};
use std::collections::BTreeSet;

pub(super) fn runbooks(plan: &Plan, f: &mut Findings) {
    let asks = steps::Asks::of(plan);
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
        if let Some(text) = &runbook.confirm {
            f.line(format!("{at}.confirm"), text, "what is to be typed");
        }
        if let Some(target) = &runbook.target {
            f.line(format!("{at}.target"), target, "a target");
        }
        f.within(format!("{at}.working_dir"), runbook.working_dir.as_deref());
        f.environment(&at, &runbook.env, &runbook.secrets);
        f.locks(format!("{at}.locks"), &runbook.locks);
        if let Some(approval) = &runbook.approval {
            f.approval(format!("{at}.approval"), approval);
        }
        if let Some(limit) = runbook.output_limit
            && !(65_536..=10_737_418_240).contains(&limit)
        {
            f.add(
                format!("{at}.output_limit"),
                limit,
                "the output that is kept is between 65536 (64 KiB) and 10737418240 (10 GiB) bytes",
            );
        }
        parameters(&at, runbook, f);
        steps::steps(plan, &at, runbook, &asks, f);
        calls(plan, &at, runbook, f);
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

fn parameters(at: &str, runbook: &Runbook, f: &mut Findings) {
    for (i, parameter) in runbook.parameters.iter().enumerate() {
        let at = format!("{at}.parameters[{i}]");
        if let Some((key, says)) = parameter.problem() {
            let found = match key {
                // What somebody took for a secret is not said aloud.
                "default" if parameter.kind != ParameterKind::Secret => parameter.default.clone(),
                "regex" => parameter.regex.clone(),
                "min" => parameter.min.clone(),
                "max" => parameter.max.clone(),
                _ => None,
            };
            f.add(
                format!("{at}.{key}"),
                found.unwrap_or_else(|| parameter.name.clone()),
                says,
            );
        }
        f.prose(
            format!("{at}.description"),
            &parameter.description,
            "description",
        );
    }
    let names = runbook
        .parameters
        .iter()
        .enumerate()
        .map(|(i, p)| (format!("{at}.parameters[{i}].name"), p.name.as_str()));
    f.unique(names, "another parameter of this runbook");
}

/// A runbook that is a step of another must be there, must not come back to where it started, and gets what it asks for.
fn calls(plan: &Plan, at: &str, runbook: &Runbook, f: &mut Findings) {
    let known = slugs(plan);
    for (i, (_, step)) in runbook.all_steps().enumerate() {
        let Some(call) = &step.runbook else { continue };
        let at = steps::place(at, runbook, i);
        f.refer(
            format!("{at}.runbook.slug"),
            call.slug.as_str(),
            super::NO_RUNBOOK,
            &known,
            "runbooks",
        );
        if let Some(back) = comes_back(plan, runbook, call.slug.as_str()) {
            f.add(
                format!("{at}.runbook.slug"),
                &call.slug,
                format!("this runbook comes back to itself ({back}); take one of these calls out"),
            );
            continue;
        }
        let Some(called) = plan.runbook(&call.slug) else {
            continue;
        };
        for (name, value) in &call.with {
            if !called.parameters.is_empty() && called.parameter(name).is_none() {
                f.add(
                    format!("{at}.runbook.with.{name}"),
                    value.display(),
                    format!("{} has no parameter `{name}`", called.name),
                );
            }
        }
        for parameter in called.parameters.iter().filter(|p| p.required) {
            if parameter.default.is_none() && !call.with.contains_key(&parameter.name) {
                f.add(
                    format!("{at}.runbook.slug"),
                    &call.slug,
                    format!(
                        "{} needs `{}`; give it under `with`",
                        called.name, parameter.name
                    ),
                );
            }
        }
    }
}

/// The way from a call back to the caller, where there is one.
fn comes_back(plan: &Plan, caller: &Runbook, called: &str) -> Option<String> {
    let mut ways = vec![vec![caller.slug.as_str(), called]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        let last = *way.last()?;
        if last == caller.slug.as_str() {
            return Some(way.join(" → "));
        }
        if !seen.insert(last) {
            continue;
        }
        let Some(runbook) = plan.runbooks.iter().find(|r| r.slug.as_str() == last) else {
            continue;
        };
        for (_, step) in runbook.all_steps() {
            if let Some(call) = &step.runbook {
                let mut further = way.clone();
                further.push(call.slug.as_str());
                ways.push(further);
            }
        }
    }
    None
}
