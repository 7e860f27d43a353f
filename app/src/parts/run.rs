//! A run as people follow it: where it stands, step by step, and why.

mod ask;
mod outlook;

pub use ask::{following, stand};
pub use outlook::outlook;

use crate::{
    facts,
    node::{El, Node, a, el, li, many, ol, span},
    parts::{dim, icon, incidents, link, state, when},
};
use domain::{
    Attempt, Mode, Purpose, Run, RunId, RunStatus, Said, Span, Stamp, StepRun, StepStatus, Wait,
    plan::{Section, Step, child_run},
    words::{self, Icon},
};

pub fn address(id: &RunId) -> String {
    format!("/runs/{id}")
}

/// "running, step 3 of 5"; "waits for a person at step 2 of 5"; "completed after 38 s".
pub fn progress(run: &Run) -> String {
    let doing = match run.status {
        RunStatus::Running => "running,",
        RunStatus::Waiting if !run.waits_for_a_person() => "waits for its turn at",
        RunStatus::Waiting | RunStatus::PausedByFailedStep => "waits for a person at",
        RunStatus::PausedByOperator => "paused by an operator at",
        RunStatus::Cancelling => "is being stopped at",
        status => {
            let mut says = status.words().to_lowercase();
            if let Some(end) = run.ended_at {
                says.push_str(" after ");
                says.push_str(&facts::words(end.since(run.started_at)));
            }
            return says;
        }
    };
    let of = run.runbook.steps.len();
    match run.current() {
        Some(step) if step < of => format!("{doing} step {} of {of}", step + 1),
        _ => format!("{doing} its last steps"),
    }
}

/// What a run is in, with what it waits for.
fn standing(run: &Run) -> String {
    let waits = run.steps.iter().find_map(|s| s.wait.as_ref());
    match (run.status, waits) {
        (RunStatus::Waiting, Some(wait)) => format!("Waits {}", words::wait(&wait.what)),
        (status, _) => status.words().to_owned(),
    }
}

pub fn status(run: &Run) -> El {
    state(words::run_icon(run.status), standing(run))
}

pub fn mode(run: &Run) -> Option<El> {
    match run.mode {
        Mode::Real => None,
        Mode::Drill => Some(incidents::drill()),
        Mode::DryRun => Some(span().class("chip drill").put("Dry run")),
    }
}

/// Somebody went on alone and nobody has put a second name under it.
pub fn unsigned(run: &Run) -> Option<El> {
    let due = run.steps.iter().any(|s| s.wants_cosignature().is_some());
    due.then(|| state(Icon::Bad, "Co-signature due"))
}

/// The step that comes next, as things stand.
fn next(run: &Run) -> Option<usize> {
    let pending = |i: &usize| run.steps[*i].status == StepStatus::Pending;
    let on_the_way = |i: &usize| match run.runbook.section(*i) {
        Section::Steps => run.ending.is_none(),
        Section::OnCancel => run.ending == Some(RunStatus::Cancelled),
        Section::Finally => true,
    };
    let open = !run.is_over() && !run.abandoned;
    (0..run.steps.len()).find(|i| open && pending(i) && on_the_way(i))
}

fn name(run: &Run, step: usize) -> String {
    let step = run.runbook.step(step);
    step.map(|s| s.name.clone()).unwrap_or_default()
}

/// The steps in order. With `whole`, what was tried and said, each attempt with a link to its output; `shown` is the one on
/// the screen.
pub fn steps(run: &Run, now: Stamp, whole: bool, shown: Option<(u32, u32)>) -> Node {
    const HEADS: [(Section, &str); 3] = [
        (Section::Steps, ""),
        (Section::OnCancel, "When stopped"),
        (Section::Finally, "At the end"),
    ];
    let next = next(run);
    let mut parts = Vec::new();
    for (section, head) in HEADS {
        let mut list = ol().class("steps");
        let mut some = false;
        for (i, (within, definition)) in run.runbook.all_steps().enumerate() {
            let Some(done) = run.steps.get(i).filter(|_| within == section) else {
                continue;
            };
            if !some && !head.is_empty() {
                parts.push(el("h3").put(head));
            }
            some = true;
            list = list.put(step(
                run,
                i,
                definition,
                done,
                now,
                whole,
                shown,
                next == Some(i),
            ));
        }
        if some {
            parts.push(list);
        }
    }
    many(parts)
}

#[allow(clippy::too_many_arguments)]
fn step(
    run: &Run,
    i: usize,
    step: &Step,
    done: &StepRun,
    now: Stamp,
    whole: bool,
    shown: Option<(u32, u32)>,
    next: bool,
) -> El {
    let asks = run.paused.as_ref().is_some_and(|p| p.step as usize == i);
    let waits = done.wait.is_some();
    let (shape, tone) = match done.status {
        _ if asks => (Icon::Person, "is-warn"),
        status if waits => (words::step_icon(status), "is-warn"),
        status => (words::step_icon(status), words::step_icon(status).tone()),
    };
    let active =
        asks || waits || matches!(done.status, StepStatus::Running | StepStatus::Retrying);
    let mut line = li()
        .class(active.then_some("active"))
        .put(
            span()
                .class(tone)
                .set("title", done.status.words())
                .put(icon(shape.id()))
                .put(span().class("vh").put(done.status.words())),
        )
        .put(span().class("name").put(step.name.clone()))
        .put(dim(aside(step, done, now, next)));
    if let Some(why) = why(step, done) {
        line = line.put(span().class("why").put(why));
    }
    if !whole {
        return line;
    }
    for said in &done.answers {
        line = line.put(word(said));
    }
    if !done.attempts.is_empty() {
        let one = |a: &Attempt| attempt(run, i as u32, step, a, now, shown);
        line = line.put(
            span()
                .class("tries")
                .all(done.attempts.iter().flat_map(one)),
        );
    }
    line
}

