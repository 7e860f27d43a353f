//! What the lab's mail server promises: to lettre, as Muster uses it, and on the wire.

use std::time::Duration;

use lettre::message::MultiPart;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stage::Outside;

type Mailer = AsyncSmtpTransport<Tokio1Executor>;

fn mailer(outside: &Outside) -> Mailer {
    let authority = std::fs::read(&outside.env["MUSTER_SMTP_CA"]).unwrap();
    let tls = TlsParameters::builder("127.0.0.1".into())
        .add_root_certificate(Certificate::from_pem(&authority).unwrap())
        .build_rustls()
        .unwrap();
    Mailer::from_url(&outside.env["MUSTER_SMTP_URL"])
        .unwrap()
        .tls(Tls::Required(tls))
        .hello_name(ClientId::Domain("muster.test".into()))
        .timeout(Some(Duration::from_secs(2)))
        .build()
}

fn mail(to: &str) -> Message {
    let text = "Übersicht\r\n.\r\n..two dots\r\n.leading dot\r\nhttp://127.0.0.1/ack?t=1\r\n";
    let html = "<p>Übersicht</p>";
    Message::builder()
        .from("Muster <muster@factory.example>".parse().unwrap())
        .to(to.parse().unwrap())
        .subject("SEV1: Aufträge schlagen fehl")
        .message_id(Some("<n-17@factory.example>".into()))
        .multipart(MultiPart::alternative_plain_html(
            text.to_owned(),
            html.to_owned(),
        ))
        .unwrap()
}

#[tokio::test]
async fn a_mail_over_tls_is_kept_as_it_was_sent() {
    let outside = Outside::start().await;
    let mail = mail("Ada <ada@factory.example>");
    mailer(&outside).send(mail.clone()).await.unwrap();
    let received = outside.recorded("smtp");
    assert_eq!(received.len(), 1);
    let one = &received[0];
    // lettre ends every mail with one line end more.
    let sent = [mail.formatted().as_slice(), b"\r\n"].concat();
    assert_eq!(one["body"], String::from_utf8(sent).unwrap());
    assert_eq!(one["to"], json!(["ada@factory.example"]));
    assert_eq!(one["subject"], "SEV1: Aufträge schlagen fehl");
    assert_eq!(one["key"], "n-17@factory.example");
    assert!(
        one["text"]
            .as_str()
            .unwrap()
            .contains("\r\n.leading dot\r\n")
    );
    assert_eq!(one["headers"]["from"], "Muster <muster@factory.example>");
    let detail = &one["detail"];
    assert_eq!(
        (
            &detail["tls"],
            &detail["user"],
            &detail["helo"],
            &detail["from"]
        ),
        (
            &json!(true),
            &json!("muster"),
            &json!("muster.test"),
            &json!("muster@factory.example")
        )
    );
    let page = outside
        .request(reqwest::Method::GET, "/mail/1")
        .send()
        .await
        .unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("sandbox"), "{policy}");
    assert!(page.text().await.unwrap().contains("<p>Übersicht</p>"));
}

#[tokio::test]
async fn whoever_does_not_trust_the_authority_sends_nothing() {
    let outside = Outside::start().await;
    let mailer = Mailer::from_url(&outside.env["MUSTER_SMTP_URL"])
        .unwrap()
        .build();
    assert!(mailer.send(mail("ada@factory.example")).await.is_err());
    assert!(outside.recorded("smtp").is_empty());
    // The right password is needed too, where one is given.
    let wrong = outside.env["MUSTER_SMTP_URL"].replace("muster:", "muster:x");
    let authority = std::fs::read(&outside.env["MUSTER_SMTP_CA"]).unwrap();
    let tls = TlsParameters::builder("127.0.0.1".into())
        .add_root_certificate(Certificate::from_pem(&authority).unwrap())
        .build_rustls()
        .unwrap();
    let mailer = Mailer::from_url(&wrong)
        .unwrap()
        .tls(Tls::Required(tls))
        .build();
    let refused = mailer.send(mail("ada@factory.example")).await.unwrap_err();
    assert_eq!(
        refused.status().map(|code| code.to_string()).as_deref(),
        Some("535")
    );
    assert!(outside.recorded("smtp").is_empty());
}

