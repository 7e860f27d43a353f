//! The way to a desk. A Muster that has published before does not stand in its own way: until its database answers, it tells
//! the public what was last known, and how old that is.

use crate::{
    cli::{Data, Exit},
    status::{StatusPage, Told},
    web,
};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use engine::{Clock, Desk, store::Store};
use std::{net::TcpListener as Std, time::Duration};
use tokio::net::TcpListener;

/// A database that takes longer is one that people should not wait for.
const AT_ONCE: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(2);

/// What was last known, and where it is shown.
pub struct Known {
    pub told: Told,
    pub page: StatusPage,
}

/// Opens the database and the desk over it. With nothing known yet a failure is the end; else this goes on trying, and the
/// public is served meanwhile at `listener`. Nothing where it was asked to stop before.
pub async fn arrive(
    data: &Data,
    node: &str,
    known: Option<&Known>,
    listener: &TcpListener,
) -> Result<Option<(Store, Desk)>, Exit> {
    let Some(known) = known else {
        return Ok(Some(open(data, node).await?));
    };
    let opening = keep_opening(data, node);
    tokio::pin!(opening);
    if let Ok(arrived) = tokio::time::timeout(AT_ONCE, &mut opening).await {
        return Ok(Some(arrived));
    }
    let own = socket2::SockRef::from(listener).try_clone();
    let own = own.and_then(|socket| TcpListener::from_std(Std::from(socket)));
    let own = own.map_err(|e| Exit::Failed(format!("cannot listen: {e}")))?;
    let address = listener
        .local_addr()
        .map_err(|e| Exit::Failed(e.to_string()))?;
    let as_of = known.told.as_of.minute();
    tracing::error!(
        "Muster serves http://{address} to the public only, with what was known at {as_of}: the database does not answer"
    );
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let public = Router::new()
        .fallback(public)
        .with_state(known.page.clone());
    let public = axum::serve(own, public).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    tokio::spawn(async { public.await });
    let arrived = tokio::select! {
        arrived = &mut opening => Some(arrived),
        never = known.page.grow_old(known.told.clone(), Clock::system()) => never,
        () = super::asked_to_stop() => None,
    };
    // Its last answers are on their way: new questions go to who comes next.
    let _ = stop.send(());
    Ok(arrived)
}

async fn keep_opening(data: &Data, node: &str) -> (Store, Desk) {
    let mut told = String::new();
    loop {
        let says = match there(data) {
            Ok(()) => match open(data, node).await {
                Ok(arrived) => return arrived,
                Err(says) => says,
            },
            Err(says) => says,
        };
        if says != told {
            tracing::error!("{says}");
            told = says;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// A database in a file is made where there is none; but not where there was one.
fn there(data: &Data) -> Result<(), String> {
    if data.database_url.is_some() || data.data.join("muster.db").is_file() {
        return Ok(());
    }
    Err(format!(
        "the database of {} is gone: put muster.db back, or take status.json away to begin anew",
        data.data.display()
    ))
}

async fn open(data: &Data, node: &str) -> Result<(Store, Desk), String> {
    let store = data.open().await?;
    if let Err(error) = store.make_room().await {
        tracing::warn!(%error, "The database's log has no room of its own on the disk yet");
    }
    let desk = Desk::open(store.clone(), Clock::system(), node).await;
    Ok((store, desk.map_err(|e| e.to_string())?))
}

/// What was last known, for the public; nobody else can be served yet.
async fn public(State(page): State<StatusPage>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/healthz" {
        return "ok\n".into_response();
    }
    if page.published().has(path) {
        return page.answer(&request);
    }
    let mut answer = web::plain_page(
        "Muster waits for its database",
        "It goes on as soon as the database answers. Nothing that was acknowledged is lost.",
    );
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}
