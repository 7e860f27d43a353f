//! Slack, as far as an incoming webhook and its buttons go.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::blocks::{self, Button};
use super::callback::{Answered, post_form};
use super::faults::{Drawn, Fault};
use super::kept::{Brief, Delivery, Sink, What};
use super::{Sinks, serve, sign};
use crate::failure::{Doing, Failure, Result};

pub async fn receive(
    State(sinks): State<Arc<Sinks>>,
    Path(channel): Path<String>,
    drawn: Option<Extension<Drawn>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let no = |word: &'static str| (StatusCode::BAD_REQUEST, word).into_response();
    let Some(message) = message(&headers, &body) else {
        return no("invalid_payload");
    };
    let text = message["text"].as_str().unwrap_or_default();
    // Slack does without where there are blocks; its own advice is to send one always, for the notification.
    if text.trim().is_empty() {
        return no("no_text");
    }
    if let Err(reason) = blocks::check(&message["blocks"]) {
        crate::daemon::note(&format!("slack refused a message: {reason}"));
        return no("invalid_blocks");
    }
    let detail =
        json!({ "blocks": message["blocks"], "buttons": blocks::buttons(&message["blocks"]) });
    let delivery = Delivery {
        to: vec![channel],
        subject: blocks::title(&message["blocks"]),
        text: text.to_owned(),
        key: serve::key(&headers),
        fault: drawn.map(|drawn| drawn.fault),
        headers: serve::headers(&headers),
        body: String::from_utf8_lossy(&body).into_owned(),
        detail,
    };
    match sinks.kept.keep(Sink::Slack, &delivery) {
        Ok(_) => "ok".into_response(),
        Err(_) => serve::no_room(),
    }
}

/// JSON, or the same in the form field `payload`.
fn message(headers: &HeaderMap, body: &[u8]) -> Option<Value> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let message: Value = if kind.starts_with("application/x-www-form-urlencoded") {
        #[derive(Deserialize)]
        struct Form {
            payload: String,
        }
        let form: Form = serde_urlencoded::from_bytes(body).ok()?;
        serde_json::from_str(&form.payload).ok()?
    } else {
        serde_json::from_slice(body).ok()?
    };
    message.is_object().then_some(message)
}

#[derive(Debug, Deserialize, Serialize)]
pub struct User {
    pub id: String,
    pub name: String,
}

/// How a button is pressed. `timestamp` and `forge` are for those who test what must be refused.
#[derive(Debug, Default)]
pub struct Press {
    pub action: Option<String>,
    pub user: Option<User>,
    pub url: Option<String>,
    pub timestamp: Option<i64>,
    pub forge: bool,
}

pub async fn press(sinks: &Sinks, row: &Brief, press: Press) -> Result<Answered> {
    let kept = sinks
        .kept
        .value(row)
        .doing(|| format!("read message {}", row.number))?;
    let buttons: Vec<Button> =
        serde_json::from_value(kept["detail"]["buttons"].clone()).unwrap_or_default();
    let wanted = press.action.as_deref();
    let button = buttons
        .into_iter()
        .find(|button| wanted.is_none_or(|wanted| button.action_id == wanted))
        .ok_or_else(|| {
            Failure::refused(format!(
                "message {} has no button {}",
                row.number,
                wanted.unwrap_or("at all")
            ))
        })?;
    let url = press
        .url
        .or_else(|| sinks.settings().slack_actions_url)
        .ok_or_else(|| {
            Failure::refused("nobody has said where Slack's buttons lead (slack_actions_url)")
        })?;
    let user = press.user.unwrap_or(User {
        id: "U0LAB".into(),
        name: "lab".into(),
    });
    let now = jiff::Timestamp::now();
    let (channel, number) = (row.to.first().cloned().unwrap_or_default(), row.number);
    let payload = json!({
        "type": "block_actions",
        "user": { "id": user.id, "username": user.name, "name": user.name, "team_id": "T0LAB" },
        "api_app_id": "A0LAB",
        "container": {
            "type": "message", "message_ts": format!("{number}.000000"), "channel_id": "C0LAB", "is_ephemeral": false,
        },
        "trigger_id": format!("{number}.{}", now.as_millisecond()),
        "team": { "id": "T0LAB", "domain": "lab" },
        "channel": { "id": "C0LAB", "name": channel },
        "message": { "type": "message", "text": kept["text"], "ts": format!("{number}.000000"), "blocks": kept["detail"]["blocks"] },
        "response_url": format!("{}/slack/response/{number}", sinks.url),
        "actions": [{
            "type": "button", "action_id": button.action_id, "block_id": button.block_id,
            "text": { "type": "plain_text", "text": button.text }, "value": button.value,
            "action_ts": format!("{}.000000", now.as_second()),
        }],
    });
    let body = serde_urlencoded::to_string([("payload", payload.to_string())])
        .doing(|| "encode the press".into())?;
    let timestamp = press.timestamp.unwrap_or(now.as_second());
    let secret = match press.forge {
        true => "somebody else's secret",
        false => sinks.keys.slack_signing_secret.as_str(),
    };
    let signed = [
        ("x-slack-request-timestamp", timestamp.to_string()),
        ("x-slack-signature", sign::slack(secret, timestamp, &body)),
    ];
    let detail = json!({ "action": button.action_id, "user": user, "url": url });
    sinks.kept.add(Sink::Slack, number, What::Pressed, detail);
    let times = match row.fault {
        Some(Fault::RepeatCallbacks) => 2,
        _ => 1,
    };
    let mut answered = Answered::nothing();
    for _ in 0..times {
        answered = post_form(&sinks.http, &url, body.clone(), &signed).await;
        let detail = json!({ "url": url, "params": { "payload": payload }, "answered": answered });
        sinks.kept.add(Sink::Slack, number, What::Callback, detail);
    }
    Ok(answered)
}

/// The address a press names for what shall be said in the channel.
pub async fn respond(
    State(sinks): State<Arc<Sinks>>,
    Path(number): Path<u64>,
    Json(response): Json<Value>,
) -> Response {
    match sinks.kept.one(number) {
        Some(row) if row.sink == Sink::Slack => {
            sinks
                .kept
                .add(Sink::Slack, number, What::Response, response);
            "ok".into_response()
        }
        _ => (StatusCode::NOT_FOUND, "used_url").into_response(),
    }
}
