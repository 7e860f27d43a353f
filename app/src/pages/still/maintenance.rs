//! Maintenance windows: what goes on, what is to come, what is over, and scheduling one in two steps: what it will touch is
//! shown before it is told to anybody.

mod acts;
mod draft;

use crate::{
    node::{El, Node, div, el, h3, li, p, span, ul},
    page::Page,
    pages::head,
    parts::{card, dim, link, state, when},
    room::{Room, service_name},
};
use domain::{
    Health, Maintenance, ServiceId, ServiceState, Stage,
    maintenance::Word,
    words::{Icon, health_icon},
};
use std::sync::Arc;

pub fn page(room: Room) -> Vec<El> {
    let page = room.page();
    let (open, past): (Vec<_>, Vec<_>) = page
        .measured
        .maintenances
        .iter()
        .partition(|m| !m.stage.is_over());
    let about = p().class("dim about").put(
        "While a window lasts its services are shown in maintenance, and nothing is proposed or begun by itself for them. \
         Their checks go on: what they find is held, and told when the window ends.",
    );
    let windows: Node = match open.is_empty() {
        true => card(
            "Now and next",
            (),
            p().class("dim").put("Nothing is scheduled."),
        )
        .into(),
        false => open
            .into_iter()
            .map(|m| window(&page, m))
            .collect::<Vec<_>>()
            .into(),
    };
    let over = (!past.is_empty()).then(|| {
        let rows = past.into_iter().map(|m| over(&page, m));
        card("Past", (), ul().class("plain").all(rows))
    });
    vec![
        head("Maintenance", about, ()),
        div()
            .class("two")
            // The form beside it is left alone whatever happens.
            .put(
                div()
                    .class("col")
                    .set("id", "windows")
                    .set("data-follow", true)
                    .put(windows)
                    .put(over),
            )
            .put(div().class("col").put(draft::card(room))),
    ]
}

/// Where the windows are shown, and one of them among them.
pub fn address(window: &Maintenance) -> String {
    format!("/maintenance#{}", window.id)
}

pub fn stage(stage: Stage) -> El {
    let icon = match stage {
        Stage::Scheduled => Icon::None,
        Stage::InProgress | Stage::Verifying => Icon::Run,
        Stage::Completed => Icon::Ok,
        Stage::Cancelled => Icon::Skip,
    };
    state(icon, stage.words())
}

/// From when until when, as the reader's own time.
pub fn span_of(window: &Maintenance) -> El {
    span()
        .put(when(window.from))
        .put(" – ")
        .put(when(window.until))
}

fn names(page: &Page, services: &[ServiceId]) -> String {
    let names = services.iter().map(|id| service_name(&page.plan, id));
    names.collect::<Vec<_>>().join(", ")
}

fn window(page: &Page, window: &Arc<Maintenance>) -> El {
    let public = match window.public {
        true => "on the public status page",
        false => "not public",
    };
    let facts = [
        format!("{} · ", names(page, &window.services)),
        format!("scheduled by {} · {public}", window.by),
    ];
    let held: Vec<El> = window
        .services
        .iter()
        .filter_map(|id| finding(page, window, id))
        .collect();
    let held = (!held.is_empty()).then(|| {
        div()
            .put(h3().put("Found by the checks, and held"))
            .put(ul().class("plain").all(held))
    });
    let body = div()
        .class("window")
        .put(p().put(el("b").put(window.title.clone())))
        .put(p().put(span_of(window)).put(dim(format!(
            " ({} to {})",
            window.from.minute(),
            window.until.minute()
        ))))
        .put(p().class("small dim").put(facts.concat()))
        .put(held)
        .put(words(&window.updates))
        .put(acts::of(window));
    card(window.id.to_string(), stage(window.stage), body).set("id", window.id.to_string())
}

/// What the checks say of a service of a window that holds, where that is not what one would wish.
fn finding(page: &Page, window: &Maintenance, id: &ServiceId) -> Option<El> {
    if !window.stage.holds() {
        return None;
    }
    let found = page.measured.found.iter().find(|(held, _)| held == id);
    let found: Option<&ServiceState> = found.map(|(_, found)| &**found);
    let health = found.map(|f| f.health).unwrap_or_default();
    if health == Health::Operational {
        return None;
    }
    let because = match found {
        Some(found) => found.because.clone(),
        None => "not looked at since the window began".into(),
    };
    let what = div()
        .class("grow")
        .put(service_name(&page.plan, id).to_owned())
        .put(div().class("small dim").put(because));
    Some(
        li().put(what)
            .put(state(health_icon(health), health.words())),
    )
}

/// What was told, the latest first.
fn words(updates: &[Word]) -> El {
    let one = |word: &Word| {
        let head = vec![
            Node::from(word.stage.words()),
            " ".into(),
            when(word.at).into(),
            dim(format!(" {}", word.by)).into(),
        ];
        li().put(div().class("small").put(head))
            .put(p().put(word.message.clone()))
    };
    ul().class("told").all(updates.iter().rev().map(one))
}

fn over(page: &Page, window: &Maintenance) -> El {
    let last = window.updates.last().map(|word| word.message.clone());
    let what = div()
        .class("grow")
        .put(el("b").class("keep").put(window.id.to_string()))
        .put(format!(" {}", window.title))
        .put(div().class("small dim").put(span_of(window)).put(format!(
            " · {} · {}",
            names(page, &window.services),
            last.unwrap_or_default()
        )));
    li().set("id", window.id.to_string())
        .put(what)
        .put(stage(window.stage))
}

/// The windows that are to come or go on, for the board.
pub fn next(page: &Page) -> Vec<El> {
    let open = page
        .measured
        .maintenances
        .iter()
        .filter(|m| !m.stage.is_over());
    let one = |window: &Arc<Maintenance>| {
        let what = div()
            .class("grow")
            .put(link(address(window), window.title.clone()))
            .put(div().class("small dim").put(names(page, &window.services)));
        let end: Node = match window.stage.holds() {
            true => vec![
                Node::from(stage(window.stage)),
                dim(" until ").put(when(window.until)).into(),
            ]
            .into(),
            false => dim(when(window.from)).into(),
        };
        li().put(what).put(div().put(end))
    };
    open.take(4).map(one).collect()
}
