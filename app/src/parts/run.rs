//! A run as people follow it: where it stands, step by step, and why.

use crate::{
    facts,
    node::{El, Node, a, div, el, li, live, ol, p, span},
    parts::{Ask, Button, Form, dim, icon, incidents, link, menu, state, text, when},
    room::Room,
};
use domain::{
    Attempt, Mode, Permission, Run, RunId, RunStatus, Stamp, StepRun, StepStatus, plan::Step, words,
};
use leptos::prelude::*;

pub fn address(id: &RunId) -> String {
    format!("/runs/{id}")
}

/// "running, step 3 of 5"; "waits for a person at step 2 of 5"; "completed after 38 s".
pub fn progress(run: &Run) -> String {
    let of = run.steps.len();
    let step = run
        .paused
        .as_ref()
        .map(|p| p.step as usize)
        .or(run.current())
        .map_or(of, |i| i + 1);
    match run.status {
        RunStatus::Running => format!("running, step {step} of {of}"),
        RunStatus::PausedByFailedStep => format!("waits for a person at step {step} of {of}"),
        RunStatus::Cancelling => format!("is being stopped at step {step} of {of}"),
        status => match run.ended_at {
            Some(end) => format!(
                "{} after {}",
                status.words().to_lowercase(),
                facts::words(end.since(run.started_at))
            ),
            None => status.words().to_lowercase(),
        },
    }
}

pub fn status(run: &Run) -> El {
    state(words::run_icon(run.status), run.status.words())
}

pub fn mode(run: &Run) -> Option<El> {
    (run.mode == Mode::Drill).then(incidents::drill)
}

/// The steps in order. With `attempts`, each attempt links to its output; `shown` is the one on the screen.
pub fn steps(run: &Run, now: Stamp, attempts: bool, shown: Option<(u32, u32)>) -> El {
    let one = |(i, (step, done)): (usize, (&Step, &StepRun))| {
        let waits = run.paused.as_ref().is_some_and(|p| p.step as usize == i);
        let shape = if waits {
            words::Icon::Person
        } else {
            words::step_icon(done.status)
        };
        let tone = if waits { "is-warn" } else { shape.tone() };
        let active = waits || matches!(done.status, StepStatus::Running | StepStatus::Retrying);
        let tries = (attempts && !done.attempts.is_empty()).then(|| {
            let one =
                |a: &Attempt| attempt(run, i as u32, a, now, shown == Some((i as u32, a.number)));
            span().class("tries").all(done.attempts.iter().map(one))
        });
        li().class(active.then_some("active"))
            .put(
                span()
                    .class(tone)
                    .set("title", done.status.words())
                    .put(icon(shape.id()))
                    .put(span().class("vh").put(done.status.words())),
            )
            .put(span().class("name").put(step.name.clone()))
            .put(dim(aside(step, done, now)))
            .put(why(step, done).map(|why| span().class("why").put(why)))
            .put(tries)
    };
    ol().class("steps").all(
        run.runbook
            .steps
            .iter()
            .zip(&run.steps)
            .enumerate()
            .map(one),
    )
}

/// What stands at the right of a step: how long it takes or took, or what it waits for.
fn aside(step: &Step, done: &StepRun, now: Stamp) -> String {
    let tries = done.attempts.len();
    match (done.status, done.started_at, done.ended_at) {
        (StepStatus::Pending, ..) => step
            .condition
            .as_ref()
            .map(|c| format!("only if {}", c.name()))
            .unwrap_or_default(),
        (StepStatus::Retrying, ..) => {
            let left = done.retry_at.map_or(0, |due| due.since(now).as_secs());
            format!(
                "attempt {} of {} in {left} s",
                tries + 1,
                done.spent + step.retries + 1
            )
        }
        (StepStatus::Running, Some(start), _) => {
            let nth = if tries > 1 {
                format!("attempt {tries} · ")
            } else {
                String::new()
            };
            let since = done.attempts.last().map_or(start, |a| a.started_at);
            let limit = step
                .timeout
                .map(|t| format!(" of {}", t.words()))
                .unwrap_or_default();
            format!("{nth}{}{limit}", facts::face(now.since(since)))
        }
        (StepStatus::Skipped, ..) => "skipped".into(),
        (_, Some(start), Some(end)) => {
            let times = if tries > 1 {
                format!("{tries} attempts · ")
            } else {
                String::new()
            };
            format!("{times}{}", end.since(start).human())
        }
        _ => String::new(),
    }
}

fn why(step: &Step, done: &StepRun) -> Option<String> {
    if done.status == StepStatus::Retrying {
        let last = done.attempts.iter().rev().find_map(|a| a.ending.as_ref())?;
        return Some(format!(
            "last attempt: {}; up to {} attempts",
            last.words(),
            step.retries + 1
        ));
    }
    match done.status {
        _ if done.because.is_empty() => {
            (done.status == StepStatus::Interrupted).then(|| done.status.words().to_owned())
        }
        StepStatus::Running => Some(format!("runs because {}", done.because)),
        _ => Some(done.because.clone()),
    }
}

