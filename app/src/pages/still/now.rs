//! What the board says of this moment in words, drawn by the server: how it stands, what to do about it, and what runs.

use crate::{
    facts::{self, encoded, sorted},
    node::{El, Node, el, li, p, span, ul},
    page::Page,
    parts::{card, dim, icon, link, run, state},
    room::{going, needs},
};
use domain::{
    Health, Permission, Run, ServiceId, World, failed_dependencies,
    plan::{Plan, Service},
    words::{Icon, run_icon},
};
use std::{collections::BTreeMap, sync::Arc};

/// How the board stands in one line: "1 major outage, 1 degraded, 9 operational, 1 without data".
pub fn headline(plan: &Plan, world: &World) -> String {
    if plan.services.is_empty() {
        return "The plan has no services yet".into();
    }
    let mut counts = BTreeMap::<std::cmp::Reverse<u8>, (Health, usize)>::new();
    for service in &plan.services {
        let health = world.health(&service.id);
        counts
            .entry(std::cmp::Reverse(health.rank()))
            .or_insert((health, 0))
            .1 += 1;
    }
    if counts.len() == 1 {
        let (health, count) = counts.into_values().next().unwrap_or_default();
        return match health {
            Health::Operational => format!("All {count} services operational"),
            Health::NoData => format!("No data yet from {count} services"),
            other => format!(
                "All {count} services: {}",
                other.words().to_ascii_lowercase()
            ),
        };
    }
    let says = counts.into_values().map(|(health, n)| match (health, n) {
        (Health::NoData, n) => format!("{n} without data"),
        (Health::MajorOutage, 2..) => format!("{n} major outages"),
        (Health::PartialOutage, 2..) => format!("{n} partial outages"),
        (Health::Maintenance, n) => format!("{n} in maintenance"),
        (health, n) => format!("{n} {}", health.words().to_ascii_lowercase()),
    });
    says.collect::<Vec<_>>().join(", ")
}

/// So many services are told by name; more are a number.
const NAMED: usize = 5;

/// Services in a major outage that no open incident names, the cause before what depends on it.
fn uncovered<'a>(plan: &'a Plan, world: &World) -> Vec<&'a Service> {
    let covered = |id: &ServiceId| {
        world
            .incidents
            .values()
            .any(|i| i.is_open() && i.affected.contains(id))
    };
    let health = |id: &ServiceId| world.health(id);
    let down = plan
        .services
        .iter()
        .filter(|s| health(&s.id) == Health::MajorOutage && !covered(&s.id));
    let down: Vec<_> = down.collect();
    if down.len() > NAMED {
        return down;
    }
    sorted(down, |s| failed_dependencies(plan, &health, &s.id).len())
}

fn declare_address(services: &[&Service]) -> String {
    let names: Vec<_> = services.iter().map(|s| s.name.as_str()).collect();
    let title = format!(
        "{} {} down",
        names.join(", "),
        if names.len() == 1 { "is" } else { "are" }
    );
    let ids: Vec<_> = services.iter().map(|s| encoded(s.id.as_str())).collect();
    format!(
        "/incidents/new?title={}&affected={}",
        encoded(&title),
        ids.join(",")
    )
}

/// When something is down and nobody has declared it: the likeliest runbook, and declaring with one press.
pub fn suggested(page: &Page, world: &World) -> Option<El> {
    let down = uncovered(&page.plan, world);
    if down.is_empty() {
        return None;
    }
    let few = &down[..down.len().min(NAMED)];
    let ids: Vec<_> = few.iter().map(|s| s.id.clone()).collect();
    // Declaring takes what fails by itself, so that many need not be named in its address. The button stands still while
    // their number changes: it is pressed.
    let (names, says, to) = if few.len() < down.len() {
        let all = format!("{} services", down.len());
        (all, "what fails".to_owned(), "/incidents/new".to_owned())
    } else {
        let names: Vec<_> = down.iter().map(|s| s.name.as_str()).collect();
        let names = names.join(", ");
        (names.clone(), names, declare_address(&down))
    };
    let (likely, _) = facts::runbooks_for(&page.plan, world, &ids);
    let runbook = likely.first().map(|r| {
        let answers = r.trigger.as_ref().map(|t| format!(" answers “{t}”."));
        p().put(link(
            format!("/runbooks/{}", r.slug),
            el("b").put(r.name.clone()),
        ))
        .put(answers)
    });
    let may = needs(page.who.role, Permission::Respond).is_none();
    let declare = may.then(|| {
        p().class("acts")
            .put(link(to, format!("Declare: {says}")).class("btn main"))
    });
    Some(card(
        "Suggested now",
        (),
        vec![
            Some(
                p().put(state(Icon::Bad, "Not declared yet"))
                    .put(dim(format!(" {names}"))),
            ),
            runbook,
            declare,
        ],
    ))
}

/// Runs that work or wait, wherever they belong.
pub fn runs(world: &World) -> Option<El> {
    let going = going(world);
    if going.is_empty() {
        return None;
    }
    let one = |r: Arc<Run>| -> Node {
        let of = r
            .incident
            .as_ref()
            .map(|n| format!(" · {n}"))
            .unwrap_or_default();
        let shape = run_icon(r.status);
        let says = span()
            .put(link(
                run::address(&r.id),
                el("b").put(r.runbook.name.clone()),
            ))
            .put(dim(format!(" {}{of} ", run::progress(&r))))
            .put(run::unsigned(&r));
        li().put(span().class(shape.tone()).put(icon(shape.id())))
            .put(says)
            .into()
    };
    Some(card(
        "Runs",
        (),
        ul().class("plain").all(going.into_iter().map(one)),
    ))
}
