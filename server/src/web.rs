//! The console: pages, forms, the live stream. Every route is in one table with the permission it asks for.

mod ack;
mod ansi;
mod auth;
mod callbacks;
mod cards;
mod content;
mod duty;
mod forms;
mod lines;
mod live;
mod load;
mod output;
mod pages;
mod plain;
mod render;
mod socket;
mod subscribers;

pub use auth::Signed;
pub use live::Ticks;
pub use load::{find_incident, find_run, incident_lines, recovery, told, verdicts};
pub use output::{Which, run_output};
pub use plain::plain_page;
pub use socket::{Socket, Sockets};

use crate::{assets, state::State, status};
use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use domain::Permission;
use tower_http::{
    csrf::CsrfLayer, limit::RequestBodyLimitLayer, set_header::SetResponseHeaderLayer,
};

/// The largest body anybody may send.
const LARGEST_BODY: usize = 64 * 1024;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Public,
    Signed(Permission),
}

pub struct Route {
    pub path: &'static str,
    pub gate: Gate,
    pub methods: MethodRouter<State>,
}

pub fn route(path: &'static str, gate: Gate, methods: MethodRouter<State>) -> Route {
    Route {
        path,
        gate,
        methods,
    }
}

/// Every route of the console. Writes ask for `View` here and for what each command needs at the Desk.
fn routes() -> Vec<Route> {
    let view = Gate::Signed(Permission::View);
    vec![
        route("/", view, get(pages::board)),
        route(
            "/incidents",
            view,
            get(pages::incidents).post(forms::declare),
        ),
        route("/incidents/new", view, get(pages::declare)),
        route("/incidents/{number}", view, get(pages::incident)),
        route("/incidents/{number}/severity", view, post(forms::severity)),
        route("/incidents/{number}/roles", view, post(forms::roles)),
        route("/incidents/{number}/updates", view, post(forms::update)),
        route("/incidents/{number}/update", view, get(pages::update)),
        route(
            "/incidents/{number}/updates/preview",
            view,
            post(forms::preview),
        ),
        route(
            "/incidents/{number}/acknowledge",
            view,
            post(forms::comms::acknowledge),
        ),
        route("/incidents/{number}/calls", view, post(forms::comms::call)),
        route(
            "/incidents/{number}/notifications/repeat",
            view,
            post(forms::comms::repeat),
        ),
        route("/incidents/{number}/notes", view, post(forms::note)),
        route("/incidents/{number}/pins", view, post(forms::pin)),
        route("/incidents/{number}/tasks", view, post(forms::task)),
        route(
            "/incidents/{number}/tasks/{task}/accept",
            view,
            post(forms::accept_task),
        ),
        route(
            "/incidents/{number}/tasks/{task}/finish",
            view,
            post(forms::finish_task),
        ),
        route("/incidents/{number}/checklist", view, post(forms::tick)),
        route("/incidents/{number}/resolve", view, post(forms::resolve)),
        route("/incidents/{number}/reopen", view, post(forms::reopen)),
        route("/runbooks", view, get(pages::runbooks)),
        route("/runbooks/{slug}", view, get(pages::runbook)),
        route("/runbooks/{slug}/runs", view, post(forms::runs::start)),
        route("/runs/{id}", view, get(pages::run)),
        route("/runs/{id}/output", view, get(output::download)),
        route("/runs/{id}/lines", view, get(lines::lines)),
        route("/runs/{id}/search", view, get(lines::search)),
        route("/runs/{id}/answer", view, post(forms::runs::answer)),
        route("/runs/{id}/hold", view, post(forms::runs::hold)),
        route("/runs/{id}/continue", view, post(forms::runs::go_on)),
        route("/runs/{id}/retry", view, post(forms::runs::retry)),
        route("/runs/{id}/from", view, post(forms::runs::from)),
        route("/runs/{id}/skip", view, post(forms::runs::skip)),
        route("/runs/{id}/done", view, post(forms::runs::done)),
        route("/runs/{id}/cancel", view, post(forms::runs::cancel)),
        route("/failover/{service}", view, get(pages::failover)),
        route(
            "/failover/{service}/trigger",
            view,
            post(forms::failover::trigger),
        ),
        route(
            "/failover/{service}/override",
            view,
            post(forms::failover::override_fencing),
        ),
        route(
            "/failover/{service}/acknowledge",
            view,
            post(forms::failover::acknowledge),
        ),
        route(
            "/failover/{service}/plan-failback",
            view,
            post(forms::failover::plan_failback),
        ),
        route(
            "/failover/{service}/failback",
            view,
            post(forms::failover::fail_back),
        ),
        route(
            "/failover/{service}/settle",
            view,
            post(forms::failover::settle),
        ),
        route("/automation/hold", view, post(forms::failover::hold)),
        route("/automation/release", view, post(forms::failover::release)),
        route("/services/{id}", view, get(pages::service)),
        route(
            "/maintenance",
            view,
            get(pages::maintenance).post(forms::maintenance::schedule),
        ),
        route(
            "/maintenance/{id}/reschedule",
            view,
            post(forms::maintenance::reschedule),
        ),
        route(
            "/maintenance/{id}/{act}",
            view,
            post(forms::maintenance::go),
        ),
        route("/contacts", view, get(pages::contacts)),
        route("/contacts.vcf", view, get(cards::cards)),
        // It asks for a session or for a key of its own.
        route("/contacts/on-call.ics", Gate::Public, get(duty::calendar)),
        route("/contacts/test", view, post(forms::comms::test)),
        route("/contacts/overrides", view, post(forms::comms::put_on_call)),
        route(
            "/contacts/overrides/{id}/remove",
            view,
            post(forms::comms::take_off_call),
        ),
        route("/matrix", view, get(pages::matrix)),
        route(
            "/subscribers",
            Gate::Signed(Permission::Administer),
            get(subscribers::page),
        ),
        route(
            "/subscribers/{id}/remove",
            Gate::Signed(Permission::Administer),
            post(subscribers::remove),
        ),
        route("/plan", view, get(pages::plan)),
        route("/drills", view, get(pages::drills)),
        route("/postmortems", view, get(pages::postmortems)),
        route("/live", view, get(live::stream)),
        route("/signout", view, post(auth::sign_out)),
        route("/readyz", view, get(ready)),
        route("/signin", Gate::Public, get(auth::sign_in)),
        route("/status", Gate::Public, get(status::public)),
        route(
            "/status/subscribe",
            Gate::Public,
            get(status::public).post(status::subscribing),
        ),
        route(
            "/status/subscriptions/{token}",
            Gate::Public,
            get(status::subscribing).post(status::subscribing),
        ),
        route(
            "/status/unsubscribe/{token}",
            Gate::Public,
            get(status::subscribing).post(status::subscribing),
        ),
        route("/status/{*rest}", Gate::Public, get(status::public)),
        route("/history.atom", Gate::Public, get(status::public)),
        route("/history.rss", Gate::Public, get(status::public)),
        route(
            "/api/v2/{*rest}",
            Gate::Public,
            get(status::public).options(status::public),
        ),
        route(
            "/ack/{token}",
            Gate::Public,
            get(ack::page).post(ack::acknowledge),
        ),
        route(
            "/callbacks/twilio/{what}",
            Gate::Public,
            post(callbacks::twilio),
        ),
        route(
            "/callbacks/slack/actions",
            Gate::Public,
            post(callbacks::slack),
        ),
        route("/callbacks/mail", Gate::Public, post(callbacks::mail)),
        route("/healthz", Gate::Public, get(|| async { "ok\n" })),
        route("/pkg/{file}", Gate::Public, get(assets::get)),
        route(
            "/favicon.ico",
            Gate::Public,
            get(|| async { StatusCode::NO_CONTENT }),
        ),
    ]
}

pub fn app(state: State) -> Router {
    let mut router = Router::new();
    for Route {
        path,
        gate,
        methods,
    } in routes().into_iter().chain(crate::rest::routes())
    {
        router = router.route(
            path,
            methods.layer(middleware::from_fn_with_state(
                (state.clone(), gate),
                auth::gate,
            )),
        );
    }
    let fixed =
        |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    router
        // What does not exist looks the same as what one may not see.
        .fallback(pages::not_found)
        .layer(RequestBodyLimitLayer::new(LARGEST_BODY))
        .layer(CsrfLayer::new())
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "same-origin"))
        .layer(fixed(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ))
        // Last, so that it is the outermost: what it hands over is whole.
        .layer(middleware::from_fn(socket::hand_over))
        .with_state(state)
}

async fn ready(axum::extract::State(state): axum::extract::State<State>) -> Response {
    match state.desk.store().ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}
