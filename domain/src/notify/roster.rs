//! Who is on call when: the weeks of the rotations, with those in somebody's place cut in.

use super::{Calendar, Override, People};
use crate::{
    Stamp,
    plan::{Plan, Rotation},
};

/// A stretch of time in which one is on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stint {
    pub rotation: String,
    pub person: String,
    pub from: Stamp,
    pub until: Stamp,
    /// The override by which it is this one.
    pub by_override: Option<String>,
}

/// Never more of them, whatever was asked for.
const MOST: usize = 2_000;
const DAY: i64 = 86_400_000_000;

/// All rotations' stints that lie at least in part between the two, in their order. A week is not cut where they begin.
pub fn roster(
    plan: &Plan,
    people: &People<'_>,
    overrides: &[Override],
    calendar: &dyn Calendar,
    from: Stamp,
    until: Stamp,
) -> Vec<Stint> {
    let mut all: Vec<Stint> = Vec::new();
    for rotation in &plan.rotations {
        all.extend(weeks(rotation, people, overrides, calendar, from, until));
    }
    all.truncate(MOST);
    all
}

fn weeks(
    rotation: &Rotation,
    people: &People<'_>,
    overrides: &[Override],
    calendar: &dyn Calendar,
    from: Stamp,
    until: Stamp,
) -> Vec<Stint> {
    let mine: Vec<&Override> = overrides
        .iter()
        .filter(|o| o.rotation == rotation.id)
        .collect();
    let mut stints = Vec::new();
    let mut at = from;
    while at < until && stints.len() < MOST {
        let Some(shift) = calendar.shift(rotation, at) else {
            // It has not begun.
            at = Stamp(at.0 + DAY);
            continue;
        };
        let Some((usual, _)) = people.find(&shift.role) else {
            at = shift.until;
            continue;
        };
        // Whoever is on call changes at a handover, and where somebody's place is taken or given back.
        let mut cuts: Vec<Stamp> = mine.iter().flat_map(|o| [o.from, o.until]).collect();
        cuts.retain(|cut| shift.from < *cut && *cut < shift.until);
        cuts.extend([shift.from, shift.until]);
        cuts.sort();
        cuts.dedup();
        for pair in cuts.windows(2) {
            let [start, end] = [pair[0], pair[1]];
            let in_place = mine
                .iter()
                .rev()
                .find(|o| o.from <= start && start < o.until && people.get(&o.person).is_some());
            let stint = Stint {
                rotation: rotation.id.clone(),
                person: in_place.map_or(usual, |o| &o.person).to_owned(),
                from: start,
                until: end,
                by_override: in_place.map(|o| o.id.clone()),
            };
            join(&mut stints, stint);
        }
        at = shift.until;
    }
    stints.retain(|s| s.until > from && s.from < until);
    stints
}

/// Two overrides that meet, or one over a handover, are told apart; the same one is one stint.
fn join(stints: &mut Vec<Stint>, next: Stint) {
    match stints.last_mut() {
        Some(last)
            if last.until == next.from
                && last.person == next.person
                && last.by_override == next.by_override
                && next.by_override.is_some() =>
        {
            last.until = next.until;
        }
        _ => stints.push(next),
    }
}
