//! One SQL text for two engines is a promise that only the engines can confirm: both prepare every statement.
//!
//! Preparing on PostgreSQL without naming types shows what it infers. A parameter that it takes for an `int4`, or a column
//! that is `numeric`, would fail only when bound or read: so only the types that the store binds and reads are let through.

use sqlx::{AssertSqlSafe, Column, Connection, Either, Executor, SqlSafeStr, Statement, TypeInfo};
use store::testing::{Database, statements};

/// The type on PostgreSQL and what SQLite calls the same.
const TYPES: [(&str, &[&str]); 4] = [
    ("INT8", &["INTEGER", "NULL"]),
    ("TEXT", &["TEXT"]),
    ("BYTEA", &["BLOB"]),
    ("BOOL", &["INTEGER", "BOOLEAN"]),
];

#[tokio::test]
async fn every_statement_prepares_on_both_engines_with_equal_columns_and_types() {
    let (sqlite, postgres) = (Database::sqlite(), Database::postgres().await);
    sqlite.open().await.close().await;
    let mut sqlite_connection = sqlx::SqliteConnection::connect(&sqlite.url).await.unwrap();
    let mut postgres_connection = sqlx::PgConnection::connect(&postgres.url).await.unwrap();
    let all = statements();
    assert!(all.len() > 50);
    for (name, sql) in all {
        let here = (&mut sqlite_connection)
            .prepare(sql.into_sql_str())
            .await
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let there = (&mut postgres_connection)
            .prepare(sql.into_sql_str())
            .await
            .unwrap_or_else(|e| panic!("{name}: {e}"));

        let names = |(a, b): (&str, &str)| assert_eq!(a, b, "{name}: column names");
        assert_eq!(
            here.columns().len(),
            there.columns().len(),
            "{name}: columns"
        );
        for (a, b) in here.columns().iter().zip(there.columns()) {
            names((a.name(), b.name()));
            let (a, b) = (a.type_info().name(), b.type_info().name());
            assert!(
                TYPES.iter().any(|(pg, lite)| *pg == b && lite.contains(&a)),
                "{name}: a column is {a} and {b}"
            );
        }
        let Some(Either::Right(count)) = here.parameters() else {
            panic!("SQLite counts parameters")
        };
        let Some(Either::Left(types)) = there.parameters() else {
            panic!("PostgreSQL knows parameter types")
        };
        assert_eq!(count, types.len(), "{name}: parameters");
        for parameter in types {
            assert!(
                TYPES.iter().any(|(pg, _)| *pg == parameter.name()),
                "{name}: a parameter is {}",
                parameter.name()
            );
        }
    }
}

/// These read a table on purpose: to verify, to list all tokens, to look at every node (there are few), to
/// count all subscribers.
const WHOLE: [&str; 5] = [
    "END_KNOWN",
    "CREDENTIALS",
    "NODES",
    "SUBSCRIBERS_COUNT",
    "SUBSCRIBER_COUNTS",
];

#[tokio::test]
async fn no_statement_reads_a_whole_table_on_sqlite() {
    let sqlite = Database::sqlite();
    sqlite.open().await.close().await;
    let mut connection = sqlx::SqliteConnection::connect(&sqlite.url).await.unwrap();
    for (name, sql) in statements() {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for (_, _, _, step) in plan {
            // The last event is found by walking the table backwards: one step. `given` is what the statement brings.
            let whole = step.starts_with("SCAN")
                && !step.contains("CONSTANT")
                && !step.contains("VALUES")
                && step != "SCAN given"
                && name != "HEAD";
            assert!(!whole || WHOLE.contains(&&*name), "{name}: {step}");
            assert!(
                !step.contains("TEMP B-TREE") || name.starts_with("STREAMS"),
                "{name}: {step}"
            );
        }
    }
}

