//! A run as people follow it: where it stands, step by step, and why.

use crate::{
    facts,
    parts::{Ask, Button, Form, icon, live, menu, state},
    room::Room,
};
use domain::{Attempt, Mode, Permission, Run, RunId, RunStatus, Stamp, StepRun, StepStatus, plan::Step, words};
use leptos::prelude::*;

pub fn address(id: &RunId) -> String {
    format!("/runs/{id}")
}

/// "running, step 3 of 5"; "waits for you at step 2 of 5"; "completed in 38 s".
pub fn progress(run: &Run) -> String {
    let of = run.steps.len();
    let step = run.paused.as_ref().map(|p| p.step as usize).or(run.current()).map_or(of, |i| i + 1);
    match run.status {
        RunStatus::Running => format!("running, step {step} of {of}"),
        RunStatus::PausedByFailedStep => {
            let step = run.paused.as_ref().map_or(step, |p| p.step as usize + 1);
            format!("waits for a person at step {step} of {of}")
        }
        RunStatus::Cancelling => format!("is being stopped, step {step} of {of}"),
        status => match run.ended_at {
            Some(end) => format!("{} after {}", status.words().to_lowercase(), facts::words(end.since(run.started_at))),
            None => status.words().to_lowercase(),
        },
    }
}

pub fn status(run: &Run) -> AnyView {
    state(words::run_icon(run.status), run.status.words())
}

/// The steps in order. With `attempts`, each attempt links to its output; `shown` is the one on the screen.
pub fn steps(run: &Run, now: Stamp, attempts: bool, shown: Option<(u32, u32)>) -> AnyView {
    let one = |(i, (step, done)): (usize, (&Step, &StepRun))| {
        let waits = run.paused.as_ref().is_some_and(|p| p.step as usize == i);
        let shape = if waits { words::Icon::Person } else { words::step_icon(done.status) };
        let tone = if waits { "is-warn" } else { shape.tone() };
        let tries = attempts.then(|| {
            done.attempts.iter().map(|a| attempt(run, i as u32, a, now, shown == Some((i as u32, a.number)))).collect_view()
        });
        let active = matches!(done.status, StepStatus::Running | StepStatus::Retrying) || waits;
        view! {
            <li class:active=active>
                <span class=tone title=done.status.words()>{icon(shape.id())}<span class="vh">{done.status.words()}</span></span>
                <span class="name">{step.name.clone()}</span>
                <span class="dim small">{aside(step, done, now)}</span>
                {why(step, done).map(|why| view! { <span class="why">{why}</span> })}
                {tries.map(|tries| view! { <span class="tries">{tries}</span> })}
            </li>
        }
    };
    view! { <ol class="steps">{run.runbook.steps.iter().zip(&run.steps).enumerate().map(one).collect_view()}</ol> }.into_any()
}

/// What stands at the right of a step: how long it takes or took, or what it waits for.
fn aside(step: &Step, done: &StepRun, now: Stamp) -> String {
    let tries = done.attempts.len();
    let times = if tries > 1 { format!("{tries} attempts · ") } else { String::new() };
    match (done.status, done.started_at, done.ended_at) {
        (StepStatus::Pending, ..) => step.condition.as_ref().map(|c| format!("only if {c}")).unwrap_or_default(),
        (StepStatus::Retrying, ..) => {
            let left = done.retry_at.map_or(0, |due| due.since(now).as_secs());
            format!("attempt {} of {} in {left} s", tries + 1, done.spent + step.retries + 1)
        }
        (StepStatus::Running, Some(start), _) => {
            let limit = step.timeout.map(|t| format!(" of {}", t.words())).unwrap_or_default();
            let nth = if tries > 1 { format!("attempt {tries} · ") } else { String::new() };
            let since = done.attempts.last().map_or(start, |a| a.started_at);
            format!("{nth}{}{limit}", facts::face(now.since(since)))
        }
        (StepStatus::Skipped, ..) => "skipped".into(),
        (_, Some(start), Some(end)) => format!("{times}{}", end.since(start).human()),
        _ => String::new(),
    }
}

fn why(step: &Step, done: &StepRun) -> Option<String> {
    let because = match done.status {
        StepStatus::Running | StepStatus::Retrying if !done.because.is_empty() => format!("runs because {}", done.because),
        StepStatus::Skipped => done.because.clone(),
        StepStatus::Interrupted if done.because.is_empty() => done.status.words().into(),
        _ => done.because.clone(),
    };
    let failed = done.attempts.iter().rev().find_map(|a| a.ending.as_ref()).map(|e| e.words());
    match (because.is_empty(), done.status, failed) {
        (true, StepStatus::Retrying, Some(last)) => Some(format!("last attempt: {last}; up to {} attempts", step.retries + 1)),
        (true, ..) => None,
        _ => Some(because),
    }
}

