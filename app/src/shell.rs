//! The whole document, as the server sends it.

use crate::{App, page::Page, room::Room};
use leptos::{nonce::use_nonce, prelude::*};

/// Where the page's files are: addresses with a hash of their content, so that a browser may keep them for good.
#[derive(Clone, Debug)]
pub struct Assets {
    pub css: String,
    pub js: String,
    pub wasm: String,
    /// The little picture in the browser's tab.
    pub icon: String,
}

/// The document of the [`Page`] in context, with the [`Assets`] and the nonce that are there too.
pub fn shell() -> impl IntoView {
    let page = expect_context::<Page>();
    let assets = expect_context::<Assets>();
    let nonce = use_nonce();
    let title = title(&page);
    let renews = renews(&page);
    // `<` is escaped so that nothing in the data can end the script block.
    let safe = |json: String| json.replace('<', "\\u003c");
    let data = match page.parts {
        true => String::new(),
        false => safe(serde_json::to_string(&page).unwrap_or_default()),
    };
    let lines = page
        .timeline
        .iter()
        .filter(|_| !page.parts)
        .filter_map(|s| serde_json::to_string(s).ok());
    let timeline = safe(lines.collect::<Vec<_>>().join("\n"));
    provide_context(Room::open(page));
    let start = format!(
        r#"import init, {{ hydrate }} from "{}"; await init({{ module_or_path: "{}" }}); hydrate();"#,
        assets.js, assets.wasm
    );
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <title>{title}</title>
                {renews.then(|| view! { <noscript><meta http-equiv="refresh" content="3"/></noscript> })}
                <link rel="icon" href=assets.icon type="image/svg+xml"/>
                <link rel="stylesheet" href=assets.css/>
                <link rel="modulepreload" href=assets.js nonce=nonce.clone()/>
                <link rel="preload" href=assets.wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous"/>
                <script type="application/json" id="page" inner_html=data></script>
                <script type="application/jsonl" id="timeline-data" inner_html=timeline></script>
                <script type="module" nonce=nonce inner_html=start></script>
            </head>
            <body><App/></body>
        </html>
    }
}

/// Without scripting the page follows its work by being loaded again.
fn renews(page: &Page) -> bool {
    match &page.view {
        crate::page::View::Failover { service } => {
            let failover = page.world.failover(service);
            failover.is_some_and(|f| f.state.is_work())
        }
        _ => false,
    }
}

fn title(page: &Page) -> String {
    use crate::page::View;
    let what = match &page.view {
        View::Board | View::Wall => "Board".into(),
        View::Incidents { .. } => "Incidents".into(),
        View::Declare { .. } => "Declare an incident".into(),
        View::Incident { number } => match page.world.incidents.get(number) {
            Some(i) => format!("{} {} {}", i.severity.id(), number, i.title),
            None => number.to_string(),
        },
        View::Runbooks => "Runbooks".into(),
        View::Runbook { slug, .. } => page
            .plan
            .runbook(&slug.as_str().into())
            .map_or_else(|| slug.clone(), |r| r.name.clone()),
        View::Run { id, .. } => page
            .world
            .runs
            .get(id)
            .map_or_else(|| "Run".into(), |r| r.runbook.name.clone()),
        View::Failover { service } => match page.plan.service(service) {
            Some(service) => format!("Failover: {}", service.name),
            None => "Failover".into(),
        },
        View::Service { service } => crate::room::service_name(&page.plan, service).to_owned(),
        View::Maintenance => "Maintenance".into(),
        View::Contacts => "Contacts".into(),
        View::Matrix => "Communication matrix".into(),
        View::Update { number } => format!("Update of {number}"),
        View::Plan => "Plan".into(),
        View::NotYet { name, .. } => name.clone(),
        View::NotFound { .. } => "Not found".into(),
    };
    format!("{what} · Muster")
}
