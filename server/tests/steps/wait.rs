//! Waiting, until it is so.

use crate::{
    house::until,
    http::serve,
    scene::{Scene, end, targets},
};
use axum::{Router, http::StatusCode, routing::get};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use store::testing::Database;

/// Refuses twice, then once, between them one yes; then yes for ever.
#[tokio::test]
async fn a_wait_ends_when_it_was_so_as_often_in_a_row_as_asked() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let answer = move || async move {
        match count.fetch_add(1, Ordering::SeqCst) {
            0 | 1 | 3 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        }
    };
    let site = serve(Router::new().route("/", get(answer))).await;
    let wait = json!({"wait": {"until": {"http": {"url": site, "internal": true}}, "every": "10ms", "times": 3}});
    let said = Scene::new().work(wait).await;
    said.is(
        0,
        &[
            "not yet: status 503",
            "yes: status 200",
            "so it is",
            "asked 7 times",
        ],
    );
    assert_eq!(asked.load(Ordering::SeqCst), 7);
    // Each change is told, and nothing else.
    assert_eq!(said.out.matches("after").count(), 4 + 1, "{}", said.out);
}

#[tokio::test]
async fn a_wait_asks_a_database_until_the_value_is_there() {
    let database = Database::postgres_empty().await;
    database.execute("CREATE TABLE go (n int)").await.unwrap();
    let scene = Scene::with_targets(targets(&database.url));
    let child = scene.begin(json!({"wait": {"every": "20ms", "until": {"sql":
        {"database": "orders", "statement": "SELECT count(*) FROM go", "expect": "1"}}}}));
    database.execute("INSERT INTO go VALUES (1)").await.unwrap();
    end(child).await.is(0, &["yes: the first value is 1"]);
}

#[tokio::test]
async fn a_wait_runs_a_command_without_a_shell_until_it_exits_with_nought() {
    let scene = Scene::new().env("MUSTER_PARAM_FILE", "go $(touch pasted)");
    let wait = json!({"wait": {"every": "20ms", "until": {"command": ["test", "-e", {"parameter": "file"}]}}});
    let mut child = scene.begin(wait);
    assert!(child.try_wait().unwrap().is_none());
    std::fs::write(scene.home.path().join("go $(touch pasted)"), "").unwrap();
    end(child).await.is(0, &["so it is"]);
    assert!(!scene.home.path().join("pasted").exists());

    let line = json!({"wait": {"every": "20ms", "until": {"command": "echo x >> asked; echo \"at $(wc -l < asked)\"; test $(wc -l < asked) -ge 3"}}});
    scene.work(line).await.is(
        0,
        &[
            "exit code 1, at 1",
            "exit code 1, at 2",
            "exit code 0, at 3",
            "asked 3 times",
        ],
    );
}

#[tokio::test]
async fn a_wait_that_nothing_can_mend_ends_at_once_and_another_only_when_it_is_stopped() {
    let scene = Scene::new();
    let asks = |url: &str| json!({"wait": {"every": "10ms", "until": {"http": {"url": url}}}});
    scene
        .work(asks("http://127.0.0.1:1/"))
        .await
        .is(1, &["internal: true"]);
    let waits = json!({"wait": {"every": "10ms", "until": {"command": ["sh", "-c", "echo asked >> log; exit 1"]}}});
    let mut child = scene.begin(waits);
    let log = scene.home.path().join("log");
    until("it asks five times", async || {
        let asked = std::fs::read_to_string(&log).unwrap_or_default();
        (asked.lines().count() >= 5).then_some(())
    })
    .await;
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}
