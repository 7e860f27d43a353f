//! The control API: what the CLI, the runbooks and the tests talk to.
//!
//! ```text
//! GET  /status                       everything, as JSON
//! GET  /progress                     how far the start has come
//! POST /break/{db|replica|app|proxy|network}     POST /heal/{…}
//! POST /app/{start|stop|restart}
//! PUT  /route/{primary|replica}      PUT /proxy  {"mode":"delay","ms":250} (pass, cut, delay, reset)
//! POST /fence/{primary|replica}      POST /unfence/{…}
//! POST /shutdown
//! ```
//!
//! An answer is `{"ok":true,"message":…, …}` (200) or `{"ok":false,"error":…}` (400 wrong use, 404 no such name,
//! 409 refused by a rule, 500 failed).
//!
//! Architecture invariant: an operation runs to its end even when the client that asked for it goes away.

use std::future::Future;
use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::daemon::{AppAction, Done, Fault, Lab, Progress, note};
use crate::failure::{Failure, Kind, Result};
use crate::place::Node;
use crate::proxy::Mode;
use crate::status::Status;

type Shared = State<Arc<Lab>>;
type Named<T> = std::result::Result<Path<T>, PathRejection>;

pub fn router(lab: Arc<Lab>) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/progress", get(progress))
        .route("/break/{name}", post(break_it))
        .route("/heal/{name}", post(heal))
        .route("/app/{action}", post(app))
        .route("/route/{node}", put(route))
        .route("/proxy", put(proxy))
        .route("/fence/{node}", post(fence))
        .route("/unfence/{node}", post(unfence))
        .route("/shutdown", post(shutdown))
        .layer(middleware::from_fn(only_local))
        .with_state(lab)
}

async fn status(State(lab): Shared) -> Json<Status> {
    Json(Status::of(&lab).await)
}

async fn progress(State(lab): Shared) -> Json<Progress> {
    Json(lab.progress())
}

async fn break_it(State(lab): Shared, name: Named<Fault>) -> Response {
    perform(name, move |fault| async move { lab.break_it(fault).await }).await
}

async fn heal(State(lab): Shared, name: Named<Fault>) -> Response {
    perform(name, move |fault| async move { lab.heal(fault).await }).await
}

async fn app(State(lab): Shared, name: Named<AppAction>) -> Response {
    perform(name, move |action| async move { lab.app(action).await }).await
}

async fn route(State(lab): Shared, name: Named<Node>) -> Response {
    perform(name, move |node| async move { lab.route(node).await }).await
}

async fn fence(State(lab): Shared, name: Named<Node>) -> Response {
    perform(name, move |node| async move { lab.fence(node).await }).await
}

async fn unfence(State(lab): Shared, name: Named<Node>) -> Response {
    perform(name, move |node| async move { lab.unfence(node).await }).await
}

async fn proxy(
    State(lab): Shared,
    body: std::result::Result<Json<Mode>, JsonRejection>,
) -> Response {
    match body {
        Ok(Json(mode)) => answer(async move { lab.set_mode(mode).await }).await,
        Err(rejection) => refusal(StatusCode::BAD_REQUEST, &rejection.body_text()),
    }
}

async fn shutdown(State(lab): Shared) -> Response {
    answer(async move { lab.take_down().await }).await
}

async fn perform<T, F>(name: Named<T>, operation: impl FnOnce(T) -> F) -> Response
where
    F: Future<Output = Result<Done>> + Send + 'static,
{
    match name {
        Ok(Path(name)) => answer(operation(name)).await,
        Err(rejection) => refusal(StatusCode::NOT_FOUND, &rejection.body_text()),
    }
}

/// Runs the operation on its own task, so that a client hanging up does not leave it half done.
async fn answer(operation: impl Future<Output = Result<Done>> + Send + 'static) -> Response {
    let done = tokio::spawn(operation).await.unwrap_or_else(|error| {
        Err(Failure::failed(format!(
            "the operation broke off, which is a defect of muster-lab: {error}"
        )))
    });
    match done {
        Ok((message, details)) => {
            note(&message);
            let mut body = json!({ "ok": true, "message": message });
            if let (Value::Object(body), Value::Object(details)) = (&mut body, details) {
                body.extend(details);
            }
            Json(body).into_response()
        }
        Err(failure) => {
            note(&failure.message);
            let status = match failure.kind {
                Kind::WrongUse => StatusCode::BAD_REQUEST,
                Kind::Refused => StatusCode::CONFLICT,
                Kind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            };
            refusal(status, &failure.message)
        }
    }
}

fn refusal(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({ "ok": false, "error": sentence }))).into_response()
}

/// A web page open in a browser on this machine must not be able to break the lab.
async fn only_local(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN) || !is_loopback(headers) {
        return refusal(
            StatusCode::FORBIDDEN,
            "the control API answers programs on this machine, not web pages",
        );
    }
    next.run(request).await
}

fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost")
}
