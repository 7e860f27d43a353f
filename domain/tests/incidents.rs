//! The rules of an incident.

mod house;

use domain::*;
use house::{House, actor};

fn update(incident: &Number, phase: Phase, message: &str) -> Command {
    Command::PostUpdate {
        incident: incident.clone(),
        phase,
        message: message.into(),
        internal: false,
    }
}

#[test]
fn numbers_count_up_within_the_year() {
    let mut h = House::new();
    assert_eq!(h.declare().as_str(), "INC-2026-001");
    assert_eq!(h.declare().as_str(), "INC-2026-002");
}

#[test]
fn a_viewer_changes_nothing() {
    let mut h = House::new();
    let incident = h.declare();
    let before = h.world.clone();
    let viewer = actor("Vera", AccessRole::Viewer);
    for command in [
        Command::AddNote {
            incident: incident.clone(),
            text: "hello".into(),
            occurred_at: None,
        },
        update(&incident, Phase::Identified, "we know"),
        Command::Resolve {
            incident,
            message: "done".into(),
        },
        Command::IssueToken {
            id: "x".into(),
            name: "x".into(),
            role: AccessRole::Admin,
        },
    ] {
        assert_eq!(
            h.ask(&viewer, command).map_err(|r| r.why),
            Err(Why::Forbidden)
        );
    }
    assert_eq!(h.world, before);
}

#[test]
fn nobody_but_the_workers_reports_for_the_workers() {
    let mut h = House::new();
    let command = Command::Observe {
        service: "orders-api".into(),
        health: Health::Operational,
        because: String::new(),
        since: h.now,
    };
    assert_eq!(
        h.ask(&actor("Root", AccessRole::Admin), command)
            .map_err(|r| r.why),
        Err(Why::Forbidden)
    );
}

#[test]
fn a_drill_is_never_public() {
    let mut h = House::new();
    let command = Command::Declare {
        title: "Practice".into(),
        severity: Severity::Sev1,
        affected: vec![],
        kind: Kind::Drill,
        public: true,
        quiet: false,
        occurred_at: None,
    };
    assert_eq!(
        h.jane(command).map_err(|r| r.field),
        Err(Some("public".into()))
    );
}

#[test]
fn a_title_cannot_carry_a_second_line() {
    let mut h = House::new();
    let command = Command::Declare {
        title: "Orders\r\nBcc: everyone@example.org".into(),
        severity: Severity::Sev2,
        affected: vec![],
        kind: Kind::Real,
        public: false,
        quiet: false,
        occurred_at: None,
    };
    assert_eq!(
        h.jane(command).map_err(|r| r.field),
        Err(Some("title".into()))
    );
}

#[test]
fn the_command_passes_only_when_the_one_it_is_offered_to_accepts() {
    let mut h = House::new();
    let incident = h.declare();
    let role = IncidentRole::IncidentCommander;
    h.jane(Command::AssignRole {
        incident: incident.clone(),
        role,
        person: "Jane Doe".into(),
    })
    .expect("assigned");
    h.jane(Command::HandOver {
        incident: incident.clone(),
        role,
        to: "Bob Wilson".into(),
    })
    .expect("offered");
    assert_eq!(h.world.incidents[&incident].commander(), Some("Jane Doe"));
    let accept = Command::AcceptRole {
        incident: incident.clone(),
        role,
    };
    assert_eq!(
        h.jane(accept.clone()).map_err(|r| r.why),
        Err(Why::Forbidden)
    );
    h.ask(&actor("Bob Wilson", AccessRole::Responder), accept)
        .expect("accepted");
    assert_eq!(h.world.incidents[&incident].commander(), Some("Bob Wilson"));
}

#[test]
fn the_next_update_is_due_by_severity_and_counts_from_the_last_public_word() {
    let mut h = House::new();
    let incident = h.declare();
    let due = |h: &House| h.world.incidents[&incident].next_update_due(&h.plan.communication);
    assert_eq!(due(&h), Some(h.now.plus(Span::secs(300))));
    h.now = h.now.plus(Span::secs(60));
    h.jane(update(
        &incident,
        Phase::Identified,
        "The database is down.",
    ))
    .expect("posted");
    assert_eq!(due(&h), Some(h.now.plus(Span::secs(1200))));
}

#[test]
fn an_internal_update_is_not_the_public_s_and_leaves_its_phase() {
    let mut h = House::new();
    let incident = h.declare();
    let due = |h: &House| h.world.incidents[&incident].next_update_due(&h.plan.communication);
    let before = due(&h);
    h.jane(Command::PostUpdate {
        incident: incident.clone(),
        phase: Phase::Monitoring,
        message: "Conditions: the replica lags.".into(),
        internal: true,
    })
    .expect("posted");
    let now = &h.world.incidents[&incident];
    let last = now.updates.last().expect("an update");
    assert!(!last.public);
    assert_eq!(
        (last.phase, now.phase),
        (Phase::Investigating, Phase::Investigating)
    );
    assert_eq!(due(&h), before, "the public still waits");
}

#[test]
fn a_resolved_incident_takes_notes_and_nothing_else_until_it_is_reopened() {
    let mut h = House::new();
    let incident = h.declare();
    h.jane(Command::Resolve {
        incident: incident.clone(),
        message: "Service restored.".into(),
    })
    .expect("resolved");
    assert_eq!(
        h.jane(update(&incident, Phase::Monitoring, "hm"))
            .map_err(|r| r.why),
        Err(Why::Conflict)
    );
    h.jane(Command::AddNote {
        incident: incident.clone(),
        text: "afterthought".into(),
        occurred_at: None,
    })
    .expect("noted");
    h.jane(Command::Reopen {
        incident: incident.clone(),
        reason: "It is back.".into(),
    })
    .expect("reopened");
    assert!(h.world.incidents[&incident].is_open());
}

#[test]
fn an_incident_is_not_resolved_over_a_running_recovery() {
    let mut h = House::new();
    let incident = h.declare();
    h.start(Some(incident.clone()));
    let refused = h
        .jane(Command::Resolve {
            incident,
            message: "done".into(),
        })
        .expect_err("refused");
    assert!(
        refused.says.starts_with("Database Recovery is not over"),
        "{refused}"
    );
}

#[test]
fn what_is_so_already_writes_nothing() {
    let mut h = House::new();
    let incident = h.declare();
    let tick = Command::Tick {
        incident: incident.clone(),
        item: 0,
        done: true,
    };
    assert_eq!(h.jane(tick.clone()).map(|e| e.len()), Ok(1));
    assert_eq!(h.jane(tick), Ok(vec![]));
    assert_eq!(
        h.jane(Command::ChangeSeverity {
            incident,
            severity: Severity::Sev1,
            reason: String::new()
        }),
        Ok(vec![])
    );
}
