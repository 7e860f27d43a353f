//! One place to write: a note, an update for the public, a report for those at work, a task. The choice is a radio
//! button, so it works without a script. Each update can be looked at before it is posted.

use super::limits::{self, counting};
use crate::{
    facts,
    node::{El, Node, blockquote, button, div, fieldset, input, label, legend, p, span},
    page::Page,
    parts::{Ask, Button, Form, dim, hidden, kbd, when},
    room::Room,
};
use domain::{Incident, Number, Permission, Phase, Stamp, notify::Cadence, plan::Plan};

/// In the incident's timeline.
pub fn composer(room: Room, number: &Number) -> Vec<El> {
    let Some(incident) = room.incident(number) else {
        return Vec::new();
    };
    let page = room.page();
    let forms = Forms::of(number);
    let (update, report) = (
        forms.update(&page, &incident),
        forms.report(&page, &incident),
    );
    let chosen = forms.chosen("note");
    let Forms { note, task, .. } = forms;
    let tabs = tabs(
        chosen,
        &[
            ("note", "Note", "N"),
            ("update", "Public update", "U"),
            ("report", "CAN report", "R"),
            ("task", "Task", "T"),
        ],
    );
    let panel = |id: &'static str, form: Node| div().set("data-panel", id).put(form);
    vec![
        tabs,
        panel("note", note_form(note).into()),
        panel(
            "update",
            vec![
                last_said(&page, &incident, Cadence::Public)
                    .set("id", "said-public")
                    .set("data-follow", true),
                update,
            ]
            .into(),
        ),
        panel(
            "report",
            vec![
                last_said(&page, &incident, Cadence::Internal)
                    .set("id", "said-internal")
                    .set("data-follow", true),
                report,
            ]
            .into(),
        ),
        panel("task", task_form(&page, task).into()),
    ]
}

/// The forms that begin with the same address.
pub struct Forms {
    note: Form,
    update: Form,
    report: Form,
    task: Form,
    preview: String,
}

impl Forms {
    pub fn of(number: &Number) -> Forms {
        let to = |what: &str, name: &str| Form::to(format!("/incidents/{number}/{what}"), name);
        Forms {
            note: to("notes", "note"),
            update: to("updates", "update"),
            report: to("updates", "report"),
            task: to("tasks", "task"),
            preview: format!("/incidents/{number}/updates/preview"),
        }
    }

    /// The part that is open: the one that was refused, or else the usual.
    pub fn chosen(&self, usual: &'static str) -> &'static str {
        let refused = [
            ("update", &self.update),
            ("report", &self.report),
            ("task", &self.task),
        ];
        let found = refused.iter().find(|(_, form)| form.was_refused());
        found.map_or(usual, |(name, _)| name)
    }

    /// For the public, and for everybody who was told.
    pub fn update(&self, page: &Page, incident: &Incident) -> El {
        let form = self.update.clone();
        let draft = page.draft.as_ref().filter(|d| !d.internal);
        let phase = draft.map_or(incident.phase, |d| d.phase).id();
        let phase = form.typed("phase").unwrap_or_else(|| phase.into());
        let option = |p: Phase| {
            let radio = input()
                .set("type", "radio")
                .set("name", "phase")
                .set("value", p.id())
                .set("required", true)
                .set("checked", p.id() == phase);
            label()
                .class("choice")
                .put(radio)
                .put(span().put(p.words()))
        };
        let (says, where_to) = if incident.public {
            (
                "Publish the update",
                "It appears on the public status page at once, and goes to everybody who was told.",
            )
        } else {
            (
                "Post the update",
                "This incident is not public: the update goes to those who were told, and stays in here.",
            )
        };
        let message = match draft {
            Some(draft) => Some(draft.message.clone()),
            None => first_word(&page.plan, incident, page.now),
        };
        let body = vec![
            fieldset()
                .class("choices")
                .put(legend().put("Phase"))
                .all(Phase::OPEN.map(option)),
            form.sentence("phase"),
            form.lines_of(
                "message",
                "What should customers know?",
                "What is wrong, what it means for them, when the next word comes.",
                true,
                message,
            ),
            acts(
                Button::new(says, Permission::Command),
                Some(self.preview()),
                where_to,
            ),
        ];
        form.view(body)
    }

    /// Conditions, actions, needs: for those who were told, and nobody else.
    pub fn report(&self, page: &Page, incident: &Incident) -> El {
        let form = self.report.clone();
        let draft = page.draft.as_ref().filter(|d| d.internal);
        let field = |name: &'static str, says: &'static str, hint: &'static str| {
            let typed = draft.and_then(|d| {
                let found = d.report.iter().find(|(n, _)| n == name);
                found.map(|(_, text)| text.clone())
            });
            form.lines_of(name, says, hint, name == "conditions", typed)
        };
        let who = match incident.public {
            true => "It goes to everybody who was told, and never to the public.",
            false => "It goes to everybody who was told.",
        };
        let body: Vec<Node> = vec![
            hidden("internal", "on").into(),
            field(
                "conditions",
                "Conditions",
                "What is known: what is broken, for whom, since when.",
            )
            .into(),
            field("actions", "Actions", "What is being done, and by whom.").into(),
            field(
                "needs",
                "Needs",
                "What is missing: people, decisions, access.",
            )
            .into(),
            acts(
                Button::new("Post the report", Permission::Command),
                Some(self.preview()),
                who,
            )
            .into(),
        ];
        form.view(body)
    }

