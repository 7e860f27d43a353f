//! How people are reached: one module a channel, each of which validates an address, renders a message, sends it, and
//! says what the answer means.
//!
//! Architecture invariant: sending looks nothing up. All that is said is in the [`Message`].
//! Architecture invariant: an answer is classed by what is certain: what may have been taken is [`Outcome::Doubtful`],
//! never [`Outcome::Later`].

pub mod ack;
mod circular;
mod connect;
mod email;
mod follow;
mod pagerduty;
pub mod phone;
#[cfg(test)]
mod places_tests;
#[cfg(test)]
mod samples;
pub mod slack;
mod teams;
mod web;
mod webhook;
mod words;

pub use circular::{Circular, Hook, NotTaken, shown_secret};
pub use connect::{Channels, Connection};
pub use domain::notify::Address;
pub use words::{Ask, Said, Words, age, block, line, stage};

use domain::{
    Incident, IncidentRole, Kind, Number, Phase, ServiceId, Severity, Span, Stamp, notify::Cause,
    plan::Plan,
};
use std::ops::RangeInclusive;

/// What a channel is asked to say.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same for every try: what a receiver may tell doubles by (`Message-ID`, `webhook-id`).
    pub id: String,
    /// From 1.
    pub attempt: u32,
    /// Earlier tries may have been taken: a provider that can be asked is asked before it is sent again.
    pub doubt: Option<Doubt>,
    pub cause: Cause,
    pub address: Address,
    pub person: String,
    pub audience: String,
    /// Nothing where an address is tried.
    pub incident: Option<Brief>,
    /// An update's words, a reason; may be empty.
    pub text: String,
    /// The signed link by which this person says that they know (or, in a test, that it arrived).
    pub acknowledge: Option<String>,
    /// The server's own address, for status callbacks.
    pub callback: String,
    pub now: Stamp,
}

/// Tries of which nobody saw how they ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// None of them began before.
    pub since: Stamp,
    pub tries: RangeInclusive<u32>,
}

/// An incident in short.
#[derive(Clone, Debug, PartialEq)]
pub struct Brief {
    pub number: Number,
    pub title: String,
    pub severity: Severity,
    pub kind: Kind,
    pub phase: Phase,
    /// The names of the services.
    pub affected: Vec<String>,
    pub declared_at: Stamp,
    pub commander: Option<String>,
    /// When the next word is due, where one is.
    pub next_update: Option<Stamp>,
    pub url: String,
}

/// What became of one try.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Accepted; a receipt may follow.
    Sent { provider_id: Option<String> },
    /// The answer itself is the receipt (Slack's "ok", a webhook's 2xx).
    Delivered { provider_id: Option<String> },
    /// Certainly not taken: try again, after this time where the provider names one.
    Later { why: String, after: Option<Span> },
    /// It may have been taken before it broke: try again, though it may double.
    Doubtful { why: String },
    /// A wrong address, or refused for good.
    Never { why: String },
}

impl Brief {
    /// What messages say of an incident. `base` is the address at which people reach the server.
    pub fn of(incident: &Incident, plan: &Plan, base: &str) -> Brief {
        let named = |id: &ServiceId| plan.service(id).map_or(id.to_string(), |s| s.name.clone());
        let commander = incident.roles.get(&IncidentRole::IncidentCommander);
        Brief {
            number: incident.number.clone(),
            title: incident.title.clone(),
            severity: incident.severity,
            kind: incident.kind,
            phase: incident.phase,
            affected: incident.affected.iter().map(named).collect(),
            declared_at: incident.declared_at,
            commander: commander.cloned(),
            next_update: incident.next_update_due(&plan.communication),
            url: format!(
                "{}/incidents/{}",
                base.trim_end_matches('/'),
                incident.number
            ),
        }
    }
}

impl Outcome {
    /// Why it did not go well; empty where it did.
    pub fn why(&self) -> &str {
        match self {
            Outcome::Sent { .. } | Outcome::Delivered { .. } => "",
            Outcome::Later { why, .. } | Outcome::Doubtful { why } | Outcome::Never { why } => why,
        }
    }
}
