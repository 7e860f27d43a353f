//! Incidents as rows: the open ones with their clocks, the past ones with what they took.

use crate::{
    facts,
    node::{El, Node, a, div, el, live, rows, span, tr},
    parts::{cell, dim, run, severity, stack, state, when},
    room::Room,
};
use domain::{Incident, Kind, Number, World, plan::Plan, words::Icon};
use leptos::prelude::*;
use std::{cmp::Reverse, sync::Arc};

/// The open incidents, the gravest first. New ones appear, resolved ones leave.
pub fn open_table(room: Room) -> El {
    let names = move || {
        room.world.with(|w| {
            w.open_incidents()
                .iter()
                .map(|i| i.number.to_string())
                .collect()
        })
    };
    stack(
        &[
            "Severity",
            "Incident",
            "Commander",
            "RTO left",
            "Next update",
        ],
        following(room, names, open_row),
    )
}

/// Past incidents, the latest first.
pub fn past_table(room: Room) -> El {
    let names = move || {
        room.world
            .with(|w| past(w).iter().map(|i| i.number.to_string()).collect())
    };
    stack(
        &["Severity", "Incident", "Commander", "Declared", "Took"],
        following(room, names, past_row),
    )
}

/// A row for each number, with cells that follow the incident.
fn following(
    room: Room,
    names: impl Fn() -> Vec<String> + Send + 'static,
    cells: fn(Room, &Plan, &Incident) -> Vec<El>,
) -> Node {
    rows(names, move |name| {
        let number = Number::from(name);
        tr().put(live(move || {
            room.incident(&number)
                .map(|i| cells(room, &room.page().plan, &i))
        }))
    })
}

fn open_row(room: Room, plan: &Plan, incident: &Incident) -> Vec<El> {
    let now = room.now.get();
    let going = room.world.with(|w| {
        w.runs_of(&incident.number)
            .into_iter()
            .find(|r| !r.is_over())
            .cloned()
    });
    let mut doing = format!(
        "{} for {}",
        incident.state.words(),
        facts::words(now.since(incident.declared_at))
    );
    if let Some(run) = going {
        doing.push_str(&format!(" · {} {}", run.runbook.name, run::progress(&run)));
    }
    let left = match facts::rto(plan, incident, now) {
        Some((tier, limit)) => {
            let word = if limit.is_over() { "over" } else { "left" };
            cell("RTO left", limit.view()).put(dim(format!(" {word}, of {}", tier.within.words())))
        }
        None => cell("RTO left", dim("no service named")),
    };
    let next = match facts::next_update(plan, incident, now) {
        Some((_, limit)) => {
            cell("Next update", limit.view()).put(limit.is_over().then(|| dim(" late")))
        }
        None => cell("Next update", dim("not public")),
    };
    let commander: El = match incident.commander() {
        Some(name) => span().put(name.to_owned()),
        None => state(Icon::Bad, "Nobody"),
    };
    vec![
        rank(plan, incident),
        title(incident).put(div().class("small dim").put(doing)),
        cell("Commander", commander),
        left.class("keep"),
        next.class("keep"),
    ]
}

fn past_row(_: Room, plan: &Plan, incident: &Incident) -> Vec<El> {
    let end = incident.resolved_at.unwrap_or(incident.declared_at);
    let took = facts::words(end.since(incident.declared_at));
    let of = facts::tier(plan, incident).map(|t| dim(format!(" of {}", t.within.words())));
    vec![
        rank(plan, incident),
        title(incident),
        cell(
            "Commander",
            incident.commander().unwrap_or("nobody").to_owned(),
        ),
        cell("Declared", when(incident.declared_at)),
        cell("Took", took).class("keep").put(of),
    ]
}

fn rank(plan: &Plan, incident: &Incident) -> El {
    cell("Severity", severity(plan, incident.severity)).put(kind(incident))
}

fn title(incident: &Incident) -> El {
    let link = a()
        .set("href", address(&incident.number))
        .put(el("b").class("keep").put(incident.number.to_string()))
        .put(format!(" {}", incident.title));
    cell("Incident", link).class("wide")
}

fn past(world: &World) -> Vec<&Arc<Incident>> {
    facts::sorted(
        world.incidents.values().rev().filter(|i| !i.is_open()),
        |i| Reverse(i.declared_at),
    )
}

pub fn address(number: &Number) -> String {
    format!("/incidents/{number}")
}

/// A mark for what is not real and now.
pub fn kind(incident: &Incident) -> Option<El> {
    match incident.kind {
        Kind::Real => None,
        Kind::Drill => Some(drill()),
        Kind::Backfilled => Some(span().class("chip").put("Backfilled")),
    }
}

pub fn drill() -> El {
    span().class("chip drill").put("Drill")
}
