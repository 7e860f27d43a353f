//! One runbook: everything that it does, whether it is known to work, and the form that starts it.

use super::{runbooks::proof, start};
use crate::{
    facts,
    node::{El, Node, el, div, h3, li, ol, p, span, ul},
    page::{Line, Ran, Revision},
    pages::head,
    parts::{card, dim, incidents, line, link, run, state, when},
    room::{Room, service_name},
};
use domain::{
    Mode, Number, Slug,
    plan::{
        Approval, CommandLine, Condition, DatabaseRole, Expect, OnFailure, OnLocked, OnTimeout, Only, Plan,
        Runbook, Scenario, SecretUse, Step, When, Work,
    },
    words::{Icon, run_icon},
};
use std::collections::BTreeMap;

pub fn one(room: Room, slug: &str, incident: Option<&Number>) -> Vec<El> {
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
    let compared = page.book.compared.as_ref();
    let left = div()
        .class("col")
        .put(compared.map(|(revision, lines)| difference(revision, lines)))
        .put(whole(runbook))
        .put(steps(plan, "Steps", &runbook.steps))
        .put(steps(plan, "When stopped", &runbook.on_cancel))
        .put(steps(plan, "At the end, whatever the end is", &runbook.finally));
    let right = div()
        .class("col")
        .put(start::card(room, runbook, incident))
        .put(list("Runs", page.book.runs.iter().map(ran).collect()))
        .put(list(
            "Revisions",
            page.book.revisions.iter().map(|r| revision(runbook, r)).collect(),
        ))
        .put(list("Answers", scenarios))
        .put(list("Offered for", services));
    let marks = div()
        .class("flat")
        .put(runbook.is_dangerous().then(|| state(Icon::Warn, "Dangerous")))
        .put(proof(&page, &runbook.slug))
        .put(when);
    let two = div().class("two runbook").put(left).put(right);
    [Some(head(runbook.name.clone(), marks, ())), about, Some(two)]
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

fn ran(ran: &Ran) -> El {
    let r = &ran.run;
    let took = r.ended_at.map(|end| format!(" · {}", facts::words(end.since(r.started_at))));
    let about = vec![
        Node::from(link(run::address(&r.id), when(r.started_at))),
        Node::from(run::mode(r)),
        Node::from(r.incident.as_ref().map(|n| link(incidents::address(n), n.to_string()))),
        Node::from(dim(format!("revision {}{}", ran.revision, took.unwrap_or_default()))),
    ];
    line(div().class("marks").put(Node::from(about)), state(run_icon(r.status), r.status.words()))
}

fn revision(runbook: &Runbook, r: &Revision) -> El {
    let runs = crate::parts::count(r.runs as usize, "run");
    let about = vec![
        Node::from(el("code").put(r.name.clone())),
        Node::from(dim(format!("{runs} · since ")).put(when(r.since))),
    ];
    let what: El = if r.current {
        span().class("small").put("in the plan")
    } else {
        link(
            format!("/runbooks/{}?against={}", runbook.slug, r.name),
            "compare",
        )
    };
    line(div().class("marks").put(Node::from(about)), what)
}

/// From an older revision to the plan's, line by line; what is the same is only hinted at.
fn difference(revision: &str, lines: &[Line]) -> El {
    let one = |l: &Line| match l {
        Line::Same(text) => span().put(format!("  {text}\n")),
        Line::Gone(text) => el("del").put(format!("- {text}\n")),
        Line::New(text) => el("ins").put(format!("+ {text}\n")),
    };
    let same = lines.iter().all(|l| matches!(l, Line::Same(_)));
    let body = if same {
        p().class("dim").put("Nothing differs.")
    } else {
        el("pre").class("diff").set("tabindex", "0").set("aria-label", "Difference").all(lines.iter().map(one))
    };
    card(format!("From revision {revision} to the plan's"), (), body)
}

/// What holds for all of its steps.
fn whole(runbook: &Runbook) -> Option<El> {
    let mut lines = Vec::new();
    let mut say = |what: &'static str, says: String| {
        if !says.is_empty() {
            lines.push(line(what, span().class("end").put(says)));
        }
    };
    say("Acts on", runbook.target.clone().unwrap_or_default());
    say("Locks", runbook.locks.join(", "));
    if runbook.all_locks().next().is_some() {
        say(
            "While another run holds a lock",
            match runbook.when_locked() {
                OnLocked::Reject => "it does not start".into(),
                OnLocked::Queue => "it waits for its turn".into(),
            },
        );
    }
    say("Approval before its first step", runbook.approval.as_ref().map(approval).unwrap_or_default());
    say("Typed before it starts", runbook.confirm.clone().unwrap_or_default());
    say("Environment", names(&runbook.env));
    say("Secrets", secrets(&runbook.secrets));
    say("Runs in", runbook.working_dir.clone().unwrap_or_default());
    say(
        "Output kept of each attempt",
        runbook.output_limit.map(|b| format!("{b} bytes")).unwrap_or_default(),
    );
    (!lines.is_empty()).then(|| card("The whole of it", (), ul().class("plain facts").all(lines)))
}

