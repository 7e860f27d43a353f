//! What takes a calendar: time zones, and the days on which clocks are put forward and back. The engine has one.

use super::{Override, People};
use crate::{
    Stamp,
    plan::{Contact, Plan, Rotation},
};

/// Pure, like everything here: the same question always has the same answer.
pub trait Calendar: Sync {
    /// When a contact's quiet hours end, where this instant is in them.
    fn quiet_until(&self, contact: &Contact, now: Stamp) -> Option<Stamp>;
    /// Whose week it is; nobody's before the rotation starts.
    fn shift(&self, rotation: &Rotation, at: Stamp) -> Option<Shift>;
}

/// A member's time on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// By the role in `contacts.yaml`.
    pub role: String,
    pub from: Stamp,
    pub until: Stamp,
}

/// Somebody on call: in a rotation's week, in somebody's place, or always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCall {
    pub person: String,
    /// Nothing for who always is.
    pub rotation: Option<String>,
    pub until: Option<Stamp>,
    /// The override by which it is this one.
    pub by_override: Option<String>,
}

/// Who is on call at an instant: the rotations in the plan's order, then those who always are. Each once.
pub fn on_call(
    plan: &Plan,
    people: &People<'_>,
    overrides: &[Override],
    calendar: &dyn Calendar,
    at: Stamp,
) -> Vec<OnCall> {
    let mut found: Vec<OnCall> = Vec::new();
    for rotation in &plan.rotations {
        // Of several the latest: it was made knowing the others.
        let instead = overrides.iter().rev().find(|o| {
            o.rotation == rotation.id
                && o.from <= at
                && at < o.until
                && people.get(&o.person).is_some()
        });
        found.extend(match instead {
            Some(o) => Some(OnCall {
                person: o.person.clone(),
                rotation: Some(rotation.id.clone()),
                until: Some(o.until),
                by_override: Some(o.id.clone()),
            }),
            None => calendar.shift(rotation, at).and_then(|shift| {
                Some(OnCall {
                    person: people.find(&shift.role)?.0.to_owned(),
                    rotation: Some(rotation.id.clone()),
                    until: Some(shift.until),
                    by_override: None,
                })
            }),
        });
    }
    let always = people.iter().filter(|(_, contact)| contact.on_call);
    found.extend(always.map(|(person, _)| OnCall {
        person: person.to_owned(),
        rotation: None,
        until: None,
        by_override: None,
    }));
    let mut seen = Vec::new();
    found.retain(|on_call| {
        let new = !seen.contains(&on_call.person);
        seen.push(on_call.person.clone());
        new
    });
    found
}
