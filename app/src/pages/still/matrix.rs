//! The communication matrix: who is told at which severity, by when, by what; whether that works, what is said, and how
//! it was kept.

use super::{comms, spoken};
use crate::{
    facts,
    node::{El, Node, details, div, el, h3, li, p, span, summary, tr, ul},
    page::{Month, Page, Spoken, Way},
    pages::head,
    parts::{card, cell, dim, icon, link, severity, stack, state, when},
    room::Room,
};
use domain::{
    Severity,
    notify::audience_name,
    plan::{Channel, Level, MatrixRow, Plan, Stage},
    words::Icon,
};

pub fn page(room: Room) -> Vec<El> {
    let page = room.page();
    let about = p()
        .class("dim about")
        .put("as the plan has it: ")
        .put(link("/plan#matrix", "communication.yaml"));
    let left = div()
        .class("col")
        .put(policy(&page))
        .put(escalation(&page))
        .put(kept(&page));
    let ways = div()
        .set("id", "ways")
        .set("data-follow", true)
        .put(channels(&page));
    let right = div().class("col").put(ways).put(words(&page));
    vec![
        head("Communication matrix", about, ()),
        div().class("two").put(left).put(right),
    ]
}

/// The channels that any row uses, in their own order.
fn used(plan: &Plan) -> Vec<Channel> {
    let uses = |c: &Channel| {
        plan.communication
            .matrix
            .iter()
            .any(|r| r.channels.contains(c))
    };
    Channel::ALL.into_iter().filter(uses).collect()
}

fn policy(page: &Page) -> El {
    let plan = &page.plan;
    let channels = used(plan);
    let mut heads = vec!["Severity", "Audience", "Within"];
    heads.extend(channels.iter().map(|c| c.name()));
    heads.push("Acknowledged within");
    let rows = Severity::ALL
        .into_iter()
        .filter_map(|s| plan.communication.row(s));
    let lines: Vec<El> = rows.flat_map(|row| lines(page, row, &channels)).collect();
    let cadence = |s: Severity| {
        let policy = plan.communication.severity(s)?;
        let inside = policy
            .internal_every
            .map(|every| format!(" · inside every {}", every.words()));
        Some(
            li().put(severity(plan, s)).put(
                div()
                    .class("grow small")
                    .put(format!(
                        "public word within {}, then every {}",
                        policy.first_update.words(),
                        policy.update_every.words()
                    ))
                    .put(inside),
            ),
        )
    };
    let body = vec![
        Node::from(stack(&heads, lines)),
        h3().put("Updates").into(),
        ul().class("plain")
            .all(Severity::ALL.into_iter().filter_map(cadence))
            .into(),
    ];
    card(
        "Who is told, how fast, by what",
        "drills, quiet and backfilled incidents tell nobody",
        body,
    )
}

fn lines(page: &Page, row: &MatrixRow, channels: &[Channel]) -> Vec<El> {
    let plan = &page.plan;
    let within = match row.within.as_secs() {
        0 => "at once".to_owned(),
        _ => row.within.words(),
    };
    let waits = plan
        .communication
        .severity(row.severity)
        .and_then(|p| p.acknowledge_within());
    let waits = waits.map_or_else(|| "nobody waits".to_owned(), |w| w.words());
    let one = |audience: &String| {
        let people = comms::members(plan, audience);
        let names: Vec<&str> = people.iter().map(|c| c.name.as_str()).collect();
        let who = cell("Audience", audience_name(plan, audience).to_owned())
            .put(div().class("small dim").put(names.join(", ")));
        let by = channels
            .iter()
            .map(|c| cell(c.name(), told_by(page, row, audience, people.len(), *c)));
        tr().put(cell("Severity", severity(plan, row.severity)))
            .put(who)
            .put(cell("Within", within.clone()).class("keep"))
            .all(by)
            .put(cell("Acknowledged within", waits.clone()).class("keep"))
    };
    row.audiences.iter().map(one).collect()
}

