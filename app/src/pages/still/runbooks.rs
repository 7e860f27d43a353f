//! The plan's runbooks: what each answers, its steps and conditions in words, and the button.

use crate::{
    node::{El, div, el, fieldset, h3, input, label, legend, li, ol, p, span, ul},
    pages::head,
    parts::{Button, Form, card, count, dim, link, menu, run, severity, state, timeline, when},
    room::{Room, service_name},
};
use domain::{
    Incident, Mode, Permission, Run, Slug,
    plan::{Condition, Plan, Runbook, Scenario, Step, When},
    words::run_icon,
};
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

pub fn all(room: Room) -> Vec<El> {
    let page = room.page();
    let mut groups: Vec<(String, String)> = GROUPS
        .map(|(id, name)| (id.to_owned(), name.to_owned()))
        .to_vec();
    for runbook in &page.plan.runbooks {
        if !groups.iter().any(|(id, _)| *id == runbook.group) {
            groups.push((runbook.group.clone(), runbook.group.clone()));
        }
    }
    let cards: Vec<El> = groups
        .into_iter()
        .filter_map(|(id, name)| {
            let of: Vec<_> = page
                .plan
                .runbooks
                .iter()
                .filter(|r| r.group == id)
                .collect();
            (!of.is_empty()).then(|| {
                card(
                    name,
                    of.len().to_string(),
                    ul().class("books")
                        .all(of.into_iter().map(|r| entry(room, r))),
                )
            })
        })
        .collect();
    let none = p()
        .class("dim")
        .put("The plan has no runbooks yet. Write one in its folder ")
        .put(el("code").put("runbooks/"))
        .put(" and load the plan again.");
    let body = if cards.is_empty() {
        none
    } else {
        div().class("columns").all(cards)
    };
    vec![head("Runbooks", timeline::filter("main"), ()), body]
}

fn entry(room: Room, runbook: &Runbook) -> El {
    let answers = runbook
        .trigger
        .clone()
        .unwrap_or_else(|| runbook.description.clone());
    let name = link(
        format!("/runbooks/{}", runbook.slug),
        el("b").put(runbook.name.clone()),
    );
    li().set("data-row", true)
        .put(
            div()
                .class("grow")
                .put(name)
                .put(div().class("small dim").put(answers)),
        )
        .put(dim(count(runbook.steps.len(), "step")).class("small dim keep"))
        .put(start(room, runbook, "btn small"))
}

/// Starting it: for an open incident or for none. What it acts on is named before the button.
fn start(room: Room, runbook: &Runbook, class: &'static str) -> El {
    let going = room.world.with_untracked(|w| {
        w.runs
            .values()
            .find(|r| !r.is_over() && r.runbook.slug == runbook.slug)
            .cloned()
    });
    if let Some(run) = going {
        return link(
            run::address(&run.id),
            state(run_icon(run.status), "running"),
        )
        .class(class);
    }
    let page = room.page();
    let form = Form::to(
        format!("/runbooks/{}/runs", runbook.slug),
        format!("run-{}", runbook.slug),
    );
    let refused = form.was_refused();
    let open: Vec<Arc<Incident>> = room
        .world
        .with_untracked(|w| w.open_incidents().into_iter().cloned().collect());
    let chosen = form
        .typed("incident")
        .or(open.first().map(|i| i.number.to_string()))
        .unwrap_or_default();
    let radio = |name: &'static str, value: String, checked: bool| {
        input()
            .set("type", "radio")
            .set("name", name)
            .set("value", value)
            .set("checked", checked)
            .set("autocomplete", "off")
    };
    let choice = |i: &Arc<Incident>| {
        let number = i.number.to_string();
        let says = span()
            .put(severity(&page.plan, i.severity))
            .put(span().put(format!("{number} {}", i.title)));
        label()
            .class("choice wide")
            .put(radio("incident", number.clone(), number == chosen))
            .put(says)
    };
    let none = label()
        .class("choice wide")
        .put(radio("incident", String::new(), chosen.is_empty()))
        .put(span().put("None"));
    let drill = form.typed("mode").as_deref() == Some("drill");
    let mode = |value: &'static str, says: &'static str, checked: bool| {
        label()
            .class("choice")
            .put(radio("mode", value.into(), checked))
            .put(span().put(says))
    };
    let body = vec![
        p().put(el("b").put(format!("Run {}", runbook.name))),
        fieldset()
            .class("choices")
            .put(legend().put("For which incident?"))
            .all(open.iter().map(choice))
            .put(none),
        form.sentence("incident"),
        fieldset()
            .class("choices")
            .put(legend().put("How?"))
            .put(mode("real", "For real", !drill))
            .put(mode("drill", "As a drill", drill)),
        form.sentence("mode"),
        div().class("acts").put(
            Button::new(format!("Run {}", runbook.name), Permission::Command)
                .main()
                .view(),
        ),
    ];
    menu(
        "run",
        "Run …",
        Permission::Command,
        refused,
        class,
        form.view(body),
    )
}

