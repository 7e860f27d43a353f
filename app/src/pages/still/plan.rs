//! The plan in force, as it was written: what a team decided in calm hours.

use super::comms;
use super::schedule;
use crate::{
    node::{El, Node, div, el, h3, li, ol, p, span, tr, ul},
    pages::head,
    parts::{card, cell, dim, line, link, severity, stack, when},
    room::Room,
};
use domain::plan::{
    Contact, DataObjective, Location, MatrixRow, Plan, Scenario, Schedule, SeverityPolicy, Tier,
};
use leptos::prelude::*;

pub fn page(room: Room) -> Vec<El> {
    let page = room.page();
    let plan = &page.plan;
    let about = &plan.about;
    let revision = p().class("dim about");
    let revision = match room.world.with_untracked(|w| w.plan.clone()) {
        Some(plan) => {
            let hash = el("code")
                .set("title", plan.hash.to_string())
                .put(domain::words::short(plan.hash.as_str()).to_owned());
            revision
                .put("revision ")
                .put(hash)
                .put(" in force since ")
                .put(when(plan.since))
        }
        None => revision.put("no plan is loaded yet"),
    };
    let facts = [
        about.organization.clone(),
        format!("version {}", about.version),
        format!("last updated {}", about.last_updated),
        format!("reviewed {}", about.review_cycle.to_lowercase()),
        format!("owner {}", about.owner),
    ];
    let left = [
        severities(plan),
        matrix(plan),
        scenarios(plan),
        schedules(plan),
    ];
    let right = [
        objectives(plan),
        contacts(plan),
        checklist(plan),
        appendices(plan),
    ];
    vec![
        head(about.name.clone(), revision, ()),
        div()
            .put(p().put(about.summary.clone()))
            .put(p().class("small dim").put(facts.join(" · "))),
        div()
            .class("two")
            .put(div().class("col").all(left))
            .put(div().class("col").all(right)),
    ]
}

fn rows<T>(all: &[T], one: impl FnMut(&T) -> El) -> Vec<El> {
    all.iter().map(one).collect()
}

fn objectives(plan: &Plan) -> El {
    let tier = |t: &Tier| line(t.name.clone(), el("b").put(t.within.words()));
    let data = |o: &DataObjective| {
        let how = (!o.how.is_empty()).then(|| dim(format!(" {}", o.how)));
        let limit = if o.within.as_secs() == 0 {
            "nothing".to_owned()
        } else {
            o.within.words()
        };
        line(
            vec![Node::from(o.name.clone()), how.into()],
            el("b").put(limit),
        )
    };
    let body = vec![
        h3().put("Back within (RTO)"),
        ul().class("plain").all(rows(&plan.objectives.rto, tier)),
        h3().put("Lost at most (RPO)"),
        ul().class("plain").all(rows(&plan.objectives.rpo, data)),
    ];
    card("Objectives", (), body)
}

fn severities(plan: &Plan) -> El {
    let one = |s: &SeverityPolicy| {
        tr().put(cell("Severity", severity(plan, s.id)))
            .put(cell("Means", s.description.clone()).class("wide"))
            .put(cell("First word", format!("within {}", s.first_update.words())).class("keep"))
            .put(cell("Then", format!("every {}", s.update_every.words())).class("keep"))
    };
    card(
        "Severities",
        "the public word",
        stack(
            &["Severity", "Means", "First word", "Then"],
            rows(&plan.communication.severities, one),
        ),
    )
}

