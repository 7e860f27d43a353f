//! Statements and expectations, against a real PostgreSQL.

use crate::scene::{Scene, targets};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use store::testing::Database;

async fn scene() -> (Scene, Database) {
    let database = Database::postgres_empty().await;
    let scene = Scene::with_targets(targets(&database.url));
    database
        .execute("CREATE TABLE orders (id int PRIMARY KEY, name text)")
        .await
        .unwrap();
    (scene, database)
}

fn sql(statement: &str, more: Value) -> Value {
    let mut sql = json!({ "database": "orders", "statement": statement });
    let more = more.as_object().unwrap().clone();
    sql.as_object_mut().unwrap().extend(more);
    json!({ "sql": sql })
}

async fn names(database: &Database) -> Vec<String> {
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    sqlx::query_scalar("SELECT name FROM orders ORDER BY id")
        .fetch_all(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_value_of_any_type_is_compared_as_the_server_writes_it() {
    let (scene, _database) = scene().await;
    for (statement, expect) in [
        ("SELECT 42", "42"),
        ("SELECT true", "t"),
        ("SELECT 1.50::numeric", "1.50"),
        ("SELECT 'text'", "text"),
        (
            "SELECT '2026-11-22 14:02:11+00'::timestamptz AT TIME ZONE 'UTC'",
            "2026-11-22 14:02:11",
        ),
        ("SELECT '0/16B3748'::pg_lsn", "0/16B3748"),
        ("SELECT ARRAY[1,2]", "{1,2}"),
        ("SELECT '{\"a\": 1}'::jsonb", "{\"a\": 1}"),
        ("SHOW transaction_read_only", "off"),
    ] {
        scene
            .work(sql(statement, json!({"expect": expect})))
            .await
            .is(0, &["1 row", expect]);
    }
    scene
        .work(sql("SELECT 41", json!({"expect": "42"})))
        .await
        .is(1, &["the first value is 41, expected 42"]);
    scene
        .work(sql("SELECT NULL", json!({"expect": ""})))
        .await
        .is(1, &["the first value is NULL"]);
    scene
        .work(sql("SELECT 1 WHERE false", json!({"expect": "1"})))
        .await
        .is(1, &["no row came"]);
    scene
        .work(sql("SELEKT 1", json!({})))
        .await
        .is(1, &["syntax error"]);
}

#[tokio::test]
async fn a_bind_is_a_value_whatever_is_in_it() {
    let (scene, database) = scene().await;
    let hostile = "x'); DROP TABLE orders; --\\ $1 \u{fc}\n";
    let scene = scene.env("MUSTER_PARAM_NAME", hostile).env("THE_ID", "7");
    let binds = json!({"bind": [{"secret": "THE_ID"}, {"parameter": "name"}]});
    let insert = "INSERT INTO orders VALUES ($1::int, $2)";
    let said = scene.work(sql(insert, binds)).await;
    said.is(0, &["$1 = <THE_ID>", "1 changed"])
        .keeps_quiet_about("DROP");
    assert_eq!(names(&database).await, [hostile]);
    let one = json!({"bind": ["7"], "expect": "7"});
    scene
        .work(sql("SELECT id FROM orders WHERE id = $1::int", one.clone()))
        .await
        .is(0, &[]);
    // Nothing hides behind the first statement.
    let two = "SELECT id FROM orders WHERE id = $1::int; DELETE FROM orders";
    scene
        .work(sql(two, one))
        .await
        .is(1, &["multiple commands"]);
    assert_eq!(names(&database).await.len(), 1);
}

#[tokio::test]
async fn what_only_reads_cannot_write() {
    let (scene, database) = scene().await;
    let read_only = || json!({"read_only": true});
    let insert = "INSERT INTO orders VALUES (1, 'a')";
    scene
        .work(sql(insert, read_only()))
        .await
        .is(1, &["read-only"]);
    scene
        .work(sql(&format!("COMMIT; {insert}"), read_only()))
        .await
        .is(1, &["read-only"]);
    scene
        .work(sql(
            "SHOW transaction_read_only",
            json!({"read_only": true, "expect": "on"}),
        ))
        .await
        .is(0, &[]);
    assert!(names(&database).await.is_empty());
    scene
        .work(sql(insert, json!({})))
        .await
        .is(0, &["1 changed"]);
    assert_eq!(names(&database).await, ["a"]);
    scene.work(sql("VACUUM orders", json!({}))).await.is(0, &[]);
}

#[tokio::test]
async fn a_statement_ends_in_time_and_its_rows_are_bounded() {
    let (scene, _database) = scene().await;
    let said = scene
        .work(sql(
            "SELECT pg_sleep(600)",
            json!({"statement_timeout": "200ms"}),
        ))
        .await;
    said.is(1, &["statement timeout"]);
    let said = scene
        .work(sql(
            "SELECT n, repeat('y', 5000) FROM generate_series(1, 5000) n",
            json!({}),
        ))
        .await;
    said.is(0, &["20 | y", "… and 4980 more", "5000 rows"]);
    assert!(said.out.len() < 8000, "{}", said.out.len());
}

#[tokio::test]
async fn a_database_that_the_plan_does_not_have_or_that_is_down_is_told() {
    let (scene, _database) = scene().await;
    let other = json!({"sql": {"database": "payroll", "statement": "SELECT 1"}});
    scene.work(other).await.is(1, &["no database `payroll`"]);
    scene
        .work(sql("SELECT 1", json!({"node": "z"})))
        .await
        .is(1, &["no node `z`"]);
    scene
        .work(sql("SELECT 1", json!({"node": "a"})))
        .await
        .is(0, &[]);
    let down = Scene::with_targets(targets("postgres://nobody@127.0.0.1:1/none"));
    down.work(sql("SELECT 1", json!({})))
        .await
        .is(1, &["cannot connect", "refused"]);
}

#[tokio::test]
async fn a_step_runs_only_on_the_target_that_it_expects() {
    let (scene, database) = scene().await;
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let system: String =
        sqlx::query_scalar("SELECT system_identifier::text FROM pg_control_system()")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let all = json!({"database": "orders", "node": "a", "role": "primary", "system_identifier": system,
                     "timeline": 1, "host": host.trim()});
    scene
        .expect(all.clone())
        .await
        .is(0, &["as expected", &system, host.trim()]);
    let with = |name: &str, value: Value| {
        let mut all = all.clone();
        all[name] = value;
        all
    };
    scene.expect(with("role", json!("replica"))).await.is(
        3,
        &["expected role replica, found role primary: nothing was run."],
    );
    scene
        .expect(with("system_identifier", json!("123")))
        .await
        .is(
            3,
            &[
                "expected system identifier 123, found system identifier ",
                &system,
                "nothing was run.",
            ],
        );
    scene
        .expect(with("timeline", json!(2)))
        .await
        .is(3, &["expected timeline 2, found timeline 1"]);
    scene
        .expect(with("host", json!("db2")))
        .await
        .is(3, &["expected host db2"]);
    scene
        .expect(with("node", json!("b")))
        .await
        .is(3, &["no node `b`", "nothing was run."]);
    scene
        .expect(json!({"role": "primary"}))
        .await
        .is(0, &["orders (route)"]);
    scene.expect(json!({"host": host.trim()})).await.is(0, &[]);
    scene.expect(json!({})).await.is(3, &["proves nothing"]);
    let down = Scene::with_targets(targets("postgres://nobody@127.0.0.1:1/none"));
    down.expect(json!({"role": "primary"}))
        .await
        .is(3, &["Cannot tell", "refused", "nothing was run."]);
}
