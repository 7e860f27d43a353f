//! What an incident's notifications say. The browser gets these sentences ready made ([`said`]): neither the words nor
//! the decoders of their events are in its download.

use super::{Icon, Line, Topic, some};
use crate::{
    Event, Stamped, Subject,
    notify::{Addressee, Cause, Delivery, Report, Suppressed},
    plan::Channel,
};
use std::collections::BTreeMap;

/// So many are named; more are counted.
const NAMED: usize = 3;

/// The event as a browser gets it; nothing where it gets it as it is.
pub fn said(stamped: &Stamped) -> Option<Stamped> {
    let line = says(&stamped.event)?;
    let Subject::Incident(incident) = stamped.event.subject() else {
        return None;
    };
    let event = Event::Said {
        incident: incident.clone(),
        icon: line.icon,
        says: line.says,
        quote: line.quote,
    };
    Some(Stamped {
        event,
        ..stamped.clone()
    })
}

/// The sentence alone.
pub fn notification(event: &Event) -> String {
    says(event).map(|line| line.says).unwrap_or_default()
}

pub(super) fn says(event: &Event) -> Option<Line> {
    let (icon, topic, says, quote) = match event {
        Event::NotificationsQueued { cause, to, .. } => {
            (Icon::Say, Topic::Messages, queued(*cause, to), None)
        }
        Event::NotificationsReported { results, .. } => {
            let failed = results.iter().any(|r| r.state == Delivery::Failed);
            let icon = if failed { Icon::Bad } else { Icon::Ok };
            (icon, Topic::Messages, reported(results), None)
        }
        Event::Acknowledged { person, via, .. } => {
            let says = format!("{person} acknowledged {}", via.words());
            (Icon::Ok, Topic::People, says, None)
        }
        Event::Escalated { level, because, .. } => {
            let says = format!("Escalated to level {level}: {because}");
            (Icon::Warn, Topic::Messages, says, None)
        }
        Event::CalledByHand {
            person,
            reached,
            says,
            ..
        } => {
            let (icon, word) = match reached {
                true => (Icon::Ok, "reached"),
                false => (Icon::Warn, "not reached"),
            };
            let line = format!("Called {person} by hand: {word}");
            (icon, Topic::People, line, some(says))
        }
        Event::UpdateReminded {
            which, overdue_by, ..
        } => {
            let (icon, says) = match overdue_by {
                None => (Icon::Person, format!("The next {} is due", which.words())),
                Some(by) => (
                    Icon::Bad,
                    format!("The next {} is overdue by {}", which.words(), by.human()),
                ),
            };
            (icon, Topic::Messages, says, None)
        }
        _ => return None,
    };
    Some(Line {
        icon,
        topic,
        says,
        quote,
    })
}

fn queued(cause: Cause, to: &[Addressee]) -> String {
    let why = match cause {
        Cause::Declared => "To be told",
        Cause::Raised => "To be told of the higher severity",
        Cause::Reopened => "To be told again",
        Cause::Escalation(_) => "Asked next",
        Cause::Update => "To get the update",
        Cause::Resolved => "To be told that it is resolved",
        Cause::Reminder => "Reminded",
        Cause::Repeat => "Told once more",
        Cause::Test => "Test message",
        Cause::Subscriber => "Subscribers",
    };
    let mut parts = Vec::new();
    let sent = to.iter().filter(|to| to.suppressed.is_none());
    let sent = listed(sent.map(|to| (to.channel, to.person.as_str())));
    if !sent.is_empty() {
        parts.push(format!("{why}: {sent}"));
    }
    let mut kept: BTreeMap<Suppressed, Vec<(Channel, &str)>> = BTreeMap::new();
    for to in to {
        if let Some(reason) = to.suppressed {
            kept.entry(reason)
                .or_default()
                .push((to.channel, &to.person));
        }
    }
    for (reason, to) in kept {
        parts.push(format!("Not sent: {} ({})", listed(to), reason.words()));
    }
    if parts.is_empty() {
        return format!("{why}: nobody");
    }
    parts.join("; ")
}

fn reported(results: &[Report]) -> String {
    let mut by: BTreeMap<Delivery, Vec<&Report>> = BTreeMap::new();
    for report in results {
        by.entry(report.state).or_default().push(report);
    }
    let parts = by.into_iter().map(|(state, reports)| {
        let to = listed(reports.iter().map(|r| (r.channel, r.person.as_str())));
        // One reason stands for all: each row has its own.
        match reports.iter().find(|r| !r.why.is_empty()) {
            Some(r) if state == Delivery::Failed => format!("{}: {to} ({})", state.words(), r.why),
            _ => format!("{}: {to}", state.words()),
        }
    });
    parts.collect::<Vec<_>>().join("; ")
}

/// `Jane Doe by phone`, `23 by e-mail`, `ops in Slack`.
fn listed<'a>(to: impl IntoIterator<Item = (Channel, &'a str)>) -> String {
    let mut by: BTreeMap<Channel, Vec<&str>> = BTreeMap::new();
    for (channel, person) in to {
        by.entry(channel).or_default().push(person);
    }
    let part = |(channel, who): (Channel, Vec<&str>)| {
        let whom = match who.len() {
            0..=NAMED => who.join(", "),
            many => many.to_string(),
        };
        let how = match channel {
            Channel::Phone => "by phone",
            Channel::Sms => "by SMS",
            Channel::Email => "by e-mail",
            Channel::Slack => "in Slack",
            Channel::Webhook => "by webhook",
            Channel::Teams => "in Teams",
            Channel::Pagerduty => "in PagerDuty",
        };
        format!("{whom} {how}")
    };
    by.into_iter().map(part).collect::<Vec<_>>().join(", ")
}
