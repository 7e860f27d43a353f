//! The plan's runbooks: what each answers, its steps and conditions in words, and the button.

use crate::{
    parts::{Button, Form, card, menu, severity, state, when},
    room::Room,
};
use domain::{Incident, Mode, Permission, Run, Slug, plan::{Condition, Plan, Runbook, Step}, words::run_icon};
use leptos::prelude::*;
use std::sync::Arc;

/// How the groups of a plan are called, in the order they are listed.
const GROUPS: [(&str, &str); 7] = [
    ("recovery", "Recovery"),
    ("quick-reference", "Quick reference"),
    ("failover", "Failover"),
    ("scenario", "Scenarios"),
    ("drill", "Drills"),
    ("backup", "Backups"),
    ("communication", "Communication"),
];

pub fn all(room: Room) -> AnyView {
    let page = room.page();
    let mut groups: Vec<(String, String)> = GROUPS.map(|(id, name)| (id.to_owned(), name.to_owned())).to_vec();
    for runbook in &page.plan.runbooks {
        if !groups.iter().any(|(id, _)| *id == runbook.group) {
            groups.push((runbook.group.clone(), runbook.group.clone()));
        }
    }
    let cards = groups.into_iter().filter_map(|(id, name)| {
        let of: Vec<_> = page.plan.runbooks.iter().filter(|r| r.group == id).collect();
        (!of.is_empty()).then(|| card(name, of.len().to_string(), view! { <ul class="books" data-list="">{of.into_iter().map(|r| entry(room, r)).collect_view()}</ul> }))
    });
    let cards: Vec<_> = cards.collect();
    let none = cards.is_empty().then(|| view! { <p class="dim">"The plan has no runbooks yet. Write one in its folder "<code>"runbooks/"</code>" and load the plan again."</p> });
    view! {
        <div class="head"><h1>"Runbooks"</h1>
            <label class="needs-script find"><span class="vh">"Filter the runbooks"</span><input type="search" placeholder="Filter  /" autocomplete="off" data-filter="main"/></label>
        </div>
        {none}
        <div class="columns">{cards}</div>
    }
    .into_any()
}

fn entry(room: Room, runbook: &Runbook) -> AnyView {
    let trigger = runbook.trigger.clone().or(Some(runbook.description.clone())).filter(|t| !t.is_empty());
    let steps = match runbook.steps.len() {
        1 => "1 step".to_owned(),
        n => format!("{n} steps"),
    };
    view! {
        <li data-row="">
            <div class="grow">
                <a href=format!("/runbooks/{}", runbook.slug)><b>{runbook.name.clone()}</b></a>
                <div class="small dim">{trigger}</div>
            </div>
            <span class="small dim keep">{steps}</span>
            {start(room, runbook)}
        </li>
    }
    .into_any()
}

fn going(room: Room, runbook: &Runbook) -> Option<Arc<Run>> {
    room.world.with_untracked(|w| w.runs.values().find(|r| !r.is_over() && r.runbook.slug == runbook.slug).cloned())
}

/// Starting it: for an open incident or for none. What it acts on is named before the button.
fn start(room: Room, runbook: &Runbook) -> AnyView {
    if let Some(run) = going(room, runbook) {
        return view! { <a class="btn small" href=crate::parts::run::address(&run.id)>{state(run_icon(run.status), "running")}</a> }.into_any();
    }
    let form = Form::to(format!("/runbooks/{}/runs", runbook.slug), format!("run-{}", runbook.slug));
    let refused = form.was_refused();
    let page = room.page();
    let open: Vec<Arc<Incident>> = room.world.with_untracked(|w| w.open_incidents().into_iter().cloned().collect());
    let chosen = form.typed("incident").or(open.first().map(|i| i.number.to_string())).unwrap_or_default();
    let choice = |i: &Arc<Incident>| {
        let number = i.number.to_string();
        view! { <label class="choice wide"><input type="radio" name="incident" value=number.clone() checked=number == chosen autocomplete="off"/><span>{severity(&page.plan, i.severity)}<span>{number}" "{i.title.clone()}</span></span></label> }
    };
    let choices = open.iter().map(choice).collect_view();
    let mode = form.typed("mode").unwrap_or_else(|| "real".into());
    let body = view! {
        <p><b>{format!("Run {}", runbook.name)}</b></p>
        <fieldset class="choices"><legend>"For which incident?"</legend>
            {choices}
            <label class="choice wide"><input type="radio" name="incident" value="" checked=chosen.is_empty() autocomplete="off"/><span>"None"</span></label>
        </fieldset>
        {form.sentence(Some("incident"))}
        <fieldset class="choices row"><legend>"How?"</legend>
            <label class="choice"><input type="radio" name="mode" value="real" checked=mode != "drill" autocomplete="off"/><span>"For real"</span></label>
            <label class="choice"><input type="radio" name="mode" value="drill" checked=mode == "drill" autocomplete="off"/><span>"As a drill"</span></label>
        </fieldset>
        {form.sentence(Some("mode"))}
        <div class="acts">{Button::new(format!("Run {}", runbook.name), Permission::Command).class("btn main").view()}</div>
    };
    menu("Run …".into_any(), "run", Permission::Command, refused, "btn small", form.view("", body.into_any()))
}

