//! The promises of the channels, each against the laboratory's provider: what it accepted is what reached the person.

#![allow(
    clippy::unwrap_used,
    reason = "a test whose surroundings cannot be made has failed"
)]

mod asked;
mod outside;

use domain::{Span, plan::Channel};
use engine::channels::{Message, Outcome};
use futures::future::join_all;
use outside::{EACH, Outside, message, plan};

/// The laboratory, or no test.
macro_rules! outside {
    () => {
        match Outside::begin().await {
            Some(outside) => outside,
            None => return,
        }
    };
}

#[tokio::test]
async fn each_channel_reaches_its_provider_with_what_it_has_to_say() {
    let outside = outside!();
    let channels = outside.channels();
    let title = "Orders are <not> taken & nobody knows why";
    for (channel, sink, to) in EACH {
        let outcome = channels.send(&message(channel, to)).await;
        let delivered = matches!(
            channel,
            Channel::Slack | Channel::Webhook | Channel::Pagerduty
        );
        match outcome {
            Outcome::Delivered { .. } if delivered => {}
            Outcome::Sent { .. } if !delivered => {}
            other => panic!("{channel:?}: {other:?}"),
        }
        let got = &outside.received(sink, 1).await[0];
        let all = got.to_string();
        assert!(
            all.contains("INC-2026-014") || channel == Channel::Phone,
            "{channel:?}: {all}"
        );
        assert_eq!(got["fault"], serde_json::Value::Null);
        match channel {
            Channel::Email => {
                assert_eq!(got["to"][0], "dba@sentia.com");
                assert_eq!(got["subject"], format!("[SEV1] INC-2026-014 {title}"));
                assert_eq!(got["detail"]["tls"], true);
                assert_eq!(got["detail"]["user"], "muster");
            }
            Channel::Sms => assert!(
                got["text"]
                    .as_str()
                    .unwrap()
                    .starts_with(&format!("SEV1 INC-2026-014: {title}."))
            ),
            Channel::Slack => assert!(
                got["text"]
                    .as_str()
                    .unwrap()
                    .contains("Orders are &lt;not&gt; taken &amp; nobody knows why"),
                "{got}"
            ),
            Channel::Pagerduty => assert_eq!(got["key"], "INC-2026-014"),
            Channel::Webhook => assert_eq!(got["key"], "msg_1042-3"),
            Channel::Phone | Channel::Teams => {}
        }
    }
}

#[tokio::test]
async fn a_call_is_heard_as_it_is_meant() {
    let outside = outside!();
    let sent = outside
        .channels()
        .send(&message(Channel::Phone, "+15550003"))
        .await;
    let Outcome::Sent {
        provider_id: Some(sid),
    } = sent
    else {
        panic!("{sent:?}");
    };
    assert!(sid.starts_with("CA"), "{sid}");
    let said = outside
        .ask(
            reqwest::Method::GET,
            "/control/happened?kind=said&wait_ms=10000",
            None,
        )
        .await;
    let said = said.to_string();
    assert!(said.contains("This is Muster. A severity 1 incident was declared 3 minutes ago: Orders are <not> taken & nobody knows why."), "{said}");
    assert!(said.contains("Press 1 to acknowledge"), "{said}");
}

/// The outcome of each channel whose provider fails in this way once, and how much that provider kept.
async fn with_fault(outside: &Outside, kind: &str) -> Vec<(Channel, Outcome, usize)> {
    let channels = outside.channels();
    let each = EACH.map(|(channel, sink, to)| {
        let channels = channels.clone();
        async move {
            let before = outside.kept(sink).await;
            outside.fault(sink, kind).await;
            let outcome = channels.send(&message(channel, to)).await;
            (channel, outcome, outside.kept(sink).await - before)
        }
    });
    join_all(each).await
}

#[tokio::test]
async fn what_is_refused_for_good_is_never_and_says_why() {
    let outside = outside!();
    for (channel, outcome, kept) in with_fault(&outside, "reject").await {
        let Outcome::Never { why } = &outcome else {
            panic!("{channel:?}: {outcome:?}");
        };
        let says = match channel {
            Channel::Email => "550 5.1.1 There is no such mailbox",
            Channel::Phone | Channel::Sms => "21211: The 'To' number is not a valid phone number.",
            Channel::Slack => "no_service",
            Channel::Webhook => "410: gone",
            Channel::Teams => "403: forbidden",
            Channel::Pagerduty => "400",
        };
        assert!(why.contains(says), "{channel:?}: {why}");
        assert_eq!(kept, 0, "{channel:?}");
    }
}

