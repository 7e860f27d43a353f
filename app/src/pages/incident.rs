//! An incident: the first screen answers what is broken, how long there is, who leads, what runs, and who must know.

use crate::{
    facts,
    parts::{Ask, Button, Clock, Form, card, clock, comms, composer, hidden, icon, live, menu, roles, run, severity, state, text, timeline, when, work},
    room::{Room, needs, service_name},
};
use domain::{Incident, Kind, Mode, Number, Permission, Severity, words::health_icon};
use leptos::prelude::*;
use std::sync::Arc;

type Now = Memo<Option<Arc<Incident>>>;

pub fn page(room: Room, number: Number) -> AnyView {
    let incident: Now = {
        let number = number.clone();
        Memo::new(move |_| room.incident(&number))
    };
    let n = || number.clone();
    view! {
        <main id="main" class="page incident" tabindex="-1">
            {ribbon(incident)}
            <div class="head">
                {live(move || incident.with(|i| i.as_ref().map(|i| severity(&room.page().plan, i.severity))).into_any())}
                <h1>{text(move || incident.with(|i| i.as_ref().map(|i| i.title.clone()).unwrap_or_default()))}</h1>
                {live(move || about(room, incident))}
                {actions(room, incident, n())}
            </div>
            {live(move || clocks(room, incident))}
            {roles::people(room)}
            {roles::roles(room, n())}
            <div class="two">
                <div class="col">
                    {recovery(room, incident, n())}
                    {card("Timeline", view! { <span>{text(move || format!("{} events", room.timeline.with(Vec::len)))}</span> }, view! {
                        {composer::composer(room, n())}
                        {timeline::pinned(room, n())}
                        <div class="topics">{timeline::topics()}</div>
                        {timeline::timeline(room, Some(n()))}
                    })}
                </div>
                <div class="col">
                    {card("Who must know", (), comms::matrix(room, n()))}
                    {card("Affected", (), live(move || affected(room, incident)))}
                    {card("Tasks", (), work::tasks(room, n()))}
                    {card("Checklist", work::checked(room, &number), work::checklist(room, n()))}
                </div>
            </div>
        </main>
    }
    .into_any()
}

fn ribbon(incident: Now) -> AnyView {
    match incident.with_untracked(|i| i.as_ref().map(|i| i.kind)) {
        Some(Kind::Drill) => view! { <p class="ribbon"><b>"Drill"</b>" This is practice. It never appears on the public status page."</p> }.into_any(),
        Some(Kind::Backfilled) => view! { <p class="ribbon"><b>"Backfilled"</b>" Written down after the fact."</p> }.into_any(),
        _ => ().into_any(),
    }
}

fn about(room: Room, incident: Now) -> AnyView {
    let Some(i) = incident.get() else { return ().into_any() };
    let now = i.resolved_at.unwrap_or(room.now.get());
    let age = facts::words(now.since(i.declared_at));
    let age = if i.is_open() { format!("for {age}") } else { format!("after {age}") };
    let public = if i.public { "public" } else { "not public" };
    view! {
        <p class="dim about">
            <b>{i.number.to_string()}</b>{format!(" · {} {age} · {} · {public} · declared by {} ", i.state.words(), i.phase.words(), i.declared_by)}{when(i.declared_at)}
        </p>
    }
    .into_any()
}

/// The actions of the whole incident. On a phone they stay at the foot of the screen.
fn actions(room: Room, incident: Now, number: Number) -> AnyView {
    let open = move || incident.with(|i| i.as_ref().is_some_and(|i| i.is_open()));
    let update = match needs(room.page().who.role, Permission::Command) {
        Some(why) => view! { <button class="btn main" disabled title=why>"Post update"</button> }.into_any(),
        None => view! { <a class="btn main" href="#composer" data-do="update">"Post update"<kbd>"U"</kbd></a> }.into_any(),
    };
    view! {
        <div class="acts sticky">
            <div class="flat" hidden=move || !open()>
                {update}
                {change_severity(room, incident, &number)}
                <a class="btn" href="#roles">"Hand over"</a>
                {resolve(room, incident, &number)}
            </div>
            <div class="flat" hidden=open>{reopen(&number)}</div>
        </div>
    }
    .into_any()
}

fn change_severity(room: Room, incident: Now, number: &Number) -> AnyView {
    let form = Form::to(format!("/incidents/{number}/severity"), "severity");
    let refused = form.was_refused();
    let plan = room.page();
    let now = incident.with_untracked(|i| i.as_ref().map(|i| i.severity));
    let choice = |s: Severity| {
        let policy = plan.plan.communication.severity(s);
        let chosen = form.typed("severity").map_or(Some(s) == now, |typed| typed == s.id());
        view! {
            <label class="choice wide"><input type="radio" name="severity" value=s.id() required checked=chosen/>
                <span>{severity(&plan.plan, s)}<span class="small dim">{policy.map(|p| p.description.clone())}</span></span></label>
        }
    };
    let body = view! {
        <fieldset class="choices"><legend>"Severity"</legend>{Severity::ALL.map(choice).into_iter().collect_view()}</fieldset>
        {form.sentence(Some("severity"))}
        {form.line("reason", "Why?", Ask { hint: "For the timeline", most: Some("1000"), ..Ask::default() })}
        <div class="acts">{Button::new("Change the severity", Permission::Command).class("btn main").view()}</div>
    };
    menu("Severity".into_any(), "severity", Permission::Command, refused, "btn", form.view("", body.into_any()))
}

