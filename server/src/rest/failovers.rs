//! `/api/v1/failovers` and `/api/v1/automation`.

use super::{
    incidents::ask,
    problem::{Body, Problem},
};
use crate::{
    failover::{self, Asked},
    state::State,
    web::Signed,
};
use api::{FailBack, Override, Reason, Trigger};
use axum::{
    Json,
    extract::{Path, State as Held},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use domain::{
    Command, ServiceId, asking,
    failover::{AUTOMATIC, Signal, step},
};
use serde_json::{Value, json};

type Done = Result<Response, Problem>;

/// What a person may ask for, each with the reason where it may not be now.
const BUTTONS: [Signal; 5] = [
    Signal::Trigger,
    Signal::Override,
    Signal::PlanFailback,
    Signal::FailBack,
    Signal::Settle,
];

fn told(state: &State, service: &ServiceId) -> Option<Value> {
    let (world, plan) = (state.desk.world(), state.desk.plan().plan);
    let sight = failover::sight(state, service);
    let now = state.desk.clock().now();
    let mine = plan.failover(service)?;
    let failover = world.failover(service).map(|f| (**f).clone());
    let failover = failover.unwrap_or_default();
    let ask_for = |signal| asking(&world, &plan, service, signal, sight.as_deref(), now);
    let automatic = ask_for(Signal::Automatic)?;
    let guards = AUTOMATIC.iter().map(|guard| {
        let (holds, says) = match guard.ask(&automatic) {
            Ok(says) => (true, says),
            Err(says) => (false, says),
        };
        json!({ "guard": guard.words(), "holds": holds, "says": says })
    });
    let may = BUTTONS.iter().filter_map(|signal| {
        let why = step(failover.state, *signal, &ask_for(*signal)?).err();
        Some(json!({ "signal": signal, "refused": why.map(|r| r.says) }))
    });
    let mut body = serde_json::to_value(&failover).unwrap_or_default();
    body["service"] = json!(service);
    body["words"] = json!(failover.state.words());
    body["automatic"] = json!(mine.automatic);
    body["guards"] = guards.collect();
    body["may"] = may.collect();
    body["sight"] = json!(sight);
    body["held"] = json!(world.automation);
    body["url"] = json!(format!("/failover/{service}"));
    Some(body)
}

pub async fn list(Held(state): Held<State>, _: Signed) -> Response {
    let plan = state.desk.plan().plan;
    let all: Vec<_> = plan
        .failover
        .iter()
        .filter_map(|f| told(&state, &f.service))
        .collect();
    Json(json!({ "failovers": all, "held": state.desk.world().automation })).into_response()
}

fn found(state: &State, service: &ServiceId) -> Done {
    match told(state, service) {
        Some(body) => Ok(Json(body).into_response()),
        None => Err(Problem::not_found(format!(
            "The plan has no failover of `{service}`."
        ))),
    }
}

pub async fn get(Held(state): Held<State>, _: Signed, Path(service): Path<ServiceId>) -> Done {
    found(&state, &service)
}

/// Asks the Desk, and answers with the failover as it is then.
async fn tell(
    state: &State,
    signed: &Signed,
    headers: &HeaderMap,
    service: ServiceId,
    asked: Asked,
) -> Done {
    let command = failover::command(state, &service, asked);
    ask(state, signed, headers, command).await?;
    found(state, &service)
}

pub async fn trigger(
    Held(state): Held<State>,
    signed: Signed,
    Path(service): Path<ServiceId>,
    headers: HeaderMap,
    Body(Trigger { incident, risk }): Body<Trigger>,
) -> Done {
    let asked = Asked::Trigger { incident, risk };
    tell(&state, &signed, &headers, service, asked).await
}

pub async fn override_fencing(
    Held(state): Held<State>,
    signed: Signed,
    Path(service): Path<ServiceId>,
    headers: HeaderMap,
    Body(Override { risk }): Body<Override>,
) -> Done {
    tell(&state, &signed, &headers, service, Asked::Override { risk }).await
}

pub async fn fail_back(
    Held(state): Held<State>,
    signed: Signed,
    Path(service): Path<ServiceId>,
    headers: HeaderMap,
    Body(FailBack { incident, confirm }): Body<FailBack>,
) -> Done {
    let asked = Asked::FailBack { incident, confirm };
    tell(&state, &signed, &headers, service, asked).await
}

pub async fn plan_failback(
    Held(state): Held<State>,
    signed: Signed,
    Path(service): Path<ServiceId>,
    headers: HeaderMap,
    Body(Reason { reason }): Body<Reason>,
) -> Done {
    let asked = Asked::PlanFailback { reason };
    tell(&state, &signed, &headers, service, asked).await
}

pub async fn settle(
    Held(state): Held<State>,
    signed: Signed,
    Path(service): Path<ServiceId>,
    headers: HeaderMap,
    Body(Reason { reason }): Body<Reason>,
) -> Done {
    tell(&state, &signed, &headers, service, Asked::Settle { reason }).await
}

pub async fn acknowledge(
    Held(state): Held<State>,
    signed: Signed,
    Path(service): Path<ServiceId>,
    headers: HeaderMap,
) -> Done {
    tell(&state, &signed, &headers, service, Asked::Acknowledge).await
}

async fn lever(state: &State, signed: &Signed, headers: &HeaderMap, command: Command) -> Done {
    ask(state, signed, headers, command).await?;
    Ok(Json(json!({ "held": state.desk.world().automation })).into_response())
}

pub async fn hold(
    Held(state): Held<State>,
    signed: Signed,
    headers: HeaderMap,
    Body(Reason { reason }): Body<Reason>,
) -> Done {
    lever(
        &state,
        &signed,
        &headers,
        Command::HoldAutomation { reason },
    )
    .await
}

pub async fn release(
    Held(state): Held<State>,
    signed: Signed,
    headers: HeaderMap,
    Body(Reason { reason }): Body<Reason>,
) -> Done {
    lever(
        &state,
        &signed,
        &headers,
        Command::ReleaseAutomation { reason },
    )
    .await
}
