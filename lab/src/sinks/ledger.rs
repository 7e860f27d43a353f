//! What the telephone provider says of the orders it has had: of one, of all to a number, and what became of a call.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Sinks;
use super::kept::{Brief, Sink, Wanted, What};
use super::phone::{Form, NO_SUCH, authenticate};

/// Of a list so many are told at once.
const PAGE: usize = 50;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(rename = "To")]
    to: Option<String>,
    #[serde(rename = "PageSize", default = "page")]
    size: usize,
}

fn page() -> usize {
    PAGE
}

/// An order as it is told, at any time.
pub fn resource(sinks: &Sinks, of: &Order<'_>) -> Value {
    let account = &sinks.keys.twilio_sid;
    let (kind, sid) = (kind(of.sink), of.sid);
    let uri = format!("/2010-04-01/Accounts/{account}/{kind}/{sid}");
    json!({
        "sid": sid, "account_sid": account, "api_version": "2010-04-01", "direction": "outbound-api", "status": of.status,
        "to": of.form.get("To"), "from": of.form.get("From"), "body": of.form.get("Body"), "error_code": null,
        "date_created": date(of.at), "uri": format!("{uri}.json"),
        "subresource_uris": { "events": format!("{uri}/Events.json") },
    })
}

pub struct Order<'a> {
    pub sink: Sink,
    pub sid: &'a str,
    pub form: &'a Form,
    pub status: &'a str,
    pub at: Timestamp,
}

fn kind(sink: Sink) -> &'static str {
    match sink {
        Sink::Phone => "Calls",
        _ => "Messages",
    }
}

fn sink(kind: &str) -> Option<Sink> {
    match kind.trim_end_matches(".json") {
        "Calls" => Some(Sink::Phone),
        "Messages" => Some(Sink::Sms),
        _ => None,
    }
}

fn date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// The line that was kept of an order, and the order's form.
fn kept(sinks: &Sinks, number: u64, sink: Sink) -> Option<(Brief, Form)> {
    let row = sinks.kept.one(number).filter(|row| row.sink == sink)?;
    let form = sinks.kept.value(&row).ok()?["detail"]["form"].take();
    Some((row, Form(serde_json::from_value(form).ok()?)))
}

fn told(sinks: &Sinks, sink: Sink, sid: &str) -> Option<Value> {
    let (number, status) = sinks.phones.order(sid)?;
    let (row, form) = kept(sinks, number, sink)?;
    let order = Order {
        sink,
        sid,
        form: &form,
        status: &status,
        at: row.at,
    };
    Some(resource(sinks, &order))
}

/// How far a call or a message has come.
pub async fn one(
    State(sinks): State<Arc<Sinks>>,
    Path((account, kind, sid)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = authenticate(&sinks, &account, &headers) {
        return refusal.into_response();
    }
    let told = sink(&kind).and_then(|sink| told(&sinks, sink, sid.trim_end_matches(".json")));
    told.map_or_else(
        || NO_SUCH.into_response(),
        |told| Json(told).into_response(),
    )
}

/// All that was ordered for a number, the newest first.
pub async fn list(
    State(sinks): State<Arc<Sinks>>,
    Path((account, kind_json)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = authenticate(&sinks, &account, &headers) {
        return refusal.into_response();
    }
    let Some(sink) = sink(&kind_json) else {
        return NO_SUCH.into_response();
    };
    let ordered = sinks
        .phones
        .ordered(asked.to.as_deref().unwrap_or_default());
    let all = ordered
        .iter()
        .rev()
        .filter_map(|sid| told(&sinks, sink, sid));
    let all: Vec<Value> = all.take(asked.size).collect();
    let name = kind(sink).to_lowercase();
    Json(json!({ name: all, "page": 0, "page_size": asked.size, "next_page_uri": null }))
        .into_response()
}

/// The request that ordered a call, and what was asked of the sender since. Twilio shows that some minutes after the call's
/// end; here it is seen at once.
pub async fn events(
    State(sinks): State<Arc<Sinks>>,
    Path((account, kind, sid)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = authenticate(&sinks, &account, &headers) {
        return refusal.into_response();
    }
    let number = sinks.phones.order(&sid).map(|(number, _)| number);
    let found = number.filter(|_| kind == "Calls");
    let Some((row, form)) = found.and_then(|n| kept(&sinks, n, Sink::Phone)) else {
        return NO_SUCH.into_response();
    };
    let parameters: Map<String, Value> = form
        .0
        .iter()
        .map(|(name, value)| (snake(name), json!(value)))
        .collect();
    let ordered = json!({
        "request": {
            "method": "POST",
            "url": format!("/2010-04-01/Accounts/{account}/Calls/{sid}.json"),
            "parameters": parameters,
        },
        "response": { "response_code": 201, "date_created": date(row.at) },
    });
    let since = sinks.kept.brief(&wanted(row.number), PAGE - 1).into_iter().filter_map(|callback| {
        let detail = sinks.kept.value(&callback).ok()?["detail"].take();
        Some(json!({
            "request": { "method": "POST", "url": detail["url"], "parameters": detail["params"] },
            "response": { "date_created": date(callback.at) },
        }))
    });
    let events: Vec<Value> = std::iter::once(ordered).chain(since).collect();
    Json(json!({ "events": events, "page": 0, "page_size": PAGE, "next_page_uri": null }))
        .into_response()
}

fn wanted(of: u64) -> Wanted {
    Wanted {
        happenings: true,
        of: Some(of),
        kind: Some(What::Callback),
        after: of,
        ..Wanted::default()
    }
}

/// `StatusCallback` is told as `status_callback`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
