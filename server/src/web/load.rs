//! Loads what each page shows: one typed `Page`, the part of the world it needs and no more.

mod measured;
mod past;
pub mod told;
pub mod windows;

use super::{Signed, output};
use crate::{rest::problem::Problem, state::State};
use app::page::{Book, Look, Measured, Page, Past, Told, Unposted, View, Who};
use domain::{
    Incident, Number, Run, RunId, ServiceId, Stamp, Stamped, World, incident_stream,
    plan::{Plan, Tier, child_run},
    recovery::{Recovery, Verdict, measure},
    run_stream, service_stream, words,
};
use engine::stamped;
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, sync::Arc};

/// So many lines of a timeline come with its page.
const MOST_LINES: u32 = 500;
/// So many events are read at most of an incident, and of its services.
const MOST_READ: u32 = 5000;
/// So many events of everything back from its declaration, what its services did belongs to an incident.
const LOOK_BACK: u64 = 5000;
/// So many past incidents on one page of the list.
const PAST: u32 = 50;

/// Why a page could not be loaded.
pub enum Missing {
    NotFound(String),
    Store(engine::store::Error),
}

impl From<engine::store::Error> for Missing {
    fn from(error: engine::store::Error) -> Self {
        match error {
            // Nothing is kept under such a name.
            engine::store::Error::Nul { .. } => Missing::NotFound("There is no such thing.".into()),
            error => Missing::Store(error),
        }
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

pub type Loaded = Result<Page, Missing>;

/// A page with its frame, to be filled.
fn frame(state: &State, signed: &Signed, view: View) -> Page {
    let world = state.desk.world();
    let looks = looks(&state.looks.borrow());
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
        past: Past::default(),
        proof: BTreeMap::new(),
        book: Book::default(),
        measured: Measured {
            exposures: measured::exposures(&state.desk.plan().plan, &world),
            failovers: measured::failovers(&state.desk.plan().plan, &world),
            held: world.automation.clone(),
            histories: state.histories.borrow().clone(),
            maintenances: world.open_maintenances().into_iter().cloned().collect(),
            found: world.held.clone().into_iter().collect(),
            ..Measured::default()
        },
        sight: None,
        parts: signed.parts,
        told: Box::<Told>::default(),
        draft: None,
        seed: uuid::Uuid::new_v4().to_string(),
    }
}

pub fn looks(looks: &engine::checks::Looks) -> BTreeMap<ServiceId, Look> {
    let look = |l: &engine::checks::Look| Look {
        at: l.at,
        took_ms: l.took.as_millis().min(u128::from(u32::MAX)) as u32,
        class: l.class.into(),
    };
    looks.iter().map(|(id, l)| (id.clone(), look(l))).collect()
}

/// The plan without what a page seldom needs: the commands of its runbooks' steps.
fn plan_without_commands(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for runbook in &mut plan.runbooks {
        for step in &mut runbook.steps {
            step.commands.clear();
        }
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

/// What an incident's page tells of: its own events and its runs', and what its services did since shortly before it.
async fn story(state: &State, incident: &Incident) -> Result<Vec<Stamped>, Missing> {
    let runs = incident.runs.iter().map(run_stream);
    let own: Vec<_> = std::iter::once(incident_stream(&incident.number))
        .chain(runs)
        .collect();
    let services: Vec<_> = incident.affected.iter().map(service_stream).collect();
    let mut all = timeline(state, &own, 0, MOST_READ).await?;
    // A service's stream is as old as the service.
    let declared = all.first().map_or(0, |e| e.seq);
    let after = declared.saturating_sub(LOOK_BACK);
    all.extend(timeline(state, &services, after, MOST_READ).await?);
    all.sort_by_key(|e| e.seq);
    Ok(all)
}

pub async fn incident(state: &State, signed: &Signed, number: &Number) -> Loaded {
    // The frame first: the live stream goes on from its number, and what is loaded after it may only be ahead of that.
    let view = View::Incident {
        number: number.clone(),
    };
    let mut page = frame(state, signed, view);
    let incident = find_incident(state, number).await?;
    for run in &incident.runs {
        page.world
            .runs
            .insert(run.clone(), find_run(state, run).await?);
    }
    let plan = pinned(state, &incident.plan).await?;
    let runs = past::runs(state).await?;
    page.proof = past::proof(&plan, &runs);
    page.plan = plan_without_commands(&plan);
    page.told = told::of(state, &incident).await?;
    let all = story(state, &incident).await?;
    let world = state.desk.world();
    page.measured = measured::measured(&plan, &world, &incident, &all, &runs, page.now);
    // Later ones are told by the live stream, which would tell them twice.
    let told = |e: &Stamped| e.seq <= page.world.seq;
    let own = |e: &Stamped| incident.tells(e);
    let mut lines: Vec<_> = all.into_iter().filter(told).filter(own).collect();
    let surplus = lines.len().saturating_sub(MOST_LINES as usize);
    // As the live stream will tell the later ones.
    let said = |e: Stamped| words::said(&e).unwrap_or(e);
    page.timeline = lines.split_off(surplus).into_iter().map(said).collect();
    page.world.incidents.insert(number.clone(), incident);
    Ok(page)
}

pub async fn run(state: &State, signed: &Signed, id: &RunId, asked: &output::Which) -> Loaded {
    let seq = state.desk.world().seq;
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
    // The live stream goes on from before the run was read: what is in it already is passed over.
    page.world.seq = seq;
    if let Some(number) = &run.incident {
        page.world
            .incidents
            .insert(number.clone(), find_incident(state, number).await?);
    }
    page.plan = plan_without_commands(&*pinned(state, &run.plan).await?);
    for other in relatives(&run) {
        if let Ok(found) = find_run(state, &other).await {
            page.world.runs.insert(other, found);
        }
    }
    if !run.is_over() {
        page.past = past::past(&run, &past::runs(state).await?);
    }
    page.timeline = timeline(state, &[run_stream(id)], 0, MOST_LINES).await?;
    page.timeline.retain(|e| e.seq <= seq);
    page.world.runs.insert(id.clone(), run);
    Ok(page)
}

/// The run whose step it is, and the runs that are steps of it.
fn relatives(run: &Run) -> Vec<RunId> {
    let calls = |(i, _): &(usize, _)| run.runbook.step(*i).is_some_and(|s| s.runbook.is_some());
    let steps = run.steps.iter().enumerate().filter(calls);
    let children = steps.flat_map(|(i, step)| {
        let of = move |a: &domain::Attempt| child_run(&run.id, i as u32, a.number);
        step.attempts.iter().map(of)
    });
    let parent = run.parent.iter().map(|p| p.run.clone());
    parent.chain(children).collect()
}

/// The list of the plan's runbooks.
pub async fn runbooks(state: &State, signed: &Signed) -> Loaded {
    let mut page = plain(state, signed, View::Runbooks, true);
    page.proof = past::proof(&page.plan, &past::runs(state).await?);
    Ok(page)
}

/// One runbook, as it stands in the plan: of the incident that it is to be run for, where there is one.
pub async fn runbook(
    state: &State,
    signed: &Signed,
    slug: String,
    incident: Option<Number>,
    against: Option<&str>,
) -> Loaded {
    let name = domain::Slug::from(slug.as_str());
    let view = View::Runbook {
        slug,
        incident: incident.clone(),
    };
    let mut page = plain(state, signed, view, true);
    let about = incident.and_then(|n| page.world.incidents.get(&n).cloned());
    if let Some(about) = about {
        page.plan = Plan::clone(&*pinned(state, &about.plan).await?);
    }
    let Some(runbook) = page.plan.runbook(&name).cloned() else {
        return Err(Missing::NotFound(format!(
            "The plan has no runbook `{name}`."
        )));
    };
    let runs = past::runs(state).await?;
    page.proof = past::proof(&page.plan, &runs);
    page.book = past::book(state, &runbook, &runs, against).await?;
    Ok(page)
}

/// A failover as it stands, and what was last seen of it.
pub fn failover(state: &State, signed: &Signed, service: &ServiceId) -> Loaded {
    let view = View::Failover {
        service: service.clone(),
    };
    let mut page = plain(state, signed, view, true);
    if page.plan.failover(service).is_none() {
        return Err(Missing::NotFound(format!(
            "The plan has no failover of `{service}`."
        )));
    }
    let world = state.desk.world();
    page.world.failovers = world.failovers.clone();
    page.world.automation = world.automation.clone();
    page.sight = crate::failover::sight(state, service);
    Ok(page)
}

/// One service, and its days.
pub fn service(state: &State, signed: &Signed, service: ServiceId) -> Loaded {
    let page = plain(
        state,
        signed,
        View::Service {
            service: service.clone(),
        },
        false,
    );
    match page.plan.service(&service) {
        Some(_) => Ok(page),
        None => Err(Missing::NotFound(format!(
            "The plan has no service `{service}`."
        ))),
    }
}

pub async fn incidents(state: &State, signed: &Signed, before: Option<&str>) -> Loaded {
    let found = state
        .desk
        .store()
        .projections("incident", before, PAST)
        .await?;
    let more = (found.len() == PAST as usize)
        .then(|| found.last().map(|p| p.id.clone()))
        .flatten();
    let mut page = frame(state, signed, View::Incidents { more });
    let world = state.desk.world();
    with_open(&mut page, &world);
    page.told = told::open(&world);
    for found in found {
        if let Ok(incident) = serde_json::from_str::<Incident>(&found.body) {
            page.world
                .incidents
                .entry(incident.number.clone())
                .or_insert_with(|| Arc::new(incident));
        }
    }
    page.plan = plan_without_commands(&state.desk.plan().plan);
    measure_open(state, &mut page).await?;
    Ok(page)
}

/// The board, on a desk or on a wall.
pub async fn board(state: &State, signed: &Signed, view: View) -> Loaded {
    let mut page = plain(state, signed, view, false);
    page.told = told::open(&state.desk.world());
    measure_open(state, &mut page).await?;
    Ok(page)
}

/// Declaring: with whom it would tell.
pub fn declare(state: &State, signed: &Signed, title: String, affected: Vec<ServiceId>) -> Page {
    let mut page = plain(state, signed, View::Declare { title, affected }, false);
    page.told = told::before(state, page.now);
    page
}

pub fn contacts(state: &State, signed: &Signed) -> Page {
    let mut page = plain(state, signed, View::Contacts, false);
    page.told = told::directory(state, page.now);
    page
}

pub async fn matrix(state: &State, signed: &Signed) -> Loaded {
    let mut page = plain(state, signed, View::Matrix, false);
    page.told = told::matrix(state, page.now).await?;
    Ok(page)
}

/// An update that is being written.
pub async fn update(
    state: &State,
    signed: &Signed,
    number: &Number,
    draft: Option<Unposted>,
) -> Loaded {
    let view = View::Update {
        number: number.clone(),
    };
    let mut page = frame(state, signed, view);
    let incident = find_incident(state, number).await?;
    page.plan = plan_without_commands(&*pinned(state, &incident.plan).await?);
    page.told = told::of(state, &incident).await?;
    if let Some(draft) = &draft {
        page.told.said = told::drafted(state, &page.plan, &incident, draft, page.now);
    }
    page.draft = draft;
    page.world.incidents.insert(number.clone(), incident);
    Ok(page)
}

/// How the recovery of each open incident goes.
async fn measure_open(state: &State, page: &mut Page) -> Result<(), Missing> {
    for incident in page
        .world
        .open_incidents()
        .into_iter()
        .cloned()
        .collect::<Vec<_>>()
    {
        if let Some(recovery) = recovery(state, &incident, page.now).await? {
            page.measured
                .recoveries
                .insert(incident.number.clone(), recovery);
        }
    }
    Ok(())
}

/// How the recovery of an incident went, or goes.
pub async fn recovery(
    state: &State,
    incident: &Incident,
    now: Stamp,
) -> Result<Option<Recovery>, Missing> {
    let told = story(state, incident).await?;
    let plan = pinned(state, &incident.plan).await?;
    Ok(measure(&plan, incident, &told, now))
}

/// The objectives that apply to an incident, the strictest first, and what became of them.
pub async fn verdicts(
    state: &State,
    incident: &Incident,
    recovery: Option<&Recovery>,
    now: Stamp,
) -> Result<Vec<(Tier, Verdict)>, Missing> {
    let plan = pinned(state, &incident.plan).await?;
    let of = |id| plan.tier(&plan.service(id)?.tier);
    let mut tiers: Vec<&Tier> = incident.affected.iter().filter_map(of).collect();
    tiers.sort_by_key(|t| t.within);
    tiers.dedup();
    let verdict = |t: &Tier| recovery.map_or(Verdict::NotMeasured, |r| r.verdict(t.within, now));
    Ok(tiers.into_iter().map(|t| (t.clone(), verdict(t))).collect())
}

/// A page of what is in the plan, and what is open.
pub fn plain(state: &State, signed: &Signed, view: View, commands: bool) -> Page {
    let mut page = frame(state, signed, view);
    with_open(&mut page, &state.desk.world());
    let plan = state.desk.plan().plan;
    page.plan = if commands {
        Plan::clone(&plan)
    } else {
        plan_without_commands(&plan)
    };
    page
}