/// How many people, or which places; and whether that works.
fn told_by(page: &Page, row: &MatrixRow, audience: &str, people: usize, channel: Channel) -> Node {
    if !row.channels.contains(&channel) {
        return dim("–").into();
    }
    let trouble = |name: Option<&str>| {
        let mut ways = page.told.ways.iter();
        ways.find(|w| w.channel == channel && w.name.as_deref() == name)
            .is_none_or(|w| w.trouble.is_some())
    };
    let not = || state(Icon::Warn, "not connected");
    if channel.is_personal() {
        return match trouble(None) {
            true => vec![Node::from(format!("{people} by hand ")), not().into()].into(),
            false => state(Icon::Ok, people.to_string()).into(),
        };
    }
    let all = page.plan.channels.destinations(channel);
    let serves =
        |of: &[String]| audience == "all" || of.iter().any(|a| a == audience || a == "all");
    let places: Vec<&str> = all
        .into_iter()
        .filter(|(_, of)| serves(of))
        .map(|(n, _)| n)
        .collect();
    if places.is_empty() {
        return not().into();
    }
    let one = |name: &&str| {
        let shape = if trouble(Some(name)) {
            Icon::Warn
        } else {
            Icon::Ok
        };
        let says = if shape == Icon::Warn {
            format!("{name}: not connected")
        } else {
            (*name).to_owned()
        };
        Node::from(div().put(state(shape, says)))
    };
    Node::from(places.iter().map(one).collect::<Vec<_>>())
}

fn escalation(page: &Page) -> El {
    let plan = &page.plan;
    let first = li().put(span().class("order").put("Level 1")).put(
        div()
            .class("grow")
            .put("Those whom the row above names: who is on call first, then primary contacts"),
    );
    let level = |(n, level): (usize, &Level)| {
        let how: Vec<&str> = level.channels.iter().map(|c| c.name()).collect();
        let external = level.to.iter().any(|to| to == Level::EXTERNAL);
        let how = match external {
            true => dim(" by a person: their accounts are shown on the incident's page"),
            false => dim(format!(" by {}; level 1 once more", facts::and(how))),
        };
        li().put(span().class("order").put(format!("Level {}", n + 2)))
            .put(div().class("grow").put(asked(plan, level)).put(how))
    };
    let levels = plan.communication.levels();
    let list = ul()
        .class("plain")
        .put(first)
        .all(levels.iter().enumerate().map(level));
    card(
        "When nobody acknowledges in time",
        "any acknowledgement stops it",
        list,
    )
}

