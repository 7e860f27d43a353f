//! Scheduling a window: asked first, then shown with all that it will touch, then told.

use super::acts::local;
use crate::{
    node::{El, Node, div, el, fieldset, input, label, legend, li, p, span, ul},
    page::{Draft, Planned},
    parts::{Ask, Button, Form, card as plate, dim, hidden, link, state, when},
    room::{Room, needs, service_name},
};
use domain::{Permission, ServiceId, Stamp, maintenance::dependents, words::health_icon};
use leptos::prelude::*;

/// A window that nobody has thought about yet begins at the next full hour but one, and lasts an hour.
const HOUR: i64 = 3_600_000_000;

pub fn card(room: Room) -> Vec<El> {
    let page = room.page();
    if let Some(why) = needs(page.who.role, Permission::Command) {
        return vec![plate("Schedule maintenance", (), p().class("dim").put(why))];
    }
    let draft = page.measured.draft.clone();
    let planned = draft.as_deref().and_then(|d| d.planned.as_ref());
    match (draft.as_deref(), planned) {
        (Some(draft), Some(planned)) => {
            vec![preview(room, draft, planned), asks(room, Some(draft))]
        }
        (draft, _) => vec![asks(room, draft)],
    }
}

/// The questions. They are asked by GET: nothing is told to anybody by them.
fn asks(room: Room, draft: Option<&Draft>) -> El {
    let page = room.page();
    let form = Form::to("/maintenance", "schedule");
    let typed = |name: &str, of: fn(&Draft) -> &String| {
        form.typed(name).or_else(|| draft.map(|d| of(d).clone()))
    };
    let title = Ask {
        hint: "The database gets new disks",
        required: true,
        shortest: Some("3"),
        most: Some("200"),
        value: typed("title", |d| &d.title),
        ..Ask::default()
    };
    let zone = Ask {
        required: true,
        most: Some("60"),
        list: Some("zones"),
        value: typed("zone", |d| &d.zone).or(Some("UTC".into())),
        ..Ask::default()
    };
    let soon = |hours: i64| Some(local(Stamp((page.now.0.div_euclid(HOUR) + hours) * HOUR)));
    let time = |name: &'static str, says: &'static str, value: Option<String>| {
        let control = input()
            .set("type", "datetime-local")
            .set("required", true)
            .set("value", value);
        form.labelled(name, name, says, control)
    };
    let from = typed("from", |d| &d.from).or_else(|| soon(2));
    let until = typed("until", |d| &d.until).or_else(|| soon(3));
    let message = typed("message", |d| &d.message).unwrap_or_default();
    let message = el("textarea")
        .set("rows", "2")
        .set("maxlength", "4000")
        .set("placeholder", "What is done, and what people will notice")
        // A parser drops the first line break.
        .put(format!("\n{message}"));
    let body: Vec<Node> = vec![
        form.sentence("").into(),
        form.line("title", "What is done?", title).into(),
        form.labelled("message", "message", "What is told of it", message)
            .into(),
        services(room, &form, draft),
        div()
            .class("halves")
            .put(time("from", "From", from))
            .put(time("until", "Until", until))
            .into(),
        form.line("zone", "These times are in", zone).into(),
        el("datalist")
            .set("id", "zones")
            .all(
                zones(room)
                    .into_iter()
                    .map(|z| el("option").set("value", z)),
            )
            .into(),
        public(&form, draft),
        div()
            .class("acts")
            .put(
                Button::new("Show what it touches", Permission::Command)
                    .main()
                    .view(),
            )
            .into(),
    ];
    let form = el("form")
        .set("method", "get")
        .set("action", "/maintenance")
        .put(body);
    plate("Schedule maintenance", (), form)
}

/// UTC, and the zones that the plan knows.
fn zones(room: Room) -> Vec<String> {
    let mut zones = vec!["UTC".to_owned()];
    for schedule in &room.page().plan.schedules {
        if !zones.contains(&schedule.timezone) {
            zones.push(schedule.timezone.clone());
        }
    }
    zones
}

