//! Loads what each page shows: one typed `Page`, the part of the world it needs and no more.

use super::{Signed, auth, output, render};
use crate::{rest::problem::Problem, state::State};
use app::page::{Look, Page, Refused, View, Who};
use axum::{
    extract::{Path, Query, Request, State as Held},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{
    Incident, Number, Run, RunId, ServiceId, Stamped, World, incident_stream, plan::Plan,
    run_stream, service_stream,
};
use engine::stamped;
use serde::{Deserialize, de::DeserializeOwned};
use std::{collections::BTreeMap, sync::Arc};

/// So many lines of a timeline come with its page.
const MOST_LINES: u32 = 500;
/// So many past incidents on one page of the list.
const PAST: u32 = 50;

/// Why a page could not be loaded.
pub enum Missing {
    NotFound(String),
    Store(engine::store::Error),
}

impl From<engine::store::Error> for Missing {
    fn from(error: engine::store::Error) -> Self {
        Missing::Store(error)
    }
}

impl From<Missing> for Problem {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::NotFound(says) => Problem::not_found(says),
            Missing::Store(error) => Problem::unavailable(error.to_string()),
        }
    }
}

type Loaded = Result<Page, Missing>;

/// A page with its frame, to be filled.
fn frame(state: &State, signed: &Signed, view: View) -> Page {
    let world = state.desk.world();
    let looks = looks(state);
    Page {
        view,
        who: Who {
            name: signed.actor.name.clone(),
            role: signed.actor.role,
        },
        now: state.desk.clock().now(),
        world: World {
            seq: world.seq,
            plan: world.plan.clone(),
            services: world.services.clone(),
            counts: world.counts.clone(),
            ..World::default()
        },
        plan: Plan::default(),
        looks,
        timeline: Vec::new(),
        refused: None,
        seed: uuid::Uuid::new_v4().to_string(),
    }
}

pub fn looks(state: &State) -> BTreeMap<ServiceId, Look> {
    let looks = state.looks.borrow();
    let look = |l: &engine::checks::Look| Look {
        at: l.at,
        took_ms: l.took.as_millis().min(u128::from(u32::MAX)) as u32,
        class: l.class.into(),
    };
    looks.iter().map(|(id, l)| (id.clone(), look(l))).collect()
}

/// The plan without what a page seldom needs: the steps of its runbooks.
fn plan_without_steps(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for runbook in &mut plan.runbooks {
        runbook.steps.clear();
    }
    plan
}

/// All that is open, with its runs.
fn with_open(page: &mut Page, world: &World) {
    page.world.incidents = world
        .incidents
        .iter()
        .filter(|(_, i)| i.is_open())
        .map(|(n, i)| (n.clone(), i.clone()))
        .collect();
    page.world.runs = world
        .runs
        .iter()
        .filter(|(_, r)| !r.is_over())
        .map(|(n, r)| (n.clone(), r.clone()))
        .collect();
}

async fn document<T: DeserializeOwned>(
    state: &State,
    kind: &str,
    id: &str,
) -> Result<Option<T>, Missing> {
    Ok(state
        .desk
        .store()
        .projection(kind, id)
        .await?
        .and_then(|found| serde_json::from_str(&found.body).ok()))
}

pub async fn find_incident(state: &State, number: &Number) -> Result<Arc<Incident>, Missing> {
    if let Some(open) = state.desk.world().incidents.get(number) {
        return Ok(open.clone());
    }
    let found: Option<Incident> = document(state, "incident", number.as_str()).await?;
    found
        .map(Arc::new)
        .ok_or_else(|| Missing::NotFound(format!("There is no incident {number}.")))
}

pub async fn find_run(state: &State, id: &RunId) -> Result<Arc<Run>, Missing> {
    if let Some(open) = state.desk.world().runs.get(id) {
        return Ok(open.clone());
    }
    let found: Option<Run> = document(state, "run", id.as_str()).await?;
    found
        .map(Arc::new)
        .ok_or_else(|| Missing::NotFound(format!("There is no run {id}.")))
}

