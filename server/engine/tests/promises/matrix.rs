//! The communication matrix, cell by cell.

use crate::{
    house::{ask, reopen, resolve, update},
    scene::{MAILS, PHONES, SLACK, once, scene},
};
use domain::*;
use std::collections::BTreeMap;

fn all(parts: &[&[&str]]) -> BTreeMap<String, usize> {
    once(&parts.concat())
}

#[tokio::test]
async fn declared_sev1_reaches_all_by_phone_mail_and_slack() {
    let scene = scene!();
    let incident = scene.declare(Severity::Sev1).await;
    let rows = scene.settled(&incident).await;
    assert_eq!(scene.reached().await, all(&[&PHONES, &MAILS, &[SLACK]]));
    let now = scene.desk.clock().now().0;
    assert!(
        rows.iter().all(|n| n.due == now && n.sent_at == Some(now)),
        "at once: {rows:#?}"
    );
    for entry in scene.accepted().await {
        if entry["sink"] == "smtp" {
            let subject = entry["subject"].as_str().unwrap();
            assert!(
                subject.contains("SEV1") && subject.contains(incident.as_str()),
                "{subject}"
            );
        }
        let said = entry.to_string();
        assert!(said.contains("Orders are not taken"), "{said}");
    }
}

#[tokio::test]
async fn declared_sev2_reaches_tech_and_management_by_mail_and_slack_within_15_minutes() {
    let scene = scene!();
    let incident = scene.declare(Severity::Sev2).await;
    let rows = scene.settled(&incident).await;
    assert_eq!(scene.reached().await, all(&[&MAILS, &[SLACK]]));
    for row in rows {
        let left = row.due - row.sent_at.unwrap();
        assert_eq!(left, 15 * 60 * 1_000_000, "not later than due: {row:?}");
    }
}

#[tokio::test]
async fn declared_sev3_reaches_the_tech_team_by_slack_within_the_hour() {
    let scene = scene!();
    let incident = scene.declare(Severity::Sev3).await;
    let rows = scene.settled(&incident).await;
    assert_eq!(scene.reached().await, once(&[SLACK]));
    assert_eq!(rows[0].due - rows[0].sent_at.unwrap(), 3600 * 1_000_000);
}

#[tokio::test]
async fn drills_backfilled_and_quiet_incidents_reach_nobody() {
    let scene = scene!();
    for (kind, quiet) in [
        (Kind::Drill, false),
        (Kind::Backfilled, false),
        (Kind::Real, true),
    ] {
        let incident = scene.declare_as(Severity::Sev1, kind, quiet).await;
        ask(&scene.desk, update(&incident, "We look."))
            .await
            .unwrap();
        ask(&scene.desk, resolve(&incident)).await.unwrap();
        ask(&scene.desk, reopen(&incident)).await.unwrap();
    }
    scene.house.wait(Span::secs(86_400));
    // What is real goes through the same queues, after all that.
    let real = scene.declare(Severity::Sev3).await;
    scene.settled(&real).await;
    assert_eq!(scene.reached().await, once(&[SLACK]));
}

#[tokio::test]
async fn raised_severity_reaches_those_who_were_not_reached_and_lowered_nobody() {
    let scene = scene!();
    let incident = scene.declare(Severity::Sev3).await;
    scene.settled(&incident).await;
    assert_eq!(scene.reached().await, once(&[SLACK]));
    scene.raise(&incident, Severity::Sev2).await;
    scene.settled(&incident).await;
    assert_eq!(scene.reached().await, all(&[&MAILS, &[SLACK]]));
    scene.raise(&incident, Severity::Sev1).await;
    scene.settled(&incident).await;
    let everybody = all(&[&PHONES, &MAILS, &[SLACK]]);
    assert_eq!(scene.reached().await, everybody);
    scene.raise(&incident, Severity::Sev3).await;
    scene.raise(&incident, Severity::Sev1).await;
    scene.settled(&incident).await;
    assert_eq!(scene.reached().await, everybody, "all of them know");
}

#[tokio::test]
async fn updates_and_the_resolution_reach_by_mail_and_slack_whoever_was_told() {
    let scene = scene!();
    let incident = scene.declare(Severity::Sev1).await;
    scene.settled(&incident).await;
    scene.forget().await;
    let word = "The primary is lost; we fail over.";
    ask(&scene.desk, update(&incident, word)).await.unwrap();
    scene.settled(&incident).await;
    let followers = all(&[&MAILS, &[SLACK]]);
    assert_eq!(
        scene.reached().await,
        followers,
        "nobody is called for an update"
    );
    let said = scene.accepted().await;
    assert!(
        said.iter().all(|e| e.to_string().contains(word)),
        "{said:#?}"
    );
    scene.forget().await;
    ask(&scene.desk, resolve(&incident)).await.unwrap();
    scene.settled(&incident).await;
    assert_eq!(scene.reached().await, followers);
    scene.forget().await;
    ask(&scene.desk, reopen(&incident)).await.unwrap();
    scene.settled(&incident).await;
    assert_eq!(
        scene.reached().await,
        all(&[&PHONES, &MAILS, &[SLACK]]),
        "it is not over: the whole row again"
    );
}

#[tokio::test]
async fn a_provider_that_refuses_is_asked_again_until_it_takes_it() {
    let scene = scene!();
    for sink in ["phone", "smtp", "slack"] {
        scene.fault(sink, "error_500", 2).await;
    }
    let incident = scene.declare(Severity::Sev1).await;
    let everybody = all(&[&PHONES, &MAILS, &[SLACK]]);
    // Two of each were refused, or the only one twice: a second, and two more.
    let mut waited = 0;
    while scene.reached().await != everybody {
        scene.house.wait(Span::secs(1));
        waited += 1;
        assert!(waited < 600, "{:?}", scene.reached().await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    scene.settled(&incident).await;
    assert_eq!(scene.reached().await, everybody, "each once");
}

#[tokio::test]
async fn a_provider_that_hangs_delays_no_other() {
    let scene = scene!();
    scene.fault("phone", "hang", 100).await;
    scene.declare(Severity::Sev1).await;
    assert_eq!(scene.until(5).await, all(&[&MAILS, &[SLACK]]));
}

#[tokio::test]
async fn a_call_that_was_taken_before_the_line_broke_is_not_made_twice() {
    let scene = scene!();
    scene.fault("phone", "reset_after_accept", 4).await;
    scene.fault("smtp", "reset_after_accept", 4).await;
    let incident = scene.declare(Severity::Sev1).await;
    scene.until(9).await;
    let mut open = 1;
    while open > 0 {
        scene.house.wait(Span::secs(1));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let rows = scene.rows(&incident).await;
        open = rows.iter().filter(|n| n.next_at.is_some()).count();
    }
    let accepted = scene.accepted().await;
    let of = |sink: &str| accepted.iter().filter(|e| e["sink"] == sink).count();
    assert_eq!(
        of("phone"),
        4,
        "the provider was asked before calling again"
    );
    // A mail server cannot be asked: the second one has the first one's name.
    let mails = accepted.iter().filter(|e| e["sink"] == "smtp");
    let names: std::collections::BTreeSet<_> = mails
        .map(|e| e["key"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), 4);
}
