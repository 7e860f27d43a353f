//! What a reader of the live stream is, seen from outside: an answer like any other that costs next to nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

use house::{House, Server, until};
use serde_json::json;
use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// Asks for the stream, and has read the head of the answer.
fn reader(server: &Server, token: &str, version: &str) -> (TcpStream, String) {
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    write!(
        stream,
        "GET /live HTTP/{version}\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).unwrap().to_lowercase())
}

fn read_until(stream: &mut TcpStream, text: &str) {
    let mut read = String::new();
    while !read.contains(text) {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).unwrap();
        assert!(length > 0, "it ends without {text}: {read}");
        read += &String::from_utf8_lossy(&piece[..length]);
    }
}

#[tokio::test]
async fn the_live_stream_has_what_every_answer_has() {
    let house = House::small();
    let server = house.start();
    let token = house.token("commander");
    for version in ["1.1", "1.0"] {
        let (mut stream, head) = reader(&server, &token, version);
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
        for line in [
            "content-type: text/event-stream",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "content-security-policy: default-src 'none'; frame-ancestors 'none'",
            "connection: close",
            "date: ",
        ] {
            assert_eq!(head.matches(&format!("\r\n{line}")).count(), 1, "{head}");
        }
        assert!(!head.contains("transfer-encoding"), "{head}");
        let declared = json!({ "title": "Orders are failing", "severity": "SEV1" });
        server.program(&token).declare(declared).await;
        read_until(&mut stream, "incident_declared");
    }
}

fn descriptors(server: &Server) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    open.count()
}

#[tokio::test]
async fn a_reader_that_leaves_is_let_go_at_once() {
    let house = House::small();
    let server = house.start();
    let token = house.token("viewer");
    reader(&server, &token, "1.1");
    until("the first one is gone", async || {
        let all: Vec<_> = (0..20).map(|_| reader(&server, &token, "1.1").0).collect();
        let with = descriptors(&server);
        // Half of them say so, half just leave; neither has been sent anything since.
        for stream in &all[..10] {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        drop(all);
        tokio::time::sleep(Duration::from_millis(200)).await;
        (descriptors(&server) + 20 <= with).then_some(())
    })
    .await;
}

/// Of the server's own memory, in KB.
fn memory(server: &Server) -> i64 {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", server.pid())).unwrap();
    let line = rollup.lines().find_map(|l| l.strip_prefix("Anonymous:"));
    let kb = line.unwrap().trim().trim_end_matches(" kB");
    kb.parse().unwrap()
}

#[tokio::test]
async fn a_reader_costs_less_than_16_kb() {
    const READERS: i64 = 400;
    let house = House::small();
    let server = house.start();
    let token = house.token("viewer");
    // What a first few bring to life stays, and is nobody's share.
    let _first: Vec<_> = (0..100).map(|_| reader(&server, &token, "1.1")).collect();
    let before = memory(&server);
    let _all: Vec<_> = (0..READERS)
        .map(|_| reader(&server, &token, "1.1"))
        .collect();
    let each = (memory(&server) - before) / READERS;
    println!("{each} KB each");
    assert!(each < 16, "{each} KB each");
}
