//! Incidents as rows: the open ones with their clocks, the past ones with what they took.

use super::{comms::overdue, limits};
use crate::{
    facts,
    node::{El, Node, a, div, el, p, span, tr},
    page::Page,
    pages::{declare, head},
    parts::{
        card, cell, count, dim,
        incidents::{address, kind},
        link, run, severity, stack, state, when,
    },
    room::Room,
};
use domain::{Incident, Stamp, World, plan::Plan, words::Icon};
use leptos::prelude::*;
use std::{cmp::Reverse, sync::Arc};

/// Every incident: the open ones, then the past.
pub fn page(room: Room, more: Option<&str>) -> Vec<El> {
    let page = room.page();
    room.world.with_untracked(|world| {
        let (open, past) = (world.open_incidents(), past(world));
        let title = match open.len() {
            0 => "No open incidents".into(),
            n => count(n, "open incident"),
        };
        let older = more.map(|at| {
            let at = format!("/incidents?before={at}");
            p().class("acts")
                .put(link(at, "Older incidents").class("btn"))
        });
        let past: Node = if past.is_empty() {
            p().class("dim")
                .put("Nothing yet. What is resolved is kept here with its timeline, for good.")
                .into()
        } else {
            let rows = past.iter().map(|i| tr().put(past_row(&page.plan, i)));
            let heads = ["Severity", "Incident", "Commander", "Declared", "Took"];
            stack(&heads, rows.collect::<Vec<_>>()).into()
        };
        let open = (!open.is_empty()).then(|| card("Open", (), table(&page, world)));
        let all = vec![
            Some(head(title, (), declare(room))),
            open,
            Some(card("Past", (), vec![past, older.into()])),
        ];
        all.into_iter().flatten().collect()
    })
}

/// The open incidents, the gravest first.
pub fn open(page: &Page, world: &World) -> El {
    if world.open_incidents().is_empty() {
        return p().class("dim").put("No open incidents.");
    }
    table(page, world)
}

fn table(page: &Page, world: &World) -> El {
    let rows = world
        .open_incidents()
        .into_iter()
        .map(|i| tr().put(open_row(page, world, i)));
    stack(
        &[
            "Severity",
            "Incident",
            "Commander",
            "RTO left",
            "Next update",
        ],
        rows.collect::<Vec<_>>(),
    )
}

fn open_row(page: &Page, world: &World, incident: &Incident) -> Vec<El> {
    let (plan, now) = (&page.plan, page.now);
    let runs = world.runs_of(&incident.number);
    let going = runs.into_iter().find(|r| !r.is_over());
    let doing = vec![
        Node::from(format!("{} since ", incident.state.words())),
        when(incident.declared_at).into(),
        going
            .map(|run| format!(" · {} {}", run.runbook.name, run::progress(run)))
            .into(),
    ];
    let left = match limits::rto(page, incident) {
        Some(rto) => {
            let says = match rto.back {
                true => format!(" to be back, of {}", rto.limit.within.words()),
                false => format!(" of {}", rto.limit.within.words()),
            };
            cell("RTO left", rto.figure()).put(dim(says))
        }
        None => cell("RTO left", dim("no service named")),
    };
    let next = match limits::next_update(plan, incident, now) {
        Some((due, limit)) => {
            let from = Stamp(due.0 - limit.within.micros());
            cell("Next update", limits::counting(&limit, from))
        }
        None => cell("Next update", dim("not public")),
    };
    let commander: El = match incident.commander() {
        Some(name) => span().put(name.to_owned()),
        None => state(Icon::Bad, "Nobody"),
    };
    vec![
        rank(plan, incident),
        title(incident)
            .put(div().class("small dim").put(doing))
            .put(overdue::row(page, incident)),
        cell("Commander", commander),
        left.class("keep"),
        next.class("keep"),
    ]
}

fn past_row(plan: &Plan, incident: &Incident) -> Vec<El> {
    let end = incident.resolved_at.unwrap_or(incident.declared_at);
    let took = facts::words(end.since(incident.declared_at));
    let of = limits::tier(plan, incident).map(|t| dim(format!(" of {}", t.within.words())));
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

/// The latest first.
fn past(world: &World) -> Vec<&Arc<Incident>> {
    facts::sorted(
        world.incidents.values().rev().filter(|i| !i.is_open()),
        |i| Reverse(i.declared_at),
    )
}
