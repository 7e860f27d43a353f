//! An update before it is posted: what was said last, what would be said now and to whom, and when the next is due.

use super::{composer, spoken};
use crate::{
    node::{El, Node, blockquote, div, el, p},
    page::{Page, Unposted},
    pages::head,
    parts::{card, dim, incidents, link, severity, state, when},
    room::Room,
};
use domain::{Incident, Number, notify::Cadence, words::Icon};

pub fn page(room: Room, number: &Number) -> Vec<El> {
    let page = room.page();
    let Some(incident) = room.incident(number) else {
        return super::other::not_found(&format!("There is no incident {number}."));
    };
    let about = p()
        .class("dim about")
        .put(link(incidents::address(number), number.to_string()))
        .put(format!(" {}", incident.title));
    let title = vec![
        Node::from(severity(&page.plan, incident.severity)),
        " An update".into(),
    ];
    let left = div().class("col").put(write(&page, &incident));
    let mut right = div().class("col");
    if let Some(draft) = &page.draft {
        right = right.put(goes_out(&page, &incident, draft));
    }
    vec![
        head(
            title,
            about,
            link(incidents::address(number), "To the incident").class("btn"),
        ),
        div()
            .class("two runbook")
            .put(left)
            .put(right.put(said(&page, &incident))),
    ]
}

fn write(page: &Page, incident: &Incident) -> El {
    let forms = composer::Forms::of(&incident.number);
    let drafted = match &page.draft {
        Some(draft) if draft.internal => "report",
        _ => "update",
    };
    let tabs = composer::tabs(
        forms.chosen(drafted),
        &[
            ("update", "Public update", ""),
            ("report", "CAN report", ""),
        ],
    );
    let panel = |id: &'static str, form: El| div().set("data-panel", id).put(form);
    let body = div()
        .class("composer")
        .put(tabs)
        .put(panel("update", forms.update(page, incident)))
        .put(panel("report", forms.report(page, incident)));
    card("Write", (), body)
}

/// Every message that would go out, word by word.
fn goes_out(page: &Page, incident: &Incident, draft: &Unposted) -> El {
    let public = incident.public && !draft.internal;
    let status = public.then(|| {
        div()
            .class("spoken")
            .put(
                p().put(el("b").put("The public status page"))
                    .put(dim(" at once")),
            )
            .put(
                blockquote()
                    .put(el("b").put(draft.phase.words()))
                    .put(div().put(draft.message.clone())),
            )
    });
    let inside = (!public).then(|| {
        let says = match (draft.internal, incident.public) {
            (true, _) => "Not on the public status page: this is for those who were told.",
            (false, true) => "",
            (false, false) => "Not on the public status page: this incident is not public.",
        };
        p().class("notice").put(says)
    });
    let nobody = page.told.said.is_empty().then(|| {
        p().put(state(
            Icon::None,
            "Nobody was told by Muster, so nobody hears of it by message",
        ))
    });
    let messages = page
        .told
        .said
        .iter()
        .map(|s| spoken::message(&page.plan, s));
    let next = page
        .plan
        .communication
        .severity(incident.severity)
        .and_then(|policy| match draft.internal {
            true => policy
                .internal_every
                .map(|every| (Cadence::Internal, every)),
            false => public.then_some((Cadence::Public, policy.update_every)),
        })
        .map(|(which, every)| {
            p().class("due")
                .put(format!("Posted now, the next {} is due ", which.words()))
                .put(when(page.now.plus(every)))
                .put(dim(format!(" (every {})", every.words())))
        });
    let body = div()
        .class("goes-out")
        .put(inside)
        .put(status)
        .all(messages)
        .put(nobody)
        .put(next);
    card("As it goes out", "nothing is posted yet", body)
}

fn said(page: &Page, incident: &Incident) -> El {
    // The public's word is also that of those at work, until there is a later one inside.
    let inside = incident.updates.last().is_some_and(|u| !u.public) && incident.public;
    let inside = inside.then(|| composer::last_said(page, incident, Cadence::Internal));
    let body = div()
        .set("id", "said")
        .set("data-follow", true)
        .put(composer::last_said(page, incident, Cadence::Public))
        .put(inside);
    card("Said last", (), body)
}
