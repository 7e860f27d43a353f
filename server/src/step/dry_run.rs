//! What a step would do, and what it lacks to do it. Nothing is run; only the target of `expect` is looked at.

use super::{
    No, expect, http, program, sql, ssh,
    values::{Values, variable},
};
use domain::plan::{CommandLine, Http, Predicate, Sql, Step, Value, Work};
use engine::DryRun;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What the system searches when nothing else is said.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub async fn tell(dry: &DryRun, values: &Values) -> ExitCode {
    let mut telling = Telling { values, missing: 0 };
    for note in &dry.notes {
        println!("{note}");
    }
    telling.commands(&dry.commands);
    if let Some(work) = dry.step.work() {
        telling.work(&work);
    }
    telling.what_it_is_given(&dry.step);
    if let Some(expected) = &dry.step.expect {
        match expect::holds(expected, values).await {
            Ok(found) => println!("{found}"),
            Err(says) => telling.missing(&says),
        }
    }
    match telling.missing {
        0 => println!("nothing was run; it could be"),
        1 => println!("nothing was run; one thing is missing"),
        n => println!("nothing was run; {n} things are missing"),
    }
    ExitCode::from(u8::from(telling.missing > 0))
}

struct Telling<'a> {
    values: &'a Values,
    missing: u32,
}

impl Telling<'_> {
    fn missing(&mut self, what: &str) {
        self.missing += 1;
        println!("missing: {what}");
    }

    fn there<T>(&mut self, looked: Result<T, No>) -> Option<T> {
        looked.map_err(|no| self.missing(&no.says())).ok()
    }

    fn commands(&mut self, commands: &[Vec<String>]) {
        for argv in commands {
            println!("would run: {}", serde_json::json!(argv));
            self.program(argv.first().map_or("", String::as_str));
            if let [program, word, action, ..] = argv.as_slice()
                && word == "do"
                && Path::new(program).file_name() == Some("muster".as_ref())
                && !crate::actions::is_here(action)
            {
                self.missing(&format!("`muster do` has no action `{action}`"));
            }
        }
    }

    fn program(&mut self, name: &str) {
        let folders = self.values.variable("PATH");
        match program::find(name, folders.as_deref().unwrap_or(USUAL_PATH)) {
            Ok(path) if path.as_os_str() == name => {}
            Ok(path) => println!("  {name} is {}", path.display()),
            Err(says) => self.missing(&says),
        }
    }

    fn work(&mut self, work: &Work) {
        match work {
            Work::Http(http) => self.http(http),
            Work::Sql(sql) => self.sql(sql),
            Work::Ssh(ssh) => {
                println!("would ask {}: {}", ssh.destination(), ssh::shown(ssh));
                self.program("ssh");
                if let Some(file) = ssh::known_hosts(ssh).filter(|file| !file.is_file()) {
                    self.missing(&format!("the file of host keys {}", file.display()));
                }
            }
            Work::Wait(wait) => {
                println!(
                    "would wait until it is so {} in a row, asking every {}:",
                    times(wait.times),
                    wait.every
                );
                match &wait.until {
                    Predicate::Http(http) => self.http(http),
                    Predicate::Sql(sql) => self.sql(sql),
                    Predicate::Command(command) => {
                        println!("would ask: {}", command.display());
                        match command {
                            CommandLine::Line(_) => self.program("/bin/sh"),
                            CommandLine::Argv(words) => {
                                if let Some(Value::Text(name)) = words.first() {
                                    self.program(name);
                                }
                            }
                        }
                    }
                }
            }
            Work::Notify(notify) => println!(
                "would tell {}: {}",
                match notify.public {
                    Some(_) => "the public",
                    None => "the incident's timeline",
                },
                notify.message
            ),
            Work::Manual(manual) => println!("would ask a person: {}", manual.instructions),
            Work::Runbook(call) => println!("would run the runbook {}", call.slug),
        }
    }

    fn http(&mut self, http: &Http) {
        let Some(url) = self.there(http::address_of(http)) else {
            return;
        };
        println!("would ask: {} {}", http.method(), http::shown(&url));
        let given = |what: &str, name: &str, value: &Value| {
            println!("  {what} {name}: {}", value.display());
        };
        http.query.iter().for_each(|(n, v)| given("query", n, v));
        for (name, value) in &http.headers {
            match value {
                // A text may be a secret that somebody wrote into the plan.
                Value::Text(_) => println!("  header {name}"),
                other => given("header", name, other),
            }
        }
        if let Some(body) = &http.body {
            println!("  body: {}", body.display());
        }
    }

    fn sql(&mut self, sql: &Sql) {
        println!("would ask {}: {}", sql.place(), sql.statement);
        for (n, value) in sql.bind.iter().enumerate() {
            println!("  ${} = {}", n + 1, value.display());
        }
        let password = sql::plan().and_then(|plan| {
            let (_, database) = sql::database(&plan, Some(&sql.database))?;
            let node = sql::node(database, sql.node.as_deref())?;
            match &node.password_env {
                Some(name) => self.values.secret(name).map(drop),
                None => Ok(()),
            }
        });
        self.there(password);
    }

    /// Are the secrets and parameters there that it names, and the folder it would stand in?
    fn what_it_is_given(&mut self, step: &Step) {
        for (name, is) in &step.secrets {
            if self.there(self.values.secret(name)).is_some() {
                println!("the secret {} is there, in {name}", is.name());
            }
        }
        for value in named(step) {
            match &value {
                Value::Parameter(name) => {
                    let taken = self.there(self.values.take(&value));
                    if taken.is_some() {
                        let at = variable("MUSTER_PARAM_", name);
                        println!("the parameter {name} is there, in {at}");
                    }
                }
                Value::Output(name) => {
                    println!("the output {name} comes from an earlier step of the run");
                }
                // Those of `secrets` were looked at above.
                Value::Secret(name) if !step.secrets.contains_key(name) => {
                    self.there(self.values.secret(name));
                }
                _ => {}
            }
        }
        if let Some(folder) = &step.working_dir {
            let plan = self.values.variable("MUSTER_PLAN").unwrap_or_default();
            let folder = PathBuf::from(plan).join(folder);
            if !folder.is_dir() {
                self.missing(&format!("the folder {}", folder.display()));
            }
        }
    }
}

fn times(n: u32) -> String {
    if n == 1 {
        "once".into()
    } else {
        format!("{n} times")
    }
}

/// What it takes from the run, each once.
fn named(step: &Step) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let typed = step.commands.iter().chain(&step.forced).chain(&step.verify);
    all.extend(typed.flat_map(|c| c.words().to_vec()));
    let of_http = |http: &Http| {
        let values = http.query.values().chain(http.headers.values());
        values.chain(&http.body).cloned().collect::<Vec<_>>()
    };
    match step.work() {
        Some(Work::Http(http)) => all.extend(of_http(&http)),
        Some(Work::Sql(sql)) => all.extend(sql.bind),
        Some(Work::Ssh(ssh)) => {
            all.extend(ssh.identity.map(Value::Secret));
            all.extend(ssh.command);
        }
        Some(Work::Wait(wait)) => match wait.until {
            Predicate::Http(http) => all.extend(of_http(&http)),
            Predicate::Sql(sql) => all.extend(sql.bind),
            Predicate::Command(command) => all.extend(command.words().to_vec()),
        },
        Some(Work::Runbook(call)) => all.extend(call.with.into_values()),
        Some(Work::Notify(_) | Work::Manual(_)) | None => {}
    }
    let mut seen = BTreeSet::new();
    all.retain(|v| !matches!(v, Value::Text(_)) && seen.insert(format!("{v:?}")));
    all
}
