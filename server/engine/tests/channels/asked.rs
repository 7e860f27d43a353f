//! What broke on the telephone is asked about before it is sent again: what was taken is not sent twice, and what somebody
//! else's notification sent to the same number is never taken for ours.

use crate::outside::{Outside, message, now};
use domain::plan::Channel;
use engine::channels::{Channels, Doubt, Message, Outcome};

const TO: &str = "+15550003";

/// The second try of a notification whose first one is in doubt.
fn again(first: &Message) -> Message {
    Message {
        attempt: 2,
        doubt: Some(Doubt {
            since: first.now,
            tries: 1..=1,
        }),
        now: now(),
        ..first.clone()
    }
}

async fn send(channels: &Channels, message: &Message) -> String {
    match channels.send(message).await {
        Outcome::Sent {
            provider_id: Some(sid),
        } => sid,
        other => panic!("{other:?}"),
    }
}

const BOTH: [(Channel, &str, &str); 2] = [
    (Channel::Phone, "phone", "Calls"),
    (Channel::Sms, "sms", "Messages"),
];

#[tokio::test]
async fn what_was_taken_before_it_broke_is_not_sent_again() {
    let Some(outside) = Outside::begin().await else {
        return;
    };
    let channels = outside.channels();
    for (channel, sink, kind) in BOTH {
        outside.fault(sink, "reset_after_accept").await;
        let first = message(channel, TO);
        let broke = channels.send(&first).await;
        assert!(matches!(broke, Outcome::Doubtful { .. }), "{broke:?}");
        let sid = send(&channels, &again(&first)).await;
        assert_eq!(outside.had(kind, TO).await[0]["sid"], sid, "{channel:?}");
        assert_eq!(outside.kept(sink).await, 1, "{channel:?}");
    }
}

#[tokio::test]
async fn what_was_not_taken_is_sent_though_others_reached_the_same_number_meanwhile() {
    let Some(outside) = Outside::begin().await else {
        return;
    };
    let channels = outside.channels();
    for (channel, sink, _) in BOTH {
        outside.fault(sink, "drop").await;
        let first = message(channel, TO);
        let broke = channels.send(&first).await;
        assert!(matches!(broke, Outcome::Doubtful { .. }), "{broke:?}");
        // The same words to the same person, of another notification: only a call can be told apart by who it is of.
        let mut other = Message {
            id: "1042.30".into(),
            ..message(channel, TO)
        };
        if channel == Channel::Sms {
            other.acknowledge = Some("https://muster.example.org/ack/AWkGHIJKL".into());
        }
        let theirs = send(&channels, &other).await;
        let ours = send(&channels, &again(&first)).await;
        assert_ne!(ours, theirs, "{channel:?}");
        assert_eq!(outside.kept(sink).await, 2, "{channel:?}");
    }
}

#[tokio::test]
async fn a_call_that_nobody_answered_is_not_taken_for_the_next_one() {
    let Some(outside) = Outside::begin().await else {
        return;
    };
    let channels = outside.channels();
    let first = message(Channel::Phone, TO);
    let unanswered = send(&channels, &first).await;
    let third = Message {
        attempt: 3,
        doubt: Some(Doubt {
            since: first.now,
            tries: 2..=2,
        }),
        ..again(&first)
    };
    assert_ne!(send(&channels, &third).await, unanswered);
    assert_eq!(outside.kept("phone").await, 2);
}