fn steps(plan: &Plan, title: &'static str, steps: &[Step]) -> Option<El> {
    let body = ol().class("book").all(steps.iter().map(|s| step(plan, s)));
    (!steps.is_empty()).then(|| card(title, (), body))
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
    let gate = step.is_gate().then(|| p().class("small").put("It does nothing itself: only somebody's word is asked."));
    let rules = rules(step);
    let lines = details(step);
    li().put(h3().put(step.name.clone()))
        .put(condition)
        .put(commands("", &step.commands))
        .put(step.work().map(|w| work(&w)))
        .put(gate)
        .put(commands("Forced", &step.forced))
        .put(commands("Then verified by", &step.verify))
        .put((!rules.is_empty()).then(|| p().class("small dim").put(rules.join(" · "))))
        .put((!lines.is_empty()).then(|| ul().class("small dim rules").all(lines)))
}

fn commands(says: &'static str, of: &[CommandLine]) -> Option<Node> {
    let one = |c: &CommandLine| li().put(el("code").put(c.display()));
    let head = (!says.is_empty()).then(|| p().class("small dim").put(says));
    (!of.is_empty()).then(|| Node::from(vec![
        Node::from(head),
        ul().class("commands").all(of.iter().map(one)).into(),
    ]))
}

/// What it does where it types no command.
fn work(work: &Work) -> Node {
    let mut more: Vec<String> = Vec::new();
    let says: El = match work {
        Work::Manual(manual) => {
            more.extend(manual.evidence.as_ref().map(|e| format!("to be written down: {e}")));
            el("blockquote").put(format!("By hand: {}", manual.instructions))
        }
        Work::Runbook(call) => {
            more.extend(call.with.iter().map(|(name, value)| format!("{name} = {}", value.display())));
            p().put("Runs the runbook ").put(link(format!("/runbooks/{}", call.slug), call.slug.to_string()))
        }
        other => el("code").class("does").put(other.display()),
    };
    match work {
        Work::Http(http) => {
            let codes: Vec<_> = http.expect_status.iter().map(u16::to_string).collect();
            more.push(match codes.len() {
                0 => "answers 2xx".into(),
                _ => format!("answers {}", codes.join(" or ")),
            });
            more.extend(http.expect_body.as_ref().map(|b| format!("holds “{b}”")));
            more.extend(http.expect_json.iter().map(|(at, is)| format!("{at} is {is}")));
            more.extend(http.within.map(|w| format!("within {}", w.words())));
        }
        Work::Sql(sql) => {
            more.extend(sql.expect.as_ref().map(|e| format!("answers “{e}”")));
            if sql.read_only {
                more.push("read-only".into());
            }
        }
        Work::Wait(wait) => more.push(format!("asked every {}, {} in a row", wait.every.words(), crate::parts::count(wait.times as usize, "time"))),
        Work::Notify(notify) => more.push(match notify.public {
            Some(phase) => format!("public, as {}", phase.words().to_lowercase()),
            None => "in the incident's timeline".into(),
        }),
        _ => {}
    }
    Node::from(vec![
        says.into(),
        Node::from((!more.is_empty()).then(|| p().class("small dim").put(more.join(" · ")))),
    ])
}

