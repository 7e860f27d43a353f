//! The scorecard's lines, and each person's own.

use super::Shown;
use crate::{
    facts::{Limit, words},
    node::{El, Node, div, span, tr},
    pages::still::{contacts::fold, limits::counting},
    parts::{cell, count, dim, stack, state, when},
};
use domain::{
    Span, Stamp,
    notify::{AT_ONCE, Cause, Delivery, Notice, Reached, Score, Standing, audience_name},
    words::Icon,
};

pub fn table(shown: &Shown<'_>) -> El {
    if shown.score.is_empty() {
        return crate::node::p()
            .class("dim")
            .put("The plan tells nobody at this severity.");
    }
    let heads = ["To", "Due", "First sent", "Delivered", "Known", "Kept"];
    let lines: Vec<El> = shown.score.iter().map(|s| line(shown, s)).collect();
    stack(&heads, lines).class("stack score")
}

fn line(shown: &Shown<'_>, score: &Score<'_>) -> El {
    let all = score.to.len();
    let whom = match score.level {
        1 => audience_name(shown.plan(), score.audience).to_owned(),
        level => format!("Level {level}"),
    };
    let to = cell("To", score.channel.name()).put(div().class("small dim").put(
        match score.channel.is_personal() {
            true => format!("{whom} · {all}"),
            false => {
                let names: Vec<&str> = score.to.iter().map(|t| t.person).collect();
                names.join(", ")
            }
        },
    ));
    let sent = match score.first_sent() {
        Some(at) => when(at),
        None => dim("–"),
    };
    let (delivered, last) = score.delivered();
    let delivered = match (delivered, last) {
        (0, _) => dim("–"),
        (n, Some(at)) if n == all => when(at),
        (n, _) => span().put(format!("{n} of {all}")),
    };
    let known = match score.channel.is_personal() {
        true => span().put(format!("{} of {all}", score.knowing())),
        false => dim("–"),
    };
    tr().put(to)
        .put(cell("Due", when(score.due)))
        .put(cell("First sent", sent))
        .put(cell("Delivered", delivered))
        .put(cell("Known", known))
        .put(cell("Kept", standing(shown, score)))
}

fn standing(shown: &Shown<'_>, score: &Score<'_>) -> Node {
    let now = shown.now();
    match score.standing(now) {
        Standing::Kept(_) => state(Icon::None, "Not sent").into(),
        Standing::NotReached(n) => state(Icon::Bad, format!("{n} not reached")).into(),
        Standing::Overdue(_) => late(Icon::Bad, score.due, now),
        Standing::Waits => waits(score.due, now),
        Standing::Late(by) => state(Icon::Warn, format!("Late by {}", words(by))).into(),
        Standing::InTime => state(Icon::Ok, "In time").into(),
    }
}

/// It goes on: the browser counts.
fn late(icon: Icon, due: Stamp, now: Stamp) -> Node {
    let limit = Limit {
        within: Span::default(),
        used: now.since(due),
    };
    vec![
        Node::from(state(icon, "Late ")),
        counting(&limit, due).into(),
    ]
    .into()
}

fn waits(due: Stamp, now: Stamp) -> Node {
    match due > now {
        true => {
            let limit = Limit {
                within: due.since(now),
                used: Span::default(),
            };
            vec![
                Node::from(state(Icon::Run, "Under way ")),
                counting(&limit, now).into(),
            ]
            .into()
        }
        false if now.since(due) <= AT_ONCE => state(Icon::Run, "Under way").into(),
        false => late(Icon::Bad, due, now),
    }
}

/// Every person and every try.
pub fn details(shown: &Shown<'_>) -> Option<El> {
    if shown.page.told.notices.is_empty() {
        return None;
    }
    let rows: Vec<El> = shown.page.told.notices.iter().rev().map(row).collect();
    let says = format!("Each person, {}", count(rows.len(), "message"));
    let heads = ["Who", "Why", "State", "Sent", "Delivered"];
    Some(fold(
        "each-person",
        says,
        false,
        stack(&heads, rows).class("stack score"),
    ))
}

fn row(n: &Notice) -> El {
    let why = match n.why.as_str() {
        "" => n.suppressed.map(|reason| reason.words().to_owned()),
        why => Some(why.to_owned()),
    };
    let tries = (n.attempts > 1).then(|| format!(" after {} tries", n.attempts));
    let next = n.next.filter(|_| !n.state.is_over());
    let next = next.map(|at| span().put(" · next ").put(when(at)));
    let held = n.held_until.filter(|_| n.state == Delivery::Held);
    let held = held.map(|at| span().put(" until ").put(when(at)));
    let mark = state(icon(n.state), n.state.words());
    let of = |at: Option<Stamp>| at.map_or_else(|| dim("–"), when);
    tr().put(cell("Who", n.person.clone()).put(dim(format!(" {}", n.channel.name()))))
        .put(cell("Why", because(n.cause)))
        .put(
            cell("State", mark)
                .put(held)
                .put(div().class("small dim").put(why).put(tries).put(next)),
        )
        .put(cell("Sent", of(n.sent)))
        .put(cell("Delivered", of(n.delivered)))
}

fn because(cause: Cause) -> String {
    match cause {
        Cause::Declared => "Declared".into(),
        Cause::Raised => "Severity raised".into(),
        Cause::Reopened => "Reopened".into(),
        Cause::Escalation(level) => format!("Level {level}"),
        Cause::Update => "Update".into(),
        Cause::Resolved => "Resolved".into(),
        Cause::Reminder => "Update due".into(),
        Cause::Repeat => "Told again".into(),
        Cause::Test => "Test".into(),
        Cause::Subscriber => "Subscriber".into(),
    }
}

fn icon(state: Delivery) -> Icon {
    match state {
        Delivery::Pending | Delivery::Sending => Icon::Run,
        Delivery::Held | Delivery::Suppressed => Icon::None,
        Delivery::FailedTemporarily => Icon::Warn,
        Delivery::Sent | Delivery::Delivered | Delivery::Read | Delivery::Acknowledged => Icon::Ok,
        Delivery::Failed => Icon::Bad,
    }
}

/// For the words of somebody who has to be told by hand.
pub fn unreached<'a>(score: &'a [Score<'a>], now: Stamp) -> Vec<(&'a str, Vec<&'a Notice>)> {
    let mut all: Vec<(&str, Vec<&Notice>)> = Vec::new();
    for line in score {
        for target in &line.to {
            let (Reached::Not, Some(last)) = (target.reached(line.due, now), target.last()) else {
                continue;
            };
            match all.iter_mut().find(|(who, _)| *who == target.person) {
                Some((_, notices)) => notices.push(last),
                None => all.push((target.person, vec![last])),
            }
        }
    }
    all
}
