//! What is due because nothing happened: the next level of the escalation, a reminder of an update.

use super::{Cadence, Comms, Live, react::update_due};
use crate::{Command, Incident, Stamp, World, plan::Plan};

/// A machine's command that becomes due, and since when its time runs: what is meant is the length of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Timer {
    pub since: Stamp,
    pub at: Stamp,
    pub command: Command,
}

/// What is due next of one incident. Each timer is gone once its command was carried out.
pub fn timers(world: &World, plan: &Plan, incident: &Incident) -> Vec<Timer> {
    let Some(comms) = world.comms(&incident.number) else {
        return Vec::new();
    };
    // What reaches nobody asks nobody.
    if !incident.is_open() || Live::of(incident, plan).is_err() {
        return Vec::new();
    }
    let mut timers: Vec<Timer> = escalation(incident, comms, plan).into_iter().collect();
    timers.extend(
        Cadence::BOTH
            .into_iter()
            .filter_map(|which| reminder(incident, comms, plan, which)),
    );
    timers
}

fn escalation(incident: &Incident, comms: &Comms, plan: &Plan) -> Option<Timer> {
    let level = next_level(incident, comms, plan)?;
    let within = plan
        .communication
        .severity(incident.severity)?
        .acknowledge_within()?;
    Some(Timer {
        since: comms.level_since,
        at: comms.level_since.plus(within),
        command: Command::Escalate {
            incident: incident.number.clone(),
            level,
        },
    })
}

/// The level that is asked next, while nobody has acknowledged and there is one.
pub(crate) fn next_level(incident: &Incident, comms: &Comms, plan: &Plan) -> Option<u8> {
    if !incident.is_open() || comms.knowing().next().is_some() {
        return None;
    }
    let levels = plan.communication.levels().len();
    (usize::from(comms.level) <= levels).then(|| comms.level + 1)
}

/// The reminder that comes next: when an update is due; when it is overdue by half its interval; and then once an interval.
pub(crate) fn next_reminder(
    incident: &Incident,
    comms: &Comms,
    plan: &Plan,
    which: Cadence,
) -> Option<Reminder> {
    let (due, every) = update_due(incident, plan, which)?;
    let half = crate::Span(every.0 / 2);
    Some(match comms.reminded.get(&which) {
        Some(last) if last.due >= due && last.overdue => Reminder {
            at: last.due.plus(every),
            due: last.due.plus(every),
            first: due,
            overdue: true,
        },
        Some(last) if last.due >= due => Reminder {
            at: last.due.plus(half),
            due: last.due,
            first: due,
            overdue: true,
        },
        _ => Reminder {
            at: due,
            due,
            first: due,
            overdue: false,
        },
    })
}

pub(crate) struct Reminder {
    /// When it is to be given.
    pub at: Stamp,
    /// The period it is of …
    pub due: Stamp,
    /// … and when the update was due at first.
    pub first: Stamp,
    pub overdue: bool,
}

fn reminder(incident: &Incident, comms: &Comms, plan: &Plan, which: Cadence) -> Option<Timer> {
    let next = next_reminder(incident, comms, plan, which)?;
    let since = incident
        .updates
        .last()
        .map_or(incident.declared_at, |u| u.at);
    Some(Timer {
        since: comms
            .reminded
            .get(&which)
            .map_or(since, |last| last.due.max(since)),
        at: next.at,
        command: Command::RemindUpdate {
            incident: incident.number.clone(),
            which,
            due: next.due,
            overdue: next.overdue,
        },
    })
}
