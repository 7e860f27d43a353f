//! What makes a plan whole: references that hold, names that are unique, durations that are possible, no cycles.
//!
//! Each problem says where (a path in the plan), what stands there, and what would be right. Nothing here stops at the
//! first: whoever mends a plan wants the whole list. What needs a library to judge (cron lines, time zones, JSON texts)
//! is judged by the loader, in the same form.

mod channels;
mod comms;
mod conditions;
mod failover;
mod probes;
mod runbooks;
mod services;
mod status;
mod steps;
mod words;

pub use words::{is_email, is_phone, mailbox, nearest};

use super::{CommandLine, Plan};
use std::{
    collections::{BTreeSet, HashSet},
    fmt::Display,
};

/// One thing wrong, and where: `at` is the path in the plan (`services[3].depends_on[0]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub at: String,
    /// The offending text as it stands in the file.
    pub found: String,
    /// What is wrong and what would be right, as a sentence.
    pub says: String,
    /// The part of the plan (a field of [`Plan`]) in which something is missing. Where that part could not be read,
    /// this problem is no news.
    pub missing_from: Option<&'static str>,
}

/// Everything wrong with the plan, in the order of its files; nothing where it is whole.
pub fn check(plan: &Plan) -> Vec<Problem> {
    let mut f = Findings::default();
    about(plan, &mut f);
    objectives(plan, &mut f);
    services::services(plan, &mut f);
    services::targets(plan, &mut f);
    comms::communication(plan, &mut f);
    channels::templates(plan, &mut f);
    comms::contacts(plan, &mut f);
    channels::channels(plan, &mut f);
    scenarios(plan, &mut f);
    schedules(plan, &mut f);
    lists(plan, &mut f);
    conditions::conditions(plan, &mut f);
    failover::failover(plan, &mut f);
    status::status(plan, &mut f);
    runbooks::runbooks(plan, &mut f);
    f.0
}

/// The problems so far, and the questions that every part of a plan is asked.
#[derive(Default)]
struct Findings(Vec<Problem>);

impl Findings {
    fn add(&mut self, at: impl Into<String>, found: impl Display, says: impl Into<String>) {
        self.0.push(Problem {
            at: at.into(),
            found: found.to_string(),
            says: says.into(),
            missing_from: None,
        });
    }

    /// A text that people read, or that becomes the subject of a mail: something, on one line.
    fn line(&mut self, at: impl Into<String>, text: &str, what: &str) {
        if text.trim().is_empty() {
            self.add(at, text, format!("{what} is empty; write a few words"));
        } else if text.chars().any(char::is_control) {
            self.add(
                at,
                text,
                format!(
                    "{what} has a line break or a control character in it; write it on one line"
                ),
            );
        }
    }

    /// A text of any number of lines, that may be empty.
    fn prose(&mut self, at: impl Into<String>, text: &str, what: &str) {
        if text.chars().any(|c| c.is_control() && c != '\n') {
            self.add(
                at,
                text,
                format!("{what} has a control character in it; take it out"),
            );
        }
    }

    /// A name that other parts refer to, and that stands in addresses.
    fn id(&mut self, at: impl Into<String>, id: &str, what: &str) {
        if !words::is_id(id) {
            let like = words::as_id(id);
            let would = if like.is_empty() {
                String::new()
            } else {
                format!(", such as `{like}`")
            };
            self.add(
                at,
                id,
                format!("{what} is made of lower-case letters, digits and hyphens{would}"),
            );
        }
    }

