//! Who is told of an incident, and who is not: every cell of the matrix, a raise, a reopening, quiet hours, the escalation,
//! reminders; and that nothing else ever leads to anybody.

#[path = "../house/mod.rs"]
mod house;
mod people;
mod promises;

use domain::{notify::*, plan::*, *};
use house::{House, actor};
use people::{house, queued};

fn declare(severity: Severity) -> Command {
    Command::Declare {
        title: "Orders are failing".into(),
        severity,
        affected: vec!["orders-api".into()],
        kind: Kind::Real,
        public: true,
        quiet: false,
        occurred_at: None,
    }
}

/// `phone:Jane Doe`, in the order in which they are asked.
fn told(events: &[Event]) -> Vec<String> {
    let to = queued(events)
        .into_iter()
        .filter(|to| to.suppressed.is_none());
    to.map(|to| format!("{}:{}", to.channel.id(), to.person))
        .collect()
}

fn number() -> Number {
    "INC-2026-001".into()
}

fn raise(h: &mut House, severity: Severity) -> Vec<Event> {
    let command = Command::ChangeSeverity {
        incident: number(),
        severity,
        reason: String::new(),
    };
    h.jane(command).expect("changed")
}

/// What the timers' worker would do by now, until nothing is due.
fn let_timers_run(h: &mut House) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(timer) = h
        .timers()
        .into_iter()
        .filter(|t| t.at <= h.now)
        .min_by_key(|t| t.at)
    {
        let events = h.machine(timer.command).expect("a timer is never refused");
        assert!(!events.is_empty(), "a timer that is due does something");
        all.extend(events);
    }
    all
}

#[test]
fn declared_sev1_reaches_all_by_phone_mail_and_slack() {
    let mut h = house();
    let events = h.jane(declare(Severity::Sev1)).expect("declared");
    assert_eq!(
        told(&events),
        [
            "phone:Jane Doe",
            "phone:John Smith",
            "phone:Alice Brown",
            "phone:Bob Wilson",
            "email:Jane Doe",
            "email:John Smith",
            "email:Alice Brown",
            "email:Bob Wilson",
            "slack:ops",
            "slack:board",
        ],
        "primary contacts first, and each place once"
    );
    let Event::NotificationsQueued { due, cause, .. } = &events[1] else {
        panic!("told in the same decision: {events:?}");
    };
    assert_eq!((*due, *cause), (h.now, Cause::Declared), "at once");
}

#[test]
fn declared_sev2_reaches_tech_and_management_by_mail_and_slack_within_15_minutes() {
    let mut h = house();
    let events = h.jane(declare(Severity::Sev2)).expect("declared");
    assert_eq!(
        told(&events),
        [
            "email:Jane Doe",
            "email:Alice Brown",
            "email:Bob Wilson",
            "slack:ops",
            "email:John Smith",
            "slack:board"
        ]
    );
    let Event::NotificationsQueued { due, .. } = &events[1] else {
        panic!("{events:?}");
    };
    assert_eq!(due.since(h.now), Span::secs(900));
}

#[test]
fn declared_sev3_reaches_the_tech_team_by_slack_within_the_hour() {
    let mut h = house();
    let events = h.jane(declare(Severity::Sev3)).expect("declared");
    assert_eq!(told(&events), ["slack:ops"]);
}

#[test]
fn a_raise_tells_those_who_were_not_told_and_lowering_tells_nobody() {
    let mut h = house();
    h.jane(declare(Severity::Sev3)).expect("declared");
    let second = raise(&mut h, Severity::Sev2);
    assert_eq!(
        told(&second),
        [
            "email:Jane Doe",
            "email:Alice Brown",
            "email:Bob Wilson",
            "email:John Smith",
            "slack:board"
        ]
    );
    let first = raise(&mut h, Severity::Sev1);
    assert_eq!(
        told(&first),
        [
            "phone:Jane Doe",
            "phone:John Smith",
            "phone:Alice Brown",
            "phone:Bob Wilson"
        ]
    );
    assert_eq!(
        raise(&mut h, Severity::Sev3).len(),
        1,
        "only the change itself"
    );
    assert_eq!(raise(&mut h, Severity::Sev1).len(), 1, "all of them know");
}

#[test]
fn an_update_follows_those_who_were_told_by_mail_and_where_they_read() {
    let mut h = house();
    h.jane(declare(Severity::Sev1)).expect("declared");
    let update = Command::PostUpdate {
        incident: number(),
        phase: Phase::Identified,
        message: "The primary is lost.".into(),
        internal: false,
    };
    let events = h.jane(update).expect("posted");
    let mut to = told(&events);
    to.sort();
    let everybody = [
        "email:Alice Brown",
        "email:Bob Wilson",
        "email:Jane Doe",
        "email:John Smith",
        "slack:board",
        "slack:ops",
    ];
    assert_eq!(to, everybody, "nobody is called for an update");
    let resolve = Command::Resolve {
        incident: number(),
        message: "It works again.".into(),
    };
    let mut to = told(&h.jane(resolve).expect("resolved"));
    to.sort();
    assert_eq!(to, everybody);
    let reopen = Command::Reopen {
        incident: number(),
        reason: "It is back.".into(),
    };
    assert_eq!(
        told(&h.jane(reopen).expect("reopened")).len(),
        10,
        "the whole row again"
    );
}

