//! The command line: what a person or a runbook types, and what they are told.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::app::AppArguments;
use crate::client::Control;
use crate::cluster::Cluster;
use crate::daemon::{self, AppAction, Fault, Phase, Progress};
use crate::failure::{Doing, Failure, Result};
use crate::keeper::Keeper;
use crate::place::{DEFAULT_BASE_PORT, Node, Place, Ports};
use crate::postgres::{last_lines, open_log};
use crate::process::{Proc, detach, poll};
use crate::sinks::SinksArguments;
use crate::status::Status;

/// A small real platform to break and recover: PostgreSQL primary and replica, a proxy, a sample app.
///
/// Exit codes: 0 done, 1 failed, 2 wrong use.
#[derive(Parser)]
#[command(name = "muster-lab", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
    /// Ports are counted from here: +25 mail, +30 database, +32 primary, +33 replica, +80 app, +81
    /// control, +82 outside world [default: 55400]
    #[arg(long, global = true, env = "MUSTER_LAB_BASE_PORT")]
    base_port: Option<u16>,
    /// Where the lab's control API is [default: http://127.0.0.1:55481, or the base port + 81]
    #[arg(long, global = true, env = "MUSTER_LAB_URL", value_name = "URL")]
    control: Option<String>,
}

#[derive(Args)]
struct Folder {
    /// The lab's folder
    #[arg(long, env = "MUSTER_LAB_DIR", default_value = ".lab")]
    dir: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Start the lab (makes it the first time; does nothing when it is up)
    Up(Folder),
    /// Stop everything the lab started; the data stays
    Down(Folder),
    /// Stop the lab, delete all its data, and start it anew
    Reset {
        #[command(flatten)]
        folder: Folder,
        /// Yes, delete all its data
        #[arg(long)]
        yes: bool,
    },
    /// What is up, what is broken, where the route leads
    Status,
    /// Break something
    Break { name: Fault },
    /// Undo a break; a database that was superseded comes back as a replica
    Heal { name: Fault },
    /// Start, stop (gracefully) or restart the sample app
    App { action: AppAction },
    /// Where the database port leads: show it, or lead it to a node
    Route { to: RouteTo },
    /// Make sure a database cannot accept writes, and prove it
    Fence { node: Node },
    /// Take the fence's mark away (heal does that too)
    Unfence { node: Node },
    /// The outside world: mail, Slack, telephones, webhooks (`up` starts it too); `sinks fault …` breaks it
    Sinks(SinksArguments),
    #[command(name = "__daemon", hide = true)]
    Daemon(Folder),
    #[command(name = "__app", hide = true)]
    SampleApp(AppArguments),
}

#[derive(Clone, Copy, ValueEnum)]
enum RouteTo {
    Show,
    Primary,
    Replica,
}

/// What is said at the end: a text for people, the same as JSON for programs.
struct Said {
    text: String,
    json: Value,
}

impl From<Value> for Said {
    fn from(json: Value) -> Self {
        Self {
            text: json["message"].as_str().unwrap_or_default().to_owned(),
            json,
        }
    }
}