    /// Every place after the first that has the same name.
    fn unique<'a>(&mut self, names: impl IntoIterator<Item = (String, &'a str)>, what: &str) {
        let mut seen = HashSet::new();
        for (at, name) in names {
            if !seen.insert(name) {
                self.add(
                    at,
                    name,
                    format!("{what} already has this name; give each its own"),
                );
            }
        }
    }

    /// A reference, to one of `known`. `what` is said as in "no service has this id".
    fn refer(
        &mut self,
        at: impl Into<String>,
        name: &str,
        what: &str,
        known: &BTreeSet<&str>,
        part: &'static str,
    ) {
        if known.contains(name) {
            return;
        }
        let says = format!("{what}{}", self.instead(name, known));
        self.0.push(Problem {
            at: at.into(),
            found: name.into(),
            says,
            missing_from: Some(part),
        });
    }

    /// "; did you mean `x`?", or what there is. Not searched for any more once a plan is wrong all over.
    fn instead(&self, name: &str, known: &BTreeSet<&str>) -> String {
        const ENOUGH: usize = 200;
        if known.is_empty() {
            return "; there are none".into();
        }
        match if self.0.len() < ENOUGH {
            nearest(name, known.iter().copied())
        } else {
            None
        } {
            Some(near) => format!("; did you mean `{near}`?"),
            None => format!("; there {}", words::some_of(known)),
        }
    }

    fn positive(&mut self, at: impl Into<String>, span: crate::time::Span, what: &str) {
        if span.0.is_zero() {
            self.add(
                at,
                span,
                format!("{what} must be longer than nothing, such as 30s or 15m"),
            );
        }
    }

    /// The name of an environment variable that holds a secret. Of what is no name little is shown: it may be the secret.
    fn variable(&mut self, at: impl Into<String>, name: &str) {
        let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let named = !name.is_empty()
            && name.len() <= 128
            && name.bytes().all(letter)
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if !named {
            let mut shown: String = name.chars().take(8).collect();
            if shown.len() < name.len() {
                shown.push('…');
            }
            self.add(at, shown, "this is the name of an environment variable, such as DB_PASSWORD, never the secret itself");
        }
    }

    fn command(&mut self, at: String, command: &CommandLine) {
        match command {
            CommandLine::Line(line) if line.trim().is_empty() => {
                self.add(
                    at,
                    line,
                    "the command is empty; write the line as it would be typed",
                );
            }
            CommandLine::Line(line)
                if line
                    .chars()
                    .any(|c| c.is_control() && !matches!(c, '\n' | '\t')) =>
            {
                self.add(
                    at,
                    line,
                    "the command has a control character in it; take it out",
                );
            }
            CommandLine::Line(_) => {}
            CommandLine::Argv(argv) => {
                let argv: Vec<_> = argv
                    .iter()
                    .map(|word| word.display().into_owned())
                    .collect();
                self.argv(at, &argv)
            }
        }
    }

    fn argv(&mut self, at: String, argv: &[String]) {
        match argv.first() {
            None => self.add(
                at,
                "[]",
                "the command is empty; its first word is the program to run",
            ),
            Some(program) if program.trim().is_empty() => {
                self.add(
                    format!("{at}[0]"),
                    program,
                    "the first word of a command is the program to run, and cannot be empty",
                );
            }
            Some(_) => {
                for (i, word) in argv.iter().enumerate().filter(|(_, w)| w.contains('\0')) {
                    self.add(
                        format!("{at}[{i}]"),
                        word,
                        "a word of a command cannot hold a NUL; take it out",
                    );
                }
            }
        }
    }
}

fn about(plan: &Plan, f: &mut Findings) {
    let about = &plan.about;
    if about.schema_version != 1 {
        f.add(
            "about.schema_version",
            about.schema_version,
            "this Muster reads plans of schema_version 1",
        );
    }
    for (key, text) in [
        ("name", &about.name),
        ("organization", &about.organization),
        ("version", &about.version),
        ("last_updated", &about.last_updated),
        ("review_cycle", &about.review_cycle),
        ("owner", &about.owner),
    ] {
        f.line(format!("about.{key}"), text, key);
    }
    f.prose("about.summary", &about.summary, "summary");
    f.prose("about.motto", &about.motto, "motto");
}

fn objectives(plan: &Plan, f: &mut Findings) {
    let objectives = &plan.objectives;
    for (i, tier) in objectives.rto.iter().enumerate() {
        let at = |key| format!("objectives.rto[{i}].{key}");
        f.id(at("id"), &tier.id, "a tier's id");
        f.line(at("name"), &tier.name, "a tier's name");
        f.positive(
            at("within"),
            tier.within,
            "the time within which a tier must be back",
        );
    }
    for (i, data) in objectives.rpo.iter().enumerate() {
        let at = |key| format!("objectives.rpo[{i}].{key}");
        f.id(at("id"), &data.id, "an objective's id");
        f.line(at("name"), &data.name, "an objective's name");
        f.prose(at("how"), &data.how, "how");
        if let Some(database) = &data.database {
            f.refer(
                at("database"),
                database,
                "targets.yaml has no database of this name",
                &plan.targets.databases.keys().map(String::as_str).collect(),
                "targets",
            );
        }
    }
    f.unique(
        ids(
            "objectives.rto",
            objectives.rto.iter().map(|t| t.id.as_str()),
        ),
        "another tier",
    );
    f.unique(
        ids(
            "objectives.rpo",
            objectives.rpo.iter().map(|d| d.id.as_str()),
        ),
        "another objective",
    );
}