fn matrix(plan: &Plan) -> El {
    let one = |row: &MatrixRow| {
        let (who, how) = comms::who_and_how(plan, row);
        let people = comms::everybody(plan, row)
            .into_iter()
            .map(|c| c.name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        tr().put(cell("Severity", severity(plan, row.severity)))
            .put(
                cell("Who", who)
                    .class("wide")
                    .put(div().class("small dim").put(people)),
            )
            .put(cell("How", how))
            .put(cell("Within", row.within.words()).class("keep"))
    };
    card(
        "Communication matrix",
        link("/matrix", "whether it works, and how it was kept"),
        stack(
            &["Severity", "Who", "How", "Within"],
            rows(&plan.communication.matrix, one),
        ),
    )
    .set("id", "matrix")
}

fn scenarios(plan: &Plan) -> El {
    let one = |s: &Scenario| {
        let runbook = plan
            .runbook(&s.runbook)
            .map_or_else(|| s.runbook.to_string(), |r| r.name.clone());
        let about = [&s.category, &s.impact, &s.detection]
            .into_iter()
            .filter(|t| !t.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join(" · ");
        tr().put(
            cell("Scenario", el("b").put(s.name.clone()))
                .class("wide")
                .put(div().class("small dim").put(about)),
        )
        .put(cell(
            "Runbook",
            link(format!("/runbooks/{}", s.runbook), runbook),
        ))
    };
    card(
        "Scenarios",
        (),
        stack(&["Scenario", "Runbook"], rows(&plan.scenarios, one)),
    )
}

fn schedules(plan: &Plan) -> El {
    let one = |s: &Schedule| {
        let does: Vec<Node> = match &s.runbook {
            Some(slug) => vec![
                link(
                    format!("/runbooks/{slug}"),
                    plan.runbook(slug)
                        .map_or_else(|| slug.to_string(), |r| r.name.clone()),
                )
                .into(),
            ],
            None => s
                .commands
                .iter()
                .map(|c| el("code").put(c.display()).into())
                .collect(),
        };
        tr().put(
            cell("What", s.name.clone())
                .class("wide")
                .put(div().class("small").all(does)),
        )
        .put(cell("When", schedule::words(s)))
    };
    card(
        "Schedules",
        (),
        stack(&["What", "When"], rows(&plan.schedules, one)),
    )
    .set("id", "schedules")
}

fn checklist(plan: &Plan) -> El {
    let list = |title: &'static str, items: &[String]| {
        let lines = || {
            ol().class("numbered")
                .all(items.iter().map(|i| li().put(i.clone())))
        };
        (!items.is_empty()).then(|| Node::from(vec![h3().put(title), lines()]))
    };
    let documents = &plan.checklist.documentation;
    let commands = || {
        ul().class("commands").all(
            documents
                .iter()
                .map(|c| li().put(el("code").put(c.display()))),
        )
    };
    let body = vec![
        list("In the emergency", &plan.checklist.emergency),
        list("Right after", &plan.checklist.immediate_actions),
        list("In the days after", &plan.checklist.follow_up_actions),
        (!documents.is_empty()).then(|| Node::from(vec![h3().put("Documents"), commands()])),
    ];
    card("Checklist", (), body)
}

/// Where people stand in the plan: what is changed there is in force as soon as it is saved.
fn contacts(plan: &Plan) -> El {
    let one = |(n, c): (usize, &Contact)| {
        let about = vec![
            Node::from(c.name.clone()),
            dim(format!(" {}", c.role)).into(),
        ];
        line(about, el("code").put(format!("emergency, entry {}", n + 1)))
    };
    let says = p()
        .class("small dim")
        .put("Changed in ")
        .put(el("code").put("contacts.yaml"))
        .put(" of the plan's folder, who is on call in ")
        .put(el("code").put("rotations.yaml"))
        .put("; in force seconds after it is saved without a mistake.");
    let list = ul()
        .class("plain")
        .all(plan.contacts.emergency.iter().enumerate().map(one));
    card(
        "Contacts",
        link("/contacts", "whether they are reached"),
        vec![says, list],
    )
    .set("id", "contacts")
}

fn appendices(plan: &Plan) -> El {
    let one = |l: &Location| {
        let at = if l.at.starts_with("https://") {
            link(l.at.clone(), l.at.clone()).set("rel", "noreferrer")
        } else {
            el("code").put(l.at.clone())
        };
        li().put(span().class("order").put(l.name.clone()))
            .put(div().class("grow").put(at))
    };
    let list = |title: &'static str, items: &[Location]| {
        (!items.is_empty()).then(|| {
            Node::from(vec![
                h3().put(title),
                ul().class("plain").all(items.iter().map(one)),
            ])
        })
    };
    let body = vec![
        list("Recovery scripts", &plan.appendices.recovery_scripts),
        list("Backups", &plan.appendices.backups),
        list("Documentation", &plan.appendices.documentation),
    ];
    card("Where things are", (), body)
}
