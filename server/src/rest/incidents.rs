//! `/api/v1/incidents`, `/board`, `/contacts`.

use super::problem::{Body, Problem};
use crate::{
    state::State,
    web::{self, Signed, find_incident, incident_lines},
};
use api::{ChangeSeverity, Declare, Note, Resolve, Roles, Task, Update};
use axum::{
    Json,
    extract::{Path, Query, State as Held},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Command, Incident, Kind, Number, Severity, Span, Stamp};
use engine::{Receipt, Request};
use serde::Deserialize;
use serde_json::json;

/// Asks the Desk in the caller's name, under their `Idempotency-Key` and `If-Match`.
pub async fn ask(
    state: &State,
    signed: &Signed,
    headers: &HeaderMap,
    command: Command,
) -> Result<Receipt, Problem> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let (command, beside) = engine::runner::seal(&state.desk, &state.vault, command).await?;
    let mut request = Request::new(&signed.actor, command).beside(beside);
    if let Some(key) = text("idempotency-key") {
        if key.is_empty() || key.len() > 200 {
            return Err(Problem::bad_request(
                "An Idempotency-Key has 1 to 200 characters.",
            ));
        }
        // A key belongs to its caller: nobody reads another's receipt by guessing.
        request = request.key(format!("api:{}:{key}", signed.actor.id));
    }
    if let Some(seen) = text("if-match") {
        let version = seen.trim_matches('"').parse().map_err(|_| {
            Problem::bad_request("If-Match is the `version` you have read, such as \"17\".")
        })?;
        request = request.expecting(Some(version));
    }
    Ok(state.desk.execute(request).await?)
}

/// An incident as REST tells it.
fn told(incident: &Incident) -> serde_json::Value {
    let mut body = serde_json::to_value(incident).unwrap_or_default();
    body["url"] = json!(format!("/incidents/{}", incident.number));
    body
}

async fn answer(state: &State, status: StatusCode, receipt: Receipt) -> Response {
    let Some(number) = &receipt.incident else {
        return (status, Json(receipt)).into_response();
    };
    match find_incident(state, number).await {
        Ok(incident) => {
            let mut body = told(&incident);
            body["seq"] = json!(receipt.seq);
            let tag = format!("\"{}\"", incident.version);
            let place = format!("/api/v1/incidents/{number}");
            (
                status,
                [(header::ETAG, tag), (header::LOCATION, place)],
                Json(body),
            )
                .into_response()
        }
        Err(missing) => Problem::from(missing).into_response(),
    }
}