/// The plan an incident or run was started under.
async fn pinned(state: &State, hash: &domain::PlanHash) -> Result<Arc<Plan>, Missing> {
    let in_force = state.desk.plan();
    if in_force.hash.as_ref() == Some(hash) {
        return Ok(in_force.plan);
    }
    let json = state.desk.store().plan_revision(hash.as_str()).await?;
    Ok(json
        .and_then(|json| serde_json::from_str(&json).ok())
        .map_or(in_force.plan, Arc::new))
}

/// The timeline of an incident as programs read it: its own events and its runs'.
pub async fn incident_lines(
    state: &State,
    number: &Number,
    after: u64,
    limit: u32,
) -> Result<Vec<Stamped>, Missing> {
    let incident = find_incident(state, number).await?;
    let streams: Vec<_> = std::iter::once(incident_stream(number))
        .chain(incident.runs.iter().map(run_stream))
        .collect();
    timeline(state, &streams, after, limit).await
}

async fn timeline(
    state: &State,
    streams: &[String],
    after: u64,
    limit: u32,
) -> Result<Vec<Stamped>, Missing> {
    Ok(state
        .desk
        .store()
        .streams(streams, after, limit)
        .await?
        .iter()
        .filter_map(stamped)
        .collect())
}

/// The streams an incident's page tells of: its own, its runs', and those of what it affects.
fn streams_of(incident: &Incident) -> Vec<String> {
    let runs = incident.runs.iter().map(run_stream);
    let services = incident.affected.iter().map(service_stream);
    std::iter::once(incident_stream(&incident.number))
        .chain(runs)
        .chain(services)
        .collect()
}

async fn load_incident(state: &State, signed: &Signed, number: &Number) -> Loaded {
    let incident = find_incident(state, number).await?;
    let mut page = frame(
        state,
        signed,
        View::Incident {
            number: number.clone(),
        },
    );
    for run in &incident.runs {
        page.world
            .runs
            .insert(run.clone(), find_run(state, run).await?);
    }
    page.plan = plan_without_steps(&*pinned(state, &incident.plan).await?);
    let all = timeline(state, &streams_of(&incident), 0, 5000).await?;
    // What its services did belongs here from a little before the declaration until it was resolved.
    let from = incident.declared_at.0 - 15 * 60 * 1_000_000;
    let until = incident.resolved_at.map_or(i64::MAX, |at| at.0);
    let near = |e: &Stamped| {
        !matches!(e.event, domain::Event::ServiceChanged { .. }) || (from..=until).contains(&e.at.0)
    };
    let mut lines: Vec<_> = all.into_iter().filter(near).collect();
    let surplus = lines.len().saturating_sub(MOST_LINES as usize);
    page.timeline = lines.split_off(surplus);
    page.world.incidents.insert(number.clone(), incident);
    Ok(page)
}

async fn load_run(state: &State, signed: &Signed, id: &RunId, asked: &output::Which) -> Loaded {
    let run = find_run(state, id).await?;
    let output = output::last(state, &run, asked).await;
    let mut page = frame(
        state,
        signed,
        View::Run {
            id: id.clone(),
            output,
        },
    );
    if let Some(number) = &run.incident {
        page.world
            .incidents
            .insert(number.clone(), find_incident(state, number).await?);
    }
    page.plan = plan_without_steps(&*pinned(state, &run.plan).await?);
    page.timeline = timeline(state, &[run_stream(id)], 0, MOST_LINES).await?;
    page.world.runs.insert(id.clone(), run);
    Ok(page)
}

async fn load_incidents(state: &State, signed: &Signed, before: Option<&str>) -> Loaded {
    let found = state
        .desk
        .store()
        .projections("incident", before, PAST)
        .await?;
    let more = (found.len() == PAST as usize)
        .then(|| found.last().map(|p| p.id.clone()))
        .flatten();
    let mut page = frame(state, signed, View::Incidents { more });
    with_open(&mut page, &state.desk.world());
    for found in found {
        if let Ok(incident) = serde_json::from_str::<Incident>(&found.body) {
            page.world
                .incidents
                .entry(incident.number.clone())
                .or_insert_with(|| Arc::new(incident));
        }
    }
    page.plan = plan_without_steps(&state.desk.plan().plan);
    Ok(page)
}

