//! A run: its output on one side, its steps and why on the other.

use crate::{
    page::Output,
    parts::{card, escaped, live, plain, run, text, timeline, when},
    room::Room,
};
use domain::{Mode, Run, RunId, words};
use leptos::prelude::*;
use std::sync::Arc;

pub fn page(room: Room, id: RunId, output: Output) -> AnyView {
    let now: Memo<Option<Arc<Run>>> = {
        let id = id.clone();
        Memo::new(move |_| room.run(&id))
    };
    let name = text(move || now.with(|r| r.as_ref().map(|r| r.runbook.name.clone()).unwrap_or_default()));
    let head = live(move || {
        let Some(r) = now.get() else { return ().into_any() };
        view! {
            {run::status(&r)}
            {(r.mode == Mode::Drill).then(|| view! { <span class="chip drill">"Drill"</span> })}
            <p class="dim about">
                {format!("run {}", words::short(r.id.as_str()))}
                {r.incident.as_ref().map(|n| view! { " for "<a href=crate::parts::incidents::address(n)>{n.to_string()}</a> })}
                {format!(" · {} · plan {} · started by {} ", run::progress(&r), words::short(r.plan.as_str()), r.started_by)}{when(r.started_at)}
            </p>
        }
        .into_any()
    });
    let shown = (output.attempt > 0).then_some((output.step, output.attempt));
    let steps = live(move || now.get().map(|r| run::steps(&r, room.now.get(), true, shown)).into_any());
    view! {
        <main id="main" class="page run-page" tabindex="-1">
            <div class="head"><h1>{name}</h1>{head}</div>
            {run::answers(room, id.clone())}
            <div class="two">
                <div class="col">{pane(now, &id, output)}</div>
                <div class="col">
                    {card("Steps", (), steps)}
                    {card("What happened", (), timeline::timeline(room, None))}
                </div>
            </div>
        </main>
    }
    .into_any()
}

/// The output. The browser appends to it by hand: a long log is not a value to compare on every line.
fn pane(now: Memo<Option<Arc<Run>>>, id: &RunId, output: Output) -> AnyView {
    let step = now.with_untracked(|r| r.as_ref().and_then(|r| r.runbook.steps.get(output.step as usize)).map(|s| s.name.clone()));
    let title = match (&step, output.attempt) {
        (Some(step), 1..) => format!("Output · {step}, attempt {}", output.attempt),
        _ => "Output".to_owned(),
    };
    let at = format!("{}/output?step={}&attempt={}", run::address(id), output.step, output.attempt);
    let from = output.offset.to_string();
    let end = output.total.to_string();
    let whole = output.offset == 0;
    let left_out = (output.offset > 0).then(|| format!("The first {} bytes are not shown; download has them all.", output.offset));
    let none = output.text.is_empty();
    let waits = text(move || match now.with(|r| r.as_ref().map(|r| r.is_over())) {
        Some(false) => "Nothing was said yet.".into(),
        _ => "It said nothing.".into(),
    });
    let more = view! {
        <label class="needs-script"><input type="checkbox" id="follow" checked autocomplete="off"/>" follow"</label>
        " "<a id="download" href=at download="">"download"</a>
    };
    // A line break first, since a parser drops the first one of a `<pre>`.
    let text = format!("\n{}", escaped(&plain(&output.text)));
    view! {
        <section class="card">
            <header><h2 id="output-title">{title}</h2><span class="more">{more}</span></header>
            <div class="body">
                <p class="small dim" id="left-out" hidden=whole>{left_out}</p>
                <pre class="log" id="output" tabindex="0" aria-label="Output" data-run=id.to_string() data-step=output.step.to_string()
                    data-attempt=output.attempt.to_string() data-from=from data-end=end data-follows=output.follows.then_some("") inner_html=text></pre>
                <p class="small dim" id="said-nothing" hidden=!none>{waits}</p>
            </div>
        </section>
    }
    .into_any()
}
