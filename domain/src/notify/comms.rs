//! What is known of an incident's notifications: the state that its events add up to. The server's alone: the browser
//! passes over these events.

use super::{Addressee, Cadence, Cause, Delivery, Suppressed, Via};
use crate::{Event, Incident, Number, Stamp, Stamped, Subject, World, plan::Channel};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// An incident's communication.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comms {
    /// Who is to know that there is this incident: by channel, by person.
    pub told: BTreeMap<Channel, BTreeMap<String, Told>>,
    /// In the order in which they said so; each once, and once more after a reopening.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<Acknowledgement>,
    /// Calls by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
    /// The event since which somebody's word is waited for: the declaration or a reopening.
    pub waits_from: u64,
    /// How far it was escalated since then: 1 are those who were told first …
    pub level: u8,
    /// … and from when they have their time: also a raise gives it anew.
    pub level_since: Stamp,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reminded: BTreeMap<Cadence, Reminded>,
    pub version: u64,
}

/// That somebody is to know, and what became of that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub id: String,
    pub audience: String,
    pub cause: Cause,
    pub queued: Stamp,
    pub due: Stamp,
    pub state: Delivery,
    pub at: Stamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppressed>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub person: String,
    /// Nothing where somebody else says so: that they were called.
    pub via: Option<Via>,
    pub at: Stamp,
    pub seq: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub person: String,
    pub by: String,
    pub reached: bool,
    pub says: String,
    pub at: Stamp,
}

/// The last reminder of an update: which one was due, and whether its being overdue was told too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reminded {
    pub due: Stamp,
    pub overdue: bool,
}

/// What is known of a contact's address on a channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// Of the address that was tried: another one was not.
    pub digest: String,
    pub tested_at: Option<Stamp>,
    pub confirmed_at: Option<Stamp>,
}

/// Somebody else is on call for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Override {
    pub id: String,
    pub rotation: String,
    pub person: String,
    pub from: Stamp,
    pub until: Stamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    pub by: String,
}

impl Comms {
    /// Of an incident that was declared before anybody was told by machine: nobody's word is waited for.
    pub fn before(incident: &Incident) -> Comms {
        Comms {
            level: u8::MAX,
            level_since: incident.declared_at,
            ..Comms::default()
        }
    }

    pub fn told(&self, channel: Channel, person: &str) -> Option<&Told> {
        self.told.get(&channel)?.get(person)
    }

    /// Those who said, in any way, that they know, since it was last waited for: the first first.
    pub fn knowing(&self) -> impl Iterator<Item = &Acknowledgement> {
        let from = self.waits_from;
        self.acknowledged.iter().filter(move |a| a.seq > from)
    }

    pub fn knows(&self, person: &str) -> Option<&Acknowledgement> {
        self.knowing().find(|a| a.person == person)
    }

