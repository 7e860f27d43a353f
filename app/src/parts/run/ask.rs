//! What a run asks of people: one glance tells whether it asks anything, and the answer is given right there.

use super::{address, lock, mode, name, next, status, steps};
use crate::{
    node::{El, Node, div, el, h2, live, p, rows, section, span},
    parts::{Ask, Button, Form, dim, hidden, icon, link, menu, text, when},
    room::{Followed, Room},
};
use domain::{
    AccessRole, Answer, Permission, Run, RunId, RunStatus, Wait, words,
};
use leptos::prelude::*;

/// Where a run stands: its questions, each with the form that answers it, or that there are none; and what else may be done.
pub fn stand(room: Room, id: RunId) -> El {
    let run = room.follow_run(&id);
    let of = id.clone();
    let asked = rows(
        move || run.with(|r| r.map(questions).unwrap_or_default()),
        move |name| question(room, run, &of, &name),
    );
    div()
        .class("stand")
        .put(asked)
        .put(live(move || run.get().map(|r| calm(&r))))
        .put(controls(run, &id))
}

/// A name for each: what kind, about which step, and which time.
fn questions(run: &Run) -> Vec<String> {
    let mut all = Vec::new();
    let mut ask = |kind: &str, step: usize, nth: i64| all.push(format!("{kind} {step} {nth}"));
    for (i, step) in run.steps.iter().enumerate() {
        let Some(wait) = &step.wait else { continue };
        let kind = match wait.what {
            Wait::Go => "go",
            Wait::Confirm { .. } => "confirm",
            Wait::Approval { .. } => "approve",
            Wait::Manual { .. } => "manual",
            Wait::Lock { .. } => continue,
        };
        ask(kind, i, wait.since.0);
    }
    if let Some(paused) = &run.paused {
        let step = paused.step as usize;
        let tried = run.steps.get(step).map_or(0, |s| s.attempts.len() + s.answers.len());
        ask("paused", step, tried as i64);
    }
    if run.status == RunStatus::PausedByOperator {
        ask("held", run.current().unwrap_or_default(), 0);
    }
    for (i, step) in run.steps.iter().enumerate() {
        if step.wants_cosignature().is_some() {
            ask("sign", i, step.answers.len() as i64);
        }
    }
    all
}

