//! Requests, against a real server on loopback.

use crate::scene::{Said, Scene};
use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, Uri, header::LOCATION},
    response::IntoResponse,
    routing::{any, get},
};
use serde_json::{Value, json};
use std::{convert::Infallible, time::Duration};

pub async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// Answers each request with what it was.
async fn echo(method: axum::http::Method, uri: Uri, headers: HeaderMap, body: Bytes) -> String {
    let header = |name: &str| {
        headers
            .get(name)
            .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
    };
    json!({
        "method": method.as_str(), "query": uri.query(), "body": String::from_utf8_lossy(&body),
        "x-key": header("x-key"), "n": 7, "ok": true, "deep": {"list": [1, "two"]},
    })
    .to_string()
}

fn redirect(to: &'static str) -> impl IntoResponse {
    (StatusCode::FOUND, [(LOCATION, to)])
}

fn endless(pause: Duration) -> Body {
    Body::from_stream(futures::stream::unfold((), move |()| async move {
        tokio::time::sleep(pause).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 8192])), ()))
    }))
}

async fn site() -> String {
    serve(
        Router::new()
            .route("/echo", any(echo))
            .route(
                "/503",
                any(|| async { (StatusCode::SERVICE_UNAVAILABLE, "warming up") }),
            )
            .route("/slow", get(std::future::pending::<String>))
            .route("/flood", get(|| async { endless(Duration::ZERO) }))
            .route(
                "/trickle",
                get(|| async { endless(Duration::from_millis(50)) }),
            )
            .route("/to-echo", any(|| async { redirect("/echo") }))
            .route(
                "/to-metadata",
                get(|| async { redirect("http://169.254.169.254/latest/") }),
            )
            .route("/to-v6", get(|| async { redirect("http://[::1]:9/") }))
            .route("/to-file", get(|| async { redirect("file:///etc/passwd") }))
            .route("/round", get(|| async { redirect("/round") })),
    )
    .await
}

async fn ask(scene: &Scene, url: String, more: Value) -> Said {
    let mut http = json!({ "url": url, "internal": true });
    let more = more.as_object().unwrap().clone();
    http.as_object_mut().unwrap().extend(more);
    scene.work(json!({ "http": http })).await
}

#[tokio::test]
async fn a_request_asks_what_the_plan_says_and_demands_the_answer_it_says() {
    let (site, scene) = (site().await, Scene::new());
    let ask = |path: &str, more| ask(&scene, format!("{site}{path}"), more);
    ask("/echo", json!({}))
        .await
        .is(0, &["GET http://127.0.0.1", "status 200"]);
    ask("/503", json!({}))
        .await
        .is(1, &["status 503, expected any 2xx", "warming up"]);
    ask("/503", json!({"expect_status": [200, 503]}))
        .await
        .is(0, &["status 503"]);
    ask(
        "/echo",
        json!({"body": "hello", "expect_json": {"/method": "POST", "/body": "hello"}}),
    )
    .await
    .is(0, &["POST "]);
    ask(
        "/echo",
        json!({"method": "delete", "expect_json": {"/method": "DELETE"}}),
    )
    .await
    .is(0, &[]);
    ask("/echo", json!({"expect_body": "\"n\":7"}))
        .await
        .is(0, &[]);
    ask("/echo", json!({"expect_body": "no such"}))
        .await
        .is(1, &["does not contain “no such”"]);
    ask(
        "/echo",
        json!({"expect_json": {"/n": "7", "/ok": "true", "/deep/list": "[1,\"two\"]"}}),
    )
    .await
    .is(0, &[]);
    ask("/echo", json!({"expect_json": {"/n": "8"}}))
        .await
        .is(1, &["/n is 7, expected 8"]);
    ask("/echo", json!({"expect_json": {"/gone": "8"}}))
        .await
        .is(1, &["has no /gone"]);
    ask(
        "/503",
        json!({"expect_status": [503], "expect_json": {"/n": "8"}}),
    )
    .await
    .is(1, &["is not JSON"]);
}

