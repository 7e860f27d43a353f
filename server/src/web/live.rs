//! `GET /live?after=SEQ[&run=ID]`: the events after SEQ as they happen, an audible tick, and how far a run's output has got.
//!
//! A wake-up carries no data: a reader takes what is there after its place in the log. So nothing is lost between the
//! rendering of a page and its connection. All a reader holds is that place; what it is sent was written once for all
//! readers. One that is further behind than what is kept at hand is sent `reset` and begins anew.

mod follow;
mod ticks;

pub use ticks::Ticks;

use super::{Signed, load, socket::Endless};
use crate::state::State;
use axum::{
    Extension,
    body::Body,
    extract::{Query, State as Held},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use domain::{RunId, World};
use engine::Desk;
use follow::{Follow, LOOK};
use futures::stream;
use serde::Deserialize;
use std::{convert::Infallible, sync::Arc};
use tokio::sync::watch;

#[derive(Deserialize)]
pub struct From {
    #[serde(default)]
    after: u64,
    run: Option<RunId>,
    /// What of the output the reader knows of, as `STEP-ATTEMPT-BYTES`.
    output: Option<String>,
}

pub async fn stream(
    Held(state): Held<State>,
    signed: Signed,
    headers: HeaderMap,
    Query(from): Query<From>,
) -> Response {
    let last = headers
        .get("last-event-id")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse().ok())
        .unwrap_or(0);
    // The server is about to stop.
    let Some(ticks) = state.ticks.listen() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // Only a run that exists has output: its id becomes the name of a folder.
    let run = match from.run {
        Some(run) => load::find_run(&state, &run).await.is_ok().then_some(run),
        None => None,
    };
    let after = from.after.max(last);
    let reader = Reader {
        after,
        place: after.min(signed.as_of),
        world: state.desk.watch(),
        desk: state.desk.clone(),
        ticks,
        signed,
        output: run.map(|run| Box::new((Follow::new(run, from.output.as_deref()), state))),
        over: false,
    };
    let frames = stream::unfold(reader, |mut reader| async move {
        let frame = reader.next().await?;
        Some((Ok::<_, Infallible>(frame), reader))
    });
    (
        Extension(Endless),
        [
            (header::CONTENT_TYPE, "text/event-stream"),
            // Proxies must pass each event on at once.
            (HeaderName::from_static("x-accel-buffering"), "no"),
        ],
        Body::from_stream(frames),
    )
        .into_response()
}

struct Reader {
    desk: Desk,
    signed: Signed,
    /// The last event the page knows of.
    after: u64,
    /// How far the log was looked through: from before the session was looked up, which may be before `after`.
    place: u64,
    world: watch::Receiver<Arc<World>>,
    ticks: watch::Receiver<Bytes>,
    output: Option<Box<(Follow, State)>>,
    over: bool,
}

impl Reader {
    /// The next thing to send, or the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.over || self.desk.clock().now() >= self.signed.expires {
                return None;
            }
            let head = self.world.borrow_and_update().seq;
            if self.after > head && self.is_of_another_log().await {
                return self.reset();
            }
            match self.desk.live_after(self.place) {
                Err(_) => return self.reset(),
                // The log itself says when a session ends, on whichever node that was done.
                Ok(Some(frames)) if frames.revoke(&self.signed.credential) => return None,
                Ok(Some(frames)) => {
                    let new = frames.after(self.after);
                    self.place = frames.last();
                    self.after = self.after.max(self.place);
                    if !new.is_empty() {
                        return Some(new);
                    }
                    continue;
                }
                Ok(None) => {}
            }
            if let Some(output) = &mut self.output
                && let (follow, state) = &mut **output
                && let Some(wrote) = follow.read(state).await
            {
                return Some(named("output", &wrote));
            }
            let watching = self.output.is_some();
            tokio::select! {
                changed = self.world.changed() => if changed.is_err() { return None },
                ticked = self.ticks.changed() => return match ticked {
                    Ok(()) => Some(self.ticks.borrow_and_update().clone()),
                    Err(_) => None,
                },
                () = tokio::time::sleep(LOOK), if watching => {}
            }
        }
    }

    /// The page is ahead of the log itself, not only of this node: it was made from another database.
    async fn is_of_another_log(&self) -> bool {
        let head = self.desk.store().head().await;
        head.is_ok_and(|head| head.seq < self.after)
    }

    fn reset(&mut self) -> Option<Bytes> {
        self.over = true;
        Some(Bytes::from_static(b"event: reset\ndata: -\n\n"))
    }
}

/// A frame of its own kind. It has no number: a page that comes back is not sent it again.
fn named<T: serde::Serialize>(name: &str, data: &T) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_else(|_| "-".into());
    format!("event: {name}\ndata: {data}\n\n").into()
}
