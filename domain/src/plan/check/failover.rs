//! `failover.yaml`: a failover that could do what it says.

use super::{Findings, NO_RUNBOOK, service_ids, slugs};
use crate::plan::{Failover, Observer, Plan, Runbook};
use std::collections::BTreeSet;

pub(super) fn failover(plan: &Plan, f: &mut Findings) {
    let services = service_ids(plan);
    for (i, failover) in plan.failover.iter().enumerate() {
        let at = |key: &str| format!("failover[{i}].{key}");
        let service = failover.service.as_str();
        let no_service = "no service has this id";
        f.refer(at("service"), service, no_service, &services, "services");
        let checked = plan.service(&failover.service);
        if checked.is_some_and(|s| s.check.is_none()) {
            f.add(
                at("service"),
                service,
                "this service has no check, so nobody would see it fail; give it one in services.yaml",
            );
        }
        database(plan, failover, &at, f);
        observers(plan, failover, &at, f);
        if failover.every.as_secs() < 60 {
            f.add(
                at("every"),
                failover.every,
                "one automatic failover in less than a minute is no bound; write 1m or more, such as 1h",
            );
        }
        runbooks(plan, failover, &at, f);
    }
    let places = plan.failover.iter().enumerate();
    f.unique(
        places.map(|(i, o)| (format!("failover[{i}].service"), o.service.as_str())),
        "another failover",
    );
}

type At<'a> = &'a dyn Fn(&str) -> String;

/// The database, and the commands without which its nodes could be neither fenced nor reached.
fn database(plan: &Plan, failover: &Failover, at: At<'_>, f: &mut Findings) {
    let known: BTreeSet<&str> = plan.targets.databases.keys().map(String::as_str).collect();
    f.refer(
        at("database"),
        &failover.database,
        "targets.yaml has no database of this name",
        &known,
        "targets",
    );
    let Some(database) = plan.targets.databases.get(&failover.database) else {
        return;
    };
    for node in [&database.primary, &database.replica] {
        for (key, commands) in [
            ("fence", &database.fence),
            ("move_route", &database.move_route),
        ] {
            if !commands.contains_key(node) {
                f.add(
                    at("database"),
                    &failover.database,
                    format!("a failover needs a command to {} {node}; write it as {key} in targets.yaml", key.replace('_', " ")),
                );
            }
        }
    }
}

fn observers(plan: &Plan, failover: &Failover, at: At<'_>, f: &mut Findings) {
    let observers = &failover.observers;
    for (i, observer) in observers.of.iter().enumerate() {
        if observers.of[..i].contains(observer) {
            f.add(
                at(&format!("observers.of[{i}]")),
                observer.words(),
                "this observer stands here already; each has one vote",
            );
        }
    }
    let least = if failover.automatic { 2 } else { 1 };
    if !(least..=observers.of.len() as u32).contains(&observers.needed) {
        let says = match (failover.automatic, observers.of.len()) {
            (true, ..2) => "an automatic failover needs two observers that agree; name more of muster, replica and application".into(),
            (true, all) => format!("one observer alone may be the one in trouble; write a number from 2 to {all}"),
            (false, all) => format!("so many observers must agree; write a number from 1 to {all}"),
        };
        f.add(at("observers.needed"), observers.needed, says);
    }
    let asked = observers.of.contains(&Observer::Application);
    match &failover.application {
        Some(application) => {
            let known = plan.targets.applications.keys();
            f.refer(
                at("application"),
                application,
                "targets.yaml has no application of this name",
                &known.map(String::as_str).collect(),
                "targets",
            );
        }
        None if asked => f.add(
            at("observers.of"),
            "application",
            "the observer `application` asks an application of targets.yaml; name it as `application`",
        ),
        None => {}
    }
}

fn runbooks(plan: &Plan, failover: &Failover, at: At<'_>, f: &mut Findings) {
    let known = slugs(plan);
    let named = &failover.runbooks;
    let all = [
        ("automatic", &named.automatic),
        ("manual", &named.manual),
        ("failback", &named.failback),
    ];
    for (key, slug) in all {
        f.refer(
            at(&format!("runbooks.{key}")),
            slug.as_str(),
            NO_RUNBOOK,
            &known,
            "runbooks",
        );
    }
    for (key, slug) in &all[..2] {
        if let Some(runbook) = plan.runbook(slug) {
            stages(failover, runbook, at, f);
            if *key == "automatic" && (runbook.confirm.is_some() || runbook.approval.is_some()) {
                f.add(
                    at("runbooks.automatic"),
                    slug,
                    "this runbook asks a person before it begins; take `confirm` and `approval` out of it, or name another",
                );
            }
        }
    }
}

/// Every stage is a step of the runbook, each after the one before.
fn stages(failover: &Failover, runbook: &Runbook, at: At<'_>, f: &mut Findings) {
    let steps: BTreeSet<&str> = runbook.steps.iter().map(|s| s.name.as_str()).collect();
    let mut last = 0;
    for (key, name) in failover.stages.in_order() {
        let at = at(&format!("stages.{key}"));
        let Some(here) = runbook.steps.iter().position(|s| s.name == name) else {
            let what = format!("the runbook {} has no step of this name", runbook.slug);
            f.refer(at, name, &what, &steps, "runbooks");
            continue;
        };
        if here < last {
            let says = format!(
                "in the runbook {} this step comes before that of the stage before it; the stages go fence, promote, redirect, verify",
                runbook.slug
            );
            f.add(at, name, says);
        } else if key == "fence"
            && !runbook.steps[here]
                .outputs
                .iter()
                .any(|o| o == crate::FENCING_PROOF)
        {
            let says = format!(
                "in the runbook {} this step has no output `{}`, without which nothing is promoted",
                runbook.slug,
                crate::FENCING_PROOF
            );
            f.add(at, name, says);
        }
        last = here + 1;
    }
}