fn attempt(run: &Run, step: u32, attempt: &Attempt, now: Stamp, shown: bool) -> AnyView {
    let took = attempt.ended_at.unwrap_or(now).since(attempt.started_at);
    let ending = attempt.ending.as_ref().map_or_else(|| "running".to_owned(), |e| e.words());
    let at = format!("{}?step={step}&attempt={}", address(&run.id), attempt.number);
    let length = if attempt.ended_at.is_some() { took.human() } else { facts::face(took) };
    view! { <a href=at aria-current=shown.then_some("true")>{format!("attempt {}", attempt.number)}<span class="dim">{format!(" {ending} · {length}")}</span></a> }
        .into_any()
}

/// What a person can do with a run that is not over. Drawn once; what changes in it follows.
pub fn answers(room: Room, id: RunId) -> AnyView {
    let at = address(&id);
    let run = {
        let id = id.clone();
        Memo::new(move |_| room.run(&id))
    };
    let paused = move || run.with(|r| r.as_ref().and_then(|r| r.paused.clone()));
    let over = move || run.with(|r| r.as_ref().is_none_or(|r| r.is_over()));
    let stopping = move || run.with(|r| r.as_ref().is_some_and(|r| r.status == RunStatus::Cancelling));
    let step = move || run.with(|r| r.as_ref().and_then(|r| r.paused.as_ref().and_then(|p| r.runbook.steps.get(p.step as usize)).map(|s| s.name.clone())).unwrap_or_default());
    let name = run.with_untracked(|r| r.as_ref().map_or_else(String::new, |r| r.runbook.name.clone()));

    let retry = Form::to(format!("{at}/retry"), format!("retry-{id}"));
    let retry = retry.view("", Button::new("Retry the step", Permission::Command).class("btn main").view());
    let reasoned = |verb: &'static str, label: &'static str, hint: &'static str, class: &'static str, button: String, required: bool| {
        let form = Form::to(format!("{at}/{verb}"), format!("{verb}-{id}"));
        let open = form.was_refused();
        let ask = Ask { hint, required, most: Some("500"), ..Ask::default() };
        let body = view! { {form.line("reason", "Why?", ask)}{Button::new(button, Permission::Command).class(class).view()} };
        menu(label.into_any(), verb, Permission::Command, open, "btn", form.view("", body.into_any()))
    };
    let skip = reasoned("skip", "Skip …", "What makes it safe to go on without it", "btn main", "Skip this step".into(), true);
    let done = reasoned("done", "Mark done …", "How you know that it is done", "btn main", "Mark this step done".into(), true);
    let stop = reasoned("cancel", "Stop …", "For the timeline", "btn danger", format!("Stop {name}"), false);
    view! {
        <div class="asks" hidden=move || paused().is_none()>
            <p class="state is-warn">{icon("warn")}<span>{move || format!("{} needs you", step())}</span></p>
            <p class="small">{move || paused().map(|p| p.because).unwrap_or_default()}</p>
            <div class="acts">{retry}{skip}{done}</div>
        </div>
        <div class="acts" hidden=move || over() || stopping()>{stop}</div>
    }
    .into_any()
}

/// A running run on an incident's page: where it stands, its steps, the last lines it said, and what may be done.
pub fn following(room: Room, id: RunId) -> AnyView {
    let at = address(&id);
    let head = {
        let id = id.clone();
        live(move || match room.run(&id) {
            Some(run) => view! {
                <b>{run.runbook.name.clone()}</b>
                {status(&run)}
                {(run.mode == Mode::Drill).then(|| view! { <span class="chip drill">"Drill"</span> })}
                <span class="dim small">{format!("started by {} ", run.started_by)}{crate::parts::when(run.started_at)}</span>
            }
            .into_any(),
            None => ().into_any(),
        })
    };
    let list = {
        let id = id.clone();
        live(move || room.run(&id).map(|run| steps(&run, room.now.get(), false, None)).into_any())
    };
    view! {
        <div class="run">
            <p class="head">{head}</p>
            {list}
            <pre class="log tail" data-tail=id.to_string() data-lines="6" aria-label="Last lines of the output" hidden></pre>
            <p class="acts"><a class="btn" href=at>"Open the run"</a></p>
            {answers(room, id)}
        </div>
    }
    .into_any()
}
