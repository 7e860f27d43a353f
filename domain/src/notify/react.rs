//! What an event means for the people: who is to be told because of it.

use super::{
    Addressee, Cadence, Calendar, Cause, Comms, Live, People, Suppressed, crowd::spread, on_call,
};
use crate::{
    Event, Incident, IncidentRole, Severity, Span, Stamp, World,
    plan::{Channel, Contact, Escalation, Level, Plan},
};
use std::collections::HashSet;

/// So many addressees stand in one event; more make several.
pub const MOST_IN_ONE: usize = 200;
/// Everybody.
pub const ALL: &str = "all";

/// What is to be told because of an event that the world has folded in; nothing for most of them.
pub fn react(
    world: &World,
    plan: &Plan,
    calendar: &dyn Calendar,
    now: Stamp,
    event: &Event,
) -> Vec<Event> {
    let crate::Subject::Incident(number) = event.subject() else {
        return Vec::new();
    };
    let (Some(incident), Some(comms)) = (world.incidents.get(number), world.comms(number)) else {
        return Vec::new();
    };
    let mut fan = Fan::out(world, plan, calendar, now, incident, comms);
    let within = plan
        .communication
        .row(incident.severity)
        .map_or(Span::default(), |row| row.within);
    let (cause, due) = match event {
        Event::IncidentDeclared { .. } => {
            fan.row(|_, _| true);
            (Cause::Declared, incident.declared_at.plus(within))
        }
        Event::IncidentReopened { .. } => {
            fan.row(|_, _| true);
            (Cause::Reopened, now.plus(within))
        }
        Event::SeverityChanged { from, to, .. } if to < from => {
            fan.row(|channel, person| comms.told(channel, person).is_none());
            (Cause::Raised, now.plus(within))
        }
        Event::UpdatePosted { .. } => {
            fan.followers(false);
            (Cause::Update, now.plus(within))
        }
        Event::IncidentResolved { .. } => {
            fan.followers(true);
            (Cause::Resolved, now.plus(within))
        }
        Event::Escalated { level, .. } => {
            fan.level(*level);
            (Cause::Escalation(*level), now)
        }
        Event::UpdateReminded { overdue_by, .. } => {
            fan.reminded(overdue_by.is_some());
            (Cause::Reminder, now)
        }
        _ => return Vec::new(),
    };
    fan.events(cause, due)
}

/// Tells again: these people, on the channels on which they were told in person.
pub(crate) fn again(
    world: &World,
    plan: &Plan,
    calendar: &dyn Calendar,
    now: Stamp,
    incident: &Incident,
    whom: &[&str],
) -> Vec<Event> {
    let Some(comms) = world.comms(&incident.number) else {
        return Vec::new();
    };
    let mut fan = Fan::out(world, plan, calendar, now, incident, comms);
    for (channel, people) in comms.told.iter().filter(|(c, _)| c.is_personal()) {
        for (person, told) in people.iter().filter(|(p, _)| whom.contains(&p.as_str())) {
            if let Some(contact) = fan.people.get(person) {
                fan.person(&told.audience, person, contact, *channel);
            }
        }
    }
    fan.events(Cause::Repeat, now)
}

/// Addressees as they are gathered.
struct Fan<'a> {
    plan: &'a Plan,
    people: People<'a>,
    calendar: &'a dyn Calendar,
    now: Stamp,
    incident: &'a Incident,
    comms: &'a Comms,
    live: Result<Live<'a>, Suppressed>,
    /// In the order in which they are asked: on call, primary, secondary.
    order: Vec<(String, &'a Contact)>,
    on_call: usize,
    to: Vec<Addressee>,
    /// Nobody is told the same thing twice, also not under two names with one number.
    seen: HashSet<(Channel, String)>,
}

