//! HTTP on loopback: which delivery goes to which sink, and how a connection is broken on purpose.
//!
//! Served by hyper directly: axum's own server cannot end a connection without an answer.

use std::convert::Infallible;
use std::error::Error as _;
use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use super::Sinks;
use super::faults::Fault;
use super::kept::Sink;
use super::phone::Refusal;

/// More than any of these providers takes.
pub const LIMIT: usize = 4 << 20;

/// The connection ends here, without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    Close,
    Reset,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is broken on purpose")
    }
}

impl std::error::Error for Break {}

impl IntoResponse for Break {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

pub async fn run(listener: TcpListener, router: Router) {
    loop {
        let stream = super::accept(&listener).await;
        tokio::spawn(connection(stream, router.clone()));
    }
}

async fn connection(stream: TcpStream, router: Router) {
    let reset = Reset::of(&stream);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let answer = router.clone().oneshot(request.map(Body::new));
        async move {
            let response = answer
                .await
                .unwrap_or_else(|never: Infallible| match never {});
            match response.extensions().get::<Break>() {
                None => Ok(response),
                Some(end) => Err(*end),
            }
        }
    });
    let ended = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    let cause = ended.as_ref().err().and_then(|error| error.source());
    if cause.and_then(|cause| cause.downcast_ref()) == Some(&Break::Reset) {
        reset.now();
    }
}

/// A second hold on a socket, by which it can be reset after its owner has dropped it.
pub struct Reset(Option<socket2::Socket>);

impl Reset {
    pub fn of(stream: &TcpStream) -> Self {
        Self(socket2::SockRef::from(stream).try_clone().ok())
    }

    /// With no time to linger, closing the last hold sends RST.
    pub fn now(self) {
        if let Some(socket) = self.0 {
            let _ = socket.set_linger(Some(std::time::Duration::ZERO));
        }
    }
}

/// What a request to this path delivers to; the control API and the page deliver nothing.
fn sink(method: &Method, path: &str) -> Option<Sink> {
    let mut parts = path.trim_start_matches('/').split('/');
    let first = parts.next()?;
    if first == "hook" {
        return Some(Sink::Hook);
    }
    if method != Method::POST {
        return None;
    }
    match (first, parts.next_back()?) {
        ("slack", _) => (!path.starts_with("/slack/response/")).then_some(Sink::Slack),
        ("teams", _) => Some(Sink::Teams),
        ("pagerduty", _) => Some(Sink::Pagerduty),
        ("2010-04-01", "Calls.json") => Some(Sink::Phone),
        ("2010-04-01", "Messages.json") => Some(Sink::Sms),
        _ => None,
    }
}

/// Draws the fault of a delivery, and does to it what can be done without knowing the provider.
pub async fn faulty(State(sinks): State<Arc<Sinks>>, mut request: Request, next: Next) -> Response {
    let sink = sink(request.method(), request.uri().path());
    let Some((sink, drawn)) = sink.and_then(|sink| Some((sink, sinks.faults.draw(sink)?))) else {
        return next.run(request).await;
    };
    match drawn.fault {
        Fault::Refuse => return Break::Reset.into_response(),
        // Ends when the sender gives up.
        Fault::Hang => std::future::pending().await,
        Fault::Drop => {
            let _ = to_bytes(request.into_body(), LIMIT).await;
            return Break::Close.into_response();
        }
        Fault::Error500 => {
            return refusal(sink, StatusCode::INTERNAL_SERVER_ERROR, "internal_error");
        }
        Fault::RateLimit => {
            let wait = [(header::RETRY_AFTER, drawn.retry_after.to_string())];
            let answer = refusal(sink, StatusCode::TOO_MANY_REQUESTS, "rate_limited");
            return (wait, answer).into_response();
        }
        Fault::Reject => return reject(sink),
        Fault::Slow | Fault::ResetAfterAccept | Fault::RepeatCallbacks | Fault::DropCallbacks => {}
    }
    request.extensions_mut().insert(drawn);
    let response = next.run(request).await;
    match drawn.fault {
        Fault::ResetAfterAccept if response.status().is_success() => Break::Reset.into_response(),
        Fault::Slow => {
            tokio::time::sleep(drawn.delay).await;
            response
        }
        _ => response,
    }
}

fn reject(sink: Sink) -> Response {
    match sink {
        Sink::Slack => refusal(sink, StatusCode::NOT_FOUND, "no_service"),
        Sink::Hook => refusal(sink, StatusCode::GONE, "gone"),
        Sink::Phone | Sink::Sms => {
            let sentence = "The 'To' number is not a valid phone number.";
            Refusal(StatusCode::BAD_REQUEST, 21211, sentence).into_response()
        }
        Sink::Pagerduty => super::hooks::invalid_event("Invalid routing key"),
        Sink::Teams | Sink::Smtp => refusal(sink, StatusCode::FORBIDDEN, "forbidden"),
    }
}

/// In the words of the provider: Twilio answers in JSON with a number, the others in a word.
fn refusal(sink: Sink, status: StatusCode, word: &'static str) -> Response {
    match sink {
        Sink::Phone | Sink::Sms => {
            let code = match status {
                StatusCode::TOO_MANY_REQUESTS => 20429,
                _ => 20500,
            };
            Refusal(status, code, word).into_response()
        }
        _ => (status, word).into_response(),
    }
}

/// All headers of a request; those that come twice are joined.
pub fn headers(headers: &HeaderMap) -> std::collections::BTreeMap<String, String> {
    let mut told = std::collections::BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        match told.get_mut(name.as_str()) {
            Some(before) => *before += &format!(", {value}"),
            None => {
                told.insert(name.as_str().to_owned(), value.into_owned());
            }
        }
    }
    told
}

/// By which header a sender lets its repetitions be told.
pub fn key(headers: &HeaderMap) -> Option<String> {
    let names = [
        "webhook-id",
        "idempotency-key",
        "i-twilio-idempotency-token",
    ];
    let found = names.iter().find_map(|name| headers.get(*name))?;
    found.to_str().ok().map(str::to_owned)
}

pub fn no_room() -> Response {
    let sentence = "the lab could not keep it";
    (StatusCode::INSUFFICIENT_STORAGE, sentence).into_response()
}
