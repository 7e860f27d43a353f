//! How fast is a durable append, and what does sqlx cost over the bare library? `cargo bench -p store`, about a minute.
//!
//! An append is what the Desk does for a command with an idempotency key: look the key up, write one event (300 bytes of
//! body) and one receipt, commit with full durability. Absolute numbers depend on the disk and on who else uses the machine:
//! so all variants take turns in every round, and each is also shown as a ratio to its control in the same round.

mod bare;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use store::testing::Database;
use store::{Batch, Draft, Receipt, Store};
use tokio::sync::{mpsc, oneshot};

const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_millis(1200);
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

#[derive(Clone, Copy, PartialEq)]
enum Variant {
    Rusqlite,
    RusqliteRow,
    SqlxRow,
    Single,
    Ungrouped,
    Grouped,
}

struct Row {
    name: &'static str,
    variant: Variant,
    database: Arc<Database>,
    store: Store,
    /// The row this one is compared with.
    control: usize,
    turns: Vec<Turn>,
}

async fn run() {
    use Variant::*;
    let plan: [(&str, Variant, bool, usize); 11] = [
        ("SQLite: rusqlite, the same transaction", Rusqlite, true, 0),
        ("SQLite: 1 writer", Single, true, 0),
        (
            "SQLite: 64 writers, each its own transaction",
            Ungrouped,
            true,
            0,
        ),
        ("SQLite: 64 writers, grouped", Grouped, true, 0),
        (
            "SQLite: rusqlite, one bare row per commit",
            RusqliteRow,
            true,
            4,
        ),
        ("SQLite: sqlx, one bare row per commit", SqlxRow, true, 4),
        (
            "PostgreSQL: sqlx, one bare row per commit",
            SqlxRow,
            false,
            6,
        ),
        ("PostgreSQL: 1 writer", Single, false, 6),
        (
            "PostgreSQL: 64 writers, each its own transaction",
            Ungrouped,
            false,
            6,
        ),
        ("PostgreSQL: 64 writers, grouped", Grouped, false, 6),
        (
            "PostgreSQL: 64 writers, grouped (to ungrouped)",
            Grouped,
            false,
            8,
        ),
    ];
    let mut rows = Vec::new();
    for (name, variant, sqlite, control) in plan {
        let database = Arc::new(if sqlite {
            Database::sqlite()
        } else {
            Database::postgres().await
        });
        let store = database.open().await;
        rows.push(Row {
            name,
            variant,
            database,
            store,
            control,
            turns: Vec::new(),
        });
    }
    for _ in 0..ROUNDS {
        for row in &mut rows {
            let turn = turn(row.variant, &row.store, &row.database.url).await;
            row.turns.push(turn);
        }
    }
    println!(
        "{:<50} {:>10} {:>9} {:>9} {:>8}",
        "durable appends, medians of the rounds", "per second", "p50 ms", "p99 ms", "ratio"
    );
    for row in &rows {
        let of = |f: fn(&Turn) -> f64| median(row.turns.iter().map(f).collect());
        println!(
            "{:<50} {:>10.0} {:>9.3} {:>9.3} {:>8.2}  to {}",
            row.name,
            of(|t| t.per_second),
            of(|t| t.p50),
            of(|t| t.p99),
            ratio(row, &rows[row.control]),
            rows[row.control].name,
        );
    }
    for row in &rows {
        row.store
            .verify()
            .await
            .expect("what was measured is a whole timeline");
    }
    let (bare, single, grouped) = (
        ratio(&rows[5], &rows[4]),
        ratio(&rows[1], &rows[0]),
        ratio(&rows[3], &rows[0]),
    );
    println!(
        "\nsqlx against the bare library on SQLite: {bare:.2} of its rate for one row, {single:.2} for the transaction."
    );
    println!(
        "Grouped, 64 writers reach {grouped:.2} times the rate of rusqlite's loop: the cost is per statement, and a group"
    );
    println!(
        "shares its statements. Choice: sqlx for both engines, with group commit; no second library for SQLite."
    );
}

fn ratio(row: &Row, control: &Row) -> f64 {
    median(
        row.turns
            .iter()
            .zip(&control.turns)
            .map(|(turn, control)| turn.per_second / control.per_second)
            .collect(),
    )
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn turn(variant: Variant, store: &Store, url: &str) -> Turn {
    let path = url.trim_start_matches("sqlite://").to_string();
    match variant {
        Variant::Rusqlite => blocking(move || bare::rusqlite_transactions(Path::new(&path))).await,
        Variant::RusqliteRow => blocking(move || bare::rusqlite_rows(Path::new(&path))).await,
        Variant::SqlxRow => bare::sqlx_rows(store, url).await,
        Variant::Single => writers(1, alone(store)).await,
        Variant::Ungrouped => writers(WRITERS, alone(store)).await,
        Variant::Grouped => {
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
