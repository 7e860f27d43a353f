//! One failover: the plan's diagram with the present state lit, what the guards see, what may be done and why not, and
//! how it came to this.

mod acts;
mod diagram;

use crate::{
    node::{El, Node, div, el, li, p, span, ul},
    page::Page,
    pages::head,
    parts::{card, cell, dim, incidents, line, link, run, stack, state, when},
    room::{Room, service_name},
};
use domain::{
    ServiceId, World, asking,
    failover::{AUTOMATIC, Failover, Guard, Move, Sight, Signal},
    plan::Plan,
    words::{Icon, failover_icon},
};
use leptos::prelude::*;
use std::sync::Arc;

/// What every part of the page is drawn from.
struct Shown {
    page: Arc<Page>,
    world: World,
    service: ServiceId,
    now: Failover,
}

impl Shown {
    fn plan(&self) -> &Plan {
        &self.page.plan
    }

    fn sight(&self) -> Option<&Sight> {
        self.page.sight.as_deref()
    }

    /// Why a person cannot ask for this now.
    fn refusal(&self, signal: Signal, risk: &str) -> Option<String> {
        let asking = self.asking(signal)?;
        let asking = domain::failover::Asking { risk, ..asking };
        domain::failover::step(self.now.state, signal, &asking)
            .err()
            .map(|refusal| refusal.says)
    }

    fn asking(&self, signal: Signal) -> Option<domain::failover::Asking<'_>> {
        let (world, plan) = (&self.world, self.plan());
        asking(
            world,
            plan,
            &self.service,
            signal,
            self.sight(),
            self.page.now,
        )
    }
}

pub fn page(room: Room, service: &ServiceId) -> Vec<El> {
    let page = room.page();
    let world = room.world.get_untracked();
    let now = world.failover(service).map(|f| Failover::clone(f));
    let shown = Shown {
        now: now.unwrap_or_default(),
        service: service.clone(),
        page,
        world,
    };
    if shown.plan().failover(service).is_none() {
        return super::other::not_found(&format!("The plan has no failover of `{service}`."));
    }
    let name = service_name(shown.plan(), service);
    let mark = state(
        failover_icon(shown.now.state),
        sentence(shown.now.state.words()),
    );
    let left = div()
        .class("col")
        .put(stands(&shown))
        .put(acts::card(&shown))
        .put(history(&shown));
    let right = div()
        .class("col")
        .put(guards(&shown))
        .put(acts::lever(&shown));
    vec![
        head(format!("Failover: {name}"), mark, ()),
        card(
            "The plan's way",
            dim("section 4; times in UTC"),
            diagram::draw(
                &shown.now,
                shown.plan().failover(service).is_some_and(|f| f.automatic),
            ),
        ),
        div().class("two runbook").put(left).put(right),
    ]
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Where it stands, since when and why; and what is being done.
fn stands(shown: &Shown) -> El {
    let now = &shown.now;
    let since = now.since.map(|at| span().put("since ").put(when(at)));
    let because = match now.because.as_str() {
        "" => "nothing has happened yet",
        because => because,
    };
    let work = now.run.as_ref().map(|id| {
        let found = shown.world.runs.get(id);
        let name = found.map_or("The last run", |r| &r.runbook.name);
        line(
            link(run::address(id), name.to_owned()),
            found.map(|r| run::status(r)),
        )
    });
    let incident = (now.incident.as_ref()).map(|n| {
        line(
            link(incidents::address(n), n.to_string()),
            dim("its incident"),
        )
    });
    let list: Vec<El> = work.into_iter().chain(incident).collect();
    let body = div()
        .put(
            p().put(el("b").put(sentence(now.state.words())))
                .put(format!(": {because}")),
        )
        .put((!list.is_empty()).then(|| ul().class("plain").all(list)));
    card("Now", since, body)
}

/// What must hold before Muster fails over by itself, and what is seen of it.
fn guards(shown: &Shown) -> El {
    let Some(asking) = shown.asking(Signal::Automatic) else {
        return card("Guards", (), p().put("The plan has no such database."));
    };
    let one = |guard: &Guard| {
        let (icon, word, says) = match guard.ask(&asking) {
            Ok(says) => (Icon::Ok, "Holds", says),
            Err(says) => (Icon::Warn, "Refuses", says),
        };
        let about = vec![
            Node::from(guard.words()),
            div().class("small dim").put(says).into(),
        ];
        line(about, state(icon, word))
    };
    let seen = match shown.sight() {
        Some(sight) => span().put("looked at ").put(when(sight.at)),
        None => span().put("not looked at yet"),
    };
    card(
        "Before Muster acts by itself",
        seen,
        ul().class("plain").all(AUTOMATIC.iter().map(one)),
    )
}

fn history(shown: &Shown) -> El {
    let row = |m: &Move| {
        let way = format!("{} → {}", sentence(m.from.words()), m.to.words());
        let evidence = m.evidence.iter().map(|e| li().put(e.clone()));
        let why = div()
            .put(m.because.clone())
            .put((!m.evidence.is_empty()).then(|| ul().class("small dim").all(evidence)));
        crate::node::tr()
            .put(cell("When", when(m.at)))
            .put(cell("From where to where", way))
            .put(cell("Why", why))
            .put(cell("By", m.by.clone()))
    };
    let body: Node = match shown.now.moves.as_slice() {
        [] => p().class("dim").put("It has not moved yet.").into(),
        moves => stack(
            &["When", "From where to where", "Why", "By"],
            Node::from(moves.iter().rev().map(row).collect::<Vec<_>>()),
        )
        .into(),
    };
    card("How it came to this", (), body)
}
