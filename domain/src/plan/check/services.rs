//! `services.yaml` and `targets.yaml`: probes that can work, and dependencies without a circle.

use super::{
    Findings, NO_RUNBOOK, ids,
    probes::{probe, web},
    service_ids, slugs, words,
};
use crate::plan::{Check, Node, Plan, Service};
use std::collections::{BTreeSet, HashMap};

const NO_SERVICE: &str = "no service has this id";

pub(super) fn services(plan: &Plan, f: &mut Findings) {
    let tiers: BTreeSet<&str> = plan.objectives.rto.iter().map(|t| t.id.as_str()).collect();
    let services = service_ids(plan);
    let runbooks = slugs(plan);
    for (i, service) in plan.services.iter().enumerate() {
        let at = |key: &str| format!("services[{i}].{key}");
        f.id(at("id"), service.id.as_str(), "a service's id");
        f.line(at("name"), &service.name, "a service's name");
        f.prose(at("description"), &service.description, "description");
        f.refer(
            at("tier"),
            &service.tier,
            "no tier of objectives.yaml has this id",
            &tiers,
            "objectives",
        );
        for (j, other) in service.depends_on.iter().enumerate() {
            f.refer(
                at(&format!("depends_on[{j}]")),
                other.as_str(),
                NO_SERVICE,
                &services,
                "services",
            );
        }
        for (j, slug) in service.runbooks.iter().enumerate() {
            f.refer(
                at(&format!("runbooks[{j}]")),
                slug.as_str(),
                NO_RUNBOOK,
                &runbooks,
                "runbooks",
            );
        }
        if let Some(face) = &service.public {
            f.line(at("public.name"), &face.name, "the name on the status page");
            f.line(
                at("public.group"),
                &face.group,
                "the group on the status page",
            );
        }
        if let Some(look) = &service.check {
            check(plan, &at("check"), look, f);
        }
    }
    f.unique(
        ids("services", plan.services.iter().map(|s| s.id.as_str())),
        "another service",
    );
    circles(&plan.services, f);
}

fn check(plan: &Plan, at: &str, look: &Check, f: &mut Findings) {
    if look.interval.as_secs() < 1 {
        f.add(
            format!("{at}.interval"),
            look.interval,
            "a service is looked at once a second at most; write 1s or more",
        );
    }
    f.positive(
        format!("{at}.timeout"),
        look.timeout,
        "the timeout of a check",
    );
    if look.interval.as_secs() >= 1 && look.timeout >= look.interval {
        let says = format!(
            "the timeout must be shorter than the interval of {}, so that looks never overlap",
            look.interval
        );
        f.add(format!("{at}.timeout"), look.timeout, says);
    }
    for (key, count) in [("fall", look.fall), ("rise", look.rise)] {
        if !(1..=100).contains(&count) {
            f.add(
                format!("{at}.{key}"),
                count,
                "this many looks in a row decide; write a number from 1 to 100",
            );
        }
    }
    if let Some(slow) = look.slow_after
        && (slow.0.is_zero() || slow >= look.timeout)
    {
        let says = format!(
            "a look is slow before it is over: write a time between 0 s and the timeout of {}",
            look.timeout
        );
        f.add(format!("{at}.slow_after"), slow, says);
    }
    probe(plan, &format!("{at}.probe"), &look.probe, look, f);
}

/// Each circle of dependencies once, at the dependency that closes it. Walks with a stack of its own: a plan may be a
/// long chain.
fn circles(services: &[Service], f: &mut Findings) {
    let mut index = HashMap::new();
    for (i, service) in services.iter().enumerate() {
        index.entry(service.id.as_str()).or_insert(i);
    }
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnPath,
        Done,
    }
    let mut seen = vec![Seen::No; services.len()];
    for start in 0..services.len() {
        if seen[start] != Seen::No {
            continue;
        }
        seen[start] = Seen::OnPath;
        let mut path = vec![(start, 0)];
        while let Some((at, edge)) = path.last_mut() {
            let (here, dependency) = (*at, *edge);
            let Some(id) = services[here].depends_on.get(dependency) else {
                seen[here] = Seen::Done;
                path.pop();
                continue;
            };
            *edge += 1;
            let Some(&next) = index.get(id.as_str()) else {
                continue;
            };
            match seen[next] {
                Seen::Done => {}
                Seen::No => {
                    seen[next] = Seen::OnPath;
                    path.push((next, 0));
                }
                Seen::OnPath => {
                    let from = path.iter().position(|(s, _)| *s == next).unwrap_or(0);
                    let mut names: Vec<&str> = path[from..]
                        .iter()
                        .map(|(s, _)| services[*s].id.as_str())
                        .collect();
                    names.push(id.as_str());
                    if names.len() > 8 {
                        names.splice(4..names.len() - 2, ["…"]);
                    }
                    let says = format!(
                        "services depend on each other in a circle ({}); take one of these dependencies away",
                        names.join(" → ")
                    );
                    f.add(
                        format!("services[{here}].depends_on[{dependency}]"),
                        id,
                        says,
                    );
                }
            }
        }
    }
}

