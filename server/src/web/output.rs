//! The output of attempts: what a page shows of it, and the whole of it as text.

use super::{Signed, load::find_run};
use crate::{rest::problem::Problem, state::State};
use app::page::Output;
use axum::{
    extract::{Path, Query, State as Held},
    http::header,
    response::{IntoResponse, Response},
};
use domain::{Run, RunId};
use engine::{runner::output_folder, supervise};
use serde::Deserialize;
use std::path::PathBuf;

/// A page shows this much of the end; the rest is a download away.
const SHOWN: u64 = 64 * 1024;
/// One answer holds at most this much; ask on with `offset`.
const MOST_AT_ONCE: usize = 8 * 1024 * 1024;

/// The attempt that a reader has chosen.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Which {
    pub step: Option<u32>,
    pub attempt: Option<u32>,
    #[serde(default)]
    pub offset: u64,
}

pub fn folder_of(state: &State, run: &RunId, step: u32, attempt: u32) -> PathBuf {
    output_folder(&state.spool, run, step, attempt)
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

/// The end of an attempt's output, for its page.
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
    let dir = folder_of(state, &run.id, step, attempt);
    let total = supervise::output_size(&dir).await.unwrap_or(0);
    let offset = total.saturating_sub(SHOWN);
    let supervise::Piece { offset, bytes } = supervise::read_output(&dir, offset, SHOWN as usize)
        .await
        .unwrap_or_default();
    Output {
        step,
        attempt,
        offset,
        total: offset + bytes.len() as u64,
        text: plain(&bytes),
        follows,
    }
}

/// Bytes as text for a page: what is not UTF-8 is shown as such, and control sequences of a terminal are dropped.
pub fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\u{1b}') {},
                _ => {}
            },
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// `GET /runs/{id}/output?step=&attempt=`: one attempt whole, as a file.
pub async fn download(
    Held(state): Held<State>,
    _: Signed,
    Path(id): Path<RunId>,
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
    let (mut skip, mut bytes) = (which.offset, Vec::new());
    for (step, attempt) in attempts {
        let dir = folder_of(state, id, step, attempt);
        let size = supervise::output_size(&dir).await.unwrap_or(0);
        if skip >= size {
            skip -= size;
            continue;
        }
        bytes.extend(
            supervise::read_output(&dir, skip, MOST_AT_ONCE - bytes.len())
                .await
                .unwrap_or_default()
                .bytes,
        );
        skip = 0;
        if bytes.len() >= MOST_AT_ONCE {
            break;
        }
    }
    let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    if as_file {
        let name = format!("attachment; filename=\"{}.log\"", run.runbook.slug);
        ([kind, (header::CONTENT_DISPOSITION, name.as_str())], bytes).into_response()
    } else {
        ([kind], bytes).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_terminals_control_sequences_are_dropped() {
        assert_eq!(
            plain(b"\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x00\r\n\tok\xff"),
            "red link\n\tok\u{fffd}"
        );
    }
}
