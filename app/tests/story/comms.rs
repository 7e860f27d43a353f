//! Who was told in that afternoon: the rules' own answers to its events, and what the providers said.

use super::{Story, at, person, runner};
use app::page::{Month, Place, Spoken, Told, Way};
use domain::{
    AccessRole, Actor, Command, Context, Event, Kind, Severity, Source, Span, Stamp, Stamped,
    decide, notify::*, plan::*,
};
use std::collections::BTreeMap;

/// Weeks from the epoch on, and nobody sleeps but Alice.
pub struct Weeks;

impl Calendar for Weeks {
    fn quiet_until(&self, contact: &Contact, now: Stamp) -> Option<Stamp> {
        (contact.name == "Alice Brown").then(|| now.plus(Span::secs(5 * 3600)))
    }
    fn shift(&self, rotation: &Rotation, at: Stamp) -> Option<Shift> {
        let week = Span::secs(7 * 86_400);
        let turn = at.0 / week.micros();
        let from = Stamp(turn * week.micros());
        let role = &rotation.members[turn as usize % rotation.members.len()];
        Some(Shift {
            role: role.clone(),
            from,
            until: from.plus(week),
        })
    }
}

pub fn rotation() -> Rotation {
    Rotation {
        id: "platform".into(),
        name: "Platform".into(),
        members: vec!["DevOps Lead".into(), "Database Admin".into()],
        starts: "2026-01-05".into(),
        handover: "mon 09:00".parse().expect("a handover"),
        timezone: "Europe/Vienna".into(),
    }
}

impl Story {
    /// Puts behind the last event whom it tells.
    pub fn follow(&mut self, second: i64) -> u64 {
        let last = self.log.last().expect("an event").event.clone();
        let told = react(&self.world, &self.plan, &Weeks, at(second), &last);
        let mut seq = self.world.seq;
        for event in told {
            seq = self.tell(second, &runner(), event);
        }
        seq
    }

    /// What became of somebody's message.
    pub fn report(
        &mut self,
        second: i64,
        person: &str,
        channel: Channel,
        state: Delivery,
        why: &str,
    ) {
        let number = self
            .world
            .incidents
            .keys()
            .next()
            .expect("an incident")
            .clone();
        let comms = self.world.comms(&number).expect("telling");
        let told = comms.told(channel, person).expect("was queued");
        let report = Report {
            id: told.id.clone(),
            person: person.into(),
            channel,
            state,
            at: at(second),
            why: why.into(),
        };
        self.tell(
            second,
            &Actor::system("outbox", Source::Runner),
            Event::NotificationsReported {
                incident: number,
                results: vec![report],
            },
        );
    }

    /// Every first word of the declaration as it went: Alice's telephone is out of service.
    pub fn providers_answer(&mut self) {
        for person in ["John Smith", "Jane Doe", "Bob Wilson", "Alice Brown"] {
            self.report(15, person, Channel::Email, Delivery::Sent, "");
        }
        self.report(15, "incidents", Channel::Slack, Delivery::Delivered, "");
        for person in ["John Smith", "Jane Doe", "Bob Wilson"] {
            self.report(16, person, Channel::Phone, Delivery::Sent, "");
            self.report(21, person, Channel::Phone, Delivery::Delivered, "");
        }
        self.report(
            17,
            "Alice Brown",
            Channel::Phone,
            Delivery::Failed,
            "the number is not in service",
        );
    }

    pub fn acknowledge(&mut self, second: i64, who: &str, via: Via) {
        let number = self
            .world
            .incidents
            .keys()
            .next()
            .expect("an incident")
            .clone();
        self.tell(
            second,
            &person(who, AccessRole::Responder),
            Event::Acknowledged {
                incident: number,
                person: who.into(),
                via,
            },
        );
    }

    /// Declared, told, and answered by nobody: at this level of the escalation.
    pub fn unanswered(level: u8) -> Story {
        let mut story = Story::declared(Kind::Real);
        story.providers_answer();
        for level in 2..=level {
            let second = 14 + 300 * i64::from(level - 1);
            let actor = Actor::system("outbox", Source::Runner);
            story.tell(
                second,
                &actor,
                Event::Escalated {
                    incident: super::INC.into(),
                    level,
                    because: "nobody acknowledged within 5 min".into(),
                },
            );
            story.follow(second);
        }
        story
    }

