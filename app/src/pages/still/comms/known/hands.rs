//! Whom a person has to tell: those whom no machine reaches, and those who have not said that they know.

use super::{Shown, lines};
use crate::{
    facts,
    node::{El, Node, div, el, fieldset, input, label, legend, li, p, span, ul},
    pages::still::contacts::fold,
    parts::{Ask, Button, Form, count, dim, hidden, state, tel, when},
};
use domain::{Permission, notify::Notice, plan::Contact, words::Icon};

/// No machine reaches them: the number, and what came of the call.
pub fn by_hand(shown: &Shown<'_>) -> Option<El> {
    if !shown.asks() {
        return None;
    }
    let all = lines::unreached(&shown.score, shown.now());
    let persons: Vec<El> = all
        .iter()
        .filter_map(|(name, notices)| {
            let contact = shown.people.get(name)?;
            Some(to_call(shown, name, contact, notices))
        })
        .collect();
    let places: Vec<El> = all
        .iter()
        .filter(|(name, _)| shown.people.get(name).is_none())
        .flat_map(|(_, notices)| notices.iter().map(|n| place(n)))
        .collect();
    if persons.is_empty() && places.is_empty() {
        return None;
    }
    let says = match persons.len() {
        0 => "To be posted by hand".to_owned(),
        n => format!(
            "Call by hand: {}",
            count(n, "person").replace("persons", "people")
        ),
    };
    Some(
        div()
            .class("by-hand")
            .put(el("h3").put(says))
            .put(ul().class("plain").all(persons).all(places)),
    )
}

/// "Phone: no provider in the plan".
fn why(n: &Notice) -> String {
    let reason = match (n.suppressed, n.why.as_str()) {
        (Some(reason), _) => reason.words(),
        (None, "") => n.state.words(),
        (None, why) => why,
    };
    format!("{}: {reason}", n.channel.name())
}

fn place(n: &Notice) -> El {
    li().put(
        div()
            .class("grow")
            .put(n.person.clone())
            .put(dim(format!(" {}", why(n)))),
    )
}

fn to_call(shown: &Shown<'_>, name: &str, contact: &Contact, notices: &[&Notice]) -> El {
    let reasons: Vec<String> = notices.iter().map(|n| why(n)).collect();
    let about = div()
        .class("grow")
        .put(el("b").put(name.to_owned()))
        .put(dim(format!(" {}", contact.role)))
        .put(div().class("small dim").put(reasons.join(" · ")))
        .put(last_call(shown, name));
    li().put(about)
        .put(tel(&contact.phone))
        .put(called(shown, name))
}

/// What came of the last call.
fn last_call(shown: &Shown<'_>, name: &str) -> Option<El> {
    let call = shown.comms.calls.iter().rfind(|c| c.person == name)?;
    let (shape, word) = match call.reached {
        true => (Icon::Ok, "Reached"),
        false => (Icon::Warn, "Called, not reached"),
    };
    let says = (!call.says.is_empty()).then(|| format!(": {}", call.says));
    Some(
        div()
            .class("small")
            .put(state(shape, word))
            .put(dim(format!(" by {} ", call.by)))
            .put(when(call.at))
            .put(says),
    )
}

/// "I called them": reached or not, and a line.
fn called(shown: &Shown<'_>, name: &str) -> El {
    let id = facts::encoded(name).replace('%', "-");
    let form = shown.form("calls", format!("call-{id}"));
    let open = form.was_refused();
    let choice = |value: &'static str, says: &'static str, form: &Form| {
        let radio = input()
            .set("type", "radio")
            .set("name", "reached")
            .set("value", value)
            .set("required", true)
            .set("checked", form.typed("reached").as_deref() == Some(value));
        label().class("choice").put(radio).put(span().put(says))
    };
    let line = Ask {
        hint: "Is on the way",
        most: Some("1000"),
        ..Ask::default()
    };
    let fields: Vec<Node> = vec![
        hidden("person", name.to_owned()).into(),
        fieldset()
            .class("choices")
            .put(legend().class("vh").put("Were they reached?"))
            .put(choice("yes", "Reached", &form))
            .put(choice("no", "Not reached", &form))
            .into(),
        form.sentence("reached").into(),
        form.line("says", "What was said", line).into(),
        div()
            .class("acts")
            .put(
                Button::new("Record the call", Permission::Respond)
                    .main()
                    .view(),
            )
            .into(),
    ];
    let body = form.view(fields);
    let says = vec![
        Node::from("I called them"),
        span().class("vh").put(format!(": {name}")).into(),
    ];
    fold(format!("called-{id}"), says, open, body).class("rest call")
}

/// Who was told and has not said that they know; each can be told again.
pub fn silent(shown: &Shown<'_>) -> Option<El> {
    if !shown.asks() {
        return None;
    }
    // Whoever has to be called stands above.
    let to_call = lines::unreached(&shown.score, shown.now());
    let mut silent = shown.comms.silent();
    silent.retain(|name| !to_call.iter().any(|(who, _)| who == name));
    if silent.is_empty() {
        return None;
    }
    let one = |name: &&str| {
        let contact = shown.people.get(name);
        let by: Vec<&str> = shown
            .score
            .iter()
            .filter(|l| {
                l.channel.is_personal()
                    && l.to.iter().any(|t| t.person == *name && t.sent().is_some())
            })
            .map(|l| l.channel.name())
            .collect();
        let by = match by.is_empty() {
            true => " not sent yet".to_owned(),
            false => format!(" {}", facts::and(by)),
        };
        let about = div()
            .class("grow")
            .put((*name).to_owned())
            .put(dim(by))
            .put(last_call(shown, name));
        li().put(about)
            .put(contact.map(|c| tel(&c.phone)))
            .put(again(shown, Some(name)))
            .put(called(shown, name))
    };
    let all = (silent.len() > 1).then(|| again(shown, None));
    Some(
        div()
            .class("silent")
            .put(
                div()
                    .class("head")
                    .put(el("h3").put(format!("Not acknowledged: {}", silent.len())))
                    .put(all),
            )
            .put(ul().class("plain").all(silent.iter().map(one)))
            .put(
                p().class("small dim")
                    .put("Told again by the same channels; nobody more than once a minute."),
            ),
    )
}

/// One press, for one person or for all of them.
fn again(shown: &Shown<'_>, name: Option<&str>) -> El {
    let id = name.map_or("all".to_owned(), |n| facts::encoded(n).replace('%', "-"));
    let form = shown.form("notifications/repeat", format!("again-{id}"));
    let says = match name {
        Some(_) => "Tell again",
        None => "Tell all again",
    };
    let button = Button::new(says, Permission::Respond)
        .class("btn small")
        .view()
        .set("id", format!("again-{id}"))
        .set("aria-label", name.map(|name| format!("Tell {name} again")));
    let person = name.map(|name| hidden("person", name.to_owned()));
    form.view(vec![Node::from(person), button.into()])
}
