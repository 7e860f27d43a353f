//! A run: its output on one side, its steps and why on the other.

use crate::{
    node::{El, Node, a, div, el, h1, h2, header, input, label, li, live, p, section, span, ul},
    page::Output,
    parts::{card, dim, incidents, link, plain, run, still, text, timeline, when},
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
    let page = room.page();
    let outlook = live(move || {
        now.get()
            .and_then(|r| run::outlook(&r, &page.past, room.now.get()))
    });
    let left = div().class("col").put(pane(now, &id, output)).put(card(
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
