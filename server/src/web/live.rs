//! `GET /live?after=SEQ[&run=ID]`: the events after SEQ as they happen, an audible tick, and how far a run's output has got.
//!
//! A wake-up carries no data: the stream reads what is there after the last event it sent. So nothing is lost between the
//! rendering of a page and its connection, and a reader that falls behind gets every event later, or a `reset`.

use super::{Signed, auth, lines, load, output};
use crate::state::State;
use app::page::{Tick, Wrote};
use axum::{
    extract::{Query, State as Held},
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use domain::RunId;
use engine::supervise;
use futures::stream;
use serde::Deserialize;
use std::{convert::Infallible, time::Duration};
use tokio::time::{Instant, MissedTickBehavior};

/// Between ticks: what a page may know of a connection that died.
const TICK: Duration = Duration::from_secs(4);
/// How often a run's output is looked at, while somebody watches: it is told so many times a second at most.
const LOOK: Duration = Duration::from_millis(100);
/// A reader further behind than this reloads its page instead.
const TOO_FAR: u64 = 20_000;

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
    _: Signed,
    headers: HeaderMap,
    Query(from): Query<From>,
) -> Response {
    let last = headers
        .get("last-event-id")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse().ok())
        .unwrap_or(0);
    // Only a run that exists has output: its id becomes the name of a folder.
    let known = match from.run {
        Some(run) => load::find_run(&state, &run).await.is_ok().then_some(run),
        None => None,
    };
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let reader = Reader {
        after: from.after.max(last),
        output: known.map(|run| Follow::new(run, from.output.as_deref())),
        world: state.desk.watch(),
        stopping: state.stopping.clone(),
        headers,
        ticks,
        state,
        queue: Vec::new(),
        done: false,
    };
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    let mut answer = Sse::new(events).into_response();
    // Proxies must pass each event on at once.
    answer.headers_mut().insert(
        "x-accel-buffering",
        axum::http::HeaderValue::from_static("no"),
    );
    answer
}

struct Reader {
    state: State,
    headers: HeaderMap,
    after: u64,
    world: tokio::sync::watch::Receiver<std::sync::Arc<domain::World>>,
    stopping: tokio::sync::watch::Receiver<bool>,
    output: Option<Follow>,
    ticks: tokio::time::Interval,
    /// Ready to be sent, the next one last.
    queue: Vec<Event>,
    done: bool,
}

impl Reader {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.queue.pop() {
                return Some(event);
            }
            if self.done || *self.stopping.borrow() {
                return None;
            }
            if self.fill().await {
                continue;
            }
            let watching = self.output.is_some();
            tokio::select! {
                _ = self.stopping.changed() => return None,
                changed = self.world.changed() => if changed.is_err() { return None },
                _ = self.ticks.tick() => {
                    // A session that was ended since does not see the next event.
                    if !matches!(auth::caller(&self.state, &self.headers).await, Ok(Some(_))) {
                        return None;
                    }
                    let tick = Tick { at: self.state.desk.clock().now(), looks: load::looks(&self.state) };
                    return Some(named("tick", &tick));
                }
                () = tokio::time::sleep_until(Instant::now() + LOOK), if watching => {}
            }
        }
    }

    /// Queues what is new: events first, then output. False where nothing is.
    async fn fill(&mut self) -> bool {
        let head = self.world.borrow_and_update().seq;
        let reset = |r: &mut Self| {
            r.done = true;
            r.queue.push(Event::default().event("reset").data("-"));
            true
        };
        // Ahead of the log itself, not only of this node: the database is another one than the page was made from.
        if self.after > head
            && self
                .state
                .desk
                .store()
                .head()
                .await
                .is_ok_and(|h| h.seq < self.after)
        {
            return reset(self);
        }
        if head > self.after {
            if head - self.after > TOO_FAR {
                return reset(self);
            }
            match self.state.desk.live_after(self.after).await {
                Ok(live) if !live.is_empty() => {
                    self.after = live.last().map_or(self.after, |l| l.seq);
                    self.queue = live
                        .iter()
                        .rev()
                        .map(|l| Event::default().id(l.seq.to_string()).data(&*l.json))
                        .collect();
                    return true;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "The live stream cannot read the log"),
            }
        }
        let Some(follow) = &mut self.output else {
            return false;
        };
        match follow.read(&self.state).await {
            Some(chunk) => {
                self.queue.push(named("output", &chunk));
                true
            }
            None => false,
        }
    }
}

fn named<T: serde::Serialize>(name: &str, data: &T) -> Event {
    Event::default()
        .event(name)
        .json_data(data)
        .unwrap_or_else(|_| Event::default().event(name).data("-"))
}

/// Follows the output of a run, from one attempt to the next.
struct Follow {
    run: RunId,
    at: Option<(u32, u32)>,
    /// What the reader knows of.
    bytes: u64,
    /// When it was told last.
    told: Option<Instant>,
}

impl Follow {
    fn new(run: RunId, from: Option<&str>) -> Self {
        let mut parts = from
            .unwrap_or_default()
            .split('-')
            .map(|p| p.parse::<u64>().ok());
        let mut part = || parts.next().flatten();
        let (at, bytes) = match (part(), part(), part()) {
            (Some(step), Some(attempt), Some(bytes)) => {
                (Some((step as u32, attempt as u32)), bytes)
            }
            _ => (None, 0),
        };
        Follow {
            run,
            at,
            bytes,
            told: None,
        }
    }

    async fn read(&mut self, state: &State) -> Option<Wrote> {
        if self.told.is_some_and(|told| told.elapsed() < LOOK) {
            return None;
        }
        let (step, attempt) = match self.at {
            Some(at) => at,
            None => {
                let world = state.desk.world();
                *self.at.insert(output::current(world.runs.get(&self.run)?)?)
            }
        };
        let dir = output::folder_of(state, &self.run, step, attempt);
        let bytes = supervise::output_size(&dir).await.unwrap_or(0);
        if bytes != self.bytes {
            let size = lines::window(&dir, u64::MAX, 0, "").await.ok()?;
            self.bytes = bytes;
            self.told = Some(Instant::now());
            return Some(Wrote {
                step,
                attempt,
                total: size.total,
                bytes: size.bytes,
                lost: size.lost,
                found: size.found,
            });
        }
        // Nothing more here: go on with the attempt that followed, once there is one.
        let world = state.desk.world();
        let now = output::current(world.runs.get(&self.run)?)?;
        if now != (step, attempt) {
            self.at = Some(next_after(world.runs.get(&self.run)?, (step, attempt)).unwrap_or(now));
            self.bytes = 0;
        }
        None
    }
}

/// The attempt that was started after this one.
fn next_after(run: &domain::Run, (step, attempt): (u32, u32)) -> Option<(u32, u32)> {
    let mut all: Vec<_> = run
        .steps
        .iter()
        .enumerate()
        .flat_map(|(i, s)| {
            s.attempts
                .iter()
                .map(move |a| (a.started_at, i as u32, a.number))
        })
        .collect();
    all.sort();
    let at = all
        .iter()
        .position(|(_, s, a)| (*s, *a) == (step, attempt))?;
    all.get(at + 1).map(|(_, s, a)| (*s, *a))
}
