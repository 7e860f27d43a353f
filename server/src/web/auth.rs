//! Who is asking. A browser shows a session cookie, a program a bearer token; nothing else answers to anybody unknown.

use super::Gate;
use crate::{rest::problem::Problem, state::State};
use axum::{
    extract::{FromRequestParts, Query, Request, State as Held},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Actor, Source, Stamp};
use engine::access;
use serde::Deserialize;

/// The caller, as the gate has found them.
#[derive(Clone, Debug)]
pub struct Signed {
    pub actor: Actor,
    /// The session's or token's id.
    pub credential: String,
    pub expires: Stamp,
    /// The credential was good after this event of the log. What ended it since is in the log too.
    pub as_of: u64,
    /// A page that stands asks for those of its parts that the server draws.
    pub parts: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Signed {
    type Rejection = StatusCode;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        // A route without a gate has no caller, and a handler that wants one does not run.
        parts
            .extensions
            .get::<Signed>()
            .cloned()
            .ok_or(StatusCode::UNAUTHORIZED)
    }
}

/// Stands before every route.
pub async fn gate(
    Held((state, gate)): Held<(State, Gate)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Gate::Signed(permission) = gate else {
        return next.run(request).await;
    };
    match caller(&state, request.headers()).await {
        Ok(Some(mut signed)) if signed.actor.role.may(permission) => {
            let asked = request.uri().query().unwrap_or_default();
            signed.parts = asked.split('&').any(|field| field == "parts");
            request.extensions_mut().insert(signed);
            let mut answer = next.run(request).await;
            answer
                .headers_mut()
                .entry(header::CACHE_CONTROL)
                .or_insert(HeaderValue::from_static("no-store"));
            answer
        }
        Ok(Some(_)) => Problem::forbidden("Your role does not allow this.").into_response(),
        Ok(None) => unknown(request.uri().path()),
        Err(error) => Problem::unavailable(error.to_string()).into_response(),
    }
}

/// Who shows a cookie or a token that is good.
pub async fn caller(
    state: &State,
    headers: &HeaderMap,
) -> Result<Option<Signed>, engine::store::Error> {
    let cookie = cookie(state, headers);
    let (secret, source) = match (bearer(headers), cookie) {
        (Some(token), _) => (token, Source::Api),
        (None, Some(session)) => (session, Source::Browser),
        (None, None) => return Ok(None),
    };
    let as_of = state.desk.world().seq;
    let found = access::who(&state.desk, &secret).await?;
    Ok(found.map(|(actor, credential)| Signed {
        actor: Actor { source, ..actor },
        credential: credential.id,
        expires: Stamp(credential.expires_at),
        as_of,
        parts: false,
    }))
}

pub fn bearer(headers: &HeaderMap) -> Option<String> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
        .map(str::to_owned)
}

fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-muster" } else { "muster" }
}

fn cookie(state: &State, headers: &HeaderMap) -> Option<String> {
    let name = cookie_name(state.https);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then(|| value.to_owned())
        })
}

pub fn unknown(path: &str) -> Response {
    if path.starts_with("/api/") {
        return Problem::unauthorized().into_response();
    }
    (
        StatusCode::UNAUTHORIZED,
        super::plain::plain_page("Sign in", SIGN_IN),
    )
        .into_response()
}

const SIGN_IN: &str = "You are not signed in. Open the sign-in link that Muster printed when it started, or have somebody on the server print \
                       a new one: muster signin";

#[derive(Deserialize)]
pub struct Link {
    token: Option<String>,
}

/// `GET /signin?token=…`: uses the one-time link up and opens a session.
pub async fn sign_in(Held(state): Held<State>, Query(link): Query<Link>) -> Response {
    let Some(token) = link.token else {
        return unknown("/");
    };
    match access::sign_in(&state.desk, &token).await {
        Ok((secret, _)) => (
            set_cookie(&state, &secret, access::SESSION_LASTS.as_secs()),
            Redirect::to("/"),
        )
            .into_response(),
        Err(no) => (
            StatusCode::FORBIDDEN,
            super::plain::plain_page("This link does not work", &no.to_string()),
        )
            .into_response(),
    }
}

pub async fn sign_out(Held(state): Held<State>, signed: Signed) -> Response {
    if let Err(no) = access::revoke(&state.desk, &revoker(), &signed.credential).await {
        return Problem::unavailable(no.to_string()).into_response();
    }
    (set_cookie(&state, "", 0), Redirect::to("/")).into_response()
}

/// Everybody may end their own session; the rule that only an admin revokes is about other people's.
fn revoker() -> Actor {
    Actor::system("access", Source::Browser)
}

fn set_cookie(state: &State, value: &str, seconds: u64) -> [(header::HeaderName, String); 1] {
    let secure = if state.https { "; Secure" } else { "" };
    let name = cookie_name(state.https);
    [(
        header::SET_COOKIE,
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"),
    )]
}
