//! What the lab promises, on real PostgreSQL servers.

#![allow(clippy::unwrap_used)] // clippy knows only test functions as tests, not their helpers

mod support;

use std::os::unix::fs::PermissionsExt;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Lab, until};

#[tokio::test(flavor = "multi_thread")]
async fn up_twice_changes_nothing_and_tells_no_password() {
    let Some(lab) = Lab::up(26400).await else {
        return;
    };
    let before = lab.status().await;
    let again = lab.done(&["up"]).await;
    assert_eq!(again["already_up"], true);
    let after = lab.status().await;
    for path in [
        "/lab/pid",
        "/app/pid",
        "/primary/pid",
        "/replica/pid",
        "/primary/system_identifier",
    ] {
        assert!(!before.pointer(path).unwrap().is_null(), "{path}");
        assert_eq!(before.pointer(path), after.pointer(path), "{path}");
    }
    assert_eq!(after["writable"], json!(["primary"]));
    no_password_is_on_a_command_line(&lab);

    // Down and up again keeps what was stored, and the folder cannot be taken for another lab.
    let (_, order) = lab
        .app(
            Method::POST,
            "/orders",
            Some(json!({ "sku": "bolt", "quantity": 3 })),
        )
        .await;
    lab.done(&["down"]).await;
    assert_eq!(lab.run(&["status"]).await.0, 1);
    assert_eq!(lab.run(&["up", "--base-port", "26450"]).await.0, 2);
    assert_eq!(lab.run(&["reset"]).await.0, 2);
    lab.done(&["up"]).await;
    let (status, read) = lab
        .app(Method::GET, &format!("/orders/{}", order["id"]), None)
        .await;
    assert_eq!((status, read), (StatusCode::OK, order));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_order_survives_the_loss_of_the_primary() {
    let Some(lab) = Lab::up(26600).await else {
        return;
    };
    let (status, order) = lab
        .app(
            Method::POST,
            "/orders",
            Some(json!({ "sku": "gear", "quantity": 7 })),
        )
        .await;
    assert_eq!(status, StatusCode::CREATED);
    // Replication is asynchronous: the promise is about orders that were replicated.
    until("the replica has everything", async || {
        lab.status().await["replica"]["lag_bytes"] == 0
    })
    .await;

    lab.done(&["break", "db"]).await;
    let (status, health) = lab.health().await;
    assert_eq!(
        (status, &health["reason"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("refused"))
    );

    let fence = lab.done(&["fence", "primary"]).await;
    assert!(
        fence["proof"]["connect"]
            .as_str()
            .unwrap()
            .contains("refused"),
        "{fence:#}"
    );
    assert!(
        fence["proof"]["write"]
            .as_str()
            .unwrap()
            .contains("refused"),
        "{fence:#}"
    );
    let (code, refusal) = lab.run(&["route", "primary"]).await;
    assert_eq!(code, 1);
    assert!(
        refusal["error"].as_str().unwrap().contains("fenced"),
        "{refusal:#}"
    );

    lab.promote("replica").await;
    lab.done(&["route", "replica"]).await;
    until("the app is healthy again", async || {
        lab.health().await.0 == StatusCode::OK
    })
    .await;
    let (status, read) = lab
        .app(Method::GET, &format!("/orders/{}", order["id"]), None)
        .await;
    assert_eq!((status, read), (StatusCode::OK, order));

    // A fence outlives the daemon and the lab.
    lab.done(&["down"]).await;
    lab.done(&["up"]).await;
    let now = lab.status().await;
    assert_eq!(
        (&now["primary"]["up"], &now["primary"]["fenced"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&now["route"], &now["writable"]),
        (&json!("replica"), &json!(["replica"]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healed_old_primary_is_never_a_second_writable_one() {
    let Some(lab) = Lab::up(26700).await else {
        return;
    };
    lab.done(&["break", "db"]).await;
    lab.promote("replica").await;
    lab.done(&["route", "replica"]).await;
    let (_, order) = lab
        .app(
            Method::POST,
            "/orders",
            Some(json!({ "sku": "cog", "quantity": 1 })),
        )
        .await;

    // Nobody fenced it, and still a start of the whole lab leaves it down.
    lab.kill_daemon().await;
    lab.done(&["up"]).await;
    assert_eq!(lab.status().await["primary"]["up"], false);

    let healed = lab.done(&["heal", "db"]).await;
    let copy = std::path::Path::new(healed["forensic_copy"].as_str().unwrap());
    assert!(
        copy.join("PG_VERSION").exists(),
        "the old data was not kept: {healed:#}"
    );
    let now = lab.status().await;
    assert_eq!(now["writable"], json!(["replica"]));
    assert_eq!(now["primary"]["role"], "replica");
    assert_eq!(now["primary"]["timeline"], now["replica"]["timeline"]);

    let mut old = lab.admin("primary").await.unwrap();
    let write = sqlx::query("INSERT INTO orders (sku, quantity, release) VALUES ('x', 1, 'x')")
        .execute(&mut old)
        .await;
    assert!(write.unwrap_err().to_string().contains("read-only"));
    let read = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM orders WHERE id = $1")
        .bind(order["id"].as_i64());
    assert_eq!(read.fetch_one(&mut old).await.unwrap(), 1);
    drop(old);

    // Promoted behind everybody's back: heal gives up the older timeline.
    lab.promote("primary").await;
    assert_eq!(
        lab.status().await["writable"],
        json!(["primary", "replica"])
    );
    lab.done(&["heal", "replica"]).await;
    assert_eq!(lab.status().await["writable"], json!(["primary"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_takes_nothing_with_it() {
    let Some(lab) = Lab::up(26800).await else {
        return;
    };
    let before = lab.status().await;
    lab.kill_daemon().await;
    lab.admin("primary").await.unwrap();
    lab.admin("replica").await.unwrap();
    lab.done(&["up"]).await;
    let after = lab.status().await;
    for path in ["/app/pid", "/primary/pid", "/replica/pid"] {
        assert_eq!(before.pointer(path), after.pointer(path), "{path}");
    }
    assert_ne!(before["lab"]["pid"], after["lab"]["pid"]);
    until("the app is healthy", async || {
        lab.health().await.0 == StatusCode::OK
    })
    .await;

    lab.kill_daemon().await;
    lab.done(&["down"]).await;
    assert!(lab.admin("primary").await.is_err());
    assert!(lab.admin("replica").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_says_why_it_is_not_healthy() {
    let Some(lab) = Lab::up(27200).await else {
        return;
    };
    let reason = async || {
        let (status, body) = lab.health().await;
        if status == StatusCode::OK {
            Value::Null
        } else {
            body["reason"].clone()
        }
    };
    assert_eq!(reason().await, Value::Null);
    for (fault, expected) in [
        ("proxy", "refused"),
        ("network", "timeout"),
        ("db", "refused"),
    ] {
        lab.done(&["break", fault]).await;
        assert_eq!(reason().await, expected, "break {fault}");
        lab.done(&["heal", fault]).await;
        until("healthy again", async || reason().await == Value::Null).await;
    }
    lab.done(&["route", "replica"]).await;
    assert_eq!(reason().await, "read_only");
    let (_, refused) = lab
        .app(
            Method::POST,
            "/orders",
            Some(json!({ "sku": "nut", "quantity": 1 })),
        )
        .await;
    assert_eq!(refused["outcome"], "not_stored");
    lab.done(&["route", "primary"]).await;
    until("healthy again", async || reason().await == Value::Null).await;

    let mut admin = lab.admin("primary").await.unwrap();
    sqlx::raw_sql("ALTER ROLE manufacturing PASSWORD 'rotated'")
        .execute(&mut admin)
        .await
        .unwrap();
    let (status, body) = lab.app(Method::POST, "/admin/pool/reset", None).await;
    assert_eq!(
        (status, &body["reason"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("auth"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_lets_requests_finish() {
    let Some(lab) = Lab::up(27300).await else {
        return;
    };
    // A locked table holds the order in flight for as long as the test needs.
    let mut admin = lab.admin("primary").await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        .execute(&mut admin)
        .await
        .unwrap();
    let order = lab.app(
        Method::POST,
        "/orders",
        Some(json!({ "sku": "axle", "quantity": 2 })),
    );
    let stop = async {
        until("the order is in flight", async || {
            lab.app(Method::GET, "/livez", None).await.1["in_flight"] == 1
        })
        .await;
        let release = async {
            let asked = lab.dir().join("log/app.log");
            until("the app knows", async || {
                std::fs::read_to_string(&asked)
                    .unwrap()
                    .contains("asked to stop")
            })
            .await;
            sqlx::raw_sql("COMMIT").execute(&mut admin).await.unwrap();
        };
        tokio::join!(lab.done(&["app", "stop"]), release).0
    };
    let ((status, _), stopped) = tokio::join!(order, stop);
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(stopped["stop"]["drained"], 1, "{stopped:#}");
    assert_eq!(stopped["stop"]["aborted"], 0, "{stopped:#}");
    assert_eq!(lab.status().await["app"]["state"], "stopped");
    lab.done(&["app", "start"]).await;
    let (_, orders) = lab.app(Method::GET, "/orders", None).await;
    assert_eq!(orders["orders"][0]["sku"], "axle");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outside_world_comes_and_goes_with_the_lab_and_keeps_its_secrets() {
    let Some(lab) = Lab::up(27400).await else {
        return;
    };
    let names = [
        "MUSTER_SMTP_URL",
        "MUSTER_SMTP_CA",
        "MUSTER_SLACK_WEBHOOK",
        "MUSTER_SLACK_SIGNING_SECRET",
        "MUSTER_TWILIO_URL",
        "MUSTER_TWILIO_SID",
        "MUSTER_TWILIO_TOKEN",
        "MUSTER_TWILIO_FROM",
        "MUSTER_WEBHOOK_URL",
        "MUSTER_WEBHOOK_SECRET",
        "MUSTER_TEAMS_URL",
        "MUSTER_PAGERDUTY_URL",
        "MUSTER_PAGERDUTY_KEY",
    ];
    let before = names.map(|name| lab.secret(name));
    let post = async || {
        let message = json!({ "text": "SEV1: orders fail" });
        let post = lab.http.post(lab.secret("MUSTER_SLACK_WEBHOOK"));
        post.json(&message).send().await
    };
    assert_eq!(post().await.unwrap().status(), StatusCode::OK);
    assert!(lab.secret("MUSTER_SMTP_URL").contains("@127.0.0.1:27425?"));
    let page = "http://127.0.0.1:27482/";
    let seen = lab.http.get(page).send().await.unwrap();
    assert!(seen.text().await.unwrap().contains("SEV1: orders fail"));

    // A killed daemon leaves it where it is, and the next one finds it.
    let pid = lab.recorded_pid("sinks");
    lab.kill_daemon().await;
    post().await.unwrap();
    let up = lab.done(&["up"]).await;
    assert_eq!(up["outside"], "http://127.0.0.1:27482");
    assert_eq!(lab.recorded_pid("sinks"), pid);

    lab.done(&["down"]).await;
    assert!(post().await.unwrap_err().is_connect());
    lab.done(&["up"]).await;
    assert_eq!(names.map(|name| lab.secret(name)), before);
    let received = lab.http.get(format!("{page}control/received"));
    let received: Value = received.send().await.unwrap().json().await.unwrap();
    assert_eq!(received.as_array().unwrap().len(), 2);
}

fn no_password_is_on_a_command_line(lab: &Lab) {
    let names = [
        "LAB_DB_PASSWORD",
        "LAB_DB_ADMIN_PASSWORD",
        "LAB_DB_REPLICATION_PASSWORD",
        "MUSTER_SMTP_URL",
        "MUSTER_TWILIO_TOKEN",
        "MUSTER_WEBHOOK_SECRET",
    ];
    let secrets = names.map(|name| lab.secret(name));
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        assert!(
            !secrets.iter().any(|secret| line.contains(secret.as_str())),
            "{line}"
        );
    }
    let secrets_file = std::fs::metadata(lab.dir().join("secrets.env")).unwrap();
    assert_eq!(secrets_file.permissions().mode() & 0o777, 0o600);
}
