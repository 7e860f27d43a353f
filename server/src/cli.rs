//! The command line. Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused.

mod access;
mod plan;
mod timeline;

use crate::{actions, serve, step};
pub use access::link as sign_in_link;
pub use plan::whole;

use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

#[derive(Parser)]
#[command(
    name = "muster",
    version,
    about = "Turns a disaster-recovery plan into something a team can run."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server.
    Serve(serve::Options),
    /// Print a one-time sign-in link.
    Signin(access::Signin),
    /// Tokens for programs.
    #[command(subcommand)]
    Token(access::Token),
    /// Secrets for runbooks: named, sealed in the database, masked in every output.
    #[command(subcommand)]
    Secret(access::Secret),
    /// The plan as code.
    #[command(subcommand)]
    Plan(plan::Plan),
    /// Carry out an action of the plan: `muster do db:status`. `muster do --list` tells all.
    Do(actions::Do),
    /// What the runner starts for a step that types no command.
    #[command(subcommand, hide = true)]
    Step(step::Step),
    /// The timeline: export it, or verify an export without a database.
    #[command(subcommand)]
    Timeline(timeline::Timeline),
    /// Drills against the lab.
    Drill(NotYet),
    /// Reports on an incident.
    Report(NotYet),
}

/// A command that the contract names and that a later version brings.
#[derive(Args)]
struct NotYet {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<String>,
}

/// Where Muster keeps its data.
#[derive(Args, Clone)]
pub struct Data {
    /// The data folder.
    #[arg(long, default_value = "data", env = "MUSTER_DATA")]
    pub data: PathBuf,
    /// `postgres://user@host/database`; SQLite in the data folder unless told.
    #[arg(long, env = "MUSTER_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

impl Data {
    /// Opens the database of a Muster that has been here already.
    pub async fn open_existing(&self) -> Result<engine::store::Store, String> {
        if self.database_url.is_none() && !self.data.join("muster.db").is_file() {
            return Err(format!(
                "there is no Muster data in {}: name its folder with --data",
                self.data.display()
            ));
        }
        self.open().await
    }

    /// Makes the data folder (for its owner only) if it is not there.
    pub fn make_folder(&self) -> Result<(), String> {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.data);
        made.map_err(|e| format!("cannot make the data folder {}: {e}", self.data.display()))
    }

    /// Opens the database, and makes the data folder if it is not there.
    pub async fn open(&self) -> Result<engine::store::Store, String> {
        self.make_folder()?;
        let url = match &self.database_url {
            Some(url) => url.clone(),
            None => {
                let dir = self.data.canonicalize().map_err(|e| {
                    format!("cannot find the data folder {}: {e}", self.data.display())
                })?;
                format!("sqlite://{}/muster.db", dir.display())
            }
        };
        engine::store::Store::open(&url)
            .await
            .map_err(|e| e.to_string())
    }
}

/// Why a command line did not do what was asked.
pub enum Exit {
    Failed(String),
    WrongUse(String),
    Refused(String),
}

impl From<engine::No> for Exit {
    fn from(no: engine::No) -> Self {
        match no {
            engine::No::Refused(refusal) => Exit::Refused(refusal.to_string()),
            engine::No::Unavailable(_) => Exit::Failed(no.to_string()),
        }
    }
}

impl From<String> for Exit {
    fn from(says: String) -> Self {
        Exit::Failed(says)
    }
}

impl From<engine::store::Error> for Exit {
    fn from(error: engine::store::Error) -> Self {
        Exit::Failed(error.to_string())
    }
}

pub fn main() -> ExitCode {
    // The one cryptography provider; a second call only says that it is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return told(Exit::Failed(format!("cannot start: {error}"))),
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Serve(options) => serve::serve(options).await,
            Command::Signin(signin) => signin.run().await,
            Command::Token(token) => token.run().await,
            Command::Secret(secret) => secret.run().await,
            Command::Plan(plan) => plan.run().await,
            Command::Do(action) => return action.run().await,
            Command::Step(step) => return step.run().await.unwrap_or_else(told),
            Command::Timeline(timeline) => timeline.run().await,
            Command::Drill(_) => Err(not_yet("drill")),
            Command::Report(_) => Err(not_yet("report")),
        }
        .map_or_else(told, |()| ExitCode::SUCCESS)
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    done
}

fn not_yet(name: &str) -> Exit {
    Exit::WrongUse(format!("`muster {name}` is not there yet."))
}

fn told(exit: Exit) -> ExitCode {
    let (says, code) = match exit {
        Exit::Failed(says) => (says, 1),
        Exit::WrongUse(says) => (says, 2),
        Exit::Refused(says) => (says, 3),
    };
    eprintln!("muster: {says}");
    ExitCode::from(code)
}
