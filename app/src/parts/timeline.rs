//! The timeline: newest first, filtered by topic without a script, with what was pinned above.

use crate::{
    parts::{Form, hidden, icon, rows, when},
    room::{Room, service_name},
};
use domain::{Event, Number, Permission, Stamped, words::{self, Topic}};
use leptos::prelude::*;

/// The topics, each a radio button: the style sheet hides what is not asked for.
const TOPICS: [(&str, &str); 5] = [("all", "All"), ("people", "People"), ("runs", "Runs"), ("messages", "Messages"), ("services", "Services")];

pub fn topics() -> AnyView {
    let one = |(id, name): (&'static str, &'static str)| {
        view! { <label><input type="radio" name="topic" value=id checked=id == "all" autocomplete="off"/><span>{name}</span></label> }
    };
    view! {
        <fieldset class="tabs"><legend class="vh">"Show"</legend>{TOPICS.map(one).into_iter().collect_view()}</fieldset>
        <label class="needs-script find"><span class="vh">"Filter the timeline"</span><input type="search" placeholder="Filter  /" autocomplete="off" data-filter="timeline"/></label>
    }
    .into_any()
}

/// The lines. With an incident, each can be pinned there.
pub fn timeline(room: Room, incident: Option<Number>) -> AnyView {
    let may = incident.is_some() && room.may(Permission::Respond);
    let names = move || room.timeline.with(|t| t.iter().rev().filter(|s| !is_noise(s)).map(|s| s.seq.to_string()).collect());
    let list = rows(names, move |name| {
        let seq = name.parse::<u64>().unwrap_or_default();
        let found = room.timeline.with_untracked(|t| t.binary_search_by_key(&seq, |s| s.seq).ok().map(|i| t[i].clone()));
        found.map(|stamped| line(room, &stamped, may)).into_any()
    });
    let list = view! { <ol class="line" id="timeline">{list}</ol> }.into_any();
    match incident {
        Some(number) => Form::to(format!("/incidents/{number}/pins"), "pin").view("", view! { {hidden("pinned", "true")}{list} }.into_any()),
        None => list,
    }
}

/// Lines that a person singled out, with a button to let go of each.
pub fn pinned(room: Room, number: Number) -> AnyView {
    let may = room.may(Permission::Respond);
    let incident = { let number = number.clone(); Memo::new(move |_| room.incident(&number)) };
    let names = move || incident.with(|i| i.as_ref().map(|i| i.pinned.iter().map(u64::to_string).collect()).unwrap_or_default());
    let list = rows(names, move |name| {
        let seq = name.parse::<u64>().unwrap_or_default();
        let found = room.timeline.with_untracked(|t| t.binary_search_by_key(&seq, |s| s.seq).ok().map(|i| t[i].clone()));
        found
            .map(|stamped| {
                let line = words::line(&room.world.read_untracked(), &stamped);
                let unpin = may.then(|| view! { <button class="btn quiet" name="seq" value=seq.to_string()>"Unpin"</button> });
                view! { <li><span class=line.icon.tone()>{icon("pin")}</span><div>{when(stamped.at)}" "{line.says}{line.quote.map(|q| view! { <blockquote>{q}</blockquote> })}</div>{unpin}</li> }
            })
            .into_any()
    });
    let empty = move || incident.with(|i| i.as_ref().is_none_or(|i| i.pinned.is_empty()));
    let form = Form::to(format!("/incidents/{number}/pins"), "unpin");
    view! { <div class="pins" hidden=empty>{form.view("", view! { {hidden("pinned", "false")}<ol>{list}</ol> }.into_any())}</div> }.into_any()
}

fn line(room: Room, stamped: &Stamped, may_pin: bool) -> AnyView {
    let mut line = words::line(&room.world.read_untracked(), stamped);
    if let Event::ServiceChanged { service, .. } = &stamped.event {
        line.says = line.says.replacen(service.as_str(), service_name(&room.page().plan, service), 1);
    }
    let pin = may_pin.then(|| view! { <button class="pin" name="seq" value=stamped.seq.to_string() title="Pin this line" aria-label="Pin this line">{icon("pin")}</button> });
    view! {
        <li data-topic=topic(line.topic)>
            {when(stamped.at)}
            <span class=line.icon.tone()>{icon(line.icon.id())}</span>
            <div>{line.says}" "<span class="who">{stamped.actor.name.clone()}</span>{line.quote.map(|q| view! { <blockquote>{q}</blockquote> })}</div>
            {pin}
        </li>
    }
    .into_any()
}

/// The first attempt of a step starts with the step itself: one line is enough for both.
fn is_noise(stamped: &Stamped) -> bool {
    matches!(stamped.event, Event::AttemptStarted { attempt: 1, .. })
}

fn topic(topic: Topic) -> &'static str {
    match topic {
        Topic::People => "people",
        Topic::Runs => "runs",
        Topic::Messages => "messages",
        Topic::Services => "services",
    }
}