#[test]
fn quiet_hours_hold_what_is_not_sev1_and_never_beyond_the_time_it_is_due() {
    let mut h = house();
    let (soon, late) = (
        h.now.plus(Span::secs(600)),
        h.now.plus(Span::secs(6 * 3600)),
    );
    h.calendar.quiet.insert("DevOps Lead".into(), soon);
    h.calendar.quiet.insert("CTO".into(), late);
    let events = h.jane(declare(Severity::Sev2)).expect("declared");
    let held = |events: &[Event], person: &str| {
        let to = queued(events).into_iter().find(|to| to.person == person);
        to.expect("told").held_until
    };
    assert_eq!(held(&events, "Jane Doe"), Some(soon));
    assert_eq!(
        held(&events, "John Smith"),
        Some(h.now.plus(Span::secs(900))),
        "held is not dropped"
    );
    assert_eq!(held(&events, "Bob Wilson"), None);
    let events = raise(&mut h, Severity::Sev1);
    assert!(
        queued(&events).iter().all(|to| to.held_until.is_none()),
        "SEV1 comes through"
    );
}

#[test]
fn who_is_on_call_is_asked_before_the_primary_contacts() {
    let mut h = house();
    let rotation = Rotation {
        id: "platform".into(),
        name: "Platform".into(),
        members: vec!["Security Lead".into(), "Database Admin".into()],
        starts: "1970-01-01".into(),
        handover: "thu 00:00".parse().expect("a handover"),
        timezone: "UTC".into(),
    };
    h.plan.rotations.push(rotation);
    let first = |events: &[Event]| told(events).first().cloned().expect("somebody");
    let week = Span::secs(7 * 86_400);
    let events = h.jane(declare(Severity::Sev1)).expect("declared");
    let this = first(&events);
    h.now = h.now.plus(week);
    let next = first(&h.jane(declare(Severity::Sev1)).expect("declared"));
    let mut both = [this.as_str(), next.as_str()];
    both.sort_unstable();
    assert_eq!(
        both,
        ["phone:Alice Brown", "phone:Bob Wilson"],
        "another week, another one"
    );
    let instead = Command::OverrideOnCall {
        id: "o1".into(),
        rotation: "platform".into(),
        person: "CTO".into(),
        from: h.now,
        until: h.now.plus(Span::secs(3600)),
        reason: String::new(),
    };
    h.jane(instead).expect("overridden");
    assert_eq!(
        first(&h.jane(declare(Severity::Sev1)).expect("declared")),
        "phone:John Smith"
    );
    h.jane(Command::RemoveOverride { id: "o1".into() })
        .expect("removed");
    assert_eq!(
        first(&h.jane(declare(Severity::Sev1)).expect("declared")),
        next
    );
}

#[test]
fn without_a_word_the_secondary_contacts_are_asked_and_then_external_support_is_named() {
    let mut h = house();
    h.jane(declare(Severity::Sev1)).expect("declared");
    assert_eq!(let_timers_run(&mut h), [], "not before five minutes");
    h.now = h.now.plus(Span::secs(299));
    let early = h
        .timers()
        .iter()
        .any(|t| matches!(t.command, Command::Escalate { .. }) && t.at <= h.now);
    assert!(!early);
    h.now = h.now.plus(Span::secs(1));
    let events = let_timers_run(&mut h);
    let pages: Vec<_> = told(&events)
        .into_iter()
        .filter(|t| !t.starts_with("email") && !t.starts_with("sms"))
        .collect();
    assert_eq!(
        pages,
        [
            "phone:Alice Brown",
            "phone:Bob Wilson",
            "phone:Jane Doe",
            "phone:John Smith",
            "slack:ops",
            "slack:board"
        ],
        "the next ones, and once more those before"
    );
    h.now = h.now.plus(Span::secs(300));
    let events = let_timers_run(&mut h);
    let because = events.iter().find_map(|e| match e {
        Event::Escalated {
            level: 3, because, ..
        } => Some(because.clone()),
        _ => None,
    });
    let because = because.expect("the last level");
    assert!(
        because.contains("Render Support, account ENT-12345"),
        "{because}"
    );
    h.now = h.now.plus(Span::secs(86_400));
    let more = let_timers_run(&mut h);
    assert!(
        !more.iter().any(|e| matches!(e, Event::Escalated { .. })),
        "there it ends"
    );
}