pub(super) fn targets(plan: &Plan, f: &mut Findings) {
    for (name, database) in &plan.targets.databases {
        let at = format!("targets.databases.{name}");
        f.id(at.clone(), name, "a database's name");
        let nodes: BTreeSet<&str> = database.nodes.keys().map(String::as_str).collect();
        let no_node = "the database has no node of this name";
        for (node_name, node) in &database.nodes {
            f.id(
                format!("{at}.nodes.{node_name}"),
                node_name,
                "a node's name",
            );
            if node_name == "route" {
                f.add(
                    format!("{at}.nodes.route"),
                    node_name,
                    "`route` is the way applications take, not a node; give the node another name",
                );
            }
            self::node(&format!("{at}.nodes.{node_name}"), node, f);
        }
        node(&format!("{at}.route"), &database.route, f);
        f.refer(
            format!("{at}.primary"),
            &database.primary,
            no_node,
            &nodes,
            "targets",
        );
        f.refer(
            format!("{at}.replica"),
            &database.replica,
            no_node,
            &nodes,
            "targets",
        );
        if database.primary == database.replica {
            f.add(
                format!("{at}.replica"),
                &database.replica,
                "this is the primary; the replica is the other node, the one to promote",
            );
        }
        for (key, commands) in [
            ("fence", &database.fence),
            ("move_route", &database.move_route),
            ("rebuild", &database.rebuild),
        ] {
            for (node_name, argv) in commands {
                f.refer(
                    format!("{at}.{key}.{node_name}"),
                    node_name,
                    no_node,
                    &nodes,
                    "targets",
                );
                f.argv(format!("{at}.{key}.{node_name}"), argv);
            }
        }
    }
    let services = service_ids(plan);
    for (name, application) in &plan.targets.applications {
        let at = |key: &str| format!("targets.applications.{name}.{key}");
        f.id(
            format!("targets.applications.{name}"),
            name,
            "an application's name",
        );
        web(&at("url"), &application.url, true, f);
        f.refer(
            at("service"),
            application.service.as_str(),
            NO_SERVICE,
            &services,
            "services",
        );
        let paths = [
            ("health", Some(&application.health)),
            ("reset_pool", application.reset_pool.as_ref()),
        ];
        for (key, path) in paths
            .into_iter()
            .filter_map(|(key, path)| Some((key, path?)))
        {
            if !path.starts_with('/') || path.chars().any(|c| c.is_control() || c.is_whitespace()) {
                f.add(
                    at(key),
                    path,
                    "this is a path on the application, and begins with /, such as /healthz",
                );
            }
        }
        f.argv(at("start"), &application.start);
        f.argv(at("stop"), &application.stop);
    }
}

fn node(at: &str, node: &Node, f: &mut Findings) {
    match words::url(&node.url, &["postgres", "postgresql"]) {
        None => f.add(
            format!("{at}.url"),
            &node.url,
            "write postgres://user@host:port/database",
        ),
        Some(parts) if parts.user.is_some_and(|user| user.contains(':')) => {
            let masked = node
                .url
                .split_once("://")
                .map_or("postgres://…", |(scheme, _)| scheme)
                .to_owned()
                + "://…";
            f.add(format!("{at}.url"), masked, "a plan holds no password; leave it out and name the environment variable that holds it as password_env");
        }
        Some(parts) if parts.user.is_none_or(str::is_empty) || parts.path.len() < 2 => {
            f.add(
                format!("{at}.url"),
                &node.url,
                "the address names a user and a database: postgres://user@host:port/database",
            );
        }
        Some(_) => {}
    }
    if let Some(variable) = &node.password_env {
        f.variable(format!("{at}.password_env"), variable);
    }
}