    /// It leads to the page that shows what would be said; nothing is posted yet.
    fn preview(&self) -> El {
        button()
            .class("btn")
            .set("formaction", self.preview.clone())
            .set("data-plain", true)
            .put("Preview")
    }
}

pub fn tabs(chosen: &str, all: &[(&'static str, &'static str, &'static str)]) -> El {
    let tab = |(id, says, key): &(&'static str, &'static str, &'static str)| {
        let radio = input()
            .set("type", "radio")
            .set("name", "composer")
            .set("id", format!("write-{id}"))
            .set("value", *id)
            .set("checked", chosen == *id)
            .set("autocomplete", "off");
        let key = (!key.is_empty()).then(|| kbd(key));
        label().put(radio).put(span().put(*says).put(key))
    };
    fieldset()
        .class("tabs")
        .put(legend().class("vh").put("Write"))
        .all(all.iter().map(tab))
}

/// What was said last, and when the next word is due.
pub fn last_said(page: &Page, incident: &Incident, which: Cadence) -> El {
    let mut last = incident.updates.iter().rev();
    let last = match which {
        Cadence::Public if incident.public => last.find(|u| u.public),
        _ => last.next(),
    };
    let said: Node = match last {
        Some(update) => vec![
            p().put(dim("Last said "))
                .put(when(update.at))
                .put(dim(format!(" by {} · {}", update.by, update.phase.words()))),
            blockquote().put(update.message.clone()),
        ]
        .into(),
        None => p().put(dim("Nothing was said yet.")).into(),
    };
    let next = limits::update_due(&page.plan, incident, which, page.now).map(|(due, limit)| {
        let from = Stamp(due.0 - limit.within.micros());
        let word = if limit.is_over() {
            "overdue since "
        } else {
            "due "
        };
        p().class("due")
            .put(dim(format!("Next {} {word}", which.words())))
            .put(when(due))
            .put(" ")
            .put(counting(&limit, from))
    });
    div().class("said").put(next).put(said)
}

/// The first word to the public needs nothing to be known: it is written already, to be read and changed.
fn first_word(plan: &Plan, incident: &Incident, now: Stamp) -> Option<String> {
    if !incident.public || incident.updates.iter().any(|u| u.public) {
        return None;
    }
    // Under the names that the public knows them by; what it does not know is not named.
    let face = |id| Some(plan.service(id)?.public.as_ref()?.name.as_str());
    let mut named: Vec<&str> = incident.affected.iter().filter_map(face).collect();
    named.dedup();
    if named.is_empty() {
        named.push("our service");
    }
    let what = facts::and(named);
    let every = plan.communication.severity(incident.severity)?.update_every;
    let next = now.plus(every).clock();
    Some(format!(
        "We are investigating a problem with {what}. We will say more by {} UTC.",
        &next[..5]
    ))
}

fn acts(button: Button, other: Option<El>, says: impl Into<Node>) -> El {
    div()
        .class("acts")
        .put(button.main().view())
        .put(other)
        .put(dim(says))
}

fn note_form(form: Form) -> El {
    let body = vec![
        form.lines(
            "text",
            "Note for the timeline",
            "What you saw, decided or tried. Not public.",
        ),
        acts(Button::new("Add the note", Permission::Respond), None, ()),
    ];
    form.view(body)
}

fn task_form(page: &Page, form: Form) -> El {
    let title = Ask {
        hint: "One thing, with a clear end",
        required: true,
        most: Some("200"),
        ..Ask::default()
    };
    let owner = Ask {
        required: true,
        most: Some("80"),
        list: Some("people"),
        value: Some(page.who.name.clone()),
        ..Ask::default()
    };
    let minutes = Ask {
        kind: Some("number"),
        required: true,
        least: Some("1"),
        value: Some("15".into()),
        ..Ask::default()
    };
    let body = vec![
        form.line("title", "Task", title),
        div()
            .class("fields")
            .put(form.line("owner", "Owner", owner))
            .put(form.line("minutes", "Minutes", minutes)),
        acts(Button::new("Add the task", Permission::Respond), None, ()),
    ];
    form.view(body)
}
