//! How the matrix was kept, month by month; and when each way last worked and last did not.

use super::Missing;
use crate::state::State;
use app::page::{Month, Way};
use domain::{
    Severity, Stamp,
    notify::{AT_ONCE, Suppressed},
    plan::{Channel, Plan},
};
use engine::store::Measure;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// So many months are shown, this one included.
const MONTHS: i32 = 6;

/// When something last went out by it, and when something last did not.
pub async fn last(state: &State, way: &mut Way) -> Result<(), Missing> {
    let store = state.desk.store();
    let (channel, place) = (way.channel.id(), way.name.clone().unwrap_or_default());
    way.worked = store.last_sent(channel, &place).await?.map(Stamp);
    if let Some(row) = store.last_failed(channel, &place).await? {
        let tries = store.attempts(&row.id).await?;
        let at = tries.last().map(|a| a.at).or(row.first_at);
        way.failed = at.map(|at| (Stamp(at), row.why));
    }
    Ok(())
}

/// By what the plan asks for now; the latest month first. What nothing was due of is left out.
pub async fn months(state: &State, plan: &Plan, now: Stamp) -> Result<Vec<Month>, Missing> {
    let mut months = Vec::new();
    for back in 0..MONTHS {
        let Some((month, from, until)) = month(now, back) else {
            continue;
        };
        for (severity, channel) in cells(plan) {
            let kept = state
                .desk
                .store()
                .kept(Measure {
                    severity: severity.id(),
                    channel: channel.id(),
                    from: from.0,
                    until: until.0,
                    now: now.0,
                    grace: AT_ONCE.micros(),
                    unreachable: [
                        Suppressed::NotConfigured.words(),
                        Suppressed::NoAddress.words(),
                    ],
                })
                .await?;
            let count = |n: i64| u32::try_from(n).unwrap_or_default();
            if kept.met + kept.late + kept.failed > 0 {
                months.push(Month {
                    month: month.clone(),
                    severity,
                    channel,
                    met: count(kept.met),
                    late: count(kept.late),
                    failed: count(kept.failed),
                });
            }
        }
    }
    Ok(months)
}

fn cells(plan: &Plan) -> impl Iterator<Item = (Severity, Channel)> {
    let rows = Severity::ALL
        .into_iter()
        .filter_map(|s| plan.communication.row(s));
    let cells = rows.flat_map(|row| row.channels.iter().map(|c| (row.severity, *c)));
    cells.collect::<Vec<_>>().into_iter()
}

/// A month in UTC, so many before this one: its name, its first instant, and that of the next.
fn month(now: Stamp, back: i32) -> Option<(String, Stamp, Stamp)> {
    let today = Timestamp::from_microsecond(now.0).ok()?;
    let today = today.to_zoned(TimeZone::UTC).date();
    let first = today.first_of_month().checked_sub(back.months()).ok()?;
    let next = first.checked_add(1.month()).ok()?;
    let start = |date: Date| {
        let at = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Stamp(at.as_microsecond()))
    };
    let name = first.strftime("%Y-%m").to_string();
    Some((name, start(first)?, start(next)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_meet_at_their_first_instant() {
        // 2026-03-31 in UTC.
        let now = Stamp(1_774_915_200_000_000);
        let of = |back| {
            let (name, from, until) = month(now, back).unwrap();
            (name, from.minute(), until.minute())
        };
        let text = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(
            of(0),
            text("2026-03", "2026-03-01 00:00 UTC", "2026-04-01 00:00 UTC")
        );
        assert_eq!(
            of(1),
            text("2026-02", "2026-02-01 00:00 UTC", "2026-03-01 00:00 UTC")
        );
        assert_eq!(of(5).0, "2025-10");
    }
}
