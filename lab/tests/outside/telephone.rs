//! Calls and messages, in Twilio's words.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{Outside, Sender};

const QUESTION: &str = "<Response><Gather numDigits=\"1\" action=\"/digit?call=7\"><Say>SEV1: orders fail. Press 1.</Say>\
                        </Gather><Say>Goodbye.</Say></Response>";

#[tokio::test]
async fn a_call_is_heard_answered_with_a_digit_and_told_of_signed() {
    let outside = Outside::start().await;
    let mut muster = Sender::listen(QUESTION).await;
    let (url, callback) = (
        format!("{}/twiml?call=7", muster.url),
        format!("{}/status", muster.url),
    );
    let call = [
        ("To", "+4930123456"),
        ("From", "+15005550006"),
        ("Url", url.as_str()),
        ("StatusCallback", callback.as_str()),
        ("StatusCallbackEvent", "initiated ringing"),
        ("StatusCallbackEvent", "answered"),
        ("StatusCallbackEvent", "completed"),
    ];
    let answer = outside.order("Calls", &call).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let order: Value = answer.json().await.unwrap();
    assert_eq!(order["status"], "queued");
    let number = outside.received("sink=phone").await[0]["number"]
        .as_u64()
        .unwrap();

    let token = &outside.env["MUSTER_TWILIO_TOKEN"];
    for (path, status) in [
        ("/status", "initiated"),
        ("/status", "ringing"),
        ("/status", "in-progress"),
        ("/twiml?call=7", "in-progress"),
    ] {
        let told = muster.next().await;
        assert!(told.is_from_twilio(token), "{told:?}");
        assert!(told.url.ends_with(path), "{told:?}");
        assert_eq!(told.form()["CallStatus"], status);
        assert_eq!(told.form()["CallSid"], order["sid"].as_str().unwrap());
    }
    let said = outside.happened(number, "said", 1).await;
    assert_eq!(said[0]["detail"]["words"], "SEV1: orders fail. Press 1.");

    let press = json!({ "number": number, "digit": "1" });
    let (status, answer) = outside
        .command(Method::POST, "/control/press", press.clone())
        .await;
    assert_eq!(
        (status, &answer["status"]),
        (StatusCode::OK, &json!(200)),
        "{answer}"
    );
    let told = muster.next().await;
    assert!(told.is_from_twilio(token));
    assert!(told.url.ends_with("/digit?call=7"));
    assert_eq!(told.form()["Digits"], "1");

    // The answer to the digit asks again: this person hangs up, and nobody can press any more.
    let (status, _) = outside.command(Method::POST, "/control/press", press).await;
    assert_eq!(status, StatusCode::OK);
    let uri = order["uri"].as_str().unwrap();
    let sid = &outside.env["MUSTER_TWILIO_SID"];
    let now = outside
        .request(Method::GET, uri)
        .basic_auth(sid, Some(token));
    let now: Value = now.send().await.unwrap().json().await.unwrap();
    assert_eq!(now["status"], "in-progress");
}

#[tokio::test]
async fn a_telephone_does_what_it_was_told_to_do() {
    let outside = Outside::start().await;
    let mut muster = Sender::listen("<Response/>").await;
    let callback = format!("{}/status", muster.url);
    let action = format!("{}/digit", muster.url);
    let twiml =
        format!("<Response><Gather action=\"{action}\"><Say>Press.</Say></Gather></Response>");
    for (index, (call, last, digits)) in [
        ("press", "completed", Some("2")),
        ("hang_up", "completed", None),
        ("busy", "busy", None),
        ("no_answer", "no-answer", None),
        ("failed", "failed", None),
    ]
    .into_iter()
    .enumerate()
    {
        let to = format!("+49301234{index}");
        let phone = json!({ "to": to, "call": call, "digit": "2" });
        let (status, _) = outside.command(Method::PUT, "/control/phones", phone).await;
        assert_eq!(status, StatusCode::OK);
        let form = [
            ("To", to.as_str()),
            ("From", "+15005550006"),
            ("Twiml", twiml.as_str()),
            ("StatusCallback", callback.as_str()),
        ];
        outside.order("Calls", &form).send().await.unwrap();
        if let Some(digits) = digits {
            assert_eq!(muster.next().await.form()["Digits"], digits, "{call}");
        }
        // No event was named: the end is what the sender is told.
        let told = muster.next().await;
        assert_eq!(told.form()["CallStatus"], last, "{call}");
        let query = format!("sink=phone&to=%2B49301234{index}");
        let number = outside.received(&query).await[0]["number"]
            .as_u64()
            .unwrap();
        let over = json!({ "number": number, "digit": "1" });
        let (status, _) = outside.command(Method::POST, "/control/press", over).await;
        assert_eq!(status, StatusCode::CONFLICT, "{call}");
    }
}

