//! One SQL text for two engines is a promise that only the engines can confirm: both prepare every statement.
//!
//! Preparing on PostgreSQL without naming types shows what it infers. A parameter that it takes for an `int4`, or a column
//! that is `numeric`, would fail only when bound or read: so only the types that the store binds and reads are let through.

use sqlx::{Column, Connection, Either, Executor, SqlSafeStr, Statement, TypeInfo};
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
