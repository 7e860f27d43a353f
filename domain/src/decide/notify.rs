//! The rules of telling: who may say that they know, what a timer brings about; and what every event means for people.

use super::{Context, Decision, Fact, ahead, incident, one, open_incident, text};
use crate::{
    Command, Event, Number, Refusal, Span, World,
    notify::{Comms, People, again, audience_name, next_level, next_reminder, react},
    plan::{Channel, Level},
};

/// Nobody is told again sooner than this.
const AGAIN: Span = Span::secs(60);
/// Nobody stands in for anybody for longer.
const LONGEST_OVERRIDE: Span = Span::secs(90 * 86_400);

/// Puts behind each event whom it tells.
pub(super) fn follow(world: &World, context: &Context<'_>, facts: Vec<Fact>) -> Vec<Fact> {
    if !facts.iter().any(|fact| tells(&fact.event)) {
        return facts;
    }
    let mut out = Vec::with_capacity(facts.len() + 2);
    let mut world = world.clone();
    for fact in facts {
        let tells = tells(&fact.event);
        world = ahead(&world, context, std::slice::from_ref(&fact));
        let told = match tells {
            true => react(
                &world,
                context.plan,
                context.calendar,
                context.now,
                &fact.event,
            ),
            false => Vec::new(),
        };
        out.push(fact);
        out.extend(told.into_iter().map(|event| Fact {
            at: context.now,
            event,
        }));
    }
    out
}

fn tells(event: &Event) -> bool {
    matches!(
        event,
        Event::IncidentDeclared { .. }
            | Event::SeverityChanged { .. }
            | Event::IncidentReopened { .. }
            | Event::UpdatePosted { .. }
            | Event::IncidentResolved { .. }
            | Event::Escalated { .. }
            | Event::UpdateReminded { .. }
    )
}

pub(super) fn decide(world: &World, context: &Context<'_>, command: Command) -> Decision {
    match command {
        Command::Acknowledge {
            incident: number,
            via,
        } => {
            open_incident(world, &number)?;
            let person = own_name(context);
            match comms(world, &number)?.knows(&person) {
                Some(_) => Ok(Vec::new()),
                None => one(
                    context,
                    Event::Acknowledged {
                        incident: number,
                        person,
                        via,
                    },
                ),
            }
        }
        Command::RepeatNotifications { incident, person } => {
            let now = open_incident(world, &incident)?;
            let comms = comms(world, &incident)?;
            let people = People::of(&context.plan.contacts);
            let named;
            let mut whom = match person {
                None => comms.silent(),
                Some(who) => {
                    named = known(&people, "person", &who)?;
                    vec![named.as_str()]
                }
            };
            let before = whom.len();
            whom.retain(|person| {
                let told = Channel::ALL
                    .into_iter()
                    .filter_map(|c| comms.told(c, person));
                told.map(|t| t.queued)
                    .max()
                    .is_none_or(|at| at.plus(AGAIN) <= context.now)
            });
            if whom.is_empty() {
                return Err(Refusal::conflict(match before {
                    0 => "There is nobody to tell again.".into(),
                    _ => format!("They were told less than {} ago.", AGAIN.words()),
                }));
            }
            let events = again(
                world,
                context.plan,
                context.calendar,
                context.now,
                now,
                &whom,
            );
            if events.is_empty() {
                return Err(Refusal::conflict(
                    "They were not told by Muster before: there is nothing to repeat.",
                ));
            }
            Ok(events
                .into_iter()
                .map(|event| Fact {
                    at: context.now,
                    event,
                })
                .collect())
        }
        Command::RecordCall {
            incident: number,
            person,
            reached,
            says,
        } => {
            open_incident(world, &number)?;
            let typed = text::line("person", &person, 1, 120)?;
            let people = People::of(&context.plan.contacts);
            let person = people
                .find(&typed)
                .map_or(typed.clone(), |(p, _)| p.to_owned());
            let says = text::lines("says", &says, 0, 1000)?;
            one(
                context,
                Event::CalledByHand {
                    incident: number,
                    person,
                    reached,
                    says,
                },
            )
        }
        Command::Escalate {
            incident: number,
            level,
        } => escalate(world, context, number, level),
        Command::RemindUpdate {
            incident: number,
            which,
            due,
            overdue,
        } => {
            let now = incident(world, &number)?;
            let next = next_reminder(now, comms(world, &number)?, context.plan, which);
            match next {
                Some(next) if next.due == due && next.overdue == overdue => one(
                    context,
                    Event::UpdateReminded {
                        incident: number,
                        which,
                        due,
                        overdue_by: overdue.then(|| context.now.since(next.first)),
                    },
                ),
                // Somebody posted one, or another node reminded of it.
                _ => Ok(Vec::new()),
            }
        }
        Command::ReportNotifications {
            incident: number,
            results,
        } => {
            if results.is_empty() {
                return Ok(Vec::new());
            }
            one(
                context,
                Event::NotificationsReported {
                    incident: number,
                    results,
                },
            )
        }
        Command::TestContact {
            person,
            channel,
            address_digest,
        } => {
            let people = People::of(&context.plan.contacts);
            let person = known(&people, "person", &person)?;
            if !channel.is_personal() || !context.plan.channels.has(channel) {
                return Err(Refusal::invalid(
                    "channel",
                    format!("The plan has no provider for {}.", channel.name()),
                ));
            }
            let tested = crate::notify::verification_key(&person, channel);
            let last = world.verified.get(&tested).and_then(|v| v.tested_at);
            if last.is_some_and(|at| at.plus(AGAIN) > context.now) {
                return Err(Refusal::conflict(format!(
                    "{person} was sent a test less than {} ago.",
                    AGAIN.words()
                )));
            }
            one(
                context,
                Event::ContactTested {
                    person,
                    channel,
                    address_digest,
                },
            )
        }
        Command::ConfirmContact {
            person,
            channel,
            address_digest,
        } => {
            let tested = crate::notify::verification_key(&person, channel);
            match world.verified.get(&tested) {
                Some(v) if v.digest == address_digest && v.confirmed_at >= v.tested_at => {
                    Ok(Vec::new())
                }
                Some(v) if v.digest == address_digest => one(
                    context,
                    Event::ContactConfirmed {
                        person,
                        channel,
                        address_digest,
                    },
                ),
                _ => Err(Refusal::conflict(
                    "This address has changed since the test was sent. Send another one.",
                )),
            }
        }
        Command::OverrideOnCall {
            id,
            rotation,
            person,
            from,
            until,
            reason,
        } => {
            if context.plan.rotation(&rotation).is_none() {
                return Err(Refusal::invalid(
                    "rotation",
                    format!("The plan has no rotation `{rotation}`."),
                ));
            }
            let people = People::of(&context.plan.contacts);
            let person = known(&people, "person", &person)?;
            let reason = text::lines("reason", &reason, 0, 1000)?;
            if until <= from || until <= context.now {
                return Err(Refusal::invalid(
                    "until",
                    "It ends after it begins, and in the future.",
                ));
            }
            if until.since(from) > LONGEST_OVERRIDE {
                return Err(Refusal::invalid(
                    "until",
                    "An override lasts at most 90 days; change the rotation in the plan instead.",
                ));
            }
            one(
                context,
                Event::OnCallOverridden {
                    id,
                    rotation,
                    person,
                    from,
                    until,
                    reason,
                },
            )
        }
        Command::RemoveOverride { id } => match world.overrides.iter().any(|o| o.id == id) {
            true => one(context, Event::OverrideRemoved { id }),
            false => Err(Refusal::not_found("There is no such override.")),
        },
        // Every other command was taken by `super::decide`.
        _ => Ok(Vec::new()),
    }
}