/// A page of what is in the plan, and what is open.
fn load_plain(state: &State, signed: &Signed, view: View, steps: bool) -> Page {
    let mut page = frame(state, signed, view);
    with_open(&mut page, &state.desk.world());
    let plan = state.desk.plan().plan;
    page.plan = if steps {
        Plan::clone(&plan)
    } else {
        plan_without_steps(&plan)
    };
    page
}

/// The page again that a refused form was on, with what was typed.
pub async fn again(state: &State, signed: &Signed, home: &Home, refused: Refused) -> Response {
    let loaded = match home {
        Home::Declare => Ok(load_plain(
            state,
            signed,
            View::Declare {
                title: String::new(),
                affected: Vec::new(),
            },
            false,
        )),
        Home::Incident(number) => load_incident(state, signed, number).await,
        Home::Run(id) => load_run(state, signed, id, &output::Which::default()).await,
        Home::Runbooks => Ok(load_plain(state, signed, View::Runbooks, false)),
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

/// The page a form stands on.
pub enum Home {
    Declare,
    Incident(Number),
    Run(RunId),
    Runbooks,
}

fn answer(state: &State, signed: &Signed, status: StatusCode, loaded: Loaded) -> Response {
    match loaded {
        Ok(page) => render::page(status, page),
        Err(Missing::NotFound(says)) => {
            let page = load_plain(state, signed, View::NotFound { says }, false);
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

pub async fn board(Held(state): Held<State>, signed: Signed) -> Response {
    ok(
        &state,
        &signed,
        Ok(load_plain(&state, &signed, View::Board, false)),
    )
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
    let loaded = load_incidents(&state, &signed, query.before.as_deref()).await;
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
    Query(prefill): Query<Prefill>,
) -> Response {
    let affected = prefill
        .affected
        .split(',')
        .filter(|s| !s.is_empty())
        .map(ServiceId::from)
        .collect();
    ok(
        &state,
        &signed,
        Ok(load_plain(
            &state,
            &signed,
            View::Declare {
                title: prefill.title,
                affected,
            },
            false,
        )),
    )
}

pub async fn incident(
    Held(state): Held<State>,
    signed: Signed,
    Path(number): Path<Number>,
) -> Response {
    let loaded = load_incident(&state, &signed, &number).await;
    ok(&state, &signed, loaded)
}

pub async fn runbooks(Held(state): Held<State>, signed: Signed) -> Response {
    ok(
        &state,
        &signed,
        Ok(load_plain(&state, &signed, View::Runbooks, true)),
    )
}

pub async fn runbook(
    Held(state): Held<State>,
    signed: Signed,
    Path(slug): Path<String>,
) -> Response {
    let known = state
        .desk
        .plan()
        .plan
        .runbook(&slug.as_str().into())
        .is_some();
    let loaded = if known {
        Ok(load_plain(&state, &signed, View::Runbook { slug }, true))
    } else {
        Err(Missing::NotFound(format!(
            "The plan has no runbook `{slug}`."
        )))
    };
    ok(&state, &signed, loaded)
}

pub async fn run(
    Held(state): Held<State>,
    signed: Signed,
    Path(id): Path<RunId>,
    Query(which): Query<output::Which>,
) -> Response {
    let loaded = load_run(&state, &signed, &id, &which).await;
    ok(&state, &signed, loaded)
}

pub async fn contacts(Held(state): Held<State>, signed: Signed) -> Response {
    ok(
        &state,
        &signed,
        Ok(load_plain(&state, &signed, View::Contacts, false)),
    )
}

pub async fn plan(Held(state): Held<State>, signed: Signed) -> Response {
    ok(
        &state,
        &signed,
        Ok(load_plain(&state, &signed, View::Plan, true)),
    )
}

pub async fn drills(Held(state): Held<State>, signed: Signed) -> Response {
    let says = "Drills against the lab are not here yet. Until then, declare an incident of the kind “drill” and run its runbooks: nothing of it \
                reaches the public status page.";
    ok(
        &state,
        &signed,
        Ok(load_plain(
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
        Ok(load_plain(
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