impl<'a> Fan<'a> {
    fn out(
        world: &World,
        plan: &'a Plan,
        calendar: &'a dyn Calendar,
        now: Stamp,
        incident: &'a Incident,
        comms: &'a Comms,
    ) -> Self {
        let people = People::of(&plan.contacts);
        let ready = on_call(plan, &people, &world.overrides, calendar, now);
        let rank = |person: &str, contact: &Contact| {
            let on_call = ready.iter().position(|o| o.person == person);
            (on_call.is_none(), on_call, contact.escalation)
        };
        let mut order: Vec<(String, &Contact)> = people
            .iter()
            .map(|(person, contact)| (person.to_owned(), contact))
            .collect();
        order.sort_by_key(|(person, contact)| rank(person, contact));
        Fan {
            live: Live::of(incident, plan),
            on_call: ready.len(),
            plan,
            people,
            calendar,
            now,
            incident,
            comms,
            order,
            to: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// The matrix's row of the severity, as far as it is `wanted`.
    fn row(&mut self, wanted: impl Fn(Channel, &str) -> bool) {
        let plan = self.plan;
        let Some(row) = plan.communication.row(self.incident.severity) else {
            return;
        };
        let personal: Vec<Channel> = row
            .channels
            .iter()
            .filter(|c| c.is_personal())
            .copied()
            .collect();
        for audience in &row.audiences {
            for channel in &row.channels {
                if channel.is_personal() {
                    let mut members = self.members(audience);
                    let nth = personal.iter().position(|c| c == channel).unwrap_or(0);
                    let primary = |(_, c): &(_, &Contact)| c.escalation == Escalation::Primary;
                    let first = members.iter().rposition(primary).map_or(0, |last| last + 1);
                    spread(&mut members[first..], nth, personal.len());
                    for (person, contact) in members {
                        if wanted(*channel, &person) {
                            self.person(audience, &person, contact, *channel);
                        }
                    }
                } else {
                    self.places(audience, *channel, &wanted);
                }
            }
        }
    }

    /// The contacts of an audience, in the order in which they are asked.
    fn members(&self, audience: &str) -> Vec<(String, &'a Contact)> {
        let of = self.plan.communication.audiences.iter();
        let of = of.clone().find(|a| a.id == audience);
        let mine = |(_, contact): &&(String, &Contact)| {
            audience == ALL || of.is_some_and(|a| a.members.contains(&contact.role))
        };
        self.order.iter().filter(mine).cloned().collect()
    }

    fn person(&mut self, audience: &str, person: &str, contact: &Contact, channel: Channel) {
        let at = match channel {
            Channel::Phone => &contact.phone,
            Channel::Sms => contact.sms.as_ref().unwrap_or(&contact.phone),
            _ => &contact.email,
        };
        if !self.seen.insert((channel, at.clone())) {
            return;
        }
        let reach = match &self.live {
            Ok(live) => live.contact(contact, channel).map(drop),
            Err(reason) => Err(*reason),
        };
        let quiet = match (reach, self.incident.severity) {
            (Ok(()), Severity::Sev2 | Severity::Sev3) => {
                self.calendar.quiet_until(contact, self.now)
            }
            _ => None,
        };
        self.to.push(Addressee {
            audience: audience.into(),
            person: person.into(),
            channel,
            held_until: quiet,
            suppressed: reach.err(),
        });
    }

    /// The places of a channel that serve an audience; where there is none, the audience itself is not reached there.
    fn places(&mut self, audience: &str, channel: Channel, wanted: &dyn Fn(Channel, &str) -> bool) {
        let plan = self.plan;
        let serves = |audiences: &[String]| {
            audience == ALL || audiences.iter().any(|a| a == audience || a == ALL)
        };
        let mut places: Vec<&str> = plan
            .channels
            .destinations(channel)
            .into_iter()
            .filter(|(_, audiences)| serves(audiences))
            .map(|(name, _)| name)
            .collect();
        if places.is_empty() {
            places.push(audience_name(plan, audience));
        }
        for place in places {
            if wanted(channel, place) {
                self.place(audience, place, channel);
            }
        }
    }

    fn place(&mut self, audience: &str, place: &str, channel: Channel) {
        if !self.seen.insert((channel, place.to_owned())) {
            return;
        }
        let reach = match &self.live {
            Ok(live) => live.place(place, channel).map(drop),
            Err(reason) => Err(*reason),
        };
        self.to.push(Addressee {
            audience: audience.into(),
            person: place.into(),
            channel,
            held_until: None,
            suppressed: reach.err(),
        });
    }

    /// Whoever was told hears how it goes on: persons by mail, places where they are.
    fn followers(&mut self, at_the_end: bool) {
        let comms = self.comms;
        for (channel, people) in &comms.told {
            for (person, told) in people {
                let nowhere = matches!(
                    told.suppressed,
                    Some(Suppressed::NotConfigured | Suppressed::NoAddress)
                );
                match channel {
                    // Nobody was there to be told; a mail may reach them all the same.
                    _ if nowhere && !channel.is_personal() => {}
                    // It knows an incident's beginning and its end.
                    Channel::Pagerduty if !at_the_end => {}
                    channel if channel.is_personal() => {
                        if let Some(contact) = self.people.get(person) {
                            self.person(&told.audience, person, contact, Channel::Email);
                        }
                    }
                    channel => self.place(&told.audience, person, *channel),
                }
            }
        }
        // Who has no way to get one is not told so with every update.
        self.to.retain(|to| {
            !matches!(
                to.suppressed,
                Some(Suppressed::NotConfigured | Suppressed::NoAddress)
            )
        });
    }

    /// Those of this level of the escalation, and once more those who were asked first.
    fn level(&mut self, level: u8) {
        let levels = self.plan.communication.levels();
        let Some(asked) = (level as usize).checked_sub(2).and_then(|i| levels.get(i)) else {
            return;
        };
        let on_call = self.on_call;
        let is = |word: &str, n: usize, contact: &Contact| match word {
            Level::ON_CALL => n < on_call,
            Level::PRIMARY => contact.escalation == Escalation::Primary,
            Level::SECONDARY => contact.escalation == Escalation::Secondary,
            audience => {
                let mut of = self.plan.communication.audiences.iter();
                let found = of.find(|a| a.id == audience);
                audience == ALL || found.is_some_and(|a| a.members.contains(&contact.role))
            }
        };
        let order = self.order.clone();
        let next = order
            .iter()
            .enumerate()
            .filter(|(n, (_, c))| asked.to.iter().any(|word| is(word, *n, c)));
        let first = order
            .iter()
            .enumerate()
            .filter(|(n, (_, c))| *n < on_call || c.escalation == Escalation::Primary);
        let whom: Vec<_> = next.chain(first).map(|(_, who)| who).collect();
        for channel in &asked.channels {
            match channel.is_personal() {
                true => {
                    for (person, contact) in &whom {
                        self.person(&asked.to.join(", "), person, contact, *channel);
                    }
                }
                false => self.places(ALL, *channel, &|_, _| true),
            }
        }
    }

    /// Whoever has to write the next update; where it is overdue also those who lead.
    fn reminded(&mut self, overdue: bool) {
        use IncidentRole::{Communications, Deputy, IncidentCommander};
        let held = |role| {
            let holder = self.incident.roles.get(&role)?;
            let (person, contact) = self.people.find(holder)?;
            Some((person.to_owned(), contact))
        };
        let mut whom: Vec<(String, &Contact)> = Vec::new();
        whom.extend(held(Communications).or_else(|| held(IncidentCommander)));
        if overdue {
            whom.extend([IncidentCommander, Deputy].into_iter().filter_map(held));
        }
        if whom.is_empty() {
            let primary = |(_, c): &&(String, &Contact)| c.escalation == Escalation::Primary;
            whom = self.order.iter().filter(primary).cloned().collect();
        }
        for (person, contact) in whom {
            for channel in [Channel::Sms, Channel::Email] {
                if self.plan.channels.has(channel) {
                    self.person("", &person, contact, channel);
                }
            }
        }
    }

    /// At most so many in one event. What is held is not held beyond the time it is due.
    fn events(self, cause: Cause, due: Stamp) -> Vec<Event> {
        let now = self.now;
        let until_due = |mut to: Addressee| {
            to.held_until = to
                .held_until
                .map(|until| until.min(due))
                .filter(|until| *until > now);
            to
        };
        let to: Vec<Addressee> = self.to.into_iter().map(until_due).collect();
        to.chunks(MOST_IN_ONE)
            .map(|to| Event::NotificationsQueued {
                incident: self.incident.number.clone(),
                cause,
                due,
                to: to.to_vec(),
            })
            .collect()
    }
}

/// As people call it.
pub fn audience_name<'a>(plan: &'a Plan, id: &'a str) -> &'a str {
    if id == ALL {
        return "Everybody";
    }
    let mut audiences = plan.communication.audiences.iter();
    audiences.find(|a| a.id == id).map_or(id, |a| &a.name)
}

/// What an incident's next update of a kind waits for: since when, and until when.
pub(super) fn update_due(
    incident: &Incident,
    plan: &Plan,
    which: Cadence,
) -> Option<(Stamp, Span)> {
    let policy = plan.communication.severity(incident.severity)?;
    match which {
        Cadence::Public => {
            let due = incident.next_update_due(&plan.communication)?;
            Some((due, policy.update_every))
        }
        Cadence::Internal => {
            let every = policy.internal_every.filter(|_| incident.is_open())?;
            let last = incident
                .updates
                .last()
                .map_or(incident.declared_at, |u| u.at);
            Some((last.plus(every), every))
        }
    }
}
