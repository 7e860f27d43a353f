//! What became of a service, day by day: how long it was in each state, and how often it changed. Counted in whole seconds
//! of UTC, so that the parts of a day always add up.
//!
//! Time in which nobody looked has no state: it is "no data", and neither good nor bad. So what is kept is what was seen:
//! a spell lasts from the instant that a health began until the last look that found it so.

use crate::{Health, Span, Stamp};
use std::{collections::BTreeMap, sync::Arc};

/// So many days are told, today among them.
pub const DAYS: usize = 90;
/// Changes within this time tell whether a service is flapping …
pub const LATELY: Span = Span::secs(3600);
/// … namely from so many on. (Nagios judges by the share of changes in the last 21 checks; an hour is the same for checks
/// of every interval.)
pub const FLAPPING: usize = 4;
/// A partial outage counts as so much of an outage, as on Atlassian Statuspage ("Display historical uptime of
/// components"): a major outage counts whole, degraded performance not at all.
const PARTIAL: f64 = 0.3;
const DAY: i64 = 86_400;

/// One service on one day of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970-01-01.
    pub date: i32,
    /// In the order of [`Health`]. They add up to the day, and today to what has passed of it.
    pub seconds: [u32; 6],
    /// How often its health changed. That Muster began to know it, or to be in maintenance, is no change.
    pub changes: u32,
}

impl Day {
    pub fn of(&self, health: Health) -> u32 {
        self.seconds[health as usize]
    }

    /// What the day is shown as: the worst that was seen. A day is not good that was hardly looked at: where no trouble
    /// was seen and for more than half of it nobody looked, it has no data.
    pub fn worst(&self) -> Health {
        let seen = [
            Health::MajorOutage,
            Health::PartialOutage,
            Health::Degraded,
            Health::Maintenance,
            Health::Operational,
        ];
        let worst = seen.into_iter().find(|health| self.of(*health) > 0);
        let all: u32 = self.seconds.iter().sum();
        match worst {
            Some(Health::Maintenance | Health::Operational) | None
                if self.of(Health::NoData) > all / 2 =>
            {
                Health::NoData
            }
            worst => worst.unwrap_or_default(),
        }
    }

    /// The instant that it begins.
    pub fn begins(&self) -> Stamp {
        Stamp(i64::from(self.date) * DAY * 1_000_000)
    }

    fn is_empty(&self) -> bool {
        self.changes == 0 && self.seconds == [0; 6]
    }
}

/// The share of the time that a service was up, from 0 to 1. Maintenance and what nobody looked at are left out; where
/// nothing else is left, there is no share.
pub fn uptime(days: &[Day]) -> Option<f64> {
    let sum = |health| days.iter().map(|d| f64::from(d.of(health))).sum::<f64>();
    let (partial, major) = (sum(Health::PartialOutage), sum(Health::MajorOutage));
    let known = sum(Health::Operational) + sum(Health::Degraded) + partial + major;
    (known > 0.0).then(|| 1.0 - (major + PARTIAL * partial) / known)
}

/// What goes on: a health, since when, and up to which look. In seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    pub health: Health,
    pub since: i64,
    pub until: i64,
}

/// A change of health, as the timeline tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub from: Health,
    pub to: Health,
    pub at: Stamp,
}

impl Change {
    /// Whether the service itself has changed: not what was known of it, nor that people work on it.
    fn is_own(&self) -> bool {
        let told = |health| !matches!(health, Health::NoData | Health::Maintenance);
        told(self.from) && told(self.to)
    }
}

/// Time in which a service was looked at without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    pub from: Stamp,
    pub until: Stamp,
}

/// A service's history. It begins empty, or with what was kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    days: Arc<BTreeMap<i32, Day>>,
    spell: Option<Spell>,
    recent: Vec<Stamp>,
}

impl History {
    /// As it was kept: the days with what is over, and what goes on.
    pub fn kept(days: impl IntoIterator<Item = Day>, spell: Option<Spell>) -> History {
        History {
            days: Arc::new(days.into_iter().map(|d| (d.date, d)).collect()),
            spell,
            recent: Vec::new(),
        }
    }

    pub fn spell(&self) -> Option<Spell> {
        self.spell
    }

    /// The days with what is over; where no day was given at the beginning, what was added since.
    pub fn over(&self) -> impl Iterator<Item = &Day> {
        self.days.values().filter(|day| !day.is_empty())
    }

    /// What goes on is this now: an earlier spell is over where it begins.
    pub fn follow(&mut self, spell: Spell) {
        if self.spell.is_some_and(|mine| mine.since < spell.since) {
            self.end(spell.since);
        }
        self.spell = Some(spell);
    }

    /// Puts these in the place of what is here of their days, and lets go of what is not told any more.
    pub fn renew(&mut self, days: &[Day], now: Stamp) {
        let oldest = (second(now).div_euclid(DAY) - DAYS as i64) as i32;
        let same = |day: &Day| self.days.get(&day.date) == Some(day);
        let is_old = |date: &i32| *date < oldest;
        if days.iter().all(same) && !self.days.keys().next().is_some_and(is_old) {
            return;
        }
        let all = Arc::make_mut(&mut self.days);
        all.extend(days.iter().map(|d| (d.date, *d)));
        all.retain(|date, _| !is_old(date));
    }

