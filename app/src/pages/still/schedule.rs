//! When the plan's calendar has something due: five-field cron, in words and as the next instant.

use domain::{Stamp, plan::Schedule};

const DAY: i64 = 86_400_000_000;
const MINUTE: i64 = 60_000_000;

/// The next time after `now`, within a year; nothing for a zone other than UTC or a line that is not understood here.
pub fn next(schedule: &Schedule, now: Stamp) -> Option<Stamp> {
    if !matches!(schedule.timezone.as_str(), "UTC" | "Etc/UTC") {
        return None;
    }
    let fields: Vec<&str> = schedule.cron.split_whitespace().collect();
    let [minutes, hours, days, months, weekdays] = fields[..] else {
        return None;
    };
    let (minutes, hours) = (numbers(minutes, 0, 59)?, numbers(hours, 0, 23)?);
    let (days_all, weekdays_all) = (days == "*", weekdays == "*");
    let (days, months, weekdays) = (
        numbers(days, 1, 31)?,
        numbers(months, 1, 12)?,
        numbers(weekdays, 0, 7)?,
    );
    let today = now.0.div_euclid(DAY);
    (today..today + 366).find_map(|day| {
        let date = Stamp(day * DAY).rfc3339();
        let month: u32 = date[5..7].parse().ok()?;
        let day_of_month: u32 = date[8..10].parse().ok()?;
        // 1970-01-01 was a Thursday.
        let weekday = (day + 4).rem_euclid(7) as u32;
        let in_week = weekdays.contains(&weekday) || weekday == 0 && weekdays.contains(&7);
        // Where both days are restricted, either is enough, as in cron.
        let fits = match (days_all, weekdays_all) {
            (false, false) => days.contains(&day_of_month) || in_week,
            _ => days.contains(&day_of_month) && in_week,
        };
        if !fits || !months.contains(&month) {
            return None;
        }
        let times = hours.iter().flat_map(|h| {
            minutes
                .iter()
                .map(move |m| Stamp(day * DAY + i64::from(h * 60 + m) * MINUTE))
        });
        times.filter(|at| *at > now).min()
    })
}

/// `*`, `5`, `1-5`, `*/15`, `0,30` and lists of these.
fn numbers(field: &str, least: u32, most: u32) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for part in field.split(',') {
        let (range, step) = part
            .split_once('/')
            .map_or((part, Some(1)), |(r, s)| (r, s.parse().ok()));
        let (from, to) = match range.split_once('-') {
            Some((a, b)) => (a.parse().ok()?, b.parse().ok()?),
            None if range == "*" => (least, most),
            None => {
                let one = range.parse().ok()?;
                (one, if part.contains('/') { most } else { one })
            }
        };
        if from < least || to > most || from > to {
            return None;
        }
        all.extend((from..=to).step_by(step.filter(|s| *s > 0)?));
    }
    Some(all)
}

/// "daily at 02:00", "Sundays at 05:00", "on the 1st at 09:00", or the line itself.
pub fn words(schedule: &Schedule) -> String {
    const WEEK: [&str; 8] = [
        "Sundays",
        "Mondays",
        "Tuesdays",
        "Wednesdays",
        "Thursdays",
        "Fridays",
        "Saturdays",
        "Sundays",
    ];
    let fields: Vec<&str> = schedule.cron.split_whitespace().collect();
    let said = match fields[..] {
        [minute, hour, day, "*", weekday] => match (minute.parse::<u32>(), hour.parse::<u32>()) {
            (Ok(minute), Ok(hour)) => {
                let at = format!("at {hour:02}:{minute:02}");
                match (day, weekday) {
                    ("*", "*") => Some(format!("daily {at}")),
                    ("*", w) => w
                        .parse::<usize>()
                        .ok()
                        .and_then(|w| WEEK.get(w))
                        .map(|w| format!("{w} {at}")),
                    (d, "*") => d
                        .parse::<u32>()
                        .ok()
                        .map(|d| format!("on the {d}{} of the month {at}", ordinal(d))),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    };
    match said {
        Some(said) => format!("{said} {}", schedule.timezone),
        None => format!("{} {}", schedule.cron, schedule.timezone),
    }
}

fn ordinal(n: u32) -> &'static str {
    match (n % 10, n % 100) {
        (1, x) if x != 11 => "st",
        (2, x) if x != 12 => "nd",
        (3, x) if x != 13 => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(cron: &str) -> Schedule {
        Schedule {
            id: "s".into(),
            name: "S".into(),
            cron: cron.into(),
            timezone: "UTC".into(),
            commands: Vec::new(),
            runbook: None,
        }
    }

    /// Sunday 2026-11-22 14:02:11 UTC.
    const NOW: Stamp = Stamp(1_795_356_131_000_000);

    #[test]
    fn the_next_time_is_after_now_and_on_the_right_day() {
        let at = |cron| {
            next(&schedule(cron), NOW)
                .map(|s| s.minute())
                .unwrap_or_default()
        };
        assert_eq!(NOW.minute(), "2026-11-22 14:02 UTC");
        assert_eq!(at("0 2 * * *"), "2026-11-23 02:00 UTC");
        assert_eq!(at("0 15 * * *"), "2026-11-22 15:00 UTC");
        assert_eq!(at("0 5 * * 0"), "2026-11-29 05:00 UTC");
        assert_eq!(at("0 5 * * 7"), "2026-11-29 05:00 UTC");
        assert_eq!(at("0 9 1 * *"), "2026-12-01 09:00 UTC");
        assert_eq!(at("*/15 14-16 * * 1,3"), "2026-11-23 14:00 UTC");
        assert_eq!(at("not a cron line"), "");
        assert_eq!(at("61 * * * *"), "");
    }

    #[test]
    fn a_cron_line_is_said_in_words_where_it_has_any() {
        assert_eq!(words(&schedule("0 2 * * *")), "daily at 02:00 UTC");
        assert_eq!(words(&schedule("30 5 * * 0")), "Sundays at 05:30 UTC");
        assert_eq!(
            words(&schedule("0 9 1 * *")),
            "on the 1st of the month at 09:00 UTC"
        );
        assert_eq!(words(&schedule("*/5 * * * *")), "*/5 * * * * UTC");
    }
}
