//! Incidents as rows: the open ones with their clocks, the past ones with what they took.

use crate::{
    facts,
    parts::{live, rows, severity, state, when},
    room::Room,
};
use domain::{Incident, Kind, Number, Run, World, words::Icon};
use leptos::prelude::*;
use std::sync::Arc;

/// The open incidents, the gravest first. New ones appear, resolved ones leave.
pub fn open_table(room: Room) -> AnyView {
    let names = move || room.world.with(|w| w.open_incidents().iter().map(|i| i.number.to_string()).collect());
    view! {
        <table class="stack">
            <thead><tr><th>"Severity"</th><th>"Incident"</th><th>"Commander"</th><th>"RTO left"</th><th>"Next update"</th></tr></thead>
            <tbody>{rows(names, move |name| {
                let number = Number::from(name);
                view! { {live(move || open_row(room, &number))} }.into_any()
            })}</tbody>
        </table>
    }
    .into_any()
}

fn open_row(room: Room, number: &Number) -> AnyView {
    let Some(incident) = room.incident(number) else { return ().into_any() };
    let page = room.page();
    let now = room.now.get();
    let going = room.world.with(|w| latest_going(w, &incident));
    let age = facts::words(now.since(incident.declared_at));
    let doing = match going {
        Some(run) => format!("{} for {age} · {} {}", incident.state.words(), run.runbook.name, crate::parts::run::progress(&run)),
        None => format!("{} for {age}", incident.state.words()),
    };
    let rto = facts::rto(&page.plan, &incident, now);
    let left = match rto {
        Some((tier, limit)) => {
            let word = if limit.is_over() { "over" } else { "left" };
            view! { <span class=format!("figure {}", limit.tone())>{limit.figure()}</span><span class="dim small">{format!(" {word}, of {}", tier.within.words())}</span> }.into_any()
        }
        None => view! { <span class="dim">"no service named"</span> }.into_any(),
    };
    let next = match facts::next_update(&page.plan, &incident, now) {
        Some((_, limit)) if limit.is_over() => view! { <span class="figure is-bad">{limit.figure()}</span><span class="dim small">" late"</span> }.into_any(),
        Some((_, limit)) => view! { <span class=format!("figure {}", limit.tone())>{limit.figure()}</span> }.into_any(),
        None => view! { <span class="dim">"not public"</span> }.into_any(),
    };
    view! {
        <tr>
            <td data-label="Severity">{severity(&page.plan, incident.severity)}{drill(&incident)}</td>
            <td data-label="Incident" class="wide">
                <a href=address(&incident.number)><b>{incident.number.to_string()}</b>" "{incident.title.clone()}</a>
                <div class="small dim">{doing}</div>
            </td>
            <td data-label="Commander">{commander(&incident)}</td>
            <td data-label="RTO left" class="keep">{left}</td>
            <td data-label="Next update" class="keep">{next}</td>
        </tr>
    }
    .into_any()
}

/// Past incidents, the latest first.
pub fn past_table(room: Room) -> AnyView {
    let names = move || room.world.with(|w| past(w).iter().map(|i| i.number.to_string()).collect());
    view! {
        <table class="stack">
            <thead><tr><th>"Severity"</th><th>"Incident"</th><th>"Commander"</th><th>"Declared"</th><th>"Took"</th></tr></thead>
            <tbody>{rows(names, move |name| {
                let number = Number::from(name);
                view! { {live(move || past_row(room, &number))} }.into_any()
            })}</tbody>
        </table>
    }
    .into_any()
}

fn past_row(room: Room, number: &Number) -> AnyView {
    let Some(incident) = room.incident(number) else { return ().into_any() };
    let page = room.page();
    let Some(resolved) = incident.resolved_at else { return ().into_any() };
    let took = facts::words(resolved.since(incident.declared_at));
    let of = facts::tier(&page.plan, &incident).map(|t| format!(" of {}", t.within.words()));
    view! {
        <tr>
            <td data-label="Severity">{severity(&page.plan, incident.severity)}{drill(&incident)}</td>
            <td data-label="Incident" class="wide"><a href=address(&incident.number)><b>{incident.number.to_string()}</b>" "{incident.title.clone()}</a></td>
            <td data-label="Commander">{incident.commander().unwrap_or("nobody").to_owned()}</td>
            <td data-label="Declared">{when(incident.declared_at)}</td>
            <td data-label="Took" class="keep">{took}<span class="dim small">{of}</span></td>
        </tr>
    }
    .into_any()
}

pub fn past(world: &World) -> Vec<&Arc<Incident>> {
    let mut past: Vec<_> = world.incidents.values().filter(|i| !i.is_open()).collect();
    past.sort_by(|a, b| b.declared_at.cmp(&a.declared_at).then(b.number.cmp(&a.number)));
    past
}

pub fn address(number: &Number) -> String {
    format!("/incidents/{number}")
}

pub fn drill(incident: &Incident) -> AnyView {
    match incident.kind {
        Kind::Real => ().into_any(),
        Kind::Drill => view! { " "<span class="chip drill">"Drill"</span> }.into_any(),
        Kind::Backfilled => view! { " "<span class="chip">"Backfilled"</span> }.into_any(),
    }
}

fn commander(incident: &Incident) -> AnyView {
    match incident.commander() {
        Some(name) => view! { <span>{name.to_owned()}</span> }.into_any(),
        None => state(Icon::Bad, "Nobody"),
    }
}

fn latest_going(world: &World, incident: &Incident) -> Option<Arc<Run>> {
    world.runs_of(&incident.number).into_iter().find(|r| !r.is_over()).cloned()
}
