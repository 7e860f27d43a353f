//! What happens because nothing happened, and what waits for its time.

use crate::{
    house::ask,
    scene::{MAILS, PHONES, SLACK, Scene, once, scene},
};
use domain::{
    plan::{Channel, Escalation, Level, Plan, QuietHours, Rotation},
    *,
};
use std::time::Duration;

fn utc(text: &str) -> Stamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Stamp(at.as_microsecond())
}

/// Moves the clock to an instant that lies ahead.
fn reach(scene: &Scene, at: &str) {
    scene.house.wait(utc(at).since(scene.desk.clock().now()));
}

async fn level(scene: &Scene, incident: &Number, level: u8) {
    let mut world = scene.desk.watch();
    let there = world.wait_for(|w| w.comms[incident].level >= level);
    let there = tokio::time::timeout(Duration::from_secs(20), there).await;
    assert!(
        there.is_ok(),
        "level {}",
        scene.desk.world().comms[incident].level
    );
}

#[tokio::test]
async fn unacknowledged_sev1_reaches_the_secondary_contacts_by_phone_and_slack() {
    let scene = scene!();
    let incident = scene.declare(Severity::Sev1).await;
    scene.settled(&incident).await;
    scene.forget().await;
    scene.house.wait(Span::secs(5 * 60));
    level(&scene, &incident, 2).await;
    let rows = scene.settled(&incident).await;
    let asked = rows.iter().filter(|n| n.cause == "escalation-2");
    let pages: Vec<_> = asked
        .map(|n| (n.channel.as_str(), n.person.as_str()))
        .collect();
    assert_eq!(
        pages,
        [
            ("phone", "Alice Brown"),
            ("phone", "Bob Wilson"),
            ("phone", "Jane Doe"),
            ("phone", "John Smith"),
            ("slack", "incidents"),
        ]
    );
    let reached = scene.reached().await;
    for address in PHONES.iter().chain([&SLACK]) {
        assert_eq!(reached.get(*address), Some(&1), "{address}: {reached:?}");
    }
    scene.house.wait(Span::secs(5 * 60));
    level(&scene, &incident, 3).await;
    let store = scene.desk.store();
    let events = store
        .stream(&format!("incident/{incident}"), 0, 1000)
        .await
        .unwrap();
    let last = events.iter().rfind(|r| r.kind == "escalated").unwrap();
    assert!(
        last.body.contains("Render Support, account ENT-12345"),
        "external support is for people to call: {}",
        last.body
    );
}

#[tokio::test]
async fn acknowledged_sev1_reaches_nobody_else() {
    let scene = scene!();
    let incident = scene.declare(Severity::Sev1).await;
    scene.settled(&incident).await;
    scene.house.wait(Span::secs(5 * 60 - 1));
    scene.acknowledge(&incident).await;
    scene.forget().await;
    scene.house.wait(Span::secs(2));
    // Something else passes through the same queues, so that nothing is waited for in vain.
    let other = scene.declare(Severity::Sev3).await;
    scene.settled(&other).await;
    let reached = scene.reached().await;
    assert!(
        !reached.keys().any(|a| a.starts_with("phone")),
        "{reached:?}"
    );
}

