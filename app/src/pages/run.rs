//! A run: its output on one side, its steps and why on the other.

use crate::{
    node::{El, Node, div, el, h1, li, live, p, ul},
    page::Output,
    parts::{card, dim, incidents, link, log, run, still, text, timeline, when},
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
    let page = room.page();
    let outlook = live(move || {
        now.get()
            .and_then(|r| run::outlook(&r, &page.past, room.now.get()))
    });
    let left = div()
        .class("col")
        .put(log::pane(now, &id, output))
        .put(card(
            "What happened",
            timeline::length(room),
            timeline::timeline(room, None),
        ));
    let given = div()
        .class("flat")
        .html(still!(crate::pages::still::run::given(room, &id)));
    let right = div()
        .class("col")
        .put(card("Steps", (), steps))
        .put(live(move || now.get().and_then(|r| locks(&r))))
        .put(given);
    vec![
        div().class("head").put(h1().put(name)).put(about),
        div()
            .class("flat")
            .html(still!(now.with_untracked(|r| r.map(ribbon)))),
        run::stand(room, id).put(outlook),
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
            " · {} · started by {} ",
            run::progress(r),
            r.started_by
        ))
        .put(when(r.started_at));
    vec![
        Some(run::status(r)),
        run::mode(r),
        run::unsigned(r),
        Some(line),
    ]
}

/// What is not for real says so across the page.
#[cfg(feature = "ssr")]
fn ribbon(r: &Run) -> Option<El> {
    use domain::Mode;
    let (what, says) = match r.mode {
        Mode::Real => return None,
        Mode::Drill => (
            "DRILL",
            " This is practice, on targets that are there to be practised on. It acts for real there.",
        ),
        Mode::DryRun => (
            "DRY RUN",
            " Nothing is done: each step only says what it would do. Nobody is asked, no lock is taken.",
        ),
    };
    Some(p().class("ribbon loud").put(el("b").put(what)).put(says))
}

/// The locks that it holds, each with the token that a target can refuse an older holder by.
fn locks(r: &Run) -> Option<El> {
    let one = |(lock, held): (&String, &domain::Held)| {
        let until = match held.step.and_then(|s| r.runbook.step(s as usize)) {
            Some(step) => format!(" until {} ends", step.name),
            None => " until the run ends".to_owned(),
        };
        li().put(el("b").put(lock.clone()))
            .put(dim(format!("fencing token {}{until}", held.token)))
    };
    (!r.locks.is_empty()).then(|| {
        card(
            "Locks held",
            (),
            ul().class("plain").all(r.locks.iter().map(one)),
        )
    })
}
