//! `/api/v1/heartbeats`: the other side of a service calls in.

use super::problem::Problem;
use crate::{state::State, web::Signed};
use axum::{
    extract::{Path, State as Held},
    http::StatusCode,
};
use domain::{ServiceId, plan::Probe};

pub async fn call_in(
    Held(state): Held<State>,
    _: Signed,
    Path(service): Path<ServiceId>,
) -> Result<StatusCode, Problem> {
    let plan = state.desk.plan().plan;
    let check = plan.service(&service).and_then(|s| s.check.as_ref());
    if !check.is_some_and(|c| matches!(c.probe, Probe::Heartbeat(_))) {
        return Err(Problem::not_found(format!(
            "The plan has no service `{service}` that calls in."
        )));
    }
    let now = state.desk.clock().now();
    let kept = state.desk.store().put_heartbeat(service.as_str(), now.0);
    kept.await
        .map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}
