//! How fast is a durable append, and what does sqlx cost over the bare library? `cargo bench -p store`, about a minute.
//!
//! An append is what the Desk does for a command with an idempotency key: look the key up, write one event (300 bytes of
//! body) and one receipt, commit with full durability. Absolute numbers depend on the disk and on who else uses the machine:
//! so all variants take turns in every round, and each is also shown as a ratio to its controls in the same round. On a
//! machine with other work even ratios swing: `chrt --rr 5 cargo bench -p store` puts the others off.

mod bare;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use store::testing::Database;
use store::{Batch, Draft, Receipt, Store};
use tokio::sync::{mpsc, oneshot};

use Variant::*;

const ROUNDS: usize = 9;
const TURN: Duration = Duration::from_millis(700);
const WRITERS: usize = 64;

fn main() {
    // `cargo test --benches` runs this too, and is not a place to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(run());
}

/// What one turn of one variant did.
struct Turn {
    per_second: f64,
    p50: f64,
    p99: f64,
}

#[derive(Clone, Copy)]
enum Variant {
    Rusqlite,
    RusqliteRow,
    SqlxRow,
    Single,
    Ungrouped,
    Grouped,
}

/// The variants on SQLite (true) or PostgreSQL, and the rows each is compared with, by their number.
const PLAN: [(&str, bool, Variant, &[usize]); 10] = [
    ("rusqlite, the same transaction", true, Rusqlite, &[]),
    ("1 writer", true, Single, &[1]),
    ("64 writers, each alone", true, Ungrouped, &[1]),
    ("64 writers, grouped", true, Grouped, &[1, 3]),
    ("rusqlite, one bare row", true, RusqliteRow, &[]),
    ("sqlx, one bare row", true, SqlxRow, &[5]),
    ("sqlx, one bare row", false, SqlxRow, &[]),
    ("1 writer", false, Single, &[7]),
    ("64 writers, each alone", false, Ungrouped, &[7]),
    ("64 writers, grouped", false, Grouped, &[7, 9]),
];

