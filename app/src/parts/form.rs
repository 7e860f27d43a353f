//! Real forms: they work with scripting off; with it on, one handler in `browser::forms` sends them without leaving the
//! page. A refusal comes back to the field it names; nothing typed is lost.

use crate::{
    node::{El, Node, button, details, div, el, input, label, p, span, summary},
    page::Refused,
    parts::icon,
    room::{Room, needs},
};
use domain::Permission;

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
            let key = r
                .typed
                .iter()
                .find(|(field, _)| field == "key")
                .map(|(_, key)| key.as_str());
            r.form == action && key.is_none_or(|key| key.ends_with(&format!("-{name}")))
        });
        Form {
            action,
            name,
            refused,
        }
    }

    pub fn was_refused(&self) -> bool {
        self.refused.is_some()
    }

    pub fn typed(&self, field: &str) -> Option<String> {
        self.refused
            .as_ref()?
            .typed
            .iter()
            .find(|(name, _)| name == field)
            .map(|(_, value)| value.clone())
    }

    /// Everything typed under a name: the checkboxes of one question.
    #[cfg(feature = "ssr")]
    pub fn typed_all(&self, field: &str) -> Option<Vec<String>> {
        Some(
            self.refused
                .as_ref()?
                .typed
                .iter()
                .filter(|(name, _)| name == field)
                .map(|(_, value)| value.clone())
                .collect(),
        )
    }

    fn refusal(&self, field: &str) -> Option<String> {
        self.refused
            .as_ref()
            .filter(|r| r.refusal.field.as_deref().unwrap_or_default() == field)
            .map(|r| r.refusal.says.clone())
    }

    fn id(&self, field: &str) -> String {
        format!("{}-{field}", self.name)
    }

    /// Where the sentence about a field appears; without a name, that about the form as a whole.
    pub fn sentence(&self, field: &str) -> El {
        let says = self.refusal(field);
        p().class("refusal")
            .set("id", self.id(&format!("{field}-why")))
            .set("data-why", field.to_owned())
            .set("hidden", says.is_none())
            .put(says)
    }

    /// A field with its label and its sentence around the control. `of` is what a refusal calls it.
    #[cfg(feature = "ssr")]
    pub fn labelled(&self, name: &str, of: &str, says: impl Into<Node>, control: El) -> El {
        self.around(name, of, says.into(), control)
    }

    fn around(&self, name: &str, of: &str, says: Node, control: El) -> El {
        let wrong = self.refusal(of).is_some();
        let control = control
            .set("id", self.id(name))
            .set("name", name.to_owned())
            .set("data-field", (name != of).then(|| of.to_owned()))
            .set("aria-describedby", self.id(&format!("{of}-why")))
            .set("aria-invalid", wrong.then_some("true"))
            .set("autofocus", wrong);
        div()
            .class("field")
            .put(label().set("for", self.id(name)).put(says))
            .put(control)
            .put(self.sentence(of))
    }

    fn field(&self, field: &'static str, says: &'static str, control: El) -> El {
        self.around(field, field, says.into(), control)
    }

    /// One line of text.
    pub fn line(&self, field: &'static str, says: &'static str, ask: Ask) -> El {
        let control = input()
            .set("type", ask.kind)
            .set("required", ask.required)
            .set("minlength", ask.shortest)
            .set("maxlength", ask.most)
            .set("min", ask.least)
            .set("list", ask.list)
            .set("autocomplete", "off")
            .set("placeholder", ask.hint)
            .set("value", self.typed(field).or(ask.value));
        self.field(field, says, control)
    }

    /// Several lines of text.
    pub fn lines(&self, field: &'static str, says: &'static str, hint: &'static str) -> El {
        self.area(field, says, hint, true, None)
    }

    /// Several lines of text that may begin with something, or stay empty.
    #[cfg(feature = "ssr")]
    pub fn lines_of(
        &self,
        field: &'static str,
        says: &'static str,
        hint: &'static str,
        required: bool,
        text: Option<String>,
    ) -> El {
        self.area(field, says, hint, required, text)
    }

    fn area(
        &self,
        field: &'static str,
        says: &'static str,
        hint: &'static str,
        required: bool,
        text: Option<String>,
    ) -> El {
        let control = el("textarea")
            .set("rows", "2")
            .set("required", required)
            .set("maxlength", "4000")
            .set("placeholder", hint);
        self.field(
            field,
            says,
            match self.typed(field).or(text) {
                // A line break first: a parser drops it, and would drop one that was typed.
                Some(typed) => control.put(format!("\n{typed}")),
                None => control,
            },
        )
    }

    /// One of several: what it sends, and what it says.
    pub fn choose(
        &self,
        field: &'static str,
        says: &'static str,
        of: impl IntoIterator<Item = (String, String)>,
    ) -> El {
        let typed = self.typed(field);
        let option = |(value, says): (String, String)| {
            el("option")
                .set("selected", typed.as_deref() == Some(&value))
                .set("value", value)
                .put(says)
        };
        self.field(field, says, el("select").all(of.into_iter().map(option)))
    }

    pub fn view(self, body: impl Into<Node>) -> El {
        let key = format!("{}-{}", Room::here().page().seed, self.name);
        let head = self.sentence("");
        el("form")
            .set("method", "post")
            .set("action", self.action)
            .set("data-form", self.name)
            .set("data-plain", self.refused.is_some())
            .put(
                input()
                    .set("type", "hidden")
                    .set("name", "key")
                    .set("value", key)
                    .set("autocomplete", "off"),
            )
            .put(head)
            .put(body)
    }
}