fn attempt(run: &Run, step: u32, attempt: &Attempt, now: Stamp, shown: bool) -> El {
    let took = attempt.ended_at.unwrap_or(now).since(attempt.started_at);
    let (ending, length) = match &attempt.ending {
        Some(ending) => (ending.words(), took.human()),
        None => ("running".into(), facts::face(took)),
    };
    a().set(
        "href",
        format!(
            "{}?step={step}&attempt={}",
            address(&run.id),
            attempt.number
        ),
    )
    .set("aria-current", shown.then_some("true"))
    .put(format!("attempt {}", attempt.number))
    .put(dim(format!(" {ending} · {length}")))
}

/// What a person can do with a run that is not over: answer it where it waits, and stop it.
pub fn answers(room: Room, id: RunId) -> El {
    let at = address(&id);
    let name = room.world.with_untracked(|w| {
        w.runs
            .get(&id)
            .map_or_else(String::new, |r| r.runbook.name.clone())
    });
    let retry = Form::to(format!("{at}/retry"), format!("retry-{id}")).view(
        Button::new("Retry the step", Permission::Command)
            .main()
            .view(),
    );
    let reasoned = |verb: &'static str,
                    label: &'static str,
                    hint: &'static str,
                    button: Button,
                    required: bool| {
        let form = Form::to(format!("{at}/{verb}"), format!("{verb}-{id}"));
        let open = form.was_refused();
        let ask = Ask {
            hint,
            required,
            most: Some("500"),
            ..Ask::default()
        };
        let body = vec![form.line("reason", "Why?", ask), button.view()];
        menu(
            verb,
            label,
            Permission::Command,
            open,
            "btn",
            form.view(body),
        )
    };
    let button = |label: String| Button::new(label, Permission::Command);
    let skip = reasoned(
        "skip",
        "Skip …",
        "What makes it safe to go on without it",
        button("Skip this step".into()).main(),
        true,
    );
    let done = reasoned(
        "done",
        "Mark done …",
        "How you know that it is done",
        button("Mark this step done".into()).main(),
        true,
    );
    let stop = reasoned(
        "cancel",
        "Stop …",
        "For the timeline",
        button(format!("Stop {name}")).class("btn danger"),
        false,
    );

    let run = room.follow_run(&id);
    let paused = move || run.with(|r| r.and_then(|r| r.paused.clone()));
    let step = move || {
        run.with(|r| {
            r.and_then(|r| {
                r.runbook
                    .steps
                    .get(r.paused.as_ref()?.step as usize)
                    .map(|s| s.name.clone())
            })
            .unwrap_or_default()
        })
    };
    let ending =
        move || run.with(|r| r.is_none_or(|r| r.is_over() || r.status == RunStatus::Cancelling));
    let calm = move || paused().is_none();
    div()
        .follow(
            "class",
            move || if calm() { "answers" } else { "answers asks" },
        )
        .hide(ending)
        .put(
            p().class("state is-warn")
                .hide(calm)
                .put(icon("warn"))
                .put(span().put(text(move || format!("{} needs you", step())))),
        )
        .put(p().class("small").hide(calm).put(text(move || {
            paused()
                .map(|p| {
                    format!(
                        "It ended so: {}. Look at its output, then decide.",
                        p.because
                    )
                })
                .unwrap_or_default()
        })))
        .put(
            div()
                .class("acts")
                .put(
                    div()
                        .class("flat")
                        .hide(calm)
                        .put(retry)
                        .put(skip)
                        .put(done),
                )
                .put(stop),
        )
}

/// A run that is not over, on an incident's page: where it stands, its steps, the last lines it said, what may be done.
pub fn following(room: Room, id: RunId) -> El {
    let at = address(&id);
    let run = room.follow_run(&id);
    let head = live(move || {
        run.get().map(|run| -> Node {
            let name = el("b").put(run.runbook.name.clone());
            let by = dim(format!("started by {} ", run.started_by)).put(when(run.started_at));
            vec![Some(name), Some(status(&run)), mode(&run), Some(by)].into()
        })
    });
    let list = live(move || {
        run.get()
            .map(|run| steps(&run, room.now.get(), false, None))
    });
    let tail = el("pre")
        .class("log tail")
        .set("data-tail", id.to_string())
        .set("data-lines", "6")
        .set("aria-label", "Last lines of the output")
        .set("hidden", true);
    div()
        .class("run")
        .put(
            div()
                .class("head")
                .put(head)
                .put(link(at, "Open the run").class("btn small")),
        )
        .put(list)
        .put(tail)
        .put(answers(room, id))
}
