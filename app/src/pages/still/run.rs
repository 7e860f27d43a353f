//! What a run was given when it started: that does not change any more.

use crate::{
    node::{El, Node, el, ul},
    parts::{card, dim, incidents, line, link, run, when},
    room::Room,
};
use domain::{Mode, Run, RunId, words::short};
use leptos::prelude::*;

pub fn given(room: Room, id: &RunId) -> Option<El> {
    let r = room.world.with_untracked(|w| w.runs.get(id).cloned())?;
    let mut lines = vec![
        line("Started by", Node::from(vec![
            Node::from(format!("{} ", r.started_by)),
            when(r.started_at).into(),
        ])),
        line("How", how(&r)),
    ];
    if let Some(number) = &r.incident {
        lines.push(line("For", link(incidents::address(number), number.to_string())));
    }
    if let Some(parent) = &r.parent {
        let up = room.world.with_untracked(|w| w.runs.get(&parent.run).cloned());
        let step = up.as_ref().and_then(|up| {
            let step = up.runbook.step(parent.step as usize)?;
            Some(format!("{} of {}", step.name, up.runbook.name))
        });
        let says = step.unwrap_or_else(|| format!("step {} of another run", parent.step + 1));
        lines.push(line("Is the step", link(run::address(&parent.run), says)));
    }
    let revision = match r.runbook.revision.as_str() {
        "" => String::new(),
        revision => format!(", revision {revision}"),
    };
    lines.push(line("Runbook", Node::from(vec![
        Node::from(link(format!("/runbooks/{}", r.runbook.slug), r.runbook.slug.to_string())),
        Node::from(dim(format!("{revision}, frozen when it started"))),
    ])));
    lines.push(line("Plan", link("/plan", short(r.plan.as_str()).to_owned())));
    let parameter = |(name, value): (&String, &String)| {
        let says = r.runbook.parameter(name).map(|p| p.description.clone()).filter(|d| !d.is_empty());
        line(
            Node::from(vec![Node::from(el("code").put(name.clone())), Node::from(says.map(|s| dim(format!(" {s}"))))]),
            el("code").put(value.clone()),
        )
    };
    let parameters: Vec<_> = r.parameters.iter().map(parameter).collect();
    let mut body = vec![ul().class("plain facts").all(lines)];
    if !parameters.is_empty() {
        body.push(el("h3").put("Parameters"));
        body.push(ul().class("plain facts").all(parameters));
    }
    Some(card("What it was given", (), body))
}

fn how(r: &Run) -> String {
    let mut says = String::from(match r.mode {
        Mode::Real => "for real",
        Mode::Drill => "as a drill",
        Mode::DryRun => "as a dry run",
    });
    if r.stepwise {
        says.push_str(", step by step");
    }
    if r.forced {
        says.push_str(", forced");
    }
    says
}
