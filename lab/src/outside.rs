//! Keeps the outside world of the lab as a process: starts it, finds it again, stops it.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Command;

use crate::failure::{Doing, Failure, Result};
use crate::place::{Place, read_json, write_json};
use crate::postgres::{last_lines, open_log};
use crate::process::{Proc, detach, poll};
use crate::secrets;
use crate::sinks::{Addresses, port_file};

/// Where a Muster of `make run` takes the presses of Slack's buttons, unless the environment names another place.
const SLACK_ACTIONS: (&str, &str) = (
    "MUSTER_LAB_SLACK_ACTIONS",
    "http://127.0.0.1:8080/callbacks/slack/actions",
);

pub fn running(place: &Place) -> Option<Proc> {
    place.recorded("sinks.json")
}

pub async fn start(place: &Place) -> Result<String> {
    let ports = place.ports;
    let told = format!(
        "mail on port {}, everything else at {}",
        ports.smtp(),
        ports.outside_url()
    );
    if running(place).is_some() {
        return Ok(format!("the outside world is there already: {told}"));
    }
    let log = open_log(&place.log("sinks"))?;
    let mut command = Command::new(crate::daemon::this_program());
    command
        .args(["sinks", "--detached", "--dir"])
        .arg(place.sinks())
        .args(["--http-port", &ports.outside().to_string()])
        .args(["--smtp-port", &ports.smtp().to_string()])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone().doing(|| "share the log".into())?)
        .stderr(log);
    let (name, usual) = SLACK_ACTIONS;
    command.env(name, std::env::var(name).unwrap_or_else(|_| usual.into()));
    // Addresses of an earlier run must not be taken for those of this one.
    let addresses = port_file(&place.sinks());
    let _ = fs::remove_file(&addresses);
    let mut child = detach(&mut command)
        .spawn()
        .doing(|| "start the outside world".into())?;
    let process = child.id().and_then(|pid| Proc::of(pid as i32));
    tokio::spawn(async move { child.wait().await });
    let failed = || {
        Failure::failed(format!(
            "the outside world does not come up; {} ends with: {}",
            place.log("sinks").display(),
            last_lines(&place.log("sinks"), 3)
        ))
    };
    let process = process.ok_or_else(failed)?;
    write_json(&place.run("sinks.json"), &process)?;
    // A port that a closing connection holds is waited for, up to a minute.
    let up = poll(Duration::from_secs(70), async || match process.is_alive() {
        true => read_json::<Addresses>(&addresses).ok().map(Some),
        false => Some(None),
    });
    let addresses = up.await.flatten().ok_or_else(failed)?;
    secrets::add(place, &addresses.env)?;
    Ok(format!("the outside world is up: {told}"))
}

pub async fn stop(place: &Place) -> Result<String> {
    let record = place.run("sinks.json");
    if let Some(process) = running(place) {
        process.signal(Signal::SIGTERM)?;
        if !process.gone(Duration::from_secs(5)).await {
            process.signal(Signal::SIGKILL)?;
            process.gone(Duration::from_secs(5)).await;
        }
        let _ = fs::remove_file(&record);
        return Ok("the outside world is down".into());
    }
    let _ = fs::remove_file(&record);
    Ok("the outside world is down already".into())
}
