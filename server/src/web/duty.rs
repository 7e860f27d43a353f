//! `/contacts/on-call.ics`: who is on call when, for everybody's own calendar. A calendar program cannot sign in and asks
//! for the same address for years, so the address has a key in it. Whoever has the address reads names and times, and
//! nothing else: no number, no incident.

use super::{auth, content::Content};
use crate::state::State;
use axum::{
    extract::{Query, State as Held},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use domain::{
    Span, Stamp,
    notify::{Override, People, Stint, roster},
    plan::Plan,
};
use engine::{Pass, Zones};
use serde::Deserialize;

const PATH: &str = "/contacts/on-call.ics";
const DAY: u64 = 86_400;
/// From when until when the calendar tells.
const BEHIND: i64 = 31 * DAY as i64 * 1_000_000;
const AHEAD: Span = Span::secs(184 * DAY);

fn pass(state: &State) -> Pass {
    Pass::new(&state.vault, "the calendar of who is on call")
}

/// The whole address, with its key.
pub fn address(state: &State) -> String {
    format!("{}{PATH}?key={}", state.url, pass(state).text())
}

#[derive(Deserialize)]
pub struct Asked {
    key: Option<String>,
    /// Only one person's turns, by name or role.
    person: Option<String>,
}

pub async fn calendar(
    Held(state): Held<State>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let known = match &asked.key {
        Some(key) => pass(&state).is(key),
        None => matches!(auth::caller(&state, &headers).await, Ok(Some(_))),
    };
    if !known {
        return auth::unknown(PATH);
    }
    let plan = state.desk.plan().plan;
    let world = state.desk.world();
    let now = state.desk.clock().now();
    let people = People::of(&plan.contacts);
    let (from, until) = (Stamp(now.0 - BEHIND), now.plus(AHEAD));
    let mut stints = roster(&plan, &people, &world.overrides, &Zones, from, until);
    if let Some(who) = &asked.person {
        let person = people.find(who).map(|(person, _)| person);
        stints.retain(|s| Some(s.person.as_str()) == person);
    }
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CACHE_CONTROL, "private, max-age=300"),
    ];
    (headers, written(&plan, &world.overrides, &stints, now)).into_response()
}

/// In instants: what a time zone does to a handover is worked out already.
fn written(plan: &Plan, overrides: &[Override], stints: &[Stint], now: Stamp) -> String {
    let mut calendar = Content::default();
    calendar.plain("BEGIN:VCALENDAR");
    calendar.plain("VERSION:2.0");
    calendar.plain("PRODID:-//Muster//On call//EN");
    calendar.plain("CALSCALE:GREGORIAN");
    calendar.plain("METHOD:PUBLISH");
    calendar.text(
        "X-WR-CALNAME",
        &format!("On call · {}", plan.about.organization),
    );
    calendar.plain("REFRESH-INTERVAL;VALUE=DURATION:PT1H");
    for stint in stints {
        let name = plan
            .rotation(&stint.rotation)
            .map_or(&stint.rotation, |r| &r.name);
        let by = stint.by_override.as_ref();
        let instead = by.and_then(|id| overrides.iter().find(|o| o.id == *id));
        calendar.plain("BEGIN:VEVENT");
        // Stable: the same stretch is the same entry, whoever is on call in it.
        calendar.text(
            "UID",
            &format!("{}-{}@muster", stint.rotation, stint.from.0 / 1_000_000),
        );
        calendar.plain(&format!("DTSTAMP:{}", instant(now)));
        calendar.plain(&format!("DTSTART:{}", instant(stint.from)));
        calendar.plain(&format!("DTEND:{}", instant(stint.until)));
        calendar.text("SUMMARY", &format!("{} on call: {name}", stint.person));
        if let Some(o) = instead {
            let reason = if o.reason.is_empty() { "" } else { ": " };
            let says = format!("In somebody's place, by {}{reason}{}", o.by, o.reason);
            calendar.text("DESCRIPTION", &says);
        }
        calendar.plain("TRANSP:TRANSPARENT");
        calendar.plain("END:VEVENT");
    }
    calendar.plain("END:VCALENDAR");
    calendar.end()
}

/// `20261122T140211Z`
fn instant(at: Stamp) -> String {
    let kept = |c: &char| c.is_ascii_digit() || *c == 'T';
    let utc: String = at.rfc3339()[..19].chars().filter(kept).collect();
    format!("{utc}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::plan::{Contact, Escalation, Rotation};

    fn plan() -> Plan {
        let contact = |role: &str, name: &str| Contact {
            role: role.into(),
            name: name.into(),
            phone: "+1-555-0001".into(),
            sms: None,
            email: "a@example.org".into(),
            escalation: Escalation::Primary,
            timezone: None,
            quiet_hours: None,
            on_call: false,
        };
        let mut plan = Plan::default();
        plan.about.organization = "Sentia".into();
        plan.contacts.emergency = vec![contact("Lead", "Jane Doe"), contact("DBA", "Bob Wilson")];
        plan.rotations = vec![Rotation {
            id: "platform".into(),
            name: "Platform".into(),
            members: vec!["Lead".into(), "DBA".into()],
            starts: "2026-10-19".into(),
            handover: "mon 09:00".parse().unwrap(),
            timezone: "Europe/Vienna".into(),
        }];
        plan
    }

    fn stamp(text: &str) -> Stamp {
        let at: jiff::Timestamp = text.parse().unwrap();
        Stamp(at.as_microsecond())
    }

    #[test]
    fn the_calendar_follows_the_wall_s_clock_over_its_change_and_tells_who_stands_in() {
        let plan = plan();
        let people = People::of(&plan.contacts);
        let instead = Override {
            id: "o1".into(),
            rotation: "platform".into(),
            person: "Bob Wilson".into(),
            from: stamp("2026-10-21T08:00:00Z"),
            until: stamp("2026-10-22T08:00:00Z"),
            reason: "Dentist; then train".into(),
            by: "Jane Doe".into(),
        };
        let overrides = [instead];
        let (from, until) = (stamp("2026-10-20T00:00:00Z"), stamp("2026-10-30T00:00:00Z"));
        let stints = roster(&plan, &people, &overrides, &Zones, from, until);
        let who: Vec<_> = stints
            .iter()
            .map(|s| (s.person.as_str(), instant(s.from), instant(s.until)))
            .collect();
        // The week begins at nine in Vienna: 07:00 UTC in summer, and 08:00 after the clocks went back on the 25th.
        let day = |text: &str| text.to_owned();
        assert_eq!(
            who,
            [
                ("Jane Doe", day("20261019T070000Z"), day("20261021T080000Z")),
                (
                    "Bob Wilson",
                    day("20261021T080000Z"),
                    day("20261022T080000Z")
                ),
                ("Jane Doe", day("20261022T080000Z"), day("20261026T080000Z")),
                (
                    "Bob Wilson",
                    day("20261026T080000Z"),
                    day("20261102T080000Z")
                ),
            ]
        );
        let text = written(&plan, &overrides, &stints, from);
        assert_eq!(text.matches("BEGIN:VEVENT").count(), 4);
        let unfolded = text.replace("\r\n ", "");
        assert!(unfolded.contains("SUMMARY:Bob Wilson on call: Platform\r\n"));
        assert!(
            unfolded.contains(
                "DESCRIPTION:In somebody's place\\, by Jane Doe: Dentist\\; then train\r\n"
            )
        );
        assert!(!text.contains("555"), "no number leaves by it");
    }
}