/// "Secondary contacts", "External support".
pub fn asked(plan: &Plan, level: &Level) -> String {
    let name = |to: &String| match to.as_str() {
        Level::PRIMARY => "primary contacts".to_owned(),
        Level::SECONDARY => "secondary contacts".to_owned(),
        Level::ON_CALL => "who is on call".to_owned(),
        Level::EXTERNAL => "external support".to_owned(),
        audience => audience_name(plan, audience).to_owned(),
    };
    let names: Vec<String> = level.to.iter().map(name).collect();
    let says = facts::and(names.iter().map(String::as_str).collect());
    let mut letters = says.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

fn channels(page: &Page) -> El {
    if page.told.ways.iter().all(|w| w.trouble.is_some())
        && page.plan.channels == Default::default()
    {
        let says = p().class("notice").put(icon("warn")).put(span().put(
            "The plan has no channels.yaml: Muster sends nothing, and everybody is called by hand.",
        ));
        return card("Channels", (), says);
    }
    let line = |w: &Way| {
        let name = match &w.name {
            Some(name) => format!("{} {name}", w.channel.name()),
            None => w.channel.name().to_owned(),
        };
        let mark = match (&w.trouble, &w.failed, w.worked) {
            (Some(_), ..) => state(Icon::None, "Not connected"),
            (None, Some((failed, _)), worked) if worked.is_none_or(|w| w < *failed) => {
                state(Icon::Bad, "Failing")
            }
            (None, _, Some(_)) => state(Icon::Ok, "Works"),
            (None, _, None) => state(Icon::None, "Connected, not used yet"),
        };
        let last = w.worked.map(|at| span().put("last success ").put(when(at)));
        let failed = w.failed.as_ref().map(|(at, why)| {
            span()
                .put("last failure ")
                .put(when(*at))
                .put(format!(": {why}"))
        });
        let about: Vec<Node> = [
            w.trouble.clone().map(Node::from),
            last.map(Node::from),
            failed.map(Node::from),
        ]
        .into_iter()
        .flatten()
        .map(|says| div().class("small dim").put(says).into())
        .collect();
        li().put(div().class("grow").put(name).put(Node::from(about)))
            .put(mark)
    };
    card(
        "Channels",
        link("/contacts", "test them"),
        ul().class("plain").all(page.told.ways.iter().map(line)),
    )
}

/// What is said at each stage, filled in with an example.
fn words(page: &Page) -> El {
    let one = |stage: Stage| {
        let of: Vec<&Spoken> = page.told.said.iter().filter(|s| s.stage == stage).collect();
        (!of.is_empty()).then(|| {
            details()
                .class("rest")
                .set("id", format!("stage-{}", stage_id(stage)))
                .put(summary().put(stage_name(stage)))
                .put(
                    div()
                        .class("goes-out")
                        .all(of.into_iter().map(|s| spoken::message(&page.plan, s))),
                )
        })
    };
    let own = page.plan.communication.templates.is_empty().then(|| {
        p().class("small dim")
            .put("The plan has no words of its own: they would stand in ")
            .put(el("code").put("communication.yaml: templates"))
            .put(".")
    });
    card(
        "What is said",
        "with an example",
        div().put(own).all(Stage::ALL.into_iter().filter_map(one)),
    )
}

fn stage_id(stage: Stage) -> &'static str {
    match stage {
        Stage::Declared => "declared",
        Stage::Raised => "raised",
        Stage::Reopened => "reopened",
        Stage::Escalation => "escalation",
        Stage::Update => "update",
        Stage::Resolved => "resolved",
        Stage::Reminder => "reminder",
        Stage::Repeat => "repeat",
        Stage::Test => "test",
    }
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Declared => "An incident is declared",
        Stage::Raised => "Its severity is raised",
        Stage::Reopened => "It is reopened",
        Stage::Escalation => "Nobody acknowledged",
        Stage::Update => "There is an update",
        Stage::Resolved => "It is resolved",
        Stage::Reminder => "An update is due",
        Stage::Repeat => "Told once more",
        Stage::Test => "An address is tested",
    }
}

/// How it was kept, month by month: from what was sent, and nothing else.
fn kept(page: &Page) -> El {
    if page.told.months.is_empty() {
        let says = p()
            .class("dim")
            .put("Nothing was due yet. Once somebody is told, each month is counted here: in time, late, failed.");
        return card("How it was kept", (), says);
    }
    let line = |m: &Month| {
        let all = m.met + m.late + m.failed;
        let share = f64::from(m.met) * 100.0 / f64::from(all.max(1));
        let shape = match (m.late, m.failed) {
            (0, 0) => Icon::Ok,
            (_, 0) => Icon::Warn,
            _ => Icon::Bad,
        };
        tr().put(cell("Month", m.month.clone()).class("keep"))
            .put(cell("Severity", severity(&page.plan, m.severity)))
            .put(cell("Channel", m.channel.name()))
            .put(cell("In time", m.met.to_string()))
            .put(cell("Late", m.late.to_string()))
            .put(cell("Failed", m.failed.to_string()))
            .put(cell("Kept", state(shape, format!("{share:.0} %"))))
    };
    let heads = [
        "Month", "Severity", "Channel", "In time", "Late", "Failed", "Kept",
    ];
    card(
        "How it was kept",
        "first words by month",
        stack(
            &heads,
            page.told.months.iter().map(line).collect::<Vec<_>>(),
        ),
    )
}
