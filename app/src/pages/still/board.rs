//! The board's right-hand column: what the plan says, beside what is happening.

use crate::{
    page::Page,
    pages::still::schedule,
    parts::{card, state, tel, when},
};
use domain::{plan::Escalation, words::Icon};
use leptos::prelude::*;

pub fn aside(page: &Page) -> AnyView {
    view! { {risk(page)}{contacts(page)}{next(page)} }.into_any()
}

/// Data at risk: the objectives of the plan. Nobody measures them yet, and "not measured" is never "within".
fn risk(page: &Page) -> AnyView {
    let lines = page.plan.objectives.rpo.iter().map(|o| {
        let limit = if o.within.as_secs() == 0 { "nothing may be lost".to_owned() } else { format!("limit {}", o.within.words()) };
        view! { <li><div class="grow">{o.name.clone()}<div class="small dim">{limit}</div></div>{state(Icon::None, "Not measured")}</li> }
    });
    card("Data at risk", (), view! { <ul class="plain">{lines.collect_view()}</ul> })
}

fn contacts(page: &Page) -> AnyView {
    let mut people: Vec<_> = page.plan.contacts.emergency.iter().collect();
    people.sort_by_key(|c| c.escalation);
    let lines = people.into_iter().map(|c| {
        let order = match c.escalation {
            Escalation::Primary => "Primary",
            Escalation::Secondary => "Secondary",
        };
        view! { <li><span class="order">{order}</span><span class="grow">{c.name.clone()}<span class="dim small">{format!(" {}", c.role)}</span></span>{tel(&c.phone)}</li> }
    });
    card("Contacts", view! { <a href="/contacts">"all"</a> }, view! { <ul class="plain calls">{lines.collect_view()}</ul> })
}

/// What the plan's calendar has next.
fn next(page: &Page) -> AnyView {
    let mut due: Vec<_> = page.plan.schedules.iter().map(|s| (schedule::next(s, page.now), s)).collect();
    due.sort_by_key(|(at, _)| (at.is_none(), *at));
    let lines = due.into_iter().take(4).map(|(at, s)| {
        let at = match at {
            Some(at) => view! { {when(at)} }.into_any(),
            None => schedule::words(s).into_any(),
        };
        view! { <li><span class="grow">{s.name.clone()}</span><span class="dim">{at}</span></li> }
    });
    card("Next by the plan", view! { <a href="/plan#schedules">"all"</a> }, view! { <ul class="plain">{lines.collect_view()}</ul> })
}