#[tokio::test]
async fn sev2_waits_for_the_end_of_quiet_hours_and_sev1_does_not() {
    let quiet = |plan: &mut Plan| {
        plan.communication.matrix[1].within = Span::secs(12 * 3600);
        let john = &mut plan.contacts.emergency[0];
        john.timezone = Some("America/New_York".into());
        john.quiet_hours = Some(QuietHours {
            from: "22:00".parse().unwrap(),
            until: "07:00".parse().unwrap(),
        });
    };
    let scene = scene!(quiet);
    // A night in New York.
    reach(&scene, "2026-11-24T05:00:00Z");
    let incident = scene.declare(Severity::Sev2).await;
    let others = once(&[MAILS[1], MAILS[2], MAILS[3], SLACK]);
    assert_eq!(scene.until(4).await, others);
    scene.acknowledge(&incident).await;
    reach(&scene, "2026-11-24T11:59:59Z");
    let other = scene.declare(Severity::Sev3).await;
    scene.settled(&other).await;
    let to_john = async || scene.reached().await.get(MAILS[0]).copied().unwrap_or(0);
    let first = |n: &&store::Notification| n.person == "John Smith" && n.cause == "declared";
    let row = scene
        .rows(&incident)
        .await
        .iter()
        .find(first)
        .cloned()
        .unwrap();
    assert_eq!(
        row.state, "held",
        "seven in the morning, and not before: {row:?}"
    );
    reach(&scene, "2026-11-24T12:00:00Z");
    for _ in 0..500 {
        let row = scene
            .rows(&incident)
            .await
            .iter()
            .find(first)
            .cloned()
            .unwrap();
        if row.state == "sent" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(to_john().await >= 1, "held is not dropped");
    // The next night.
    scene.forget().await;
    reach(&scene, "2026-11-25T05:00:00Z");
    let grave = scene.declare(Severity::Sev1).await;
    scene.settled(&grave).await;
    let reached = scene.reached().await;
    assert!(
        reached.contains_key(PHONES[0]) && reached.contains_key(MAILS[0]),
        "{reached:?}"
    );
}

/// Nobody but who is on call is asked next.
fn platform(plan: &mut Plan) {
    for contact in &mut plan.contacts.emergency {
        contact.escalation = Escalation::Secondary;
    }
    plan.communication.escalation = vec![Level {
        to: vec![Level::ON_CALL.into()],
        channels: vec![Channel::Phone],
    }];
    plan.rotations = vec![Rotation {
        id: "platform".into(),
        name: "Platform".into(),
        members: vec!["Database Admin".into(), "Security Lead".into()],
        starts: "2027-03-15".into(),
        handover: "mon 09:00".parse().unwrap(),
        timezone: "Europe/Vienna".into(),
    }];
}

/// Whom a SEV1 that nobody acknowledges calls next.
async fn called_next(scene: &Scene) -> Vec<String> {
    let incident = scene.declare(Severity::Sev1).await;
    scene.settled(&incident).await;
    scene.forget().await;
    scene.house.wait(Span::secs(5 * 60));
    level(scene, &incident, 2).await;
    scene.settled(&incident).await;
    let reached = scene.reached().await;
    let resolve = Command::Resolve {
        incident: incident.clone(),
        message: "It works again.".into(),
    };
    ask(&scene.desk, resolve).await.unwrap();
    scene.settled(&incident).await;
    reached
        .into_keys()
        .filter(|a| a.starts_with("phone"))
        .collect()
}

#[tokio::test]
async fn the_week_on_call_changes_hands_at_nine_on_the_wall_also_when_the_clocks_went_forward() {
    let scene = scene!(platform);
    // Bob Wilson's week from March 15, Alice Brown's from the 22nd; the clocks go forward on the 28th, so that the next
    // handover, at nine in Vienna, is at 07:00 UTC and no more at 08:00.
    reach(&scene, "2027-03-22T07:54:00Z");
    assert_eq!(called_next(&scene).await, [PHONES[2]], "08:59 in winter");
    reach(&scene, "2027-03-22T08:00:00Z");
    assert_eq!(called_next(&scene).await, [PHONES[3]], "09:05");
    reach(&scene, "2027-03-29T06:54:00Z");
    assert_eq!(called_next(&scene).await, [PHONES[3]], "08:59 in summer");
    reach(&scene, "2027-03-29T07:00:00Z");
    assert_eq!(called_next(&scene).await, [PHONES[2]], "09:05");
}

#[tokio::test]
async fn whoever_stands_in_is_called_in_the_others_place() {
    let scene = scene!(platform);
    reach(&scene, "2027-03-23T12:00:00Z");
    let now = scene.desk.clock().now();
    let instead = Command::OverrideOnCall {
        id: "swap".into(),
        rotation: "platform".into(),
        person: "CTO".into(),
        from: now,
        until: now.plus(Span::secs(3600)),
        reason: "Dentist".into(),
    };
    ask(&scene.desk, instead).await.unwrap();
    assert_eq!(called_next(&scene).await, [PHONES[0]]);
    scene.house.wait(Span::secs(3600));
    assert_eq!(called_next(&scene).await, [PHONES[3]], "and no longer");
}

#[tokio::test]
async fn an_update_that_is_overdue_reaches_whoever_writes_it_and_those_who_lead() {
    let scene = scene!();
    let incident = scene.declare(Severity::Sev2).await;
    scene.acknowledge(&incident).await;
    for (role, person) in [
        (IncidentRole::IncidentCommander, "John Smith"),
        (IncidentRole::Communications, "Alice Brown"),
    ] {
        let command = Command::AssignRole {
            incident: incident.clone(),
            role,
            person: person.into(),
        };
        ask(&scene.desk, command).await.unwrap();
    }
    scene.settled(&incident).await;
    scene.forget().await;
    scene.house.wait(Span::secs(15 * 60));
    let due = scene.until(2).await;
    assert_eq!(due, once(&[MAILS[3], "sms +15550004"]));
    // The clock must not leap past the lease of a mail whose taking is not written down yet: it would be sent again.
    scene.settled(&incident).await;
    scene.forget().await;
    scene.house.wait(Span::secs(15 * 60));
    let overdue = scene.until(4).await;
    assert_eq!(
        overdue,
        once(&[MAILS[0], MAILS[3], "sms +15550001", "sms +15550004"])
    );
}
