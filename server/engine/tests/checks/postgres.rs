//! A real PostgreSQL.

use super::{class, look_at};
use domain::plan::Targets;
use engine::checks::Class;
use sqlx::{Connection, PgConnection};
use store::testing::Database;

fn targets(url: &str) -> Targets {
    let yaml = format!(
        "databases: {{orders: {{nodes: {{a: {{url: '{url}'}}, b: {{url: '{url}'}}}}, primary: a, replica: b, route: {{url: '{url}'}}}}}}"
    );
    serde_saphyr::from_str(&yaml).unwrap()
}

fn probe(more: &str) -> String {
    format!(
        "{{probe: {{postgres: {{database: orders{more}}}}}, internal: true, timeout: 20s, interval: 30s}}"
    )
}

/// What was ever written to its own tables, and to the catalogs that a new table goes into.
async fn size(database: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_all_tables \
         WHERE schemaname = 'public' OR relname IN ('pg_class', 'pg_attribute', 'pg_type', 'pg_depend')",
    )
    .fetch_one(database)
    .await
    .unwrap()
}

#[tokio::test]
async fn what_is_written_is_read_back_and_no_table_grows_by_it() {
    let database = Database::postgres_empty().await;
    let targets = targets(&database.url);
    let mut own = PgConnection::connect(&database.url).await.unwrap();
    let before = size(&mut own).await;
    for _ in 0..5 {
        assert_eq!(
            look_at(&probe(", writable: true"), &targets).await,
            Ok("accepts writes".into())
        );
    }
    assert_eq!(size(&mut own).await, before);
    own.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_read_only_is_told_as_such() {
    let database = Database::postgres_empty().await;
    let url = format!(
        "{}?options=-c%20default_transaction_read_only=on",
        database.url
    );
    let targets = targets(&url);
    assert_eq!(
        class(look_at(&probe(", writable: true"), &targets).await),
        Class::ReadOnly
    );
    assert_eq!(look_at(&probe(""), &targets).await, Ok("answers".into()));
}

#[tokio::test]
async fn a_primary_that_nobody_follows_and_that_archives_nothing_is_degraded() {
    let database = Database::postgres_empty().await;
    let targets = targets(&database.url);
    let lag = look_at(&probe(", max_lag: {time: 10s}"), &targets).await;
    assert_eq!(class(lag), Class::Lag);
    let archiver = look_at(&probe(", archiver: true"), &targets).await;
    assert_eq!(class(archiver), Class::Archiver);
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such() {
    let database = Database::postgres_empty().await;
    let (head, tail) = database.url.split_once('@').unwrap();
    let (head, _) = head.rsplit_once(':').unwrap();
    let targets = targets(&format!("{head}:wrong@{tail}"));
    assert_eq!(class(look_at(&probe(""), &targets).await), Class::Auth);
}
