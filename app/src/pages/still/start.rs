//! The form that starts a runbook: for what, how, and with what it wants to be told.

use crate::{
    node::{El, Node, div, el, fieldset, input, label, legend, p, span},
    parts::{Button, Form, dim, severity},
    room::Room,
};
use domain::{
    Incident, Kind, Number, Permission,
    plan::{Parameter, ParameterKind, Runbook},
};
use leptos::prelude::*;
use std::sync::Arc;

pub struct Start<'a> {
    room: Room,
    runbook: &'a Runbook,
    form: Form,
    open: Vec<Arc<Incident>>,
    /// The incident's number, or nothing for none.
    chosen: String,
}

impl<'a> Start<'a> {
    pub fn of(room: Room, runbook: &'a Runbook, incident: Option<&Number>) -> Self {
        let form = Form::to(
            format!("/runbooks/{}/runs", runbook.slug),
            format!("run-{}", runbook.slug),
        );
        let open: Vec<Arc<Incident>> = room
            .world
            .with_untracked(|w| w.open_incidents().into_iter().cloned().collect());
        let chosen = form
            .typed("incident")
            .or(incident.map(|n| n.to_string()))
            .or(open.first().map(|i| i.number.to_string()))
            .unwrap_or_default();
        Start {
            room,
            runbook,
            form,
            open,
            chosen,
        }
    }

    pub fn was_refused(&self) -> bool {
        self.form.was_refused()
    }

    pub fn view(self, body: Vec<El>) -> El {
        self.form.view(body)
    }

    pub fn button(&self) -> El {
        let says = format!("Run {}", self.runbook.name);
        let button = Button::new(says, Permission::Command);
        let button = if self.runbook.is_dangerous() {
            button.class("btn danger")
        } else {
            button.main()
        };
        div().class("acts").put(button.view())
    }

    /// The whole form.
    pub fn whole(self) -> El {
        let parameters = self.runbook.parameters.iter();
        let mut body: Vec<El> = parameters.map(|p| parameter(&self.form, p)).collect();
        if !body.is_empty() {
            body.push(self.form.sentence("parameters"));
        }
        body.push(self.incidents());
        body.push(self.modes());
        let stepwise = self.form.typed("stepwise").is_some();
        let check = input()
            .set("type", "checkbox")
            .set("name", "stepwise")
            .set("value", "true")
            .set("checked", stepwise)
            .set("autocomplete", "off");
        let says = vec![
            Node::from("Step by step"),
            dim("somebody lets each step begin").into(),
        ];
        body.push(
            label()
                .class("choice wide")
                .put(check)
                .put(span().put(says)),
        );
        if let Some(text) = &self.runbook.confirm {
            let control = input()
                .set("type", "text")
                .set("autocomplete", "off")
                .set("value", self.form.typed("confirm"));
            let says = vec![
                Node::from("Type "),
                el("code").put(text.clone()).into(),
                Node::from(" to start"),
            ];
            body.push(self.form.labelled("confirm", "confirm", says, control));
        }
        body.push(self.button());
        self.view(body)
    }

    pub fn incidents(&self) -> El {
        let page = self.room.page();
        let choice = |i: &Arc<Incident>| {
            let number = i.number.to_string();
            let says = span()
                .put(severity(&page.plan, i.severity))
                .put(span().put(format!("{number} {}", i.title)));
            label()
                .class("choice wide")
                .put(radio("incident", number.clone(), number == self.chosen))
                .put(says)
        };
        let none = label()
            .class("choice wide")
            .put(radio("incident", String::new(), self.chosen.is_empty()))
            .put(span().put("None"));
        let set = fieldset()
            .class("choices")
            .put(legend().put("For which incident?"))
            .all(self.open.iter().map(choice))
            .put(none);
        div().put(set).put(self.form.sentence("incident"))
    }

    pub fn modes(&self) -> El {
        let page = self.room.page();
        let drills =
            (self.open.iter()).any(|i| i.kind == Kind::Drill && self.chosen == i.number.as_str());
        let usual = if drills { "drill" } else { "real" };
        let chosen = self.form.typed("mode").unwrap_or_else(|| usual.into());
        let mode = |value: &'static str, says: &'static str, more: &'static str| {
            label()
                .class("choice wide")
                .put(radio("mode", value.into(), chosen == value))
                .put(span().put(says).put(dim(more)))
        };
        let drill = page.plan.targets.rehearsal.then(|| {
            mode(
                "drill",
                "As a drill",
                "acts, on targets that are there for practice",
            )
        });
        let set = fieldset()
            .class("choices")
            .put(legend().put("How?"))
            .put(mode("real", "For real", ""))
            .put(drill)
            .put(mode(
                "dry_run",
                "Dry run",
                "only says what each step would do",
            ));
        div().put(set).put(self.form.sentence("mode"))
    }
}

