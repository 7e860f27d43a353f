//! What may be done with a window now.

use crate::{
    node::{El, div, input},
    parts::{Ask, Button, Form, hidden, menu},
};
use domain::{Maintenance, Permission, Stage};

pub fn of(window: &Maintenance) -> El {
    let acts = match window.stage {
        Stage::Scheduled => vec![
            press(window, Stage::InProgress, "Begin now", "begin", true),
            reschedule(window),
            ask(window, Stage::Cancelled, "Cancel", "cancel"),
        ],
        Stage::InProgress => vec![
            press(window, Stage::Verifying, "The work is done", "verify", true),
            reschedule(window),
            ask(window, Stage::Completed, "Complete at once", "complete"),
            ask(window, Stage::Cancelled, "Cancel", "cancel"),
        ],
        Stage::Verifying => vec![
            press(window, Stage::Completed, "Complete now", "complete", true),
            reschedule(window),
        ],
        Stage::Completed | Stage::Cancelled => Vec::new(),
    };
    div().class("acts").all(acts)
}

fn form(window: &Maintenance, act: &str) -> Form {
    Form::to(
        format!("/maintenance/{}/{act}", window.id),
        format!("{}-{act}", window.id),
    )
}

/// One press.
fn press(window: &Maintenance, to: Stage, says: &str, act: &str, main: bool) -> El {
    let button = Button::new(says, Permission::Command);
    let button = if main { button.main() } else { button };
    let to = hidden("stage", word(to));
    form(window, act).view(vec![to, button.view()])
}

/// One that asks for a word to be told with it.
fn ask(window: &Maintenance, to: Stage, says: &'static str, act: &'static str) -> El {
    let form = form(window, act);
    let open = form.was_refused();
    let field = form.lines("message", "What is told of it (optional)", "");
    let body = vec![
        hidden("stage", word(to)),
        optional(field),
        Button::new(says, Permission::Command).main().view(),
    ];
    menu(act, says, Permission::Command, open, "btn", form.view(body))
}

/// The form's lines of text are asked for everywhere else.
fn optional(field: El) -> El {
    div().class("optional").put(field)
}

fn reschedule(window: &Maintenance) -> El {
    let form = form(window, "reschedule");
    let open = form.was_refused();
    let time = |name: &'static str, says: &'static str, at: domain::Stamp| {
        let control = input()
            .set("type", "datetime-local")
            .set("required", true)
            .set("value", form.typed(name).unwrap_or_else(|| local(at)));
        form.labelled(name, name, says, control)
    };
    let from =
        (window.stage == Stage::Scheduled).then(|| time("from", "From, in UTC", window.from));
    let message = Ask {
        most: Some("4000"),
        ..Ask::default()
    };
    let until = time("until", "Until, in UTC", window.until);
    let says = match window.stage {
        Stage::Scheduled => "Move",
        _ => "Extend or shorten",
    };
    let body = vec![
        from,
        Some(until),
        Some(form.line("message", "What is told of it (optional)", message)),
        Some(Button::new(says, Permission::Command).main().view()),
    ];
    menu(
        "reschedule",
        says,
        Permission::Command,
        open,
        "btn",
        form.view(body),
    )
}

/// As a browser's field for times holds it.
pub fn local(at: domain::Stamp) -> String {
    at.rfc3339()[..16].to_owned()
}

fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Scheduled => "scheduled",
        Stage::InProgress => "in_progress",
        Stage::Verifying => "verifying",
        Stage::Completed => "completed",
        Stage::Cancelled => "cancelled",
    }
}
