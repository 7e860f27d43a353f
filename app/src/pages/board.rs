//! The board: what is broken, who is on it, and how long there is.

use crate::{
    facts::{self, Tile},
    node::{El, Node, a, div, el, li, live, p, span, ul},
    pages::{declare, head},
    parts::{card, dim, icon, incidents, link, run, state, still, text, timeline},
    room::{Room, going, needs},
};
use domain::{
    Permission,
    plan::Service,
    words::{Icon, run_icon},
};
use leptos::prelude::*;

/// More services than this are shown small, and can be filtered.
const MANY: usize = 60;

pub fn page(room: Room) -> Vec<El> {
    let headline = text(move || room.world.with(|w| facts::headline(&room.page().plan, w)));
    let left = div()
        .class("col")
        .put(card(
            "Open incidents",
            (),
            div()
                .set("id", "open")
                .set("data-follow", true)
                .html(still!(open(room))),
        ))
        .put((!room.page().parts).then(|| tiers(room)));
    let right = div()
        .class("col")
        .put(live(move || suggested(room)))
        .put(live(move || runs(room)))
        .put(
            div()
                .class("flat")
                .set("id", "aside")
                .set("data-follow", true)
                .html(still!(crate::pages::still::board::aside(&room.page()))),
        );
    let many = room.page().plan.services.len() > MANY;
    let filter = many.then(|| timeline::filter("main"));
    vec![
        head(headline, filter, declare(room)),
        div().class("two").put(left).put(right),
        div()
            .set("id", "days")
            .set("data-follow", true)
            .html(still!(crate::pages::still::history::board(&room.page()))),
    ]
}

#[cfg(feature = "ssr")]
fn open(room: Room) -> El {
    let draw = |w: &_| crate::pages::still::incidents::open(&room.page(), w);
    room.world.with_untracked(draw)
}

/// The services by tier, the most urgent tier first; those of no known tier last.
fn tiers(room: Room) -> Vec<El> {
    let page = room.page();
    let plan = &page.plan;
    let class = if plan.services.len() > MANY {
        "tiles many"
    } else {
        "tiles"
    };
    let all = || plan.services.iter().enumerate();
    let group = |title: String, of: Vec<(usize, &Service)>| {
        let tiles = of.into_iter().map(|(n, _)| tile(room, n));
        let tiles: Vec<El> = tiles.collect();
        (!tiles.is_empty()).then(|| card(title, (), ul().class(class).all(tiles)))
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
            Some(number) => incidents::address(number),
            None if shape == Icon::Bad => declare_address(&[service]),
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

fn declare_address(services: &[&Service]) -> String {
    let names: Vec<_> = services.iter().map(|s| s.name.as_str()).collect();
    let title = format!(
        "{} {} down",
        names.join(", "),
        if names.len() == 1 { "is" } else { "are" }
    );
    let ids: Vec<_> = services
        .iter()
        .map(|s| facts::encoded(s.id.as_str()))
        .collect();
    format!(
        "/incidents/new?title={}&affected={}",
        facts::encoded(&title),
        ids.join(",")
    )
}

/// When something is down and nobody has declared it: the likeliest runbook, and declaring with one press.
fn suggested(room: Room) -> Option<El> {
    let page = room.page();
    let down = room.world.with(|w| facts::uncovered(&page.plan, w));
    if down.is_empty() {
        return None;
    }
    let few = &down[..down.len().min(facts::NAMED)];
    let ids: Vec<_> = few.iter().map(|s| s.id.clone()).collect();
    // Declaring takes what fails by itself, so that many need not be named in its address.
    let (names, to) = if few.len() < down.len() {
        let all = format!("{} services", down.len());
        (all, "/incidents/new".to_owned())
    } else {
        let names: Vec<_> = down.iter().map(|s| s.name.as_str()).collect();
        (names.join(", "), declare_address(&down))
    };
    let (likely, _) = room
        .world
        .with(|w| facts::runbooks_for(&page.plan, w, &ids));
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
            .put(link(to, format!("Declare: {names}")).class("btn main"))
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
fn runs(room: Room) -> Option<El> {
    let going = room.world.with(going);
    if going.is_empty() {
        return None;
    }
    let one = |r: std::sync::Arc<domain::Run>| -> Node {
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
