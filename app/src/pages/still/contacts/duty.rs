//! Who is on call: now, in the weeks to come, and in whose place; and the calendar for everybody's own program.

use super::fold;
use crate::{
    node::{El, Node, div, el, input, li, p, span, ul},
    page::Page,
    parts::{Ask, Button, Form, card, dim, link, state, when},
};
use domain::{
    Permission,
    notify::{OnCall, Override, People, Stint},
    plan::Rotation,
    words::Icon,
};

pub fn cards(page: &Page, people: &People<'_>) -> Vec<El> {
    if page.plan.rotations.is_empty() && page.told.on_call.is_empty() {
        let says = p()
            .class("dim")
            .put("The plan has no rotation: primary contacts are told first. A rotation stands in ")
            .put(el("code").put("rotations.yaml"))
            .put(".");
        return vec![card("On call", (), says)];
    }
    let now = div()
        .set("id", "on-call")
        .set("data-follow", true)
        .put(
            ul().class("plain duty")
                .all(page.told.on_call.iter().map(|o| one(page, o))),
        )
        .all(page.plan.rotations.iter().map(|r| weeks(page, r)))
        .put(overrides(page));
    let body = vec![
        Node::from(now),
        (!page.plan.rotations.is_empty())
            .then(|| instead(page, people))
            .into(),
        calendar(page).into(),
    ];
    vec![card("On call", (), body)]
}

fn one(page: &Page, o: &OnCall) -> El {
    let rotation = o.rotation.as_ref().and_then(|id| page.plan.rotation(id));
    let says = match (rotation, &o.by_override) {
        (Some(r), None) => r.name.clone(),
        (Some(r), Some(_)) => format!("{} · in somebody's place", r.name),
        (None, _) => "always".into(),
    };
    let until = o.until.map(|until| span().put("until ").put(when(until)));
    li().put(state(Icon::Person, o.person.clone()))
        .put(div().class("grow small dim").put(says))
        .put(until)
}

/// Whose turn comes when.
fn weeks(page: &Page, rotation: &Rotation) -> El {
    let of = |s: &&Stint| s.rotation == rotation.id;
    let line = |s: &Stint| {
        let mark = s.by_override.as_ref().map(|_| dim(" in somebody's place"));
        li().put(when(s.from))
            .put(div().class("grow").put(s.person.clone()).put(mark))
            .put(dim(span().put("until ").put(when(s.until))))
    };
    let about = format!(
        "{} · handover {} {}",
        rotation.name, rotation.handover, rotation.timezone
    );
    div().put(el("h3").put(about)).put(
        ul().class("plain duty weeks")
            .all(page.told.roster.iter().filter(of).map(line)),
    )
}

fn overrides(page: &Page) -> Option<El> {
    let coming = page.told.overrides.iter().filter(|o| o.until > page.now);
    let coming: Vec<El> = coming.map(|o| in_place(page, o)).collect();
    (!coming.is_empty()).then(|| {
        div()
            .put(el("h3").put("In somebody's place"))
            .put(ul().class("plain").all(coming))
    })
}

fn in_place(page: &Page, o: &Override) -> El {
    let name = page
        .plan
        .rotation(&o.rotation)
        .map_or(&o.rotation, |r| &r.name);
    let reason = (!o.reason.is_empty()).then(|| format!(" · {}", o.reason));
    let about = div()
        .class("grow")
        .put(el("b").put(o.person.clone()))
        .put(format!(" {name} "))
        .put(when(o.from))
        .put(" – ")
        .put(when(o.until))
        .put(dim(format!(" by {}", o.by)).put(reason));
    let form = Form::to(
        format!("/contacts/overrides/{}/remove", o.id),
        format!("remove-{}", o.id),
    );
    let button = Button::new("Remove", Permission::Respond)
        .class("btn small")
        .view()
        .set("id", format!("remove-{}", o.id))
        .set(
            "aria-label",
            format!("Remove the override for {}", o.person),
        );
    li().put(about).put(form.view(button))
}

/// The form that puts somebody else in place.
fn instead(page: &Page, people: &People<'_>) -> El {
    let form = Form::to("/contacts/overrides", "override");
    let rotations = page.plan.rotations.iter();
    let rotations = rotations.map(|r| (r.id.clone(), format!("{} ({})", r.name, r.timezone)));
    let names = people
        .iter()
        .map(|(name, c)| (name.to_owned(), format!("{name}, {}", c.role)));
    let time = |name: &'static str, says: &'static str| {
        let control = input()
            .set("type", "datetime-local")
            .set("required", true)
            .set("value", form.typed(name));
        form.labelled(name, name, says, control)
    };
    let reason = Ask {
        hint: "Swapped with Jane",
        most: Some("1000"),
        ..Ask::default()
    };
    let open = form.was_refused();
    let fields = vec![
        form.choose("rotation", "Rotation", rotations),
        form.choose("person", "Who is on call instead?", names),
        div()
            .class("fields even")
            .put(time("from", "From"))
            .put(time("until", "Until")),
        p().class("small dim")
            .put("Times are those on the wall in the rotation's time zone."),
        form.line("reason", "Why?", reason),
        div().class("acts").put(
            Button::new("Put them on call", Permission::Respond)
                .main()
                .view(),
        ),
    ];
    // The page shows what came of it: it is loaded again.
    let plain = !open;
    let form = form.view(fields).set("data-plain", plain);
    fold(
        "override-fold",
        "Somebody else is on call for a while",
        open,
        form,
    )
}

fn calendar(page: &Page) -> Option<El> {
    let at = page.told.calendar.clone()?;
    Some(fold(
        "calendar-fold",
        "In your own calendar",
        false,
        div()
            .put(
                p().put("Subscribe to ")
                    .put(link(at.clone(), "this calendar"))
                    .put(" in your calendar program, at"),
            )
            .put(el("code").class("address").put(at))
            .put(p().class("small dim").put(
                "Its address has a key of its own: whoever has it reads who is on call when, without signing in; names and times, no numbers.",
            )),
    ))
}
