//! The clocks that count for people: the next words, the first one, and who knows.

use super::Clock;
use crate::{
    facts::{self, words},
    page::Page,
    pages::still::limits,
};
use domain::{
    Incident, Stamp,
    notify::{Cadence, Live, Reached, Score, Standing, Target, scorecard},
    plan::Plan,
};

/// For the public.
pub fn next_word(plan: &Plan, i: &Incident, now: Stamp) -> Clock {
    match limits::next_update(plan, i, now) {
        Some((due, limit)) => {
            let every = limit.within.words();
            let first = !i.updates.iter().any(|u| u.public);
            let of = if first {
                format!("the first within {every} for {}", i.severity.id())
            } else {
                format!("every {every} for {}", i.severity.id())
            };
            let words = ["Next public update due in", "Public update late by"].map(String::from);
            let from = Stamp(due.0 - limit.within.micros());
            Clock::until(words, from, limit.within, now, of.into())
        }
        None if i.is_open() => {
            Clock::still("Next public update", "–", "this incident is not public")
        }
        None => Clock::still("Next public update", "–", "resolved: the last word is out"),
    }
}

/// For those at work; a public word counts for them too.
pub fn next_report(plan: &Plan, i: &Incident, now: Stamp) -> Option<Clock> {
    let (due, limit) = limits::update_due(plan, i, Cadence::Internal, now)?;
    let every = limit.within.words();
    let of = format!("every {every} for {}, inside", i.severity.id());
    let words = ["Next internal update due in", "Internal update late by"].map(String::from);
    let from = Stamp(due.0 - limit.within.micros());
    Some(Clock::until(words, from, limit.within, now, of.into()))
}

/// From the detection to the first person who said that they know, or who was in command.
pub fn acknowledged(page: &Page, i: &Incident) -> Clock {
    let (m, now) = (&page.measured, page.now);
    let from = m
        .recovery
        .as_ref()
        .map_or(i.declared_at, |r| r.detected.min(i.declared_at));
    let comms = page.told.comms.get(&i.number);
    let first = comms.and_then(|c| c.acknowledged.first());
    let known = match (m.acknowledged, first) {
        (Some(command), Some(a)) if a.at < command => Some((a.at, a.person.as_str())),
        (Some(command), _) => Some((command, "somebody in command")),
        (None, first) => first.map(|a| (a.at, a.person.as_str())),
    };
    match known {
        Some((at, who)) => Clock::still(
            "Time to acknowledge",
            facts::face(at.since(from)),
            format!("from detection to {who}"),
        ),
        None if i.is_open() => Clock {
            tone: "is-warn",
            ..Clock::counting(
                "Not acknowledged for",
                from,
                now,
                "nobody knows or is in command yet",
            )
        },
        None => Clock::still("Time to acknowledge", "–", "nobody acknowledged"),
    }
}

/// Whether those who must know were told.
pub fn first_word(page: &Page, i: &Incident) -> Option<Clock> {
    const WHAT: &str = "First word to the audiences";
    let comms = page.told.comms.get(&i.number)?;
    let within = page.plan.communication.row(i.severity)?.within;
    let soon = match within.as_secs() {
        0 => "at once".to_owned(),
        _ => format!("within {}", within.words()),
    };
    if let Err(reason) = Live::of(i, &page.plan) {
        return Some(Clock::still(WHAT, "nobody", reason.words()));
    }
    let lines = scorecard(comms, &page.told.notices);
    let first: Vec<_> = lines.iter().filter(|l| l.level == 1).collect();
    let all: usize = first.iter().map(|l| l.to.len()).sum();
    let reached = |l: &&Score<'_>| {
        let is = |t: &&Target<'_>| {
            matches!(
                t.reached(l.due, page.now),
                Reached::Sent { .. } | Reached::ByHand(_)
            )
        };
        l.to.iter().filter(is).count()
    };
    let told: usize = first.iter().map(reached).sum();
    let worst = first.iter().map(|l| l.standing(page.now));
    let worst = worst.max_by_key(|s| match s {
        Standing::NotReached(_) => 4,
        Standing::Overdue(_) => 3,
        Standing::Late(_) => 2,
        Standing::Waits => 1,
        Standing::InTime | Standing::Kept(_) => 0,
    })?;
    let (tone, how) = match worst {
        Standing::NotReached(_) => (
            "is-bad",
            "not all were reached: see who must know".to_owned(),
        ),
        Standing::Overdue(_) => ("is-bad", "late".to_owned()),
        Standing::Late(by) => ("is-warn", format!("late by {}", words(by))),
        Standing::Waits => ("is-none", "under way".to_owned()),
        Standing::InTime | Standing::Kept(_) => ("is-ok", "in time".to_owned()),
    };
    Some(Clock {
        tone,
        ..Clock::still(
            WHAT,
            format!("{told} of {all}"),
            format!("{soon} by the plan · {how}"),
        )
    })
}