pub async fn run(arguments: Arguments) -> ExitCode {
    let json = arguments.json;
    match perform(arguments).await {
        Ok(said) => {
            if json {
                println!("{:#}", said.json);
            } else if !said.text.is_empty() {
                println!("{}", said.text.trim_end());
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            if json {
                println!("{:#}", json!({ "ok": false, "error": failure.message }));
            } else {
                eprintln!("muster-lab: {failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn perform(arguments: Arguments) -> Result<Said> {
    let Arguments {
        command,
        json: quiet,
        base_port,
        control,
    } = arguments;
    let url = match control {
        Some(url) => url,
        None => Ports::new(base_port.unwrap_or(DEFAULT_BASE_PORT))?.control_url(),
    };
    let control = || Control::new(&url);
    let name = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
        value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    };
    match command {
        Command::Up(folder) => up(&folder.dir, base_port, quiet).await,
        Command::Down(folder) => down(&folder.dir).await,
        Command::Reset { folder, yes } => {
            if !yes {
                return Err(Failure::wrong_use(format!(
                    "reset deletes every database, order and log in {}; say --yes if that is meant",
                    folder.dir.display()
                )));
            }
            // A reset keeps the ports unless others are named.
            let known = Place::existing(&folder.dir)?.map(|place| place.ports.base());
            if let Some(place) = Place::existing(&folder.dir)? {
                down(&folder.dir).await?;
                place.wipe()?;
            }
            up(&folder.dir, base_port.or(known), quiet).await
        }
        Command::Status => {
            let status: Status = control()?.get("/status").await?;
            let json = serde_json::to_value(&status).doing(|| "encode the status".into())?;
            Ok(Said {
                text: status.table(),
                json,
            })
        }
        Command::Break { name: fault } => Ok(control()?
            .post(&format!("/break/{}", name(&|| fault.to_possible_value())))
            .await?
            .into()),
        Command::Heal { name: fault } => Ok(control()?
            .post(&format!("/heal/{}", name(&|| fault.to_possible_value())))
            .await?
            .into()),
        Command::App { action } => Ok(control()?
            .post(&format!("/app/{}", name(&|| action.to_possible_value())))
            .await?
            .into()),
        Command::Route { to: RouteTo::Show } => {
            let status: Status = control()?.get("/status").await?;
            let json = json!({ "ok": true, "route": status.route, "proxy": status.proxy });
            Ok(Said {
                text: status.route_line(),
                json,
            })
        }
        Command::Route {
            to: RouteTo::Primary,
        } => Ok(control()?.put("/route/primary").await?.into()),
        Command::Route {
            to: RouteTo::Replica,
        } => Ok(control()?.put("/route/replica").await?.into()),
        Command::Fence { node } => Ok(control()?.post(&format!("/fence/{node}")).await?.into()),
        Command::Unfence { node } => Ok(control()?.post(&format!("/unfence/{node}")).await?.into()),
        Command::Sinks(SinksArguments { ask: None, run }) => {
            crate::sinks::run(run).await.map(|()| nothing())
        }
        Command::Sinks(SinksArguments { ask: Some(ask), .. }) => {
            let ports = Ports::new(base_port.unwrap_or(DEFAULT_BASE_PORT))?;
            Ok(crate::sinks::ask(ask, ports.outside_url()).await?.into())
        }
        Command::Daemon(folder) => daemon::run(&folder.dir).await.map(|()| nothing()),
        Command::SampleApp(arguments) => crate::app::run(arguments).await.map(|()| nothing()),
    }
}

fn nothing() -> Said {
    Said {
        text: String::new(),
        json: Value::Null,
    }
}

async fn up(dir: &Path, base_port: Option<u16>, quiet: bool) -> Result<Said> {
    let place = Place::open_or_create(dir, base_port)?;
    let control = Control::new(&place.ports.control_url())?;
    let running = control.get::<Progress>("/progress").await.ok();
    if let Some(other) = running.as_ref().filter(|running| running.dir != place.dir) {
        return Err(Failure::failed(format!(
            "another lab ({}) uses the ports from {}; choose another --base-port",
            other.dir.display(),
            place.ports.base()
        )));
    }
    let already_up = running
        .as_ref()
        .is_some_and(|running| running.phase == Phase::Ready);
    let progress = match running {
        Some(running) if already_up => running,
        Some(_) => follow(&control, None, &place, quiet).await?,
        None => {
            let daemon = spawn_daemon(&place)?;
            follow(&control, Some(daemon), &place, quiet).await?
        }
    };
    let status: Status = control.get("/status").await?;
    let opening = if already_up {
        "the lab is up already"
    } else {
        "the lab is up"
    };
    let ports = place.ports;
    let text = format!(
        "{opening}\n\n{}\nApp      {}\nDatabase postgres://manufacturing@127.0.0.1:{}/manufacturing (password: {})\n\
         Control  {}\nWhat Muster sends is shown at {}",
        status.table(),
        status.app.url,
        ports.database(),
        place.secrets_file().display(),
        ports.control_url(),
        ports.outside_url(),
    );
    let json = json!({
        "ok": true, "message": opening, "already_up": already_up, "dir": place.dir, "secrets": place.secrets_file(),
        "control": ports.control_url(), "app": status.app.url, "database_port": ports.database(),
        "outside": ports.outside_url(), "smtp_port": ports.smtp(),
        "steps": progress.steps, "status": status,
    });
    Ok(Said { text, json })
}

fn spawn_daemon(place: &Place) -> Result<tokio::process::Child> {
    let log = open_log(&place.daemon_log())?;
    let mut command = tokio::process::Command::new(daemon::this_program());
    command
        .args(["__daemon", "--dir"])
        .arg(&place.dir)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone().doing(|| "share the log".into())?)
        .stderr(log);
    detach(&mut command)
        .spawn()
        .doing(|| "start the daemon".into())
}

/// Tells each step of the start until the lab is ready, or its daemon gave up.
async fn follow(
    control: &Control,
    mut daemon: Option<tokio::process::Child>,
    place: &Place,
    quiet: bool,
) -> Result<Progress> {
    let mut told = 0;
    for _ in 0..6000 {
        let progress = control
            .get::<Progress>("/progress")
            .await
            .ok()
            .filter(|progress| progress.dir == place.dir);
        if let Some(progress) = progress {
            for step in progress.steps.iter().skip(told).filter(|_| !quiet) {
                println!("  {step}");
            }
            told = progress.steps.len();
            if progress.phase == Phase::Ready {
                return Ok(progress);
            }
        }
        let exited = match &mut daemon {
            Some(child) => matches!(child.try_wait(), Ok(Some(_))),
            None => place.recorded("daemon.json").is_none(),
        };
        if exited && daemon.take().is_some() {
            // Two `up` at once: the daemon that lost the race leaves, and the other one is followed.
            poll(Duration::from_secs(1), async || {
                place.recorded("daemon.json")
            })
            .await;
            continue;
        }
        if exited {
            let last = last_lines(&place.daemon_log(), 1);
            let reason = last
                .strip_prefix("muster-lab: ")
                .unwrap_or(&last)
                .to_owned();
            return Err(Failure::failed(format!(
                "the lab did not come up: {reason}"
            )));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Failure::failed(format!(
        "the lab is still starting; see {}",
        place.daemon_log().display()
    )))
}

async fn down(dir: &Path) -> Result<Said> {
    let Some(place) = Place::existing(dir)? else {
        let message = format!("there is no lab in {}", dir.display());
        return Ok(json!({ "ok": true, "message": message, "steps": [] }).into());
    };
    let recorded = place.recorded("daemon.json");
    let steps = match recorded {
        Some(daemon) => match ask_to_shut_down(&place, daemon).await {
            Some(steps) => steps,
            None => {
                daemon.signal(nix::sys::signal::Signal::SIGKILL)?;
                daemon.gone(Duration::from_secs(5)).await;
                stop_without_daemon(&place).await?
            }
        },
        None => stop_without_daemon(&place).await?,
    };
    let mut text: String = steps.iter().map(|step| format!("  {step}\n")).collect();
    text += "the lab is down; its data stays";
    Ok(Said {
        text,
        json: json!({ "ok": true, "message": "the lab is down", "steps": steps }),
    })
}

/// `None` when the daemon does not do it (hung, or killed meanwhile).
async fn ask_to_shut_down(place: &Place, daemon: Proc) -> Option<Vec<String>> {
    let control = Control::new(&place.ports.control_url()).ok()?;
    let owner: Progress = control.get("/progress").await.ok()?;
    if owner.dir != place.dir {
        return None;
    }
    let answer = control.post("/shutdown").await.ok()?;
    let gone = poll(Duration::from_secs(10), async || {
        (!daemon.is_alive()).then_some(())
    })
    .await;
    gone?;
    serde_json::from_value(answer["steps"].clone()).ok()
}

async fn stop_without_daemon(place: &Place) -> Result<Vec<String>> {
    if !place.dir.join("run").exists() {
        return Ok(vec!["nothing was running".into()]);
    }
    daemon::stop_everything(place, &Cluster::open(place)?, &Keeper::new(place)).await
}