    /// The directory with some addresses proved, one long ago, and somebody in somebody's place.
    pub fn tested() -> Story {
        let mut story = Story::quiet();
        const DAY: i64 = 86_400;
        let mut prove = |days: i64, person: &str, channel: Channel, confirmed: bool| {
            let of = |event: fn(String, Channel, String) -> Event| {
                event(person.into(), channel, digest(person, channel))
            };
            let jane = super::jane();
            story.tell(
                -days * DAY - 60,
                &jane,
                of(|person, channel, address_digest| Event::ContactTested {
                    person,
                    channel,
                    address_digest,
                }),
            );
            if confirmed {
                story.tell(
                    -days * DAY,
                    &jane,
                    of(|person, channel, address_digest| Event::ContactConfirmed {
                        person,
                        channel,
                        address_digest,
                    }),
                );
            }
        };
        prove(97, "Bob Wilson", Channel::Phone, true);
        prove(12, "John Smith", Channel::Phone, true);
        prove(12, "John Smith", Channel::Email, true);
        prove(3, "Jane Doe", Channel::Email, false);
        story.tell(
            -3600,
            &super::jane(),
            Event::OnCallOverridden {
                id: "0199c5ff-1d3a-7e44-a7b9-52d0c6e8f914".into(),
                rotation: "platform".into(),
                person: "Alice Brown".into(),
                from: at(-1800),
                until: at(DAY),
                reason: "Bob is at the dentist".into(),
            },
        );
        story
    }

    pub fn declared(kind: Kind) -> Story {
        let mut story = Story::failing();
        story.declare_as(kind);
        story
    }

    pub fn declare_as(&mut self, kind: Kind) {
        self.tell(
            14,
            &super::jane(),
            Event::IncidentDeclared {
                incident: super::INC.into(),
                title: "Orders are failing: primary database down".into(),
                severity: Severity::Sev1,
                affected: vec!["orders-api".into(), "manufacturing-database".into()],
                kind,
                public: kind == Kind::Real,
                quiet: false,
                plan: "4f1c9e02ab7d55e1c0".into(),
                checklist: Vec::new(),
            },
        );
        self.follow(14);
    }

    /// What the server would work out.
    pub fn told(&self, now: Stamp) -> Box<Told> {
        let people = People::of(&self.plan.contacts);
        let place = |(name, contact): (&str, &Contact)| {
            let digests = Channel::ALL.into_iter().filter(|c| c.is_personal());
            let place = Place {
                clock: "Sun 09:02".into(),
                zone: contact.timezone.clone().unwrap_or_else(|| "UTC".into()),
                quiet_until: Weeks.quiet_until(contact, now),
                digests: digests.map(|c| (c, digest(name, c))).collect(),
            };
            (name.to_owned(), place)
        };
        let overrides = &self.world.overrides;
        let ahead = now.plus(Span::secs(28 * 86_400));
        Box::new(Told {
            comms: self.world.comms.clone(),
            notices: self.notices(),
            preview: Severity::ALL
                .into_iter()
                .map(|s| (s, self.preview(s, now)))
                .collect(),
            ways: self.ways(),
            on_call: on_call(&self.plan, &people, overrides, &Weeks, now),
            roster: roster(&self.plan, &people, overrides, &Weeks, now, ahead),
            overrides: overrides.clone(),
            verified: self.world.verified.clone(),
            places: people.iter().map(place).collect(),
            months: months(),
            said: said(),
            calendar: Some(
                "http://127.0.0.1:8080/contacts/on-call.ics?key=4f1c9e02ab7d55e1c04f1c9e02ab7d55"
                    .into(),
            ),
        })
    }

    fn ways(&self) -> Vec<Way> {
        let way = |channel, name: Option<&str>| Way {
            channel,
            name: name.map(str::to_owned),
            trouble: None,
            worked: Some(at(-3600)),
            failed: None,
        };
        let mut ways = Vec::new();
        for channel in Channel::ALL {
            if channel.is_personal() && self.plan.channels.has(channel) {
                ways.push(way(channel, None));
            }
            for (name, _) in self.plan.channels.destinations(channel) {
                ways.push(way(channel, Some(name)));
            }
        }
        if let Some(teams) = ways.iter_mut().find(|w| w.channel == Channel::Teams) {
            teams.trouble = Some("MUSTER_TEAMS_URL is not set".into());
            teams.worked = None;
        }
        if let Some(phone) = ways.iter_mut().find(|w| w.channel == Channel::Phone) {
            phone.failed = Some((at(17), "the number is not in service".into()));
        }
        ways
    }

