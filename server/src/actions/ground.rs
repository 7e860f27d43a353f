//! What an action stands on: the plan, its flags, the way to the server, and the report it fills.

use domain::plan::{Application, Check, Database, Plan};
use engine::checks::{Failure, Prober, Seen, connect};
use serde::Serialize;
use std::{collections::BTreeMap, io::Write, path::PathBuf, process::ExitCode, time::Duration};

/// One look or call takes at most this long.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// An outside command (fence, route, start, stop) takes at most this long.
const OUTSIDE: Duration = Duration::from_secs(60);

/// What `npm run NAME --flag=value` may hand over: npm's own settings come the same way.
const FLAGS: [&str; 9] = [
    "json", "strict", "force", "for", "public", "message", "severity", "status", "incident",
];

/// Why an action did not do what it promises.
pub enum No {
    Failed(String),
    WrongUse(String),
    /// Doing it would be dangerous.
    Refused(String),
}

pub struct Ground {
    pub plan: Plan,
    pub report: Report,
    pub prober: Prober,
    pub http: reqwest::Client,
    flags: BTreeMap<String, String>,
}

impl Ground {
    pub fn find(name: &str, words: &[String]) -> Result<Ground, No> {
        let mut flags: BTreeMap<String, String> = std::env::vars()
            .filter_map(|(key, value)| {
                Some((key.strip_prefix("npm_config_")?.replace('_', "-"), value))
            })
            .filter(|(key, _)| FLAGS.contains(&key.as_str()))
            .collect();
        for word in words {
            let word = word.trim_start_matches("--");
            let (key, value) = word.split_once('=').unwrap_or((word, "true"));
            flags.insert(key.to_owned(), value.to_owned());
        }
        let report = Report::new(name, flags.get("json").is_some_and(|v| v != "false"));
        let plan = plan()?;
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .build()
            .map_err(|e| No::Failed(e.to_string()))?;
        let prober =
            Prober::new(|name| std::env::var(name).ok()).map_err(|e| No::Failed(e.to_string()))?;
        Ok(Ground {
            plan,
            report,
            prober,
            http,
            flags,
        })
    }

    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.get(name).map(String::as_str)
    }

    pub fn on(&self, name: &str) -> bool {
        self.flag(name).is_some_and(|v| v != "false")
    }

    /// The database an action is about: `--database=NAME`, or the plan's only one.
    pub fn database(&self) -> Result<(String, Database), No> {
        one(
            "database",
            &self.plan.targets.databases,
            self.flag("database"),
        )
    }

    pub fn application(&self) -> Result<(String, Application), No> {
        one(
            "application",
            &self.plan.targets.applications,
            self.flag("application"),
        )
    }

    /// Runs an outside command of the plan, as it stands, and tells what it said.
    pub async fn outside(&mut self, what: &str, argv: &[String]) -> Result<(), No> {
        self.outside_within(what, argv, OUTSIDE).await
    }

    pub async fn outside_within(
        &mut self,
        what: &str,
        argv: &[String],
        limit: Duration,
    ) -> Result<(), No> {
        let Some((program, rest)) = argv.split_first() else {
            return Err(No::Failed(format!("the plan names no command to {what}")));
        };
        let ran = tokio::process::Command::new(program)
            .args(rest)
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let out = match tokio::time::timeout(limit, ran).await {
            Err(_) => {
                return Err(No::Failed(format!(
                    "`{}` did not end within {} s",
                    argv.join(" "),
                    limit.as_secs()
                )));
            }
            Ok(Err(error)) => return Err(No::Failed(format!("cannot run `{program}`: {error}"))),
            Ok(Ok(out)) => out,
        };
        let said = String::from_utf8_lossy(if out.stdout.is_empty() {
            &out.stderr
        } else {
            &out.stdout
        })
        .trim()
        .to_owned();
        let says = if said.is_empty() {
            format!("`{}`", argv.join(" "))
        } else {
            said
        };
        self.report.found(what, &says, Some(out.status.success()));
        if out.status.success() {
            Ok(())
        } else {
            Err(No::Failed(format!(
                "`{}` ended with {}",
                argv.join(" "),
                out.status
            )))
        }
    }

    /// What an earlier step of this run wrote under a name.
    pub fn output(&self, name: &str) -> Option<String> {
        let found = std::env::var(format!("MUSTER_OUTPUT_{}", name.to_uppercase())).ok();
        found.filter(|text| !text.trim().is_empty())
    }

    /// Hands something on to the steps that follow; by hand there are none.
    pub fn write_output(&self, name: &str, value: &str) -> Result<(), No> {
        let Ok(file) = std::env::var("MUSTER_OUTPUT") else {
            return Ok(());
        };
        let line = format!("{name}={}\n", value.replace(['\n', '\r'], " "));
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&file)
            .and_then(|mut open| open.write_all(line.as_bytes()))
            .map_err(|e| No::Failed(format!("cannot write to {file}: {e}")))
    }

    /// A connection to a node, or the failure with its class.
    pub async fn connect(&self, node: &domain::plan::Node) -> Result<sqlx::PgConnection, Failure> {
        let secret = |name: &str| std::env::var(name).ok();
        match tokio::time::timeout(PATIENCE, connect(node, &secret)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(engine::checks::database_failure(error)),
            Err(_) => Err(Failure::timeout(PATIENCE)),
        }
    }

    /// One look, within the check's own time.
    pub async fn look(&self, check: &Check) -> Result<Seen, Failure> {
        self.prober.look(check, &self.plan.targets).await
    }
}