    /// Adds what is over in another one, which goes on from here; and goes on as that one does.
    pub fn add(&mut self, next: &History) {
        self.spell = next.spell;
        for new in next.over() {
            let day = Arc::make_mut(&mut self.days).entry(new.date);
            let day = day.or_insert(Day {
                date: new.date,
                ..Day::default()
            });
            day.changes += new.changes;
            for (sum, seconds) in day.seconds.iter_mut().zip(new.seconds) {
                *sum += seconds;
            }
        }
    }

    /// These have just happened: they tell whether it flaps.
    pub fn remember(&mut self, changes: &[Change]) {
        for change in changes.iter().filter(|change| change.is_own()) {
            let lately = |earlier: &Stamp| change.at.since(*earlier) < LATELY;
            self.recent.retain(lately);
            self.recent.push(change.at);
        }
    }

    /// Folds in what happened since: the changes in their order, and the time it was watched up to now. `health` is what
    /// is known at the end of it.
    pub fn go_on(&mut self, changes: &[Change], watched: Option<Watched>, health: Health) {
        if let Some(watched) = watched {
            let before = changes.first().map_or(health, |change| change.from);
            self.watch(second(watched.from), second(watched.until), before);
        }
        for change in changes {
            self.change(change);
        }
    }

    /// Whether this time goes on from what was seen before.
    pub fn joins(&self, watched: &Watched) -> bool {
        self.spell
            .is_none_or(|spell| second(watched.from) <= spell.until + 1)
    }

    /// It was still so at the last look, where that goes on from what was seen before.
    pub fn seen(&mut self, watched: &Watched) {
        if self.joins(watched)
            && let Some(spell) = &mut self.spell
        {
            spell.until = spell.until.max(second(watched.until));
        }
    }

    fn watch(&mut self, from: i64, until: i64, health: Health) {
        match &mut self.spell {
            Some(spell) if from <= spell.until + 1 => spell.until = spell.until.max(until),
            _ => {
                self.end(i64::MAX);
                self.spell = Some(Spell {
                    health,
                    since: from,
                    until,
                });
            }
        }
    }

    fn change(&mut self, change: &Change) {
        let mut at = second(change.at);
        let mut until = at;
        if let Some(spell) = &mut self.spell {
            // Another node begins to know what this one knew.
            if change.from == Health::NoData && change.to == spell.health {
                return;
            }
            // Whoever knew the old health up to here had looked; who knew nothing had not.
            if change.from != Health::NoData {
                spell.until = spell.until.max(at);
            }
            at = at.max(spell.since);
            until = at.max(spell.until);
        }
        self.end(at);
        self.spell = Some(Spell {
            health: change.to,
            since: at,
            until,
        });
        if change.is_own() {
            day(Arc::make_mut(&mut self.days), at).changes += 1;
        }
    }

    /// What goes on is over, at the latest then.
    fn end(&mut self, at: i64) {
        let Some(spell) = self.spell.take() else {
            return;
        };
        let until = spell.until.min(at);
        if spell.health != Health::NoData && until > spell.since {
            count(Arc::make_mut(&mut self.days), spell, until);
        }
    }

    /// The last [`DAYS`] days, the oldest first, today last.
    pub fn days(&self, now: Stamp) -> Vec<Day> {
        let now = second(now);
        let today = now.div_euclid(DAY);
        let mut days = self.days.clone();
        if let Some(spell) = self.spell.filter(|s| s.health != Health::NoData) {
            let since = spell.since.max((today - DAYS as i64) * DAY);
            let spell = Spell { since, ..spell };
            if spell.until.min(now) > since {
                count(Arc::make_mut(&mut days), spell, spell.until.min(now));
            }
        }
        let first = today + 1 - DAYS as i64;
        let whole = |number: i64| {
            let length = (now - number * DAY).min(DAY) as u32;
            let date = number as i32;
            let mut day = days.get(&date).copied().unwrap_or_default();
            day.date = date;
            let seen: u32 = day.seconds.iter().sum();
            day.seconds[Health::NoData as usize] = length.saturating_sub(seen);
            day
        };
        (first..=today).map(whole).collect()
    }

    /// How often it changed in the last hour, as far as this server was there.
    pub fn lately(&self, now: Stamp) -> usize {
        let lately = |at: &&Stamp| now.since(**at) < LATELY;
        self.recent.iter().filter(lately).count()
    }

    pub fn is_flapping(&self, now: Stamp) -> bool {
        self.lately(now) >= FLAPPING
    }
}

fn second(at: Stamp) -> i64 {
    at.0.div_euclid(1_000_000)
}

fn day(days: &mut BTreeMap<i32, Day>, at: i64) -> &mut Day {
    let date = at.div_euclid(DAY) as i32;
    days.entry(date).or_insert(Day {
        date,
        ..Day::default()
    })
}

/// Adds a spell up to `until` to the days that it lies in.
fn count(days: &mut BTreeMap<i32, Day>, spell: Spell, until: i64) {
    let mut from = spell.since;
    while from < until {
        let to = until.min((from.div_euclid(DAY) + 1) * DAY);
        day(days, from).seconds[spell.health as usize] += (to - from) as u32;
        from = to;
    }
}