pub fn one(room: Room, slug: &str) -> AnyView {
    let page = room.page();
    let Some(runbook) = page.plan.runbook(&Slug::from(slug)) else {
        return super::other::not_found(&format!("The plan has no runbook `{slug}`."));
    };
    let answers = page.plan.scenarios.iter().filter(|s| s.runbook == runbook.slug);
    let answers = answers.map(|s| view! { <li><b>{s.name.clone()}</b><span class="small dim">{[s.impact.as_str(), s.detection.as_str()].into_iter().filter(|t| !t.is_empty()).map(|t| format!(" · {t}")).collect::<String>()}</span></li> }).collect_view();
    let services = page.plan.services.iter().filter(|s| s.runbooks.contains(&runbook.slug)).map(|s| view! { <li>{s.name.clone()}</li> }).collect_view();
    let (has_answers, has_services) = (page.plan.scenarios.iter().any(|s| s.runbook == runbook.slug), page.plan.services.iter().any(|s| s.runbooks.contains(&runbook.slug)));
    view! {
        <div class="head">
            <h1>{runbook.name.clone()}</h1>
            <p class="dim">{runbook.trigger.as_ref().map(|t| format!("when: {t}"))}</p>
            <div class="acts">{start(room, runbook)}</div>
        </div>
        {(!runbook.description.is_empty()).then(|| view! { <p>{runbook.description.clone()}</p> })}
        <div class="two">
            <div class="col">{card("Steps", (), view! { <ol class="book">{runbook.steps.iter().map(|s| step(&page.plan, s)).collect_view()}</ol> })}</div>
            <div class="col">
                {has_answers.then(|| card("Answers", (), view! { <ul class="plain">{answers}</ul> }))}
                {has_services.then(|| card("Offered for", (), view! { <ul class="plain">{services}</ul> }))}
                {past(room, runbook)}
            </div>
        </div>
    }
    .into_any()
}

fn past(room: Room, runbook: &Runbook) -> AnyView {
    let mut runs: Vec<_> = room.world.with_untracked(|w| w.runs.values().filter(|r| r.runbook.slug == runbook.slug).cloned().collect());
    runs.sort_by_key(|r: &Arc<Run>| std::cmp::Reverse(r.started_at));
    if runs.is_empty() {
        return ().into_any();
    }
    let one = |r: &Arc<Run>| {
        let drill = (r.mode == Mode::Drill).then(|| view! { " "<span class="chip drill">"Drill"</span> });
        view! { <li><a href=crate::parts::run::address(&r.id)>{when(r.started_at)}</a>{state(run_icon(r.status), r.status.words())}{drill}</li> }
    };
    card("Runs", (), view! { <ul class="plain">{runs.iter().map(one).collect_view()}</ul> })
}

fn step(plan: &Plan, step: &Step) -> AnyView {
    let condition = step.condition.as_ref().map(|name| {
        let words = plan.conditions.get(name).map_or_else(|| "the plan has no such condition".to_owned(), |c| condition(plan, c));
        view! { <p class="small"><b>{format!("only if {name}: ")}</b>{words}</p> }
    });
    let mut limits = Vec::new();
    if let Some(timeout) = step.timeout {
        limits.push(format!("each attempt at most {}", timeout.words()));
    }
    if step.retries > 0 {
        limits.push(format!("up to {} attempts", step.retries + 1));
    }
    if let Some(delay) = step.retry_delay {
        limits.push(format!("{} between them", delay.words()));
    }
    let commands = step.commands.iter().map(|c| view! { <li><code>{c.display()}</code></li> }).collect_view();
    view! {
        <li>
            <h3>{step.name.clone()}</h3>
            {condition}
            <ul class="commands">{commands}</ul>
            {(!limits.is_empty()).then(|| view! { <p class="small dim">{limits.join(" · ")}</p> })}
        </li>
    }
    .into_any()
}

/// A condition as a person says it.
fn condition(plan: &Plan, what: &Condition) -> String {
    let join = |parts: &[Condition], word: &str| parts.iter().map(|p| condition(plan, p)).collect::<Vec<_>>().join(word);
    match what {
        Condition::StepFailed(step) => format!("“{step}” failed"),
        Condition::StepExited { step, code: 0 } => format!("“{step}” succeeded"),
        Condition::StepExited { step, code } => format!("“{step}” ended with exit {code}"),
        Condition::ServiceDown(service) => format!("{} is down", crate::room::service_name(plan, service)),
        Condition::All(parts) => join(parts, " and "),
        Condition::Any(parts) => join(parts, " or "),
        Condition::Not(part) => format!("not ({})", condition(plan, part)),
    }
}