#[tokio::test]
async fn what_was_handed_over_reaches_the_server_as_it_is_and_is_never_printed() {
    let site = site().await;
    let hostile = "a&b=c#\"';$(reboot) \u{fc}%00";
    let scene = Scene::new()
        .env("MUSTER_PARAM_TARGET_TIME", hostile)
        .env("MUSTER_OUTPUT_LSN", "0/16B3748")
        .env("API_KEY", "xyzzy-plugh");
    let asked = json!({
        "query": {"at": {"parameter": "target-time"}},
        "headers": {"x-key": {"secret": "API_KEY"}},
        "body": {"output": "lsn"},
        "expect_json": {"/query": "at=a%26b%3Dc%23%22%27%3B%24%28reboot%29+%C3%BC%2500",
                        "/x-key": "xyzzy-plugh", "/body": "0/16B3748"},
    });
    ask(&scene, format!("{site}/echo"), asked.clone())
        .await
        .is(0, &["status 200"])
        .keeps_quiet_about("xyzzy");
    let said = ask(&Scene::new(), format!("{site}/echo"), asked).await;
    said.is(
        1,
        &[
            "the parameter `target-time` was not handed over",
            "MUSTER_PARAM_TARGET_TIME",
        ],
    );
    let split = Scene::new().env("API_KEY", "one\r\nx-evil: two");
    ask(
        &split,
        format!("{site}/echo"),
        json!({"headers": {"x-key": {"secret": "API_KEY"}}}),
    )
    .await
    .is(1, &["the header `x-key`: its value holds a line break"])
    .keeps_quiet_about("x-evil");
}

#[tokio::test]
async fn an_answer_is_bounded_in_time_and_in_size() {
    let (site, scene) = (site().await, Scene::new());
    let ask = |path: &str, more| ask(&scene, format!("{site}{path}"), more);
    ask("/slow", json!({"within": "200ms"}))
        .await
        .is(1, &["no whole answer within"]);
    ask("/trickle", json!({"within": "300ms"}))
        .await
        .is(1, &["no whole answer within"]);
    ask("/flood", json!({"within": "300ms"}))
        .await
        .is(1, &["no whole answer within"]);
    ask("/flood", json!({}))
        .await
        .is(0, &["1048576 bytes and more"]);
    ask("/flood", json!({"expect_body": "y"}))
        .await
        .is(1, &["in the first 1 MiB"]);
    ask("/echo", json!({"within": "1m"})).await.is(0, &[]);
}

#[tokio::test]
async fn a_redirect_is_followed_only_where_it_is_asked_for_and_never_inside() {
    let (site, scene) = (site().await, Scene::new().env("API_KEY", "xyzzy"));
    let ask = |path: &str, more| ask(&scene, format!("{site}{path}"), more);
    let follow = || json!({"follow_redirects": true});
    ask("/to-echo", json!({})).await.is(
        1,
        &["status 302, expected any 2xx", "follow_redirects: true"],
    );
    ask("/to-echo", json!({"expect_status": [302]}))
        .await
        .is(0, &[]);
    let same_host = json!({"follow_redirects": true, "headers": {"x-key": {"secret": "API_KEY"}}, "body": "b",
                           "expect_json": {"/method": "GET", "/body": "", "/x-key": "xyzzy"}});
    ask("/to-echo", same_host)
        .await
        .is(0, &["redirected to http://127.0.0.1"]);
    ask("/to-metadata", follow()).await.is(
        1,
        &[
            "169.254.169.254",
            "the cloud's metadata service",
            "not followed",
        ],
    );
    ask("/to-v6", follow())
        .await
        .is(1, &["this machine (::1)", "not followed"]);
    ask("/to-file", follow())
        .await
        .is(1, &["only http and https"]);
    ask("/round", follow()).await.is(1, &["the sixth redirect"]);
}

#[tokio::test]
async fn a_request_reaches_nothing_inside_unless_the_plan_means_it() {
    let (site, scene) = (
        site().await,
        Scene::new().env("HTTP_PROXY", "http://127.0.0.1:9"),
    );
    let port = site.rsplit_once(':').unwrap().1;
    for host in [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
        "10.0.0.1",
        "169.254.169.254",
    ] {
        let url = format!("http://{host}:{port}/echo");
        scene
            .work(json!({"http": {"url": url}}))
            .await
            .is(1, &["nothing was asked", "internal: true"]);
    }
    scene
        .work(json!({"http": {"url": "file:///etc/passwd"}}))
        .await
        .is(1, &["not an http:// or https:// address"]);
    // A proxy of the environment would be asked in the place of the address that was judged.
    ask(&scene, format!("http://localhost:{port}/echo"), json!({}))
        .await
        .is(0, &["status 200"]);
}

#[tokio::test]
async fn a_work_that_cannot_be_read_is_wrong_use() {
    let scene = Scene::new();
    scene
        .work(json!({"http": {"uri": "x"}}))
        .await
        .is(2, &["MUSTER_STEP_WORK cannot be understood"]);
    scene
        .work(json!({"manual": {"instructions": "call them"}}))
        .await
        .is(2, &["by a person"]);
}
