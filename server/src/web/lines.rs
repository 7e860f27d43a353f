//! `GET /runs/{id}/lines` and `/search`: an attempt's output by the line, drawn already: the browser's part is to put it
//! on the screen. Only what is on the screen is ever asked for, however long the output.
//!
//! Rows are lines, except that one row stands for all lines of the (first) gap, where nothing is kept.

use super::{Signed, ansi, load::find_run, output};
use crate::{rest::problem::Problem, state::State};
use app::page::Said;
use axum::{
    Json,
    extract::{Path, Query, State as Held},
    http::header,
    response::{IntoResponse, Response},
};
use domain::RunId;
use engine::supervise;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeSeq};
use std::path::Path as Folder;

/// Of a line, so many bytes are shown.
const LONGEST: usize = 10_000;
/// One answer holds at most so many lines …
const MOST_LINES: usize = 1_000;
/// … and ends with the line that takes it over so many bytes, but not before a screen is filled.
const MOST_BYTES: usize = 1 << 20;
const SCREEN: usize = 400;
/// What is read to answer, before it is cut.
const MOST_READ: usize = 16 << 20;
/// A colour that was set so many lines before is still known.
const LEAD: u64 = 100;
const LEAD_BYTES: usize = 64 << 10;
/// One answer of a search holds at most so many.
const MOST_HITS: usize = 1_000;
const LONGEST_NEEDLE: usize = 500;

#[derive(Deserialize)]
pub struct Asked {
    step: Option<u32>,
    attempt: Option<u32>,
    /// A line, from 0.
    #[serde(default)]
    from: u64,
    #[serde(default = "a_screen")]
    count: usize,
    /// What was searched for: it is marked.
    #[serde(default)]
    q: String,
}

fn a_screen() -> usize {
    SCREEN
}

/// Some rows of an output.
#[derive(Debug, Default, Serialize)]
pub struct Window {
    /// Among the rows, the first of these …
    pub at: u64,
    /// … and its line, or that of the first one which the gap swallowed.
    pub first: u64,
    pub total: u64,
    pub bytes: u64,
    pub complete: bool,
    /// From which line (lost) up to which (found) nothing is kept; both 0 where all is.
    pub lost: u64,
    pub found: u64,
    #[serde(serialize_with = "flat")]
    pub lines: Vec<Said>,
}

