//! The output of a command: its tools, and the place where its lines are shown. The server draws the last lines; in the
//! browser `browser::output` takes the place over, and holds as many lines as fit on the screen.

use super::{run, still, text};
use crate::{
    node::{El, a, div, h2, header, input, label, p, section, span},
    page::Output,
    room::Followed,
};
use domain::{Run, RunId};

pub fn pane(now: Followed<Run>, id: &RunId, output: &Output) -> El {
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
    let follow = label()
        .class("needs-script")
        .set("hidden", output.over)
        .put(
            input()
                .set("type", "checkbox")
                .set("id", "follow")
                .set("checked", true)
                .set("autocomplete", "off"),
        );
    let more = span().class("more").put(follow.put(" follow")).put(
        a().set("id", "download")
            .set("href", address)
            .set("download", true)
            .put("download"),
    );
    let waits = text(move || match now.with(|r| r.map(|r| r.is_over())) {
        Some(false) => "Nothing was said yet.".into(),
        _ => "It said nothing.".into(),
    });
    let log = div()
        .class("log lines")
        .set("id", "output")
        .set("tabindex", "0")
        .set("role", "log")
        .set("aria-live", "off")
        .set("aria-label", "Output")
        .put(
            div()
                .class("space")
                .put(div().class("rows").html(still!(rows(output)))),
        );
    section()
        .class("card output")
        .put(
            header()
                .put(h2().set("id", "output-title").put(title))
                .put(more),
        )
        .put(
            div()
                .class("body")
                .put(div().class("tools").html(still!(tools(output))))
                .put(log)
                .put(
                    p().class("small dim")
                        .set("id", "said-nothing")
                        .set("hidden", output.lines > 0)
                        .put(waits),
                ),
        )
}

/// Search, and going to a line. Without scripting, what is left out instead.
#[cfg(feature = "ssr")]
fn tools(output: &Output) -> Vec<El> {
    let button = |does: &'static str, label: &'static str, says: &'static str| {
        crate::node::button()
            .class("btn small")
            .set("type", "button")
            .set("data-log", does)
            .set("aria-label", label)
            .set("title", label)
            .put(says)
    };
    let field = |id: &'static str, kind: &'static str, label: &'static str| {
        input()
            .set("id", id)
            .set("type", kind)
            .set("aria-label", label)
            .set("placeholder", label)
            .set("autocomplete", "off")
    };
    let first = output.last.iter().find_map(|said| said.number);
    let whole = first.is_none_or(|first| first == 1);
    let left_out = format!(
        "From line {} of {} on; the download has all.",
        first.unwrap_or(1),
        output.lines
    );
    vec![
        div()
            .class("needs-script")
            .put(field("find", "search", "Find in the output").set("enterkeyhint", "search"))
            .put(button("previous", "Previous match", "↑"))
            .put(button("next", "Next match", "↓"))
            .put(
                crate::node::el("output")
                    .class("small dim")
                    .set("id", "found")
                    .set("for", "find"),
            ),
        div()
            .class("needs-script")
            .put(field("line", "text", "Go to line").set("inputmode", "numeric"))
            .put(button("top", "First line", "⤒"))
            .put(button("end", "Last line", "⤓")),
        p().class("no-script small dim")
            .set("hidden", whole)
            .put(left_out),
    ]
}

/// The lines as the browser draws them too.
#[cfg(feature = "ssr")]
fn rows(output: &Output) -> Vec<El> {
    let row = |said: &crate::page::Said| {
        let number = said.number.map(|number| {
            a().set("id", format!("L{number}"))
                .set("href", format!("#L{number}"))
                .set("data-n", number.to_string())
                .set("tabindex", "-1")
                .set("aria-hidden", "true")
        });
        let runs = said.runs.iter().map(|(class, text)| {
            let class = (!class.is_empty()).then(|| class.clone());
            span().set("class", class).put(text.clone())
        });
        p().put(number).all(runs)
    };
    output.last.iter().map(row).collect()
}
