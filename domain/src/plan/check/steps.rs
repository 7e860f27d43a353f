//! The steps of a runbook: each does one thing, at a time that can come, with values that are there.

use super::{Findings, conditions};
use crate::plan::{
    Approval, CommandLine, OnFailure, Plan, Predicate, Runbook, SecretUse, Section, Step, Value,
    When, Work,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The steps that each named condition asks about, as far as any runbook has them.
pub(super) struct Asks<'a> {
    steps: HashMap<&'a str, Vec<String>>,
    names: BTreeSet<&'a str>,
}

impl<'a> Asks<'a> {
    pub fn of(plan: &'a Plan) -> Self {
        // A step that no runbook has is the condition's own problem, said there.
        let known: BTreeSet<&str> = plan
            .runbooks
            .iter()
            .flat_map(|r| r.steps.iter())
            .map(|s| s.name.as_str())
            .collect();
        let asked = |condition| {
            let steps = conditions::steps_of(condition).into_iter();
            steps.filter(|s| known.contains(s.as_str())).collect()
        };
        Asks {
            names: plan.conditions.keys().map(String::as_str).collect(),
            steps: plan
                .conditions
                .iter()
                .map(|(name, condition)| (name.as_str(), asked(condition)))
                .collect(),
        }
    }

    fn by(&self, when: &When) -> Vec<String> {
        match when {
            When::Named(name) => self.steps.get(name.as_str()).cloned().unwrap_or_default(),
            When::Written(condition) => conditions::steps_of(condition),
        }
    }
}

/// Where the step of this number stands.
pub(super) fn place(at: &str, runbook: &Runbook, index: usize) -> String {
    let (a, b) = (runbook.steps.len(), runbook.on_cancel.len());
    match index {
        i if i < a => format!("{at}.steps[{i}]"),
        i if i < a + b => format!("{at}.on_cancel[{}]", i - a),
        i => format!("{at}.finally[{}]", i - a - b),
    }
}

pub(super) fn steps(plan: &Plan, at: &str, runbook: &Runbook, asks: &Asks<'_>, f: &mut Findings) {
    if runbook.steps.is_empty() {
        f.add(
            format!("{at}.steps"),
            "steps",
            "this runbook has no steps; write at least one",
        );
    }
    let mut earlier = BTreeSet::new();
    let all: BTreeSet<&str> = runbook.steps.iter().map(|s| s.name.as_str()).collect();
    let later = |i: usize| -> BTreeSet<&str> {
        let rest = runbook.steps.iter().skip(i + 1);
        rest.map(|s| s.name.as_str()).collect()
    };
    // What waits to be known until a parallel group has ended.
    let mut group: Vec<&str> = Vec::new();
    let mut label: Option<&str> = None;
    for (i, (section, step)) in runbook.all_steps().enumerate() {
        let place = place(at, runbook, i);
        if step.parallel.as_deref() != label || section != Section::Steps {
            earlier.extend(group.drain(..));
            label = step.parallel.as_deref();
        }
        condition(&place, plan, step, asks, &earlier, &all, f);
        one(&place, runbook, step, section, f);
        if let OnFailure::Goto(to) = &step.on_failure {
            f.refer(
                format!("{place}.on_failure.goto"),
                to,
                "no later step of this runbook has this name",
                &later(i),
                "runbooks",
            );
        }
        group.push(step.name.as_str());
        if label.is_none() {
            earlier.extend(group.drain(..));
        }
    }
    let names: Vec<_> = runbook
        .all_steps()
        .enumerate()
        .map(|(i, (_, s))| (format!("{}.name", place(at, runbook, i)), s.name.as_str()))
        .collect();
    f.unique(names, "another step of this runbook");
}

fn condition(
    at: &str,
    plan: &Plan,
    step: &Step,
    asks: &Asks<'_>,
    earlier: &BTreeSet<&str>,
    all: &BTreeSet<&str>,
    f: &mut Findings,
) {
    let Some(when) = &step.condition else { return };
    let at = format!("{at}.condition");
    if let When::Named(name) = when {
        f.refer(
            &at,
            name,
            "conditions.yaml has no condition of this name",
            &asks.names,
            "conditions",
        );
    }
    conditions::written(plan, Some(when), at.clone(), all, f);
    for asked in asks.by(when) {
        if earlier.contains(asked.as_str()) {
            continue;
        }
        let says = if all.contains(asked.as_str()) {
            format!(
                "this condition asks about the step `{asked}`, which is not before this one; move that step up, or ask about an earlier one"
            )
        } else if let When::Named(_) = when {
            format!(
                "this condition asks about the step `{asked}`, which this runbook does not have; name an earlier step so, or use another condition"
            )
        } else {
            continue;
        };
        f.add(&at, when.name(), says);
    }
}

