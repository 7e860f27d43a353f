//! What is to be done: tasks with their timeboxes, and the checklist.

use crate::{
    facts::{self, Limit},
    parts::{Form, hidden, icon, live, rows, state, when},
    room::Room,
};
use domain::{Incident, Number, Permission, Span, Task, words::Icon};
use leptos::prelude::*;
use std::sync::Arc;

fn memo(room: Room, number: &Number) -> Memo<Option<Arc<Incident>>> {
    let number = number.clone();
    Memo::new(move |_| room.incident(&number))
}

/// Tasks, the unfinished ones first. One form for all: each button says where it sends it.
pub fn tasks(room: Room, number: Number) -> AnyView {
    let incident = memo(room, &number);
    let names = move || {
        incident.with(|i| {
            let Some(incident) = i else { return Vec::new() };
            let mut tasks: Vec<_> = incident.tasks.iter().collect();
            tasks.sort_by_key(|t| (t.finished_at.is_some(), t.due_at()));
            tasks.iter().map(|t| t.id.to_string()).collect()
        })
    };
    let may = room.may(Permission::Respond);
    let at = format!("/incidents/{number}/tasks");
    let form = Form::to(at.clone(), "tasks");
    let list = rows(names, move |name| {
        let id = name.parse::<u32>().unwrap_or_default();
        let at = format!("{at}/{id}");
        view! { <li>{live(move || incident.with(|i| i.as_ref().and_then(|i| i.tasks.iter().find(|t| t.id == id)).map(|t| task(room, t, may, &at))).into_any())}</li> }.into_any()
    });
    let empty = move || incident.with(|i| i.as_ref().is_none_or(|i| i.tasks.is_empty()));
    view! {
        <p class="dim" hidden=move || !empty()>"No tasks. Give each thing to do one owner and a time."</p>
        {form.view("", view! { <ol class="tasks">{list}</ol> }.into_any())}
    }
    .into_any()
}

fn task(room: Room, task: &Task, may: bool, at: &str) -> AnyView {
    let now = room.now.get();
    let limit = Limit { within: Span::secs(u64::from(task.minutes) * 60), used: task.finished_at.unwrap_or(now).since(task.added_at) };
    let (shape, word) = match (task.finished_at, task.accepted) {
        (Some(_), _) => (Icon::Ok, "finished"),
        (None, true) => (Icon::Run, "accepted"),
        (None, false) => (Icon::Warn, "not accepted yet"),
    };
    let clock = match task.finished_at {
        Some(_) => format!("in {}", facts::words(limit.used)),
        None if limit.is_over() => format!("{} over", limit.figure()),
        None => format!("{} left", limit.figure()),
    };
    let tone = if task.finished_at.is_some() { "figure dim" } else if limit.is_over() { "figure is-bad" } else { "figure" };
    // One button in both states, so that the focus on it survives the change.
    let (label, verb) = if task.accepted { ("Finish", "finish") } else { ("Accept", "accept") };
    let button = (may && task.finished_at.is_none()).then(|| view! { <button class="btn small" formaction=format!("{at}/{verb}")>{label}</button> });
    view! {
        <div class="grow">{task.title.clone()}<div class="small dim">{task.owner.clone()}" · "{state(shape, word)}</div></div>
        <span class=tone>{clock}</span>
        {button}
    }
    .into_any()
}

/// The checklist as it stood in the plan when the incident was declared.
pub fn checklist(room: Room, number: Number) -> AnyView {
    let incident = memo(room, &number);
    let count = incident.with_untracked(|i| i.as_ref().map_or(0, |i| i.checklist.len()));
    let may = room.may(Permission::Respond);
    let one = |index: usize| {
        let item = Memo::new(move |_| incident.with(|i| i.as_ref().and_then(|i| i.checklist.get(index).cloned())));
        let done = move || item.with(|i| i.as_ref().is_some_and(|i| i.done.is_some()));
        let says = move || item.with(|i| i.as_ref().map(|i| i.text.clone()).unwrap_or_default());
        let form = Form::to(format!("/incidents/{number}/checklist"), format!("tick-{index}"));
        let by = live(move || item.with(|i| i.as_ref().and_then(|i| i.done.clone())).map(|d| view! { {format!("{} · ", d.by)}{when(d.at)} }).into_any());
        let body = view! {
            {hidden("item", index.to_string())}
            <input type="hidden" name="done" value=move || if done() { "false" } else { "true" }/>
            <button class=move || if done() { "tick done" } else { "tick" } disabled=!may aria-pressed=move || if done() { "true" } else { "false" }>
                <span class="box">{icon("ok")}</span><span>{says}</span>
            </button>
        };
        view! { <li>{form.view("", body.into_any())}<span class="dim small">{by}</span></li> }
    };
    let none = (count == 0).then(|| view! { <p class="dim">"The plan's checklist was empty."</p> });
    view! { {none}<ol class="ticks">{(0..count).map(one).collect_view()}</ol> }.into_any()
}

/// "3 of 6".
pub fn checked(room: Room, number: &Number) -> Memo<String> {
    let incident = memo(room, number);
    crate::parts::text(move || incident.with(|i| i.as_ref().map(|i| format!("{} of {}", i.checklist.iter().filter(|c| c.done.is_some()).count(), i.checklist.len())).unwrap_or_default()))
}
