//! A run: its output on one side, its steps and why on the other.

use crate::{
    node::{El, Node, div, h1, live, p},
    page::Output,
    parts::{card, incidents, link, log, run, text, timeline, when},
    room::Room,
};
use domain::{Run, RunId, words};
use leptos::prelude::*;

pub fn page(room: Room, id: RunId, output: &Output) -> Vec<El> {
    let now = room.follow_run(&id);
    let name = text(move || now.with(|r| r.map(|r| r.runbook.name.clone()).unwrap_or_default()));
    let about = live(move || now.get().map(|r| about(&r)));
    let shown = (output.attempt > 0).then_some((output.step, output.attempt));
    let steps = live(move || {
        now.get()
            .map(|r| run::steps(&r, room.now.get(), true, shown))
    });
    let left = div()
        .class("col")
        .put(log::pane(now, &id, output))
        .put(card(
            "What happened",
            timeline::length(room),
            timeline::timeline(room, None),
        ));
    let right = div().class("col").put(card("Steps", (), steps));
    vec![
        div()
            .class("head")
            .put(h1().put(name))
            .put(about)
            .put(run::answers(room, id)),
        div().class("two").put(left).put(right),
    ]
}

fn about(r: &Run) -> Vec<Option<El>> {
    let of = r.incident.as_ref().map(|n| {
        Node::from(vec![
            Node::from(" for "),
            link(incidents::address(n), n.to_string()).into(),
        ])
    });
    let line = p()
        .class("dim about")
        .put(format!("run {}", words::short(r.id.as_str())))
        .put(of)
        .put(format!(
            " · {} · plan {} · started by {} ",
            run::progress(r),
            words::short(r.plan.as_str()),
            r.started_by
        ))
        .put(when(r.started_at));
    vec![Some(run::status(r)), run::mode(r), Some(line)]
}
