//! Keeps the sample app as a process: starts it, stops it gracefully, finds it again after the daemon was killed.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::app::StopReport;
use crate::failure::{Doing, Failure, Result};
use crate::place::{Place, Release, read_json, write_json};
use crate::postgres::{connect_refused, last_lines, open_log};
use crate::process::{Proc, detach, poll};
use crate::secrets::Secrets;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppState {
    Running,
    /// Stopped on request.
    Stopped,
    /// It was running and is gone without having been asked.
    Broken,
}

#[derive(Debug, Clone)]
pub struct Keeper {
    place: Place,
}

impl Keeper {
    pub fn new(place: &Place) -> Self {
        Self {
            place: place.clone(),
        }
    }

    pub fn running(&self) -> Option<Proc> {
        self.place.recorded("app.json")
    }

    pub fn state(&self) -> AppState {
        match self.running() {
            Some(_) => AppState::Running,
            None if self.place.run("app.json").exists() => AppState::Broken,
            None => AppState::Stopped,
        }
    }

    /// The release the running app was started from.
    pub fn release(&self) -> Option<Release> {
        self.running()?;
        read_json(&self.place.run("app-release.json")).ok()
    }

    pub async fn start(&self) -> Result<String> {
        let port = self.place.ports.app();
        if let Some(app) = self.running() {
            return Ok(format!(
                "the app is running already (pid {}, port {port})",
                app.pid
            ));
        }
        let current = self.place.current_release();
        let release = Release::read(&current)?;
        // Resolved now: the link may move while the app runs, and the app must not change its mind.
        let folder = current
            .canonicalize()
            .doing(|| format!("follow {}", current.display()))?;
        let log = open_log(&self.place.log("app"))?;
        let mut command = Command::new(crate::daemon::this_program());
        command
            .arg("__app")
            .args([
                "--port",
                &port.to_string(),
                "--database-port",
                &self.place.ports.database().to_string(),
            ])
            .arg("--release")
            .arg(folder)
            .arg("--stop-report")
            .arg(self.place.run("app-stop.json"))
            .env("LAB_DB_PASSWORD", Secrets::load(&self.place)?.app)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone().doing(|| "share the log".into())?)
            .stderr(log);
        let mut child = detach(&mut command)
            .spawn()
            .doing(|| "start the app".into())?;
        let app = child.id().and_then(|pid| Proc::of(pid as i32));
        tokio::spawn(async move { child.wait().await });
        let failed = || {
            Failure::failed(format!(
                "the app does not come up on port {port}; {} ends with: {}",
                self.place.log("app").display(),
                last_lines(&self.place.log("app"), 3)
            ))
        };
        let app = app.ok_or_else(failed)?;
        write_json(&self.place.run("app-release.json"), &release)?;
        write_json(&self.place.run("app.json"), &app)?;
        let answers = poll(Duration::from_secs(10), async || {
            if !app.is_alive() {
                return Some(false);
            }
            TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
                .then_some(true)
        });
        // Another program's port would answer too: the app itself must still be there.
        match answers.await {
            Some(true) if app.is_alive() => {
                let Release { release, version } = release;
                Ok(format!(
                    "the app is up: release {release} ({version}), pid {}, port {port}",
                    app.pid
                ))
            }
            _ => Err(failed()),
        }
    }

    /// Lets the requests in flight finish (up to ten seconds), then ends. The report comes from the app itself.
    pub async fn stop(&self) -> Result<(String, Option<StopReport>)> {
        let running = self.running();
        let record = self.place.run("app.json");
        let report = self.place.run("app-stop.json");
        let _ = fs::remove_file(&report);
        let Some(app) = running else {
            let _ = fs::remove_file(&record);
            return Ok(("the app is down already".into(), None));
        };
        app.signal(Signal::SIGTERM)?;
        let graceful = app.gone(Duration::from_secs(13)).await;
        if !graceful {
            app.signal(Signal::SIGKILL)?;
            app.gone(Duration::from_secs(5)).await;
        }
        let _ = fs::remove_file(&record);
        let said = read_json::<StopReport>(&report).ok();
        let message = match &said {
            Some(StopReport {
                drained,
                aborted,
                millis,
                ..
            }) => {
                format!(
                    "the app stopped in {millis} ms: {drained} requests drained, {aborted} aborted"
                )
            }
            None => {
                "the app did not stop in time and was killed; requests in flight are lost".into()
            }
        };
        Ok((message, said))
    }

    pub async fn kill(&self) -> Result<String> {
        let Some(app) = self.running() else {
            return Ok("the app is down already".into());
        };
        app.signal(Signal::SIGKILL)?;
        let port = self.place.ports.app();
        let closed = async || (!app.is_alive() && connect_refused(port).await).then_some(());
        poll(Duration::from_secs(10), closed).await.ok_or_else(|| {
            Failure::failed(format!("the app was killed, but port {port} is still open"))
        })?;
        Ok(format!(
            "killed the app (SIGKILL to pid {}); port {port} is closed",
            app.pid
        ))
    }
}
