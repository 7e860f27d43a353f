//! The board for a screen on the wall: readable from across the room, nothing to scroll, only what matters. It follows
//! what happens like any other page, and takes the line up again by itself.

use super::{comms::overdue, limits};
use crate::{
    facts::{self, Tile},
    node::{El, Node, div, el, h1, li, p, section, span, ul},
    page::Page,
    parts::{severity, state, when},
    room::Room,
};
use domain::{Cover, Health, Incident, Stamp, World, plan::Service, words::Icon};
use leptos::prelude::*;

/// More than so many incidents or failing services do not fit: the rest is counted.
const INCIDENTS: usize = 3;
const SERVICES: usize = 8;

pub fn page(room: Room) -> Vec<El> {
    let page = room.page();
    room.world.with_untracked(|world| {
        let open = world.open_incidents();
        let failing = failing(&page, world);
        let calm = open.is_empty() && failing.is_empty();
        let headline = h1()
            .class(if calm { "calm" } else { "" })
            .put(super::now::headline(&page.plan, world));
        let shown = open.iter().take(INCIDENTS);
        let cards = shown.map(|i| incident(&page, i));
        let undeclared = (open.is_empty() && !failing.is_empty()).then(|| {
            let says = state(Icon::Bad, "No incident is declared");
            div().class("wall-incident").put(el("b").put(says))
        });
        let more = open.len().saturating_sub(INCIDENTS);
        let incidents = section()
            .class("wall-incidents")
            .set("aria-label", "Open incidents")
            .set("hidden", calm)
            .put(undeclared)
            .all(cards)
            .put(more_of(more, "incident"));
        let more = failing.len().saturating_sub(SERVICES);
        let services = section()
            .set("aria-label", "Services that need a look")
            .set("hidden", failing.is_empty())
            .put(
                ul().class("wall-services")
                    .all(failing.into_iter().take(SERVICES)),
            )
            .put(more_of(more, "service"));
        vec![
            headline,
            div().class("wall-body").put(incidents).put(services),
            foot(&page),
        ]
    })
}

fn more_of(n: usize, what: &str) -> Option<El> {
    (n > 0).then(|| {
        p().class("dim").put(format!(
            "and {n} more {what}{}",
            if n == 1 { "" } else { "s" }
        ))
    })
}

fn incident(page: &Page, i: &Incident) -> El {
    let figure = match limits::rto(page, i) {
        Some(rto) => vec![
            span()
                .class("what")
                .put(format!("RTO {} · {}", rto.words(), rto.tier.name)),
            rto.figure(),
        ],
        None => vec![span().class("what").put("no objective applies")],
    };
    let commander: Node = match i.commander() {
        Some(name) => format!("{name} commands").into(),
        None => state(Icon::Bad, "Nobody commands").into(),
    };
    div()
        .class("wall-incident")
        .put(
            div()
                .put(severity(&page.plan, i.severity))
                .put(el("b").put(format!(" {} {}", i.number, i.title)))
                .put(
                    p().put(i.phase.words().to_owned())
                        .put(" since ")
                        .put(when(i.declared_at))
                        .put(" · ")
                        .put(commander),
                )
                .put(overdue::row(page, i)),
        )
        .put(div().class("wall-left").put(figure))
}

/// What is not well, the worst first. What nobody looks at is counted in the headline.
fn failing(page: &Page, world: &World) -> Vec<El> {
    let bad = page
        .plan
        .services
        .iter()
        .filter(|s| !matches!(world.health(&s.id), Health::Operational | Health::NoData));
    let worst = |s: &&Service| std::cmp::Reverse(world.health(&s.id).rank());
    facts::sorted(bad, worst)
        .into_iter()
        .map(|service| {
            let Tile {
                icon,
                state: words,
                evidence,
                ..
            } = facts::tile(&page.plan, world, &page.looks, page.now, service);
            let since = world.services.get(&service.id).and_then(|s| s.since);
            li().put(el("b").put(service.name.clone()))
                .put(state(icon, words))
                .put(span().class("dim").put(why(&evidence, since)))
        })
        .collect()
}

/// The evidence without its running time, which the server does not count on.
fn why(evidence: &str, since: Option<Stamp>) -> Vec<Node> {
    let reason = evidence.split(" · for ").next().unwrap_or_default();
    let mut says = vec![Node::from(reason.to_owned())];
    if let Some(since) = since {
        says.push(" since ".into());
        says.push(when(since).into());
    }
    says
}

fn foot(page: &Page) -> El {
    let risk = page.measured.exposures.iter().filter_map(|(id, e)| {
        let objective = page.plan.objectives.rpo.iter().find(|o| o.id == *id)?;
        let (shape, word) = match e.cover {
            Cover::Follows => (Icon::Ok, "in a second place"),
            Cover::Alone => (Icon::Warn, "in one place only"),
            Cover::Silent => (Icon::Bad, "no primary answers"),
        };
        Some(state(shape, format!("{}: {word}", objective.name)))
    });
    div()
        .class("wall-foot")
        .all(risk)
        .put(span().class("dim").put("as of ").put(when(page.now)))
}
