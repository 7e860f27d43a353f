//! `/api/v1/runbooks` and `/api/v1/runs`.

use super::{
    incidents::ask,
    problem::{Body, Problem},
};
use crate::{
    state::State,
    web::{Signed, Which, find_run, run_output},
};
use api::{Reason, StartRun};
use axum::{
    Json,
    extract::{Path, Query, State as Held},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Command, Run, RunId, Slug};
use engine::Receipt;
use serde_json::json;

pub async fn runbooks(Held(state): Held<State>, _: Signed) -> Response {
    Json(json!({ "runbooks": state.desk.plan().plan.runbooks })).into_response()
}

pub async fn start(
    Held(state): Held<State>,
    signed: Signed,
    Path(runbook): Path<Slug>,
    headers: HeaderMap,
    Body(body): Body<StartRun>,
) -> Result<Response, Problem> {
    let id = RunId(uuid::Uuid::now_v7().to_string());
    let command = Command::StartRun {
        id,
        runbook,
        incident: body.incident,
        parameters: body.parameters,
        mode: body.mode,
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    answer(&state, StatusCode::CREATED, receipt).await
}

fn told(run: &Run) -> serde_json::Value {
    let mut body = serde_json::to_value(run).unwrap_or_default();
    for (step, definition) in body["steps"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .zip(&run.runbook.steps)
    {
        step["name"] = json!(definition.name);
    }
    body
}

async fn answer(state: &State, status: StatusCode, receipt: Receipt) -> Result<Response, Problem> {
    let Some(id) = &receipt.run else {
        return Ok((status, Json(receipt)).into_response());
    };
    let run = find_run(state, id).await?;
    let place = format!("/api/v1/runs/{id}");
    Ok((
        status,
        [
            (header::ETAG, format!("\"{}\"", run.version)),
            (header::LOCATION, place),
        ],
        Json(told(&run)),
    )
        .into_response())
}

pub async fn get(
    Held(state): Held<State>,
    _: Signed,
    Path(id): Path<RunId>,
) -> Result<Response, Problem> {
    let run = find_run(&state, &id).await?;
    Ok((
        [(header::ETAG, format!("\"{}\"", run.version))],
        Json(told(&run)),
    )
        .into_response())
}

pub async fn output(
    Held(state): Held<State>,
    _: Signed,
    Path(id): Path<RunId>,
    Query(which): Query<Which>,
) -> Response {
    run_output(&state, &id, which, false).await
}

pub async fn retry(
    Held(state): Held<State>,
    signed: Signed,
    Path(run): Path<RunId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let receipt = ask(&state, &signed, &headers, Command::RetryStep { run }).await?;
    answer(&state, StatusCode::OK, receipt).await
}

pub async fn skip(
    Held(state): Held<State>,
    signed: Signed,
    Path(run): Path<RunId>,
    headers: HeaderMap,
    Body(body): Body<Reason>,
) -> Result<Response, Problem> {
    let receipt = ask(
        &state,
        &signed,
        &headers,
        Command::SkipStep {
            run,
            reason: body.reason,
        },
    )
    .await?;
    answer(&state, StatusCode::OK, receipt).await
}

pub async fn cancel(
    Held(state): Held<State>,
    signed: Signed,
    Path(run): Path<RunId>,
    headers: HeaderMap,
    Body(body): Body<Reason>,
) -> Result<Response, Problem> {
    let receipt = ask(
        &state,
        &signed,
        &headers,
        Command::CancelRun {
            run,
            reason: body.reason,
        },
    )
    .await?;
    answer(&state, StatusCode::OK, receipt).await
}
