//! Why the database did not answer the sample app: one word for programs, the detail for people.

use std::future::Future;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

/// Why the database did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Refused,
    Timeout,
    Auth,
    ReadOnly,
    Slow,
    /// The database answered with an error that is none of the above (a missing table, say).
    Error,
}

pub struct Trouble {
    pub reason: Reason,
    pub detail: String,
    /// Could the statement have taken effect?
    pub unknown: bool,
}

impl Trouble {
    /// The database (or the way to it) failed before any statement was sent.
    pub fn before(error: &sqlx::Error) -> Self {
        let reason = match error {
            sqlx::Error::Database(database) => match database.code().as_deref().unwrap_or_default()
            {
                "25006" => Reason::ReadOnly,
                "57014" => Reason::Slow,
                "57P01" | "57P02" | "57P03" | "53300" => Reason::Refused,
                code if code.starts_with("28") => Reason::Auth,
                _ => Reason::Error,
            },
            sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::TimedOut => Reason::Timeout,
            sqlx::Error::PoolTimedOut => Reason::Timeout,
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed => Reason::Refused,
            _ => Reason::Error,
        };
        Self {
            reason,
            detail: error.to_string(),
            unknown: false,
        }
    }

    /// A statement was on its way: without the database's own word its fate is unknown.
    pub fn during(error: &sqlx::Error) -> Self {
        let answered = matches!(error, sqlx::Error::Database(_));
        Self {
            unknown: !answered,
            ..Self::before(error)
        }
    }

    pub fn body(&self) -> Value {
        json!({ "status": "unavailable", "reason": self.reason, "detail": self.detail })
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, Json(self.body())).into_response()
    }
}

pub async fn within<T>(
    limit: Duration,
    work: impl Future<Output = std::result::Result<T, sqlx::Error>>,
) -> std::result::Result<T, Trouble> {
    match timeout(limit, work).await {
        Ok(result) => result.map_err(|error| Trouble::during(&error)),
        Err(_) => Err(Trouble {
            reason: Reason::Slow,
            detail: format!("connected, but no answer within {} ms", limit.as_millis()),
            unknown: true,
        }),
    }
}