/// With as many rows as make an index worth it, and plans that hold for any parameter.
#[tokio::test]
async fn no_statement_reads_a_whole_table_on_postgres() {
    let postgres = Database::postgres().await;
    let fill = "INSERT INTO event SELECT n, 's' || n % 500, 'k', n, n, '{}', '{}', sha256('') FROM generate_series(1, 20000) n; \
        INSERT INTO receipt SELECT 'key-' || n, sha256(''), n, '{}', n FROM generate_series(1, 20000) n; \
        INSERT INTO projection SELECT 'k' || n % 3, 'i' || n, n % 100 = 0, n, '{}' FROM generate_series(1, 20000) n; \
        INSERT INTO credential SELECT 'c' || n, 'session', sha256(n::text::bytea), '{}', n, NULL, NULL, n \
            FROM generate_series(1, 20000) n; \
        INSERT INTO plan_revision SELECT 'h' || n, '{}', n FROM generate_series(1, 20000) n; \
        INSERT INTO secret SELECT 'n' || n, sha256(''), n FROM generate_series(1, 20000) n; \
        INSERT INTO heartbeat SELECT 's' || n, n FROM generate_series(1, 20000) n; \
        INSERT INTO notification (id, rank, incident, about, cause, audience, person, channel, address, state, due, next_at, \
            attempts, certain, leased_by, first_at, provider_id, why, untold, created_at) \
            SELECT n || '.0', n, 'i' || n % 200, n, 'declared', 'all', 'p', 'c' || n % 7, 'a' || n, \
                CASE WHEN n % 5 = 0 THEN 'sending' ELSE 'sent' END, n, CASE WHEN n % 5 = 0 THEN n END, \
                1, 0, CASE WHEN n % 5 = 0 THEN 'node' || n % 3 END, n, 'x' || n, '', n % 50 = 0, n \
            FROM generate_series(1, 20000) n; \
        INSERT INTO notification_attempt SELECT n || '.0', 1, n, 1, 'sent', '' FROM generate_series(1, 20000) n; \
        INSERT INTO history_day SELECT n / 500, 's' || n % 500, n, n, n, n, n, n FROM generate_series(1, 20000) n; \
        INSERT INTO history_spell SELECT 's' || n, 'operational', n, n FROM generate_series(1, 20000) n; \
        INSERT INTO subscriber SELECT 's' || n, 'email', 'm' || n, sha256(''), 'en', '', \
            CASE WHEN n % 50 = 0 THEN 'pending' WHEN n % 50 = 1 THEN 'disabled' ELSE 'active' END, n, \
            CASE WHEN n % 50 = 0 THEN n END, n, NULL, NULL, '' FROM generate_series(1, 20000) n; \
        INSERT INTO mailing SELECT 's' || n, n % 3, 'q' || n % 3, n, n, 1, CASE WHEN n % 5 = 0 THEN 'node' || n % 3 END \
            FROM generate_series(1, 20000) n; \
        ANALYZE";
    postgres.execute(fill).await.unwrap();
    let mut connection = sqlx::PgConnection::connect(&postgres.url).await.unwrap();
    connection
        .execute("SET plan_cache_mode = force_generic_plan")
        .await
        .unwrap();
    for (name, sql) in statements() {
        let parameters = (&mut connection)
            .prepare(sql.into_sql_str())
            .await
            .unwrap()
            .parameters()
            .map_or(0, |p| match p {
                Either::Left(types) => types.len(),
                Either::Right(count) => count,
            });
        let nulls = vec!["NULL"; parameters].join(", ");
        let call = if parameters == 0 {
            "EXPLAIN EXECUTE s".into()
        } else {
            format!("EXPLAIN EXECUTE s({nulls})")
        };
        connection
            .execute(AssertSqlSafe(format!("PREPARE s AS {sql}")))
            .await
            .unwrap();
        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(call))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        connection.execute("DEALLOCATE s").await.unwrap();
        let plan = plan.join("\n");
        assert!(
            !plan.contains("Seq Scan") || WHOLE.contains(&&*name),
            "{name}: {plan}"
        );
    }
}
