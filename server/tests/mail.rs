//! Mail through a real mail server, and read back by a library that did not write it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "house/postfix.rs"]
mod postfix;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::MultiPart,
    transport::smtp::client::{Certificate, Tls, TlsParameters},
};
use mail_parser::{MessageParser, MimeHeaders};
use postfix::Postfix;

const ADA: &str = "ada@factory.example";
const MUSTER: &str = "muster@factory.example";

type Mailer = AsyncSmtpTransport<Tokio1Executor>;

fn mailer(postfix: &Postfix) -> Mailer {
    let authority = std::fs::read(postfix.authority()).unwrap();
    let tls = TlsParameters::builder("127.0.0.1".into())
        .add_root_certificate(Certificate::from_pem(&authority).unwrap())
        .build_rustls()
        .unwrap();
    let mailer = Mailer::from_url(&postfix.url()).unwrap();
    mailer.tls(Tls::Required(tls)).build()
}

fn mail(to: &str, id: &str) -> Message {
    let text = "Aufträge schlagen fehl – seit 12:00.\r\n.\r\n.. http://127.0.0.1/ack/k7Qm2\r\n";
    let html = "<p>Aufträge schlagen <b>fehl</b></p>";
    Message::builder()
        .from(format!("Muster <{MUSTER}>").parse().unwrap())
        .to(to.parse().unwrap())
        .subject("SEV1: Aufträge schlagen fehl")
        .message_id(Some(id.into()))
        .references("<incident-17@factory.example>".into())
        .multipart(MultiPart::alternative_plain_html(
            text.to_owned(),
            html.to_owned(),
        ))
        .unwrap()
}

#[tokio::test]
async fn a_mail_over_tls_lies_in_the_mailbox_and_reads_back_the_same() {
    let Some(postfix) = Postfix::start(&[ADA, MUSTER]).await else {
        return;
    };
    let sent = mail(ADA, "<n-1@factory.example>");
    mailer(&postfix).send(sent).await.unwrap();
    let delivered = postfix.delivered(ADA, 1).await;
    let read = MessageParser::new().parse(&delivered[0]).unwrap();
    assert_eq!(read.subject(), Some("SEV1: Aufträge schlagen fehl"));
    assert_eq!(read.message_id(), Some("n-1@factory.example"));
    assert_eq!(
        read.references().as_text(),
        Some("incident-17@factory.example")
    );
    let from = read.from().and_then(|from| from.first()).unwrap();
    assert_eq!(
        (from.name(), from.address()),
        (Some("Muster"), Some(MUSTER))
    );
    let text = read.body_text(0).unwrap();
    assert!(
        text.contains("Aufträge schlagen fehl – seit 12:00.\n.\n.. http://127.0.0.1/ack/k7Qm2"),
        "{text}"
    );
    let html = read.body_html(0).unwrap();
    assert!(
        html.contains("<p>Aufträge schlagen <b>fehl</b></p>"),
        "{html}"
    );
    // ESMTPS (RFC 3848): it came over TLS.
    let received = read.header_raw("Received").unwrap();
    assert!(received.contains("with ESMTPS"), "{received}");
}

#[tokio::test]
async fn nothing_is_sent_to_a_mail_server_that_is_not_trusted() {
    let Some(postfix) = Postfix::start(&[ADA]).await else {
        return;
    };
    let stranger = Mailer::from_url(&postfix.url()).unwrap().build();
    let sent = mail(ADA, "<n-2@factory.example>");
    assert!(stranger.send(sent).await.is_err());
    // The next one is the first that arrives.
    let sent = mail(ADA, "<n-3@factory.example>");
    mailer(&postfix).send(sent).await.unwrap();
    let delivered = postfix.delivered(ADA, 1).await;
    let read = MessageParser::new().parse(&delivered[0]).unwrap();
    assert_eq!(read.message_id(), Some("n-3@factory.example"));
}

#[tokio::test]
async fn a_mailbox_that_is_gone_is_reported_to_the_sender_and_one_that_never_was_is_refused() {
    let Some(postfix) = Postfix::start(&[MUSTER]).await else {
        return;
    };
    let sent = mail(Postfix::GONE, "<n-4@factory.example>");
    mailer(&postfix).send(sent).await.unwrap();
    let reports = postfix.delivered(MUSTER, 1).await;
    let report = MessageParser::new().parse(&reports[0]).unwrap();
    let kind = report.content_type().unwrap();
    assert_eq!(
        (kind.ctype(), kind.subtype(), kind.attribute("report-type")),
        ("multipart", Some("report"), Some("delivery-status"))
    );
    let status = report
        .parts
        .iter()
        .filter(|part| {
            part.content_type()
                .is_some_and(|kind| kind.subtype() == Some("delivery-status"))
        })
        .map(|part| String::from_utf8_lossy(part.contents()).into_owned())
        .next()
        .unwrap();
    assert!(status.contains("Action: failed"), "{status}");
    assert!(status.contains("Status: 5."), "{status}");
    let original = report.parts.iter().find_map(|part| part.message()).unwrap();
    assert_eq!(original.message_id(), Some("n-4@factory.example"));

    let sent = mail("nobody@factory.example", "<n-5@factory.example>");
    let refused = mailer(&postfix).send(sent).await.unwrap_err();
    assert!(refused.is_permanent(), "{refused}");
}