pub fn one(room: Room, slug: &str) -> Vec<El> {
    let page = room.page();
    let plan = &page.plan;
    let Some(runbook) = plan.runbook(&Slug::from(slug)) else {
        return super::other::not_found(&format!("The plan has no runbook `{slug}`."));
    };
    let when = runbook
        .trigger
        .as_ref()
        .map(|t| p().class("dim about").put(format!("when: {t}")));
    let about = (!runbook.description.is_empty()).then(|| p().put(runbook.description.clone()));
    let scenarios: Vec<_> = plan
        .scenarios
        .iter()
        .filter(|s| s.runbook == runbook.slug)
        .map(scenario)
        .collect();
    let services: Vec<_> = plan
        .services
        .iter()
        .filter(|s| s.runbooks.contains(&runbook.slug))
        .map(|s| li().put(s.name.clone()))
        .collect();
    let list = |title: &'static str, lines: Vec<El>| {
        (!lines.is_empty()).then(|| card(title, (), ul().class("plain").all(lines)))
    };
    let steps = card(
        "Steps",
        (),
        ol().class("book")
            .all(runbook.steps.iter().map(|s| step(plan, s))),
    );
    let right = div()
        .class("col")
        .put(list("Answers", scenarios))
        .put(list("Offered for", services))
        .put(list("Runs", past(room, runbook)));
    let two = div()
        .class("two")
        .put(div().class("col").put(steps))
        .put(right);
    [
        Some(head(
            runbook.name.clone(),
            when,
            start(room, runbook, "btn main"),
        )),
        about,
        Some(two),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn scenario(s: &Scenario) -> El {
    let more: String = [&s.impact, &s.detection]
        .into_iter()
        .filter(|t| !t.is_empty())
        .map(|t| format!(" · {t}"))
        .collect();
    li().put(div().put(el("b").put(s.name.clone())).put(dim(more)))
}

fn past(room: Room, runbook: &Runbook) -> Vec<El> {
    let mut runs: Vec<Arc<Run>> = room.world.with_untracked(|w| {
        w.runs
            .values()
            .filter(|r| r.runbook.slug == runbook.slug)
            .cloned()
            .collect()
    });
    runs.sort_by_key(|r| std::cmp::Reverse(r.started_at));
    runs.iter()
        .map(|r| {
            li().put(link(run::address(&r.id), when(r.started_at)))
                .put(state(run_icon(r.status), r.status.words()))
                .put(run::mode(r))
        })
        .collect()
}

fn step(plan: &Plan, step: &Step) -> El {
    let condition = step.condition.as_ref().map(|when| {
        let (named, asked) = match when {
            When::Named(name) => (format!("only if {name}: "), plan.conditions.get(name)),
            When::Written(condition) => ("only if ".to_owned(), Some(condition)),
        };
        let words = asked.map_or_else(
            || "the plan has no such condition".to_owned(),
            |c| condition(plan, c),
        );
        p().class("small").put(el("b").put(named)).put(words)
    });
    let limits: Vec<String> = [
        step.timeout
            .map(|t| format!("each attempt at most {}", t.words())),
        (step.retries > 0).then(|| format!("up to {} attempts", step.retries + 1)),
        step.retry_delay
            .map(|d| format!("{} between them", d.words())),
    ]
    .into_iter()
    .flatten()
    .collect();
    let commands = step
        .commands
        .iter()
        .map(|c| li().put(el("code").put(c.display())));
    li().put(h3().put(step.name.clone()))
        .put(condition)
        .put(ul().class("commands").all(commands))
        .put((!limits.is_empty()).then(|| p().class("small dim").put(limits.join(" · "))))
}

/// A condition as a person says it.
fn condition(plan: &Plan, what: &Condition) -> String {
    let join = |parts: &[Condition], word: &str| {
        parts
            .iter()
            .map(|p| condition(plan, p))
            .collect::<Vec<_>>()
            .join(word)
    };
    match what {
        Condition::StepFailed(step) => format!("“{step}” failed"),
        Condition::StepSucceeded(step) | Condition::StepExited { step, code: 0 } => {
            format!("“{step}” succeeded")
        }
        Condition::StepExited { step, code } => format!("“{step}” ended with exit {code}"),
        Condition::ServiceDown(service) => format!("{} is down", service_name(plan, service)),
        Condition::ServiceIs { service, health } => format!(
            "{} is seen as: {}",
            service_name(plan, service),
            health.words().to_lowercase()
        ),
        Condition::Output { name, is } => format!("the output {name} is “{is}”"),
        Condition::Parameter { name, is } => format!("the parameter {name} is “{is}”"),
        Condition::Mode(Mode::Drill) => "it is a drill".to_owned(),
        Condition::Mode(_) => "it is for real".to_owned(),
        Condition::All(parts) => join(parts, " and "),
        Condition::Any(parts) => join(parts, " or "),
        Condition::Not(part) => format!("not ({})", condition(plan, part)),
    }
}
