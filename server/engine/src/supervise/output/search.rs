//! Finds text in an output.

use std::io;

use aho_corasick::{AhoCorasick, Input};
use memchr::{memchr, memchr_iter};

use super::kept::{Kept, Run};

const CHUNK: usize = 256 << 10;

/// A line that has what was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub line: u64,
    /// Where it begins first in that line.
    pub offset: u64,
}

pub fn search(
    kept: &Kept,
    needle: &str,
    case_insensitive: bool,
    from_line: u64,
    limit: usize,
) -> io::Result<Vec<Hit>> {
    let mut hits = Vec::new();
    if needle.is_empty() {
        return Ok(hits);
    }
    let finder = AhoCorasick::builder()
        .ascii_case_insensitive(case_insensitive)
        .build([needle])
        .map_err(io::Error::other)?;
    for run in &kept.runs {
        let line = from_line.max(run.first_line());
        let offset = kept.line_start(run, line)?;
        in_run(run, line, offset, (&finder, needle.len()), limit, &mut hits)?;
    }
    Ok(hits)
}

fn in_run(
    run: &Run,
    mut line: u64,
    mut offset: u64,
    (finder, length): (&AhoCorasick, usize),
    limit: usize,
    hits: &mut Vec<Hit>,
) -> io::Result<()> {
    let newlines = |bytes: &[u8]| memchr_iter(b'\n', bytes).count() as u64;
    // What is looked at; `offset` is where it begins, `line` the line at `at`.
    let mut window = Vec::new();
    let mut line_is_done = false;
    while hits.len() < limit {
        let unseen = window.len();
        window.resize(unseen + CHUNK, 0);
        let more = run.read(offset + unseen as u64, &mut window[unseen..])?;
        window.truncate(unseen + more);
        if more == 0 {
            return Ok(());
        }
        let mut at = 0;
        while hits.len() < limit {
            if line_is_done {
                let Some(end) = memchr(b'\n', &window[at..]) else {
                    at = window.len();
                    break;
                };
                at += end + 1;
                line += 1;
                line_is_done = false;
            }
            let Some(found) = finder.find(Input::new(&window).range(at..)) else {
                break;
            };
            line += newlines(&window[at..found.start()]);
            at = found.start();
            // A line with a gap in it may have one on both sides.
            if hits.last().is_none_or(|last| last.line < line) {
                hits.push(Hit {
                    line,
                    offset: offset + at as u64,
                });
            }
            line_is_done = true;
        }
        // The end may be the beginning of another.
        let seen = at.max(window.len().saturating_sub(length - 1));
        line += newlines(&window[at..seen]);
        window.drain(..seen);
        offset += seen as u64;
    }
    Ok(())
}
