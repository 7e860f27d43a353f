//! A clock: a big figure, what it counts, the limit, and how far on the way to it.

use crate::{
    facts::{Limit, words},
    node::{El, div, el, span},
};

pub struct Clock {
    pub what: String,
    pub figure: String,
    pub limit: Option<Limit>,
    /// What it is measured against, and how sure it is.
    pub of: String,
    pub tone: &'static str,
}

pub fn clock(clock: Clock) -> El {
    let meter = clock.limit.map(|limit| {
        let (used, within) = (
            limit.used.as_secs().min(limit.within.as_secs()),
            limit.within.as_secs().max(1),
        );
        let label = format!("{} of {} used", words(limit.used), limit.within.words());
        el("meter")
            .set("min", "0")
            .set("max", within.to_string())
            .set("value", used.to_string())
            .set("aria-label", label)
    });
    div()
        .class(format!("clock {}", clock.tone))
        .put(span().class("what").put(clock.what))
        .put(el("b").put(clock.figure))
        .put(meter)
        .put(span().class("of").put(clock.of))
}