fn question(room: Room, run: Followed<Run>, id: &RunId, named: &str) -> El {
    let mut parts = named.split(' ');
    let kind = parts.next().unwrap_or_default();
    let index: usize = parts.next().and_then(|n| n.parse().ok()).unwrap_or_default();
    let Some(r) = run.get_untracked() else {
        return div();
    };
    let Some(step) = r.steps.get(index) else {
        return div();
    };
    let called = name(&r, index);
    let at = address(id);
    let form = |what: &str| Form::to(format!("{at}/answer"), format!("{what}-{id}-{index}"));
    let of = || hidden("step", index.to_string());
    let wait = step.wait.as_ref();
    let mut says: Vec<Node> = Vec::new();
    let (title, acts): (String, Vec<El>) = match (kind, wait.map(|w| &w.what)) {
        ("approve", Some(Wait::Approval { min, role, prevent_self })) => {
            says.push(approvers(run, index, *min, *role, *prevent_self).into());
            let barred = lacks(room, *role);
            let yes = form("approve");
            let alone = form("alone");
            let open = alone.was_refused();
            let body = vec![
                of(),
                yes.line("says", "Comment", ask("For the timeline")),
                div()
                    .class("acts")
                    .put(Button::new("Approve", Permission::View).main().adds("answer", "approve").barred(barred.clone()).view())
                    .put(Button::new("Decline", Permission::View).adds("answer", "decline").barred(barred).view()),
            ];
            let why = Ask {
                required: true,
                shortest: Some("10"),
                ..ask("What leaves no time; at least 10 characters")
            };
            let alone_body = vec![
                p().put("Goes on without the second person. Everybody sees it, and somebody else has to co-sign afterwards."),
                of(),
                hidden("answer", "break_glass"),
                alone.line("says", "Why can nobody be asked?", why),
                Button::new(format!("Run {called} without approval"), Permission::Command).class("btn danger").view(),
            ];
            let glass = menu("alone", "Break the glass …", Permission::Command, open, "btn", alone.view(alone_body));
            (format!("approve {called}"), vec![yes.view(body), glass])
        }
        ("confirm", Some(Wait::Confirm { text })) => {
            says.push(p().put("Type ").put(el("code").put(text.clone())).put(" to let it act.").into());
            let form = form("confirm");
            let body = vec![
                of(),
                hidden("answer", "confirm"),
                form.line("says", "What does it act on?", Ask { required: true, ..Ask::default() }),
                go("Confirm"),
            ];
            (format!("confirm {called}"), vec![form.view(body)])
        }
        ("manual", Some(Wait::Manual { instructions, evidence })) => {
            says.push(el("blockquote").put(instructions.clone()).into());
            let form = form("manual");
            let asked = evidence.clone();
            let hint = if asked.is_some() { "It is kept with the run" } else { "What you did or saw" };
            let body = vec![
                of(),
                asked.map_or_else(div, |what| p().put(el("b").put(what))),
                form.line("says", if evidence.is_some() { "Write it down" } else { "Comment" }, ask(hint)),
                div()
                    .class("acts")
                    .put(Button::new("Done", Permission::Respond).main().adds("answer", "done").view())
                    .put(Button::new("Could not be done", Permission::Respond).adds("answer", "failed").view()),
            ];
            (format!("do {called} by hand"), vec![form.view(body)])
        }
        ("go", _) => {
            let form = form("go");
            let body = vec![of(), hidden("answer", "go"), go("Go on")];
            (format!("let {called} begin"), vec![form.view(body)])
        }
        ("held", _) => {
            let form = Form::to(format!("{at}/continue"), format!("continue-{id}"));
            says.push(p().put("An operator paused it. What runs now runs to its end; nothing else starts.").into());
            ("continue the run".into(), vec![form.view(go("Continue"))])
        }
        ("sign", _) => {
            let broke = step.wants_cosignature();
            says.extend(broke.map(|said| Node::from(vec![
                p().put(format!("{} went on alone at {called} ", said.name)).put(when(said.at)),
                el("blockquote").put(said.says.clone()),
            ])));
            let form = form("sign");
            let body = vec![
                of(),
                hidden("answer", "co_sign"),
                form.line("says", "Comment", ask("What you make of it")),
                Button::new("Co-sign", Permission::View).main().barred(lacks(room, AccessRole::Commander)).view(),
            ];
            ("co-sign what was done alone".into(), vec![form.view(body)])
        }
        _ => {
            let because = r.paused.as_ref().map(|p| p.because.clone()).unwrap_or_default();
            says.push(p().put(format!("{called} ended so: {because}. Look at its output, then decide.")).into());
            ("decide how to go on".into(), decide(&r, id, index))
        }
    };
    let until = wait.and_then(|w| w.until).map(|until| {
        p().class("small").put("Waits until ").put(when(until))
    });
    let because = Some(&step.because).filter(|b| !b.is_empty() && wait.is_some());
    section()
        .class(if kind == "sign" { "asks signs" } else { "asks" })
        .put(h2().put(icon("person")).put(span().put("Needs a person: ").put(title)))
        .all(says)
        .put(because.map(|b| p().class("small").put(format!("Runs because {b}"))))
        .put(until)
        .put(div().class("answer").all(acts))
}

fn ask(hint: &'static str) -> Ask {
    Ask {
        hint,
        most: Some("2000"),
        ..Ask::default()
    }
}

fn go(says: &'static str) -> El {
    Button::new(says, Permission::Command).main().view()
}

/// Why the reader's word does not count here.
fn lacks(room: Room, role: AccessRole) -> Option<String> {
    let has = room.page().who.role;
    let counts = has == role || has == AccessRole::Admin;
    (!counts).then(|| format!("Needs the role {}; you are {}.", role.name(), has.name()))
}

/// Whose approval counts, and who gave it.
fn approvers(run: Followed<Run>, step: usize, min: u32, role: AccessRole, not_self: bool) -> El {
    let says = text(move || {
        run.with(|r| {
            let Some(r) = r else { return String::new() };
            let mut says = words::wait(&Wait::Approval { min, role, prevent_self: not_self });
            says.insert_str(0, "It waits ");
            if not_self {
                says.push_str(", but not of whoever started it: ");
                says.push_str(&r.started_by);
            }
            says.push('.');
            for said in r.steps.get(step).map_or(&[][..], |s| s.current_answers()) {
                if said.answer == Answer::Approve {
                    says.push_str(&format!(" {} approved.", said.name));
                }
            }
            says
        })
    });
    p().put(says)
}

