//! How long a run will still take, going by the runs before it.

use crate::{
    facts,
    node::{El, el, p},
    page::Past,
};
use domain::{Mode, Run, RunStatus, Stamp};

/// A bar with its words; without any run to judge by, only the words.
pub fn outlook(run: &Run, past: &Past, now: Stamp) -> Option<El> {
    if run.is_over() || run.mode == Mode::DryRun || run.status == RunStatus::Cancelling {
        return None;
    }
    let words = p().class("small dim outlook");
    if past.runs == 0 {
        return Some(words.put("How long it takes: no earlier run to judge by."));
    }
    let (left, all) = past.left(run, now);
    let (left, all) = (left.micros() as u64 / 1000, all.micros() as u64 / 1000);
    let median = match past.runs {
        1 => "as the one run before".to_owned(),
        runs => format!("median of {runs} runs"),
    };
    let moves = run.status == RunStatus::Running;
    let says = match (left / 1000, moves) {
        (0, true) => format!("Longer than usual ({median})"),
        (left, _) => format!(
            "About {} {} ({median})",
            facts::words(domain::Span::secs(left)),
            if moves { "left" } else { "of work left" }
        ),
    };
    let bar = el("progress")
        .set("max", (all.max(1)).to_string())
        .set("value", (all - left).to_string())
        .set("aria-label", says.clone());
    Some(words.put(bar).put(says))
}
