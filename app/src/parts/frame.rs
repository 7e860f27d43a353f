//! What surrounds every page: the bar, the footer, the announcements, the key list.

use crate::{
    parts::{local, still, text, wall},
    room::{Link, Room},
};
use leptos::prelude::*;

pub fn frame(main: AnyView) -> impl IntoView {
    let room = Room::here();
    view! {
        <svg hidden inner_html=still!(furniture::sprite())></svg>
        <a class="skip" href="#main">"Skip to the content"</a>
        <header class="bar">
            <div class="flat" inner_html=still!(furniture::navigation(&room.page()))></div>
            <div class="end">
                {pill(room)}
                <div class="flat" inner_html=still!(furniture::person(&room.page()))></div>
            </div>
        </header>
        {main}
        <footer class="foot" inner_html=still!(furniture::foot(&room.page(), room.world.with_untracked(|w| w.plan.clone())))></footer>
        <p class="vh" role="status" aria-live="polite">{room.polite}</p>
        <p class="vh" role="alert" aria-live="assertive">{room.urgent}</p>
        <dialog id="keys" aria-labelledby="keys-title" inner_html=still!(furniture::keys())></dialog>
    }
}

/// "live", or since when it is not.
fn pill(room: Room) -> AnyView {
    let class = move || match room.link.get() {
        Link::Loaded => "live loaded",
        Link::Live => "live",
        Link::Stale { .. } => "live stale",
    };
    let says = text(move || match room.link.get() {
        Link::Loaded => "as loaded".into(),
        Link::Live => "live".into(),
        Link::Stale { since } => {
            let since = local(since);
            format!("stale since {}", wall(since, since))
        }
    });
    view! { <span class=class title="Whether this page follows what happens">{says}</span> }.into_any()
}

#[cfg(feature = "ssr")]
mod furniture {
    use crate::{page::Page, page::View, parts::icon};
    use leptos::prelude::*;

    const PLACES: [(&str, &str); 7] = [
        ("/", "Board"),
        ("/incidents", "Incidents"),
        ("/runbooks", "Runbooks"),
        ("/contacts", "Contacts"),
        ("/drills", "Drills"),
        ("/postmortems", "Postmortems"),
        ("/plan", "Plan"),
    ];

    fn place(view: &View) -> &str {
        match view {
            View::Board => "Board",
            View::Incidents { .. } | View::Incident { .. } | View::Declare { .. } => "Incidents",
            View::Runbooks | View::Runbook { .. } | View::Run { .. } => "Runbooks",
            View::Contacts => "Contacts",
            View::Plan => "Plan",
            View::NotYet { name, .. } => name,
            View::NotFound { .. } => "",
        }
    }

    pub fn navigation(page: &Page) -> impl IntoView + use<> {
        let current = place(&page.view).to_owned();
        let links = move || {
            let current = current.clone();
            PLACES.map(|(at, name)| view! { <a href=at aria-current=(name == current).then_some("page")>{name}</a> }).into_iter().collect_view()
        };
        view! {
            <details class="places">
                <summary>{icon("menu")}<span class="vh">"Menu"</span></summary>
                <nav aria-label="Menu">{links()}</nav>
            </details>
            <a class="mark" href="/">{icon("mark")}"Muster"</a>
            <nav aria-label="Main">{links()}</nav>
        }
    }

    pub fn person(page: &Page) -> impl IntoView + use<> {
        view! {
            <button class="btn quiet needs-script" type="button" data-do="keys" title="Keys">"Keys"<kbd>"?"</kbd></button>
            <details class="menu who" name="menu">
                <summary class="btn quiet">{icon("person")}<span class="name">{page.who.name.clone()}</span><span class="role-name">{page.who.role.name()}</span></summary>
                <div class="panel">
                    <p>{format!("{}, {}", page.who.name, page.who.role.name())}</p>
                    <form method="post" action="/signout" data-plain=""><button class="btn">"Sign out"</button></form>
                </div>
            </details>
        }
    }

    pub fn sprite() -> impl IntoView {
        view! { <g inner_html=include_str!("sprite.svg")></g> }
    }

    pub fn foot(page: &Page, plan: Option<domain::PlanInForce>) -> impl IntoView + use<> {
        let about = &page.plan.about;
        let plan = plan.map(|p| domain::words::short(p.hash.as_str()).to_owned());
        view! {
            <p class="motto">{about.motto.clone()}</p>
            <p>{about.organization.clone()}{plan.map(|hash| view! { " · "<a href="/plan">"plan revision "{hash}</a> })}" · "<a href="/status">"public status page"</a></p>
        }
    }

    pub fn keys() -> impl IntoView {
        const KEYS: [(&str, &str); 12] = [
            ("?", "these keys"),
            ("/", "to the filter of this page"),
            ("c", "declare an incident"),
            ("g b", "go to the board"),
            ("g i", "go to the incidents"),
            ("g r", "go to the runbooks"),
            ("g c", "go to the contacts"),
            ("g p", "go to the plan"),
            ("u", "write a public update"),
            ("n", "write a note"),
            ("t", "add a task"),
            ("Esc", "close what is open"),
        ];
        view! {
            <h2 id="keys-title">"Keys"</h2>
            <dl>{KEYS.map(|(key, does)| view! { <div><dt>{key.split(' ').map(|k| view! { <kbd>{k}</kbd>" " }).collect_view()}</dt><dd>{does}</dd></div> }).into_iter().collect_view()}</dl>
            <p class="dim small">"No key stops, resolves or changes anything by itself. They are off while you type."</p>
            <form method="dialog"><button class="btn">"Close"</button></form>
        }
    }
}