    /// Everybody who was told in person and has not said that they know.
    pub fn silent(&self) -> Vec<&str> {
        let personal = self.told.iter().filter(|(c, _)| c.is_personal());
        let mut names: Vec<&str> = personal
            .flat_map(|(_, people)| people)
            .filter(|(person, told)| told.suppressed.is_none() && self.knows(person).is_none())
            .map(|(person, _)| person.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn queue(&mut self, id: String, cause: Cause, due: Stamp, to: &Addressee, at: Stamp) {
        let told = Told {
            id,
            audience: to.audience.clone(),
            cause,
            queued: at,
            due,
            state: match (to.suppressed, to.held_until) {
                (Some(_), _) => Delivery::Suppressed,
                (_, Some(_)) => Delivery::Held,
                _ => Delivery::Pending,
            },
            at,
            suppressed: to.suppressed,
            why: String::new(),
        };
        let people = self.told.entry(to.channel).or_default();
        people.insert(to.person.clone(), told);
    }

    fn fold(&mut self, stamped: &Stamped) {
        if stamped.seq <= self.version {
            return;
        }
        match &stamped.event {
            Event::IncidentDeclared { .. } | Event::IncidentReopened { .. } => {
                self.waits_from = stamped.seq;
                self.level = 1;
                self.level_since = stamped.at;
                self.reminded.clear();
            }
            Event::SeverityChanged { from, to, .. } if to < from => self.level_since = stamped.at,
            Event::NotificationsQueued { cause, due, to, .. } => {
                // What follows the first word is not what is waited for.
                if matches!(cause, Cause::Update | Cause::Resolved | Cause::Reminder) {
                    return;
                }
                for (n, to) in to.iter().enumerate() {
                    let id = notification_id(stamped.seq, n);
                    self.queue(id, *cause, *due, to, stamped.at);
                }
            }
            Event::NotificationsReported { results, .. } => {
                for report in results {
                    let people = self.told.get_mut(&report.channel);
                    if let Some(told) = people.and_then(|p| p.get_mut(&report.person))
                        && told.id == report.id
                    {
                        told.state = report.state;
                        told.at = report.at;
                        told.why.clone_from(&report.why);
                    }
                }
            }
            Event::Acknowledged { person, via, .. } => {
                self.acknowledge(person, Some(*via), stamped)
            }
            Event::CalledByHand {
                person,
                reached,
                says,
                ..
            } => {
                if *reached {
                    self.acknowledge(person, None, stamped);
                }
                self.calls.push(Call {
                    person: person.clone(),
                    by: stamped.actor.name.clone(),
                    reached: *reached,
                    says: says.clone(),
                    at: stamped.at,
                });
            }
            Event::Escalated { level, .. } => {
                self.level = *level;
                self.level_since = stamped.at;
            }
            // Its document is one of a closed incident from now on.
            Event::IncidentResolved { .. } => {}
            Event::UpdateReminded {
                which,
                due,
                overdue_by,
                ..
            } => {
                let reminded = Reminded {
                    due: *due,
                    overdue: overdue_by.is_some(),
                };
                self.reminded.insert(*which, reminded);
            }
            _ => return,
        }
        self.version = stamped.seq;
    }

    /// The first word of each keeps its time.
    fn acknowledge(&mut self, person: &str, via: Option<Via>, stamped: &Stamped) {
        if self.knows(person).is_none() {
            self.acknowledged.push(Acknowledgement {
                person: person.to_owned(),
                via,
                at: stamped.at,
                seq: stamped.seq,
            });
        }
    }
}

/// A notification's own name, the same for every try: the number of the event that queued it, and its place in there.
pub fn notification_id(seq: u64, place: usize) -> String {
    format!("{seq}.{place}")
}

/// A contact's address on a channel, as the verifications are kept by.
pub fn verification_key(person: &str, channel: Channel) -> String {
    format!("{}:{person}", channel.id())
}

impl World {
    pub fn comms(&self, incident: &Number) -> Option<&Arc<Comms>> {
        self.comms.get(incident)
    }

    /// Folds an event about notifications in. The browser holds none, and passes over them.
    pub(crate) fn apply_comms(&mut self, stamped: &Stamped) {
        if cfg!(target_arch = "wasm32") {
            return;
        }
        match (stamped.event.subject(), &stamped.event) {
            (Subject::Incident(number), Event::IncidentDeclared { .. }) => {
                let comms = self.comms.entry(number.clone()).or_default();
                Arc::make_mut(comms).fold(stamped);
            }
            (Subject::Incident(number), _) => {
                if let Some(comms) = self.comms.get_mut(number) {
                    Arc::make_mut(comms).fold(stamped);
                }
            }
            (
                _,
                Event::ContactTested {
                    person,
                    channel,
                    address_digest,
                },
            ) => {
                let known = Arc::make_mut(&mut self.verified);
                let known = known.entry(verification_key(person, *channel)).or_default();
                if known.digest != *address_digest {
                    *known = Verification::default();
                    known.digest.clone_from(address_digest);
                }
                known.tested_at = Some(stamped.at);
            }
            (
                _,
                Event::ContactConfirmed {
                    person,
                    channel,
                    address_digest,
                },
            ) => {
                let known = Arc::make_mut(&mut self.verified);
                let known = known.entry(verification_key(person, *channel)).or_default();
                if known.digest == *address_digest {
                    known.confirmed_at = Some(stamped.at);
                }
            }
            (
                _,
                Event::OnCallOverridden {
                    id,
                    rotation,
                    person,
                    from,
                    until,
                    reason,
                },
            ) => {
                let overrides = Arc::make_mut(&mut self.overrides);
                overrides.retain(|o| o.id != *id);
                overrides.push(Override {
                    id: id.clone(),
                    rotation: rotation.clone(),
                    person: person.clone(),
                    from: *from,
                    until: *until,
                    reason: reason.clone(),
                    by: stamped.actor.name.clone(),
                });
            }
            (_, Event::OverrideRemoved { id }) => {
                Arc::make_mut(&mut self.overrides).retain(|o| o.id != *id);
            }
            _ => {}
        }
    }
}
