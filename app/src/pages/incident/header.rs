//! What it is, how grave, since when; and what can be done with the whole of it.

use super::Now;
use crate::{
    facts,
    node::{El, Node, button, div, el, fieldset, h1, input, label, legend, live, p, span},
    parts::{Ask, Button, Form, dim, icon, kbd, link, menu, severity, text, when},
    room::{Room, needs},
};
use domain::{Incident, Number, Permission, Severity};
use leptos::prelude::*;

pub fn header(room: Room, incident: Now, number: &Number) -> El {
    let title = text(move || incident.with(|i| i.map(|i| i.title.clone()).unwrap_or_default()));
    div()
        .class("head")
        .put(live(move || {
            incident
                .get()
                .map(|i| severity(&room.page().plan, i.severity))
        }))
        .put(h1().put(title))
        .put(live(move || incident.get().map(|i| about(room, &i))))
        .put(actions(room, incident, number))
}

fn about(room: Room, i: &Incident) -> El {
    let age = facts::words(
        i.resolved_at
            .unwrap_or_else(|| room.now.get())
            .since(i.declared_at),
    );
    let age = format!("{} {age}", if i.is_open() { "for" } else { "after" });
    let public = if i.public { "public" } else { "not public" };
    let says = format!(
        " · {} {age} · {} · {public} · declared by {} ",
        i.state.words(),
        i.phase.words(),
        i.declared_by
    );
    p().class("dim about")
        .put(el("b").class("keep").put(i.number.to_string()))
        .put(says)
        .put(when(i.declared_at))
}

/// The actions of the whole incident. On a phone they stay at the foot of the screen.
fn actions(room: Room, incident: Now, number: &Number) -> El {
    let open = move || incident.with(|i| i.is_some_and(|i| i.is_open()));
    let update = match needs(room.page().who.role, Permission::Command) {
        Some(why) => button()
            .class("btn main")
            .set("disabled", true)
            .set("title", why)
            .put("Post update"),
        None => link("#composer", "Post update")
            .class("btn main")
            .set("data-do", "update")
            .put(kbd("U")),
    };
    let while_open = div()
        .class("flat")
        .hide(move || !open())
        .put(update)
        .put(change_severity(room, incident, number))
        .put(link("#roles", "Hand over").class("btn"))
        .put(resolve(room, incident, number));
    div()
        .class("acts sticky")
        .put(while_open)
        .put(div().class("flat").hide(open).put(reopen(number)))
}

fn change_severity(room: Room, incident: Now, number: &Number) -> El {
    let form = Form::to(format!("/incidents/{number}/severity"), "severity");
    let refused = form.was_refused();
    let page = room.page();
    let now = incident.with_untracked(|i| i.map(|i| i.severity));
    let choice = |s: Severity| {
        let chosen = form
            .typed("severity")
            .map_or(Some(s) == now, |typed| typed == s.id());
        let radio = input()
            .set("type", "radio")
            .set("name", "severity")
            .set("value", s.id())
            .set("required", true)
            .set("checked", chosen);
        let means = page
            .plan
            .communication
            .severity(s)
            .map(|policy| dim(policy.description.clone()));
        label()
            .class("choice wide")
            .put(radio)
            .put(span().put(severity(&page.plan, s)).put(means))
    };
    let body = vec![
        fieldset()
            .class("choices")
            .put(legend().put("Severity"))
            .all(Severity::ALL.map(choice)),
        form.sentence("severity"),
        form.line(
            "reason",
            "Why?",
            Ask {
                hint: "For the timeline",
                most: Some("1000"),
                ..Ask::default()
            },
        ),
        div().class("acts").put(
            Button::new("Change the severity", Permission::Command)
                .main()
                .view(),
        ),
    ];
    menu(
        "severity",
        "Severity",
        Permission::Command,
        refused,
        "btn",
        form.view(body),
    )
}

/// Resolving names its target, and waits for runs to be over.
fn resolve(room: Room, incident: Now, number: &Number) -> El {
    let form = Form::to(format!("/incidents/{number}/resolve"), "resolve");
    let refused = form.was_refused();
    let runs_of = number.clone();
    let blocked = move || {
        let going = room.world.with(|w| {
            w.runs_of(&runs_of)
                .into_iter()
                .find(|r| !r.is_over())
                .map(|r| r.runbook.name.clone())
        });
        going.map(|name| format!("{name} is not over: let it end or stop it first."))
    };
    let (says_why, bars) = (blocked.clone(), blocked.clone());
    let title =
        text(move || incident.with(|i| i.map(|i| format!(" {}", i.title)).unwrap_or_default()));
    let public = incident.with_untracked(|i| i.is_some_and(|i| i.public));
    let question = if public {
        "What should customers know?"
    } else {
        "What ended it?"
    };
    let says = format!("Resolve {number}");
    let body: Vec<El> = vec![
        p().put(el("b").put(says.clone())).put(title),
        p().class("state is-warn")
            .hide(move || blocked().is_none())
            .put(icon("warn"))
            .put(span().put(text(move || says_why().unwrap_or_default()))),
        form.lines(
            "message",
            question,
            "What was wrong, what ended it, and whether data was lost.",
        ),
        div().class("acts").put(
            button()
                .class("btn danger")
                .follow("disabled", move || bars().is_some())
                .put(says),
        ),
    ];
    menu(
        "resolve",
        "Resolve …",
        Permission::Command,
        refused,
        "btn",
        form.view(body),
    )
}

fn reopen(number: &Number) -> El {
    let form = Form::to(format!("/incidents/{number}/reopen"), "reopen");
    let refused = form.was_refused();
    let body: Vec<Node> = vec![
        form.line(
            "reason",
            "What came back?",
            Ask {
                required: true,
                most: Some("1000"),
                ..Ask::default()
            },
        )
        .into(),
        div()
            .class("acts")
            .put(
                Button::new(format!("Reopen {number}"), Permission::Command)
                    .main()
                    .view(),
            )
            .into(),
    ];
    menu(
        "reopen",
        "Reopen …",
        Permission::Command,
        refused,
        "btn",
        form.view(body),
    )
}
