//! The plan in force, as it was written: what a team decided in calm hours.

use crate::{
    pages::still::schedule,
    parts::{card, comms, severity, when},
    room::Room,
};
use domain::{Span, plan::{Location, Plan}};
use leptos::prelude::*;

pub fn page(room: Room) -> AnyView {
    let page = room.page();
    let plan = &page.plan;
    let about = &plan.about;
    let in_force = room.world.with_untracked(|w| w.plan.clone());
    let revision = match in_force {
        Some(plan) => view! { <p class="dim about">"revision "<code title=plan.hash.to_string()>{domain::words::short(plan.hash.as_str()).to_owned()}</code>" in force since "{when(plan.since)}</p> }.into_any(),
        None => view! { <p class="dim about">"no plan is loaded yet"</p> }.into_any(),
    };
    view! {
        <div class="head"><h1>{about.name.clone()}</h1>{revision}</div>
        <p>{about.summary.clone()}</p>
        <p class="small dim">{format!("{} · version {} · last updated {} · reviewed {} · owner {}", about.organization, about.version, about.last_updated, about.review_cycle.to_lowercase(), about.owner)}</p>
        <div class="two">
            <div class="col">
                {severities(plan)}
                {matrix(plan)}
                {scenarios(plan)}
                {schedules(plan)}
            </div>
            <div class="col">
                {objectives(plan)}
                {checklist(plan)}
                {appendices(plan)}
            </div>
        </div>
    }
    .into_any()
}

fn limit(within: Span) -> String {
    if within.as_secs() == 0 { "nothing may be lost".into() } else { within.words() }
}

fn objectives(plan: &Plan) -> AnyView {
    let rto = plan.objectives.rto.iter().map(|t| view! { <li><span class="grow">{t.name.clone()}</span><b>{t.within.words()}</b></li> }).collect_view();
    let rpo = plan.objectives.rpo.iter().map(|o| view! { <li><span class="grow">{o.name.clone()}<span class="small dim">{(!o.how.is_empty()).then(|| format!(" {}", o.how))}</span></span><b>{limit(o.within)}</b></li> }).collect_view();
    card("Objectives", (), view! {
        <h3>"Back within (RTO)"</h3><ul class="plain">{rto}</ul>
        <h3>"At most lost (RPO)"</h3><ul class="plain">{rpo}</ul>
    })
}

fn severities(plan: &Plan) -> AnyView {
    let rows = plan.communication.severities.iter().map(|s| {
        view! {
            <tr>
                <td data-label="Severity">{severity(plan, s.id)}</td>
                <td data-label="Means" class="wide">{s.description.clone()}</td>
                <td data-label="First public word" class="keep">{format!("within {}", s.first_update.words())}</td>
                <td data-label="Then" class="keep">{format!("every {}", s.update_every.words())}</td>
            </tr>
        }
    });
    card("Severities", (), view! {
        <table class="stack"><thead><tr><th>"Severity"</th><th>"Means"</th><th>"First public word"</th><th>"Then"</th></tr></thead><tbody>{rows.collect_view()}</tbody></table>
    })
}

fn matrix(plan: &Plan) -> AnyView {
    let rows = plan.communication.matrix.iter().map(|row| {
        let people = comms::everybody(plan, row).into_iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
        view! {
            <tr>
                <td data-label="Severity">{severity(plan, row.severity)}</td>
                <td data-label="What" class="wide">{comms::sentence(plan, row.severity).trim_start_matches("Plan: ").to_owned()}<div class="small dim">{people}</div></td>
                <td data-label="Within" class="keep">{row.within.words()}</td>
            </tr>
        }
    });
    card("Communication matrix", "Muster does not send yet", view! {
        <table class="stack"><thead><tr><th>"Severity"</th><th>"What"</th><th>"Within"</th></tr></thead><tbody>{rows.collect_view()}</tbody></table>
    })
}

fn scenarios(plan: &Plan) -> AnyView {
    let rows = plan.scenarios.iter().map(|s| {
        let runbook = plan.runbook(&s.runbook).map_or_else(|| s.runbook.to_string(), |r| r.name.clone());
        view! {
            <tr>
                <td data-label="Scenario" class="wide"><b>{s.name.clone()}</b><div class="small dim">{[s.category.as_str(), s.impact.as_str(), s.detection.as_str()].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(" · ")}</div></td>
                <td data-label="Runbook"><a href=format!("/runbooks/{}", s.runbook)>{runbook}</a></td>
            </tr>
        }
    });
    card("Scenarios", (), view! {
        <table class="stack"><thead><tr><th>"Scenario"</th><th>"Runbook"</th></tr></thead><tbody>{rows.collect_view()}</tbody></table>
    })
}

fn schedules(plan: &Plan) -> AnyView {
    let rows = plan.schedules.iter().map(|s| {
        let does = match &s.runbook {
            Some(slug) => view! { <a href=format!("/runbooks/{slug}")>{plan.runbook(slug).map_or_else(|| slug.to_string(), |r| r.name.clone())}</a> }.into_any(),
            None => s.commands.iter().map(|c| view! { <code>{c.display()}</code> }).collect_view().into_any(),
        };
        view! {
            <tr>
                <td data-label="What" class="wide">{s.name.clone()}<div class="small dim">{does}</div></td>
                <td data-label="When">{schedule::words(s)}</td>
            </tr>
        }
    });
    let table = view! {
        <table class="stack"><thead><tr><th>"What"</th><th>"When"</th></tr></thead><tbody>{rows.collect_view()}</tbody></table>
    };
    view! { <div id="schedules">{card("Schedules", (), table)}</div> }.into_any()
}

fn checklist(plan: &Plan) -> AnyView {
    let list = |title: &'static str, items: &[String]| {
        (!items.is_empty()).then(|| view! { <h3>{title}</h3><ol class="numbered">{items.iter().map(|i| view! { <li>{i.clone()}</li> }).collect_view()}</ol> })
    };
    let documents = plan.checklist.documentation.iter().map(|c| view! { <li><code>{c.display()}</code></li> }).collect_view();
    let has_documents = !plan.checklist.documentation.is_empty();
    card("Checklist", (), view! {
        {list("In the emergency", &plan.checklist.emergency)}
        {list("Right after", &plan.checklist.immediate_actions)}
        {list("In the days after", &plan.checklist.follow_up_actions)}
        {has_documents.then(|| view! { <h3>"Documents"</h3><ul class="commands">{documents}</ul> })}
    })
}

fn appendices(plan: &Plan) -> AnyView {
    let list = |title: &'static str, items: &[Location]| {
        let one = |l: &Location| {
            let at = if l.at.starts_with("https://") { view! { <a href=l.at.clone() rel="noreferrer">{l.at.clone()}</a> }.into_any() } else { view! { <code>{l.at.clone()}</code> }.into_any() };
            view! { <li><span class="order">{l.name.clone()}</span><span class="grow">{at}</span></li> }
        };
        (!items.is_empty()).then(|| view! { <h3>{title}</h3><ul class="plain">{items.iter().map(one).collect_view()}</ul> })
    };
    card("Where things are", (), view! {
        {list("Recovery scripts", &plan.appendices.recovery_scripts)}
        {list("Backups", &plan.appendices.backups)}
        {list("Documentation", &plan.appendices.documentation)}
    })
}
