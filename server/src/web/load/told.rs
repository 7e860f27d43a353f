//! What is known of who was told, and how people are reached.

use super::{Missing, document};
use crate::{state::State, web::duty};
use app::page::{Place, Told, Way};
use domain::{
    Actor, Command, Context, Event, Incident, Kind, Number, Severity, Source, Span, Stamp, World,
    decide,
    notify::{Addressee, Calendar, Comms, Notice, People, on_call, roster},
    plan::{Channel, Plan},
};
use engine::Zones;
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
    let actor = Actor::system("preview", Source::Browser);
    let context = Context {
        actor: &actor,
        now,
        plan,
        calendar: &Zones,
        node: "",
    };
    let of = |severity| {
        let command = Command::Declare {
            title: "Whom would this tell?".into(),
            severity,
            affected: Vec::new(),
            kind: Kind::Real,
            public: false,
            quiet: false,
            occurred_at: None,
        };
        let facts = decide(world, &context, command).unwrap_or_default();
        let queued = facts.into_iter().filter_map(|fact| match fact.event {
            Event::NotificationsQueued { to, .. } => Some(to),
            _ => None,
        });
        (severity, queued.flatten().collect())
    };
    Severity::ALL.into_iter().map(of).collect()
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
        places: places(&people, now),
        calendar: (!plan.rotations.is_empty()).then(|| duty::address(state)),
        overrides,
        ..Told::default()
    })
}
