use super::*;
use domain::plan::{Escalation, QuietHours};

fn utc(text: &str) -> Stamp {
    let at: Timestamp = text.parse().expect("an instant");
    Stamp(at.as_microsecond())
}

fn rotation(handover: &str, timezone: &str) -> Rotation {
    Rotation {
        id: "platform".into(),
        name: "Platform".into(),
        members: vec!["A".into(), "B".into(), "C".into()],
        starts: "2026-10-01".into(),
        handover: handover.parse().expect("a handover"),
        timezone: timezone.into(),
    }
}

fn contact(from: &str, until: &str, timezone: &str) -> Contact {
    Contact {
        role: "CTO".into(),
        name: "John".into(),
        phone: "+1-555-0001".into(),
        sms: None,
        email: "cto@example.com".into(),
        escalation: Escalation::Primary,
        timezone: Some(timezone.into()),
        quiet_hours: Some(QuietHours {
            from: from.parse().expect("a time"),
            until: until.parse().expect("a time"),
        }),
        on_call: false,
    }
}

fn who(rotation: &Rotation, at: &str) -> Option<String> {
    Zones.shift(rotation, utc(at)).map(|shift| shift.role)
}

#[test]
fn a_week_changes_hands_at_its_hour_by_the_clock_on_the_wall_through_both_changes_of_time() {
    let vienna = rotation("mon 09:00", "Europe/Vienna");
    assert_eq!(
        who(&vienna, "2026-10-05T06:59:59Z"),
        None,
        "not before it starts"
    );
    assert_eq!(
        who(&vienna, "2026-10-05T07:00:00Z").as_deref(),
        Some("A"),
        "09:00 is 07:00 UTC in summer"
    );
    assert_eq!(who(&vienna, "2026-10-12T06:59:59Z").as_deref(), Some("A"));
    assert_eq!(who(&vienna, "2026-10-12T07:00:00Z").as_deref(), Some("B"));
    // The clocks went back on 2026-10-25: this week is an hour longer.
    assert_eq!(
        who(&vienna, "2026-10-26T07:30:00Z").as_deref(),
        Some("C"),
        "09:00 is 08:00 UTC in winter"
    );
    assert_eq!(who(&vienna, "2026-10-26T08:00:00Z").as_deref(), Some("A"));
    let long = Zones
        .shift(&vienna, utc("2026-10-20T00:00:00Z"))
        .expect("a shift");
    assert_eq!(long.until.since(long.from).as_secs(), 7 * 86_400 + 3600);
    // Forward on 2027-03-28: an hour shorter.
    let short = Zones
        .shift(&vienna, utc("2027-03-28T12:00:00Z"))
        .expect("a shift");
    assert_eq!(short.until.since(short.from).as_secs(), 7 * 86_400 - 3600);
}

#[test]
fn a_handover_in_the_hour_that_is_skipped_or_comes_twice_happens_once() {
    let skipped = rotation("sun 02:30", "Europe/Vienna");
    for (rotation, day) in [(&skipped, "2027-03-28"), (&skipped, "2026-10-25")] {
        let mut hands = Vec::new();
        let start = utc(&format!("{day}T00:00:00Z"));
        for minute in -120..240 {
            let at = Stamp(start.0 + minute * 60_000_000);
            let shift = Zones.shift(rotation, at).expect("a shift");
            assert!(
                shift.from <= at && at < shift.until,
                "an instant is in its own shift"
            );
            hands.push(shift.role);
        }
        hands.dedup();
        assert_eq!(hands.len(), 2, "{day}: {hands:?}");
    }
}

#[test]
fn quiet_hours_end_at_their_hour_where_the_person_is() {
    let quiet = |c: &Contact, at: &str| Zones.quiet_until(c, utc(at));
    let night = contact("22:00", "07:00", "America/New_York");
    assert_eq!(quiet(&night, "2026-11-23T02:59:00Z"), None, "21:59 there");
    assert_eq!(
        quiet(&night, "2026-11-23T03:00:00Z"),
        Some(utc("2026-11-23T12:00:00Z"))
    );
    assert_eq!(
        quiet(&night, "2026-11-23T11:59:00Z"),
        Some(utc("2026-11-23T12:00:00Z"))
    );
    assert_eq!(quiet(&night, "2026-11-23T12:00:00Z"), None, "07:00 there");
    // The night in which the clocks go back is an hour longer, and ends at seven all the same.
    assert_eq!(
        quiet(&night, "2026-11-01T03:00:00Z"),
        Some(utc("2026-11-01T12:00:00Z"))
    );
    let siesta = contact("13:00", "15:00", "UTC");
    assert_eq!(
        quiet(&siesta, "2026-11-23T14:00:00Z"),
        Some(utc("2026-11-23T15:00:00Z"))
    );
    assert_eq!(quiet(&siesta, "2026-11-23T15:00:00Z"), None);
    assert_eq!(
        quiet(&contact("07:00", "07:00", "UTC"), "2026-11-23T07:00:00Z"),
        None,
        "none at all"
    );
}
