//! Whom to call. Primary before Secondary; a tap calls or writes.

use crate::{
    node::{El, Node, div, el, li, p, ul},
    pages::head,
    parts::{card, cell, dim, link, stack, tel, timeline},
    room::Room,
};
use domain::plan::{Contact, Escalation, ExternalSupport, Priority};

pub fn page(room: Room) -> Vec<El> {
    let page = room.page();
    let directory = &page.plan.contacts;
    let group = |title: &'static str, escalation: Escalation| {
        let of: Vec<_> = directory
            .emergency
            .iter()
            .filter(|c| c.escalation == escalation)
            .map(person)
            .collect();
        (!of.is_empty()).then(|| card(title, (), ul().class("people-list").all(of)))
    };
    let mut external: Vec<_> = directory.external.iter().collect();
    external.sort_by_key(|e| e.priority);
    let support = (!external.is_empty()).then(|| {
        card(
            "External support",
            (),
            stack(
                &["Service", "Contact", "Account", "Priority"],
                external.into_iter().map(support).collect::<Vec<_>>(),
            ),
        )
    });
    let none = directory.emergency.is_empty().then(|| {
        p().class("dim")
            .put("The plan names nobody yet: fill in ")
            .put(el("code").put("contacts.yaml"))
            .put(".")
    });
    let people = div()
        .class("col")
        .put(none)
        .put(group("Primary · call first", Escalation::Primary))
        .put(group(
            "Secondary · call when no primary answers",
            Escalation::Secondary,
        ));
    vec![
        head("Contacts", timeline::filter("main"), ()),
        div()
            .class("halves")
            .put(people)
            .put(div().class("col").put(support)),
    ]
}

fn person(c: &Contact) -> El {
    let zone = c
        .timezone
        .clone()
        .map(|zone| dim(zone.clone()).set("data-zone", zone));
    let about = div()
        .class("grow")
        .put(el("b").put(c.name.clone()))
        .put(div().class("small dim").put(c.role.clone()))
        .put(zone);
    let reach = div()
        .class("reach")
        .put(tel(&c.phone))
        .put(link(format!("mailto:{}", c.email), c.email.clone()));
    li().set("data-row", true).put(about).put(reach)
}

fn support(e: &ExternalSupport) -> El {
    let priority = match e.priority {
        Priority::P1 => "P1",
        Priority::P2 => "P2",
        Priority::P3 => "P3",
    };
    let contact: Node = if e.contact.contains('@') {
        link(format!("mailto:{}", e.contact), e.contact.clone()).into()
    } else if e.contact.starts_with("https://") {
        link(e.contact.clone(), e.contact.clone())
            .set("rel", "noreferrer")
            .into()
    } else {
        e.contact.clone().into()
    };
    el("tr")
        .set("data-row", true)
        .put(cell("Service", e.service.clone()))
        .put(cell("Contact", contact))
        .put(cell("Account", el("code").put(e.account.clone())))
        .put(cell("Priority", priority))
}
