//! `/api/v1/services/{id}/history`: the last ninety days of a service.

use super::problem::Problem;
use crate::{state::State, web::Signed};
use axum::{
    Json,
    extract::{Path, State as Held},
    response::{IntoResponse, Response},
};
use domain::{
    ServiceId,
    history::{Day, History, uptime},
};
use serde_json::{Value, json};

/// Seconds in each state, the oldest day first. `uptime` is from 0 to 1, and null where nothing is known.
pub async fn get(
    Held(state): Held<State>,
    _: Signed,
    Path(service): Path<ServiceId>,
) -> Result<Response, Problem> {
    if state.desk.plan().plan.service(&service).is_none() {
        return Err(Problem::not_found(format!(
            "The plan has no service `{service}`."
        )));
    }
    let now = state.desk.clock().now();
    let histories = state.histories.borrow().clone();
    let none = History::default();
    let history = histories.get(&service).unwrap_or(&none);
    let days = history.days(now);
    let body = json!({
        "service": service,
        "as_of": now.rfc3339(),
        "uptime": uptime(&days),
        "changes_in_the_last_hour": history.lately(now),
        "flapping": history.is_flapping(now),
        "days": days.iter().map(told).collect::<Vec<_>>(),
    });
    Ok(Json(body).into_response())
}

fn told(day: &Day) -> Value {
    use domain::Health::*;
    json!({
        "date": &day.begins().rfc3339()[..10],
        "worst": day.worst(),
        "operational_s": day.of(Operational),
        "degraded_s": day.of(Degraded),
        "partial_outage_s": day.of(PartialOutage),
        "major_outage_s": day.of(MajorOutage),
        "maintenance_s": day.of(Maintenance),
        "no_data_s": day.of(NoData),
        "changes": day.changes,
    })
}
