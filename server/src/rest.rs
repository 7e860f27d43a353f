//! REST under `/api/v1`: the same commands as the forms, in JSON, with a bearer token. What is refused answers
//! `application/problem+json` with the field and a sentence.

mod failovers;
mod heartbeats;
mod history;
mod incidents;
mod maintenance;
mod notifications;
pub mod problem;
mod runs;

use crate::web::{Gate, Route, route};
use axum::routing::{get, post};
use domain::Permission;

pub fn routes() -> Vec<Route> {
    let view = Gate::Signed(Permission::View);
    vec![
        route("/api/v1/board", view, get(incidents::board)),
        route(
            "/api/v1/heartbeats/{service}",
            Gate::Signed(Permission::Respond),
            post(heartbeats::call_in),
        ),
        route(
            "/api/v1/incidents",
            view,
            get(incidents::list).post(incidents::declare),
        ),
        route("/api/v1/incidents/{number}", view, get(incidents::get)),
        route(
            "/api/v1/incidents/{number}/timeline",
            view,
            get(incidents::timeline),
        ),
        route(
            "/api/v1/incidents/{number}/recovery",
            view,
            get(incidents::recovery),
        ),
        route(
            "/api/v1/incidents/{number}/updates",
            view,
            post(incidents::update),
        ),
        route(
            "/api/v1/incidents/{number}/severity",
            view,
            post(incidents::severity),
        ),
        route(
            "/api/v1/incidents/{number}/roles",
            view,
            post(incidents::roles),
        ),
        route(
            "/api/v1/incidents/{number}/tasks",
            view,
            post(incidents::task),
        ),
        route(
            "/api/v1/incidents/{number}/notes",
            view,
            post(incidents::note),
        ),
        route(
            "/api/v1/incidents/{number}/resolve",
            view,
            post(incidents::resolve),
        ),
        route(
            "/api/v1/incidents/{number}/notifications",
            view,
            get(notifications::get),
        ),
        route(
            "/api/v1/incidents/{number}/notifications/repeat",
            view,
            post(notifications::repeat),
        ),
        route(
            "/api/v1/incidents/{number}/acknowledge",
            view,
            post(notifications::acknowledge),
        ),
        route(
            "/api/v1/incidents/{number}/calls",
            view,
            post(notifications::call),
        ),
        route(
            "/api/v1/notifications/preview",
            view,
            get(notifications::preview),
        ),
        route("/api/v1/services/{id}/history", view, get(history::get)),
        route(
            "/api/v1/maintenance",
            view,
            get(maintenance::list).post(maintenance::schedule),
        ),
        route("/api/v1/maintenance/{id}", view, get(maintenance::get)),
        route(
            "/api/v1/maintenance/{id}/reschedule",
            view,
            post(maintenance::reschedule),
        ),
        route(
            "/api/v1/maintenance/{id}/{act}",
            view,
            post(maintenance::go),
        ),
        route("/api/v1/contacts", view, get(incidents::contacts)),
        route("/api/v1/contacts/test", view, post(notifications::test)),
        route(
            "/api/v1/contacts/confirm",
            view,
            post(notifications::confirm),
        ),
        route(
            "/api/v1/oncall",
            view,
            get(notifications::duty).post(notifications::put_on_call),
        ),
        route(
            "/api/v1/oncall/{id}/remove",
            view,
            post(notifications::take_off_call),
        ),
        route("/api/v1/runbooks", view, get(runs::runbooks)),
        route("/api/v1/runbooks/{slug}/runs", view, post(runs::start)),
        route("/api/v1/failovers", view, get(failovers::list)),
        route("/api/v1/failovers/{service}", view, get(failovers::get)),
        route(
            "/api/v1/failovers/{service}/trigger",
            view,
            post(failovers::trigger),
        ),
        route(
            "/api/v1/failovers/{service}/override",
            view,
            post(failovers::override_fencing),
        ),
        route(
            "/api/v1/failovers/{service}/acknowledge",
            view,
            post(failovers::acknowledge),
        ),
        route(
            "/api/v1/failovers/{service}/plan-failback",
            view,
            post(failovers::plan_failback),
        ),
        route(
            "/api/v1/failovers/{service}/failback",
            view,
            post(failovers::fail_back),
        ),
        route(
            "/api/v1/failovers/{service}/settle",
            view,
            post(failovers::settle),
        ),
        route("/api/v1/automation/hold", view, post(failovers::hold)),
        route("/api/v1/automation/release", view, post(failovers::release)),
        route("/api/v1/runs/{id}", view, get(runs::get)),
        route("/api/v1/runs/{id}/output", view, get(runs::output)),
        route("/api/v1/runs/{id}/approve", view, post(runs::approve)),
        route("/api/v1/runs/{id}/answer", view, post(runs::answer)),
        route("/api/v1/runs/{id}/hold", view, post(runs::hold)),
        route("/api/v1/runs/{id}/continue", view, post(runs::go_on)),
        route("/api/v1/runs/{id}/retry", view, post(runs::retry)),
        route("/api/v1/runs/{id}/from", view, post(runs::from)),
        route("/api/v1/runs/{id}/skip", view, post(runs::skip)),
        route("/api/v1/runs/{id}/done", view, post(runs::done)),
        route("/api/v1/runs/{id}/cancel", view, post(runs::cancel)),
    ]
}