fn services(room: Room, form: &Form, draft: Option<&Draft>) -> Node {
    let page = room.page();
    let chosen: Vec<ServiceId> = match form.typed_all("services") {
        Some(typed) => typed.into_iter().map(ServiceId).collect(),
        None => draft.map(|d| d.services.clone()).unwrap_or_default(),
    };
    let one = |service: &domain::plan::Service| {
        let now = room.world.with_untracked(|w| w.health(&service.id));
        let mark = input()
            .set("type", "checkbox")
            .set("name", "services")
            .set("value", service.id.to_string())
            .set("checked", chosen.contains(&service.id))
            .set("autocomplete", "off");
        label().class("choice").put(mark).put(
            span()
                .put(span().put(service.name.clone()))
                .put(state(health_icon(now), now.words())),
        )
    };
    let list = div().class("grid").all(page.plan.services.iter().map(one));
    vec![
        fieldset()
            .class("choices")
            .put(legend().put("Which services?"))
            .put(list),
        form.sentence("services"),
    ]
    .into()
}

fn public(form: &Form, draft: Option<&Draft>) -> Node {
    let typed = form.typed_all("public").map(|typed| !typed.is_empty());
    let mark = input()
        .set("type", "checkbox")
        .set("name", "public")
        .set("value", "on")
        .set("checked", typed.or(draft.map(|d| d.public)).unwrap_or(true))
        .set("autocomplete", "off");
    label()
        .class("choice")
        .put(mark)
        .put(span().put("Announce it on the public status page"))
        .into()
}

/// What will happen, and the button that tells it.
fn preview(room: Room, draft: &Draft, planned: &Planned) -> El {
    let page = room.page();
    let name = |id: &ServiceId| service_name(&page.plan, id).to_owned();
    let touched = draft.services.iter().map(|id| {
        let face = page.plan.service(id).and_then(|s| s.public.as_ref());
        let says = match (draft.public, face) {
            (true, Some(face)) => format!("announced as {}", face.name),
            (true, None) => "has no public name: not announced".into(),
            (false, _) => "not announced".into(),
        };
        li().put(div().class("grow").put(name(id))).put(dim(says))
    });
    let others: Vec<String> = dependents(&page.plan, &draft.services)
        .into_iter()
        .map(name)
        .collect();
    let others = (!others.is_empty()).then(|| {
        p().class("notice").put(format!(
            "Not in the window, but depending on it: {}. Where they fail they are told as failed.",
            others.join(", ")
        ))
    });
    let overlap = page.measured.maintenances.iter().filter(|m| {
        let same = m.services.iter().any(|s| draft.services.contains(s));
        !m.stage.is_over() && same && m.from < planned.until && planned.from < m.until
    });
    let overlap = overlap.map(|m| {
        p().class("notice")
            .put("It overlaps with ")
            .put(link(super::address(m), format!("{} {}", m.id, m.title)))
            .put(".")
    });
    let length = crate::facts::words(planned.until.since(planned.from));
    let times = p()
        .put("From ")
        .put(when(planned.from))
        .put(" until ")
        .put(when(planned.until))
        .put(format!(" ({length}) "))
        .put(dim(format!(
            "{} to {}",
            planned.from.minute(),
            planned.until.minute()
        )));
    let form = Form::to("/maintenance", "confirm");
    let mut fields = vec![
        hidden("title", draft.title.clone()),
        hidden("message", draft.message.clone()),
        hidden("from", draft.from.clone()),
        hidden("until", draft.until.clone()),
        hidden("zone", draft.zone.clone()),
        hidden("public", if draft.public { "on" } else { "" }),
    ];
    fields.extend(
        draft
            .services
            .iter()
            .map(|id| hidden("services", id.to_string())),
    );
    let begins = match planned.from <= page.now {
        true => "Begin it now",
        false => "Schedule it",
    };
    let acts = div()
        .class("acts")
        .put(Button::new(begins, Permission::Command).main().view())
        .put(link("/maintenance", "Not now").class("btn quiet"));
    let form = form.view(Node::from(
        fields.into_iter().chain([acts]).collect::<Vec<_>>(),
    ));
    let body = div()
        .class("window")
        .put(p().put(el("b").put(draft.title.clone())))
        .put(times)
        .put(ul().class("plain").all(touched))
        .put(others)
        .all(overlap.collect::<Vec<_>>())
        .put(form);
    div()
        .class("preview")
        .put(plate("Before it is told", (), body))
}
