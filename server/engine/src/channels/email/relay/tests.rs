use super::{Envelope, Outcome, Relay, dotted};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A mail server with these abilities and this answer to a receiver. What it was told, all that came before one of its
/// answers in one piece.
async fn told_to(abilities: &str, receiver: &str) -> (Outcome, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}?tls=none", listener.local_addr().unwrap());
    let relay = Relay::new(&url.parse().unwrap(), "muster.example.org", None).unwrap();
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        served(stream, abilities, receiver).await
    };
    let send = async {
        let address = |a: &str| a.parse().unwrap();
        let outcome = relay
            .deliver(Envelope {
                from: address("muster@example.org"),
                to: address("jane@example.org"),
                report: None,
                mail: "Subject: Fire\r\n\r\n.\r\n",
            })
            .await;
        drop(relay);
        outcome
    };
    tokio::join!(send, serve)
}

async fn served(stream: TcpStream, abilities: &str, receiver: &str) -> Vec<String> {
    let mut stream = BufReader::new(stream);
    let mut told = Vec::new();
    stream.write_all(b"220 hello\r\n").await.unwrap();
    while !stream.fill_buf().await.unwrap_or_default().is_empty() {
        let piece = String::from_utf8(stream.buffer().to_vec()).unwrap();
        stream.consume(piece.len());
        let mut answer = String::new();
        for line in piece.lines() {
            answer += &match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" => format!("250-localhost\r\n{abilities}250 SIZE 1000\r\n"),
                "MAIL" => "250 fine\r\n".to_owned(),
                "RCPT" => format!("{receiver}\r\n"),
                "DATA" => "354 go on\r\n".to_owned(),
                "." => "250 taken as 7\r\n".to_owned(),
                _ => String::new(),
            };
        }
        told.push(piece);
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
    let _ = stream.read_to_end(&mut Vec::new()).await;
    told
}

#[tokio::test]
async fn a_server_that_pipelines_is_told_in_two_pieces_and_any_other_waits_for_each_answer() {
    let hello = "EHLO muster.example.org\r\n";
    let envelope = [
        "MAIL FROM:<muster@example.org>\r\n",
        "RCPT TO:<jane@example.org>\r\n",
        "DATA\r\n",
    ];
    let mail = "Subject: Fire\r\n\r\n..\r\n.\r\n";
    let (outcome, told) = told_to("250-PIPELINING\r\n", "250 fine").await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    assert_eq!(told, [hello, hello, &envelope.concat(), mail]);
    let (outcome, told) = told_to("", "250 fine").await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    assert_eq!(told, [&[hello, hello][..], &envelope, &[mail]].concat());
}

#[tokio::test]
async fn nothing_is_handed_over_for_a_receiver_that_was_refused_though_the_server_waits_for_it() {
    let (outcome, told) = told_to("250-PIPELINING\r\n", "550 nobody here").await;
    assert!(matches!(outcome, Outcome::Never { .. }), "{outcome:?}");
    assert!(!told.concat().contains("Subject"), "{told:?}");
    let (outcome, _) = told_to("250-PIPELINING\r\n", "450 not now").await;
    assert!(matches!(outcome, Outcome::Later { .. }), "{outcome:?}");
}

#[test]
fn a_line_that_begins_with_a_dot_does_not_end_the_mail() {
    assert_eq!(dotted("a\r\n.\r\n..b\r\n"), "a\r\n..\r\n...b\r\n.\r\n");
    assert_eq!(dotted(".a.\r\nb"), "..a.\r\nb\r\n.\r\n");
    assert_eq!(dotted(""), "\r\n.\r\n");
}
