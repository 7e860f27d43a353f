//! How much the outside world takes. Counted in its own processor time, which other programs do not change.

use std::time::Instant;

use reqwest::StatusCode;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::stage::{Outside, slack_message};

const EACH: usize = 500;
const SENDERS: usize = 8;
/// An unoptimised build takes several times as long as the one that benchmarks are made with.
const LEAST: f64 = if cfg!(debug_assertions) {
    700.0
} else {
    3000.0
};

fn processor_seconds(outside: &Outside) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", outside.child.id())).unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    let fields: Vec<i64> = after_name
        .split(' ')
        .filter_map(|field| field.parse().ok())
        .collect();
    // utime and stime, in ticks of which Linux has a hundred a second: the state before them is a letter.
    (fields[10] + fields[11]) as f64 / 100.0
}

async fn measure(name: &str, outside: &Outside, send: JoinSet<()>) {
    let (before, began) = (processor_seconds(outside), Instant::now());
    send.join_all().await;
    let taken = (EACH * SENDERS) as f64;
    let used = processor_seconds(outside) - before;
    println!(
        "{name}: {:.0} deliveries a second, {:.0} for each second of its processor",
        taken / began.elapsed().as_secs_f64(),
        taken / used
    );
    assert!(taken / used >= LEAST, "{name}: {:.0}", taken / used);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_deliveries_a_second_are_taken_by_a_part_of_a_core() {
    let outside = Outside::start().await;
    let mut posts = JoinSet::new();
    for _ in 0..SENDERS {
        let url = outside.env["MUSTER_SLACK_WEBHOOK"].clone();
        let (http, body) = (outside.http.clone(), slack_message("SEV1").to_string());
        posts.spawn(async move {
            for _ in 0..EACH {
                let post = http.post(&url).header("content-type", "application/json");
                let answer = post.body(body.clone()).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
            }
        });
    }
    measure("posts", &outside, posts).await;

    let mut mails = JoinSet::new();
    let mail = format!(
        "MAIL FROM:<muster@b.example>\r\nRCPT TO:<ada@b.example>\r\nDATA\r\nSubject: SEV1\r\n\r\n{}.\r\n",
        "All orders fail since 12:00.\r\n".repeat(100)
    );
    for _ in 0..SENDERS {
        let (port, mail) = (outside.smtp_port, mail.clone());
        mails.spawn(async move {
            let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (reader, mut writer) = stream.into_split();
            let mut lines = BufReader::new(reader).lines();
            writer.write_all(b"HELO me\r\n").await.unwrap();
            let mut kept = 0;
            writer.write_all(mail.as_bytes()).await.unwrap();
            while kept < EACH {
                let line = lines.next_line().await.unwrap().unwrap();
                if line.contains("Kept as") {
                    kept += 1;
                    let next = if kept < EACH {
                        mail.as_str()
                    } else {
                        "QUIT\r\n"
                    };
                    writer.write_all(next.as_bytes()).await.unwrap();
                }
            }
        });
    }
    measure("mails", &outside, mails).await;
    let all = 2 * EACH * SENDERS;
    let query = format!("limit=10&after={}&brief=true", all - 1);
    assert_eq!(outside.received(&query).await.len(), 1);
}
