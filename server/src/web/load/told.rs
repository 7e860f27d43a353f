//! What is known of who was told, and how people are reached.

mod kept;
mod spoken;

use super::{Missing, document};
use crate::{state::State, web::duty};
use app::page::{Place, Told, Unposted, Way};
use domain::{
    Actor, Command, Context, Event, Incident, Kind, Number, Severity, Source, Span, Stamp, World,
    decide,
    notify::{
        Address, Addressee, Calendar, Comms, Delivery, Notice, People, Suppressed, on_call, roster,
    },
    plan::{Channel, Contact, Plan},
};
use engine::{Zones, address_mark, store::Notification};
use std::{collections::BTreeMap, sync::Arc};

/// So far ahead a page shows who is on call.
const AHEAD: Span = Span::secs(28 * 86_400);
/// So many of an incident's notifications are shown at most.
const MOST: u32 = 2_000;

/// What every page about open incidents shows.
pub fn open(world: &World) -> Box<Told> {
    Box::new(Told {
        comms: world.comms.clone(),
        ..Told::default()
    })
}

/// Of one incident, open or closed.
pub async fn of(state: &State, incident: &Incident) -> Result<Box<Told>, Missing> {
    let number = &incident.number;
    let found = match state.desk.world().comms(number) {
        Some(open) => Some(open.clone()),
        None => document::<Comms>(state, "comms", number.as_str())
            .await?
            .map(Arc::new),
    };
    let comms = found.map(|comms| (number.clone(), comms));
    Ok(Box::new(Told {
        comms: comms.into_iter().collect(),
        notices: notices(state, number).await?,
        ..Told::default()
    }))
}

/// Whom declaring would tell, by severity: what the rules answer to it now, and nothing of it is done.
pub fn preview(plan: &Plan, world: &World, now: Stamp) -> BTreeMap<Severity, Vec<Addressee>> {
    let declare = |severity| Command::Declare {
        title: "Whom would this tell?".into(),
        severity,
        affected: Vec::new(),
        kind: Kind::Real,
        public: false,
        quiet: false,
        occurred_at: None,
    };
    let of = |severity| (severity, would_tell(plan, world, now, declare(severity)));
    Severity::ALL.into_iter().map(of).collect()
}

/// The preview of a command that somebody is about to give: whom it would tell.
fn would_tell(plan: &Plan, world: &World, now: Stamp, command: Command) -> Vec<Addressee> {
    let actor = Actor::system("preview", Source::Browser);
    let context = Context {
        actor: &actor,
        now,
        plan,
        calendar: &Zones,
        node: "",
    };
    let facts = decide(world, &context, command).unwrap_or_default();
    let queued = facts.into_iter().filter_map(|fact| match fact.event {
        Event::NotificationsQueued { to, .. } => Some(to),
        _ => None,
    });
    queued.flatten().collect()
}

/// Before an incident is declared.
pub fn before(state: &State, now: Stamp) -> Box<Told> {
    let (plan, world) = (state.desk.plan().plan, state.desk.world());
    let people = People::of(&plan.contacts);
    Box::new(Told {
        preview: preview(&plan, &world, now),
        ways: ways(state),
        on_call: on_call(&plan, &people, &world.overrides, &Zones, now),
        ..Told::default()
    })
}

/// Everybody, and how they are reached.
pub fn directory(state: &State, now: Stamp) -> Box<Told> {
    let (plan, world) = (state.desk.plan().plan, state.desk.world());
    let people = People::of(&plan.contacts);
    let overrides = world.overrides.clone();
    Box::new(Told {
        ways: ways(state),
        on_call: on_call(&plan, &people, &overrides, &Zones, now),
        roster: roster(&plan, &people, &overrides, &Zones, now, now.plus(AHEAD)),
        verified: world.verified.clone(),
        places: places(state, &people, now),
        calendar: (!plan.rotations.is_empty()).then(|| duty::address(state)),
        overrides,
        ..Told::default()
    })
}

