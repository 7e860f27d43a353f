//! Maintenance windows for the pages: those that are open, those that are over, and one that is being drafted.

use super::{Loaded, Missing, Signed, plain};
use crate::state::State;
use app::page::{Draft, Page, Planned, Refused, View};
use domain::{Command, Context, Maintenance, Refusal, ServiceId, Stamp, decide};
use jiff::{civil::DateTime, tz::TimeZone};
use std::sync::Arc;

/// So many windows that are over are told.
const PAST: u32 = 50;

/// `typed`: the fields of a draft, where somebody has sent them.
pub async fn maintenance(state: &State, signed: &Signed, typed: Vec<(String, String)>) -> Loaded {
    let mut page = plain(state, signed, View::Maintenance, true);
    page.measured.maintenances.extend(past(state).await?);
    if typed.iter().any(|(name, _)| name == "title") {
        draft(state, signed, &mut page, typed);
    }
    Ok(page)
}

/// Those that are over, the latest first.
pub async fn past(state: &State) -> Result<Vec<Arc<Maintenance>>, Missing> {
    let found = state
        .desk
        .store()
        .projections("maintenance", None, PAST)
        .await?;
    let read = found
        .iter()
        .filter(|p| !p.open)
        .filter_map(|p| serde_json::from_str(&p.body).ok());
    Ok(read.map(Arc::new).collect())
}

/// A draft is judged by the very rules that will decide it; nothing is written.
fn draft(state: &State, signed: &Signed, page: &mut Page, typed: Vec<(String, String)>) {
    let mut draft = read(&typed);
    let world = state.desk.world();
    let judged = times(&draft).and_then(|planned| {
        let context = Context {
            actor: &signed.actor,
            now: page.now,
            calendar: &engine::Zones,
            plan: &page.plan,
            node: state.desk.node(),
        };
        decide(&world, &context, command(&draft, planned)).map(|_| planned)
    });
    match judged {
        Ok(planned) => draft.planned = Some(planned),
        Err(refusal) => {
            page.refused = Some(Refused {
                form: "/maintenance".into(),
                refusal,
                typed: typed
                    .into_iter()
                    .filter(|(name, _)| name != "key")
                    .collect(),
            });
        }
    }
    page.measured.draft = Some(Box::new(draft));
}

fn read(typed: &[(String, String)]) -> Draft {
    let text = |name: &str| {
        let found = typed.iter().find(|(n, _)| n == name);
        found
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    };
    let services = typed
        .iter()
        .filter(|(n, v)| n == "services" && !v.is_empty());
    Draft {
        title: text("title"),
        message: text("message"),
        services: services.map(|(_, v)| ServiceId(v.clone())).collect(),
        from: text("from"),
        until: text("until"),
        zone: text("zone"),
        public: text("public") == "on",
        planned: None,
    }
}

/// What a form with these fields asks for.
pub fn scheduled(typed: &[(String, String)]) -> Result<Command, Refusal> {
    let draft = read(typed);
    times(&draft).map(|planned| command(&draft, planned))
}

fn command(draft: &Draft, planned: Planned) -> Command {
    Command::ScheduleMaintenance {
        title: draft.title.clone(),
        message: draft.message.clone(),
        services: draft.services.clone(),
        from: planned.from,
        until: planned.until,
        public: draft.public,
    }
}

fn times(draft: &Draft) -> Result<Planned, Refusal> {
    let name = match draft.zone.as_str() {
        "" => "UTC",
        zone => zone,
    };
    let zone = TimeZone::get(name).map_err(|_| {
        Refusal::invalid(
            "zone",
            format!("`{name}` is not a time zone known here: write UTC, or a name such as Europe/Berlin."),
        )
    })?;
    Ok(Planned {
        from: instant("from", &draft.from, &zone, name)?,
        until: instant("until", &draft.until, &zone, name)?,
    })
}

/// `2026-11-22T14:02` of a zone. An hour that a change of clocks skips or repeats is no instant.
fn instant(field: &str, text: &str, zone: &TimeZone, name: &str) -> Result<Stamp, Refusal> {
    let at: DateTime = text
        .parse()
        .map_err(|_| Refusal::invalid(field, "Write the time as 2026-11-22T14:02."))?;
    let at = zone.to_ambiguous_zoned(at).unambiguous().map_err(|_| {
        let says = format!(
            "In {name} the clocks change then: this time is not there, or there twice. Give it in UTC."
        );
        Refusal::invalid(field, says)
    })?;
    Ok(Stamp(at.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(zone: &str, from: &str, until: &str) -> Result<Planned, String> {
        let draft = Draft {
            from: from.into(),
            until: until.into(),
            zone: zone.into(),
            ..Draft::default()
        };
        times(&draft).map_err(|refusal| refusal.field.unwrap_or_default())
    }

    #[test]
    fn a_time_is_that_of_its_zone_and_of_no_other() {
        let hour = |from: &str| {
            planned("Europe/Berlin", from, "2026-12-01T00:00").map(|p| p.from.minute())
        };
        assert_eq!(hour("2026-07-01T12:00"), Ok("2026-07-01 10:00 UTC".into()));
        assert_eq!(hour("2026-11-30T12:00"), Ok("2026-11-30 11:00 UTC".into()));
        let utc = planned("", "2026-07-01T12:00", "2026-07-01T13:00").map(|p| p.from.minute());
        assert_eq!(utc, Ok("2026-07-01 12:00 UTC".into()));
    }

    #[test]
    fn an_hour_that_is_not_there_or_there_twice_is_refused() {
        let berlin = |from: &str, until: &str| planned("Europe/Berlin", from, until).unwrap_err();
        assert_eq!(berlin("2026-03-29T02:30", "2026-03-29T12:00"), "from");
        assert_eq!(berlin("2026-10-24T02:30", "2026-10-25T02:30"), "until");
        assert_eq!(berlin("tomorrow", "2026-10-25T02:30"), "from");
        assert_eq!(
            planned("Mars/Base", "2026-07-01T12:00", "2026-07-01T13:00"),
            Err("zone".into())
        );
    }
}