async fn run() {
    let (mut databases, mut turns) = (Vec::new(), Vec::new());
    for (_, sqlite, ..) in PLAN {
        let database = if sqlite {
            Database::sqlite()
        } else {
            Database::postgres().await
        };
        databases.push((database.open().await, database));
        turns.push(Vec::new());
    }
    for _ in 0..ROUNDS {
        for (((_, _, variant, _), (store, database)), turns) in
            PLAN.iter().zip(&databases).zip(&mut turns)
        {
            turns.push(turn(*variant, store, &database.url).await);
        }
    }
    for (store, _) in &databases {
        store
            .verify()
            .await
            .expect("what was measured is a whole timeline");
    }

    // Rows are numbered from 1; medians of the ratios within each round.
    let ratio = |row: usize, control: usize| {
        let pairs = turns[row - 1].iter().zip(&turns[control - 1]);
        median(
            pairs
                .map(|(turn, control)| turn.per_second / control.per_second)
                .collect(),
        )
    };
    println!(
        "durable appends; medians of {ROUNDS} rounds     per second    p50 ms    p99 ms  ratio to row"
    );
    for (row, (name, sqlite, _, controls)) in (1..).zip(PLAN) {
        let of = |f: fn(&Turn) -> f64| median(turns[row - 1].iter().map(f).collect());
        let (rate, p50, p99) = (of(|t| t.per_second), of(|t| t.p50), of(|t| t.p99));
        let engine = if sqlite { "SQLite" } else { "PostgreSQL" };
        let ratios = controls
            .iter()
            .map(|&control| format!("  {:.2} to [{control}]", ratio(row, control)));
        let ratios = ratios.collect::<String>();
        println!("[{row:>2}] {engine:<10} {name:<30} {rate:>10.0} {p50:>9.3} {p99:>9.3}{ratios}");
    }
    println!(
        "\nsqlx against the bare library on SQLite: {:.2} of its rate for one row, {:.2} for",
        ratio(6, 5),
        ratio(2, 1)
    );
    println!(
        "the transaction, {:.2} for 64 writers whose appends are grouped.",
        ratio(4, 1)
    );
    println!(
        "{}",
        match ratio(4, 1) >= 1.0 {
            true =>
                "Choice: sqlx on both engines, with group commit; a second library for SQLite would not pay.",
            false => "Choice: this run speaks for writing SQLite with the bare library.",
        }
    );
    // For the table of numbers to hold: `.ci/bench` collects these lines.
    for (what, row, least) in [
        ("durable append, SQLite, 1 writer", 2, 1_500.0),
        ("durable append, SQLite, 64 writers", 4, 12_000.0),
        ("durable append, PostgreSQL, 64 writers", 10, 7_000.0),
    ] {
        let rate = median(turns[row - 1].iter().map(|t: &Turn| t.per_second).collect());
        let held = if rate >= least { "held" } else { "not held" };
        println!("NUMBER {what} | ≥ {least}/s | {rate:.0}/s | {held}");
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn turn(variant: Variant, store: &Store, url: &str) -> Turn {
    let path = url.trim_start_matches("sqlite://").to_string();
    match variant {
        Rusqlite => blocking(move || bare::rusqlite_transactions(Path::new(&path))).await,
        RusqliteRow => blocking(move || bare::rusqlite_rows(Path::new(&path))).await,
        SqlxRow => bare::sqlx_rows(store, url).await,
        Single => writers(1, alone(store)).await,
        Ungrouped => writers(WRITERS, alone(store)).await,
        Grouped => {
            let (jobs, queue) = mpsc::channel(1024);
            let group = tokio::spawn(group_commit(store.clone(), queue));
            let send = move |key| {
                let jobs = jobs.clone();
                async move {
                    let (done, committed) = oneshot::channel();
                    jobs.send((key, done)).await.expect("the group takes jobs");
                    committed.await.expect("the group answers")
                }
            };
            let turn = writers(WRITERS, send).await;
            group.await.expect("the group ends");
            turn
        }
    }
}

async fn blocking(work: impl FnOnce() -> Turn + Send + 'static) -> Turn {
    tokio::task::spawn_blocking(work)
        .await
        .expect("a turn ends")
}

/// So many clients, each waiting for its append before it sends the next.
async fn writers<F>(count: usize, append: impl Fn(String) -> F + Clone + Send + 'static) -> Turn
where
    F: Future<Output = ()> + Send,
{
    let started = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..count {
        let append = append.clone();
        clients.spawn(async move {
            let mut times = Vec::new();
            while started.elapsed() < TURN {
                let sent = Instant::now();
                append(new_key()).await;
                times.push(sent.elapsed());
            }
            times
        });
    }
    let times = clients.join_all().await.concat();
    summary(times, started.elapsed())
}

fn summary(mut times: Vec<Duration>, elapsed: Duration) -> Turn {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    Turn {
        per_second: times.len() as f64 / elapsed.as_secs_f64(),
        p50: at(50),
        p99: at(99),
    }
}

fn new_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("key-{:016}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn draft(key: &str) -> Draft {
    Draft {
        stream: "INC-2026-001".into(),
        kind: "noted".into(),
        occurred_at: 1_767_225_600_000_000,
        recorded_at: 1_767_225_600_000_001,
        actor: r#"{"name":"Ada"}"#.into(),
        body: format!(r#"{{"key":"{key}","text":"{}"}}"#, "x".repeat(260)),
    }
}

fn receipt(key: String, seq: u64) -> Receipt {
    Receipt {
        key,
        fingerprint: [7; 32],
        seq,
        answer: "{}".into(),
        at: 1,
    }
}

/// One append, one transaction.
fn alone(store: &Store) -> impl Fn(String) -> BoxFuture + Clone + Send + 'static {
    let store = store.clone();
    move |key| Box::pin(append(store.clone(), key))
}

type BoxFuture = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

async fn append(store: Store, key: String) {
    let mut tx = store.begin().await.expect("begin");
    assert!(tx.receipts(&[&key]).await.expect("receipts").is_empty());
    let record = tx.head().append(draft(&key));
    let receipts = vec![receipt(key, record.seq)];
    tx.write(&Batch {
        records: vec![record],
        receipts,
        ..Batch::default()
    })
    .await
    .expect("write");
    tx.commit().await.expect("commit");
}

/// Whatever has queued while the last transaction was written is the next one.
async fn group_commit(store: Store, mut queue: mpsc::Receiver<(String, oneshot::Sender<()>)>) {
    let mut jobs = Vec::new();
    while queue.recv_many(&mut jobs, 256).await > 0 {
        let mut tx = store.begin().await.expect("begin");
        let keys: Vec<&str> = jobs.iter().map(|(key, _)| key.as_str()).collect();
        assert!(tx.receipts(&keys).await.expect("receipts").is_empty());
        let (mut head, mut batch) = (tx.head(), Batch::default());
        for (key, _) in &jobs {
            let record = head.append(draft(key));
            batch.receipts.push(receipt(key.clone(), record.seq));
            batch.records.push(record);
        }
        tx.write(&batch).await.expect("write");
        tx.commit().await.expect("commit");
        for (_, done) in jobs.drain(..) {
            // A client that went away needs no answer.
            let _ = done.send(());
        }
    }
}