#[tokio::test]
async fn a_message_is_told_of_until_it_is_delivered_or_is_not() {
    let outside = Outside::start().await;
    let mut muster = Sender::listen("").await;
    let callback = format!("{}/status", muster.url);
    let send = |to: &'static str| {
        let form = [
            ("To", to),
            ("From", "+15005550006"),
            ("Body", "SEV1: orders fail"),
            ("StatusCallback", callback.as_str()),
        ];
        outside.order("Messages", &form).send()
    };
    let gone = json!({ "to": "+4930222222", "message": "undelivered" });
    outside.command(Method::PUT, "/control/phones", gone).await;
    for (to, last, code) in [
        ("+4930111111", "delivered", None),
        ("+4930222222", "undelivered", Some("30003")),
    ] {
        assert_eq!(send(to).await.unwrap().status(), StatusCode::CREATED);
        for status in ["sent", last] {
            let told = muster.next().await;
            assert!(told.is_from_twilio(&outside.env["MUSTER_TWILIO_TOKEN"]));
            assert_eq!(told.form()["MessageStatus"], status);
            let expected = code.filter(|_| status == last);
            assert_eq!(told.form().get("ErrorCode").map(String::as_str), expected);
        }
    }

    // Callbacks that come twice, and callbacks that never come.
    outside
        .fault(json!({ "sink": "sms", "kind": "repeat_callbacks", "times": 1 }))
        .await;
    send("+4930111111").await.unwrap();
    for status in ["sent", "sent", "delivered", "delivered"] {
        assert_eq!(muster.next().await.form()["MessageStatus"], status);
    }
    outside
        .fault(json!({ "sink": "sms", "kind": "drop_callbacks", "times": 1 }))
        .await;
    send("+4930111111").await.unwrap();
    let number = outside.received("sink=sms").await[3]["number"]
        .as_u64()
        .unwrap();
    let statuses = outside.happened(number, "status", 2).await;
    assert_eq!(statuses[1]["detail"]["status"], "delivered");
    assert!(muster.told.try_recv().is_err());
}

#[tokio::test]
async fn the_telephone_company_refuses_strangers_and_wrong_numbers() {
    let outside = Outside::start().await;
    for (to, body, code) in [
        ("030123456", "SEV1", 21211),
        ("+49 30 123", "SEV1", 21211),
        ("+4930123456", "", 21602),
    ] {
        let form = [("To", to), ("From", "+15005550006"), ("Body", body)];
        let answer = outside.order("Messages", &form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], code, "{to}");
    }
    let sid = &outside.env["MUSTER_TWILIO_SID"];
    let form = [
        ("To", "+4930123456"),
        ("From", "+15005550006"),
        ("Body", "SEV1"),
    ];
    let stranger = outside
        .request(
            Method::POST,
            &format!("/2010-04-01/Accounts/{sid}/Messages.json"),
        )
        .basic_auth(sid, Some("guessed"))
        .form(&form);
    let answer = stranger.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], 20003);
    assert!(outside.received("").await.is_empty());
}