#[tokio::test]
async fn every_fault_of_mail_is_felt_and_only_what_was_accepted_is_kept() {
    let outside = Outside::start().await;
    for (kind, code, kept) in [
        ("refuse", Some("421"), false),
        ("hang", None, false),
        ("drop", None, false),
        ("error_500", Some("451"), false),
        ("rate_limit", Some("450"), false),
        ("reject", Some("550"), false),
        ("reset_after_accept", None, true),
    ] {
        // Once through a fresh connection, and once through one that stays open between mails.
        let fresh = mailer(&outside);
        let open = mailer(&outside);
        open.send(mail("ada@factory.example")).await.unwrap();
        for mailer in [fresh, open] {
            let before = outside.recorded("smtp").len();
            outside
                .fault(json!({ "sink": "smtp", "kind": kind, "times": 1 }))
                .await;
            // lettre's own timeout ends with the connection's beginning.
            let limit = Duration::from_secs(2);
            let sent = tokio::time::timeout(limit, mailer.send(mail("ada@factory.example"))).await;
            assert_eq!(sent.is_err(), kind == "hang", "{kind}");
            if let Ok(sent) = sent {
                let error = sent.unwrap_err();
                let status = error.status().map(|code| code.to_string());
                assert_eq!(status.as_deref(), code, "{kind}: {error:?}");
                assert_eq!(error.is_permanent(), kind == "reject", "{kind}");
            }
            let recorded = outside.recorded("smtp");
            assert_eq!(recorded.len() - before, usize::from(kept), "{kind}");
            if kept {
                assert_eq!(recorded[before]["fault"], kind);
            }
            assert_eq!(
                outside.get("/control/faults").await["smtp"]["left"],
                0,
                "{kind}"
            );
            // It is over, and the next mail goes through. (A connection whose mail was given up must not be used again:
            // the late answer to that mail would be taken for the next one's.)
            let next = match kind {
                "hang" => crate::mail::mailer(&outside),
                _ => mailer,
            };
            next.send(mail("ada@factory.example")).await.unwrap();
        }
    }
    let refused = mailer(&outside)
        .send(mail("nobody@factory.invalid"))
        .await
        .unwrap_err();
    assert!(refused.is_permanent(), "{refused}");
}

/// Says it all at once, and listens until the server hangs up.
async fn talk(outside: &Outside, words: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", outside.smtp_port))
        .await
        .unwrap();
    stream.write_all(words).await.unwrap();
    let mut said = Vec::new();
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, stream.read_to_end(&mut said))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(said).unwrap()
}

fn codes(said: &str) -> Vec<&str> {
    let last = |line: &&str| line.as_bytes().get(3) != Some(&b'-');
    said.lines().filter(last).map(|line| &line[..3]).collect()
}

#[tokio::test]
async fn many_mails_in_one_breath_are_all_kept_and_answered_in_order() {
    let outside = Outside::start().await;
    let mut words = b"EHLO me\r\n".to_vec();
    for number in 0..50 {
        words.extend(
            format!(
                "MAIL FROM:<a@b.example> BODY=8BITMIME\r\nRCPT TO:<{number}@b.example>\r\nDATA\r\n"
            )
            .bytes(),
        );
        words.extend(format!("Subject: {number}\r\n\r\n..stuffed\r\n.\r\n").bytes());
    }
    words.extend(b"QUIT\r\n");
    let said = talk(&outside, &words).await;
    let mut expected = vec!["220", "250"];
    expected.extend(["250", "250", "354", "250"].repeat(50));
    expected.push("221");
    assert_eq!(codes(&said), expected);
    let received = outside.received("sink=smtp&to=49@b.example").await;
    assert_eq!(received[0]["body"], "Subject: 49\r\n\r\n.stuffed\r\n");
    assert_eq!(outside.recorded("smtp").len(), 50);
}