/// A step failed and nothing in the plan answers that: what may be done.
fn decide(run: &Run, id: &RunId, index: usize) -> Vec<El> {
    let at = address(id);
    let retry = Form::to(format!("{at}/retry"), format!("retry-{id}")).view(go("Retry the step"));
    let skip = Button::new("Skip this step", Permission::Command).main();
    let done = Button::new("Mark this step done", Permission::Command).main();
    let mut all = vec![retry];
    if run.runbook.step(index).is_some_and(|s| !s.forced.is_empty()) {
        let form = Form::to(format!("{at}/retry"), format!("force-{id}"));
        let button = Button::new("Force from here on", Permission::Command).class("btn danger");
        let body = vec![
            p().put("Runs the forced variant of this step and of every later one that has one: what they check otherwise is not checked."),
            hidden("forced", "true"),
            button.view(),
        ];
        let open = form.was_refused();
        all.push(menu("force", "Retry forced …", Permission::Command, open, "btn", form.view(body)));
    }
    all.push(reasoned(id, "skip", "Skip …", "What makes it safe to go on without it", true, Vec::new(), skip));
    all.push(reasoned(id, "done", "Mark done …", "How you know that it is done", true, Vec::new(), done));
    let steps = run.runbook.steps.iter().enumerate();
    let form = Form::to(format!("{at}/from"), format!("from-{id}"));
    let choice = form.choose("step", "From which step?", steps.map(|(i, s)| (i.to_string(), format!("{}. {}", i + 1, s.name))));
    let from = Button::new("Go on from there", Permission::Command).main();
    all.push(reasoned(id, "from", "Go on from …", "What makes that the right place", true, vec![choice], from));
    all
}

/// A panel that asks why.
fn reasoned(
    id: &RunId,
    verb: &'static str,
    label: impl Into<Node>,
    hint: &'static str,
    required: bool,
    mut body: Vec<El>,
    button: Button,
) -> El {
    let form = Form::to(format!("{}/{verb}", address(id)), format!("{verb}-{id}"));
    let open = form.was_refused();
    let ask = Ask {
        hint,
        required,
        most: Some("500"),
        ..Ask::default()
    };
    body.push(form.line("reason", "Why?", ask));
    body.push(button.view());
    menu(verb, label, Permission::Command, open, "btn", form.view(body))
}

/// Nobody is needed: what it does, or what it came to.
fn calm(run: &Run) -> Option<El> {
    if run.waits_for_a_person() || run.status == RunStatus::PausedByOperator {
        return None;
    }
    let line = p().class("calm").put(status(run));
    if run.is_over() {
        let mut says = super::progress(run);
        says.replace_range(..1, &says[..1].to_uppercase());
        return Some(p().class("calm").put(crate::parts::state(words::run_icon(run.status), says)).put(" Nothing is left to do here."));
    }
    if let Some((lock, holder, by)) = lock(run) {
        let holder = link(address(holder), by.to_owned());
        return Some(line.put(format!("{lock} is held by ")).put(holder).put(". It goes on by itself once that lets go."));
    }
    let mut says = String::from(match run.status {
        RunStatus::Cancelling => "It ends what runs and then tidies up.",
        _ => "Nothing to do: Muster is working.",
    });
    if let Some(next) = next(run) {
        says.push_str(" Next: ");
        says.push_str(&name(run, next));
        if let Some(when) = run.runbook.step(next).and_then(|s| s.condition.as_ref()) {
            says.push_str(", only if ");
            says.push_str(when.name());
        }
        says.push('.');
    }
    Some(line.put(says))
}

/// Pausing and stopping. Asked to stop a second time, it does not even tidy up.
fn controls(run: Followed<Run>, id: &RunId) -> El {
    let title = name_of(run);
    let hold = Form::to(format!("{}/hold", address(id)), format!("hold-{id}"))
        .view(Button::new("Pause", Permission::Command).view());
    let stopping = move || run.with(|r| r.is_some_and(|r| r.status == RunStatus::Cancelling));
    let label = text(move || if stopping() { "Stop without tidying up …" } else { "Stop …" }.to_owned());
    let stop = Button::new(format!("Stop {title}"), Permission::Command).class("btn danger");
    let moves = move || run.with(|r| r.is_some_and(|r| matches!(r.status, RunStatus::Running | RunStatus::Waiting)));
    let over = move || run.with(|r| r.is_none_or(|r| r.is_over() || r.abandoned));
    div()
        .class("acts controls")
        .hide(over)
        .put(div().class("flat").hide(move || !moves()).put(hold))
        .put(reasoned(id, "cancel", label, "For the timeline", false, Vec::new(), stop))
}

fn name_of(run: Followed<Run>) -> String {
    run.with_untracked(|r| r.map_or_else(String::new, |r| r.runbook.name.clone()))
}

/// A run that is not over, on an incident's page: where it stands, its steps, the last lines it said, what may be done.
pub fn following(room: Room, id: RunId) -> El {
    let at = address(&id);
    let run = room.follow_run(&id);
    let head = live(move || {
        run.get().map(|run| -> Node {
            let name = el("b").put(run.runbook.name.clone());
            let by = dim(format!("started by {} ", run.started_by)).put(when(run.started_at));
            vec![Some(name), mode(&run), Some(by)].into()
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
        .put(stand(room, id))
        .put(list)
        .put(tail)
}