/// What a person said, with their words.
fn word(said: &Said) -> El {
    let (shape, did) = words::answered(said.answer);
    let mut says = format!("{}: {did} ", said.name);
    if !said.says.is_empty() {
        says.push_str(&format!("“{}” ", said.says));
    }
    span()
        .class("why")
        .put(span().class(shape.tone()).put(icon(shape.id())))
        .put(says)
        .put(when(said.at))
}

/// What stands at the right of a step: how long it takes or took, or what it waits for.
fn aside(step: &Step, done: &StepRun, now: Stamp, next: bool) -> String {
    let tries = done.attempts.len();
    let of = |out: &mut String, limit: Option<Span>| {
        if let Some(limit) = limit {
            out.push_str(" of ");
            out.push_str(&limit.words());
        }
    };
    let mut says = String::new();
    match (done.status, done.started_at, done.ended_at) {
        (StepStatus::Pending, ..) => {
            if next {
                says.push_str("next");
            }
            if let Some(condition) = &step.condition {
                says.push_str(if next { ", only if " } else { "only if " });
                says.push_str(condition.name());
            }
        }
        (StepStatus::Retrying, ..) => {
            let left = done.retry_at.map_or(0, |due| due.since(now).as_secs());
            let most = done.spent + step.retries + 1;
            says = format!("attempt {} of {most} in {left} s", tries + 1);
        }
        (StepStatus::Skipped, ..) => says.push_str("skipped"),
        _ if done.wait.is_some() => {
            if let Some(wait) = &done.wait {
                says.push_str("waits ");
                says.push_str(&facts::face(now.since(wait.since)));
                of(&mut says, wait.until.map(|until| until.since(wait.since)));
            }
        }
        (StepStatus::Running, Some(start), _) => {
            if tries > 1 {
                says = format!("attempt {tries} · ");
            }
            let since = done.attempts.last().map_or(start, |a| a.started_at);
            says.push_str(&facts::face(now.since(since)));
            of(&mut says, step.timeout);
        }
        (_, Some(start), Some(end)) => {
            if tries > 1 {
                says = format!("{tries} attempts · ");
            }
            says.push_str(&end.since(start).human());
        }
        _ => {}
    }
    says
}

fn why(step: &Step, done: &StepRun) -> Option<String> {
    let mut says = done.because.clone();
    match done.status {
        StepStatus::Retrying => {
            let last = done.attempts.iter().rev().find_map(|a| a.ending.as_ref())?;
            let most = step.retries + 1;
            says = format!("last attempt: {}; up to {most} attempts", last.words());
        }
        status @ (StepStatus::Interrupted | StepStatus::Failed | StepStatus::Cancelled)
            if says.is_empty() =>
        {
            says.push_str(status.words())
        }
        StepStatus::Running if !says.is_empty() => says.insert_str(0, "runs because "),
        _ => {}
    }
    if let Some(wait) = &done.wait {
        if !says.is_empty() {
            says.push_str(" · ");
        }
        says.push_str("waits ");
        says.push_str(&words::wait(&wait.what));
    }
    (!says.is_empty()).then_some(says)
}

/// An attempt: its output, and where it is a run of its own, that run.
fn attempt(
    run: &Run,
    step: u32,
    definition: &Step,
    attempt: &Attempt,
    now: Stamp,
    shown: Option<(u32, u32)>,
) -> Vec<El> {
    let took = attempt.ended_at.unwrap_or(now).since(attempt.started_at);
    let (ending, length) = match &attempt.ending {
        Some(ending) => (ending.words(), took.human()),
        None => ("running".into(), facts::face(took)),
    };
    let n = attempt.number;
    let about = dim(format!(" {ending} · {length}"));
    if definition.runbook.is_some() {
        let child = child_run(&run.id, step, n);
        return vec![link(address(&child), format!("its run, attempt {n}")).put(about)];
    }
    let what = match attempt.purpose {
        Purpose::Run => format!("attempt {n}"),
        Purpose::Verify => format!("attempt {n}, verifying"),
    };
    let output = a()
        .set(
            "href",
            format!("{}?step={step}&attempt={n}", address(&run.id)),
        )
        .set(
            "aria-current",
            (shown == Some((step, n))).then_some("true"),
        );
    vec![output.put(what).put(about)]
}

/// The lock that a run waits for, and who has it.
fn lock(run: &Run) -> Option<(&str, &RunId, &str)> {
    run.steps.iter().find_map(|s| match &s.wait.as_ref()?.what {
        Wait::Lock { lock, holder, by } => Some((lock.as_str(), holder, by.as_str())),
        _ => None,
    })
}
