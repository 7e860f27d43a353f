//! The board's right-hand column: what the plan says, beside what is happening.

use super::{maintenance, schedule};
use crate::{
    facts::words,
    node::{El, Node, div, span, ul},
    page::Page,
    parts::{card, dim, line, link, state, tel, when},
    room::service_name,
};
use domain::{
    Cover, Exposure, ServiceId, Stamp,
    failover::State,
    plan::{Contact, DataObjective, Escalation},
    words::{Icon, failover_icon},
};

pub fn aside(page: &Page) -> Vec<El> {
    let all = [
        Some(risk(page)),
        failovers(page),
        Some(contacts(page)),
        Some(next(page)),
    ];
    all.into_iter().flatten().collect()
}

/// Data at risk: the plan's objectives, and what is known of each. What nobody measures is never "within".
fn risk(page: &Page) -> El {
    let one = |o: &DataObjective| {
        let limit = if o.within.as_secs() == 0 {
            "nothing may be lost".to_owned()
        } else {
            format!("limit {}", o.within.words())
        };
        let exposure = page.measured.exposures.iter().find(|(id, _)| *id == o.id);
        let (says, now) = match exposure {
            None => (limit.into(), state(Icon::None, "Not measured")),
            Some((_, e)) => exposed(&limit, o, e, page.now),
        };
        let about = vec![
            Node::from(o.name.clone()),
            div().class("small dim").put(says).into(),
        ];
        line(about, now)
    };
    card(
        "Data at risk",
        (),
        ul().class("plain")
            .all(page.plan.objectives.rpo.iter().map(one)),
    )
}

fn exposed(limit: &str, o: &DataObjective, e: &Exposure, now: Stamp) -> (Node, El) {
    let says = format!("{limit} · {}", e.because);
    let Some(point) = e.point else {
        let (shape, word) = match e.cover {
            Cover::Follows => (Icon::Ok, "Seconds"),
            Cover::Alone | Cover::Silent => (Icon::Bad, "Unknown"),
        };
        return (says.into(), state(shape, word));
    };
    let until = match e.cover {
        // Nothing is written while nothing answers.
        Cover::Silent => e.since,
        Cover::Follows | Cover::Alone => now,
    };
    let lost = until.since(point);
    let shape = if lost > o.within {
        Icon::Bad
    } else {
        Icon::Warn
    };
    let says = vec![says.into(), " ".into(), Node::from(when(point))];
    (says.into(), state(shape, words(lost)))
}

/// Where each failover of the plan stands, and whether Muster may begin one.
fn failovers(page: &Page) -> Option<El> {
    let one = |(id, at): &(ServiceId, State)| {
        let name = link(
            format!("/failover/{id}"),
            service_name(&page.plan, id).to_owned(),
        );
        line(name, state(failover_icon(*at), at.words()))
    };
    let held = page.measured.held.as_ref().map(|held| {
        let says = format!("{} · {}", held.by, held.reason);
        let about = vec![
            Node::from("Automation"),
            div().class("small dim").put(says).into(),
        ];
        line(about, state(Icon::Warn, "Held"))
    });
    let all = &page.measured.failovers;
    (!all.is_empty()).then(|| {
        let list = ul().class("plain").all(all.iter().map(one)).put(held);
        card("Failover", (), list)
    })
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

/// Maintenance now and next, and what the plan's calendar has.
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
    let more = vec![
        link("/maintenance", "maintenance"),
        link("/plan#schedules", "all"),
    ];
    let list = ul().class("plain").all(maintenance::next(page)).all(lines);
    card("Next", more, list)
}
