//! `channels.yaml`, and the templates of `communication.yaml`: channels that could be connected, and texts in which every
//! field is known.

use super::{Findings, words};
use crate::{
    plan::{Channel, Field, NoTemplate, Plan, nearest, pieces},
    time::Span,
};
use std::collections::BTreeSet;

/// The longest template, in characters: a call that reads it out takes some minutes.
const LONGEST: usize = 4_000;

pub(super) fn channels(plan: &Plan, f: &mut Findings) {
    let channels = &plan.channels;
    for (at, name) in channels.variables() {
        f.variable(format!("channels.{at}"), name);
    }
    if let Some(email) = &channels.email {
        if words::mailbox(&email.from).is_none() {
            f.add(
                "channels.email.from",
                &email.from,
                "write the sender as an address, or as a name and an address: Muster <muster@example.com>",
            );
        }
        if let Some(address) = &email.reply_to
            && !words::is_email(address)
        {
            f.add(
                "channels.email.reply_to",
                address,
                "write one e-mail address and nothing else, such as devops@example.com",
            );
        }
    }
    if let Some(heartbeat) = &channels.heartbeat
        && heartbeat.every < Span::secs(10)
    {
        f.add(
            "channels.heartbeat.every",
            heartbeat.every,
            "a heartbeat more often than every 10s tells nobody more; write 10s or more, such as 1m",
        );
    }
    let audiences = audiences(plan);
    for (list, channel) in [
        ("slack", Channel::Slack),
        ("webhooks", Channel::Webhook),
        ("teams", Channel::Teams),
        ("pagerduty", Channel::Pagerduty),
    ] {
        let all = channels.destinations(channel);
        for (i, (name, serves)) in all.iter().enumerate() {
            let at = |key: &str| format!("channels.{list}[{i}].{key}");
            f.id(at("name"), name, "a destination's name");
            if serves.is_empty() {
                f.add(
                    at("audiences"),
                    "audiences",
                    "nobody's messages would go here; name an audience of communication.yaml, or `all`",
                );
            }
            for (j, audience) in serves.iter().enumerate() {
                let at = at(&format!("audiences[{j}]"));
                f.refer(at, audience, NO_AUDIENCE, &audiences, "communication");
            }
        }
        let names = all.iter().enumerate();
        let names = names.map(|(i, (name, _))| (format!("channels.{list}[{i}].name"), *name));
        f.unique(names, "another destination of this channel");
    }
}

pub(super) fn templates(plan: &Plan, f: &mut Findings) {
    let audiences = audiences(plan);
    for (i, template) in plan.communication.templates.iter().enumerate() {
        let at = |key: &str| format!("communication.templates[{i}].{key}");
        for (j, audience) in template.audiences.iter().enumerate() {
            let at = at(&format!("audiences[{j}]"));
            f.refer(at, audience, NO_AUDIENCE, &audiences, "communication");
        }
        let text = &template.text;
        if text.trim().is_empty() {
            f.add(at("text"), "text", "nothing would be said; write a text");
        } else if text.chars().count() > LONGEST {
            let says =
                format!("this is longer than the {LONGEST} characters that a message can have");
            f.add(at("text"), text, says);
        } else {
            f.prose(at("text"), text, "text");
        }
        for wrong in pieces(text).filter_map(Result::err) {
            match wrong {
                NoTemplate::Unknown(name) => {
                    let known = Field::ALL.iter().map(|(name, _)| *name);
                    let instead = match nearest(name, known.clone()) {
                        Some(near) => format!("did you mean `{{{{{near}}}}}`?"),
                        None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
                    };
                    let says = format!("a template has no such field; {instead}");
                    f.add(at("text"), format!("{{{{{name}}}}}"), says);
                }
                NoTemplate::Open => f.add(
                    at("text"),
                    "{{",
                    "this begins a field that does not end; write it as {{number}}",
                ),
            }
        }
    }
}

const NO_AUDIENCE: &str = "no audience has this id";

/// Those of the plan, and everybody.
fn audiences(plan: &Plan) -> BTreeSet<&str> {
    let audiences = plan.communication.audiences.iter();
    audiences.map(|a| a.id.as_str()).chain(["all"]).collect()
}