fn scenarios(plan: &Plan, f: &mut Findings) {
    let runbooks = slugs(plan);
    for (i, scenario) in plan.scenarios.iter().enumerate() {
        let at = |key| format!("scenarios[{i}].{key}");
        f.id(at("id"), &scenario.id, "a scenario's id");
        f.line(at("name"), &scenario.name, "a scenario's name");
        f.line(at("category"), &scenario.category, "a scenario's category");
        f.prose(at("impact"), &scenario.impact, "impact");
        f.prose(at("detection"), &scenario.detection, "detection");
        f.refer(
            at("runbook"),
            scenario.runbook.as_str(),
            NO_RUNBOOK,
            &runbooks,
            "runbooks",
        );
    }
    f.unique(
        ids("scenarios", plan.scenarios.iter().map(|s| s.id.as_str())),
        "another scenario",
    );
}

fn schedules(plan: &Plan, f: &mut Findings) {
    let runbooks = slugs(plan);
    for (i, schedule) in plan.schedules.iter().enumerate() {
        let at = |key: &str| format!("schedules[{i}].{key}");
        f.id(at("id"), &schedule.id, "a schedule's id");
        f.line(at("name"), &schedule.name, "a schedule's name");
        for (j, command) in schedule.commands.iter().enumerate() {
            f.command(at(&format!("commands[{j}]")), command);
        }
        match &schedule.runbook {
            Some(slug) => {
                f.refer(
                    at("runbook"),
                    slug.as_str(),
                    NO_RUNBOOK,
                    &runbooks,
                    "runbooks",
                );
                if !schedule.commands.is_empty() {
                    f.add(
                        at("commands"),
                        "commands",
                        "a schedule has either commands or a runbook; take one of them away",
                    );
                }
            }
            None if schedule.commands.is_empty() => {
                f.add(
                    format!("schedules[{i}]"),
                    &schedule.id,
                    "this schedule does nothing; give it commands or a runbook",
                );
            }
            None => {}
        }
    }
    f.unique(
        ids("schedules", plan.schedules.iter().map(|s| s.id.as_str())),
        "another schedule",
    );
}

/// The checklist and the appendices: lists of short texts.
fn lists(plan: &Plan, f: &mut Findings) {
    let checklist = &plan.checklist;
    if checklist.emergency.is_empty() {
        f.add(
            "checklist.emergency",
            "emergency",
            "the emergency checklist is empty; write at least one item",
        );
    }
    for (key, items) in [
        ("emergency", &checklist.emergency),
        ("immediate_actions", &checklist.immediate_actions),
        ("follow_up_actions", &checklist.follow_up_actions),
    ] {
        for (i, item) in items.iter().enumerate() {
            f.line(
                format!("checklist.{key}[{i}]"),
                item,
                "an item of a checklist",
            );
        }
        let places = items
            .iter()
            .enumerate()
            .map(|(i, item)| (format!("checklist.{key}[{i}]"), item.as_str()));
        f.unique(places, "another item of this list");
    }
    for (i, command) in checklist.documentation.iter().enumerate() {
        f.command(format!("checklist.documentation[{i}]"), command);
    }
    let appendices = &plan.appendices;
    for (key, locations) in [
        ("recovery_scripts", &appendices.recovery_scripts),
        ("backups", &appendices.backups),
        ("documentation", &appendices.documentation),
    ] {
        for (i, location) in locations.iter().enumerate() {
            f.line(
                format!("appendices.{key}[{i}].name"),
                &location.name,
                "a location's name",
            );
            f.line(
                format!("appendices.{key}[{i}].at"),
                &location.at,
                "where something is",
            );
        }
    }
}

const NO_RUNBOOK: &str = "no runbook has this slug (the name of its file without .yaml)";

fn slugs(plan: &Plan) -> BTreeSet<&str> {
    plan.runbooks.iter().map(|r| r.slug.as_str()).collect()
}

fn service_ids(plan: &Plan) -> BTreeSet<&str> {
    plan.services.iter().map(|s| s.id.as_str()).collect()
}

/// The places of the ids of a list.
fn ids<'a>(
    list: &'a str,
    ids: impl Iterator<Item = &'a str> + 'a,
) -> impl Iterator<Item = (String, &'a str)> + 'a {
    ids.enumerate()
        .map(move |(i, id)| (format!("{list}[{i}].id"), id))
}
