//! Whom to call. Primary before Secondary; a tap calls or writes.

use crate::{
    parts::{card, either, tel},
    room::Room,
};
use domain::plan::{Contact, Escalation, ExternalSupport, Priority};
use leptos::prelude::*;

pub fn page(room: Room) -> AnyView {
    let page = room.page();
    let directory = &page.plan.contacts;
    let of = |escalation: Escalation| directory.emergency.iter().filter(|c| c.escalation == escalation).map(person).collect_view();
    let has = |escalation: Escalation| directory.emergency.iter().any(|c| c.escalation == escalation);
    let mut external: Vec<_> = directory.external.iter().collect();
    external.sort_by_key(|e| e.priority);
    let group = |title: &'static str, escalation: Escalation| has(escalation).then(|| card(title, (), view! { <ul class="people-list" data-list="">{of(escalation)}</ul> }));
    let empty = directory.emergency.is_empty();
    view! {
        <div class="head"><h1>"Contacts"</h1>
            <label class="needs-script find"><span class="vh">"Filter the contacts"</span><input type="search" placeholder="Filter  /" autocomplete="off" data-filter="main"/></label>
        </div>
        {either(empty, || view! { <p class="dim">"The plan names nobody yet: fill in "<code>"contacts.yaml"</code>"."</p> }, || ())}
        {group("Primary · call first", Escalation::Primary)}
        {group("Secondary · call when no primary answers", Escalation::Secondary)}
        {either(external.is_empty(), || (), || card("External support", (), view! {
            <table class="stack">
                <thead><tr><th>"Service"</th><th>"Contact"</th><th>"Account"</th><th>"Priority"</th></tr></thead>
                <tbody>{external.into_iter().map(support).collect_view()}</tbody>
            </table>
        }))}
    }
    .into_any()
}

fn person(c: &Contact) -> AnyView {
    let zone = c.timezone.clone().map(|zone| view! { <span class="small dim" data-zone=zone.clone()>{zone.clone()}</span> });
    view! {
        <li data-row="">
            <div class="grow"><b>{c.name.clone()}</b><div class="small dim">{c.role.clone()}</div>{zone}</div>
            <div class="reach">{tel(&c.phone)}<a href=format!("mailto:{}", c.email)>{c.email.clone()}</a></div>
        </li>
    }
    .into_any()
}

fn support(e: &ExternalSupport) -> AnyView {
    let priority = match e.priority {
        Priority::P1 => "P1",
        Priority::P2 => "P2",
        Priority::P3 => "P3",
    };
    let contact = if e.contact.contains('@') {
        view! { <a href=format!("mailto:{}", e.contact)>{e.contact.clone()}</a> }.into_any()
    } else if e.contact.starts_with("https://") {
        view! { <a href=e.contact.clone() rel="noreferrer">{e.contact.clone()}</a> }.into_any()
    } else {
        e.contact.clone().into_any()
    };
    view! {
        <tr data-row="">
            <td data-label="Service">{e.service.clone()}</td>
            <td data-label="Contact">{contact}</td>
            <td data-label="Account"><code>{e.account.clone()}</code></td>
            <td data-label="Priority">{priority}</td>
        </tr>
    }
    .into_any()
}