/// How often, how long, and what follows: one line.
fn rules(step: &Step) -> Vec<String> {
    let codes: Vec<_> = step.retry_on.iter().map(i32::to_string).collect();
    [
        step.timeout.map(|t| format!("each attempt at most {}", t.words())),
        (step.retries > 0).then(|| format!("up to {} attempts", step.retries + 1)),
        step.retry_delay.map(|d| format!("{} between them", d.words())),
        step.backoff.map(|b| format!("growing by {} up to {}", b.factor, b.max.words())),
        (!codes.is_empty()).then(|| format!("again only after exit {}", codes.join(" or "))),
        step.idempotent.then(|| "may be run twice".to_owned()),
        match &step.on_failure {
            OnFailure::Pause => None,
            OnFailure::Continue => Some("goes on if it fails".into()),
            OnFailure::Abort => Some("ends the run if it fails".into()),
            OnFailure::Goto(step) => Some(format!("goes on at “{step}” if it fails")),
        },
        step.critical.map(|c| if c { "its failure fails the run" } else { "its failure does not fail the run" }.to_owned()),
        step.parallel.as_ref().map(|group| format!("at the same time as the others of “{group}”")),
        step.only.map(|only| match only {
            Only::Drill => "only in a drill",
            Only::Real => "not in a drill",
        }.to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What it needs and gives: a line each.
fn details(step: &Step) -> Vec<El> {
    let all = [
        ("Approval", step.approval.as_ref().map(approval).unwrap_or_default()),
        ("Typed before it starts", step.confirm.clone().unwrap_or_default()),
        ("Locks", step.locks.join(", ")),
        ("Expects", step.expect.as_ref().map(expects).unwrap_or_default()),
        ("Environment", names(&step.env)),
        ("Secrets", secrets(&step.secrets)),
        ("Writes", step.outputs.join(", ")),
        ("Runs in", step.working_dir.clone().unwrap_or_default()),
    ];
    let says = |(what, says): (&'static str, String)| li().put(el("b").put(what)).put(format!(" {says}"));
    all.into_iter().filter(|(_, says)| !says.is_empty()).map(says).collect()
}

fn names(of: &BTreeMap<String, String>) -> String {
    of.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Their names, never their values.
fn secrets(of: &BTreeMap<String, SecretUse>) -> String {
    let one = |(variable, secret): (&String, &SecretUse)| match secret {
        SecretUse::Environment(name) => format!("{variable} from {name}"),
        SecretUse::Descriptor { descriptor } => format!("{variable}, a file with {descriptor}"),
    };
    of.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn approval(a: &Approval) -> String {
    let mut says = match a.min {
        1 => format!("by one {}", a.role.name()),
        n => format!("by {n} people with the role {}", a.role.name()),
    };
    if a.prevent_self {
        says.push_str(", not by whoever started it");
    }
    if let Some(timeout) = a.timeout {
        says.push_str(&format!(" within {}", timeout.words()));
        says.push_str(match a.on_timeout {
            OnTimeout::Pause => ", else the run pauses",
            OnTimeout::Abort => ", else the run fails",
        });
    }
    says
}

fn expects(e: &Expect) -> String {
    let role = e.role.map(|r| match r {
        DatabaseRole::Primary => "the primary",
        DatabaseRole::Replica => "a replica",
    });
    [
        e.database.clone().map(|d| format!("database {d}")),
        e.node.clone().map(|n| format!("node {n}")),
        role.map(str::to_owned),
        e.system_identifier.clone().map(|s| format!("system {s}")),
        e.timeline.map(|t| format!("timeline {t}")),
        e.host.clone().map(|h| format!("on host {h}")),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
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
