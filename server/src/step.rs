//! `muster step …`: what the runner starts for a step that asks for work and types no command (a request, a statement, a
//! wait, a command elsewhere, a word to people), to look at a step's target before it starts, and to try a step dry.
//! Each is a process like any other command: under a supervisor, with an output of its own, outliving the server.
//!
//! Architecture invariant: a value that was handed over (parameter, output, secret) is never pasted into a text that
//! something else parses. It is one word, one bind, one header, one pair of a query.
//! Architecture invariant: what is printed names secrets and header fields, never their values.

mod dry_run;
mod expect;
mod http;
mod notify;
mod program;
mod sql;
mod ssh;
mod values;
mod wait;

use crate::cli::Exit;
use clap::Subcommand;
use domain::plan::Work;
use serde::de::DeserializeOwned;
use std::process::ExitCode;
use values::Values;

#[derive(Subcommand)]
pub enum Step {
    /// Do the work in MUSTER_STEP_WORK.
    Work,
    /// Refuse (3) unless the target is what MUSTER_STEP_EXPECT says.
    Expect,
    /// Tell what the step in MUSTER_STEP_DRY_RUN would do, and what it lacks.
    DryRun,
}

/// Why something is not so.
#[derive(Debug, PartialEq)]
enum No {
    /// Asked again it may be.
    Yet(String),
    /// Something is missing or written wrongly: waiting mends nothing.
    Ever(String),
}

impl No {
    fn says(self) -> String {
        match self {
            No::Yet(says) | No::Ever(says) => says,
        }
    }
}

impl From<No> for Exit {
    fn from(no: No) -> Self {
        Exit::Failed(no.says())
    }
}

impl Step {
    pub async fn run(self) -> Result<ExitCode, Exit> {
        let values = Values::of_environment();
        match self {
            Step::Work => work(given(&values, "MUSTER_STEP_WORK")?, &values).await,
            Step::Expect => {
                let expect = given(&values, "MUSTER_STEP_EXPECT")?;
                let found = expect::holds(&expect, &values).await;
                println!("{}", found.map_err(Exit::Refused)?);
                Ok(ExitCode::SUCCESS)
            }
            Step::DryRun => {
                let dry = given(&values, "MUSTER_STEP_DRY_RUN")?;
                Ok(dry_run::tell(&dry, &values).await)
            }
        }
    }
}

async fn work(work: Work, values: &Values) -> Result<ExitCode, Exit> {
    match work {
        Work::Http(http) => http::work(&http, values).await?,
        Work::Sql(sql) => sql::work(&sql, values).await?,
        Work::Wait(wait) => wait::work(&wait, values).await?,
        Work::Ssh(ssh) => return Ok(ssh::work(&ssh, values).await?),
        Work::Notify(notify) => notify::work(&notify, values).await?,
        Work::Manual(_) | Work::Runbook(_) => {
            return Err(Exit::WrongUse(
                "this is done by a person or by another run, not by a process".into(),
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn given<T: DeserializeOwned>(values: &Values, name: &str) -> Result<T, Exit> {
    let text = values.variable(name).map_err(Exit::WrongUse)?;
    serde_json::from_str(&text)
        .map_err(|e| Exit::WrongUse(format!("{name} cannot be understood: {e}")))
}