#[tokio::test]
async fn no_mail_is_smuggled_inside_another() {
    let outside = Outside::start().await;
    let inner =
        "MAIL FROM:<boss@b.example>\r\nRCPT TO:<all@b.example>\r\nDATA\r\nSubject: fake\r\n\r\n";
    for end in ["\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\n"] {
        let words = format!(
            "EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@b.example>\r\nDATA\r\nSubject: x\r\n\r\nx{end}{inner}\r\n.\r\nQUIT\r\n"
        );
        talk(&outside, words.as_bytes()).await;
    }
    let received = outside.received("sink=smtp").await;
    assert_eq!(received.len(), 4);
    assert!(
        received
            .iter()
            .all(|one| one["to"] == json!(["c@b.example"]))
    );
}

#[tokio::test]
async fn what_was_said_before_tls_is_forgotten() {
    let outside = Outside::start().await;
    let mut stream = TcpStream::connect(("127.0.0.1", outside.smtp_port))
        .await
        .unwrap();
    let injected =
        b"EHLO me\r\nSTARTTLS\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<c@b.example>\r\n";
    stream.write_all(injected).await.unwrap();
    let authority = std::fs::read(&outside.env["MUSTER_SMTP_CA"]).unwrap();
    let mut plain = Vec::new();
    while !plain.ends_with(b"220 2.0.0 Go ahead\r\n") {
        plain.push(stream.read_u8().await.unwrap());
    }
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    let certificate = rustls::pki_types::CertificateDer::from_pem_slice(&authority).unwrap();
    roots.add(certificate).unwrap();
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = "localhost".try_into().unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    stream
        .write_all(b"DATA\r\nEHLO me\r\nQUIT\r\n")
        .await
        .unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(codes(&said), ["503", "250", "221"], "{said}");
    assert!(
        said.contains("AUTH PLAIN LOGIN") && !said.contains("STARTTLS"),
        "{said}"
    );
}

#[tokio::test]
async fn nonsense_is_answered_and_ends_nothing() {
    let outside = Outside::start().await;
    let mut words = b"MAIL FROM:<a@b.example>\r\nEHLO me\r\nDATA\r\nRCPT TO:<a@b>\r\nAUTH PLAIN x\r\nEXPLODE\r\n".to_vec();
    words.extend(vec![b'x'; 10_000]);
    words.extend(b"\r\n\xff\xfe\r\nMAIL FROM:<a@b.example> SIZE=99999999\r\nMAIL FROM:<a@b.example> SMTPUTF8\r\n");
    words.extend(b"MAIL FROM:<>\r\nRCPT TO:<no address>\r\nRCPT TO:<c@b.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n");
    let said = talk(&outside, &words).await;
    let expected = [
        "220", "503", "250", "503", "503", "538", "500", "500", "500", "552", "555", "250", "501",
        "250", "354", "250", "221",
    ];
    assert_eq!(codes(&said), expected, "{said}");
}

#[tokio::test]
async fn a_mail_that_is_too_large_is_refused_and_the_next_one_taken() {
    let outside = Outside::start().await;
    let mut words =
        b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@b.example>\r\nDATA\r\n".to_vec();
    for _ in 0..11 << 10 {
        words.extend(vec![b'x'; 1022]);
        words.extend(b"\r\n");
    }
    words.extend(
        b".\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@b.example>\r\nDATA\r\nsmall\r\n.\r\nQUIT\r\n",
    );
    let said = talk(&outside, &words).await;
    assert_eq!(
        codes(&said)[5..],
        ["552", "250", "250", "354", "250", "221"],
        "{said}"
    );
    let received: Vec<Value> = outside.received("").await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0]["body"], "small\r\n");
}
