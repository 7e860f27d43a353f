//! The words of messages before they are sent: rendered by the channels themselves.

use crate::state::State;
use app::page::{Spoken, Unposted};
use domain::{
    Incident, Kind, Number, Phase, Severity, Stamp,
    notify::{Address, Addressee, Cause},
    plan::{Channel, Plan},
};
use engine::channels::{Brief, Message, stage};
use std::collections::BTreeMap;

/// One for each audience and channel that would hear of an update.
pub fn update(
    state: &State,
    plan: &Plan,
    incident: &Incident,
    draft: &Unposted,
    to: &[Addressee],
    now: Stamp,
) -> Vec<Spoken> {
    let mut groups: BTreeMap<(Channel, &str), Vec<&str>> = BTreeMap::new();
    for to in to.iter().filter(|to| to.suppressed.is_none()) {
        let group = groups.entry((to.channel, &to.audience)).or_default();
        group.push(&to.person);
    }
    let mut brief = Brief::of(incident, plan, &state.url);
    // As it will be once this is said.
    if !draft.internal {
        let policy = plan.communication.severity(incident.severity);
        let every = policy.map(|p| p.update_every).filter(|_| incident.public);
        brief.phase = draft.phase;
        brief.next_update = every.map(|every| now.plus(every));
    }
    let one = |((channel, audience), people): ((Channel, &str), Vec<&str>)| {
        let message = Message {
            person: people[0].to_owned(),
            audience: audience.to_owned(),
            text: draft.message.clone(),
            ..message(state, Cause::Update, channel, Some(brief.clone()), now)
        };
        let whom = match (channel.is_personal(), people.len()) {
            (true, 1) => people[0].to_owned(),
            (true, n) => format!("{n} people"),
            (false, _) => people.join(", "),
        };
        Spoken {
            to: whom,
            ..spoken(state, plan, &message)
        }
    };
    groups.into_iter().map(one).collect()
}

/// Every stage on each channel that the matrix uses, with an example.
pub fn examples(state: &State, plan: &Plan, now: Stamp) -> Vec<Spoken> {
    const CAUSES: [Cause; 9] = [
        Cause::Declared,
        Cause::Raised,
        Cause::Reopened,
        Cause::Escalation(2),
        Cause::Update,
        Cause::Resolved,
        Cause::Reminder,
        Cause::Repeat,
        Cause::Test,
    ];
    let affected = plan.services.iter().take(2).map(|s| s.name.clone());
    let every = plan.communication.severity(Severity::Sev1);
    let brief = Brief {
        number: Number(format!("INC-{}-000", now.year())),
        title: "An example".into(),
        severity: Severity::Sev1,
        kind: Kind::Real,
        phase: Phase::Investigating,
        affected: affected.collect(),
        declared_at: Stamp(now.0 - 7 * 60 * 1_000_000),
        commander: plan.contacts.emergency.first().map(|c| c.name.clone()),
        next_update: every.map(|p| now.plus(p.update_every)),
        url: format!("{}/incidents/INC-{}-000", state.url, now.year()),
    };
    let mut all = Vec::new();
    for cause in CAUSES {
        for (channel, audience) in heard(plan, cause) {
            let brief = (cause != Cause::Test).then(|| brief.clone());
            let message = Message {
                audience,
                text: match cause {
                    Cause::Update | Cause::Resolved => "What is known, in two sentences.".into(),
                    _ => String::new(),
                },
                ..message(state, cause, channel, brief, now)
            };
            let next = spoken(state, plan, &message);
            // What two audiences are told in the same words is shown once.
            let same = |s: &&mut Spoken| {
                (s.stage, s.channel, &s.text) == (next.stage, next.channel, &next.text)
            };
            match all.iter_mut().find(same) {
                Some(s) => s.to = "all alike".into(),
                None => all.push(next),
            }
        }
    }
    all
}

/// The channels and audiences that hear of a cause.
fn heard(plan: &Plan, cause: Cause) -> Vec<(Channel, String)> {
    let by = |channel: Channel| match cause {
        Cause::Update | Cause::Resolved => !channel.is_page(),
        Cause::Reminder => matches!(channel, Channel::Sms | Channel::Email),
        Cause::Test => channel.is_personal(),
        _ => true,
    };
    let mut all = Vec::new();
    for channel in Channel::ALL.into_iter().filter(|c| by(*c)) {
        for row in &plan.communication.matrix {
            for audience in row
                .audiences
                .iter()
                .filter(|_| row.channels.contains(&channel))
            {
                let one = (channel, audience.clone());
                if !all.contains(&one) {
                    all.push(one);
                }
            }
        }
    }
    all
}

fn message(
    state: &State,
    cause: Cause,
    channel: Channel,
    incident: Option<Brief>,
    now: Stamp,
) -> Message {
    Message {
        id: "0.0".into(),
        attempt: 1,
        doubt: None,
        cause,
        // It goes nowhere.
        address: Address::kept(channel, ""),
        person: String::new(),
        audience: String::new(),
        incident,
        text: String::new(),
        acknowledge: None,
        callback: state.url.to_string(),
        now,
    }
}

fn spoken(state: &State, plan: &Plan, message: &Message) -> Spoken {
    let preview = state.channels.borrow().preview(message);
    let (channel, stage) = (message.address.channel(), stage(message.cause));
    let own = plan.communication.templates.iter();
    let subject = match channel {
        Channel::Email => preview.subject,
        _ => String::new(),
    };
    Spoken {
        stage,
        audience: message.audience.clone(),
        channel,
        to: String::new(),
        subject,
        text: whole(&preview.text, &preview.said.quote),
        by_plan: own
            .clone()
            .any(|t| t.fits(stage, &message.audience, channel)),
    }
}

/// An update's own words stand under what leads to them, where they are not in there already.
fn whole(text: &str, quote: &str) -> String {
    match quote.is_empty() || text.contains(quote) {
        true => text.to_owned(),
        false => format!("{text}\n{quote}"),
    }
}
