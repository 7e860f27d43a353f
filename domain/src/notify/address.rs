//! Where somebody is reached. An address is only had of an incident that may reach people.

use super::Suppressed;
use crate::{
    Incident, Kind,
    plan::{Channel, Contact, Directory, Plan},
};
use std::{collections::BTreeMap, fmt};

/// Where a message goes: a telephone number, a mail address, or the name of a place in `channels.yaml`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    channel: Channel,
    at: String,
}

impl Address {
    /// As a row keeps it: one that was an address when it was written.
    pub fn kept(channel: Channel, at: impl Into<String>) -> Self {
        Address {
            channel,
            at: at.into(),
        }
    }

    /// Of a contact itself: to find out whether it works.
    pub fn to_test(contact: &Contact, channel: Channel) -> Option<Address> {
        let at = match channel {
            Channel::Phone => dialled(&contact.phone),
            Channel::Sms => dialled(contact.sms.as_ref().unwrap_or(&contact.phone)),
            Channel::Email => contact.email.clone(),
            Channel::Slack | Channel::Webhook | Channel::Teams | Channel::Pagerduty => return None,
        };
        (!at.is_empty()).then_some(Address { channel, at })
    }

    pub fn channel(&self) -> Channel {
        self.channel
    }

    pub fn as_str(&self) -> &str {
        &self.at
    }
}

/// Not the whole of it: this ends in logs.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.channel.id())
    }
}

/// `+1-555-0001` as it is dialled.
fn dialled(phone: &str) -> String {
    let kept = |c: &char| c.is_ascii_digit() || *c == '+';
    phone.chars().filter(kept).collect()
}

/// An incident that may reach people: real, and not quiet. There is no other way to an address than through one.
pub struct Live<'a> {
    plan: &'a Plan,
}

impl<'a> Live<'a> {
    pub fn of(incident: &Incident, plan: &'a Plan) -> Result<Live<'a>, Suppressed> {
        match incident.kind {
            Kind::Drill => Err(Suppressed::Drill),
            Kind::Backfilled => Err(Suppressed::Backfilled),
            Kind::Real if incident.quiet => Err(Suppressed::Quiet),
            Kind::Real => Ok(Live { plan }),
        }
    }

    /// Where a contact is reached on a channel.
    pub fn contact(&self, contact: &Contact, channel: Channel) -> Result<Address, Suppressed> {
        if !self.plan.channels.has(channel) {
            return Err(Suppressed::NotConfigured);
        }
        Address::to_test(contact, channel).ok_or(Suppressed::NoAddress)
    }

    /// A place of `channels.yaml`.
    pub fn place(&self, name: &str, channel: Channel) -> Result<Address, Suppressed> {
        let places = self.plan.channels.destinations(channel);
        match places.iter().any(|(place, _)| *place == name) {
            true => Ok(Address::kept(channel, name)),
            false => Err(Suppressed::NotConfigured),
        }
    }
}

/// The contacts by the name that the timeline knows them under: their own, with the role where two have the same.
pub struct People<'a>(BTreeMap<String, &'a Contact>);

impl<'a> People<'a> {
    pub fn of(directory: &'a Directory) -> Self {
        let mut named: BTreeMap<&str, Vec<&Contact>> = BTreeMap::new();
        for contact in &directory.emergency {
            named.entry(&contact.name).or_default().push(contact);
        }
        let called = |(name, contacts): (&str, Vec<&'a Contact>)| match &contacts[..] {
            [one] => vec![(name.to_owned(), *one)],
            all => {
                let with_role = |c: &&'a Contact| (format!("{name} ({})", c.role), *c);
                all.iter().map(with_role).collect()
            }
        };
        People(named.into_iter().flat_map(called).collect())
    }

    pub fn get(&self, person: &str) -> Option<&'a Contact> {
        self.0.get(person).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a Contact)> {
        self.0.iter().map(|(name, c)| (name.as_str(), *c))
    }

    /// The one of this name, or of this role; as somebody types it or is signed in.
    pub fn find(&self, who: &str) -> Option<(&str, &'a Contact)> {
        let is = |(name, c): &(&str, &'a Contact)| {
            [*name, &c.name, &c.role]
                .into_iter()
                .any(|known| known.eq_ignore_ascii_case(who))
        };
        self.iter().find(is)
    }
}