/// The matrix: whether its ways work, what is said, and how it was kept.
pub async fn matrix(state: &State, now: Stamp) -> Result<Box<Told>, Missing> {
    let plan = state.desk.plan().plan;
    let mut ways = ways(state);
    for way in &mut ways {
        kept::last(state, way).await?;
    }
    Ok(Box::new(Told {
        months: kept::months(state, &plan, now).await?,
        said: spoken::examples(state, &plan, now),
        ways,
        ..Told::default()
    }))
}

/// What an update would say, and to whom.
pub fn drafted(
    state: &State,
    plan: &Plan,
    incident: &Incident,
    draft: &Unposted,
    now: Stamp,
) -> Vec<app::page::Spoken> {
    let command = Command::PostUpdate {
        incident: incident.number.clone(),
        phase: draft.phase,
        message: draft.message.clone(),
        internal: draft.internal,
    };
    let to = would_tell(plan, &state.desk.world(), now, command);
    spoken::update(state, plan, incident, draft, &to, now)
}

/// By what people are reached, and whether that is connected.
fn ways(state: &State) -> Vec<Way> {
    let plan = state.desk.plan().plan;
    let all = state.channels.borrow().connections().into_iter();
    // What the plan has no provider for is no way.
    let known = all.filter(|c| c.name.is_some() || plan.channels.has(c.channel));
    known
        .map(|c| Way {
            channel: c.channel,
            name: c.name,
            trouble: c.trouble,
            worked: None,
            failed: None,
        })
        .collect()
}

fn places(state: &State, people: &People<'_>, now: Stamp) -> BTreeMap<String, Place> {
    let place = |contact: &Contact| {
        let zone = contact.timezone.clone().unwrap_or_else(|| "UTC".into());
        let mark = |channel| {
            let address = Address::to_test(contact, channel)?;
            Some((channel, address_mark(&state.vault, &address)))
        };
        Place {
            clock: clock(&zone, now),
            zone,
            quiet_until: Zones.quiet_until(contact, now),
            digests: Channel::ALL.into_iter().filter_map(mark).collect(),
        }
    };
    people
        .iter()
        .map(|(name, contact)| (name.to_owned(), place(contact)))
        .collect()
}

/// "Sun 15:02", on the wall there.
fn clock(zone: &str, now: Stamp) -> String {
    let zone = jiff::tz::TimeZone::get(zone).ok();
    let at = jiff::Timestamp::from_microsecond(now.0).ok();
    match (zone, at) {
        (Some(zone), Some(at)) => at.to_zoned(zone).strftime("%a %H:%M").to_string(),
        _ => String::new(),
    }
}

async fn notices(state: &State, number: &Number) -> Result<Vec<Notice>, Missing> {
    let rows = state
        .desk
        .store()
        .notifications_of(number.as_str(), 0, MOST)
        .await?;
    Ok(rows.iter().filter_map(notice).collect())
}

/// A row as the scorecard reads it. One of a later version's words is passed over.
fn notice(row: &Notification) -> Option<Notice> {
    let state: Delivery = row.state.parse().ok()?;
    let reasons = [
        Suppressed::Drill,
        Suppressed::Backfilled,
        Suppressed::Quiet,
        Suppressed::NotConfigured,
        Suppressed::NoAddress,
        Suppressed::Resolved,
        Suppressed::Acknowledged,
    ];
    let reason = || reasons.into_iter().find(|r| r.words() == row.why);
    Some(Notice {
        id: row.id.clone(),
        cause: row.cause.parse().ok()?,
        audience: row.audience.clone(),
        person: row.person.clone(),
        channel: row.channel.parse().ok()?,
        state,
        suppressed: (state == Delivery::Suppressed).then(reason).flatten(),
        queued: Stamp(row.created_at),
        due: Stamp(row.due),
        held_until: row.not_before.map(Stamp),
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        next: row.next_at.map(Stamp),
        sent: row.sent_at.map(Stamp),
        delivered: row.delivered_at.map(Stamp),
        why: row.why.clone(),
    })
}
