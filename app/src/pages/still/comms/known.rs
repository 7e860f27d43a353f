//! Who must know of an incident: whether the matrix was kept, who said that they know, who is asked next, and whom a
//! person has to call.

mod hands;
mod lines;

use crate::{
    facts::Limit,
    node::{El, Node, div, el, li, p, span, ul},
    page::Page,
    pages::still::{contacts, limits, matrix},
    parts::{Button, Form, dim, icon, state, when},
};
use domain::{
    Command, Incident, Permission, Stamp, World,
    notify::{Acknowledgement, Comms, Live, People, Score, Suppressed, Timer, scorecard, timers},
    plan::{Level, Plan},
    words::Icon,
};
use std::sync::Arc;

/// What every part of the card is drawn from.
struct Shown<'a> {
    page: &'a Page,
    incident: &'a Incident,
    comms: &'a Comms,
    people: People<'a>,
    score: Vec<Score<'a>>,
}

impl<'a> Shown<'a> {
    fn plan(&self) -> &'a Plan {
        &self.page.plan
    }

    fn now(&self) -> Stamp {
        self.page.now
    }

    fn form(&self, what: &str, name: impl Into<String>) -> Form {
        Form::to(format!("/incidents/{}/{what}", self.incident.number), name)
    }

    /// The signed-in person as the contacts know them, else as they are signed in.
    fn me(&self) -> &str {
        let name = &self.page.who.name;
        self.people.find(name).map_or(name, |(person, _)| person)
    }

    /// What is asked of people ends with the incident.
    fn asks(&self) -> bool {
        self.incident.is_open() && Live::of(self.incident, self.plan()).is_ok()
    }
}

pub fn card(page: &Page, incident: &Incident) -> Vec<El> {
    let comms = page.told.comms.get(&incident.number);
    let Some(comms) = comms.filter(|c| c.level < u8::MAX) else {
        let says = "It was declared before Muster told anybody: nothing is known of who was told.";
        return vec![p().class("dim").put(says)];
    };
    let shown = Shown {
        page,
        incident,
        comms,
        people: People::of(&page.plan.contacts),
        score: scorecard(comms, &page.told.notices),
    };
    let mut all: Vec<El> = Vec::new();
    all.extend(nobody(&shown));
    all.push(acknowledged(&shown));
    all.extend(support(&shown));
    all.extend(hands::by_hand(&shown));
    all.push(lines::table(&shown));
    all.extend(hands::silent(&shown));
    all.extend(lines::details(&shown));
    all
}

/// Nobody real is told, and why.
fn nobody(shown: &Shown<'_>) -> Option<El> {
    let reason = Live::of(shown.incident, shown.plan()).err()?;
    let says = match reason {
        Suppressed::Drill => "This is a drill: nobody real is told. Below stands who would be.",
        Suppressed::Backfilled => "It was written down after the fact: nobody is told.",
        _ => "It was declared quietly: nobody is told. Below stands who would be.",
    };
    Some(
        p().class("notice calm-notice")
            .put(icon("none"))
            .put(span().put(says)),
    )
}

/// Who said that they know and by what; or that nobody has, and who is asked when.
fn acknowledged(shown: &Shown<'_>) -> El {
    let mut knowing = shown.comms.knowing();
    let first = knowing.next();
    let head: Node = match first {
        Some(first) => {
            let says = format!("{} knows", first.person);
            let more = knowing.count();
            let others = (more > 0).then(|| format!(" and {more} more"));
            p().class("knows")
                .put(state(Icon::Ok, says))
                .put(others)
                .into()
        }
        None if !shown.asks() => Node::Nothing,
        None => p()
            .class("knows")
            .put(state(Icon::Bad, "Nobody has acknowledged yet"))
            .put(next_level(shown))
            .into(),
    };
    let levels = shown.plan().communication.levels();
    let level = usize::from(shown.comms.level).checked_sub(2);
    let level = level.and_then(|n| levels.get(n)).map(|level| {
        let whom = matrix::asked(shown.plan(), level);
        let says = format!("Escalated to level {}: {whom}", shown.comms.level);
        p().class("small")
            .put(state(Icon::Warn, says))
            .put(" ")
            .put(when(shown.comms.level_since))
    });
    let list = ul()
        .class("plain small")
        .all(shown.comms.knowing().map(one));
    div()
        .class("acknowledgement")
        .put(div().class("grow").put(head).put(level))
        .put(i_know(shown))
        .put(first.map(|_| list))
}

fn one(a: &Acknowledgement) -> El {
    let by = a.via.map_or("was called by hand", |via| via.words());
    li().put(
        div()
            .class("grow")
            .put(a.person.clone())
            .put(dim(format!(" {by}"))),
    )
    .put(when(a.at))
}

/// The button of whoever reads this.
fn i_know(shown: &Shown<'_>) -> Option<El> {
    if !shown.incident.is_open() {
        return None;
    }
    let mine = shown.comms.knows(shown.me());
    if let Some(mine) = mine {
        return Some(
            p().class("small")
                .put(dim("You acknowledged "))
                .put(when(mine.at)),
        );
    }
    let form = shown.form("acknowledge", "acknowledge");
    let button = Button::new("I know", Permission::Respond)
        .main()
        .view()
        .set("id", "i-know");
    Some(form.view(button))
}

/// Whom nobody's silence brings in next, and when.
fn next_level(shown: &Shown<'_>) -> Option<El> {
    let timer = escalation(shown.page, shown.incident)?;
    let Command::Escalate { level, .. } = timer.command else {
        return None;
    };
    let levels = shown.plan().communication.levels();
    let asked = levels.get(usize::from(level).checked_sub(2)?)?;
    let limit = Limit {
        within: timer.at.since(timer.since),
        used: shown.now().since(timer.since),
    };
    let whom = matrix::asked(shown.plan(), asked);
    Some(
        span()
            .class("small")
            .put(format!(
                " {whom} {} asked next, in ",
                if whom.ends_with('s') { "are" } else { "is" }
            ))
            .put(limits::counting(&limit, timer.since)),
    )
}

/// When the next level is asked, where nobody acknowledges.
pub fn escalation(page: &Page, incident: &Incident) -> Option<Timer> {
    let comms = page.told.comms.get(&incident.number)?;
    let world = World {
        comms: [(incident.number.clone(), Arc::clone(comms))].into(),
        ..World::default()
    };
    let is = |t: &Timer| matches!(t.command, Command::Escalate { .. });
    timers(&world, &page.plan, incident).into_iter().find(is)
}

/// At the level where only somebody outside is left, until somebody knows: whom to call, and under which account.
fn support(shown: &Shown<'_>) -> Option<El> {
    let levels = shown.plan().communication.levels();
    let reached = levels
        .iter()
        .take(usize::from(shown.comms.level).saturating_sub(1));
    let external = reached
        .into_iter()
        .any(|l| l.to.iter().any(|to| to == Level::EXTERNAL));
    let list = crate::facts::sorted(&shown.plan().contacts.external, |e| e.priority);
    let alone = shown.comms.knowing().next().is_none();
    (external && alone && !list.is_empty() && shown.asks()).then(|| {
        let line = |e: &domain::plan::ExternalSupport| {
            li().put(div().class("grow").put(el("b").put(e.service.clone())))
                .put(contacts::reach(&e.contact))
                .put(
                    span()
                        .put(dim("account "))
                        .put(el("code").put(e.account.clone())),
                )
        };
        div()
            .class("by-hand")
            .put(el("h3").put("Call external support"))
            .put(ul().class("plain").all(list.into_iter().map(line)))
    })
}
