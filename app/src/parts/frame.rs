//! What surrounds every page: the bar, the footer, the announcements, the key list.

use crate::{
    node::{El, Node, div, el, header, live, many, p, span},
    parts::{local, still, wall},
    room::{Link, Room},
};
use leptos::prelude::*;

pub fn frame(main: El) -> Node {
    let room = Room::here();
    many([
        el("svg")
            .set("hidden", true)
            .html(still!(furniture::sprite())),
        el("a")
            .class("skip")
            .set("href", "#main")
            .put("Skip to the content"),
        header()
            .class("bar")
            .put(
                div()
                    .class("flat")
                    .html(still!(furniture::navigation(&room.page()))),
            )
            .put(
                div().class("end").put(pill(room)).put(
                    div()
                        .class("flat")
                        .html(still!(furniture::person(&room.page()))),
                ),
            ),
        main,
        el("footer").class("foot").html(still!(furniture::foot(
            &room.page(),
            room.world.with_untracked(|w| w.plan.clone())
        ))),
        p().class("vh")
            .set("role", "status")
            .set("aria-live", "polite")
            .put(room.polite),
        p().class("vh")
            .set("role", "alert")
            .set("aria-live", "assertive")
            .put(room.urgent),
        el("dialog")
            .set("id", "keys")
            .set("aria-labelledby", "keys-title")
            .html(still!(furniture::keys())),
    ])
}

/// "live", or since when it is not.
fn pill(room: Room) -> El {
    let class = move || match room.link.get() {
        Link::Loaded => "live loaded",
        Link::Live => "live",
        Link::Stale { .. } => "live stale",
    };
    let says = move || match room.link.get() {
        Link::Loaded => "as loaded".to_owned(),
        Link::Live => "live".to_owned(),
        Link::Stale { since } => format!("stale since {}", wall(local(since), local(since))),
    };
    span()
        .follow("class", class)
        .set("title", "Whether this page follows what happens")
        .put(live(says))
}

#[cfg(feature = "ssr")]
mod furniture {
    use crate::{
        node::{El, Node, a, button, details, div, el, h2, many, p, span, summary},
        page::{Page, View},
        parts::{icon, kbd, link},
    };
    use domain::{PlanInForce, words::short};

    const PLACES: [(&str, &str); 8] = [
        ("/", "Board"),
        ("/incidents", "Incidents"),
        ("/runbooks", "Runbooks"),
        ("/contacts", "Contacts"),
        ("/matrix", "Matrix"),
        ("/drills", "Drills"),
        ("/postmortems", "Postmortems"),
        ("/plan", "Plan"),
    ];

    /// The part of the site that a view is in.
    fn place(view: &View) -> &str {
        match view {
            View::Board | View::Wall | View::Service { .. } | View::Maintenance => "Board",
            View::Incidents { .. }
            | View::Incident { .. }
            | View::Update { .. }
            | View::Declare { .. } => "Incidents",
            View::Runbooks | View::Runbook { .. } | View::Run { .. } | View::Failover { .. } => {
                "Runbooks"
            }
            View::Contacts => "Contacts",
            View::Matrix => "Matrix",
            View::Plan => "Plan",
            View::NotYet { name, .. } => name,
            View::NotFound { .. } => "",
        }
    }

    pub fn sprite() -> El {
        el("g").html(include_str!("sprite.svg").into())
    }

    pub fn navigation(page: &Page) -> Node {
        let current = place(&page.view);
        let links = || {
            PLACES.map(|(at, name)| {
                link(at, name).set("aria-current", (name == current).then_some("page"))
            })
        };
        many([
            details()
                .class("places")
                .put(
                    summary()
                        .put(icon("menu"))
                        .put(span().class("vh").put("Menu")),
                )
                .put(el("nav").set("aria-label", "Menu").all(links())),
            a().class("mark")
                .set("href", "/")
                .put(icon("mark"))
                .put("Muster"),
            el("nav").set("aria-label", "Main").all(links()),
        ])
    }

    pub fn person(page: &Page) -> Node {
        let (name, role) = (page.who.name.clone(), page.who.role.name());
        let out = el("form")
            .set("method", "post")
            .set("action", "/signout")
            .set("data-plain", true)
            .put(button().class("btn").put("Sign out"));
        many([
            button()
                .class("btn quiet needs-script")
                .set("type", "button")
                .set("data-do", "keys")
                .put("Keys")
                .put(kbd("?")),
            details()
                .class("menu who")
                .set("name", "menu")
                .put(
                    summary()
                        .class("btn quiet")
                        .put(icon("person"))
                        .put(span().class("name").put(name.clone()))
                        .put(span().class("role-name").put(role)),
                )
                .put(
                    div()
                        .class("panel")
                        .put(p().put(format!("{name}, {role}")))
                        .put(out),
                ),
        ])
    }

    pub fn foot(page: &Page, plan: Option<PlanInForce>) -> Node {
        let about = &page.plan.about;
        let revision = plan.map(|plan| {
            many([
                Node::from(" · "),
                link(
                    "/plan",
                    format!("plan revision {}", short(plan.hash.as_str())),
                )
                .into(),
            ])
        });
        many([
            p().class("motto").put(about.motto.clone()),
            p().put(about.organization.clone())
                .put(revision)
                .put(" · ")
                .put(link("/status", "public status page")),
        ])
    }

    pub fn keys() -> Node {
        const KEYS: [(&str, &str); 14] = [
            ("?", "these keys"),
            ("/", "to the filter of this page"),
            ("c", "declare an incident"),
            ("g b", "go to the board"),
            ("g i", "go to the incidents"),
            ("g r", "go to the runbooks"),
            ("g c", "go to the contacts"),
            ("g m", "go to the communication matrix"),
            ("g p", "go to the plan"),
            ("u", "write a public update"),
            ("n", "write a note"),
            ("r", "write a report: conditions, actions, needs"),
            ("t", "add a task"),
            ("Esc", "close what is open"),
        ];
        let one = |(keys, does): (&'static str, &'static str)| -> El {
            div()
                .put(el("dt").all(keys.split(' ').map(kbd)))
                .put(el("dd").put(does))
        };
        many([
            h2().set("id", "keys-title").put("Keys"),
            el("dl").all(KEYS.map(one)),
            p().class("dim small").put("No key stops, resolves or changes anything by itself. They are off while you type."),
            el("form").set("method", "dialog").put(button().class("btn").put("Close")),
        ])
    }
}
