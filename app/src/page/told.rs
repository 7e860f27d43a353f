//! What the server knows of who was told, who knows, and how people are reached. For its own parts: the browser gets none
//! of it.

use domain::{
    Number, Phase, Severity, Stamp,
    notify::{Addressee, Comms, Notice, OnCall, Override, Stint, Verification},
    plan::{Channel, Stage},
};
use std::{collections::BTreeMap, sync::Arc};

#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Of the open incidents, and of the one that the page shows.
    pub comms: BTreeMap<Number, Arc<Comms>>,
    /// The notifications of the incident that the page shows, in the order in which they were queued.
    pub notices: Vec<Notice>,
    /// Whom declaring an incident of each severity would tell now.
    pub preview: BTreeMap<Severity, Vec<Addressee>>,
    /// By what people are reached.
    pub ways: Vec<Way>,
    pub on_call: Vec<OnCall>,
    /// The weeks to come.
    pub roster: Vec<Stint>,
    pub overrides: Arc<Vec<Override>>,
    pub verified: Arc<BTreeMap<String, Verification>>,
    /// By the name that the timeline knows a contact under.
    pub places: BTreeMap<String, Place>,
    pub months: Vec<Month>,
    /// What would be said, by stage, audience and channel.
    pub said: Vec<Spoken>,
    /// Where calendar programs find who is on call: a link with its own key.
    pub calendar: Option<String>,
}

/// A channel, or one of its places; and whether it works.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    pub channel: Channel,
    /// A place's name; nothing for what reaches persons.
    pub name: Option<String>,
    /// Why nothing can be sent by it: a variable that is not set.
    pub trouble: Option<String>,
    /// When something last went out by it …
    pub worked: Option<Stamp>,
    /// … and when something last did not, and why.
    pub failed: Option<(Stamp, String)>,
}

/// Where a contact is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// The time on their wall: "Sun 15:02".
    pub clock: String,
    pub zone: String,
    /// They sleep until then, and only SEV1 comes through.
    pub quiet_until: Option<Stamp>,
    /// Of each address, by channel: as its verification is kept.
    pub digests: BTreeMap<Channel, String>,
}

/// How the matrix was kept in a month: of the first words to people that were due in it, by severity and channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Month {
    /// `2026-11`.
    pub month: String,
    pub severity: Severity,
    pub channel: Channel,
    /// Sent by when it was due …
    pub met: u32,
    /// … or later …
    pub late: u32,
    /// … or not at all.
    pub failed: u32,
}

/// The words of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    pub stage: Stage,
    /// By its id.
    pub audience: String,
    pub channel: Channel,
    /// Whom it goes to: "4 people", "incidents"; nothing where that is not known.
    pub to: String,
    pub subject: String,
    pub text: String,
    /// The plan's own words, and not Muster's.
    pub by_plan: bool,
}

/// An update that is written and not posted yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Unposted {
    pub internal: bool,
    pub phase: Phase,
    /// What would be posted.
    pub message: String,
    /// A report's three fields.
    pub report: Vec<(String, String)>,
}
