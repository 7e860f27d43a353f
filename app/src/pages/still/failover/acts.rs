//! What a person may do; what they may not now is shown with the reason.

use super::Shown;
use crate::{
    node::{El, Node, div, el, p},
    parts::{Ask, Button, Form, hidden, when},
};
use domain::{
    Permission,
    failover::{DATA_LOSS, Signal, State, TWO_PRIMARIES},
};

/// The buttons of the failover's way, in its order.
pub fn card(shown: &Shown) -> El {
    let mut body = vec![trigger(shown)];
    if shown.now.state == State::Fencing {
        body.push(override_fencing(shown));
    }
    body.extend(acknowledge(shown));
    body.push(plan_failback(shown));
    body.push(fail_back(shown));
    body.push(settle(shown));
    crate::parts::card("What can be done", (), div().class("asks-list").all(body))
}

fn form(shown: &Shown, act: &str) -> Form {
    Form::to(format!("/failover/{}/{act}", shown.service), act.to_owned())
}

/// The fields are there where the button is; else only the reason.
fn act(form: Form, fields: Vec<El>, button: Button, why: Option<String>) -> El {
    let barred = why.is_some();
    let refused = form.was_refused();
    let reason = why.clone().map(|why| p().class("small dim").put(why));
    let fields = if barred { Vec::new() } else { fields };
    let button = button.barred(why).view();
    let body: Vec<El> = fields
        .into_iter()
        .chain([div().class("acts").put(button)])
        .chain(reason)
        .collect();
    // The page stands still: it is loaded again with what came of it.
    let plain = !refused;
    form.view(Node::from(body))
        .class("act")
        .set("data-plain", plain)
}

fn reason(form: &Form, hint: &'static str) -> El {
    let ask = Ask {
        required: true,
        shortest: Some("3"),
        most: Some("500"),
        hint,
        ..Ask::default()
    };
    form.line("reason", "Why", ask)
}

fn risk(form: &Form, says: &'static str, required: bool) -> El {
    let ask = Ask {
        required,
        most: Some("500"),
        ..Ask::default()
    };
    form.line("risk", says, ask)
}

fn trigger(shown: &Shown) -> El {
    let form = form(shown, "trigger");
    let doubt = shown.refusal(Signal::Trigger, "");
    // Without a failure a reason is asked for, and with a doubt about the replica its risk; nothing else can be overruled.
    let why = shown.refusal(Signal::Trigger, DATA_LOSS);
    let mut fields = Vec::new();
    if let (Some(doubt), None) = (doubt, &why) {
        fields.push(p().class("notice").put(doubt));
        let says = "To fail over all the same, write why; where data may be lost, with the words “data loss”";
        fields.push(risk(&form, says, true));
    }
    let button = Button::new("Fail over to the secondary", Permission::Command).class("btn danger");
    act(form, fields, button, why)
}

fn override_fencing(shown: &Shown) -> El {
    let form = form(shown, "override");
    let why = shown.refusal(Signal::Override, TWO_PRIMARIES);
    let says = "The old primary may still take writes. To promote all the same, write why, with the words “two primaries”";
    let fields = vec![risk(&form, says, true)];
    let button = Button::new("Promote without a fencing proof", Permission::Command);
    act(form, fields, button.class("btn danger"), why)
}

fn plan_failback(shown: &Shown) -> El {
    let form = form(shown, "plan-failback");
    let why = shown.refusal(Signal::PlanFailback, "");
    let fields = vec![reason(&form, "Why the primary may be trusted again")];
    let button = Button::new("Plan the failback", Permission::Command);
    act(form, fields, button, why)
}

fn fail_back(shown: &Shown) -> El {
    let form = form(shown, "failback");
    let why = shown.refusal(Signal::FailBack, "");
    let plan = shown.plan();
    let confirm = plan
        .failover(&shown.service)
        .and_then(|f| plan.runbook(&f.runbooks.failback))
        .and_then(|r| r.confirm.clone());
    let field = confirm.map(|text| {
        let says = vec![
            Node::from("Type "),
            el("code").put(text).into(),
            Node::from(" to start"),
        ];
        let control = crate::node::input()
            .set("type", "text")
            .set("autocomplete", "off")
            .set("value", form.typed("confirm"));
        form.labelled("confirm", "confirm", says, control)
    });
    let button = Button::new("Fail back to the primary", Permission::Command);
    act(
        form,
        field.into_iter().collect(),
        button.class("btn danger"),
        why,
    )
}

fn settle(shown: &Shown) -> El {
    let form = form(shown, "settle");
    let why = shown.refusal(Signal::Settle, "");
    let fields = vec![reason(&form, "What was done by other means")];
    let button = Button::new("It is settled by other means", Permission::Command);
    act(form, fields, button, why)
}

/// Only where there is something to acknowledge.
fn acknowledge(shown: &Shown) -> Option<El> {
    let at = shown.now.unacknowledged()?;
    let form = form(shown, "acknowledge");
    let says = p()
        .put("Muster failed over by itself ")
        .put(when(at))
        .put(". Until somebody acknowledges it, it does not do so again for a while.");
    let button = Button::new("Acknowledge", Permission::Command).main();
    Some(act(form, vec![says], button, None))
}

/// The lever that holds everything Muster would begin by itself.
pub fn lever(shown: &Shown) -> El {
    let service = hidden("service", shown.service.to_string());
    let (title, body) = match shown.world.automation.as_deref() {
        Some(held) => {
            let form = Form::to("/automation/release", "release");
            let says = p()
                .put(format!("Held by {} since ", held.by))
                .put(when(held.at))
                .put(format!(": {}", held.reason));
            let button = Button::new("Release the automation", Permission::Command);
            (
                "Automation is held",
                act(form, vec![service, says], button, None),
            )
        }
        None => {
            let form = Form::to("/automation/hold", "hold");
            let field = reason(&form, "Why Muster is to begin nothing by itself");
            let button = Button::new("Hold all automation", Permission::Command);
            ("Automation", act(form, vec![service, field], button, None))
        }
    };
    crate::parts::card(title, (), body)
}
