//! A dry run tells all, and does nothing.

use crate::scene::{Scene, targets};
use serde_json::{Value, json};
use store::testing::Database;

fn dry(step: Value, commands: Value) -> Value {
    let mut named = json!({"name": "The step"});
    let step = step.as_object().unwrap().clone();
    named.as_object_mut().unwrap().extend(step);
    json!({"step": named, "commands": commands, "notes": ["approval: one commander"]})
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_typed_and_types_nothing() {
    let scene = Scene::new()
        .env("MUSTER_PARAM_WHERE", "ran")
        .env("API_KEY", "xyzzy");
    let step = json!({"commands": [["touch", {"parameter": "where"}]], "secrets": {"API_KEY": "the-api-key"}});
    let said = scene
        .dry_run(dry(
            step.clone(),
            json!([["touch", "ran \"here\""], ["/bin/sh", "-c", "touch ran"]]),
        ))
        .await;
    said.is(
        0,
        &[
            "approval: one commander",
            r#"would run: ["touch","ran \"here\""]"#,
            r#"would run: ["/bin/sh","-c","touch ran"]"#,
            "the secret the-api-key is there, in API_KEY",
            "the parameter where is there, in MUSTER_PARAM_WHERE",
            "nothing was run; it could be",
        ],
    );
    said.keeps_quiet_about("xyzzy");
    assert_eq!(std::fs::read_dir(scene.home.path()).unwrap().count(), 0);

    let scene = Scene::new();
    std::fs::write(scene.home.path().join("plain"), "").unwrap();
    let said = scene
        .dry_run(dry(
            step,
            json!([
                ["no-such-program", "x"],
                ["./plain"],
                [env!("CARGO_BIN_EXE_muster"), "do", "db:no-such"]
            ]),
        ))
        .await;
    said.is(
        1,
        &[
            "missing: `no-such-program` is in no folder of PATH",
            "missing: ./plain may not be executed",
            "missing: the secret API_KEY",
            "missing: the parameter `where`",
            "missing: `muster do` has no action `db:no-such`",
            "5 things are missing",
        ],
    );
}

#[tokio::test]
async fn a_dry_run_names_what_would_be_asked_and_no_secret() {
    let scene = Scene::new().env("API_KEY", "xyzzy").env("THE_KEY", "xyzzy");
    let commands = json!([[env!("CARGO_BIN_EXE_muster"), "step", "work"]]);
    let http = json!({"http": {"url": "https://api.example.org/failover?key=xyzzy", "method": "PUT",
        "headers": {"authorization": {"secret": "API_KEY"}, "x-token": "xyzzy"}, "query": {"lsn": {"output": "lsn"}}}});
    let said = scene.dry_run(dry(http, commands.clone())).await;
    said.is(
        0,
        &[
            "would ask: PUT https://api.example.org/failover?…",
            "header authorization: <API_KEY>",
            "query lsn: <lsn>",
            "the output lsn comes from an earlier step",
        ],
    )
    .keeps_quiet_about("xyzzy");
    let ssh = json!({"ssh": {"host": "db1", "user": "ops", "identity": "THE_KEY", "known_hosts": "known_hosts",
        "command": ["pg_ctl", "stop"]}});
    let said = scene.dry_run(dry(ssh, commands)).await;
    said.is(
        1,
        &[
            "would ask ops@db1: pg_ctl stop",
            "missing: the file of host keys",
            "known_hosts",
        ],
    )
    .keeps_quiet_about("xyzzy");
}

#[tokio::test]
async fn a_dry_run_looks_whether_the_target_is_the_expected_one() {
    let database = Database::postgres_empty().await;
    let scene = Scene::with_targets(targets(&database.url));
    let step = |role: &str| {
        json!({"expect": {"database": "orders", "role": role},
        "sql": {"database": "orders", "statement": "CREATE TABLE ran (n int)"}})
    };
    let said = scene.dry_run(dry(step("primary"), json!([]))).await;
    said.is(
        0,
        &[
            "would ask orders: CREATE TABLE ran",
            "the target is as expected",
        ],
    );
    scene
        .dry_run(dry(step("replica"), json!([])))
        .await
        .is(1, &["missing: expected role replica, found role primary"]);
    // It was never run, or this could not be.
    database.execute("CREATE TABLE ran (n int)").await.unwrap();
}
