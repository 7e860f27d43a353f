//! The clocks of an incident: each says what it counts, against what, and how sure it is.

use crate::{
    facts,
    node::{El, div},
    parts::{Clock, clock, comms},
};
use domain::{Incident, Stamp, plan::Plan};

pub fn clocks(plan: &Plan, i: &Incident, now: Stamp) -> El {
    let mut all = vec![
        elapsed(i, now),
        rto(plan, i, now),
        rpo(plan),
        next_word(plan, i, now),
    ];
    all.extend(first_word(plan, i, now));
    div().class("clocks").all(all.into_iter().map(clock))
}

fn elapsed(i: &Incident, now: Stamp) -> Clock {
    Clock {
        what: if i.is_open() {
            "Since declaration"
        } else {
            "Declared to resolved"
        }
        .into(),
        figure: facts::face(i.resolved_at.unwrap_or(now).since(i.declared_at)),
        limit: None,
        of: "impact not measured yet: it may have begun earlier".into(),
        tone: "is-none",
    }
}

fn rto(plan: &Plan, i: &Incident, now: Stamp) -> Clock {
    match facts::rto(plan, i, now) {
        Some((tier, limit)) => {
            let what = match (limit.is_over(), i.is_open()) {
                (true, _) => "RTO exceeded by",
                (false, true) => "RTO left",
                (false, false) => "RTO left at the end",
            };
            Clock {
                what: format!("{what} · {}", tier.name),
                figure: facts::face(limit.left()),
                of: format!(
                    "of {} since declaration: impact not measured yet",
                    tier.within.words()
                ),
                tone: if i.is_open() { limit.tone() } else { "is-none" },
                limit: Some(limit),
            }
        }
        None => none(
            "RTO left",
            "no affected service is named, so no objective applies",
        ),
    }
}

fn rpo(plan: &Plan) -> Clock {
    let limits = plan
        .objectives
        .rpo
        .iter()
        .map(|o| match o.within.as_secs() {
            0 => format!("{}: nothing", o.name),
            _ => format!("{}: {}", o.name, o.within.words()),
        });
    Clock {
        what: "Data at risk · RPO".into(),
        figure: "not measured".into(),
        limit: None,
        of: format!(
            "may be lost at most · {}",
            limits.collect::<Vec<_>>().join(" · ")
        ),
        tone: "is-none unmeasured",
    }
}

fn next_word(plan: &Plan, i: &Incident, now: Stamp) -> Clock {
    match facts::next_update(plan, i, now) {
        Some((_, limit)) => {
            let every = limit.within.words();
            let first = !i.updates.iter().any(|u| u.public);
            Clock {
                what: if limit.is_over() {
                    "Public update late by"
                } else {
                    "Next public update due in"
                }
                .into(),
                figure: facts::face(limit.left()),
                tone: limit.tone(),
                of: if first {
                    format!("the first within {every} for {}", i.severity.id())
                } else {
                    format!("every {every} for {}", i.severity.id())
                },
                limit: Some(limit),
            }
        }
        None if i.is_open() => none("Next public update", "this incident is not public"),
        None => none("Next public update", "resolved: the last word is out"),
    }
}

fn first_word(plan: &Plan, i: &Incident, now: Stamp) -> Option<Clock> {
    let limit = comms::due(plan, i, now).filter(|_| i.is_open())?;
    let at_once = limit.within.as_secs() == 0;
    Some(Clock {
        what: "First word to the audiences".into(),
        figure: if at_once || limit.is_over() {
            "due".into()
        } else {
            facts::face(limit.left())
        },
        of: format!(
            "{} by the plan · Muster does not send yet: call",
            if at_once {
                "at once".to_owned()
            } else {
                format!("within {}", limit.within.words())
            }
        ),
        tone: "is-warn",
        limit: None,
    })
}

fn none(what: &str, why: &str) -> Clock {
    Clock {
        what: what.into(),
        figure: "–".into(),
        limit: None,
        of: why.into(),
        tone: "is-none",
    }
}
