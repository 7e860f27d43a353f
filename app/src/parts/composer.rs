//! One place to write: a note, a public update, a task. The choice is a radio button, so it works without a script.

use crate::{
    node::{El, Node, div, fieldset, input, label, legend, span},
    parts::{Ask, Button, Form, dim, kbd},
    room::Room,
};
use domain::{Number, Permission, Phase};
use leptos::prelude::*;

pub fn composer(room: Room, number: &Number) -> El {
    let to = |what: &str, name: &str| Form::to(format!("/incidents/{number}/{what}"), name);
    let (note, update, task) = (
        to("notes", "note"),
        to("updates", "update"),
        to("tasks", "task"),
    );
    let chosen = if update.was_refused() {
        "update"
    } else if task.was_refused() {
        "task"
    } else {
        "note"
    };
    let tab = |id: &'static str, says: &'static str, key: &'static str| {
        let radio = input()
            .set("type", "radio")
            .set("name", "composer")
            .set("id", format!("write-{id}"))
            .set("value", id)
            .set("checked", chosen == id)
            .set("autocomplete", "off");
        label().put(radio).put(span().put(says).put(kbd(key)))
    };
    let tabs = fieldset()
        .class("tabs")
        .put(legend().class("vh").put("Write"))
        .put(tab("note", "Note", "N"))
        .put(tab("update", "Public update", "U"))
        .put(tab("task", "Task", "T"));
    let panel = |id: &'static str, form: El| div().set("data-panel", id).put(form);
    div()
        .class("composer")
        .set("id", "composer")
        .put(tabs)
        .put(panel("note", note_form(note)))
        .put(panel("update", update_form(room, update, number)))
        .put(panel("task", task_form(room, task)))
}

fn acts(button: Button, says: impl Into<Node>) -> El {
    div().class("acts").put(button.main().view()).put(dim(says))
}

fn note_form(form: Form) -> El {
    let body = vec![
        form.lines(
            "text",
            "Note for the timeline",
            "What you saw, decided or tried. Not public.",
        ),
        acts(Button::new("Add the note", Permission::Respond), ()),
    ];
    form.view(body)
}

fn update_form(room: Room, form: Form, number: &Number) -> El {
    let incident = room
        .world
        .with_untracked(|w| w.incidents.get(number).cloned());
    let public = incident.as_ref().is_some_and(|i| i.public);
    let phase = form.typed("phase").unwrap_or_else(|| {
        incident
            .map_or(Phase::Investigating, |i| i.phase)
            .id()
            .into()
    });
    let option = |p: Phase| {
        let radio = input()
            .set("type", "radio")
            .set("name", "phase")
            .set("value", p.id())
            .set("required", true)
            .set("checked", p.id() == phase);
        label()
            .class("choice")
            .put(radio)
            .put(span().put(p.words()))
    };
    let (label, where_to) = if public {
        (
            "Publish the update",
            "It appears on the public status page at once. Muster does not send it by mail or Slack yet.",
        )
    } else {
        (
            "Post the update",
            "This incident is not public: the update stays in here.",
        )
    };
    let body = vec![
        fieldset()
            .class("choices")
            .put(legend().put("Phase"))
            .all(Phase::OPEN.map(option)),
        form.sentence("phase"),
        form.lines(
            "message",
            "What should customers know?",
            "What is wrong, what it means for them, when the next word comes.",
        ),
        acts(Button::new(label, Permission::Command), where_to),
    ];
    form.view(body)
}

fn task_form(room: Room, form: Form) -> El {
    let me = room.page().who.name.clone();
    let title = Ask {
        hint: "One thing, with a clear end",
        required: true,
        most: Some("200"),
        ..Ask::default()
    };
    let owner = Ask {
        required: true,
        most: Some("80"),
        list: Some("people"),
        value: Some(me),
        ..Ask::default()
    };
    let minutes = Ask {
        kind: Some("number"),
        required: true,
        least: Some("1"),
        value: Some("15".into()),
        ..Ask::default()
    };
    let body = vec![
        form.line("title", "Task", title),
        div()
            .class("fields")
            .put(form.line("owner", "Owner", owner))
            .put(form.line("minutes", "Minutes", minutes)),
        acts(Button::new("Add the task", Permission::Respond), ()),
    ];
    form.view(body)
}