/// How a line of text is asked for. `list` names a datalist.
#[derive(Clone, Default)]
pub struct Ask {
    pub kind: Option<&'static str>,
    pub hint: &'static str,
    pub required: bool,
    pub shortest: Option<&'static str>,
    pub most: Option<&'static str>,
    pub least: Option<&'static str>,
    pub list: Option<&'static str>,
    pub value: Option<String>,
}

pub fn hidden(name: &'static str, value: impl Into<crate::node::Value>) -> El {
    input()
        .set("type", "hidden")
        .set("name", name)
        .set("value", value)
}

/// A button that sends its form, or says why it may not.
pub struct Button {
    says: String,
    class: &'static str,
    needs: Permission,
    adds: Option<(&'static str, &'static str)>,
    barred: Option<String>,
}

impl Button {
    pub fn new(says: impl Into<String>, needs: Permission) -> Button {
        Button {
            says: says.into(),
            class: "btn",
            needs,
            adds: None,
            barred: None,
        }
    }
    pub fn main(self) -> Button {
        self.class("btn main")
    }
    pub fn class(mut self, class: &'static str) -> Button {
        self.class = class;
        self
    }
    /// What it adds to the form.
    pub fn adds(mut self, name: &'static str, value: &'static str) -> Button {
        self.adds = Some((name, value));
        self
    }
    /// Why this person may not, besides what the role allows.
    pub fn barred(mut self, why: Option<String>) -> Button {
        self.barred = why;
        self
    }
    pub fn view(self) -> El {
        let why = self
            .barred
            .or_else(|| needs(Room::here().page().who.role, self.needs));
        let (name, value) = self.adds.unzip();
        button()
            .class(self.class)
            .set("disabled", why.is_some())
            .set("title", why)
            .set("name", name)
            .set("value", value)
            .put(self.says)
    }
}

/// A button that opens a panel: a `<details>`, so that it works without a script. Where it is not allowed, a disabled
/// button that says why.
pub fn menu(
    name: &'static str,
    says: impl Into<Node>,
    permission: Permission,
    open: bool,
    class: &'static str,
    body: impl Into<Node>,
) -> El {
    match needs(Room::here().page().who.role, permission) {
        Some(why) => {
            let aside = span().class("vh").put(format!(" ({why})"));
            button()
                .class(class)
                .set("type", "button")
                .set("disabled", true)
                .set("title", why)
                .put(says)
                .put(aside)
        }
        None => details()
            .class("menu")
            .set("name", "menu")
            .set("data-menu", name)
            .set("open", open)
            .put(summary().class(class).put(says).put(icon("down")))
            .put(div().class("panel").put(body)),
    }
}