fn one<T: Clone>(
    what: &str,
    all: &BTreeMap<String, T>,
    asked: Option<&str>,
) -> Result<(String, T), No> {
    let found = match asked {
        Some(name) => all.get_key_value(name),
        None if all.len() == 1 => all.iter().next(),
        None => {
            return Err(No::WrongUse(format!(
                "the plan's targets hold {} {what}s; say which: --{what}=NAME",
                all.len()
            )));
        }
    };
    found
        .map(|(name, it)| (name.clone(), it.clone()))
        .ok_or_else(|| {
            No::WrongUse(format!(
                "the plan's targets hold no {what} `{}`",
                asked.unwrap_or_default()
            ))
        })
}

/// The plan that the run was started under, where there is a run; else the one in the folder.
pub fn plan() -> Result<Plan, No> {
    if let Ok(file) = std::env::var("MUSTER_PLAN_FILE") {
        let text = std::fs::read_to_string(&file)
            .map_err(|e| No::Failed(format!("cannot read {file}: {e}")))?;
        return serde_json::from_str(&text)
            .map_err(|e| No::Failed(format!("cannot understand {file}: {e}")));
    }
    let folder = plan_folder()?;
    let loaded = engine::plan::load(&folder).map_err(|faults| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        No::Failed(format!(
            "the plan in {} has mistakes, the first: {first}",
            folder.display()
        ))
    })?;
    Ok(loaded.plan)
}

/// `MUSTER_PLAN`, the folder we stand in (npm runs there), or `plan` in it.
fn plan_folder() -> Result<PathBuf, No> {
    if let Ok(named) = std::env::var("MUSTER_PLAN") {
        return Ok(named.into());
    }
    [".", "plan"]
        .into_iter()
        .map(PathBuf::from)
        .find(|d| d.join("plan.yaml").is_file())
        .ok_or_else(|| {
            No::WrongUse(
                "there is no plan here: stand in the plan's folder, or name it in MUSTER_PLAN"
                    .into(),
            )
        })
}

/// What an action found, told as it goes or as one JSON document at its end.
pub struct Report {
    action: String,
    json: bool,
    findings: Vec<Finding>,
}

#[derive(Clone, Serialize)]
pub struct Finding {
    pub what: String,
    pub found: String,
    /// Good, bad, or neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ok: Option<bool>,
}

impl Report {
    pub fn new(action: &str, json: bool) -> Self {
        Report {
            action: action.to_owned(),
            json,
            findings: Vec::new(),
        }
    }

    pub fn found(&mut self, what: &str, found: &str, ok: Option<bool>) {
        if !self.json {
            let mark = match ok {
                Some(true) => "ok  ",
                Some(false) => "BAD ",
                None => "    ",
            };
            println!(
                "{mark}{what:28} {}",
                found.replace('\n', "\n                                 ")
            );
        }
        self.findings.push(Finding {
            what: what.to_owned(),
            found: found.to_owned(),
            ok,
        });
    }

    pub fn end(self, done: Result<String, No>) -> ExitCode {
        let (ok, says, code) = match done {
            Ok(says) => (true, says, 0),
            Err(No::Failed(says)) => (false, says, 1),
            Err(No::WrongUse(says)) => (false, says, 2),
            Err(No::Refused(says)) => (false, says, 3),
        };
        if self.json {
            println!(
                "{}",
                serde_json::json!({ "action": self.action, "ok": ok, "says": says, "findings": self.findings })
            );
        } else {
            println!(
                "{}: {says}",
                if ok {
                    self.action
                } else {
                    format!("{} FAILED", self.action)
                }
            );
        }
        ExitCode::from(code)
    }
}
