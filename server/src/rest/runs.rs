//! `/api/v1/runbooks` and `/api/v1/runs`.

use super::{
    incidents::ask,
    problem::{Body, Problem},
};
use crate::{
    state::State,
    web::{Signed, Which, find_run, run_output},
};
use api::{From, Reason, Retry, StartRun, StepAnswer};
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
        confirm: body.confirm,
        stepwise: body.stepwise,
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    answer_with(&state, StatusCode::CREATED, receipt).await
}

fn told(run: &Run) -> serde_json::Value {
    let mut body = serde_json::to_value(run).unwrap_or_default();
    for (step, definition) in body["steps"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .zip(run.runbook.all_steps().map(|(_, s)| s))
    {
        step["name"] = json!(definition.name);
    }
    body
}

async fn answer_with(
    state: &State,
    status: StatusCode,
    receipt: Receipt,
) -> Result<Response, Problem> {
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

/// Asks the Desk, and answers with the run as it is then.
async fn tell(
    state: &State,
    signed: &Signed,
    headers: &HeaderMap,
    command: Command,
) -> Result<Response, Problem> {
    let receipt = ask(state, signed, headers, command).await?;
    answer_with(state, StatusCode::OK, receipt).await
}

pub async fn approve(
    held: Held<State>,
    signed: Signed,
    path: Path<RunId>,
    headers: HeaderMap,
    body: Body<StepAnswer>,
) -> Result<Response, Problem> {
    answer(held, signed, path, headers, body).await
}

pub async fn answer(
    Held(state): Held<State>,
    signed: Signed,
    Path(run): Path<RunId>,
    headers: HeaderMap,
    Body(body): Body<StepAnswer>,
) -> Result<Response, Problem> {
    let step = match body.step {
        Some(step) => step,
        None => find_run(&state, &run).await?.current().unwrap_or_default() as u32,
    };
    let command = Command::AnswerStep {
        run,
        step,
        answer: body.answer,
        says: body.says,
    };
    tell(&state, &signed, &headers, command).await
}

pub async fn retry(
    Held(state): Held<State>,
    signed: Signed,
    Path(run): Path<RunId>,
    headers: HeaderMap,
    bytes: axum::body::Bytes,
) -> Result<Response, Problem> {
    let body: Retry = match bytes.is_empty() {
        true => Retry::default(),
        false => serde_json::from_slice(&bytes).map_err(|e| Problem::bad_request(e.to_string()))?,
    };
    let forced = body.forced;
    tell(
        &state,
        &signed,
        &headers,
        Command::RetryStep { run, forced },
    )
    .await
}

pub async fn from(
    Held(state): Held<State>,
    signed: Signed,
    Path(run): Path<RunId>,
    headers: HeaderMap,
    Body(body): Body<From>,
) -> Result<Response, Problem> {
    let command = Command::ResumeFrom {
        run,
        step: body.step,
        reason: body.reason,
    };
    tell(&state, &signed, &headers, command).await
}

pub async fn go_on(
    Held(state): Held<State>,
    signed: Signed,
    Path(run): Path<RunId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    tell(&state, &signed, &headers, Command::ContinueRun { run }).await
}

/// The commands that take a reason and nothing else.
macro_rules! with_reason {
    ($($name:ident $command:ident)*) => {$(
        pub async fn $name(
            Held(state): Held<State>,
            signed: Signed,
            Path(run): Path<RunId>,
            headers: HeaderMap,
            Body(body): Body<Reason>,
        ) -> Result<Response, Problem> {
            let command = Command::$command { run, reason: body.reason };
            tell(&state, &signed, &headers, command).await
        }
    )*};
}

with_reason! { hold HoldRun skip SkipStep done MarkStepDone cancel CancelRun }
