//! Output line by line, from anywhere in it.

use std::io;

use memchr::memchr;

use super::kept::{Kept, Run};

/// A line is shown up to here.
pub const LONGEST_LINE: usize = 64 << 10;

/// Some lines of an output, one after the other: an answer ends where something was dropped. A line
/// of which pieces are kept on both sides of such a gap is the piece before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The number of the first of them, from 0. Later than asked for if that line was dropped.
    pub first: u64,
    /// How many lines there are, dropped ones included; one that has no end yet counts.
    pub total: u64,
    /// Whether the attempt has left a result: `total` is final.
    pub complete: bool,
    /// Without their `\n`.
    pub lines: Vec<Vec<u8>>,
    /// The numbers of those lines above that are not shown whole.
    pub cut: Vec<u64>,
    /// Nothing is kept of the lines from the first number up to, not including, the second. If there
    /// are several such gaps (after trouble with a disk), the first one that does not lie wholly
    /// before the line asked for, else the last one.
    pub gap: Option<(u64, u64)>,
}

/// The lines of which a run has something that no run before it has.
struct Span<'a> {
    run: &'a Run,
    first: u64,
    /// One past the last.
    end: u64,
    ends_line: bool,
}

pub fn read(kept: &Kept, first_line: u64, count: usize, max_bytes: usize) -> io::Result<Lines> {
    let spans = spans(kept)?;
    let gaps: Vec<(u64, u64)> = spans
        .windows(2)
        .map(|pair| (pair[0].end, pair[1].first))
        .collect();
    let mut answer = Lines {
        first: first_line,
        total: spans.last().map_or(0, |span| span.end),
        complete: kept.is_final(),
        gap: gaps
            .iter()
            .find(|gap| gap.1 >= first_line)
            .or(gaps.last())
            .copied(),
        ..Lines::default()
    };
    if let Some(at) = spans
        .iter()
        .position(|span| span.end > first_line.max(span.first))
    {
        let span = &spans[at];
        answer.first = first_line.max(span.first);
        span.read(kept, &mut answer, count, max_bytes)?;
        let shown_to = answer.first + answer.lines.len() as u64;
        // What is missing of its edges is missing of the lines there.
        if at > 0 && answer.first == span.first && span.first == span.run.first_line() {
            answer.cut.insert(0, answer.first);
        }
        if at + 1 < spans.len() && shown_to == span.end && !span.ends_line {
            answer.cut.push(shown_to - 1);
        }
        answer.cut.dedup();
    }
    Ok(answer)
}

fn spans(kept: &Kept) -> io::Result<Vec<Span<'_>>> {
    let mut spans: Vec<Span<'_>> = Vec::new();
    for run in &kept.runs {
        let ends_line = run.ends_line()?;
        let end = kept.lines_ended(run)? + u64::from(!ends_line);
        let seen = spans.last().map_or(0, |span| span.end);
        spans.push(Span {
            run,
            first: run.first_line().max(seen),
            end: end.max(seen),
            ends_line,
        });
    }
    Ok(spans)
}

impl Span<'_> {
    fn read(
        &self,
        kept: &Kept,
        answer: &mut Lines,
        count: usize,
        max_bytes: usize,
    ) -> io::Result<()> {
        let count = count.min(usize::try_from(self.end - answer.first).unwrap_or(usize::MAX));
        let mut bytes = 0;
        while answer.lines.len() < count && bytes < max_bytes.max(1) {
            let next = answer.first + answer.lines.len() as u64;
            let mut line = Vec::new();
            let mut enough = false;
            let from = kept.line_start(self.run, next)?;
            self.run.scan(from, |mut chunk, _| {
                while let Some(end) = memchr(b'\n', chunk) {
                    line.extend_from_slice(&chunk[..end]);
                    chunk = &chunk[end + 1..];
                    bytes += answer.push(std::mem::take(&mut line)) + 1;
                    enough = answer.lines.len() >= count || bytes >= max_bytes;
                    if enough {
                        return false;
                    }
                }
                line.extend_from_slice(chunk);
                // The index knows better where the next one begins.
                line.len() <= LONGEST_LINE
            })?;
            if !enough && answer.lines.len() < count {
                bytes += answer.push(line) + 1;
            }
        }
        Ok(())
    }
}

impl Lines {
    /// Says how long it is.
    fn push(&mut self, mut line: Vec<u8>) -> usize {
        if line.len() > LONGEST_LINE {
            line.truncate(LONGEST_LINE);
            self.cut.push(self.first + self.lines.len() as u64);
        }
        self.lines.push(line);
        self.lines.last().map_or(0, Vec::len)
    }
}
