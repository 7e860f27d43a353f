//! Who is to be told is written with what they are to be told of, or neither is.

use crate::{house::*, on_both_engines};
use domain::{
    notify::{Cause, Delivery, Report, Via},
    plan::{Channel, Channels, channels},
    *,
};
use engine::{Beside, Desk, Request};
use store::{Notification, Told};

on_both_engines! {
    a_declaration_and_its_notifications_are_one_transaction
    nobodys_address_is_kept_of_what_reaches_nobody
    a_raise_lets_out_what_was_held
    who_knows_is_known_after_a_restart_and_by_every_node
    what_became_of_them_is_told_with_the_rows_that_say_so
    an_incident_of_before_waits_for_nobody
}

/// The small plan with a mail server and a telephone.
pub async fn desk(house: &House) -> Desk {
    let desk = house.node("here").await;
    let mut plan = plan();
    plan.channels = Channels {
        email: Some(channels::Email {
            url_env: "SMTP_URL".into(),
            ca_env: None,
            from: "muster@example.com".into(),
            reply_to: None,
            bounces: None,
        }),
        phone: Some(channels::Phone {
            url_env: Some("TWILIO_URL".into()),
            account_env: "TWILIO_ACCOUNT".into(),
            token_env: "TWILIO_TOKEN".into(),
            from_env: "TWILIO_FROM".into(),
            sms_from_env: None,
            internal: false,
        }),
        ..Channels::default()
    };
    put_in_force(&desk, plan).await;
    desk
}

async fn rows(desk: &Desk, incident: &Number) -> Vec<Notification> {
    let rows = desk.store().notifications_of(incident.as_str(), 0, 100);
    rows.await.unwrap()
}

fn told(rows: &[Notification]) -> Vec<(String, String, Option<String>)> {
    rows.iter()
        .map(|n| (n.channel.clone(), n.person.clone(), n.address.clone()))
        .collect()
}

async fn a_declaration_and_its_notifications_are_one_transaction(house: &House) {
    let desk = desk(house).await;
    let mut queued = desk.watch_queued();
    queued.mark_unchanged();
    let incident = declared(&desk, "Orders are failing").await;
    assert!(queued.has_changed().unwrap(), "the outbox is woken");
    let rows = rows(&desk, &incident).await;
    let some = |s: &str| Some(s.to_owned());
    assert_eq!(
        told(&rows),
        [
            ("phone".into(), "John Smith".into(), some("+15550001")),
            ("phone".into(), "Jane Doe".into(), some("+15550002")),
            ("email".into(), "John Smith".into(), some("cto@example.com")),
            (
                "email".into(),
                "Jane Doe".into(),
                some("devops@example.com")
            ),
        ]
    );
    let now = desk.clock().now().0;
    let seq = desk.world().seq;
    assert!(
        rows.iter().enumerate().all(|(n, row)| {
            row.id == format!("{seq}.{n}")
                && row.about == seq as i64 - 1
                && row.cause == "declared"
                && row.state == "pending"
                && row.next_at == Some(now)
                && row.due == now
        }),
        "{rows:?}"
    );

    // What is refused leaves no row, and what is asked for twice under one key leaves its rows once.
    let bad = ask(&desk, update(&incident, "")).await;
    assert_eq!(why(bad), Why::Invalid);
    for _ in 0..2 {
        let request = Request::new(&jane(), update(&incident, "We know the cause.")).key("k");
        desk.execute(request).await.unwrap();
    }
    let rows = self::rows(&desk, &incident).await;
    let updates: Vec<_> = rows.iter().filter(|n| n.cause == "update").collect();
    assert_eq!(updates.len(), 2, "by mail, to each once");
    house.verified().await;
}

async fn nobodys_address_is_kept_of_what_reaches_nobody(house: &House) {
    let desk = desk(house).await;
    let Command::Declare {
        title,
        severity,
        affected,
        ..
    } = declare("Orders are failing")
    else {
        unreachable!()
    };
    for (kind, quiet) in [
        (Kind::Drill, false),
        (Kind::Backfilled, false),
        (Kind::Real, true),
    ] {
        let command = Command::Declare {
            title: title.clone(),
            severity,
            affected: affected.clone(),
            kind,
            public: false,
            quiet,
            occurred_at: (kind == Kind::Backfilled).then(|| desk.clock().now()),
        };
        let incident = ask(&desk, command).await.unwrap().incident.unwrap();
        ask(&desk, update(&incident, "We look.")).await.unwrap();
        ask(&desk, resolve(&incident)).await.unwrap();
        ask(&desk, reopen(&incident)).await.unwrap();
        let rows = rows(&desk, &incident).await;
        assert_eq!(rows.len(), 12, "they are listed, with the reason");
        for row in rows {
            assert_eq!(
                (row.address, row.next_at, row.state.as_str()),
                (None, None, "suppressed")
            );
            assert!(!row.why.is_empty());
        }
    }
    for channel in ["phone", "email"] {
        assert_eq!(desk.store().next_due(channel).await.unwrap(), None);
    }
}

