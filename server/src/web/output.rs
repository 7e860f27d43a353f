//! The output of attempts: what a page shows of it, and the whole of it as text.

use super::{Signed, lines, load::find_run};
use crate::{rest::problem::Problem, state::State};
use app::page::Output;
use axum::{
    body::{Body, Bytes},
    extract::{Path as At, Query, State as Held},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use domain::{Run, RunId};
use engine::supervise;
use futures::stream;
use serde::Deserialize;
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

/// A page comes with this much of the end; more is asked for by line.
const SHOWN: u64 = 64 * 1024;
const SHOWN_LINES: u64 = 1_000;
/// The whole of an output is read and sent in pieces of this size.
const AT_ONCE: u64 = 256 * 1024;

/// The attempt that a reader has chosen.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Which {
    pub step: Option<u32>,
    pub attempt: Option<u32>,
    #[serde(default)]
    pub offset: u64,
}

pub fn folder_of(state: &State, run: &RunId, step: u32, attempt: u32) -> PathBuf {
    state.spools.folder(run, step, attempt)
}

/// The attempt that runs, else the last that ran.
pub fn current(run: &Run) -> Option<(u32, u32)> {
    run.running_attempt()
        .map(|(step, a)| (step, a.number))
        .or_else(|| {
            let (step, last) = run
                .steps
                .iter()
                .enumerate()
                .rev()
                .find_map(|(i, s)| Some((i, s.attempts.last()?)))?;
            Some((step as u32, last.number))
        })
}

/// How an attempt's output ends, for its page.
pub async fn last(state: &State, run: &Run, which: &Which) -> Output {
    let (chosen, follows) = match (which.step, which.attempt) {
        (Some(step), Some(attempt)) => (
            Some((step, attempt)),
            current(run) == Some((step, attempt)) && !run.is_over(),
        ),
        _ => (current(run), !run.is_over()),
    };
    let Some((step, attempt)) = chosen else {
        return Output {
            follows,
            ..Output::default()
        };
    };
    let window = end(&folder_of(state, &run.id, step, attempt))
        .await
        .unwrap_or_default();
    Output {
        step,
        attempt,
        lines: window.total,
        bytes: window.bytes,
        last: window.lines,
        follows,
        over: window.complete && !follows,
    }
}

/// The whole lines of the last bytes.
async fn end(dir: &Path) -> std::io::Result<lines::Window> {
    let bytes = supervise::output_size(dir).await?;
    let from = bytes.saturating_sub(SHOWN);
    let piece = supervise::read_output(dir, from, SHOWN as usize).await?;
    let breaks = piece.bytes.iter().filter(|byte| **byte == b'\n').count();
    let total = supervise::read_lines(dir, u64::MAX, 0, 1).await?.total;
    let shown = match piece.offset {
        0 => total,
        // The first one is cut, unless there is no other.
        _ if piece.bytes.ends_with(b"\n") => (breaks as u64).saturating_sub(1).max(1),
        _ => (breaks as u64).max(1),
    };
    let shown = shown.min(SHOWN_LINES);
    lines::window(dir, total.saturating_sub(shown), shown as usize + 1, "").await
}

/// `GET /runs/{id}/output?step=&attempt=`: one attempt whole, as a file.
pub async fn download(
    Held(state): Held<State>,
    _: Signed,
    At(id): At<RunId>,
    Query(which): Query<Which>,
) -> Response {
    run_output(&state, &id, which, true).await
}

/// The raw bytes of one attempt, or of all attempts one after the other, from `offset`.
pub async fn run_output(state: &State, id: &RunId, which: Which, as_file: bool) -> Response {
    let run = match find_run(state, id).await {
        Ok(run) => run,
        Err(missing) => return Problem::from(missing).into_response(),
    };
    let attempts: Vec<(u32, u32)> = match (which.step, which.attempt) {
        (Some(step), Some(attempt)) => vec![(step, attempt)],
        _ => {
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
            all.into_iter()
                .map(|(_, step, attempt)| (step, attempt))
                .collect()
        }
    };
    let mut parts = VecDeque::new();
    let (mut skip, mut length) = (which.offset, Some(0));
    for (step, attempt) in attempts {
        let dir = folder_of(state, id, step, attempt);
        let size = supervise::output_size(&dir).await.unwrap_or(0);
        if skip >= size {
            skip -= size;
            continue;
        }
        // What still grows, or has a gap, is as long as it turns out to be.
        let end = supervise::read_lines(&dir, u64::MAX, 0, 1).await;
        let known = end.is_ok_and(|end| end.complete && end.gap.is_none());
        length = length.filter(|_| known).map(|all| all + size - skip);
        parts.push_back(Part {
            dir,
            at: skip,
            end: size,
        });
        skip = 0;
    }
    let pieces = stream::try_unfold(parts, move |mut parts| async move {
        while let Some(part) = parts.front_mut() {
            if let Some(piece) = part.next(as_file).await? {
                return Ok(Some((piece, parts)));
            }
            parts.pop_front();
        }
        Ok::<_, std::io::Error>(None)
    });
    let mut answer = Body::from_stream(pieces).into_response();
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if as_file {
        let name = format!("attachment; filename=\"{}.log\"", run.runbook.slug);
        if let Ok(name) = HeaderValue::from_str(&name) {
            headers.insert(header::CONTENT_DISPOSITION, name);
        }
    }
    answer
}

/// What is left to send of an attempt's output.
struct Part {
    dir: PathBuf,
    at: u64,
    end: u64,
}

impl Part {
    async fn next(&mut self, tells_gaps: bool) -> std::io::Result<Option<Bytes>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let most = (self.end - self.at).min(AT_ONCE) as usize;
        let piece = supervise::read_output(&self.dir, self.at, most).await?;
        let lost = piece.offset.saturating_sub(self.at);
        self.at = piece.offset + piece.bytes.len() as u64;
        if lost == 0 {
            return Ok((!piece.bytes.is_empty()).then(|| piece.bytes.into()));
        }
        let mut bytes = Vec::new();
        if tells_gaps {
            bytes.extend(format!("\n[{lost} bytes are not kept]\n").bytes());
        }
        bytes.extend(piece.bytes);
        Ok((!bytes.is_empty()).then(|| bytes.into()))
    }
}
