//! The board: what is broken, who is on it, and how long there is.

use crate::{
    facts::{self, Tile},
    parts::{card, icon, incidents, live, run, state, still, text},
    room::{Room, going, needs},
};
use domain::{Permission, ServiceId, plan::Service, words::Icon};
use leptos::prelude::*;

pub fn page(room: Room) -> AnyView {
    let headline = text(move || room.world.with(|w| facts::headline(&room.page().plan, w)));
    view! {
        <main id="main" class="page board" tabindex="-1">
            <div class="head"><h1>{headline}</h1><div class="acts">{declare(room)}</div></div>
            <div class="two">
                <div class="col">
                    {card("Open incidents", (), open(room))}
                    {tiers(room)}
                </div>
                <div class="col">
                    {live(move || suggested(room))}
                    {live(move || runs(room))}
                    <div class="flat" inner_html=still!(crate::pages::still::board::aside(&room.page()))></div>
                </div>
            </div>
        </main>
    }
    .into_any()
}

/// The one red button of the page.
fn declare(room: Room) -> AnyView {
    match needs(room.page().who.role, Permission::Respond) {
        Some(why) => view! { <button class="btn danger" disabled title=why>"Declare an incident"</button> }.into_any(),
        None => view! { <a class="btn danger" href="/incidents/new">"Declare an incident"<kbd>"C"</kbd></a> }.into_any(),
    }
}

fn open(room: Room) -> AnyView {
    let none = Memo::new(move |_| room.world.with(|w| !w.incidents.values().any(|i| i.is_open())));
    view! {
        <p class="dim" hidden=move || !none.get()>"No open incidents."</p>
        <div hidden=none>{incidents::open_table(room)}</div>
    }
    .into_any()
}

/// The services by tier, the most urgent tier first; those of no known tier last.
fn tiers(room: Room) -> AnyView {
    let page = room.page();
    let plan = &page.plan;
    let mut groups: Vec<(String, Vec<ServiceId>)> = plan
        .objectives
        .rto
        .iter()
        .map(|tier| (format!("{} · recover within {}", tier.name, tier.within.words()), ids(plan.services.iter().filter(|s| s.tier == tier.id))))
        .collect();
    groups.push(("Other services · no objective".into(), ids(plan.services.iter().filter(|s| plan.tier(&s.tier).is_none()))));
    groups
        .into_iter()
        .filter(|(_, services)| !services.is_empty())
        .map(|(title, services)| {
            let tiles = services.into_iter().map(|id| tile(room, id)).collect_view();
            card(title, (), view! { <ul class="tiles">{tiles}</ul> })
        })
        .collect_view()
        .into_any()
}

fn ids<'a>(services: impl Iterator<Item = &'a Service>) -> Vec<ServiceId> {
    services.map(|s| s.id.clone()).collect()
}

/// A service: shape, word, evidence. It leads to the incident that covers it, or to declaring one.
fn tile(room: Room, id: ServiceId) -> AnyView {
    let draw = move || {
        let page = room.page();
        let Some(service) = page.plan.service(&id) else { return ().into_any() };
        let now = room.now.get();
        let Tile { icon: shape, state: words, evidence } = room.world.with(|w| room.looks.with(|l| facts::tile(&page.plan, w, l, now, service)));
        let class = match shape {
            Icon::Bad => "tile is-bad",
            Icon::Warn => "tile is-warn",
            _ => "tile",
        };
        let covered = room.world.with(|w| w.open_incidents().into_iter().find(|i| i.affected.contains(&id)).map(|i| i.number.clone()));
        let link = match (&covered, shape) {
            (Some(number), _) => Some(incidents::address(number)),
            (None, Icon::Bad) => Some(declare_address(&[service])),
            _ => None,
        };
        let covered = covered.map(|n| format!(" · {n}"));
        view! {
            <a class=class href=link title=service.description.clone()>
                <b>{service.name.clone()}</b>
                {state(shape, words)}
                <span class="small dim">{evidence}{covered}</span>
            </a>
        }
        .into_any()
    };
    view! { <li>{live(draw)}</li> }.into_any()
}

fn declare_address(services: &[&Service]) -> String {
    let names: Vec<_> = services.iter().map(|s| s.name.as_str()).collect();
    let title = match names.as_slice() {
        [one] => format!("{one} is down"),
        many => format!("{} are down", many.join(", ")),
    };
    let affected: String = services.iter().map(|s| format!("&affected={}", facts::encoded(s.id.as_str()))).collect();
    format!("/incidents/new?title={}{affected}", facts::encoded(&title))
}

/// When something is down and nobody has declared it: the likeliest runbook, and declaring with one press.
fn suggested(room: Room) -> AnyView {
    let page = room.page();
    let down = room.world.with(|w| facts::uncovered(&page.plan, w));
    if down.is_empty() {
        return ().into_any();
    }
    let ids: Vec<_> = down.iter().map(|s| s.id.clone()).collect();
    let names = down.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
    let (order, likely) = room.world.with(|w| facts::runbooks_for(&page.plan, w, &ids));
    let runbook = order.into_iter().take(likely).next().map(|r| {
        let trigger = r.trigger.as_ref().map(|t| format!(" answers “{t}”."));
        view! { <p><a href=format!("/runbooks/{}", r.slug)><b>{r.name.clone()}</b></a>{trigger}</p> }
    });
    let declare = needs(page.who.role, Permission::Respond).is_none().then(|| {
        view! { <p class="acts"><a class="btn main" href=declare_address(&down)>"Declare: "{names.clone()}</a></p> }
    });
    card(
        "Suggested now",
        (),
        view! {
            <p>{state(Icon::Bad, "Not declared yet")}<span class="small dim">{format!(" {names}")}</span></p>
            {runbook}
            {declare}
        },
    )
}

/// Runs that work or wait, wherever they belong.
fn runs(room: Room) -> AnyView {
    let going = room.world.with(going);
    if going.is_empty() {
        return ().into_any();
    }
    let list = going.into_iter().map(|r| {
        let of = r.incident.as_ref().map(|n| format!(" · {n}"));
        view! {
            <li>
                <span class=domain::words::run_icon(r.status).tone()>{icon(domain::words::run_icon(r.status).id())}</span>
                <span><a href=run::address(&r.id)><b>{r.runbook.name.clone()}</b></a><span class="small dim">{format!(" {}", run::progress(&r))}{of}</span></span>
            </li>
        }
    });
    card("Runs", (), view! { <ul class="plain">{list.collect_view()}</ul> })
}
