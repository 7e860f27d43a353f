//! One service: what is known of it now, its ninety days, and what depends on it.

use super::{history, maintenance};
use crate::{
    facts::{self, words},
    node::{El, Node, div, el, li, p, tr, ul},
    page::Page,
    pages::head,
    parts::{card, cell, count, dim, incidents, line, link, stack, state, when},
    room::{Room, service_name},
};
use domain::{
    Health, ServiceId, Span,
    history::{Day, FLAPPING, History, LATELY},
    plan::Service,
    words::health_icon,
};
use leptos::prelude::*;

pub fn page(room: Room, id: &ServiceId) -> Vec<El> {
    let page = room.page();
    let Some(service) = page.plan.service(id) else {
        return super::other::not_found(&format!("The plan has no service `{id}`."));
    };
    let none = History::default();
    let history = page.measured.histories.get(id).unwrap_or(&none);
    let days = history.days(page.now);
    let tile = room.world.with_untracked(|w| {
        room.looks
            .with_untracked(|looks| facts::tile(&page.plan, w, looks, page.now, service))
    });
    let mark = state(tile.icon, tile.state);
    let left = div()
        .class("col")
        .put(now(room, service, tile.evidence))
        .put(card(
            "Last 90 days",
            el("b").put(history::percent(&days)),
            ninety(history, &days, &page),
        ))
        .put(troubles(&days));
    let right = div()
        .class("col")
        .put(windows(&page, id))
        .put(around(room, &page, service));
    vec![
        head(service.name.clone(), mark, ()),
        div().class("two").put(left).put(right),
    ]
}

/// What is known now, and since when.
fn now(room: Room, service: &Service, evidence: String) -> El {
    let known = room
        .world
        .with_untracked(|w| w.services.get(&service.id).cloned());
    let since = known
        .as_ref()
        .and_then(|k| k.since)
        .map(|at| el("span").put("since ").put(when(at)));
    let incident = room.world.with_untracked(|w| {
        let open = w
            .open_incidents()
            .into_iter()
            .find(|i| i.affected.contains(&service.id));
        open.map(|i| (i.number.clone(), i.title.clone()))
    });
    let covered = incident.map(|(number, title)| {
        p().put(link(
            incidents::address(&number),
            el("b").put(number.to_string()),
        ))
        .put(format!(" {title}"))
    });
    let health = known.as_ref().map(|k| k.health).unwrap_or_default();
    let because = known
        .map(|k| k.because.clone())
        .filter(|b| !b.is_empty() && !evidence.contains(b.as_str()));
    let about = (!service.description.is_empty())
        .then(|| p().class("dim").put(service.description.clone()));
    let body = div()
        .class("window")
        .put(
            p().put(state(health_icon(health), health.words()))
                .put(" ")
                .put(evidence),
        )
        .put(because.map(|b| p().class("small dim").put(b)))
        .put(covered)
        .put(about);
    card("Now", since, body)
}

fn ninety(history: &History, days: &[Day], page: &Page) -> Vec<Node> {
    let (lately, today) = (
        history.lately(page.now),
        days.last().map_or(0, |d| d.changes),
    );
    let flaps = if lately >= FLAPPING { lately } else { 0 };
    let ends = div()
        .class("ends small dim")
        .put(history::date(days.first().map_or(page.now, Day::begins)))
        .put(el("span").put("today"));
    let rule = format!(
        "A major outage counts whole and a partial one three tenths, as on Statuspage; degraded service does not. Maintenance \
         and time in which nobody looked are left out. Flapping: {FLAPPING} or more changes within {}.",
        LATELY.words()
    );
    vec![
        history::strip(days).into(),
        ends.into(),
        history::changes(flaps, today).into(),
        history::legend().into(),
        p().class("small dim").put(rule).into(),
    ]
}

/// The days with trouble, the latest first: what a bar of the strip stands for.
fn troubles(days: &[Day]) -> El {
    let told = days
        .iter()
        .rev()
        .filter(|d| history::trouble(d) || d.of(Health::Maintenance) > 0);
    let row = |day: &Day| {
        let unseen = Span::secs(u64::from(day.of(Health::NoData)));
        let unseen = (unseen.as_secs() >= 60).then(|| dim(format!(" no data {}", words(unseen))));
        tr().put(cell("Day", history::date(day.begins())).class("keep"))
            .put(cell("Up", history::percent(std::slice::from_ref(day))).class("keep"))
            .put(cell("What", history::parts(day)).put(unseen))
            .put(cell("Changes", day.changes.to_string()))
    };
    let rows: Vec<El> = told.map(row).collect();
    match rows.is_empty() {
        true => card(
            "Days with trouble",
            (),
            p().class("dim").put("None in the last 90 days."),
        ),
        false => {
            let title = format!("Days with trouble or maintenance: {}", rows.len());
            card(title, (), stack(&["Day", "Up", "What", "Changes"], rows))
        }
    }
}

fn windows(page: &Page, id: &ServiceId) -> El {
    let mine = page
        .measured
        .maintenances
        .iter()
        .filter(|m| m.services.contains(id));
    let rows: Vec<El> = mine
        .map(|m| {
            let what = vec![
                Node::from(link(maintenance::address(m), m.title.clone())),
                div().class("small dim").put(maintenance::span_of(m)).into(),
            ];
            line(what, maintenance::stage(m.stage))
        })
        .collect();
    let body: Node = match rows.is_empty() {
        true => p().class("dim").put("None is scheduled.").into(),
        false => ul().class("plain").all(rows).into(),
    };
    card("Maintenance", link("/maintenance", "schedule"), body)
}

fn needed(by: usize) -> String {
    match by {
        1 => "1 service depends on it".into(),
        n => format!("{n} services depend on it"),
    }
}

/// What it needs, and what needs it.
fn around(room: Room, page: &Page, service: &Service) -> El {
    let one = |id: &ServiceId| {
        let health = room.world.with_untracked(|w| w.health(id));
        let name = match page.plan.service(id) {
            Some(s) => link(history::address(s), s.name.clone()),
            None => el("span").put(service_name(&page.plan, id).to_owned()),
        };
        li().put(div().class("grow").put(name))
            .put(state(health_icon(health), health.words()))
    };
    let on = service.depends_on.iter().map(one).collect::<Vec<_>>();
    let of: Vec<&ServiceId> =
        domain::maintenance::dependents(&page.plan, std::slice::from_ref(&service.id));
    let of = of.into_iter().map(one).collect::<Vec<_>>();
    let group = |title: String, rows: Vec<El>| {
        (!rows.is_empty()).then(|| {
            div()
                .put(crate::node::h3().put(title))
                .put(ul().class("plain").all(rows))
        })
    };
    let alone = (on.is_empty() && of.is_empty()).then(|| p().class("dim").put("It stands alone."));
    let body = div()
        .put(group(
            format!("It depends on {}", count(on.len(), "service")),
            on,
        ))
        .put(group(needed(of.len()), of))
        .put(alone);
    card("Around it", (), body)
}
