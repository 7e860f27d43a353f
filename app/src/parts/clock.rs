//! A clock: a big figure, what it counts, the limit, and how far on the way to it.

use crate::facts::Limit;
use leptos::prelude::*;

pub struct Clock {
    pub what: String,
    pub figure: String,
    pub limit: Option<Limit>,
    /// What it is measured against, and how sure it is.
    pub of: String,
    pub tone: &'static str,
}

pub fn clock(clock: Clock) -> AnyView {
    let meter = clock.limit.map(|limit| {
        let (used, within) = (limit.used.as_secs().min(limit.within.as_secs()), limit.within.as_secs().max(1));
        let label = format!("{} of {} used", crate::facts::words(limit.used), limit.within.words());
        view! { <meter min="0" max=within.to_string() value=used.to_string() aria-label=label></meter> }
    });
    view! {
        <div class=format!("clock {}", clock.tone)>
            <span class="what">{clock.what}</span>
            <b>{clock.figure}</b>
            {meter}
            <span class="of">{clock.of}</span>
        </div>
    }
    .into_any()
}
