//! A run: its output on one side, its steps and why on the other.

use crate::{
    node::{El, Node, a, div, el, h1, h2, header, input, label, live, p, section, span},
    page::Output,
    parts::{card, dim, incidents, link, plain, run, text, timeline, when},
    room::{Followed, Room},
};
use domain::{Run, RunId, words};
use leptos::prelude::*;

type Now = Followed<Run>;

pub fn page(room: Room, id: RunId, output: &Output) -> Vec<El> {
    let now = room.follow_run(&id);
    let name = text(move || now.with(|r| r.map(|r| r.runbook.name.clone()).unwrap_or_default()));
    let about = live(move || now.get().map(|r| about(&r)));
    let shown = (output.attempt > 0).then_some((output.step, output.attempt));
    let steps = live(move || {
        now.get()
            .map(|r| run::steps(&r, room.now.get(), true, shown))
    });
    let left = div().class("col").put(pane(now, &id, output)).put(card(
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

/// The output. The browser appends to it by hand: a long log is not a value to compare on every line.
fn pane(now: Now, id: &RunId, output: &Output) -> El {
    let step = now.with_untracked(|r| {
        r.and_then(|r| r.runbook.steps.get(output.step as usize))
            .map(|s| s.name.clone())
    });
    let title = match (step, output.attempt) {
        (Some(step), attempt @ 1..) => format!("Output · {step}, attempt {attempt}"),
        _ => "Output".to_owned(),
    };
    let address = format!(
        "{}/output?step={}&attempt={}",
        run::address(id),
        output.step,
        output.attempt
    );
    let whole = output.offset == 0;
    let left_out = format!(
        "The first {} bytes are not shown; the download has them.",
        output.offset
    );
    let follow = label()
        .class("needs-script")
        .put(
            input()
                .set("type", "checkbox")
                .set("id", "follow")
                .set("checked", true)
                .set("autocomplete", "off"),
        )
        .put(" follow");
    let more = span().class("more").put(follow).put(
        a().set("id", "download")
            .set("href", address)
            .set("download", true)
            .put("download"),
    );
    let waits = text(move || match now.with(|r| r.map(|r| r.is_over())) {
        Some(false) => "Nothing was said yet.".into(),
        _ => "It said nothing.".into(),
    });
    // A line break first, since a parser drops the first one of a `<pre>`.
    let said = Node::from(format!("\n{}", plain(&output.text)));
    let pre = el("pre")
        .class("log")
        .set("id", "output")
        .set("tabindex", "0")
        .set("aria-label", "Output")
        .set("data-step", output.step.to_string())
        .set("data-attempt", output.attempt.to_string())
        .set("data-end", output.total.to_string())
        .set("data-follows", output.follows);
    section()
        .class("card")
        .put(
            header()
                .put(h2().set("id", "output-title").put(title))
                .put(more),
        )
        .put(
            div()
                .class("body")
                .put(
                    p().class("small dim")
                        .set("id", "left-out")
                        .set("hidden", whole)
                        .put(left_out),
                )
                .put(pre.put(said))
                .put(
                    p().set("id", "said-nothing")
                        .set("hidden", !output.text.is_empty())
                        .put(dim(waits)),
                ),
        )
}