fn escalate(world: &World, context: &Context<'_>, number: Number, level: u8) -> Decision {
    let now = incident(world, &number)?;
    let comms = comms(world, &number)?;
    // Somebody acknowledged, or another node was first.
    if next_level(now, comms, context.plan) != Some(level) {
        return Ok(Vec::new());
    }
    let policy = context.plan.communication.severity(now.severity);
    let mut because = match policy.and_then(|p| p.acknowledge_within()) {
        Some(within) => format!("nobody acknowledged within {}", within.words()),
        None => "nobody acknowledged".into(),
    };
    let levels = context.plan.communication.levels();
    let asked = &levels[usize::from(level) - 2].to;
    let external = &context.plan.contacts.external;
    if asked.iter().any(|to| to == Level::EXTERNAL) && !external.is_empty() {
        let named = external.iter().map(|s| {
            let (service, account, contact) = (&s.service, &s.account, &s.contact);
            format!("{service}, account {account}, {contact}")
        });
        let named = named.collect::<Vec<_>>().join("; ");
        because = format!("{because}. Call external support by hand: {named}");
    } else {
        let asked = asked.iter().map(|to| match to.as_str() {
            Level::PRIMARY => "the primary contacts",
            Level::SECONDARY => "the secondary contacts",
            Level::ON_CALL => "who is on call",
            audience => audience_name(context.plan, audience),
        });
        let asked = asked.collect::<Vec<_>>().join(" and ");
        because = format!("{because}; now {asked}");
    }
    one(
        context,
        Event::Escalated {
            incident: number,
            level,
            because,
        },
    )
}

fn comms<'a>(world: &'a World, number: &Number) -> Result<&'a Comms, Refusal> {
    let found = world.comms(number).map(|c| &**c);
    found.ok_or_else(|| Refusal::not_found(format!("There is no incident {number}.")))
}

/// The caller as the contacts know them, else as they are signed in.
fn own_name(context: &Context<'_>) -> String {
    let people = People::of(&context.plan.contacts);
    let name = &context.actor.name;
    people
        .find(name)
        .map_or(name.clone(), |(person, _)| person.to_owned())
}

fn known(people: &People<'_>, field: &str, who: &str) -> Result<String, Refusal> {
    match people.find(who.trim()) {
        Some((person, _)) => Ok(person.to_owned()),
        None => Err(Refusal::invalid(
            field,
            format!("The plan has no contact `{}`.", who.trim()),
        )),
    }
}
