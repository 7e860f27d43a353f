//! The timeline: newest first, filtered by topic without a script, with what was pinned above.

use crate::{
    node::{
        El, Node, blockquote, button, div, fieldset, input, label, legend, li, live, ol, rows, span,
    },
    parts::{Form, hidden, icon, when},
    room::{Room, service_name},
};
use domain::{
    Event, Number, Permission, Stamped,
    words::{self, Line, Topic},
};
use leptos::prelude::*;
use std::sync::Arc;

/// The topics, each a radio button: the style sheet hides what is not asked for.
const TOPICS: [(&str, &str); 5] = [
    ("all", "All"),
    ("people", "People"),
    ("runs", "Runs"),
    ("messages", "Messages"),
    ("services", "Services"),
];

pub fn topics() -> El {
    let one = |(id, name): (&'static str, &'static str)| {
        let radio = input()
            .set("type", "radio")
            .set("name", "topic")
            .set("value", id)
            .set("checked", id == "all")
            .set("autocomplete", "off");
        label().put(radio).put(span().put(name))
    };
    div()
        .class("topics")
        .put(
            fieldset()
                .class("tabs")
                .put(legend().class("vh").put("Show"))
                .all(TOPICS.map(one)),
        )
        .put(filter("timeline"))
}

/// A field that hides the rows which do not hold what is typed; only where there is a script to do it.
pub fn filter(what: &'static str) -> El {
    let field = input()
        .set("type", "search")
        .set("placeholder", "Filter  /")
        .set("autocomplete", "off")
        .set("data-filter", what);
    label()
        .class("needs-script find")
        .put(span().class("vh").put("Filter"))
        .put(field)
}

/// The lines. With an incident, each can be pinned there.
pub fn timeline(room: Room, incident: Option<Number>) -> El {
    let may_pin = incident.is_some() && room.may(Permission::Respond);
    let names = move || {
        room.timeline
            .with(|t| t.iter().rev().map(|s| s.seq.to_string()).collect())
    };
    let list = rows(names, move |name| {
        find(room, &name).map_or_else(li, |stamped| entry(room, &stamped, may_pin))
    });
    let list = ol().class("line").set("id", "timeline").put(list);
    match incident {
        Some(number) => Form::to(format!("/incidents/{number}/pins"), "pin")
            .view(vec![hidden("pinned", "true"), list]),
        None => list,
    }
}

/// Lines that a person singled out, with a button to let go of each.
pub fn pinned(room: Room, number: Number) -> El {
    let may = room.may(Permission::Respond);
    let form = Form::to(format!("/incidents/{number}/pins"), "unpin");
    let incident = room.follow_incident(&number);
    let names = move || {
        incident.with(|i| {
            i.map(|i| i.pinned.iter().map(u64::to_string).collect())
                .unwrap_or_default()
        })
    };
    let none = move || incident.with(|i| i.is_none_or(|i| i.pinned.is_empty()));
    let list = rows(names, move |name| {
        let Some(stamped) = find(room, &name) else {
            return li().put(format!("Line {name} of the timeline"));
        };
        let line = said(room, &stamped);
        let says = div()
            .put(when(stamped.at))
            .put(format!(" {}", line.says))
            .put(line.quote.map(|q| blockquote().put(q)));
        let unpin = may.then(|| {
            button()
                .class("btn quiet")
                .set("name", "seq")
                .set("value", name)
                .put("Unpin")
        });
        li().put(span().class(line.icon.tone()).put(icon("pin")))
            .put(says)
            .put(unpin)
    });
    div()
        .class("pins")
        .hide(none)
        .put(form.view(vec![hidden("pinned", "false"), ol().put(list)]))
}

fn find(room: Room, seq: &str) -> Option<Arc<Stamped>> {
    let seq = seq.parse::<u64>().ok()?;
    room.timeline.with_untracked(|t| {
        t.binary_search_by_key(&seq, |s| s.seq)
            .ok()
            .map(|i| t[i].clone())
    })
}

fn said(room: Room, stamped: &Stamped) -> Line {
    let mut line = room.world.with_untracked(|w| words::line(w, stamped));
    if let Event::ServiceChanged { service, .. } = &stamped.event {
        line.says = line.says.replacen(
            service.as_str(),
            service_name(&room.page().plan, service),
            1,
        );
    }
    line
}

fn entry(room: Room, stamped: &Stamped, may_pin: bool) -> El {
    let line = said(room, stamped);
    let pin = may_pin.then(|| {
        let seq = stamped.seq.to_string();
        button()
            .class("pin")
            .set("name", "seq")
            .set("value", seq)
            .set("title", "Pin this line")
            .set("aria-label", "Pin this line")
            .put(icon("pin"))
    });
    li().class(is_minor(stamped).then_some("minor"))
        .set("data-topic", topic(line.topic))
        .put(when(stamped.at))
        .put(span().class(line.icon.tone()).put(icon(line.icon.id())))
        .put(
            div()
                .put(format!("{} ", line.says))
                .put(span().class("who").put(stamped.actor.name.clone()))
                .put(line.quote.map(|q| blockquote().put(q))),
        )
        .put(pin)
}

/// Told again by the lines around it: shown under "Runs" only.
fn is_minor(stamped: &Stamped) -> bool {
    matches!(
        stamped.event,
        Event::AttemptStarted { .. } | Event::RetryScheduled { .. }
    )
}

fn topic(topic: Topic) -> &'static str {
    match topic {
        Topic::People => "people",
        Topic::Runs => "runs",
        Topic::Messages => "messages",
        Topic::Services => "services",
    }
}

/// How many there are.
pub fn length(room: Room) -> Node {
    live(move || crate::parts::count(room.timeline.with(Vec::len), "event"))
}
