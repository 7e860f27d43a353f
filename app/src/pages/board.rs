//! The board: what is broken, who is on it, and how long there is.

use crate::{
    facts::{self, Tile},
    node::{El, a, div, el, li, live, span, ul},
    pages::{declare, head},
    parts::{card, dim, incidents::address, state, still, timeline},
    room::Room,
};
#[cfg(feature = "ssr")]
use crate::{
    node::Node,
    page::Page,
    pages::still::{board, history, incidents, now},
};
#[cfg(feature = "ssr")]
use domain::World;
use domain::{plan::Service, words::Icon};
use leptos::prelude::*;

/// More services than this are shown small, and can be filtered.
const MANY: usize = 60;
/// Many stand in batches: the browser lays out a batch only where it is seen. It fills whole lines of one to six tiles.
const BATCH: usize = 60;

pub fn page(room: Room) -> Vec<El> {
    let headline = span()
        .set("id", "headline")
        .set("data-follow", true)
        .html(still!(still(room, |p, w| now::headline(&p.plan, w).into())));
    let open = part(
        "open",
        still!(still(room, |p, w| incidents::open(p, w).into())),
    );
    let left = div()
        .class("col")
        .put(card("Open incidents", (), open))
        .put((!room.page().parts).then(|| tiers(room)));
    let right = div()
        .class("col")
        .put(part(
            "suggested",
            still!(still(room, |p, w| now::suggested(p, w).into())),
        ))
        .put(part(
            "runs",
            still!(still(room, |_, w| now::runs(w).into())),
        ))
        .put(part(
            "aside",
            still!(still(room, |p, _| board::aside(p).into())),
        ));
    let many = room.page().plan.services.len() > MANY;
    let filter = many.then(|| timeline::filter("main"));
    vec![
        head(headline, filter, declare(room)),
        div().class("two").put(left).put(right),
        part("days", still!(still(room, |p, _| history::board(p).into()))),
    ]
}

/// What the server draws, and draws again when something has happened.
fn part(id: &'static str, html: String) -> El {
    div()
        .class("flat")
        .set("id", id)
        .set("data-follow", true)
        .html(html)
}

#[cfg(feature = "ssr")]
fn still(room: Room, draw: impl FnOnce(&Page, &World) -> Node) -> Node {
    room.world.with_untracked(|w| draw(&room.page(), w))
}

/// The services by tier, the most urgent tier first; those of no known tier last.
fn tiers(room: Room) -> Vec<El> {
    let page = room.page();
    let plan = &page.plan;
    let all = || plan.services.iter().enumerate();
    let many = plan.services.len() > MANY;
    let group = |title: String, of: Vec<(usize, &Service)>| {
        let tiles = |of: &[(usize, &Service)]| {
            let tiles = of.iter().map(|(n, _)| tile(room, *n));
            ul().class("tiles").all(tiles.collect::<Vec<_>>())
        };
        let body = match many {
            true => div().class("batches").all(of.chunks(BATCH).map(tiles)),
            false => tiles(&of),
        };
        (!of.is_empty()).then(|| card(title, (), body))
    };
    let mut cards: Vec<_> = plan
        .objectives
        .rto
        .iter()
        .filter_map(|tier| {
            let title = format!("{} · recover within {}", tier.name, tier.within.words());
            group(title, all().filter(|(_, s)| s.tier == tier.id).collect())
        })
        .collect();
    cards.extend(group(
        "Other services · no objective".into(),
        all()
            .filter(|(_, s)| plan.tier(&s.tier).is_none())
            .collect(),
    ));
    cards
}

/// The plan's n-th service: shape, word, evidence. It leads to the incident that covers it, to declaring one, or to its own
/// page. It is drawn again when its own clock is set, and at no other time: there may be thousands of them.
fn tile(room: Room, n: usize) -> El {
    let clock = room.tile(n);
    li().set("data-row", true).put(live(move || {
        let page = room.page();
        let service = page.plan.services.get(n)?;
        let now = clock.get();
        let Tile {
            icon: shape,
            state: words,
            evidence,
            own,
        } = room.world.with_untracked(|w| {
            room.looks
                .with_untracked(|l| facts::tile(&page.plan, w, l, now, service))
        });
        let class = match shape {
            Icon::Bad => "tile is-bad",
            Icon::Warn if own => "tile is-warn",
            Icon::Warn => "tile depends",
            _ => "tile",
        };
        let covered = room.world.with_untracked(|w| {
            w.open_incidents()
                .into_iter()
                .find(|i| i.affected.contains(&service.id))
                .map(|i| i.number.clone())
        });
        let to = match &covered {
            Some(number) => address(number),
            None if shape == Icon::Bad => format!("/incidents/new?affected={}", service.id),
            None => format!("/services/{}", service.id),
        };
        let covered = covered.map(|n| span().class("keep").put(format!(" · {n}")));
        let title = Some(service.description.clone()).filter(|d| !d.is_empty());
        let tile = a().class(class).set("href", to).set("title", title);
        Some(
            tile.put(el("b").put(service.name.clone()))
                .put(state(shape, words))
                .put(dim(evidence).put(covered)),
        )
    }))
}