    fn preview(&self, severity: Severity, now: Stamp) -> Vec<Addressee> {
        let actor = super::jane();
        let context = Context {
            actor: &actor,
            now,
            plan: &self.plan,
            calendar: &Weeks,
            node: "",
        };
        let command = Command::Declare {
            title: "Whom would this tell?".into(),
            severity,
            affected: Vec::new(),
            kind: Kind::Real,
            public: false,
            quiet: false,
            occurred_at: None,
        };
        let facts = decide(&self.world, &context, command).unwrap_or_default();
        let queued = facts.into_iter().filter_map(|fact| match fact.event {
            Event::NotificationsQueued { to, .. } => Some(to),
            _ => None,
        });
        queued.flatten().collect()
    }

    /// From the log, as the store's rows would have it.
    fn notices(&self) -> Vec<Notice> {
        let mut all: BTreeMap<(u64, usize), Notice> = BTreeMap::new();
        for stamped in &self.log {
            match &stamped.event {
                Event::NotificationsQueued { cause, due, to, .. } => {
                    for (n, to) in to.iter().enumerate() {
                        all.insert((stamped.seq, n), queued(stamped, n, *cause, *due, to));
                    }
                }
                Event::NotificationsReported { results, .. } => {
                    for r in results {
                        let Some(notice) = all.values_mut().find(|n| n.id == r.id) else {
                            continue;
                        };
                        notice.state = r.state;
                        notice.why.clone_from(&r.why);
                        notice.attempts = 1;
                        if r.state.is_sent() {
                            notice.sent = notice.sent.or(Some(r.at));
                        }
                        if r.state == Delivery::Delivered {
                            notice.delivered = Some(r.at);
                        }
                    }
                }
                _ => {}
            }
        }
        all.into_values().collect()
    }
}

fn queued(stamped: &Stamped, n: usize, cause: Cause, due: Stamp, to: &Addressee) -> Notice {
    Notice {
        id: notification_id(stamped.seq, n),
        cause,
        audience: to.audience.clone(),
        person: to.person.clone(),
        channel: to.channel,
        state: match to.suppressed {
            Some(_) => Delivery::Suppressed,
            None => Delivery::Pending,
        },
        suppressed: to.suppressed,
        queued: stamped.at,
        due,
        held_until: to.held_until,
        attempts: 0,
        next: None,
        sent: None,
        delivered: None,
        why: String::new(),
    }
}

fn digest(person: &str, channel: Channel) -> String {
    format!("{}-{person}", channel.id())
}

fn months() -> Vec<Month> {
    let month = |month: &str, severity, channel, met, late, failed| Month {
        month: month.into(),
        severity,
        channel,
        met,
        late,
        failed,
    };
    vec![
        month("2026-11", Severity::Sev1, Channel::Phone, 11, 0, 1),
        month("2026-11", Severity::Sev1, Channel::Email, 12, 0, 0),
        month("2026-11", Severity::Sev2, Channel::Email, 20, 1, 0),
        month("2026-10", Severity::Sev3, Channel::Slack, 4, 0, 0),
    ]
}

fn said() -> Vec<Spoken> {
    let spoken = |stage, audience: &str, channel, subject: &str, text: &str| Spoken {
        stage,
        audience: audience.into(),
        channel,
        to: "4 people".into(),
        subject: subject.into(),
        text: text.into(),
        by_plan: stage == Stage::Update,
    };
    vec![
        spoken(
            Stage::Declared,
            "all",
            Channel::Phone,
            "",
            "A severity 1 incident was declared less than a minute ago: Orders are failing. Affected: Orders API.",
        ),
        spoken(
            Stage::Declared,
            "all",
            Channel::Email,
            "[SEV1] INC-2026-014 Orders are failing",
            "A SEV1 incident was declared, and the plan says that you are to know. Please acknowledge it.",
        ),
        spoken(
            Stage::Update,
            "tech",
            Channel::Slack,
            "",
            "INC-2026-014, Identified:\nThe primary is lost. <b>Next word</b> by 14:24 UTC.",
        ),
    ]
}
