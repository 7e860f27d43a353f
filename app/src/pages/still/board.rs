//! The board's right-hand column: what the plan says, beside what is happening.

use super::schedule;
use crate::{
    node::{El, Node, div, span, ul},
    page::Page,
    parts::{card, dim, line, link, state, tel, when},
};
use domain::{
    plan::{Contact, Escalation},
    words::Icon,
};

pub fn aside(page: &Page) -> Vec<El> {
    vec![risk(page), contacts(page), next(page)]
}

/// Data at risk: the objectives of the plan. Nobody measures them yet, and "not measured" is never "within".
fn risk(page: &Page) -> El {
    let one = |o: &domain::plan::DataObjective| {
        let limit = if o.within.as_secs() == 0 {
            "nothing may be lost".to_owned()
        } else {
            format!("limit {}", o.within.words())
        };
        let about = vec![
            Node::from(o.name.clone()),
            div().class("small dim").put(limit).into(),
        ];
        line(about, state(Icon::None, "Not measured"))
    };
    card(
        "Data at risk",
        (),
        ul().class("plain")
            .all(page.plan.objectives.rpo.iter().map(one)),
    )
}

fn contacts(page: &Page) -> El {
    let mut people: Vec<_> = page.plan.contacts.emergency.iter().collect();
    people.sort_by_key(|c| c.escalation);
    let one = |c: &Contact| {
        let order = match c.escalation {
            Escalation::Primary => "Primary",
            Escalation::Secondary => "Secondary",
        };
        let name = vec![
            Node::from(c.name.clone()),
            dim(format!(" {}", c.role)).into(),
        ];
        crate::node::li()
            .put(span().class("order").put(order))
            .put(div().class("grow").put(name))
            .put(tel(&c.phone))
    };
    card(
        "Contacts",
        link("/contacts", "all"),
        ul().class("plain").all(people.into_iter().map(one)),
    )
}

/// What the plan's calendar has next.
fn next(page: &Page) -> El {
    let mut due: Vec<_> = page
        .plan
        .schedules
        .iter()
        .map(|s| (schedule::next(s, page.now), s))
        .collect();
    due.sort_by_key(|(at, _)| (at.is_none(), *at));
    let lines = due.into_iter().take(4).map(|(at, s)| {
        let at: Node = match at {
            Some(at) => when(at).into(),
            None => schedule::words(s).into(),
        };
        line(s.name.clone(), dim(at))
    });
    card(
        "Next by the plan",
        link("/plan#schedules", "all"),
        ul().class("plain").all(lines),
    )
}