#[test]
fn an_update_that_is_due_is_asked_for_and_one_overdue_is_told_to_those_who_lead() {
    let mut h = house();
    h.jane(declare(Severity::Sev2)).expect("declared");
    for (role, person) in [
        (IncidentRole::IncidentCommander, "John Smith"),
        (IncidentRole::Communications, "Alice Brown"),
        (IncidentRole::Deputy, "Bob Wilson"),
    ] {
        let person = person.into();
        h.jane(Command::AssignRole {
            incident: number(),
            role,
            person,
        })
        .expect("assigned");
    }
    h.jane(Command::Acknowledge {
        incident: number(),
        via: Via::Page,
    })
    .expect("acknowledged");
    h.now = h.now.plus(Span::secs(300));
    assert_eq!(
        told(&let_timers_run(&mut h)),
        ["sms:Alice Brown", "email:Alice Brown"]
    );
    assert_eq!(let_timers_run(&mut h), [], "once");
    h.now = h.now.plus(Span::secs(900));
    let overdue = let_timers_run(&mut h);
    assert!(
        matches!(overdue[0], Event::UpdateReminded { overdue_by: Some(by), .. } if by == Span::secs(900))
    );
    assert_eq!(
        told(&overdue),
        [
            "sms:Alice Brown",
            "email:Alice Brown",
            "sms:John Smith",
            "email:John Smith",
            "sms:Bob Wilson",
            "email:Bob Wilson"
        ]
    );
    let update = Command::PostUpdate {
        incident: number(),
        phase: Phase::Identified,
        message: "We know more.".into(),
        internal: false,
    };
    h.jane(update).expect("posted");
    h.now = h.now.plus(Span::secs(1799));
    assert_eq!(let_timers_run(&mut h), [], "the next one is not due yet");
    h.now = h.now.plus(Span::secs(1));
    assert_eq!(let_timers_run(&mut h).len(), 2);
}

#[test]
fn those_who_did_not_answer_are_told_again_on_a_word_and_not_twice_a_minute() {
    let mut h = house();
    h.jane(declare(Severity::Sev1)).expect("declared");
    let bob = actor("Bob Wilson", AccessRole::Responder);
    h.ask(
        &bob,
        Command::Acknowledge {
            incident: number(),
            via: Via::Phone,
        },
    )
    .expect("acknowledged");
    let again = |person: Option<&str>| Command::RepeatNotifications {
        incident: number(),
        person: person.map(Into::into),
    };
    assert!(h.jane(again(None)).is_err(), "not at once");
    h.now = h.now.plus(Span::secs(60));
    let mut to = told(&h.jane(again(None)).expect("told again"));
    to.sort();
    assert_eq!(
        to,
        [
            "email:Alice Brown",
            "email:Jane Doe",
            "email:John Smith",
            "phone:Alice Brown",
            "phone:Jane Doe",
            "phone:John Smith"
        ]
    );
    assert!(h.jane(again(None)).is_err());
    assert_eq!(
        h.jane(again(Some("Nobody")))
            .expect_err("refused")
            .field
            .as_deref(),
        Some("person")
    );
}

#[test]
fn a_test_is_confirmed_for_the_very_address_that_was_tried() {
    let mut h = house();
    let test = |digest: &str| Command::TestContact {
        person: "DevOps Lead".into(),
        channel: Channel::Phone,
        address_digest: digest.into(),
    };
    let confirm = |digest: &str| Command::ConfirmContact {
        person: "Jane Doe".into(),
        channel: Channel::Phone,
        address_digest: digest.into(),
    };
    assert!(h.jane(confirm("a")).is_err(), "nothing was sent");
    h.jane(test("a")).expect("sent");
    assert!(h.jane(test("a")).is_err(), "not twice a minute");
    assert!(h.jane(confirm("b")).is_err(), "another number");
    assert_eq!(h.jane(confirm("a")).expect("confirmed").len(), 1);
    assert_eq!(h.jane(confirm("a")).expect("again").len(), 0);
    let known = &h.world.verified[&verification_key("Jane Doe", Channel::Phone)];
    assert_eq!(
        (known.tested_at, known.confirmed_at),
        (Some(h.now), Some(h.now))
    );
    h.now = h.now.plus(Span::secs(60));
    h.jane(test("b")).expect("sent");
    assert_eq!(
        h.world.verified[&verification_key("Jane Doe", Channel::Phone)].confirmed_at,
        None
    );
}

#[test]
fn two_people_of_one_name_are_told_apart_and_one_number_is_called_once() {
    let mut h = house();
    let mut twin = h.plan.contacts.emergency[0].clone();
    twin.role = "Facilities".into();
    twin.phone = "+1-555-0099".into();
    h.plan.contacts.emergency.push(twin);
    let events = h.jane(declare(Severity::Sev1)).expect("declared");
    let to = told(&events);
    assert!(to.contains(&"phone:John Smith (CTO)".to_owned()), "{to:?}");
    assert!(
        to.contains(&"phone:John Smith (Facilities)".to_owned()),
        "{to:?}"
    );
    let mails = to
        .iter()
        .filter(|t| t.starts_with("email:John Smith"))
        .count();
    assert_eq!(mails, 1, "they share an address");
}
