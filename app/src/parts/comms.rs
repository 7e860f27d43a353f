//! The communication matrix: who is told, how fast, on which channel; and how to reach them by hand, since Muster does
//! not send yet.

use crate::{
    facts::{self, Limit},
    parts::{live, state, tel, when},
    room::Room,
};
use domain::{Incident, Number, Severity, Span, words::Icon};
use domain::plan::{Channel, Contact, MatrixRow, Plan};
use leptos::prelude::*;

/// The people of an audience. `all` is everybody.
fn members<'a>(plan: &'a Plan, audience: &str) -> Vec<&'a Contact> {
    let mut people: Vec<_> = match audience {
        "all" => plan.contacts.emergency.iter().collect(),
        id => {
            let roles = plan.communication.audiences.iter().find(|a| a.id == id).map(|a| a.members.as_slice()).unwrap_or_default();
            plan.contacts.emergency.iter().filter(|c| roles.contains(&c.role)).collect()
        }
    };
    people.sort_by_key(|c| c.escalation);
    people
}

fn audience_name<'a>(plan: &'a Plan, audience: &'a str) -> &'a str {
    match audience {
        "all" => "Everybody",
        id => plan.communication.audiences.iter().find(|a| a.id == id).map_or(id, |a| a.name.as_str()),
    }
}

/// Everybody a severity's row names, once.
pub fn everybody<'a>(plan: &'a Plan, row: &MatrixRow) -> Vec<&'a Contact> {
    let mut people: Vec<&Contact> = Vec::new();
    for person in row.audiences.iter().flat_map(|a| members(plan, a)) {
        if !people.iter().any(|p| p.role == person.role && p.name == person.name) {
            people.push(person);
        }
    }
    people
}

/// "Plan: tell Tech Team and Management within 15 min by e-mail and Slack."
pub fn sentence(plan: &Plan, severity: Severity) -> String {
    let Some(row) = plan.communication.row(severity) else {
        return "The plan says nothing of whom to tell.".into();
    };
    let who = join(row.audiences.iter().map(|a| audience_name(plan, a).to_owned()).collect());
    let how = join(row.channels.iter().map(|c| by(*c).to_owned()).collect());
    let soon = if row.within.as_secs() == 0 { "at once".to_owned() } else { format!("within {}", row.within.words()) };
    format!("Plan: tell {who} {soon} by {how}.")
}

fn by(channel: Channel) -> &'static str {
    match channel {
        Channel::Phone => "phone",
        Channel::Email => "e-mail",
        Channel::Slack => "Slack",
    }
}

fn join(mut words: Vec<String>) -> String {
    match words.pop() {
        Some(last) if !words.is_empty() => format!("{} and {last}", words.join(", ")),
        Some(last) => last,
        None => "nobody".into(),
    }
}

/// The matrix for an incident: each audience and channel with when it is due. Follows the severity.
pub fn matrix(room: Room, number: Number) -> AnyView {
    let incident = Memo::new(move |_| room.incident(&number));
    live(move || incident.with(|i| i.as_ref().map(|i| table(room, i))).into_any()).into_any()
}

fn table(room: Room, incident: &Incident) -> AnyView {
    let page = room.page();
    let Some(row) = page.plan.communication.row(incident.severity) else {
        return view! { <p class="dim">{sentence(&page.plan, incident.severity)}</p> }.into_any();
    };
    let due = incident.declared_at.plus(row.within);
    let lines = row.audiences.iter().flat_map(|audience| row.channels.iter().map(move |channel| (audience, *channel)));
    let lines = lines.map(|(audience, channel)| {
        let people = members(&page.plan, audience);
        view! {
            <tr>
                <td data-label="Audience">{audience_name(&page.plan, audience).to_owned()}<span class="dim small">{format!(" {}", people.len())}</span></td>
                <td data-label="Channel">{channel.name()}</td>
                <td data-label="Due" class="keep">{when(due)}</td>
                <td data-label="Status">{by_hand(incident, channel, &people)}</td>
            </tr>
        }
    });
    let call = everybody(&page.plan, row).into_iter().map(|c| {
        view! { <li><span>{c.name.clone()}<span class="dim small">{format!(" {}", c.role)}</span></span><span>{tel(&c.phone)}" "<a href=format!("mailto:{}", c.email)>"mail"</a></span></li> }
    });
    view! {
        <p class="notice">{crate::parts::icon("warn")}<span>"Muster does not send yet. Call and write by hand; note it in the timeline."</span></p>
        <table class="stack">
            <thead><tr><th>"Audience"</th><th>"Channel"</th><th>"Due"</th><th>"Status"</th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
        <h3>"Call"</h3>
        <ul class="calls">{call.collect_view()}</ul>
    }
    .into_any()
}

fn by_hand(incident: &Incident, channel: Channel, people: &[&Contact]) -> AnyView {
    let subject = format!("[{}] {} {}", incident.severity.id(), incident.number, incident.title);
    match channel {
        Channel::Email => {
            let to = people.iter().map(|p| p.email.as_str()).collect::<Vec<_>>().join(",");
            view! { <a href=format!("mailto:{to}?subject={}", facts::encoded(&subject))>{state(Icon::None, "Not sent: write")}</a> }.into_any()
        }
        Channel::Phone => state(Icon::None, "Not sent by Muster: call"),
        Channel::Slack => state(Icon::None, "Not sent: post by hand"),
    }
}

/// How long the first word to the audiences has been due, for the clocks.
pub fn due(plan: &Plan, incident: &Incident, now: domain::Stamp) -> Option<(Span, Limit)> {
    let row = plan.communication.row(incident.severity)?;
    Some((row.within, Limit { within: row.within, used: now.since(incident.declared_at) }))
}
