//! A service's days add up, whatever happened, in whatever pieces it was written down.

use domain::{
    Health, Stamp,
    history::{Change, DAYS, Day, History, Spell, Watched, uptime},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const DAY: i64 = 86_400;
/// 2026-11-22 00:00 UTC.
const MIDNIGHT: i64 = 1_795_305_600;

fn at(second: i64) -> Stamp {
    Stamp(second * 1_000_000)
}

fn day(date: i64, parts: &[(Health, u32)]) -> Day {
    let mut seconds = [0; 6];
    for (health, length) in parts {
        seconds[*health as usize] = *length;
    }
    Day {
        date: date as i32,
        seconds,
        changes: 0,
    }
}

fn watched(from: i64, until: i64) -> Option<Watched> {
    Some(Watched {
        from: at(from),
        until: at(until),
    })
}

fn change(from: Health, to: Health, second: i64) -> Change {
    Change {
        from,
        to,
        at: at(second),
    }
}

#[test]
fn a_spell_that_passes_midnight_is_in_both_days() {
    let mut history = History::default();
    let began = change(Health::NoData, Health::Operational, MIDNIGHT - 100);
    let broke = change(Health::Operational, Health::MajorOutage, MIDNIGHT - 40);
    let seen = watched(MIDNIGHT - 100, MIDNIGHT + 60);
    history.go_on(&[began, broke], seen, Health::MajorOutage);
    let days = history.days(at(MIDNIGHT + 70));
    assert_eq!(days.len(), DAYS);
    let [.., yesterday, today] = days.as_slice() else {
        panic!("two days")
    };
    assert_eq!(yesterday.begins(), at(MIDNIGHT - DAY));
    assert_eq!(
        yesterday.seconds,
        [DAY as u32 - 100, 60, 0, 0, 40, 0],
        "nobody looked before"
    );
    assert_eq!(yesterday.changes, 1, "to be known is no change");
    // Ten seconds have passed since the last look.
    assert_eq!(today.seconds, [10, 0, 0, 0, 60, 0]);
    assert_eq!(days[0].seconds, [DAY as u32, 0, 0, 0, 0, 0]);
}

#[test]
fn an_outage_is_dated_back_to_its_first_failed_look() {
    let mut history = History::default();
    let began = change(Health::NoData, Health::Operational, MIDNIGHT);
    history.go_on(
        &[began],
        watched(MIDNIGHT, MIDNIGHT + 60),
        Health::Operational,
    );
    // Three looks were needed: the first of them was before what was written down last.
    let broke = change(Health::Operational, Health::MajorOutage, MIDNIGHT + 30);
    history.go_on(
        &[broke],
        watched(MIDNIGHT, MIDNIGHT + 90),
        Health::MajorOutage,
    );
    let today = history.days(at(MIDNIGHT + 90))[DAYS - 1];
    assert_eq!(today.of(Health::Operational), 30);
    assert_eq!(today.of(Health::MajorOutage), 60);
}

#[test]
fn a_stopped_muster_has_no_data_for_that_time() {
    let mut history = History::default();
    let began = change(Health::NoData, Health::Operational, MIDNIGHT);
    history.go_on(
        &[began],
        watched(MIDNIGHT, MIDNIGHT + 100),
        Health::Operational,
    );
    // It was away for a thousand seconds, and then needed one look to know.
    let again = change(Health::NoData, Health::Operational, MIDNIGHT + 1_100);
    let seen = watched(MIDNIGHT + 1_100, MIDNIGHT + 1_200);
    history.go_on(&[again], seen, Health::Operational);
    let today = history.days(at(MIDNIGHT + 1_200))[DAYS - 1];
    assert_eq!(today.seconds, [1_000, 200, 0, 0, 0, 0]);
    assert_eq!((today.changes, today.worst()), (0, Health::NoData));
}

#[test]
fn a_window_is_counted_also_where_nobody_looks() {
    let mut history = History::default();
    let began = change(Health::NoData, Health::Maintenance, MIDNIGHT);
    history.go_on(&[began], None, Health::Maintenance);
    let ended = change(Health::Maintenance, Health::NoData, MIDNIGHT + 600);
    history.go_on(&[ended], None, Health::NoData);
    let today = history.days(at(MIDNIGHT + 900))[DAYS - 1];
    assert_eq!(today.seconds, [300, 0, 0, 0, 0, 600]);
    assert_eq!(uptime(&[today]), None);
}

#[test]
fn what_another_node_comes_to_know_changes_nothing() {
    let mut history = History::default();
    let began = change(Health::NoData, Health::Operational, MIDNIGHT);
    history.go_on(
        &[began],
        watched(MIDNIGHT, MIDNIGHT + 100),
        Health::Operational,
    );
    let spell = history.spell();
    let there = change(Health::NoData, Health::Operational, MIDNIGHT + 90);
    history.go_on(&[there], None, Health::Operational);
    assert_eq!(history.spell(), spell);
}

#[test]
fn flapping_is_a_number_of_changes_within_the_hour() {
    let mut history = History::default();
    let (up, down) = (Health::Operational, Health::MajorOutage);
    let known = change(Health::NoData, up, MIDNIGHT);
    let worked_on = change(up, Health::Maintenance, MIDNIGHT);
    history.remember(&[known, worked_on]);
    history.remember(&[change(up, down, MIDNIGHT), change(down, up, MIDNIGHT + 600)]);
    history.remember(&[change(up, down, MIDNIGHT + 1_200)]);
    assert!(!history.is_flapping(at(MIDNIGHT + 1_200)));
    history.remember(&[change(down, up, MIDNIGHT + 1_800)]);
    assert_eq!(history.lately(at(MIDNIGHT + 1_800)), 4);
    assert!(history.is_flapping(at(MIDNIGHT + 3_599)));
    assert!(
        !history.is_flapping(at(MIDNIGHT + 3_600)),
        "an hour after the first"
    );
}

#[test]
fn a_major_outage_counts_whole_a_partial_one_for_three_tenths_and_degraded_not_at_all() {
    let share = |parts: &[(Health, u32)]| uptime(&[day(0, parts)]);
    assert_eq!(share(&[]), None);
    assert_eq!(share(&[(Health::NoData, 86_400)]), None);
    assert_eq!(share(&[(Health::Maintenance, 86_400)]), None);
    assert_eq!(
        share(&[(Health::Operational, 1), (Health::NoData, 86_399)]),
        Some(1.0)
    );
    assert_eq!(share(&[(Health::Degraded, 86_400)]), Some(1.0));
    assert_eq!(
        share(&[(Health::Operational, 900), (Health::MajorOutage, 100)]),
        Some(0.9)
    );
    let partial = share(&[(Health::Operational, 900), (Health::PartialOutage, 100)]);
    assert!(
        partial.is_some_and(|p| (p - 0.97).abs() < 1e-12),
        "{partial:?}"
    );
}

#[test]
fn a_day_is_not_good_that_was_hardly_looked_at() {
    let worst = |parts: &[(Health, u32)]| day(0, parts).worst();
    assert_eq!(worst(&[]), Health::NoData);
    assert_eq!(
        worst(&[(Health::Operational, 50_000), (Health::NoData, 36_400)]),
        Health::Operational
    );
    assert_eq!(
        worst(&[(Health::Operational, 36_400), (Health::NoData, 50_000)]),
        Health::NoData
    );
    assert_eq!(
        worst(&[(Health::MajorOutage, 1), (Health::NoData, 86_399)]),
        Health::MajorOutage
    );
    assert_eq!(
        worst(&[(Health::Degraded, 5), (Health::Operational, 86_395)]),
        Health::Degraded
    );
}

/// What happens to a service and to the one Muster that watches it.
#[derive(Clone, Debug)]
enum Move {
    /// So many seconds pass, then it is looked at.
    Look(i64),
    /// It is found to be so since that long.
    Change(Health, i64),
    /// All is written down.
    Round,
    /// Muster stops, and is away for that long.
    Stop(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let health = prop_oneof![
        Just(Health::Operational),
        Just(Health::Degraded),
        Just(Health::PartialOutage),
        Just(Health::MajorOutage),
        Just(Health::Maintenance),
    ];
    let one = prop_oneof![
        6 => (1..20_000_i64).prop_map(Move::Look),
        4 => (health, 0..300_i64).prop_map(|(health, back)| Move::Change(health, back)),
        3 => Just(Move::Round),
        1 => (2..200_000_i64).prop_map(Move::Stop),
    ];
    proptest::collection::vec(one, 0..60)
}

/// The same, second by second.
#[derive(Default)]
struct Model {
    /// From where on it was so.
    marks: Vec<(i64, i64, Health)>,
    changes: BTreeMap<i64, u32>,
}

impl Model {
    fn seconds(&self, date: i64, health: Health) -> u32 {
        let (from, to) = (date * DAY, (date + 1) * DAY);
        let part = |(a, b, h): &(i64, i64, Health)| match *h == health {
            true => (*b.min(&to) - *a.max(&from)).max(0),
            false => 0,
        };
        self.marks.iter().map(part).sum::<i64>() as u32
    }

    fn mark(&mut self, from: i64, to: i64, health: Health) {
        if health != Health::NoData && to > from {
            self.marks.push((from, to, health));
        }
    }

    /// From here on everything is yet to be told.
    fn cut(&mut self, at: i64) {
        self.marks.retain(|(from, ..)| *from < at);
        for (_, to, _) in &mut self.marks {
            *to = (*to).min(at);
        }
    }
}

struct Play {
    model: Model,
    history: History,
    now: i64,
    health: Health,
    watched: Option<(i64, i64)>,
    changed: i64,
    pending: Vec<Change>,
}

impl Play {
    fn round(&mut self) {
        let seen = self.watched.and_then(|(from, until)| watched(from, until));
        let pending = std::mem::take(&mut self.pending);
        self.history.go_on(&pending, seen, self.health);
    }

    fn go(&mut self, one: &Move) {
        match one {
            Move::Look(seconds) => {
                self.now += seconds;
                if let Some((_, until)) = self.watched {
                    self.model.mark(until, self.now, self.health);
                }
                let from = self.watched.map_or(self.now, |(from, _)| from);
                self.watched = Some((from, self.now));
            }
            Move::Change(to, back) => {
                let Some((from, until)) = self.watched.filter(|_| *to != self.health) else {
                    return;
                };
                let at = (until - back).max(from).max(self.changed);
                self.model.cut(at);
                self.model.mark(at, until, *to);
                self.pending.push(change(self.health, *to, at));
                let own = |h| !matches!(h, Health::NoData | Health::Maintenance);
                if own(self.health) && own(*to) {
                    *self.model.changes.entry(at.div_euclid(DAY)).or_default() += 1;
                }
                (self.health, self.changed) = (*to, at);
            }
            Move::Round => self.round(),
            Move::Stop(away) => {
                self.round();
                self.now += away;
                (self.watched, self.health) = (None, Health::NoData);
            }
        }
    }
}

fn play(moves: &[Move]) -> Play {
    let mut play = Play {
        model: Model::default(),
        history: History::default(),
        now: MIDNIGHT,
        health: Health::NoData,
        watched: None,
        changed: 0,
        pending: Vec::new(),
    };
    for one in moves {
        play.go(one);
    }
    play.round();
    play
}

proptest! {
    #[test]
    fn the_seconds_of_a_day_add_up_and_are_those_that_were_seen(moves in moves()) {
        let Play { model, history, now, .. } = play(&moves);
        for day in history.days(at(now)) {
            let date = i64::from(day.date);
            let length = (now - date * DAY).min(DAY) as u32;
            prop_assert_eq!(day.seconds.iter().sum::<u32>(), length, "day {}", date);
            for health in [Health::Operational, Health::Degraded, Health::PartialOutage, Health::MajorOutage, Health::Maintenance] {
                prop_assert_eq!(day.of(health), model.seconds(date, health), "{:?} on day {}", health, date);
            }
            prop_assert_eq!(day.changes, model.changes.get(&date).copied().unwrap_or_default());
        }
    }

    /// In whatever pieces it was written down: what is over, and what goes on, are all that must be kept.
    #[test]
    fn what_was_kept_goes_on_as_if_nothing_had_been_in_between(moves in moves(), cut in 0..60_usize) {
        let cut = cut.min(moves.len());
        let whole = play(&moves);
        let mut first = play(&moves[..cut]);
        let mut again = first.history.clone();
        first.history = History::kept([], first.history.spell());
        for one in &moves[cut..] {
            first.go(one);
        }
        first.round();
        again.add(&first.history);
        prop_assert_eq!(again.days(at(whole.now)), whole.history.days(at(whole.now)));
    }

    #[test]
    fn uptime_is_a_share_that_only_trouble_lowers(seconds in prop::array::uniform6(0..86_400_u32)) {
        let one = Day { seconds, ..Day::default() };
        let Some(share) = uptime(&[one]) else {
            prop_assert!(seconds[1..5].iter().all(|s| *s == 0));
            return Ok(());
        };
        prop_assert!((0.0..=1.0).contains(&share));
        let with = |health: Health, more| {
            let mut day = one;
            day.seconds[health as usize] += more;
            uptime(&[day]).unwrap_or(f64::NAN)
        };
        prop_assert_eq!(with(Health::NoData, 1_000), share);
        prop_assert_eq!(with(Health::Maintenance, 1_000), share);
        let (operational, partial, major) =
            (with(Health::Operational, 1_000), with(Health::PartialOutage, 1_000), with(Health::MajorOutage, 1_000));
        prop_assert!(operational >= share && partial <= operational && major <= partial && major <= share);
        // A major outage counts as ten thirds of a partial one.
        let whole = Day { seconds: [0, 1_000, 0, 0, 300, 0], ..Day::default() };
        let parts = Day { seconds: [0, 300, 0, 1_000, 0, 0], ..Day::default() };
        let both = uptime(&[whole]).zip(uptime(&[parts]));
        prop_assert!(both.is_some_and(|(a, b)| (a - b).abs() < 1e-9));
    }
}

#[test]
fn a_spell_older_than_the_days_told_fills_them_all() {
    let spell = Spell {
        health: Health::Operational,
        since: MIDNIGHT - 200 * DAY,
        until: MIDNIGHT + 10,
    };
    let days = History::kept([], Some(spell)).days(at(MIDNIGHT + 10));
    assert_eq!(uptime(&days), Some(1.0));
    assert!(
        days[..DAYS - 1]
            .iter()
            .all(|d| d.of(Health::Operational) == DAY as u32)
    );
    assert_eq!(days[DAYS - 1].seconds, [0, 10, 0, 0, 0, 0]);
}