/// Resolving names its target, and waits for runs to be over.
fn resolve(room: Room, incident: Now, number: &Number) -> AnyView {
    let form = Form::to(format!("/incidents/{number}/resolve"), "resolve");
    let refused = form.was_refused();
    let going = {
        let number = number.clone();
        move || room.world.with(|w| w.runs_of(&number).into_iter().find(|r| !r.is_over()).map(|r| format!("{} is not over: let it end or stop it first.", r.runbook.name)))
    };
    let blocked = Memo::new(move |_| going());
    let title = text(move || incident.with(|i| i.as_ref().map(|i| i.title.clone()).unwrap_or_default()));
    let public = incident.with_untracked(|i| i.as_ref().is_some_and(|i| i.public));
    let label = if public { "What should customers know?" } else { "What ended it?" };
    let body = view! {
        <p><b>{format!("Resolve {number}")}</b>" "{title}</p>
        <p class="state is-warn" hidden=move || blocked.with(Option::is_none)>{icon("warn")}<span>{move || blocked.get().unwrap_or_default()}</span></p>
        {form.lines("message", label, "What was wrong, what ended it, and whether data was lost.", true)}
        <div class="acts"><button class="btn danger" disabled=move || blocked.with(Option::is_some)>{format!("Resolve {number}")}</button></div>
    };
    menu("Resolve …".into_any(), "resolve", Permission::Command, refused, "btn", form.view("", body.into_any()))
}

fn reopen(number: &Number) -> AnyView {
    let form = Form::to(format!("/incidents/{number}/reopen"), "reopen");
    let refused = form.was_refused();
    let body = view! {
        {form.line("reason", "What came back?", Ask { required: true, most: Some("1000"), ..Ask::default() })}
        <div class="acts">{Button::new(format!("Reopen {number}"), Permission::Command).class("btn main").view()}</div>
    };
    menu("Reopen …".into_any(), "reopen", Permission::Command, refused, "btn", form.view("", body.into_any()))
}

fn clocks(room: Room, incident: Now) -> AnyView {
    let Some(i) = incident.get() else { return ().into_any() };
    let page = room.page();
    let plan = &page.plan;
    let now = room.now.get();
    let end = i.resolved_at.unwrap_or(now);
    let elapsed = Clock {
        what: if i.is_open() { "Since declaration".into() } else { "Declared to resolved".into() },
        figure: facts::face(end.since(i.declared_at)),
        limit: None,
        of: "impact not measured yet: it may have begun earlier".into(),
        tone: "is-none",
    };
    let rto = match facts::rto(plan, &i, now) {
        Some((tier, limit)) => Clock {
            what: format!("{} · {}", if limit.is_over() { "RTO exceeded by" } else { "RTO left" }, tier.name),
            figure: limit.figure(),
            of: format!("of {} since declaration: impact not measured yet", tier.within.words()),
            tone: if i.is_open() { limit.tone() } else { "is-none" },
            limit: Some(limit),
        },
        None => Clock { what: "RTO left".into(), figure: "–".into(), limit: None, of: "no affected service is named, so no objective applies".into(), tone: "is-none" },
    };
    let rpo = Clock {
        what: "Data at risk · RPO".into(),
        figure: "not measured".into(),
        limit: None,
        of: plan.objectives.rpo.iter().map(|o| format!("{} {}", o.name, if o.within.as_secs() == 0 { "nothing may be lost".to_owned() } else { format!("limit {}", o.within.words()) })).collect::<Vec<_>>().join(" · "),
        tone: "is-none unmeasured",
    };
    let word = match facts::next_update(plan, &i, now) {
        Some((_, limit)) => {
            let every = limit.within.words();
            Clock {
                what: if limit.is_over() { "Public update late by".into() } else { "Next public update due in".into() },
                figure: facts::face(limit.left()),
                tone: limit.tone(),
                of: if i.updates.iter().any(|u| u.public) { format!("every {every} for {}", i.severity.id()) } else { format!("the first within {every} for {}", i.severity.id()) },
                limit: Some(limit),
            }
        }
        None => Clock {
            what: "Next public update".into(),
            figure: "–".into(),
            limit: None,
            of: if i.is_open() { "this incident is not public".into() } else { "resolved: the last word is out".into() },
            tone: "is-none",
        },
    };
    let told = comms::due(plan, &i, now).map(|(within, limit)| Clock {
        what: "First word to the audiences".into(),
        figure: if limit.is_over() || within.as_secs() == 0 { "due".into() } else { facts::face(limit.left()) },
        of: "not sent by Muster: call".into(),
        tone: if i.is_open() { "is-warn" } else { "is-none" },
        limit: None,
    });
    view! { <div class="clocks">{clock(elapsed)}{clock(rto)}{clock(rpo)}{clock(word)}{told.filter(|_| i.is_open()).map(clock)}</div> }.into_any()
}

