//! Declaring: three questions, with what the failing checks suggest filled in already.

use super::comms::preview;
use crate::{
    node::{El, Node, details, div, fieldset, input, label, legend, p, section, span, summary},
    pages::head,
    parts::{Ask, Button, Form, dim, link, severity, state},
    room::{Room, needs},
};
use domain::{Health, Permission, ServiceId, Severity, plan::Service, words::health_icon};
use leptos::prelude::*;

pub fn page(room: Room, title: &str, affected: &[ServiceId]) -> Vec<El> {
    let page = room.page();
    let about = p()
        .class("dim")
        .put("In doubt, declare: it can be lowered or resolved in a minute.");
    let head = head("Declare an incident", about, ());
    if let Some(why) = needs(page.who.role, Permission::Respond) {
        return vec![
            head,
            section()
                .class("card lone")
                .put(div().class("body").put(p().put(why))),
        ];
    }
    let form = Form::to("/incidents", "declare");
    let failing: Vec<ServiceId> = match affected {
        [] => page
            .plan
            .services
            .iter()
            .filter(|s| health(room, &s.id) == Health::MajorOutage)
            .map(|s| s.id.clone())
            .collect(),
        named => named.to_vec(),
    };
    let what = Ask {
        hint: "Orders are failing",
        required: true,
        most: Some("200"),
        value: Some(title.to_owned()).filter(|t| !t.is_empty()),
        ..Ask::default()
    };
    let questions = vec![
        Node::from(form.line("title", "What is happening?", what)),
        severities(room, &form, &failing),
        services(room, &form, &failing),
        rest(&form).into(),
    ];
    let send = vec![
        Button::new("Declare the incident", Permission::Respond)
            .class("btn danger big")
            .view(),
        link("/", "Not now").class("btn quiet"),
    ];
    let body = vec![
        section()
            .class("card")
            .put(div().class("body").all(questions)),
        section().class("card tell").put(
            div()
                .class("body")
                .all(Severity::ALL.map(|s| preview::of(&page, s)))
                .all(preview::nobody()),
        ),
        div().class("acts").all(send),
    ];
    vec![head, form.view(body).class("declare")]
}

fn health(room: Room, id: &ServiceId) -> Health {
    room.world.with_untracked(|w| w.health(id))
}

/// The likeliest severity is chosen: the gravest where a service of the strictest tier is down.
fn suggestion(room: Room, failing: &[ServiceId]) -> Option<Severity> {
    let page = room.page();
    let strictest = page.plan.objectives.rto.iter().min_by_key(|t| t.within)?;
    let down: Vec<_> = failing
        .iter()
        .filter(|id| health(room, id) == Health::MajorOutage)
        .filter_map(|id| page.plan.service(id))
        .collect();
    let grave = down.iter().any(|s| s.tier == strictest.id);
    (!down.is_empty()).then_some(if grave {
        Severity::Sev1
    } else {
        Severity::Sev2
    })
}

fn radio(name: &'static str, value: &'static str, checked: bool) -> El {
    input()
        .set("type", "radio")
        .set("name", name)
        .set("value", value)
        .set("required", true)
        .set("checked", checked)
        .set("autocomplete", "off")
}

fn severities(room: Room, form: &Form, failing: &[ServiceId]) -> Node {
    let page = room.page();
    let chosen = form
        .typed("severity")
        .or(suggestion(room, failing).map(|s| s.id().to_owned()));
    let one = |s: Severity| {
        let policy = page.plan.communication.severity(s);
        let says = span()
            .put(severity(&page.plan, s))
            .put(policy.map(|p| span().put(p.description.clone())));
        let cadence = policy.map(|p| {
            dim(format!(
                "public word within {}, then every {}",
                p.first_update.words(),
                p.update_every.words()
            ))
        });
        label()
            .class("choice wide")
            .put(radio("severity", s.id(), chosen.as_deref() == Some(s.id())))
            .put(says.put(cadence))
    };
    vec![
        fieldset()
            .class("choices")
            .put(legend().put("How grave is it?"))
            .all(Severity::ALL.map(one)),
        form.sentence("severity"),
    ]
    .into()
}

fn services(room: Room, form: &Form, failing: &[ServiceId]) -> Node {
    let page = room.page();
    let chosen = form
        .typed_all("affected")
        .unwrap_or_else(|| failing.iter().map(|s| s.to_string()).collect());
    let is_chosen = |s: &Service| chosen.iter().any(|c| c == s.id.as_str());
    let mut order: Vec<&Service> = page.plan.services.iter().collect();
    order.sort_by_key(|s| (!is_chosen(s), std::cmp::Reverse(health(room, &s.id).rank())));
    let one = |s: &Service| {
        let now = health(room, &s.id);
        let mark = input()
            .set("type", "checkbox")
            .set("name", "affected")
            .set("value", s.id.to_string())
            .set("checked", is_chosen(s))
            .set("autocomplete", "off");
        label().class("choice").put(mark).put(
            span()
                .put(span().put(s.name.clone()))
                .put(state(health_icon(now), now.words())),
        )
    };
    let list = div().class("grid").all(order.into_iter().map(one));
    vec![
        fieldset()
            .class("choices")
            .put(legend().put("What is affected?"))
            .put(list),
        form.sentence("affected"),
    ]
    .into()
}

/// What is rarely asked: folded away.
fn rest(form: &Form) -> El {
    let kind = form.typed("kind").unwrap_or_else(|| "real".into());
    let public = form
        .typed_all("public")
        .is_none_or(|typed| !typed.is_empty());
    let one = |id: &'static str, name: &'static str, says: &'static str| {
        label()
            .class("choice wide")
            .put(radio("kind", id, kind == id))
            .put(span().put(span().put(name)).put(dim(says)))
    };
    let kinds = fieldset()
        .class("choices")
        .put(legend().put("Kind"))
        .put(one("real", "Real", "It is happening now."))
        .put(one(
            "drill",
            "Drill",
            "Practice. Never on the public status page: take that mark away below.",
        ))
        .put(one(
            "backfilled",
            "Backfilled",
            "It happened before; say when.",
        ));
    let mark = |name: &'static str, checked: bool| {
        input()
            .set("type", "checkbox")
            .set("name", name)
            .set("value", "on")
            .set("checked", checked)
            .set("autocomplete", "off")
    };
    let at = Ask {
        hint: "2026-11-22T14:02:11Z",
        most: Some("40"),
        ..Ask::default()
    };
    details()
        .class("rest")
        .set("open", form.was_refused())
        .put(summary().put("More: a drill, quiet, not public, or written down afterwards"))
        .put(kinds)
        .put(form.sentence("kind"))
        .put(
            label()
                .class("choice")
                .put(mark("public", public))
                .put(span().put("Show it on the public status page")),
        )
        .put(form.sentence("public"))
        .put(
            label()
                .class("choice")
                .put(mark("quiet", form.typed("quiet").is_some()))
                .put(
                    span()
                        .put("Quietly")
                        .put(dim("Tell nobody. Who looks at the board sees it.")),
                ),
        )
        .put(form.line(
            "occurred_at",
            "When it happened, in UTC (backfilled only)",
            at,
        ))
}