fn one(at: &str, runbook: &Runbook, step: &Step, section: Section, f: &mut Findings) {
    const MOST_RETRIES: u32 = 100;
    let key = |key: &str| format!("{at}.{key}");
    f.line(key("name"), &step.name, "a step's name");
    let asks_people = step.approval.is_some() || step.confirm.is_some() || step.manual.is_some();
    match step.kinds() {
        0 if step.is_gate() && (step.approval.is_some() || step.confirm.is_some()) => {}
        0 => f.add(
            key("commands"),
            "commands",
            "this step does nothing; write at least one command",
        ),
        1 => {}
        _ => f.add(
            key("name"),
            &step.name,
            "this step does several things; give each (commands, http, sql, wait, ssh, notify, manual, runbook) a step of its own",
        ),
    }
    if section != Section::Steps && (asks_people || step.runbook.is_some()) {
        f.add(
            key("name"),
            &step.name,
            "what runs at the end cannot wait for people or other runbooks; use commands",
        );
    }
    for (list, commands) in [
        ("commands", &step.commands),
        ("forced", &step.forced),
        ("verify", &step.verify),
    ] {
        for (j, command) in commands.iter().enumerate() {
            let at = key(&format!("{list}[{j}]"));
            f.command(at.clone(), command);
            f.values(&at, runbook, step, command.words());
        }
    }
    if step.commands.is_empty() && !step.forced.is_empty() {
        f.add(
            key("forced"),
            "forced",
            "these commands take the place of `commands`, and there are none",
        );
    }
    if let Some(timeout) = step.timeout {
        f.positive(key("timeout"), timeout, "the timeout of a step");
    }
    if step.retries > MOST_RETRIES {
        f.add(key("retries"), step.retries, format!("a step is tried again {MOST_RETRIES} times at most; `retries: 3` is up to four attempts"));
    }
    if let Some(backoff) = step.backoff
        && !(1..=10).contains(&backoff.factor)
    {
        f.add(
            key("backoff.factor"),
            backoff.factor,
            "the delay grows by a factor of 1 to 10",
        );
    }
    if let Some(approval) = &step.approval {
        f.approval(key("approval"), approval);
    }
    if let Some(text) = &step.confirm {
        f.line(key("confirm"), text, "what is to be typed");
    }
    f.locks(key("locks"), &step.locks);
    f.within(key("working_dir"), step.working_dir.as_deref());
    f.environment(at, &step.env, &step.secrets);
    for (j, name) in step.outputs.iter().enumerate() {
        if !is_variable(name) {
            f.add(
                key(&format!("outputs[{j}]")),
                name,
                "an output's name is made of letters, digits and underscores, such as backup_label",
            );
        }
    }
    if let Some(work) = step.work() {
        self::work(at, runbook, step, &work, f);
    }
}

fn work(at: &str, runbook: &Runbook, step: &Step, work: &Work, f: &mut Findings) {
    let key = |key: &str| format!("{at}.{key}");
    match work {
        Work::Http(http) => {
            f.address(key("http.url"), &http.url);
            let values: Vec<_> = http
                .query
                .values()
                .chain(http.headers.values())
                .chain(&http.body)
                .cloned()
                .collect();
            f.values(&key("http"), runbook, step, &values);
        }
        Work::Sql(sql) => {
            f.prose(key("sql.statement"), &sql.statement, "the statement");
            f.values(&key("sql.bind"), runbook, step, &sql.bind);
        }
        Work::Wait(wait) => {
            f.positive(key("wait.every"), wait.every, "the time between two looks");
            match &wait.until {
                Predicate::Http(http) => f.address(key("wait.until.http.url"), &http.url),
                Predicate::Command(command) => {
                    f.command(key("wait.until.command"), command);
                    f.values(&key("wait.until.command"), runbook, step, command.words());
                }
                Predicate::Sql(_) => {}
            }
        }
        Work::Ssh(ssh) => {
            if ssh.host.is_empty()
                || ssh.host.starts_with('-')
                || ssh.host.contains(char::is_whitespace)
            {
                f.add(
                    key("ssh.host"),
                    &ssh.host,
                    "this is not the name of a machine",
                );
            }
            f.command(key("ssh.command"), &CommandLine::Argv(ssh.command.clone()));
            f.values(&key("ssh.command"), runbook, step, &ssh.command);
        }
        Work::Notify(notify) => f.prose(key("notify.message"), &notify.message, "the message"),
        Work::Manual(manual) => {
            if manual.instructions.trim().is_empty() {
                f.add(
                    key("manual.instructions"),
                    &manual.instructions,
                    "nobody is told what to do; write it down",
                );
            }
            f.prose(
                key("manual.instructions"),
                &manual.instructions,
                "the instructions",
            );
        }
        Work::Runbook(call) => {
            let values: Vec<_> = call.with.values().cloned().collect();
            f.values(&key("runbook.with"), runbook, step, &values);
        }
    }
}

