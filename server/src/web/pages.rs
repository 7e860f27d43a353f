//! The console's pages: each handler loads what its page shows and renders it.

use super::{
    Signed, auth,
    load::{self, Loaded, Missing},
    output, render,
};
use crate::{rest::problem::Problem, state::State};
use app::page::{Page, Refused, Unposted, View};
use axum::{
    extract::{Path, Query, RawQuery, Request, State as Held},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{Number, RunId, ServiceId, plan::ParameterKind};
use serde::Deserialize;

/// The page again that a refused form was on, with what was typed.
pub async fn again(state: &State, signed: &Signed, home: &Home, mut refused: Refused) -> Response {
    let loaded = match home {
        // Wherever the button stood: what a runbook wants to be told is asked on its own page.
        _ if started(&refused).is_some() => {
            let slug = started(&refused).unwrap_or_default().to_owned();
            let typed = |name: &str| {
                let found = refused
                    .typed
                    .iter()
                    .find(|(n, v)| n == name && !v.is_empty());
                found.map(|(_, value)| value.clone())
            };
            let incident = typed("incident").map(Number);
            let loaded = load::runbook(state, signed, slug.clone(), incident, None).await;
            if let Ok(page) = &loaded {
                forget_secrets(page, &slug, &mut refused);
            }
            loaded
        }
        Home::Declare => Ok(load::declare(state, signed, String::new(), Vec::new())),
        Home::Contacts => Ok(load::contacts(state, signed)),
        Home::Update(number) => load::update(state, signed, number, None).await,
        Home::Incident(number) => load::incident(state, signed, number).await,
        Home::Run(id) => load::run(state, signed, id, &output::Which::default()).await,
        Home::Runbooks => load::runbooks(state, signed).await,
        Home::Failover(service) => load::failover(state, signed, service),
        Home::Maintenance => load::windows::maintenance(state, signed, Vec::new()).await,
    };
    answer(
        state,
        signed,
        StatusCode::UNPROCESSABLE_ENTITY,
        loaded.map(|page| Page {
            refused: Some(refused),
            ..page
        }),
    )
}

/// The runbook that a form was to start.
fn started(refused: &Refused) -> Option<&str> {
    let rest = refused.form.strip_prefix("/runbooks/")?;
    rest.strip_suffix("/runs")
}

/// What was typed stays, but for secrets. The key goes too: the form may have stood on another page under another one.
fn forget_secrets(page: &Page, slug: &str, refused: &mut Refused) {
    let runbook = page.plan.runbook(&slug.into());
    let is_secret = |field: &str| {
        let parameter = field
            .strip_prefix("p.")
            .and_then(|name| runbook?.parameter(name));
        parameter.is_some_and(|p| p.kind == ParameterKind::Secret)
    };
    refused
        .typed
        .retain(|(field, _)| field != "key" && !is_secret(field));
}

/// The page a form stands on.
pub enum Home {
    Declare,
    Contacts,
    Update(Number),
    Incident(Number),
    Run(RunId),
    Runbooks,
    Failover(ServiceId),
    Maintenance,
}

fn answer(state: &State, signed: &Signed, status: StatusCode, loaded: Loaded) -> Response {
    match loaded {
        Ok(page) => render::page(status, page),
        Err(Missing::NotFound(says)) => {
            let page = load::plain(state, signed, View::NotFound { says }, false);
            render::page(StatusCode::NOT_FOUND, page)
        }
        Err(Missing::Store(error)) => {
            tracing::error!(%error, "A page could not be loaded");
            Problem::unavailable(error.to_string()).into_response()
        }
    }
}

fn ok(state: &State, signed: &Signed, loaded: Loaded) -> Response {
    answer(state, signed, StatusCode::OK, loaded)
}

#[derive(Deserialize)]
pub struct Screen {
    /// `/?wall`: for a screen on the wall.
    wall: Option<String>,
}

pub async fn board(
    Held(state): Held<State>,
    signed: Signed,
    Query(screen): Query<Screen>,
) -> Response {
    let view = match screen.wall {
        Some(_) => View::Wall,
        None => View::Board,
    };
    let loaded = load::board(&state, &signed, view).await;
    ok(&state, &signed, loaded)
}

#[derive(Deserialize)]
pub struct Before {
    before: Option<String>,
}

pub async fn incidents(
    Held(state): Held<State>,
    signed: Signed,
    Query(query): Query<Before>,
) -> Response {
    let loaded = load::incidents(&state, &signed, query.before.as_deref()).await;
    ok(&state, &signed, loaded)
}

#[derive(Deserialize)]
pub struct Prefill {
    #[serde(default)]
    title: String,
    /// Comma-separated.
    #[serde(default)]
    affected: String,
}

pub async fn declare(
    Held(state): Held<State>,
    signed: Signed,
    Query(mut prefill): Query<Prefill>,
) -> Response {
    let affected: Vec<_> = prefill
        .affected
        .split(',')
        .filter(|s| !s.is_empty())
        .map(ServiceId::from)
        .collect();
    if let ([one], "") = (affected.as_slice(), prefill.title.as_str())
        && let Some(service) = state.desk.plan().plan.service(one)
    {
        prefill.title = format!("{} is down", service.name);
    }
    let page = load::declare(&state, &signed, prefill.title, affected);
    ok(&state, &signed, Ok(page))
}

pub async fn incident(
    Held(state): Held<State>,
    signed: Signed,
    Path(number): Path<Number>,
) -> Response {
    let loaded = load::incident(&state, &signed, &number).await;
    ok(&state, &signed, loaded)
}

pub async fn runbooks(Held(state): Held<State>, signed: Signed) -> Response {
    let loaded = load::runbooks(&state, &signed).await;
    ok(&state, &signed, loaded)
}

#[derive(Deserialize)]
pub struct About {
    /// The incident that it is to be run for.
    incident: Option<Number>,
    /// An older revision to compare with.
    against: Option<String>,
}

pub async fn runbook(
    Held(state): Held<State>,
    signed: Signed,
    Path(slug): Path<String>,
    Query(about): Query<About>,
) -> Response {
    let against = about.against.as_deref();
    let loaded = load::runbook(&state, &signed, slug, about.incident, against).await;
    ok(&state, &signed, loaded)
}

pub async fn run(
    Held(state): Held<State>,
    signed: Signed,
    Path(id): Path<RunId>,
    Query(which): Query<output::Which>,
) -> Response {
    let loaded = load::run(&state, &signed, &id, &which).await;
    ok(&state, &signed, loaded)
}

pub async fn failover(
    Held(state): Held<State>,
    signed: Signed,
    Path(service): Path<ServiceId>,
) -> Response {
    let loaded = load::failover(&state, &signed, &service);
    ok(&state, &signed, loaded)
}

pub async fn service(
    Held(state): Held<State>,
    signed: Signed,
    Path(service): Path<ServiceId>,
) -> Response {
    let loaded = load::service(&state, &signed, service);
    ok(&state, &signed, loaded)
}

/// With the fields of a draft: what it would touch.
pub async fn maintenance(
    Held(state): Held<State>,
    signed: Signed,
    RawQuery(query): RawQuery,
) -> Response {
    let typed = serde_urlencoded::from_str(&query.unwrap_or_default()).unwrap_or_default();
    let loaded = load::windows::maintenance(&state, &signed, typed).await;
    ok(&state, &signed, loaded)
}

pub async fn contacts(Held(state): Held<State>, signed: Signed) -> Response {
    let page = load::contacts(&state, &signed);
    ok(&state, &signed, Ok(page))
}

pub async fn matrix(Held(state): Held<State>, signed: Signed) -> Response {
    let loaded = load::matrix(&state, &signed).await;
    ok(&state, &signed, loaded)
}

/// To write an update on a page of its own.
pub async fn update(
    Held(state): Held<State>,
    signed: Signed,
    Path(number): Path<Number>,
) -> Response {
    update_page(&state, &signed, &number, None).await
}

pub async fn update_page(
    state: &State,
    signed: &Signed,
    number: &Number,
    draft: Option<Unposted>,
) -> Response {
    let loaded = load::update(state, signed, number, draft).await;
    ok(state, signed, loaded)
}

pub async fn plan(Held(state): Held<State>, signed: Signed) -> Response {
    ok(
        &state,
        &signed,
        Ok(load::plain(&state, &signed, View::Plan, true)),
    )
}

pub async fn drills(Held(state): Held<State>, signed: Signed) -> Response {
    let says = "Drills against the lab are not here yet. Until then, declare an incident of the kind “drill” and run its runbooks: nothing of it \
                reaches the public status page.";
    ok(
        &state,
        &signed,
        Ok(load::plain(
            &state,
            &signed,
            View::NotYet {
                name: "Drills".into(),
                says: says.into(),
            },
            false,
        )),
    )
}

pub async fn postmortems(Held(state): Held<State>, signed: Signed) -> Response {
    let says = "Postmortems are not here yet. Each incident keeps its whole timeline: read it on the incident's page, or export it with \
                muster timeline export.";
    ok(
        &state,
        &signed,
        Ok(load::plain(
            &state,
            &signed,
            View::NotYet {
                name: "Postmortems".into(),
                says: says.into(),
            },
            false,
        )),
    )
}

pub async fn not_found(Held(state): Held<State>, request: Request) -> Response {
    match auth::caller(&state, request.headers()).await {
        Ok(Some(signed)) if !request.uri().path().starts_with("/api/") => answer(
            &state,
            &signed,
            StatusCode::NOT_FOUND,
            Err(Missing::NotFound(
                "There is no page at this address.".into(),
            )),
        ),
        Ok(Some(_)) => Problem::not_found("There is nothing at this address.").into_response(),
        Ok(None) => auth::unknown(request.uri().path()),
        Err(error) => Problem::unavailable(error.to_string()).into_response(),
    }
}