/// A line without colours is its text; another is `[class, text, class, text, …]`.
fn flat<S: Serializer>(lines: &[Said], to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Flat<'a> {
        Text(&'a str),
        Runs(Vec<&'a str>),
    }
    let mut list = to.serialize_seq(Some(lines.len()))?;
    for line in lines {
        list.serialize_element(&match &line.runs[..] {
            [] => Flat::Text(""),
            [(class, text)] if class.is_empty() => Flat::Text(text),
            runs => Flat::Runs(
                runs.iter()
                    .flat_map(|(class, text)| [&**class, text])
                    .collect(),
            ),
        })?;
    }
    list.end()
}

/// The lines of one attempt, from a line on.
pub async fn lines(
    Held(state): Held<State>,
    _: Signed,
    Path(id): Path<RunId>,
    Query(asked): Query<Asked>,
) -> Response {
    let dir = match folder(&state, &id, &asked).await {
        Ok(dir) => dir,
        Err(missing) => return missing.into_response(),
    };
    match window(&dir, asked.from, asked.count.clamp(1, MOST_LINES), &asked.q).await {
        // What is over does not change: going back and forth in it asks nothing twice.
        Ok(window) if window.complete => {
            let keep = [(header::CACHE_CONTROL, "private, max-age=600, immutable")];
            (keep, Json(window)).into_response()
        }
        Ok(window) => Json(window).into_response(),
        Err(error) => unreadable(&error).into_response(),
    }
}

async fn folder(state: &State, id: &RunId, asked: &Asked) -> Result<std::path::PathBuf, Problem> {
    let run = find_run(state, id).await?;
    let (step, attempt) = asked
        .step
        .zip(asked.attempt)
        .or_else(|| output::current(&run))
        .ok_or_else(|| Problem::not_found("Nothing of this run has begun yet.".to_owned()))?;
    Ok(output::folder_of(state, id, step, attempt))
}

fn unreadable(error: &std::io::Error) -> Problem {
    Problem::unavailable(format!("The output cannot be read: {error}."))
}

/// Up to `count` rows from line `from` on, with what is found of `needle` marked.
pub async fn window(
    dir: &Folder,
    from: u64,
    count: usize,
    needle: &str,
) -> std::io::Result<Window> {
    let bytes = supervise::output_size(dir).await?;
    let whole = supervise::read_lines(dir, 0, 0, 1).await?;
    let gap = whole.gap.filter(|(_, found)| *found > 0);
    let mut next = match gap {
        Some((lost, found)) if (lost..found).contains(&from) => lost,
        _ => from.min(whole.total),
    };
    let mut window = Window {
        at: match gap {
            Some((lost, found)) if next >= lost && (next > lost || lost == found) => {
                next - found + lost + 1
            }
            _ => next,
        },
        first: next,
        total: whole.total,
        bytes,
        complete: whole.complete,
        lost: gap.map_or(0, |(lost, _)| lost),
        found: gap.map_or(0, |(_, found)| found),
        lines: Vec::new(),
    };
    let mut style = style_before(dir, next).await?;
    let mut drawn = 0;
    let is_enough =
        |rows: usize, drawn| rows >= count || drawn >= MOST_BYTES && rows >= SCREEN.min(count);
    while next < whole.total && !is_enough(window.lines.len(), drawn) {
        if let Some((lost, found)) = gap
            && lost == next
            && (lost < found || !window.lines.is_empty())
        {
            window.lines.push(not_kept(dir, found - lost).await);
            next = found;
            style = ansi::Style::default();
            if next >= whole.total || is_enough(window.lines.len(), drawn) {
                break;
            }
        }
        let left = count - window.lines.len();
        let piece = supervise::read_lines(dir, next, left, MOST_READ).await?;
        if piece.lines.is_empty() {
            break;
        }
        // Another gap, after trouble with a disk: a row for each line, so that rows stay easy to count.
        while next < piece.first && window.lines.len() < count {
            window
                .lines
                .push(note(Some(next + 1), "… not kept …".into()));
            next += 1;
        }
        for (number, raw) in (piece.first..).zip(&piece.lines) {
            if number < next || is_enough(window.lines.len(), drawn) {
                continue;
            }
            let whole = match piece.cut.contains(&number) {
                false => Whole::Yes,
                true if gap.is_some_and(|(_, found)| found == number) => Whole::ButItsBeginning,
                true => Whole::ButItsEnd,
            };
            let said = Said {
                number: Some(number + 1),
                runs: draw(&mut style, raw, whole, needle),
            };
            drawn += said.runs.iter().map(|(_, text)| text.len()).sum::<usize>();
            window.lines.push(said);
            next = number + 1;
        }
    }
    Ok(window)
}

/// How text looks at the beginning of a line: what the lines before it left switched on.
async fn style_before(dir: &Folder, line: u64) -> std::io::Result<ansi::Style> {
    let mut style = ansi::Style::default();
    let from = line.saturating_sub(LEAD);
    if from < line {
        let lead = supervise::read_lines(dir, from, (line - from) as usize, LEAD_BYTES).await?;
        for raw in &lead.lines {
            ansi::line(&mut style, raw);
        }
    }
    Ok(style)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    ButItsBeginning,
    ButItsEnd,
}

fn draw(style: &mut ansi::Style, raw: &[u8], whole: Whole, needle: &str) -> Vec<(String, String)> {
    let (mut room, mut over) = (LONGEST, 0);
    let mut runs = Vec::new();
    for (style, mut text) in ansi::line(style, raw) {
        let keep = text.floor_char_boundary(room);
        over += text[keep..].chars().count();
        text.truncate(keep);
        // What comes after a cut is cut as well, even where it would fit.
        room = if over > 0 { 0 } else { room - keep };
        if !text.is_empty() {
            runs.push((style.class(), text));
        }
    }
    let mut runs = mark(runs, needle);
    let end = match (over, whole) {
        (0, Whole::ButItsEnd) => " … cut here".to_owned(),
        (0, _) => String::new(),
        (_, Whole::ButItsEnd) => format!(" … more than {over} more characters"),
        _ => format!(" … {over} more characters"),
    };
    if !end.is_empty() {
        runs.push(("t-gap".into(), end));
    }
    if whole == Whole::ButItsBeginning {
        runs.insert(0, ("t-gap".into(), "… ".into()));
    }
    runs
}

fn note(number: Option<u64>, says: String) -> Said {
    Said {
        number,
        runs: vec![("t-gap".into(), says)],
    }
}

/// The row of the gap.
async fn not_kept(dir: &Folder, lines: u64) -> Said {
    // The head ends where its file does; what follows it is asked for.
    let head = tokio::fs::metadata(dir.join("out"))
        .await
        .map_or(0, |file| file.len());
    let lost = match supervise::read_output(dir, head, 1).await {
        Ok(tail) => tail.offset.saturating_sub(head),
        Err(_) => 0,
    };
    let lines = match lines {
        0 => "part of a line".to_owned(),
        1 => "1 line".to_owned(),
        lines => format!("{} lines", grouped(lines)),
    };
    note(None, format!("… {lines}, {}, not kept …", size(lost)))
}

/// 1234567 as "1,234,567".
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// "812 bytes", "1.2 GB".
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

/// Where a text has another, without regard to the case of ASCII letters.
fn places(text: &str, needle: &str) -> Vec<(usize, usize)> {
    if needle.is_empty() {
        return Vec::new();
    }
    let (text, needle) = (text.to_ascii_lowercase(), needle.to_ascii_lowercase());
    let found = text.match_indices(&needle);
    found.map(|(at, _)| (at, at + needle.len())).collect()
}

/// Marks what was searched for, also where its colour changes on the way.
fn mark(runs: Vec<(String, String)>, needle: &str) -> Vec<(String, String)> {
    let text: String = runs.iter().map(|(_, text)| text.as_str()).collect();
    let places = places(&text, needle);
    if places.is_empty() {
        return runs;
    }
    let mut marked = Vec::new();
    let mut end = 0;
    for (class, text) in runs {
        let start = end;
        end += text.len();
        let mut at = start;
        let mut put = |to: usize, hit: bool| {
            if to > at {
                let class = match (hit, class.is_empty()) {
                    (false, _) => class.clone(),
                    (true, true) => "t-hit".into(),
                    (true, false) => format!("{class} t-hit"),
                };
                marked.push((class, text[at - start..to - start].to_owned()));
                at = to;
            }
        };
        for (from, to) in &places {
            if *to > start && *from < end {
                put((*from).max(start), false);
                put((*to).min(end), true);
            }
        }
        put(end, false);
    }
    marked
}

/// What a search found.
#[derive(Debug, Serialize)]
struct Found {
    /// Lines, from 0, in order.
    hits: Vec<u64>,
    /// There may be more after the last one.
    more: bool,
}

/// The lines of one attempt that show a text, from a line on.
pub async fn search(
    Held(state): Held<State>,
    _: Signed,
    Path(id): Path<RunId>,
    Query(asked): Query<Asked>,
) -> Response {
    if asked.q.len() > LONGEST_NEEDLE {
        let says = format!("Search for at most {LONGEST_NEEDLE} characters.");
        return Problem::bad_request(says).into_response();
    }
    let dir = match folder(&state, &id, &asked).await {
        Ok(dir) => dir,
        Err(missing) => return missing.into_response(),
    };
    match find(&dir, &asked.q, asked.from).await {
        Ok(found) => Json(found).into_response(),
        Err(error) => unreadable(&error).into_response(),
    }
}

async fn find(dir: &Folder, needle: &str, mut from: u64) -> std::io::Result<Found> {
    let mut found = Found {
        hits: Vec::new(),
        more: true,
    };
    while found.more && found.hits.len() < MOST_HITS {
        let limit = MOST_HITS - found.hits.len();
        let hits = supervise::search(dir, needle, true, from, limit).await?;
        found.more = hits.len() == limit;
        from = hits.last().map_or(from, |last| last.line + 1);
        let mut read = supervise::Lines::default();
        for supervise::Hit { line, .. } in hits {
            if line >= read.first + read.lines.len() as u64 {
                read = supervise::read_lines(dir, line, 64, MOST_BYTES).await?;
            }
            // It may have been found in what is not shown: in a colour's code, or before a `\r`.
            let shown = line
                .checked_sub(read.first)
                .and_then(|at| read.lines.get(at as usize))
                .is_some_and(|raw| !places(&text(raw), needle).is_empty());
            if shown || read.cut.contains(&line) {
                found.hits.push(line);
            }
        }
    }
    Ok(found)
}

fn text(raw: &[u8]) -> String {
    let runs = ansi::line(&mut ansi::Style::default(), raw);
    runs.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests;
