//! Real forms: they work with scripting off; with it on, one handler in `browser::forms` sends them without leaving the
//! page. A refusal comes back to the field it names; nothing typed is lost.

use crate::{parts::icon, page::Refused, room::{Room, needs}};
use domain::Permission;
use leptos::prelude::*;

#[derive(Clone)]
pub struct Form {
    action: String,
    name: String,
    /// What was refused of this very form, where scripting is off.
    refused: Option<Refused>,
}

impl Form {
    /// `name` tells the forms of one page apart: it ends the idempotency key.
    pub fn to(action: impl Into<String>, name: impl Into<String>) -> Form {
        let (action, name) = (action.into(), name.into());
        let refused = Room::here().page().refused.clone().filter(|r| {
            let key = r.typed.iter().find(|(field, _)| field == "key").map(|(_, key)| key.as_str());
            r.form == action && key.is_none_or(|key| key.ends_with(&format!("-{name}")))
        });
        Form { action, name, refused }
    }

    pub fn was_refused(&self) -> bool {
        self.refused.is_some()
    }

    pub fn typed(&self, field: &str) -> Option<String> {
        self.refused.as_ref()?.typed.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone())
    }

    /// Everything typed under a name: the checkboxes of one question.
    pub fn typed_all(&self, field: &str) -> Option<Vec<&str>> {
        Some(self.refused.as_ref()?.typed.iter().filter(|(name, _)| name == field).map(|(_, value)| value.as_str()).collect())
    }

    fn refusal(&self, field: Option<&str>) -> Option<String> {
        self.refused.as_ref().filter(|r| r.refusal.field.as_deref() == field).map(|r| r.refusal.says.clone())
    }

    fn id(&self, field: &str) -> String {
        format!("{}-{field}", self.name)
    }

    /// Where the sentence about a field appears; under `field` = none, that about the form as a whole.
    pub fn sentence(&self, field: Option<&'static str>) -> AnyView {
        let says = self.refusal(field);
        let id = self.id(&format!("{}-why", field.unwrap_or("form")));
        let silent = says.is_none();
        view! { <p class="refusal" id=id data-why=field.unwrap_or("") hidden=silent>{says}</p> }.into_any()
    }

    /// One line of text. `hint` says what is wanted; `list` names a datalist.
    pub fn line(&self, field: &'static str, label: &'static str, ask: Ask) -> AnyView {
        let id = self.id(field);
        let why = self.id(&format!("{field}-why"));
        view! {
            <div class="field">
                <label for=id.clone()>{label}</label>
                <input
                    id=id name=field type=ask.kind required=ask.required maxlength=ask.most autocomplete="off" list=ask.list
                    min=ask.least value=self.typed(field).or(ask.value) placeholder=ask.hint aria-describedby=why
                    aria-invalid=self.refusal(Some(field)).map(|_| "true")
                />
                {self.sentence(Some(field))}
            </div>
        }
        .into_any()
    }

    /// Several lines of text. The text goes in as escaped markup: a text area's children are not escaped by the renderer.
    pub fn lines(&self, field: &'static str, label: &'static str, hint: &'static str, required: bool) -> AnyView {
        let id = self.id(field);
        let why = self.id(&format!("{field}-why"));
        let typed = self.typed(field).map(|t| escaped(&t)).unwrap_or_default();
        view! {
            <div class="field">
                <label for=id.clone()>{label}</label>
                <textarea
                    id=id name=field rows="3" required=required maxlength="4000" placeholder=hint aria-describedby=why
                    aria-invalid=self.refusal(Some(field)).map(|_| "true") inner_html=typed
                ></textarea>
                {self.sentence(Some(field))}
            </div>
        }
        .into_any()
    }

    pub fn view(self, class: &'static str, body: AnyView) -> AnyView {
        let key = format!("{}-{}", Room::here().page().seed, self.name);
        let plain = self.refused.as_ref().map(|_| "");
        let head = self.sentence(None);
        view! {
            <form method="post" action=self.action class=class data-form=self.name data-plain=plain>
                <input type="hidden" name="key" value=key autocomplete="off"/>
                {head}
                {body}
            </form>
        }
        .into_any()
    }
}

/// How a line of text is asked for.
#[derive(Clone, Default)]
pub struct Ask {
    pub kind: Option<&'static str>,
    pub hint: &'static str,
    pub required: bool,
    pub most: Option<&'static str>,
    pub least: Option<&'static str>,
    pub list: Option<&'static str>,
    pub value: Option<String>,
}

pub fn hidden(name: &'static str, value: impl Into<String>) -> AnyView {
    view! { <input type="hidden" name=name value=value.into()/> }.into_any()
}

/// A button that sends its form, or says why it may not.
pub struct Button {
    pub label: String,
    pub class: &'static str,
    pub needs: Permission,
    /// What it adds to the form.
    pub name: Option<&'static str>,
    pub value: Option<String>,
}

impl Button {
    pub fn new(label: impl Into<String>, needs: Permission) -> Button {
        Button { label: label.into(), class: "btn", needs, name: None, value: None }
    }
    pub fn class(mut self, class: &'static str) -> Button {
        self.class = class;
        self
    }
    pub fn says(mut self, name: &'static str, value: impl Into<String>) -> Button {
        self.name = Some(name);
        self.value = Some(value.into());
        self
    }

    pub fn view(self) -> AnyView {
        let why = needs(Room::here().page().who.role, self.needs);
        view! {
            <button class=self.class type="submit" disabled=why.is_some() title=why name=self.name value=self.value>
                {self.label}
            </button>
        }
        .into_any()
    }
}

/// A button that opens a panel: a `<details>`, so that it works without a script. Where it is not allowed, a disabled
/// button that says why.
pub fn menu(label: AnyView, name: &'static str, permission: Permission, open: bool, class: &'static str, body: AnyView) -> AnyView {
    match needs(Room::here().page().who.role, permission) {
        Some(why) => view! { <button class=class type="button" disabled title=why.clone()>{label}<span class="vh">{format!(" ({why})")}</span></button> }.into_any(),
        None => view! {
            <details class="menu" name="menu" open=open data-menu=name>
                <summary class=class>{label}{icon("down")}</summary>
                <div class="panel">{body}</div>
            </details>
        }
        .into_any(),
    }
}

pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}
