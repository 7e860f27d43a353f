//! Who leads and who helps. An empty role is loud; each is filled, handed over and accepted on the spot.

use crate::{
    node::{El, Node, div, el, live, p, section, span},
    parts::{Ask, Button, Form, hidden, icon, menu, text},
    room::Room,
};
use domain::{IncidentRole, Number, Permission};

pub fn roles(room: Room, number: &Number) -> El {
    let one = |role: IncidentRole| card(room, number.clone(), role);
    section()
        .class("people")
        .set("id", "roles")
        .set("aria-label", "Command")
        .all(IncidentRole::ALL.map(one))
}

fn card(room: Room, number: Number, role: IncidentRole) -> El {
    let at = format!("/incidents/{number}/roles");
    let incident = room.follow_incident(&number);
    let holder = move || incident.with(|i| i.and_then(|i| i.roles.get(&role).cloned()));
    let offer = move || incident.with(|i| i.and_then(|i| i.offers.get(&role).cloned()));
    let open = move || incident.with(|i| i.is_some_and(|i| i.is_open()));
    let loud = move || holder().is_none() && open();
    let who = live(move || match (holder(), loud()) {
        (Some(name), _) => el("b").put(name),
        (None, true) => el("b").put(icon("bad")).put("Nobody"),
        (None, false) => el("b").class("dim").put("Nobody"),
    });
    let acts = div()
        .hide(move || !open())
        .put(accept(room, &at, role, offer))
        .put(assign(&at, role, holder));
    div()
        .follow("class", move || if loud() { "role empty" } else { "role" })
        .put(span().put(role.words()))
        .put(who)
        .put(acts)
}

/// Whoever was offered the role accepts it; everybody else sees who is waited for.
fn accept(
    room: Room,
    at: &str,
    role: IncidentRole,
    offer: impl Fn() -> Option<String> + Copy + Send + 'static,
) -> Node {
    let me = room.page().who.name.clone();
    let others = move || !offer().is_some_and(|o| o.eq_ignore_ascii_case(&me));
    let waits = p()
        .class("small offer")
        .hide(move || offer().is_none())
        .put(text(move || {
            offer()
                .map(|to| format!("offered to {to}"))
                .unwrap_or_default()
        }));
    let button = Button::new("Accept", Permission::Respond)
        .class("btn main small")
        .view();
    let form = Form::to(at, format!("accept-{}", role.id())).view(vec![
        hidden("action", "accept"),
        hidden("role", role.id()),
        button,
    ]);
    vec![waits, div().hide(others).put(form)].into()
}

fn assign(
    at: &str,
    role: IncidentRole,
    holder: impl Fn() -> Option<String> + Copy + Send + 'static,
) -> El {
    let form = Form::to(at, format!("role-{}", role.id()));
    let refused = form.was_refused();
    let empty = move || holder().is_none();
    let ask = Ask {
        hint: "Name",
        required: true,
        most: Some("80"),
        list: Some("people"),
        ..Ask::default()
    };
    let offer = Button::new("Offer", Permission::Command)
        .main()
        .adds("action", "hand_over")
        .view();
    let now = Button::new("Assign now", Permission::Command)
        .adds("action", "assign")
        .view();
    let body = vec![
        p().put(el("b").put(role.words())),
        hidden("role", role.id()),
        form.line("person", "Who?", ask),
        div().class("acts").put(div().class("flat").hide(empty).put(offer)).put(now),
        p().class("small dim").hide(empty).put("Offered: it passes when they accept. Assigned: it passes at once, to somebody you speak with."),
    ];
    let label = span().put(text(move || {
        if empty() { "Assign" } else { "Hand over" }.into()
    }));
    menu(
        "role",
        label,
        Permission::Command,
        refused,
        "btn small",
        form.view(body),
    )
}
