//! Webhooks of any kind, Microsoft Teams, and PagerDuty's Events v2.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::faults::Drawn;
use super::kept::{Delivery, Sink};
use super::{Sinks, serve, sign};

type Fault = Option<Extension<Drawn>>;

fn keep(sinks: &Sinks, sink: Sink, delivery: &Delivery, answer: Response) -> Response {
    match sinks.kept.keep(sink, delivery) {
        Ok(_) => answer,
        Err(_) => serve::no_room(),
    }
}

fn delivery(to: String, drawn: Fault, headers: &HeaderMap, body: &[u8]) -> Delivery {
    Delivery {
        to: vec![to],
        key: serve::key(headers),
        fault: drawn.map(|drawn| drawn.fault),
        headers: serve::headers(headers),
        body: String::from_utf8_lossy(body).into_owned(),
        ..Delivery::default()
    }
}

/// Keeps whatever comes; a Standard Webhooks signature that is there has to be right.
pub async fn hook(
    State(sinks): State<Arc<Sinks>>,
    Path(name): Path<String>,
    drawn: Fault,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signed = (
        get("webhook-id"),
        get("webhook-timestamp"),
        get("webhook-signature"),
    );
    let signature = match signed {
        (Some(id), Some(timestamp), Some(signature)) => {
            let secret = &sinks.keys.webhook_secret;
            match sign::webhook_is_valid(secret, id, timestamp, &body, signature) {
                true => "valid",
                false => "wrong",
            }
        }
        (None, None, None) => "absent",
        _ => "wrong",
    };
    if signature == "wrong" {
        return (StatusCode::UNAUTHORIZED, "the signature is wrong").into_response();
    }
    // Old is not wrong here: a test's clock stands where the test wants it.
    let age = get("webhook-timestamp")
        .and_then(|timestamp| timestamp.parse::<i64>().ok())
        .map(|timestamp| jiff::Timestamp::now().as_second() - timestamp);
    let mut delivery = delivery(name, drawn, &headers, &body);
    delivery.text = delivery.body.clone();
    delivery.detail = json!({ "method": method.as_str(), "signature": signature, "age_s": age });
    let answer = StatusCode::NO_CONTENT.into_response();
    keep(&sinks, Sink::Hook, &delivery, answer)
}

/// What Teams takes of a card, in bytes.
const CARD: usize = 28 << 10;

pub async fn teams(
    State(sinks): State<Arc<Sinks>>,
    Path(name): Path<String>,
    drawn: Fault,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let no = |status: StatusCode, code: &str, message: &str| {
        let error = json!({ "error": { "code": code, "message": message } });
        (status, Json(error)).into_response()
    };
    if body.len() > CARD {
        let code = "RequestEntityTooLarge";
        return no(
            StatusCode::PAYLOAD_TOO_LARGE,
            code,
            "The card is too large.",
        );
    }
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let attachment = &message["attachments"][0];
    let card = &attachment["content"];
    let is_card = message["type"] == "message"
        && attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        && card["type"] == "AdaptiveCard"
        && card["version"].is_string()
        && card["body"].as_array().is_some_and(|body| !body.is_empty());
    if !is_card {
        let code = "TriggerInputSchemaMismatch";
        let message = "The input body is no message with an Adaptive Card.";
        return no(StatusCode::BAD_REQUEST, code, message);
    }
    let mut delivery = delivery(name, drawn, &headers, &body);
    let mut words = Vec::new();
    texts(&card["body"], &mut words);
    delivery.subject = words.first().cloned().unwrap_or_default();
    delivery.text = words.join("\n");
    delivery.detail = json!({ "card": card });
    let answer = StatusCode::ACCEPTED.into_response();
    keep(&sinks, Sink::Teams, &delivery, answer)
}

/// The words of a card, in reading order.
fn texts(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| texts(item, words)),
        Value::Object(object) => {
            if let (Some(title), Some(value)) = (object.get("title"), object.get("value")) {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                words.push(format!("{} {}", text(title), text(value)));
                return;
            }
            words.extend(
                object
                    .get("text")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            for (name, inner) in object {
                if name != "text" {
                    texts(inner, words);
                }
            }
        }
        _ => {}
    }
}

pub fn invalid_event(error: &str) -> Response {
    let answer = json!({
        "status": "invalid event", "message": "Event object is invalid", "errors": [error],
    });
    (StatusCode::BAD_REQUEST, Json(answer)).into_response()
}

pub async fn pagerduty(
    State(sinks): State<Arc<Sinks>>,
    drawn: Fault,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(event) = serde_json::from_slice::<Value>(&body) else {
        return invalid_event("Invalid JSON");
    };
    if let Err(error) = check(&event, &sinks.keys.pagerduty_key) {
        return invalid_event(&error);
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let dedup_key = text(&event["dedup_key"]);
    let dedup_key = dedup_key.unwrap_or_else(|| super::token(16));
    let mut delivery = delivery(
        text(&event["routing_key"]).unwrap_or_default(),
        drawn,
        &headers,
        &body,
    );
    let action = text(&event["event_action"]).unwrap_or_default();
    delivery.subject = text(&event["payload"]["summary"]).unwrap_or(action.clone());
    delivery.text = delivery.subject.clone();
    delivery.key = Some(dedup_key.clone());
    delivery.detail = json!({ "event_action": action, "event": event });
    let answer = json!({
        "status": "success", "message": "Event processed", "dedup_key": dedup_key,
    });
    let answer = (StatusCode::ACCEPTED, Json(answer)).into_response();
    keep(&sinks, Sink::Pagerduty, &delivery, answer)
}

fn check(event: &Value, key: &str) -> Result<(), String> {
    if event["routing_key"] != key {
        return Err("Invalid routing key".into());
    }
    let has = |value: &Value, most: usize| {
        let length = value.as_str().unwrap_or_default().chars().count();
        (1..=most).contains(&length)
    };
    let dedup_key = &event["dedup_key"];
    if !dedup_key.is_null() && !has(dedup_key, 255) {
        return Err("'dedup_key' is 1 to 255 characters".into());
    }
    match event["event_action"].as_str() {
        Some("acknowledge" | "resolve") if dedup_key.is_null() => {
            Err("'dedup_key' is missing or blank".into())
        }
        Some("acknowledge" | "resolve") => Ok(()),
        Some("trigger") => {
            let payload = &event["payload"];
            let severity = payload["severity"].as_str().unwrap_or_default();
            if !has(&payload["summary"], 1024) {
                return Err("'payload.summary' is missing, blank or too long".into());
            }
            if !has(&payload["source"], 1024) {
                return Err("'payload.source' is missing or blank".into());
            }
            match severity {
                "critical" | "error" | "warning" | "info" => Ok(()),
                _ => Err("'payload.severity' is invalid (must be one of 'critical', 'warning', 'error' or 'info')".into()),
            }
        }
        _ => Err("'event_action' is invalid".into()),
    }
}
