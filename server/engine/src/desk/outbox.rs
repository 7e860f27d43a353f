//! The outbox's rows, made with the events they follow from and written in their transaction. Here an addressee gets an
//! address: of an incident that may reach people, or not at all.

use domain::{
    Event, Incident, Number, Severity, Stamp, Stamped, World,
    notify::{Address, Addressee, Cause, Delivery, Live, People, Suppressed, notification_id},
    plan::{Channel, Plan},
};
use std::cell::LazyCell;
use store::{Notification, Release};

/// Events of one number have less than so many places.
const PLACES: i64 = 1000;

/// Somebody is to be told because of it.
pub(super) fn queues(stamped: &Stamped) -> bool {
    matches!(
        stamped.event,
        Event::NotificationsQueued { .. } | Event::ContactTested { .. }
    )
}

/// The rows of an event that the world has folded in. `about` is the number of the event that is told of; `now` is by the
/// steady clock, which says when something is tried.
pub(super) fn rows<'a, F: FnOnce() -> People<'a>>(
    world: &World,
    plan: &Plan,
    people: &LazyCell<People<'a>, F>,
    stamped: &Stamped,
    about: u64,
    now: Stamp,
) -> Vec<Notification> {
    let row = |place: usize| Row {
        stamped,
        about,
        place,
        now,
    };
    match &stamped.event {
        Event::NotificationsQueued {
            incident,
            cause,
            due,
            to,
        } => {
            let Some(incident) = world.incidents.get(incident) else {
                return Vec::new();
            };
            let live = Live::of(incident, plan);
            let of = |(place, to): (usize, &Addressee)| {
                let reach = reach(&live, people, to);
                row(place).of_incident(incident, *cause, *due, to, reach)
            };
            to.iter().enumerate().map(of).collect()
        }
        Event::ContactTested {
            person, channel, ..
        } => {
            let address = people
                .get(person)
                .and_then(|contact| Address::to_test(contact, *channel));
            Vec::from_iter(row(0).of_test(person, *channel, address))
        }
        _ => Vec::new(),
    }
}

/// What is held, or was queued as less grave, is so no more.
pub(super) fn release(stamped: &Stamped, now: Stamp) -> Option<Release> {
    match &stamped.event {
        Event::SeverityChanged {
            incident, from, to, ..
        } if to < from => Some(Release {
            incident: incident.0.clone(),
            severity: to.id().into(),
            at: now.0,
            held: *to == Severity::Sev1,
        }),
        _ => None,
    }
}

/// The address, or why there is none.
fn reach(
    live: &Result<Live<'_>, Suppressed>,
    people: &People<'_>,
    to: &Addressee,
) -> Result<Address, Suppressed> {
    let live = live.as_ref().map_err(|reason| *reason)?;
    if let Some(reason) = to.suppressed {
        return Err(reason);
    }
    match to.channel.is_personal() {
        true => {
            let contact = people.get(&to.person).ok_or(Suppressed::NoAddress)?;
            live.contact(contact, to.channel)
        }
        false => live.place(&to.person, to.channel),
    }
}

struct Row<'a> {
    stamped: &'a Stamped,
    about: u64,
    place: usize,
    now: Stamp,
}

impl Row<'_> {
    fn of_incident(
        &self,
        incident: &Incident,
        cause: Cause,
        due: Stamp,
        to: &Addressee,
        reach: Result<Address, Suppressed>,
    ) -> Notification {
        let (state, next_at) = match (&reach, to.held_until) {
            (Err(_), _) => (Delivery::Suppressed, None),
            (Ok(_), Some(until)) => {
                let left = until.since(self.stamped.at);
                (Delivery::Held, Some(self.now.plus(left)))
            }
            (Ok(_), None) => (Delivery::Pending, Some(self.now)),
        };
        Notification {
            due: due.0,
            not_before: to.held_until.map(|until| until.0),
            next_at: next_at.map(|at| at.0),
            why: reach
                .as_ref()
                .err()
                .map(|reason| reason.words().to_owned())
                .unwrap_or_default(),
            ..self.fresh(
                Some((&incident.number, incident.severity)),
                cause,
                (&to.audience, &to.person),
                to.channel,
                reach.ok(),
                state,
            )
        }
    }

    fn of_test(
        &self,
        person: &str,
        channel: Channel,
        address: Option<Address>,
    ) -> Option<Notification> {
        let address = address?;
        let state = Delivery::Pending;
        Some(self.fresh(
            None,
            Cause::Test,
            ("", person),
            channel,
            Some(address),
            state,
        ))
    }

    fn fresh(
        &self,
        incident: Option<(&Number, Severity)>,
        cause: Cause,
        (audience, person): (&str, &str),
        channel: Channel,
        address: Option<Address>,
        state: Delivery,
    ) -> Notification {
        let (seq, at) = (self.stamped.seq, self.stamped.at.0);
        Notification {
            id: notification_id(seq, self.place),
            rank: i64::try_from(seq).unwrap_or(i64::MAX / PLACES) * PLACES + self.place as i64,
            incident: incident.map(|(number, _)| number.0.clone()),
            about: i64::try_from(self.about).unwrap_or(i64::MAX),
            cause: cause.to_string(),
            severity: incident.map(|(_, severity)| severity.id().to_owned()),
            audience: audience.into(),
            person: person.into(),
            channel: channel.id().into(),
            address: address.map(|a| a.as_str().to_owned()),
            state: state.id().into(),
            due: at,
            not_before: None,
            next_at: Some(self.now.0),
            attempts: 0,
            certain: 0,
            leased_by: None,
            first_at: None,
            sent_at: None,
            delivered_at: None,
            read_at: None,
            provider_id: None,
            why: String::new(),
            untold: false,
            created_at: at,
        }
    }
}
