//! The communication matrix: who is told, how fast, on which channel; and how to reach them by hand, since Muster does
//! not send yet.

use crate::{
    facts::{self, Limit},
    node::{El, div, h3, li, p, span, tr, ul},
    page::Page,
    parts::{cell, dim, icon, link, stack, state, tel, when},
};
use domain::{
    Incident, Severity, Stamp,
    plan::{Channel, Contact, MatrixRow, Plan},
    words::Icon,
};

/// The people of an audience. `all` is everybody.
fn members<'a>(plan: &'a Plan, audience: &str) -> Vec<&'a Contact> {
    let people: Vec<_> = match audience {
        "all" => plan.contacts.emergency.iter().collect(),
        id => {
            let roles = plan
                .communication
                .audiences
                .iter()
                .find(|a| a.id == id)
                .map(|a| a.members.as_slice())
                .unwrap_or_default();
            plan.contacts
                .emergency
                .iter()
                .filter(|c| roles.contains(&c.role))
                .collect()
        }
    };
    facts::sorted(people, |c| c.escalation)
}

fn audience_name<'a>(plan: &'a Plan, audience: &'a str) -> &'a str {
    match audience {
        "all" => "Everybody",
        id => plan
            .communication
            .audiences
            .iter()
            .find(|a| a.id == id)
            .map_or(id, |a| a.name.as_str()),
    }
}

/// Everybody a severity's row names, once.
pub fn everybody<'a>(plan: &'a Plan, row: &MatrixRow) -> Vec<&'a Contact> {
    let mut people: Vec<&Contact> = Vec::new();
    for person in row.audiences.iter().flat_map(|a| members(plan, a)) {
        if !people
            .iter()
            .any(|p| p.role == person.role && p.name == person.name)
        {
            people.push(person);
        }
    }
    people
}

/// Who, and how: "Tech Team and Management", "e-mail and Slack".
pub fn who_and_how(plan: &Plan, row: &MatrixRow) -> (String, String) {
    let how = |c: &Channel| match c {
        Channel::Phone => "phone",
        Channel::Email => "e-mail",
        Channel::Sms => "text message",
        Channel::Webhook => "webhook",
        other => other.name(),
    };
    (
        join(
            row.audiences
                .iter()
                .map(|a| audience_name(plan, a))
                .collect(),
        ),
        join(row.channels.iter().map(how).collect()),
    )
}

fn join(mut words: Vec<&str>) -> String {
    match words.pop() {
        Some(last) if !words.is_empty() => format!("{} and {last}", words.join(", ")),
        Some(last) => last.into(),
        None => "nobody".into(),
    }
}

/// "Plan: tell Tech Team and Management within 15 min by e-mail and Slack."
pub fn sentence(plan: &Plan, severity: Severity) -> String {
    let Some(row) = plan.communication.row(severity) else {
        return "The plan says nothing of whom to tell.".into();
    };
    let (who, how) = who_and_how(plan, row);
    let soon = if row.within.as_secs() == 0 {
        "at once".to_owned()
    } else {
        format!("within {}", row.within.words())
    };
    format!("Plan: tell {who} {soon} by {how}.")
}

/// The matrix for an incident: each audience and channel with when it is due.
pub fn matrix(page: &Page, incident: &Incident) -> Vec<El> {
    let plan = &page.plan;
    let Some(row) = plan.communication.row(incident.severity) else {
        return vec![p().class("dim").put(sentence(plan, incident.severity))];
    };
    let due = incident.declared_at.plus(row.within);
    let mut lines = Vec::new();
    for audience in &row.audiences {
        let people = members(plan, audience);
        for channel in &row.channels {
            lines.push(
                tr().put(
                    cell("Audience", audience_name(plan, audience).to_owned())
                        .put(dim(format!(" {}", people.len()))),
                )
                .put(cell("Channel", channel.name()))
                .put(cell("Due", when(due)).class("keep"))
                .put(cell("Status", by_hand(incident, *channel, &people))),
            );
        }
    }
    let call = |c: &Contact| {
        let reach = span()
            .class("reach")
            .put(tel(&c.phone))
            .put(link(format!("mailto:{}", c.email), "mail"));
        li().put(span().put(c.name.clone()).put(dim(format!(" {}", c.role))))
            .put(reach)
    };
    vec![
        p().class("notice").put(icon("warn")).put(
            span()
                .put("Muster does not send yet. Call and write by hand; note it in the timeline."),
        ),
        stack(&["Audience", "Channel", "Due", "Status"], lines),
        div().put(h3().put("Call")).put(
            ul().class("calls")
                .all(everybody(plan, row).into_iter().map(call)),
        ),
    ]
}

fn by_hand(incident: &Incident, channel: Channel, people: &[&Contact]) -> El {
    match channel {
        Channel::Email => {
            let to = people
                .iter()
                .map(|p| p.email.as_str())
                .collect::<Vec<_>>()
                .join(",");
            let subject = facts::encoded(&format!(
                "[{}] {} {}",
                incident.severity.id(),
                incident.number,
                incident.title
            ));
            link(
                format!("mailto:{to}?subject={subject}"),
                state(Icon::None, "Not sent: write"),
            )
        }
        Channel::Phone => state(Icon::None, "Not sent by Muster: call"),
        Channel::Sms => state(Icon::None, "Not sent by Muster: text"),
        _ => state(Icon::None, "Not sent: post by hand"),
    }
}

/// The time until the first word to the audiences, for the clocks.
pub fn due(plan: &Plan, incident: &Incident, now: Stamp) -> Option<Limit> {
    let row = plan.communication.row(incident.severity)?;
    Some(Limit {
        within: row.within,
        used: now.since(incident.declared_at),
    })
}