#[tokio::test]
async fn a_provider_that_asks_to_wait_is_given_the_time_it_names() {
    let outside = outside!();
    for (channel, outcome, kept) in with_fault(&outside, "rate_limit").await {
        let Outcome::Later { after, why } = &outcome else {
            panic!("{channel:?}: {outcome:?}");
        };
        match channel {
            Channel::Email => assert!(after.is_none() && why.starts_with("450"), "{why}"),
            _ => assert_eq!(*after, Some(Span::secs(2)), "{channel:?}: {why}"),
        }
        assert_eq!(kept, 0, "{channel:?}");
    }
}

#[tokio::test]
async fn what_certainly_was_not_taken_is_tried_later() {
    let outside = outside!();
    for (channel, outcome, kept) in with_fault(&outside, "error_500").await {
        assert!(
            matches!(outcome, Outcome::Later { .. }),
            "{channel:?}: {outcome:?}"
        );
        assert_eq!(kept, 0, "{channel:?}");
    }
}

#[tokio::test]
async fn what_broke_after_it_was_taken_is_doubtful_and_known_by_the_same_name_the_next_time() {
    let outside = outside!();
    for (channel, outcome, kept) in with_fault(&outside, "reset_after_accept").await {
        assert!(
            matches!(outcome, Outcome::Doubtful { .. }),
            "{channel:?}: {outcome:?}"
        );
        assert_eq!(kept, 1, "{channel:?}: it was taken");
    }
    let channels = outside.channels();
    for (channel, sink, to) in EACH {
        let again = Message {
            attempt: 2,
            ..message(channel, to)
        };
        let outcome = channels.send(&again).await;
        assert!(outcome.why().is_empty(), "{channel:?}: {outcome:?}");
        let both = outside.received(sink, 2).await;
        if !matches!(channel, Channel::Slack | Channel::Teams) {
            assert!(
                both[0]["key"].is_string() && both[0]["key"] == both[1]["key"],
                "{channel:?}: {both:#?}"
            );
        }
    }
}

#[tokio::test]
async fn a_broken_connection_is_never_taken_for_success_or_for_a_wrong_address() {
    let outside = outside!();
    for kind in ["refuse", "drop"] {
        for (channel, outcome, kept) in with_fault(&outside, kind).await {
            assert!(
                matches!(outcome, Outcome::Later { .. } | Outcome::Doubtful { .. }),
                "{kind}, {channel:?}: {outcome:?}"
            );
            assert_eq!(kept, 0, "{kind}, {channel:?}");
        }
    }
}

#[tokio::test]
async fn a_slow_provider_is_waited_for() {
    let outside = outside!();
    for (channel, outcome, kept) in with_fault(&outside, "slow").await {
        assert!(outcome.why().is_empty(), "{channel:?}: {outcome:?}");
        assert_eq!(kept, 1, "{channel:?}");
    }
}

#[tokio::test]
async fn a_provider_that_never_answers_is_waited_for_fifteen_seconds_and_no_longer() {
    let outside = outside!();
    let begun = std::time::Instant::now();
    for (channel, outcome, kept) in with_fault(&outside, "hang").await {
        match (channel, &outcome) {
            (Channel::Email, Outcome::Later { .. }) => {}
            (_, Outcome::Doubtful { why }) => assert_eq!(why, "no answer within 15 s"),
            _ => panic!("{channel:?}: {outcome:?}"),
        }
        assert_eq!(kept, 0, "{channel:?}");
    }
    let took = begun.elapsed().as_secs();
    assert!((15..40).contains(&took), "{took} s");
}

#[tokio::test]
async fn mail_connections_are_kept_and_one_that_died_meanwhile_costs_no_mail() {
    let mut outside = outside!();
    let channels = outside.channels();
    let mail = message(Channel::Email, "dba@sentia.com");
    for _ in 0..3 {
        let outcome = channels.send(&mail).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }
    outside.again().await;
    let outcome = channels.send(&mail).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    assert_eq!(outside.kept("smtp").await, 4);
}

#[tokio::test]
async fn a_wrong_password_is_ours_to_mend_and_a_wrong_mailbox_is_not() {
    let outside = outside!();
    let wrong = outside.channels_of(&plan(), |name, value| match name {
        "MUSTER_SMTP_URL" => Some(value.replace("muster:", "muster:not%40")),
        "MUSTER_TWILIO_TOKEN" => Some("not-the-token".into()),
        _ => Some(value),
    });
    for (channel, to) in [
        (Channel::Email, "dba@sentia.com"),
        (Channel::Phone, "+15550003"),
    ] {
        let outcome = wrong.send(&message(channel, to)).await;
        let Outcome::Later { why, .. } = &outcome else {
            panic!("{channel:?}: {outcome:?}");
        };
        assert!(why.contains("535") || why.contains("20003"), "{why}");
    }
    let nowhere = outside
        .channels()
        .send(&message(Channel::Email, "dba@sentia.invalid"))
        .await;
    assert!(matches!(nowhere, Outcome::Never { .. }), "{nowhere:?}");
    assert_eq!(outside.kept("smtp").await, 0);
}

