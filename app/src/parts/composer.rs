//! One place to write: a note, a public update, a task. The choice is a radio button, so it works without a script.

use crate::{
    parts::{Ask, Button, Form},
    room::Room,
};
use domain::{Number, Permission, Phase};
use leptos::prelude::*;

pub fn composer(room: Room, number: Number) -> AnyView {
    let at = |what: &str| format!("/incidents/{number}/{what}");
    let note = Form::to(at("notes"), "note");
    let update = Form::to(at("updates"), "update");
    let task = Form::to(at("tasks"), "task");
    let chosen = if update.was_refused() {
        "update"
    } else if task.was_refused() {
        "task"
    } else {
        "note"
    };
    let tab = |id: &'static str, label: &'static str, key: &'static str| {
        view! { <label><input type="radio" name="composer" id=format!("write-{id}") value=id checked=chosen == id autocomplete="off"/><span>{label}<kbd>{key}</kbd></span></label> }
    };
    view! {
        <div class="composer" id="composer">
            <fieldset class="tabs"><legend class="vh">"Write"</legend>{tab("note", "Note", "N")}{tab("update", "Public update", "U")}{tab("task", "Task", "T")}</fieldset>
            <div data-panel="note">{note_form(note)}</div>
            <div data-panel="update">{update_form(room, update, &number)}</div>
            <div data-panel="task">{task_form(room, task)}</div>
        </div>
    }
    .into_any()
}

fn note_form(form: Form) -> AnyView {
    let body = view! {
        {form.lines("text", "Note for the timeline", "What you saw, decided or tried. Not public.", true)}
        <div class="acts">{Button::new("Add the note", Permission::Respond).class("btn main").view()}</div>
    };
    form.view("", body.into_any())
}

fn update_form(room: Room, form: Form, number: &Number) -> AnyView {
    let incident = room.world.with_untracked(|w| w.incidents.get(number).cloned());
    let public = incident.as_ref().is_some_and(|i| i.public);
    let now = incident.map_or(Phase::Investigating, |i| i.phase);
    let phase = form.typed("phase").unwrap_or_else(|| now.id().into());
    let option = |p: Phase| view! { <label class="choice"><input type="radio" name="phase" value=p.id() checked=p.id() == phase/><span>{p.words()}</span></label> };
    let where_to = if public {
        "It appears on the public status page at once. Muster does not send it by mail or Slack yet."
    } else {
        "This incident is not public: the update stays in here."
    };
    let body = view! {
        <fieldset class="choices"><legend>"Phase"</legend>{Phase::OPEN.map(option).into_iter().collect_view()}</fieldset>
        {form.sentence(Some("phase"))}
        {form.lines("message", "What should customers know?", "What is wrong, what it means for them, when the next word comes.", true)}
        <div class="acts">{Button::new(if public { "Publish the update" } else { "Post the update" }, Permission::Command).class("btn main").view()}<span class="small dim">{where_to}</span></div>
    };
    form.view("", body.into_any())
}

fn task_form(room: Room, form: Form) -> AnyView {
    let me = room.page().who.name.clone();
    let title = Ask { hint: "One thing, with a clear end", required: true, most: Some("200"), ..Ask::default() };
    let owner = Ask { required: true, most: Some("80"), list: Some("people"), value: Some(me), ..Ask::default() };
    let minutes = Ask { kind: Some("number"), required: true, least: Some("1"), value: Some("15".into()), ..Ask::default() };
    let body = view! {
        {form.line("title", "Task", title)}
        <div class="fields">{form.line("owner", "Owner", owner)}{form.line("minutes", "Minutes", minutes)}</div>
        <div class="acts">{Button::new("Add the task", Permission::Respond).class("btn main").view()}</div>
    };
    form.view("", body.into_any())
}
