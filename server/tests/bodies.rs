//! What the server does with what it is sent: a body is understood whole, or refused with a sentence.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod house;

use house::{House, Server, header, incidents, refused};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_refused_form_without_script_keeps_what_was_typed() {
    let house = House::sqlite();
    let server = house.start();
    let browser = server.browser(&house, "commander").await;
    let refused = browser
        .form(
            "/incidents",
            &[
                ("title", "Orders are failing everywhere"),
                ("severity", "SEV7"),
            ],
        )
        .await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text().await.unwrap();
    assert!(page.contains(r#"value="Orders are failing everywhere""#));
    assert!(
        page.contains("use SEV1, SEV2 or SEV3"),
        "and says what is wrong"
    );
    // What was typed is text, whatever it looks like.
    let hostile = browser
        .form(
            "/incidents",
            &[("title", "<script>alert(1)</script>"), ("severity", "")],
        )
        .await;
    assert!(!hostile.text().await.unwrap().contains("<script>alert(1)"));
    assert_eq!(incidents(&browser).await, 0);

    let done = browser
        .form(
            "/incidents",
            &[
                ("title", "Orders are failing everywhere"),
                ("severity", "SEV1"),
                ("key", "k1-declare"),
            ],
        )
        .await;
    assert_eq!(done.status(), StatusCode::SEE_OTHER);
    let again = browser
        .form(
            "/incidents",
            &[
                ("title", "Orders are failing everywhere"),
                ("severity", "SEV1"),
                ("key", "k1-declare"),
            ],
        )
        .await;
    assert_eq!(
        header(&done, "location"),
        header(&again, "location"),
        "the same press twice leads to the same place"
    );
    assert_eq!(incidents(&browser).await, 1);
}

#[tokio::test]
async fn problem_json_names_the_field() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let title = refused(
        api.post(
            "/api/v1/incidents",
            json!({ "title": "x", "severity": "SEV1" }),
        )
        .await,
        StatusCode::UNPROCESSABLE_ENTITY,
    )
    .await;
    assert_eq!(
        (&title["field"], &title["status"]),
        (&json!("title"), &json!(422))
    );
    assert_eq!(title["detail"], "This needs at least 3 characters.");
    let affected =
        json!({ "title": "Orders", "severity": "SEV1", "affected": ["no-such-service"] });
    let affected = refused(
        api.post("/api/v1/incidents", affected).await,
        StatusCode::UNPROCESSABLE_ENTITY,
    )
    .await;
    assert_eq!(affected["field"], "affected");
    let missing = refused(
        api.get("/api/v1/incidents/INC-2026-999").await,
        StatusCode::NOT_FOUND,
    )
    .await;
    assert_eq!(missing["detail"], "There is no incident INC-2026-999.");
    refused(
        api.get("/api/v1/incidents/%00").await,
        StatusCode::NOT_FOUND,
    )
    .await;
    refused(
        api.post("/api/v1/incidents/%00/notes", json!({ "text": "hello" }))
            .await,
        StatusCode::UNPROCESSABLE_ENTITY,
    )
    .await;
    let nobody = refused(
        server.anybody().get("/api/v1/board").await,
        StatusCode::UNAUTHORIZED,
    )
    .await;
    assert!(
        nobody["detail"]
            .as_str()
            .unwrap()
            .contains("muster token create")
    );
}

#[tokio::test]
async fn an_api_body_with_an_unknown_field_is_refused() {
    let house = House::sqlite();
    let server = house.start();
    let api = server.program(&house.token("commander"));
    let misspelt =
        json!({ "title": "Orders are failing", "severity": "SEV1", "afected": ["orders-api"] });
    let no = refused(
        api.post("/api/v1/incidents", misspelt).await,
        StatusCode::UNPROCESSABLE_ENTITY,
    )
    .await;
    assert!(no["detail"].as_str().unwrap().contains("afected"), "{no}");
    let broken = api
        .ask(Method::POST, "/api/v1/incidents")
        .header("content-type", "application/json")
        .body("{")
        .send()
        .await
        .unwrap();
    refused(broken, StatusCode::BAD_REQUEST).await;
    assert_eq!(incidents(&api).await, 0);
}

/// Sends a body in chunks, without saying how long it will be.
async fn chunked(server: &Server, token: &str, path: &str, body: &str) -> String {
    let address = server.url.trim_start_matches("http://");
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    // The server may have heard enough before the end.
    let _ = socket.write_all(request.as_bytes()).await;
    let mut answer = vec![0; 64];
    let read = socket.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read])
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn a_body_over_64_kib_is_refused() {
    let house = House::sqlite();
    let server = house.start();
    let token = house.token("commander");
    let api = server.program(&token);
    let number = api
        .declare(json!({ "title": "Orders are failing", "severity": "SEV1" }))
        .await;
    let notes = format!("/api/v1/incidents/{number}/notes");
    let large = json!({ "text": "x".repeat(70 * 1024) });
    assert_eq!(
        api.post(&notes, large.clone()).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let status = chunked(&server, &token, &notes, &large.to_string()).await;
    assert!(status.starts_with("HTTP/1.1 4"), "{status}");
    let form = api
        .form(
            &format!("/incidents/{number}/notes"),
            &[("text", &"x".repeat(70 * 1024))],
        )
        .await;
    assert_eq!(form.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        chunked(&server, &token, &notes, r#"{"text":"small"}"#)
            .await
            .starts_with("HTTP/1.1 201")
    );
}
