//! What runs, what ran, and what may be run: the runbooks, the likeliest first.

use super::Now;
use crate::{
    facts,
    node::{El, Node, button, details, div, el, li, live, p, rows, span, summary, ul},
    parts::{Form, card, count, dim, hidden, icon, link, run, still, text, when},
    room::{Room, needs},
};
use domain::{Kind, Number, Permission, RunId, plan::Runbook};
use leptos::prelude::*;

/// This many runbooks stand open; the rest is folded away.
const FIRST: usize = 6;

pub fn recovery(room: Room, incident: Now, number: &Number) -> El {
    let of = number.clone();
    let names = |over: bool| {
        let of = of.clone();
        move || {
            room.world.with(|w| {
                w.runs_of(&of)
                    .into_iter()
                    .filter(|r| r.is_over() == over)
                    .map(|r| r.id.to_string())
                    .collect()
            })
        }
    };
    let going = rows(names(false), move |id| {
        run::following(room, RunId::from(id))
    });
    let ended = rows(names(true), move |id| {
        li().put(ended(room, RunId::from(id)))
    });
    card(
        "Recovery",
        link("/runbooks", "all runbooks"),
        vec![
            going,
            ul().class("plain ended").put(ended).into(),
            launch(room, incident, number).into(),
        ],
    )
}

fn ended(room: Room, id: RunId) -> Node {
    live(move || {
        room.run(&id).map(|r| {
            let name = link(run::address(&r.id), el("b").put(r.runbook.name.clone()));
            vec![
                Some(name),
                Some(run::status(&r)),
                run::unsigned(&r),
                Some(dim(format!("{} · ", run::progress(&r))).put(when(r.started_at))),
            ]
        })
    })
}

/// One form; each button says where it sends it.
fn launch(room: Room, incident: Now, number: &Number) -> El {
    let Some(i) = incident.get_untracked() else {
        return div();
    };
    let page = room.page();
    let (likely, others) = room
        .world
        .with_untracked(|w| facts::runbooks_for(&page.plan, w, &i.affected));
    let why = needs(page.who.role, Permission::Command);
    let one = |runbook: &&Runbook| {
        let slug = runbook.slug.clone();
        let busy = move || {
            room.world.with(|w| {
                w.runs
                    .values()
                    .any(|r| !r.is_over() && r.runbook.slug == slug)
            })
        };
        let says_busy = busy.clone();
        let length = count(runbook.steps.len(), "step");
        let about = vec![
            icon("play").into(),
            Node::from(runbook.name.clone()),
            dim(text(move || {
                if says_busy() {
                    "running".into()
                } else {
                    length.clone()
                }
            }))
            .into(),
            span()
                .class("proof")
                .html(still!(crate::pages::still::proof(&page, &runbook.slug)))
                .into(),
        ];
        let title = why.clone().or(runbook.trigger.clone());
        // What wants to be told something first has a page for that.
        if facts::asks(runbook) && why.is_none() {
            let to = format!("/runbooks/{}?incident={number}", runbook.slug);
            return link(to, about).class("btn launch").set("title", title);
        }
        let barred = why.is_some();
        button()
            .class("btn launch")
            .set("formaction", format!("/runbooks/{}/runs", runbook.slug))
            .set("title", title)
            .follow("disabled", move || barred || busy())
            .put(about)
    };
    let mut order = likely.iter().chain(&others);
    let first: Vec<_> = order
        .by_ref()
        .take(likely.len().min(FIRST))
        .map(one)
        .collect();
    let rest = order.map(one);
    let none = likely.is_empty().then(|| {
        p().class("dim small")
            .put("The affected services name no runbook: choose below.")
    });
    let mode = if i.kind == Kind::Drill {
        "drill"
    } else {
        "real"
    };
    let body = vec![
        hidden("incident", number.to_string()).into(),
        hidden("mode", mode).into(),
        none.into(),
        div().class("launches").all(first).into(),
        details()
            .class("more-runbooks")
            .put(summary().put("All other runbooks"))
            .put(div().class("launches").all(rest))
            .into(),
        Node::from(why.clone().map(|why| p().class("small dim").put(why))),
    ];
    let over = move || incident.with(|i| i.is_none_or(|i| !i.is_open()));
    div()
        .hide(over)
        .put(Form::to("/runbooks/none/runs", "run").view(body))
}
