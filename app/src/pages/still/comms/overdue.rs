//! What is overdue in an incident's communication, loud enough for a board.

use super::known::escalation;
use crate::{
    node::{El, Node},
    page::Page,
    pages::still::limits,
    parts::{count, state},
};
use domain::{
    Incident,
    notify::{Cadence, Comms, Delivery, Live, Suppressed},
    words::Icon,
};

/// Each a word of its own; nothing where all is well.
pub fn marks(page: &Page, incident: &Incident) -> Vec<El> {
    let mut all = Vec::new();
    if !incident.is_open() {
        return all;
    }
    let over = |which| {
        let due = limits::update_due(&page.plan, incident, which, page.now);
        due.is_some_and(|(_, limit)| limit.is_over())
    };
    let comms = page.told.comms.get(&incident.number);
    let comms = comms.filter(|_| Live::of(incident, &page.plan).is_ok());
    if let Some(comms) = comms {
        if comms.knowing().next().is_none() && !comms.told.is_empty() {
            let shape = match escalation(page, incident) {
                Some(_) if comms.level < 2 => Icon::Warn,
                _ => Icon::Bad,
            };
            all.push(state(shape, "Nobody has acknowledged"));
        }
        let people = unreached(comms).len();
        if people > 0 {
            let says = count(people, "person").replace("persons", "people");
            all.push(state(Icon::Bad, format!("{says} to be called")));
        }
    }
    if over(Cadence::Public) {
        all.push(state(Icon::Bad, "Public update overdue"));
    }
    if over(Cadence::Internal) {
        all.push(state(Icon::Warn, "Internal update overdue"));
    }
    all
}

/// Whom no machine reaches on some channel, and nobody has reached since.
fn unreached(comms: &Comms) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (_, people) in comms.told.iter().filter(|(c, _)| c.is_personal()) {
        for (person, told) in people {
            let not = match told.suppressed {
                Some(Suppressed::NotConfigured | Suppressed::NoAddress) => true,
                Some(_) => false,
                None => told.state == Delivery::Failed,
            };
            let called = comms.calls.iter().any(|c| c.person == *person && c.reached);
            if not && !called && comms.knows(person).is_none() && !names.contains(&person.as_str())
            {
                names.push(person);
            }
        }
    }
    names
}

/// Side by side.
pub fn row(page: &Page, incident: &Incident) -> Node {
    let marks = marks(page, incident);
    match marks.is_empty() {
        true => Node::Nothing,
        false => crate::node::div().class("marks overdue").all(marks).into(),
    }
}