#[tokio::test]
async fn without_its_authority_the_mail_server_is_not_trusted_with_anything() {
    let outside = outside!();
    let channels = outside.channels_of(&plan(), |name, value| {
        (name != "MUSTER_SMTP_CA").then_some(value)
    });
    let outcome = channels
        .send(&message(Channel::Email, "dba@sentia.com"))
        .await;
    let Outcome::Later { why, .. } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(why.contains("certificate"), "{why}");
    assert_eq!(outside.kept("smtp").await, 0);
}

#[tokio::test]
async fn what_is_not_set_is_not_connected_and_each_message_says_so() {
    let outside = outside!();
    let channels = outside.channels_of(&plan(), |_, _| None);
    let connections = channels.connections();
    assert_eq!(connections.len(), 7);
    for connection in &connections {
        let trouble = connection.trouble.as_deref().unwrap_or_default();
        assert!(
            trouble.starts_with("MUSTER_") && trouble.ends_with(" is not set"),
            "{connection:?}"
        );
    }
    for (channel, _, to) in EACH {
        let outcome = channels.send(&message(channel, to)).await;
        let Outcome::Later { why, .. } = &outcome else {
            panic!("{channel:?}: {outcome:?}");
        };
        assert!(why.contains("is not connected: MUSTER_"), "{why}");
    }
    assert!(
        outside
            .channels()
            .connections()
            .iter()
            .all(|c| c.trouble.is_none())
    );
}

#[tokio::test]
async fn nothing_is_sent_inside_unless_the_plan_means_it_and_nothing_follows_an_answer_elsewhere() {
    let outside = outside!();
    let mut open = plan();
    open.channels.phone.as_mut().unwrap().internal = false;
    open.channels.slack[0].internal = false;
    open.channels.webhooks[0].internal = false;
    open.channels.teams[0].internal = false;
    open.channels.pagerduty[0].internal = false;
    let by_name = |value: String| value.replace("127.0.0.1", "localhost");
    for channels in [
        outside.channels_of(&open, |_, value| Some(value)),
        outside.channels_of(&open, |_, value| Some(by_name(value))),
    ] {
        for (channel, sink, to) in EACH.into_iter().skip(1) {
            let outcome = channels.send(&message(channel, to)).await;
            let Outcome::Never { why } = &outcome else {
                panic!("{channel:?}: {outcome:?}");
            };
            assert!(why.contains("write `internal: true`"), "{why}");
            assert_eq!(outside.kept(sink).await, 0, "{channel:?}");
        }
    }

    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", elsewhere.local_addr().unwrap());
    let leads = format!("{}/hook/muster", outside.url);
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = elsewhere.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let answer = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: {leads}\r\ncontent-length: 0\r\n\r\n"
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    });
    let channels = outside.channels_of(&plan(), |name, value| match name {
        "MUSTER_WEBHOOK_URL" => Some(url.clone()),
        _ => Some(value),
    });
    let outcome = channels
        .send(&message(Channel::Webhook, "operations"))
        .await;
    assert!(
        matches!(&outcome, Outcome::Never { why } if why.contains("307")),
        "{outcome:?}"
    );
    assert_eq!(outside.kept("hook").await, 0);
}

#[tokio::test]
async fn no_address_of_a_provider_and_no_secret_is_ever_said() {
    let outside = outside!();
    let elsewhere = |name: &str, value: String| match name {
        "MUSTER_SMTP_CA" => Some(value),
        name if name.ends_with("_URL") || name.ends_with("_WEBHOOK") => {
            Some(value.replace("127.0.0.1", "nowhere.invalid"))
        }
        _ => Some(value),
    };
    let channels = outside.channels_of(&plan(), elsewhere);
    for (channel, _, to) in EACH {
        let outcome = channels.send(&message(channel, to)).await;
        assert!(
            matches!(outcome, Outcome::Later { .. }),
            "{channel:?}: {outcome:?}"
        );
        let says = format!("{outcome:?}");
        for (name, value) in &outside.env {
            assert!(
                !says.contains(value.as_str()),
                "{channel:?} says {name}: {says}"
            );
        }
        assert!(
            !says.contains("/slack/") && !says.contains("/hook/"),
            "{says}"
        );
    }
}
