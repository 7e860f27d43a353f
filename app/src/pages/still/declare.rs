//! Declaring: three questions, with what the failing checks suggest filled in already.

use crate::{
    parts::{Ask, Button, Form, comms, either, severity, state, tel},
    room::{Room, needs},
};
use domain::{Health, Permission, ServiceId, Severity, plan::Service, words::health_icon};
use leptos::prelude::*;

pub fn page(room: Room, title: &str, affected: &[ServiceId]) -> AnyView {
    let page = room.page();
    if let Some(why) = needs(page.who.role, Permission::Respond) {
        return view! { <div class="head"><h1>"Declare an incident"</h1></div><section class="card lone"><div class="body"><p>{why}</p></div></section> }.into_any();
    }
    let form = Form::to("/incidents", "declare");
    let failing: Vec<ServiceId> = match affected {
        [] => page.plan.services.iter().filter(|s| room.world.with_untracked(|w| w.health(&s.id)) == Health::MajorOutage).map(|s| s.id.clone()).collect(),
        named => named.to_vec(),
    };
    let what = Ask { hint: "Orders are failing", required: true, most: Some("200"), value: Some(title.to_owned()).filter(|t| !t.is_empty()), ..Ask::default() };
    let body = view! {
        {form.line("title", "What is happening?", what)}
        {severities(room, &form, &failing)}
        {services(room, &form, &failing)}
        {rest(&form)}
        {plans(room)}
        <div class="acts end">{Button::new("Declare the incident", Permission::Respond).class("btn danger big").view()}<a class="btn quiet" href="/">"Not now"</a></div>
    };
    view! {
        <div class="head"><h1>"Declare an incident"</h1><p class="dim">"In doubt, declare: it can be lowered or resolved in a minute."</p></div>
        <section class="card lone"><div class="body">{form.view("declare", body.into_any())}</div></section>
    }
    .into_any()
}

/// The likeliest severity is chosen: the gravest where a service of the strictest tier is down.
fn suggestion(room: Room, failing: &[ServiceId]) -> Option<Severity> {
    let page = room.page();
    let strictest = page.plan.objectives.rto.iter().min_by_key(|t| t.within)?;
    let down = failing.iter().filter(|id| room.world.with_untracked(|w| w.health(id)) == Health::MajorOutage);
    let tiers: Vec<_> = down.filter_map(|id| page.plan.service(id)).map(|s| s.tier == strictest.id).collect();
    match tiers.as_slice() {
        [] => None,
        tiers if tiers.contains(&true) => Some(Severity::Sev1),
        _ => Some(Severity::Sev2),
    }
}

fn severities(room: Room, form: &Form, failing: &[ServiceId]) -> AnyView {
    let page = room.page();
    let chosen = form.typed("severity").or(suggestion(room, failing).map(|s| s.id().to_owned()));
    let one = |s: Severity| {
        let policy = page.plan.communication.severity(s);
        let cadence = policy.map(|p| format!("first word within {}, then every {}", p.first_update.words(), p.update_every.words()));
        view! {
            <label class="choice wide"><input type="radio" name="severity" value=s.id() required checked=chosen.as_deref() == Some(s.id()) autocomplete="off"/>
                <span>{severity(&page.plan, s)}<span>{policy.map(|p| p.description.clone())}</span><span class="small dim">{cadence}</span></span></label>
        }
    };
    view! {
        <fieldset class="choices"><legend>"How grave is it?"</legend>{Severity::ALL.map(one).into_iter().collect_view()}</fieldset>
        {form.sentence(Some("severity"))}
    }
    .into_any()
}

fn services(room: Room, form: &Form, failing: &[ServiceId]) -> AnyView {
    let page = room.page();
    let chosen: Vec<String> = match form.typed_all("affected") {
        Some(typed) => typed.into_iter().map(str::to_owned).collect(),
        None => failing.iter().map(|s| s.as_str().to_owned()).collect(),
    };
    let mut order: Vec<&Service> = page.plan.services.iter().collect();
    order.sort_by_key(|s| (!chosen.iter().any(|c| c == s.id.as_str()), std::cmp::Reverse(room.world.with_untracked(|w| w.health(&s.id)).rank())));
    let one = |s: &&Service| {
        let health = room.world.with_untracked(|w| w.health(&s.id));
        view! {
            <label class="choice"><input type="checkbox" name="affected" value=s.id.to_string() checked=chosen.iter().any(|c| c == s.id.as_str()) autocomplete="off"/>
                <span>{s.name.clone()}{state(health_icon(health), health.words())}</span></label>
        }
    };
    view! {
        <fieldset class="choices grid"><legend>"What is affected?"</legend>{order.iter().map(one).collect_view()}</fieldset>
        {form.sentence(Some("affected"))}
    }
    .into_any()
}

/// What is rarely asked: folded away.
fn rest(form: &Form) -> AnyView {
    let kind = form.typed("kind").unwrap_or_else(|| "real".into());
    let public = form.typed_all("public").map_or(true, |typed| !typed.is_empty());
    let open = form.was_refused();
    let one = |id: &'static str, label: &'static str, says: &'static str| {
        view! { <label class="choice wide"><input type="radio" name="kind" value=id checked=kind == id autocomplete="off"/><span>{label}<span class="small dim">{says}</span></span></label> }
    };
    view! {
        <details class="rest" open=open>
            <summary>"More: a drill, not public, or written down afterwards"</summary>
            <fieldset class="choices"><legend>"Kind"</legend>
                {one("real", "Real", "It is happening now.")}
                {one("drill", "Drill", "Practice. Never on the public status page: take the mark below away.")}
                {one("backfilled", "Backfilled", "It happened before; say when.")}
            </fieldset>
            {form.sentence(Some("kind"))}
            <label class="choice"><input type="checkbox" name="public" value="on" checked=public autocomplete="off"/><span>"Show it on the public status page"</span></label>
            {form.sentence(Some("public"))}
            {form.line("occurred_at", "When it happened, in UTC (backfilled only)", Ask { hint: "2026-11-22T14:02:11Z", most: Some("40"), ..Ask::default() })}
        </details>
    }
    .into_any()
}

/// What the communication matrix asks for, for the severity that is chosen: the style sheet shows the one.
fn plans(room: Room) -> AnyView {
    let page = room.page();
    let one = |s: Severity| {
        let row = page.plan.communication.row(s);
        let people = row.map(|r| comms::everybody(&page.plan, r)).unwrap_or_default();
        let call = people.iter().map(|c| view! { <li>{c.name.clone()}" "{tel(&c.phone)}" "<a href=format!("mailto:{}", c.email)>{c.email.clone()}</a></li> }).collect_view();
        view! {
            <div class="plan-line" data-severity=s.id()>
                <p><b>{comms::sentence(&page.plan, s)}</b></p>
                <p class="small">"Muster does not send yet. Contact them by hand:"</p>
                {either(people.is_empty(), || view! { <p class="small dim">"The plan names nobody."</p> }, || view! { <ul class="small">{call}</ul> })}
            </div>
        }
    };
    view! { <div class="plan-lines">{Severity::ALL.map(one).into_iter().collect_view()}</div> }.into_any()
}
