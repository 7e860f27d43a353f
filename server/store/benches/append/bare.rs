//! The controls: the same work, or the least work, past the store.

use std::path::Path;
use std::time::Instant;

use store::{Head, Store, chain};

use crate::{TURN, Turn, draft, new_key, summary};

/// Not through the store: one bare row per commit, the least that an append can cost in this library.
pub async fn sqlx_rows(store: &Store, url: &str) -> Turn {
    use sqlx::Connection;
    macro_rules! rows {
        ($connection:ident) => {{
            let (mut head, mut times, started) = (
                store.head().await.expect("head"),
                Vec::new(),
                Instant::now(),
            );
            while started.elapsed() < TURN {
                let r = head.append(draft(&new_key()));
                let sent = Instant::now();
                let query = sqlx::query(INSERT)
                    .bind(r.seq as i64)
                    .bind(&r.stream)
                    .bind(&r.kind)
                    .bind(r.occurred_at);
                let query = query
                    .bind(r.recorded_at)
                    .bind(&r.actor)
                    .bind(&r.body)
                    .bind(&r.hash[..]);
                query.execute(&mut $connection).await.expect("insert");
                times.push(sent.elapsed());
            }
            let elapsed = started.elapsed();
            $connection.close().await.expect("close");
            summary(times, elapsed)
        }};
    }
    if url.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(url).await.expect("connect");
        sqlx::query("PRAGMA synchronous = FULL")
            .execute(&mut connection)
            .await
            .expect("pragma");
        rows!(connection)
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await.expect("connect");
        rows!(connection)
    }
}

const INSERT: &str = "INSERT INTO event (seq, stream, kind, occurred_at, recorded_at, actor, body, hash) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

fn bare(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).expect("open");
    connection
        .pragma_update(None, "synchronous", "FULL")
        .expect("pragma");
    connection
}

fn rusqlite_head(connection: &rusqlite::Connection) -> Head {
    let mut head = connection
        .prepare_cached("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1")
        .expect("prepare");
    let found = head.query_row([], |row| {
        Ok(Head {
            seq: row.get::<_, i64>(0)? as u64,
            hash: row.get(1)?,
        })
    });
    found.unwrap_or_default()
}

fn rusqlite_insert(connection: &rusqlite::Connection, head: Head, key: &str) -> u64 {
    let mut at = head;
    let r = at.append(draft(key));
    debug_assert_eq!(r.hash, chain(&head.hash, &r));
    let values = rusqlite::params![
        r.seq as i64,
        r.stream,
        r.kind,
        r.occurred_at,
        r.recorded_at,
        r.actor,
        r.body,
        r.hash
    ];
    connection
        .prepare_cached(INSERT)
        .expect("prepare")
        .execute(values)
        .expect("insert");
    r.seq
}

/// What `append` does, in the bare library: the same statements, one after the other.
pub fn rusqlite_transactions(path: &Path) -> Turn {
    let connection = bare(path);
    let run = |sql: &str| {
        connection
            .prepare_cached(sql)
            .expect("prepare")
            .execute([])
            .expect("run")
    };
    let (mut times, started) = (Vec::new(), Instant::now());
    while started.elapsed() < TURN {
        let (key, sent) = (new_key(), Instant::now());
        run("BEGIN IMMEDIATE");
        let head = rusqlite_head(&connection);
        let mut known = connection
            .prepare_cached("SELECT key FROM receipt WHERE key IN (VALUES ($1))")
            .expect("prepare");
        assert!(!known.exists([&key]).expect("receipts"));
        let seq = rusqlite_insert(&connection, head, &key) as i64;
        let receipt =
            "INSERT INTO receipt (key, fingerprint, seq, answer, at) VALUES ($1, $2, $3, '{}', 1)";
        let values = rusqlite::params![key, [7u8; 32], seq];
        connection
            .prepare_cached(receipt)
            .expect("prepare")
            .execute(values)
            .expect("receipt");
        run("COMMIT");
        times.push(sent.elapsed());
    }
    summary(times, started.elapsed())
}

pub fn rusqlite_rows(path: &Path) -> Turn {
    let connection = bare(path);
    let (mut head, mut times, started) = (rusqlite_head(&connection), Vec::new(), Instant::now());
    while started.elapsed() < TURN {
        let record = head.append(draft(&new_key()));
        let sent = Instant::now();
        let r = &record;
        let values = rusqlite::params![
            r.seq as i64,
            r.stream,
            r.kind,
            r.occurred_at,
            r.recorded_at,
            r.actor,
            r.body,
            r.hash
        ];
        connection
            .prepare_cached(INSERT)
            .expect("prepare")
            .execute(values)
            .expect("insert");
        times.push(sent.elapsed());
    }
    summary(times, started.elapsed())
}
