//! Errors as `application/problem+json` (RFC 9457).

use axum::{
    Json,
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Refusal, Why};
use engine::No;
use serde::{Serialize, de::DeserializeOwned};

#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
        }
    }
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "The request cannot be read",
            detail,
        )
    }
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Who is asking?",
            "Send a token: Authorization: Bearer mst_…. Make one with: muster token create",
        )
    }
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Not allowed", detail)
    }
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is no such thing", detail)
    }
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Muster cannot do this now",
            detail,
        )
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, title) = match refusal.why {
            Why::Invalid => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "A field is missing or wrong",
            ),
            Why::Forbidden => (StatusCode::FORBIDDEN, "Not allowed"),
            Why::NotFound => (StatusCode::NOT_FOUND, "There is no such thing"),
            Why::Conflict => (StatusCode::CONFLICT, "Not from this state"),
            Why::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "The idempotency key was used for another request",
            ),
        };
        Problem {
            field: refusal.field,
            ..Problem::new(status, title, refusal.says)
        }
    }
}

impl From<No> for Problem {
    fn from(no: No) -> Self {
        match no {
            No::Refused(refusal) => refusal.into(),
            No::Unavailable(_) => Problem::unavailable(no.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = (status, Json(&self)).into_response();
        answer.headers_mut().insert(
            header::CONTENT_TYPE,
            axum::http::HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                axum::http::HeaderValue::from_static("Bearer"),
            );
        }
        answer
    }
}

/// A JSON body whose faults are problems too.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Body(body)),
            Err(JsonRejection::JsonDataError(error)) => Err(Problem {
                status: 422,
                ..Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "A field is missing or wrong",
                    error.body_text(),
                )
            }),
            Err(error) => Err(Problem::bad_request(error.body_text())),
        }
    }
}
