use super::*;
use crate::channels::samples::{CAUSES, brief, message, words};
use domain::plan::Channel;
use mail_parser::{HeaderValue as Parsed, MessageParser, MimeHeaders};
use proptest::prelude::*;

fn write(message: &Message) -> String {
    let from: Mailbox = "CapLiquify Incidents <incidents@sentia.com>"
        .parse()
        .unwrap();
    let reply_to: Mailbox = "devops@sentia.com".parse().unwrap();
    let letter = Letter {
        from: &from,
        reply_to: Some(&reply_to),
        to: "dba@example.com".parse().unwrap(),
        organization: "CapLiquify Manufacturing Platform",
    };
    letter.write(message, &words().said(message)).unwrap()
}

fn declared() -> Message {
    message(Channel::Email, Cause::Declared)
}

#[test]
fn a_declared_sev1_is_told_whole_in_text_and_in_html() {
    let raw = write(&declared());
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(
        mail.subject(),
        Some("[SEV1] INC-2026-014 Manufacturing database does not take orders")
    );
    let to = mail.to().and_then(|to| to.first()).unwrap();
    assert_eq!(
        (to.name(), to.address()),
        (Some("Bob Wilson"), Some("dba@example.com"))
    );
    let text = mail.body_text(0).unwrap();
    let html = mail.body_html(0).unwrap();
    for fact in [
        "SEV1",
        "Critical",
        "Manufacturing database does not take orders",
        "Orders API, Manufacturing database",
        "2026-11-27 14:02 UTC (3 min ago)",
        "Jane Doe",
        "by 14:07 UTC",
        "https://muster.example.org/ack/AWkABCDEF",
        "https://muster.example.org/incidents/INC-2026-014",
    ] {
        assert!(text.contains(fact), "the text does not say {fact}:\n{text}");
        assert!(html.contains(fact), "the HTML does not say {fact}");
    }
    // Of HTML readers see the same part, with nothing fetched from anywhere.
    for fetched in ["src=", "url(", "@import", "<link", "<script", "<img"] {
        assert!(!html.contains(fetched), "{fetched}");
    }
    assert!(html.contains("prefers-color-scheme: dark"));
    assert!(
        mail.parts
            .iter()
            .all(|part| part.attachment_name().is_none())
    );
    assert!(raw.is_ascii(), "every server takes it as it is");
}

#[test]
fn a_second_try_is_the_same_mail_and_all_of_an_incident_are_one_conversation() {
    let parse = |raw: &str| {
        let mail = MessageParser::default().parse(raw).unwrap();
        let root = mail.references().as_text().map(str::to_owned);
        assert_eq!(mail.in_reply_to().as_text().map(str::to_owned), root);
        (mail.message_id().unwrap().to_owned(), root.unwrap())
    };
    let first = parse(&write(&declared()));
    let again = parse(&write(&Message {
        attempt: 2,
        doubt: Some(crate::channels::Doubt {
            since: crate::channels::samples::NOW,
            tries: 1..=1,
        }),
        now: crate::channels::samples::NOW.plus(domain::Span::secs(90)),
        ..declared()
    }));
    assert_eq!(first, again);
    let update = parse(&write(&Message {
        id: "1050.0".into(),
        ..message(Channel::Email, Cause::Update)
    }));
    assert_ne!(first.0, update.0);
    assert_eq!(first.1, update.1);
    assert!(first.0.ends_with("@sentia.com"), "{}", first.0);
}

