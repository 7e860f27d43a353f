//! What is to be done: tasks with their timeboxes, and the checklist.

use crate::{
    facts::{self, Limit},
    node::{El, Node, button, div, input, li, live, ol, p, rows, span},
    parts::{Form, dim, hidden, icon, state, text, when},
    room::Room,
};
use domain::{Incident, Number, Permission, Span, Task, words::Icon};
use leptos::prelude::*;

/// Tasks, the unfinished ones first. One form for all: each button says where it sends it.
pub fn tasks(room: Room, number: &Number) -> Node {
    let incident = room.follow_incident(number);
    let names = move || {
        incident.with(|i| {
            let Some(incident) = i else { return Vec::new() };
            facts::sorted(&incident.tasks, |t| (t.finished_at.is_some(), t.due_at()))
                .into_iter()
                .map(|t| t.id.to_string())
                .collect()
        })
    };
    let may = room.may(Permission::Respond);
    let at = format!("/incidents/{number}/tasks");
    let form = Form::to(at.clone(), "tasks");
    let list = rows(names, move |name| {
        let id = name.parse::<u32>().unwrap_or_default();
        let at = format!("{at}/{id}");
        li().put(live(move || {
            incident.with(|i| {
                let incident = i?;
                let found = incident.tasks.iter().find(|t| t.id == id)?;
                Some(task(room, incident, found, may, &at))
            })
        }))
    });
    let some = move || incident.with(|i| i.is_some_and(|i| !i.tasks.is_empty()));
    let none = p()
        .class("dim")
        .hide(some)
        .put("No tasks. Give each thing to do one owner and a time.");
    vec![none, form.view(ol().class("tasks").put(list))].into()
}

fn task(room: Room, incident: &Incident, task: &Task, may: bool, at: &str) -> Vec<El> {
    let now = incident.resolved_at.unwrap_or_else(|| room.now.get());
    let over = task.finished_at.is_some();
    let limit = Limit {
        within: Span::secs(u64::from(task.minutes) * 60),
        used: task.finished_at.unwrap_or(now).since(task.added_at),
    };
    let (shape, word) = match (over, task.accepted) {
        (true, _) => (Icon::Ok, "finished"),
        (false, true) => (Icon::Run, "accepted"),
        (false, false) => (Icon::Warn, "not accepted yet"),
    };
    let clock = match (over, limit.is_over()) {
        (true, _) => dim(format!("in {}", facts::words(limit.used))),
        (false, true) => span()
            .class("figure is-bad")
            .put(format!("{} over", limit.figure())),
        (false, false) => span()
            .class("figure")
            .put(format!("{} left", limit.figure())),
    };
    // One button in both states, so that the focus on it survives the change.
    let (label, verb) = if task.accepted {
        ("Finish", "finish")
    } else {
        ("Accept", "accept")
    };
    let button = button()
        .class("btn small")
        .set(
            "hidden",
            over || !may || !incident.is_open() && !task.accepted,
        )
        .set("formaction", format!("{at}/{verb}"))
        .put(label);
    let about = div()
        .class("small dim")
        .put(format!("{} · ", task.owner))
        .put(state(shape, word));
    vec![
        div().class("grow").put(task.title.clone()).put(about),
        clock,
        button,
    ]
}

/// The checklist as it stood in the plan when the incident was declared.
pub fn checklist(room: Room, number: &Number) -> Node {
    let incident = room.follow_incident(number);
    let count = incident.with_untracked(|i| i.map_or(0, |i| i.checklist.len()));
    if count == 0 {
        return p()
            .class("dim")
            .put("The plan's checklist was empty.")
            .into();
    }
    let may = room.may(Permission::Respond);
    let one = |index: usize| {
        let item = move || incident.with(|i| i.and_then(|i| i.checklist.get(index).cloned()));
        let done = move || item().is_some_and(|i| i.done.is_some());
        let tick = button()
            .follow("class", move || if done() { "tick done" } else { "tick" })
            .follow(
                "aria-pressed",
                move || if done() { "true" } else { "false" },
            )
            .set("disabled", !may)
            .put(span().class("box").put(icon("ok")))
            .put(span().put(text(move || item().map(|i| i.text).unwrap_or_default())));
        let next = input()
            .set("type", "hidden")
            .set("name", "done")
            .follow("value", move || if done() { "false" } else { "true" });
        let form = Form::to(
            format!("/incidents/{number}/checklist"),
            format!("tick-{index}"),
        );
        let by = live(move || {
            item()
                .and_then(|i| i.done)
                .map(|d| dim(format!("{} · ", d.by)).put(when(d.at)))
        });
        li().put(form.view(vec![hidden("item", index.to_string()), next, tick]))
            .put(by)
    };
    ol().class("ticks").all((0..count).map(one)).into()
}

/// "3 of 6".
pub fn checked(room: Room, number: &Number) -> Node {
    let incident = room.follow_incident(number);
    let count = |i: &Incident| {
        format!(
            "{} of {}",
            i.checklist.iter().filter(|c| c.done.is_some()).count(),
            i.checklist.len()
        )
    };
    text(move || incident.with(|i| i.map(count).unwrap_or_default()))
}