fn radio(name: &'static str, value: String, checked: bool) -> El {
    input()
        .set("type", "radio")
        .set("name", name)
        .set("value", value)
        .set("checked", checked)
        .set("autocomplete", "off")
}

/// The field of a parameter, after its kind.
fn parameter(form: &Form, p: &Parameter) -> El {
    use ParameterKind::*;
    let name = format!("p.{}", p.name);
    let value = match p.kind {
        Secret => None,
        _ => form.typed(&name).or(p.default.clone()),
    };
    let must = p.required && p.default.is_none();
    let option = |shown: &str, says: &str| {
        el("option")
            .set("value", shown.to_owned())
            .set("selected", value.as_deref().unwrap_or_default() == shown)
            .put(says.to_owned())
    };
    let of_these = |options: Vec<El>| {
        let none =
            (p.default.is_none()).then(|| option("", if must { "Choose …" } else { "Not given" }));
        el("select").put(none).all(options)
    };
    let typed = |kind: &'static str| {
        input()
            .set("type", kind)
            .set("autocomplete", "off")
            .set("value", value.clone())
    };
    let control = match p.kind {
        Bool => of_these(vec![option("true", "Yes"), option("false", "No")]),
        Enum => of_these(p.values.iter().map(|v| option(v, v)).collect()),
        Int => typed("number")
            .set("step", "1")
            .set("min", p.min.clone())
            .set("max", p.max.clone()),
        String => typed("text")
            .set("minlength", p.min.clone())
            .set("maxlength", p.max.clone()),
        Secret => typed("password")
            .set("minlength", p.min.clone())
            .set("maxlength", p.max.clone()),
        Timestamp => typed("text").set("placeholder", "2026-11-22T14:02:11Z"),
        Duration => typed("text").set("placeholder", "15m"),
    };
    let called = if p.description.is_empty() {
        &p.name
    } else {
        &p.description
    };
    let mut says = vec![Node::from(called.clone())];
    if !p.description.is_empty() {
        says.push(el("code").class("dim").put(p.name.clone()).into());
    }
    let hint = hint(p);
    says.push(dim(if must { "required" } else { "optional" }).into());
    let field = form.labelled(
        &name,
        &format!("parameters.{}", p.name),
        says,
        control.set("required", must),
    );
    field.put((!hint.is_empty()).then(|| el("p").class("small dim").put(hint)))
}

/// What will do.
fn hint(parameter: &Parameter) -> std::string::String {
    use ParameterKind::*;
    let mut says: Vec<std::string::String> = match parameter.kind {
        Int => vec!["A whole number".into()],
        Timestamp => vec!["A time with its zone".into()],
        Duration => vec!["A length of time, such as 90s, 15m or 2h".into()],
        Secret => vec!["Kept secret: neither stored nor shown".into()],
        _ => Vec::new(),
    };
    let letters = match parameter.kind {
        String | Secret => " characters",
        _ => "",
    };
    match (&parameter.min, &parameter.max) {
        (Some(min), Some(max)) => says.push(format!("{min} to {max}{letters}")),
        (Some(min), None) => says.push(format!("at least {min}{letters}")),
        (None, Some(max)) => says.push(format!("at most {max}{letters}")),
        (None, None) => {}
    }
    if let Some(pattern) = &parameter.regex {
        says.push(format!("must match {pattern}"));
    }
    says.join(", ")
}

/// Beside the runbook: the form, or why there is none.
pub fn card(room: Room, runbook: &Runbook, incident: Option<&Number>) -> El {
    let why = crate::room::needs(room.page().who.role, Permission::Command);
    if let Some(service) = begun_elsewhere(room, runbook) {
        let body = p()
            .put("This runbook is begun where its failover stands: ")
            .put(crate::parts::link(
                format!("/failover/{service}"),
                "open the failover",
            ));
        return crate::parts::card("Start it", (), body).set("id", "start");
    }
    let body: El = match (super::runbooks::going(room, runbook), why) {
        (_, Some(why)) => p().class("dim").put(why),
        (Some(run), None) => {
            p().put(crate::parts::run::status(&run))
                .put(" ")
                .put(crate::parts::link(
                    crate::parts::run::address(&run.id),
                    "Open the run that is not over",
                ))
        }
        (None, None) => Start::of(room, runbook, incident).whole(),
    };
    crate::parts::card("Start it", (), body).set("id", "start")
}

/// The service whose failover begins this runbook: it is not begun by itself.
fn begun_elsewhere(room: Room, runbook: &Runbook) -> Option<domain::ServiceId> {
    let page = room.page();
    let mine = |f: &&domain::plan::Failover| {
        let r = &f.runbooks;
        [&r.automatic, &r.manual, &r.failback].contains(&&runbook.slug)
    };
    page.plan
        .failover
        .iter()
        .find(mine)
        .map(|f| f.service.clone())
}
