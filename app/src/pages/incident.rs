//! An incident: the first screen answers what is broken, how long there is, who leads, what runs, and who must know.

mod header;
mod recovery;

use crate::{
    facts,
    node::{El, Node, div, el, live, p, ul},
    parts::{card, dim, line, roles, state, still, timeline, work},
    room::{Followed, Room, service_name},
};
use domain::{Incident, Kind, Number, ServiceId, words::Icon};
use leptos::prelude::*;

type Now = Followed<Incident>;

pub fn page(room: Room, number: Number) -> Vec<Node> {
    let incident = room.follow_incident(&number);
    let written = vec![
        div()
            .class("composer")
            .set("id", "composer")
            .html(still!(super::still::composer::composer(room, &number))),
        timeline::pinned(room, number.clone()),
        timeline::topics(),
        timeline::timeline(room, Some(number.clone())),
    ];
    let left = div()
        .class("col")
        .put(recovery::recovery(room, incident, &number))
        .put(card("Timeline", timeline::length(room), written));
    let right = div()
        .class("col")
        .put(card(
            "Who must know",
            (),
            div()
                .set("id", "matrix")
                .set("data-follow", true)
                .html(still!(drawn(
                    room,
                    incident,
                    super::still::comms::known::card
                ))),
        ))
        .put(card("Affected", (), live(move || affected(room, incident))))
        .put(card("Tasks", (), work::tasks(room, &number)))
        .put(card(
            "Checklist",
            work::checked(room, &number),
            work::checklist(room, &number),
        ));
    vec![
        ribbon(incident),
        header::header(room, incident, &number).into(),
        div()
            .set("id", "clocks")
            .set("data-follow", true)
            .html(still!(drawn(room, incident, super::still::clocks::clocks)))
            .into(),
        el("datalist")
            .set("id", "people")
            .html(still!(super::still::people(&room.page())))
            .into(),
        roles::roles(room, &number).into(),
        div().class("two").put(left).put(right).into(),
    ]
}

/// A part that the server draws.
#[cfg(feature = "ssr")]
fn drawn(room: Room, incident: Now, draw: fn(&crate::page::Page, &Incident) -> Vec<El>) -> Vec<El> {
    let of = |i: &Incident| draw(&room.page(), i);
    incident.with_untracked(|i| i.map(of).unwrap_or_default())
}

fn ribbon(incident: Now) -> Node {
    let (what, says) = match incident.with_untracked(|i| i.map(|i| i.kind)) {
        Some(Kind::Drill) => (
            "Drill",
            " This is practice. It never appears on the public status page.",
        ),
        Some(Kind::Backfilled) => ("Backfilled", " Written down after the fact."),
        _ => return Node::Nothing,
    };
    p().class("ribbon")
        .put(crate::node::el("b").put(what))
        .put(says)
        .into()
}

fn affected(room: Room, incident: Now) -> Option<El> {
    let incident = incident.get()?;
    if incident.affected.is_empty() {
        return Some(p().class("dim").put("No service was named."));
    }
    let page = room.page();
    let now = room.now.get();
    let one = |id: &ServiceId| {
        let service = page.plan.service(id);
        let (shape, word, evidence) = match service {
            Some(service) => {
                let t = room.world.with(|w| {
                    room.looks
                        .with(|l| facts::tile(&page.plan, w, l, now, service))
                });
                (t.icon, t.state, t.evidence)
            }
            None => (Icon::None, "Not in the plan any more", String::new()),
        };
        let within = service
            .and_then(|s| page.plan.tier(&s.tier))
            .map(|t| dim(format!(" back within {}", t.within.words())));
        let name = Node::from(service_name(&page.plan, id).to_owned());
        line(
            vec![
                name,
                within.into(),
                div().class("small dim").put(evidence).into(),
            ],
            state(shape, word),
        )
    };
    Some(
        ul().class("plain affected")
            .all(incident.affected.iter().map(one)),
    )
}