fn recovery(room: Room, incident: Now, number: Number) -> AnyView {
    let runs = {
        let number = number.clone();
        Memo::new(move |_| room.world.with(|w| w.runs_of(&number).into_iter().map(|r| (r.id.to_string(), r.is_over())).collect::<Vec<_>>()))
    };
    let going = move || runs.with(|r| r.iter().filter(|(_, over)| !over).map(|(id, _)| id.clone()).collect());
    let over = move || runs.with(|r| r.iter().filter(|(_, over)| *over).map(|(id, _)| id.clone()).collect());
    let ended = crate::parts::rows(over, move |id| {
        let id = domain::RunId::from(id);
        view! { <li>{live(move || room.run(&id).map(|r| view! {
            <a href=run::address(&r.id)><b>{r.runbook.name.clone()}</b></a>{run::status(&r)}<span class="small dim">{run::progress(&r)}" · "{when(r.started_at)}</span>
        }).into_any())}</li> }.into_any()
    });
    card(
        "Recovery",
        view! { <a href="/runbooks">"all runbooks"</a> },
        view! {
            {crate::parts::rows(going, move |id| run::following(room, domain::RunId::from(id)))}
            <ul class="plain ended">{ended}</ul>
            {launch(room, incident, number)}
        },
    )
}

/// The runbooks, the likeliest first; one form, each button says where it sends it.
fn launch(room: Room, incident: Now, number: Number) -> AnyView {
    let page = room.page();
    let open = move || incident.with(|i| i.as_ref().is_some_and(|i| i.is_open()));
    let Some(i) = incident.get_untracked() else { return ().into_any() };
    let mode = if i.kind == Kind::Drill { Mode::Drill } else { Mode::Real };
    let (order, likely) = room.world.with_untracked(|w| facts::runbooks_for(&page.plan, w, &i.affected));
    let why = needs(page.who.role, Permission::Command);
    let button = |runbook: &domain::plan::Runbook, class: &'static str| {
        let slug = runbook.slug.clone();
        let busy = Memo::new(move |_| room.world.with(|w| w.runs.values().any(|r| !r.is_over() && r.runbook.slug == slug)));
        let blocked = why.is_some();
        let title = why.clone().or(runbook.trigger.clone());
        let count = format!("{} steps", runbook.steps.len());
        view! {
            <button class=class formaction=format!("/runbooks/{}/runs", runbook.slug) title=title disabled=move || blocked || busy.get()>
                {icon("run")}<span>{runbook.name.clone()}</span><span class="small dim">{move || if busy.get() { "running".to_owned() } else { count.clone() }}</span>
            </button>
        }
    };
    let first = order.iter().take(likely).map(|r| button(r, "btn launch")).collect_view();
    let rest = order.iter().skip(likely).map(|r| button(r, "btn quiet launch")).collect_view();
    let form = Form::to("/runbooks/none/runs", "run");
    let none = (likely == 0).then(|| view! { <p class="dim small">"The affected services name no runbook: choose below."</p> });
    let why = why.map(|why| view! { <p class="small dim">{why}</p> });
    let body = view! {
        {hidden("incident", number.to_string())}
        {hidden("mode", if mode == Mode::Drill { "drill" } else { "real" })}
        {none}
        <div class="launches">{first}</div>
        <details class="more-runbooks"><summary>"All other runbooks"</summary><div class="launches">{rest}</div></details>
        {why}
    };
    view! { <div hidden=move || !open()>{form.view("", body.into_any())}</div> }.into_any()
}

fn affected(room: Room, incident: Now) -> AnyView {
    let Some(i) = incident.get() else { return ().into_any() };
    if i.affected.is_empty() {
        return view! { <p class="dim">"No service was named."</p> }.into_any();
    }
    let page = room.page();
    let now = room.now.get();
    let line = |id: &domain::ServiceId| {
        let (shape, word, evidence) = match page.plan.service(id) {
            Some(service) => {
                let t = room.world.with(|w| room.looks.with(|l| facts::tile(&page.plan, w, l, now, service)));
                (t.icon, t.state, t.evidence)
            }
            None => (health_icon(domain::Health::NoData), "Not in the plan any more", String::new()),
        };
        let tier = page.plan.service(id).and_then(|s| page.plan.tier(&s.tier)).map(|t| format!(" {}", t.within.words()));
        view! { <li><div class="grow">{service_name(&page.plan, id).to_owned()}<span class="dim small">{tier}</span><div class="small dim">{evidence}</div></div>{state(shape, word)}</li> }
    };
    let lines = i.affected.iter().map(line).collect_view();
    view! { <ul class="plain affected">{lines}</ul> }.into_any()
}