pub async fn declare(
    Held(state): Held<State>,
    signed: Signed,
    headers: HeaderMap,
    Body(body): Body<Declare>,
) -> Result<Response, Problem> {
    let public = body
        .public
        .unwrap_or(body.kind == Kind::Real && body.severity <= Severity::Sev2);
    let occurred_at = body.occurred_at.map(|at| Stamp(at.as_microsecond()));
    let command = Command::Declare {
        title: body.title,
        severity: body.severity,
        affected: body.affected,
        kind: body.kind,
        public,
        quiet: body.quiet,
        occurred_at,
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    Ok(answer(&state, StatusCode::CREATED, receipt).await)
}

pub async fn get(
    Held(state): Held<State>,
    _: Signed,
    Path(number): Path<Number>,
) -> Result<Response, Problem> {
    let incident = find_incident(&state, &number).await?;
    Ok((
        [(header::ETAG, format!("\"{}\"", incident.version))],
        Json(told(&incident)),
    )
        .into_response())
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

pub async fn list(
    Held(state): Held<State>,
    _: Signed,
    Query(query): Query<Before>,
) -> Result<Response, Problem> {
    let found = state
        .desk
        .store()
        .projections(
            "incident",
            query.before.as_deref(),
            query.limit.clamp(1, 200),
        )
        .await;
    let found = found.map_err(|e| Problem::unavailable(e.to_string()))?;
    let incidents: Vec<_> = found
        .iter()
        .filter_map(|p| serde_json::from_str::<Incident>(&p.body).ok())
        .map(|i| told(&i))
        .collect();
    Ok(Json(json!({ "incidents": incidents })).into_response())
}

#[derive(Deserialize)]
pub struct Part {
    #[serde(default)]
    after: u64,
    #[serde(default = "hundred")]
    limit: u32,
}
fn hundred() -> u32 {
    100
}

pub async fn timeline(
    Held(state): Held<State>,
    _: Signed,
    Path(number): Path<Number>,
    Query(part): Query<Part>,
) -> Result<Response, Problem> {
    let events = incident_lines(&state, &number, part.after, part.limit.clamp(1, 1000)).await?;
    Ok(Json(json!({ "events": events })).into_response())
}

pub async fn update(
    Held(state): Held<State>,
    signed: Signed,
    Path(incident): Path<Number>,
    headers: HeaderMap,
    Body(body): Body<Update>,
) -> Result<Response, Problem> {
    let command = Command::PostUpdate {
        incident,
        phase: body.phase,
        message: body.message,
        internal: body.internal,
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    Ok(answer(&state, StatusCode::CREATED, receipt).await)
}

pub async fn severity(
    Held(state): Held<State>,
    signed: Signed,
    Path(incident): Path<Number>,
    headers: HeaderMap,
    Body(body): Body<ChangeSeverity>,
) -> Result<Response, Problem> {
    let command = Command::ChangeSeverity {
        incident,
        severity: body.severity,
        reason: body.reason,
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    Ok(answer(&state, StatusCode::OK, receipt).await)
}

pub async fn roles(
    Held(state): Held<State>,
    signed: Signed,
    Path(incident): Path<Number>,
    headers: HeaderMap,
    Body(body): Body<Roles>,
) -> Result<Response, Problem> {
    let command = match body {
        Roles::Assign { role, person } => Command::AssignRole {
            incident,
            role,
            person,
        },
        Roles::HandOver { role, person } => Command::HandOver {
            incident,
            role,
            to: person,
        },
        Roles::Accept { role } => Command::AcceptRole { incident, role },
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    Ok(answer(&state, StatusCode::OK, receipt).await)
}

pub async fn task(
    Held(state): Held<State>,
    signed: Signed,
    Path(incident): Path<Number>,
    headers: HeaderMap,
    Body(body): Body<Task>,
) -> Result<Response, Problem> {
    let command = Command::AddTask {
        incident,
        title: body.title,
        owner: body.owner,
        minutes: body.minutes,
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    Ok(answer(&state, StatusCode::CREATED, receipt).await)
}

pub async fn note(
    Held(state): Held<State>,
    signed: Signed,
    Path(incident): Path<Number>,
    headers: HeaderMap,
    Body(body): Body<Note>,
) -> Result<Response, Problem> {
    let command = Command::AddNote {
        incident,
        text: body.text,
        occurred_at: body.occurred_at.map(|at| Stamp(at.as_microsecond())),
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    Ok(answer(&state, StatusCode::CREATED, receipt).await)
}

pub async fn resolve(
    Held(state): Held<State>,
    signed: Signed,
    Path(incident): Path<Number>,
    headers: HeaderMap,
    Body(body): Body<Resolve>,
) -> Result<Response, Problem> {
    let receipt = ask(
        &state,
        &signed,
        &headers,
        Command::Resolve {
            incident,
            message: body.message,
        },
    )
    .await?;
    Ok(answer(&state, StatusCode::OK, receipt).await)
}

/// What the board shows, for programs.
pub async fn board(Held(state): Held<State>, _: Signed) -> Response {
    let (world, plan) = (state.desk.world(), state.desk.plan());
    let looks = state.looks.borrow().clone();
    let services: Vec<_> = plan
        .plan
        .services
        .iter()
        .map(|s| {
            let now = world.services.get(&s.id);
            let look = looks.get(&s.id);
            json!({
                "id": s.id, "name": s.name, "tier": s.tier,
                "health": world.health(&s.id),
                "since": now.and_then(|n| n.since).map(Stamp::rfc3339),
                "because": now.map(|n| &n.because),
                "checked_at": look.map(|l| l.at.rfc3339()),
                "took_ms": look.map(|l| l.took.as_millis() as u64),
                "class": look.map(|l| l.class),
            })
        })
        .collect();
    let incidents: Vec<_> = world
        .open_incidents()
        .into_iter()
        .map(|i| told(i))
        .collect();
    Json(json!({ "seq": world.seq, "plan": plan.hash, "services": services, "incidents": incidents })).into_response()
}

pub async fn contacts(Held(state): Held<State>, _: Signed) -> Response {
    Json(&state.desk.plan().plan.contacts).into_response()
}

/// How long service was away, where the time went, and what became of each objective. Times in seconds; `error_s` is the
/// error bar of either end. `recovery` is null where no check of an affected service saw it fail.
pub async fn recovery(
    Held(state): Held<State>,
    _: Signed,
    Path(number): Path<Number>,
) -> Result<Response, Problem> {
    let incident = find_incident(&state, &number).await?;
    let now = state.desk.clock().now();
    let found = web::recovery(&state, &incident, now).await?;
    let verdicts = web::verdicts(&state, &incident, found.as_ref(), now).await?;
    let secs = |span: Span| span.0.as_secs_f64();
    let told = found.map(|r| {
        let parts = r.parts().map(|p| {
            json!({"detect_s": secs(p.detect), "decide_s": secs(p.decide), "act_s": secs(p.act), "settle_s": secs(p.settle)})
        });
        json!({
            "impact": r.impact, "detected": r.detected, "declared": r.declared, "begun": r.begun, "acted": r.acted,
            "back": r.back, "held": r.held, "revoked": r.revoked, "took_s": secs(r.took(now)), "error_s": secs(r.error),
            "parts": parts,
        })
    });
    let objectives: Vec<_> = verdicts
        .iter()
        .map(|(tier, verdict)| json!({"tier": tier.id, "name": tier.name, "within_s": tier.within.as_secs(), "verdict": verdict}))
        .collect();
    Ok(
        Json(json!({"incident": number, "as_of": now, "recovery": told, "objectives": objectives}))
            .into_response(),
    )
}