async fn a_raise_lets_out_what_was_held(house: &House) {
    let desk = house.node("here").await;
    let mut plan = plan();
    plan.channels.email = Some(channels::Email {
        url_env: "SMTP_URL".into(),
        ca_env: None,
        from: "muster@example.com".into(),
        reply_to: None,
        bounces: None,
    });
    // It is afternoon.
    plan.contacts.emergency[1].quiet_hours = Some(domain::plan::QuietHours {
        from: "00:00".parse().unwrap(),
        until: "23:59".parse().unwrap(),
    });
    put_in_force(&desk, plan).await;
    let Command::Declare {
        title, affected, ..
    } = declare("Orders are failing")
    else {
        unreachable!()
    };
    let command = Command::Declare {
        title,
        severity: Severity::Sev2,
        affected,
        kind: Kind::Real,
        public: true,
        quiet: false,
        occurred_at: None,
    };
    let incident = ask(&desk, command).await.unwrap().incident.unwrap();
    let held = rows(&desk, &incident).await.remove(0);
    let due = desk.clock().now().plus(Span::secs(900)).0;
    assert_eq!(
        (held.state.as_str(), held.next_at),
        ("held", Some(due)),
        "until it is due"
    );
    house.wait(Span::secs(60));
    let raise = Command::ChangeSeverity {
        incident: incident.clone(),
        severity: Severity::Sev1,
        reason: String::new(),
    };
    ask(&desk, raise).await.unwrap();
    let rows = rows(&desk, &incident).await;
    let now = desk.clock().now().0;
    assert_eq!(
        (rows[0].state.as_str(), rows[0].next_at),
        ("pending", Some(now))
    );
    assert_eq!(rows[0].severity.as_deref(), Some("SEV1"));
    let new: Vec<_> = rows[1..]
        .iter()
        .filter(|n| n.address.is_some())
        .map(|n| n.person.as_str())
        .collect();
    assert_eq!(new, ["John Smith"], "only who was not told");
}

async fn who_knows_is_known_after_a_restart_and_by_every_node(house: &House) {
    let here = desk(house).await;
    let there = house.node("there").await;
    let incident = declared(&here, "Orders are failing").await;
    let acknowledge = Command::Acknowledge {
        incident: incident.clone(),
        via: Via::Page,
    };
    let receipt = ask(&here, acknowledge.clone()).await.unwrap();
    assert_eq!(
        ask(&here, acknowledge).await.unwrap().seq,
        0,
        "she said so already"
    );
    let instead = Command::TestContact {
        person: "CTO".into(),
        channel: Channel::Phone,
        address_digest: "d1".into(),
    };
    let receipt = ask(&here, instead).await.unwrap().seq.max(receipt.seq);
    let known = here.world();
    let seen = caught_up(&there, receipt).await;
    assert_eq!(seen.comms, known.comms);
    assert_eq!(seen.verified, known.verified);
    assert_eq!(known.comms[&incident].acknowledged[0].person, "Jane Doe");
    ask(&here, resolve(&incident)).await.unwrap();
    drop((here, there));

    let desk = house.node("here").await;
    assert!(
        desk.world().comms.is_empty(),
        "what is closed stays in the database"
    );
    assert_eq!(desk.world().verified, known.verified);
    ask(&desk, reopen(&incident)).await.unwrap();
    assert_eq!(
        desk.world().comms[&incident],
        house.replay().await.comms[&incident]
    );
    let again = Command::Acknowledge {
        incident: incident.clone(),
        via: Via::Page,
    };
    assert_ne!(ask(&desk, again).await.unwrap().seq, 0, "it is asked anew");
}

async fn what_became_of_them_is_told_with_the_rows_that_say_so(house: &House) {
    let desk = desk(house).await;
    let incident = declared(&desk, "Orders are failing").await;
    let row = rows(&desk, &incident).await.remove(0);
    let delivered = Notification {
        state: "delivered".into(),
        next_at: None,
        untold: true,
        delivered_at: Some(desk.clock().now().0),
        ..row.clone()
    };
    assert!(
        desk.store()
            .receive(&[("pending", &delivered)])
            .await
            .unwrap()[0]
    );
    let report = Command::ReportNotifications {
        incident: incident.clone(),
        results: vec![Report {
            id: row.id.clone(),
            person: row.person.clone(),
            channel: Channel::Phone,
            state: Delivery::Delivered,
            at: desk.clock().now(),
            why: String::new(),
        }],
    };
    let beside = || Beside {
        told: vec![Told {
            id: row.id.clone(),
            state: "delivered".into(),
        }],
        ..Beside::default()
    };
    let tell = async || {
        let request = Request::new(&worker(), report.clone()).beside(beside());
        desk.execute(request).await.unwrap().seq
    };
    assert_ne!(tell().await, 0);
    assert!(desk.store().untold(0, 10).await.unwrap().is_empty());
    assert_eq!(tell().await, 0, "it is no news");
    let told = desk.world().comms[&incident]
        .told(Channel::Phone, &row.person)
        .cloned()
        .unwrap();
    assert_eq!(
        (told.state, told.cause),
        (Delivery::Delivered, Cause::Declared)
    );
    house.verified().await;
}

async fn an_incident_of_before_waits_for_nobody(house: &House) {
    let desk = desk(house).await;
    let incident = declared(&desk, "Orders are failing").await;
    drop(desk);
    // As a version without notifications left it.
    let gone = "DELETE FROM projection WHERE kind = 'comms'";
    house.database.execute(gone).await.unwrap();
    let desk = house.node("here").await;
    let world = desk.world();
    let timers = notify::timers(&world, &desk.plan().plan, &world.incidents[&incident]);
    assert!(
        !timers
            .iter()
            .any(|t| matches!(t.command, Command::Escalate { .. })),
        "{timers:?}"
    );
    let acknowledge = Command::Acknowledge {
        incident,
        via: Via::Page,
    };
    ask(&desk, acknowledge).await.unwrap();
}