#[test]
fn a_machine_says_that_it_is_one_and_names_its_list() {
    let raw = write(&declared());
    let mail = MessageParser::default().parse(&raw).unwrap();
    let header = |name| match mail.header(name) {
        Some(Parsed::Text(text)) => Some(text.trim().to_owned()),
        Some(Parsed::Address(list)) => list
            .first()
            .and_then(|a| a.address())
            .map(|a| format!("<{a}>")),
        other => other.map(|o| format!("{o:?}")),
    };
    assert_eq!(header("Auto-Submitted").as_deref(), Some("auto-generated"));
    assert_eq!(
        header("List-Id").as_deref(),
        Some("<tech.incidents.sentia.com>")
    );
    assert_eq!(header("Importance").as_deref(), Some("high"));
    assert_eq!(
        mail.reply_to()
            .and_then(|r| r.first())
            .and_then(|a| a.address()),
        Some("devops@sentia.com")
    );
    let update = write(&message(Channel::Email, Cause::Update));
    let update = MessageParser::default().parse(&update).unwrap();
    assert!(
        update.header("Importance").is_none(),
        "an update wakes nobody"
    );
}

#[test]
fn every_cause_has_a_mail_that_says_what_to_do() {
    for cause in CAUSES {
        let raw = write(&message(Channel::Email, cause));
        let mail = MessageParser::default().parse(&raw).unwrap();
        let text = mail.body_text(0).unwrap();
        assert!(
            !text.contains("{{") && !text.contains("  \n"),
            "{cause:?}:\n{text}"
        );
        let asks = !matches!(cause, Cause::Update | Cause::Resolved | Cause::Reminder);
        assert_eq!(text.contains("/ack/"), asks, "{cause:?}:\n{text}");
    }
}

#[test]
fn markup_in_a_title_is_text() {
    let mut message = declared();
    let markup = "<script>alert(1)</script> & \"<b>bold</b>\"";
    message.incident = Some(crate::channels::Brief {
        title: markup.into(),
        ..brief()
    });
    let raw = write(&message);
    let mail = MessageParser::default().parse(&raw).unwrap();
    let html = mail.body_html(0).unwrap();
    assert!(
        !html.contains("<script>") && !html.contains("<b>"),
        "{html}"
    );
    assert!(mail.subject().unwrap().ends_with(markup));
    assert!(mail.body_text(0).unwrap().contains(markup));
}

const TYPED: &str = "[\\x00-\\x7f\u{85}\u{a0}\u{2028}\u{202e}éß漢🚒]{0,120}|\\PC{0,60}|(\r\n)?Bcc: [a-z]{1,8}@example\\.com(\r\n){1,2}<b>x</b>";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn nothing_that_is_typed_makes_a_header_or_another_mail(title in TYPED, person in TYPED, commander in TYPED, update in TYPED, audience in TYPED, number in TYPED) {
        let mut message = message(Channel::Email, Cause::Update);
        message.person = person;
        message.audience = audience;
        message.text = update;
        message.incident = Some(crate::channels::Brief {
            title,
            number: number.as_str().into(),
            commander: Some(commander),
            ..brief()
        });
        let raw = write(&message).into_bytes();
        let mail = MessageParser::default().parse(&raw).unwrap();
        let mut names: Vec<String> = mail.headers().iter().map(|h| h.name().to_ascii_lowercase()).collect();
        names.sort();
        prop_assert_eq!(names, [
            "auto-submitted", "content-type", "date", "from", "in-reply-to", "list-id", "message-id", "mime-version",
            "references", "reply-to", "subject", "to", "x-auto-response-suppress", "x-muster-incident",
        ]);
        prop_assert_eq!(mail.parts.len(), 3);
        prop_assert_eq!(mail.to().map(|to| to.iter().count()), Some(1));
        prop_assert_eq!(mail.to().and_then(|to| to.first()).and_then(|a| a.address()), Some("dba@example.com"));
        prop_assert!(raw.is_ascii());
        prop_assert!(!raw.contains(&0));
        // No bare line breaks, by which servers disagree where a mail ends (SMTP smuggling).
        for (i, byte) in raw.iter().enumerate() {
            match byte {
                b'\n' => prop_assert!(i > 0 && raw[i - 1] == b'\r'),
                b'\r' => prop_assert!(raw.get(i + 1) == Some(&b'\n')),
                _ => {}
            }
        }
        let head = raw.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        prop_assert!(raw[..head].split(|b| *b == b'\n').all(|l| l.len() <= 998));
    }
}
