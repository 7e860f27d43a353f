//! The calendar that the rules ask: time zones, and the days on which clocks are put forward and back. Who is on call and
//! when quiet hours end are questions to clocks on walls, so the answers follow those through every change.

use crate::plan::timezone;
use domain::{
    Stamp,
    notify::{Calendar, Shift},
    plan::{Contact, Rotation, TimeOfDay, Weekday},
};
use jiff::{
    Timestamp, ToSpan,
    civil::{self, Date, DateTime},
    tz::TimeZone,
};

/// The calendar with the time zones of the world.
pub struct Zones;

impl Calendar for Zones {
    fn quiet_until(&self, contact: &Contact, now: Stamp) -> Option<Stamp> {
        let hours = contact.quiet_hours.filter(|h| h.from != h.until)?;
        let zone = contact.timezone.as_deref().unwrap_or("UTC");
        let zone = timezone(zone).ok()?;
        let here = at(now)?.to_zoned(zone.clone()).datetime();
        let (from, until) = (clock(hours.from), clock(hours.until));
        let time = here.time();
        let end = match from < until {
            true if from <= time && time < until => here.date(),
            false if time < until => here.date(),
            false if from <= time => here.date().tomorrow().ok()?,
            _ => return None,
        };
        instant(end.to_datetime(until), &zone)
    }

    fn shift(&self, rotation: &Rotation, now: Stamp) -> Option<Shift> {
        let zone = timezone(&rotation.timezone).ok()?;
        let first = first_handover(rotation)?;
        let here = at(now)?.to_zoned(zone.clone()).datetime();
        let days = (here.date() - first.date()).get_days();
        // The week of this day by the wall's clock; on its first day not before the hour.
        let mut week = i64::from(days).div_euclid(7);
        if days.rem_euclid(7) == 0 && here.time() < first.time() {
            week -= 1;
        }
        let handover = |week: i64| instant(first.checked_add((week * 7).days()).ok()?, &zone);
        // Where the hour of the handover is skipped or comes twice, what counts is the instant.
        while handover(week)? > now {
            week -= 1;
        }
        while handover(week + 1)? <= now {
            week += 1;
        }
        let turn = usize::try_from(week).ok()?;
        Some(Shift {
            role: rotation
                .members
                .get(turn % rotation.members.len().max(1))?
                .clone(),
            from: handover(week)?,
            until: handover(week + 1)?,
        })
    }
}

/// The first handover on or after the day on which a rotation starts, by the clock on the wall.
fn first_handover(rotation: &Rotation) -> Option<DateTime> {
    let starts: Date = rotation.starts.parse().ok()?;
    let day = match rotation.handover.day {
        Weekday::Mon => civil::Weekday::Monday,
        Weekday::Tue => civil::Weekday::Tuesday,
        Weekday::Wed => civil::Weekday::Wednesday,
        Weekday::Thu => civil::Weekday::Thursday,
        Weekday::Fri => civil::Weekday::Friday,
        Weekday::Sat => civil::Weekday::Saturday,
        Weekday::Sun => civil::Weekday::Sunday,
    };
    let wait = i64::from(starts.weekday().until(day));
    let first = starts.checked_add(wait.days()).ok()?;
    Some(first.to_datetime(clock(rotation.handover.at)))
}

fn at(stamp: Stamp) -> Option<Timestamp> {
    Timestamp::from_microsecond(stamp.0).ok()
}

fn clock(time: TimeOfDay) -> civil::Time {
    civil::time(time.hour as i8, time.minute as i8, 0, 0)
}

/// An hour that is skipped is taken as the one after it, one that comes twice as its first (RFC 5545).
fn instant(here: DateTime, zone: &TimeZone) -> Option<Stamp> {
    let zoned = zone.to_ambiguous_zoned(here).compatible().ok()?;
    Some(Stamp(zoned.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests;
