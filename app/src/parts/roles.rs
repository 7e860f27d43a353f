//! Who leads and who helps. An empty role is loud; each is filled, handed over and accepted on the spot.

use crate::{
    parts::{Ask, Button, Form, hidden, icon, live, menu},
    room::Room,
};
use domain::{IncidentRole, Number, Permission};
use leptos::prelude::*;

pub fn roles(room: Room, number: Number) -> AnyView {
    let one = |role: IncidentRole| card(room, number.clone(), role);
    view! { <section class="people" id="roles" aria-label="Command">{IncidentRole::ALL.map(one).into_iter().collect_view()}</section> }.into_any()
}

fn card(room: Room, number: Number, role: IncidentRole) -> AnyView {
    let incident = {
        let number = number.clone();
        Memo::new(move |_| room.incident(&number))
    };
    let holder = Memo::new(move |_| incident.with(|i| i.as_ref().and_then(|i| i.roles.get(&role).cloned())));
    let offer = Memo::new(move |_| incident.with(|i| i.as_ref().and_then(|i| i.offers.get(&role).cloned())));
    let open = Memo::new(move |_| incident.with(|i| i.as_ref().is_some_and(|i| i.is_open())));
    let loud = move || holder.with(Option::is_none) && open.get();
    let class = move || if loud() { "role empty" } else { "role" };
    let who = live(move || match (holder.get(), loud()) {
        (Some(name), _) => view! { <b>{name}</b> }.into_any(),
        (None, true) => view! { <b>{icon("bad")}"Nobody"</b> }.into_any(),
        (None, false) => view! { <b class="dim">"Nobody"</b> }.into_any(),
    });
    view! {
        <div class=class>
            <span>{role.words()}</span>
            {who}
            <div hidden=move || !open.get()>
                {accept(room, &number, role, offer)}
                {assign(&number, role, holder)}
            </div>
        </div>
    }
    .into_any()
}

/// Whoever was offered the role accepts it; everybody else sees who is waited for.
fn accept(room: Room, number: &Number, role: IncidentRole, offer: Memo<Option<String>>) -> AnyView {
    let me = room.page().who.name.clone();
    let mine = move || offer.with(|o| o.as_deref().is_some_and(|o| o.eq_ignore_ascii_case(&me)));
    let form = Form::to(format!("/incidents/{number}/roles"), format!("accept-{}", role.id()));
    let body = view! { {hidden("action", "accept")}{hidden("role", role.id())}{Button::new("Accept", Permission::Respond).class("btn main small").view()} };
    view! {
        <p class="small offer" hidden=move || offer.with(Option::is_none)>{move || offer.get().map(|to| format!("offered to {to}")).unwrap_or_default()}</p>
        <div hidden=move || !mine()>{form.view("", body.into_any())}</div>
    }
    .into_any()
}

fn assign(number: &Number, role: IncidentRole, holder: Memo<Option<String>>) -> AnyView {
    let form = Form::to(format!("/incidents/{number}/roles"), format!("role-{}", role.id()));
    let open = form.was_refused();
    let held = move || holder.with(Option::is_some);
    let ask = Ask { hint: "Name", required: true, most: Some("80"), list: Some("people"), ..Ask::default() };
    let body = view! {
        <p><b>{role.words()}</b></p>
        {hidden("role", role.id())}
        {form.line("person", "Who?", ask)}
        <div class="acts">
            <span hidden=move || !held()>{Button::new("Offer", Permission::Command).class("btn main").says("action", "hand_over").view()}</span>
            {Button::new("Assign now", Permission::Command).says("action", "assign").view()}
        </div>
        <p class="small dim" hidden=move || !held()>"Offered: it passes when they accept. Assigned: it passes at once, for somebody you speak with."</p>
    };
    let label = view! { <span>{move || if held() { "Hand over" } else { "Assign" }}</span> };
    menu(label.into_any(), "roles", Permission::Command, open, "btn small", form.view("", body.into_any()))
}

/// The names to choose from, once on a page.
pub fn people(room: Room) -> AnyView {
    let page = room.page();
    let mut names = vec![page.who.name.clone()];
    names.extend(page.plan.contacts.emergency.iter().map(|c| c.name.clone()).filter(|n| *n != page.who.name));
    view! { <datalist id="people">{names.into_iter().map(|n| view! { <option value=n></option> }).collect_view()}</datalist> }.into_any()
}