fn is_variable(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.len() <= 60
}

impl Findings {
    /// Values that come from somewhere come from something that is there.
    fn values(&mut self, at: &str, runbook: &Runbook, step: &Step, values: &[Value]) {
        let in_argv = at.contains("commands")
            || at.contains("command")
            || at.contains("forced")
            || at.contains("verify");
        for value in values {
            match value {
                Value::Parameter(name) if runbook.parameter(name).is_none() => {
                    self.add(
                        at,
                        name,
                        format!(
                            "this runbook has no parameter `{name}`; add it under `parameters`"
                        ),
                    );
                }
                Value::Output(name) => {
                    let written = runbook.all_steps().any(|(_, s)| s.outputs.contains(name));
                    if !written {
                        self.add(at, name, format!("no step of this runbook says that it writes `{name}`; add it to the `outputs` of that step"));
                    }
                }
                Value::Secret(_) if in_argv => {
                    self.add(at, value.display(), "a secret cannot be a word of a command: everybody on the machine could read it; use `secrets`");
                }
                Value::Secret(name)
                    if !step.secrets.contains_key(name) && !runbook.secrets.contains_key(name) =>
                {
                    self.add(
                        at,
                        name,
                        format!("there is no `{name}` under this step's `secrets`"),
                    );
                }
                Value::Parameter(_) | Value::Secret(_) | Value::Text(_) => {}
            }
        }
    }

    pub(super) fn environment(
        &mut self,
        at: &str,
        env: &BTreeMap<String, String>,
        secrets: &BTreeMap<String, SecretUse>,
    ) {
        for name in env.keys() {
            if !is_variable(name) {
                self.add(format!("{at}.env.{name}"), name, "a variable's name is made of letters, digits and underscores, such as PGSSLMODE");
            }
        }
        for name in secrets.keys() {
            if !is_variable(name) {
                self.add(format!("{at}.secrets.{name}"), name, "a variable's name is made of letters, digits and underscores, such as PGPASSWORD");
            }
        }
    }

    pub(super) fn locks(&mut self, at: String, locks: &[String]) {
        for (i, lock) in locks.iter().enumerate() {
            self.line(format!("{at}[{i}]"), lock, "a lock's name");
        }
    }

    pub(super) fn approval(&mut self, at: String, approval: &Approval) {
        if !(1..=10).contains(&approval.min) {
            self.add(
                format!("{at}.min"),
                approval.min,
                "1 to 10 people can be asked to approve",
            );
        }
        if let Some(timeout) = approval.timeout {
            self.positive(
                format!("{at}.timeout"),
                timeout,
                "the time to wait for an approval",
            );
        }
    }

    /// A folder below the plan's own.
    pub(super) fn within(&mut self, at: String, dir: Option<&str>) {
        if let Some(dir) = dir
            && (dir.is_empty() || dir.starts_with('/') || dir.split('/').any(|part| part == ".."))
        {
            self.add(
                at,
                dir,
                "commands run within the plan's folder; name a folder below it, such as scripts",
            );
        }
    }

    fn address(&mut self, at: String, url: &str) {
        let good = url.starts_with("https://") || url.starts_with("http://");
        if !good || url.chars().any(|c| c.is_control() || c == ' ') {
            self.add(at, url, "this is not an address; write the whole of it, such as https://example.org/healthz");
        }
    }
}
