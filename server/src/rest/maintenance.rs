//! `/api/v1/maintenance`.

use super::{
    incidents::ask,
    problem::{Body, Problem},
};
use crate::{state::State, web::Signed};
use api::{Message, RescheduleMaintenance, ScheduleMaintenance};
use axum::{
    Json,
    extract::{Path, Query, State as Held},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Command, Maintenance, MaintenanceId, Stage, Stamp};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

type Done = Result<Response, Problem>;

/// A window as REST tells it: instants as it takes them, in RFC 3339.
fn told(window: &Maintenance) -> Value {
    let mut body = serde_json::to_value(window).unwrap_or_default();
    for (name, at) in [
        ("from", Some(window.from)),
        ("until", Some(window.until)),
        ("since", Some(window.since)),
        ("scheduled_at", Some(window.scheduled_at)),
        ("began_at", window.began_at),
        ("ended_at", window.ended_at),
    ] {
        body[name] = json!(at.map(Stamp::rfc3339));
    }
    let words = window.updates.iter().map(|word| {
        json!({ "at": word.at.rfc3339(), "stage": word.stage, "message": word.message, "by": word.by })
    });
    body["updates"] = words.collect();
    body["url"] = json!(format!("/maintenance#{}", window.id));
    body
}

async fn find(state: &State, id: &MaintenanceId) -> Result<Arc<Maintenance>, Problem> {
    if let Some(open) = state.desk.world().maintenances.get(id) {
        return Ok(open.clone());
    }
    let found = state
        .desk
        .store()
        .projection("maintenance", id.as_str())
        .await;
    let found = found.map_err(|e| Problem::unavailable(e.to_string()))?;
    let read = found.and_then(|f| serde_json::from_str(&f.body).ok());
    read.map(Arc::new)
        .ok_or_else(|| Problem::not_found(format!("There is no maintenance window {id}.")))
}

async fn answer(state: &State, status: StatusCode, id: &MaintenanceId, seq: u64) -> Done {
    let window = find(state, id).await?;
    let mut body = told(&window);
    body["seq"] = json!(seq);
    let tag = format!("\"{}\"", window.version);
    let place = format!("/api/v1/maintenance/{id}");
    let heads = [(header::ETAG, tag), (header::LOCATION, place)];
    Ok((status, heads, Json(body)).into_response())
}

#[derive(Deserialize)]
pub struct Before {
    before: Option<String>,
    #[serde(default = "fifty")]
    limit: u32,
}
fn fifty() -> u32 {
    50
}

/// All of them, the latest scheduled first.
pub async fn list(Held(state): Held<State>, _: Signed, Query(query): Query<Before>) -> Done {
    let limit = query.limit.clamp(1, 200);
    let store = state.desk.store();
    let found = store
        .projections("maintenance", query.before.as_deref(), limit)
        .await;
    let found = found.map_err(|e| Problem::unavailable(e.to_string()))?;
    let read = found
        .iter()
        .filter_map(|p| serde_json::from_str::<Maintenance>(&p.body).ok());
    let windows: Vec<_> = read.map(|window| told(&window)).collect();
    Ok(Json(json!({ "maintenance": windows })).into_response())
}

pub async fn get(Held(state): Held<State>, _: Signed, Path(id): Path<MaintenanceId>) -> Done {
    let window = find(&state, &id).await?;
    let tag = format!("\"{}\"", window.version);
    Ok(([(header::ETAG, tag)], Json(told(&window))).into_response())
}

pub async fn schedule(
    Held(state): Held<State>,
    signed: Signed,
    headers: HeaderMap,
    Body(body): Body<ScheduleMaintenance>,
) -> Done {
    let at = |at: jiff::Timestamp| Stamp(at.as_microsecond());
    let from = body.from.map_or_else(|| state.desk.clock().now(), at);
    let command = Command::ScheduleMaintenance {
        title: body.title,
        message: body.message,
        services: body.services,
        from,
        until: at(body.until),
        public: body.public,
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    let id = receipt.maintenance.unwrap_or_default();
    answer(&state, StatusCode::CREATED, &id, receipt.seq).await
}

pub async fn reschedule(
    Held(state): Held<State>,
    signed: Signed,
    Path(maintenance): Path<MaintenanceId>,
    headers: HeaderMap,
    Body(body): Body<RescheduleMaintenance>,
) -> Done {
    let at = |at: jiff::Timestamp| Stamp(at.as_microsecond());
    let command = Command::RescheduleMaintenance {
        maintenance: maintenance.clone(),
        from: body.from.map(at),
        until: at(body.until),
        message: body.message,
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    answer(&state, StatusCode::OK, &maintenance, receipt.seq).await
}

/// `begin`, `verify`, `complete` or `cancel`.
pub async fn go(
    Held(state): Held<State>,
    signed: Signed,
    Path((maintenance, act)): Path<(MaintenanceId, String)>,
    headers: HeaderMap,
    Body(Message { message }): Body<Message>,
) -> Done {
    let to = match act.as_str() {
        "begin" => Stage::InProgress,
        "verify" => Stage::Verifying,
        "complete" => Stage::Completed,
        "cancel" => Stage::Cancelled,
        _ => return Err(Problem::not_found("There is nothing at this address.")),
    };
    let command = Command::MoveMaintenance {
        maintenance: maintenance.clone(),
        to,
        message,
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    answer(&state, StatusCode::OK, &maintenance, receipt.seq).await
}
