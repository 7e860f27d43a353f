//! The plan's runbooks: what each answers, whether it is known to work, and the button.

use super::start;
use crate::{
    facts,
    node::{El, div, el, li, p, span, ul},
    page::{Page, Proof},
    pages::head,
    parts::{card, count, link, menu, run, state, timeline},
    room::{Room, needs},
};
use domain::{
    Mode, Permission, Run, Slug,
    plan::Runbook,
    words::{Icon, run_icon},
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
                .put(div().class("small dim").put(answers))
                .put(
                    div()
                        .class("small dim marks")
                        .put(span().class("keep").put(count(runbook.steps.len(), "step")))
                        .put(proof(&room.page(), &runbook.slug)),
                ),
        )
        .put(start(room, runbook))
}

/// Starting it from the list: with one press where it asks nothing, else on its own page.
fn start(room: Room, runbook: &Runbook) -> El {
    if let Some(run) = going(room, runbook) {
        return link(
            run::address(&run.id),
            state(run_icon(run.status), "running"),
        )
        .class("btn small");
    }
    let may = needs(room.page().who.role, Permission::Command).is_none();
    if facts::asks(runbook) && may {
        return link(format!("/runbooks/{}#start", runbook.slug), "Run …").class("btn small");
    }
    let form = start::Start::of(room, runbook, None);
    let body = vec![
        p().put(el("b").put(format!("Run {}", runbook.name))),
        form.incidents(),
        form.modes(),
        form.button(),
    ];
    menu(
        "run",
        "Run …",
        Permission::Command,
        form.was_refused(),
        "btn small",
        form.view(body),
    )
}

/// The run of it that is not over.
pub fn going(room: Room, runbook: &Runbook) -> Option<Arc<Run>> {
    room.world.with_untracked(|w| {
        w.runs
            .values()
            .find(|r| !r.is_over() && r.runbook.slug == runbook.slug)
            .cloned()
    })
}

/// Whether what stands in the plan was ever seen to work.
pub fn proof(page: &Page, slug: &Slug) -> Option<El> {
    let ago = |at: domain::Stamp| facts::words(page.now.since(at));
    let (shape, says) = match *page.proof.get(slug)? {
        Proof::Worked {
            at,
            mode,
            exceptions,
        } => {
            let by = match mode {
                Mode::Drill => "a drill",
                _ => "a real run",
            };
            let (shape, but) = match exceptions {
                false => (Icon::Ok, ""),
                true => (Icon::Warn, " with exceptions"),
            };
            (shape, format!("verified{but} {} ago by {by}", ago(at)))
        }
        Proof::Edited { worked } => (
            Icon::None,
            format!(
                "unverified: edited since the last success {} ago",
                ago(worked)
            ),
        ),
        Proof::Failed => (Icon::None, "unverified: it has not ended well yet".into()),
        Proof::Never => (Icon::None, "unverified: never run".into()),
    };
    Some(state(shape, says))
}
