//! The lab's background process: it owns the proxy, and starts what is not running.
//!
//! Architecture invariant: one daemon per folder (a lock held for its life), and one operation at a time. The servers
//! and the app are its children only by birth: killing the daemon leaves them alone, and the next one finds them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::cluster::Cluster;
use crate::failure::{Doing, Failure, Result};
use crate::keeper::Keeper;
use crate::outside;
use crate::place::{Node, Place, read_json, write_json};
use crate::process::Proc;
use crate::proxy::{Mode, Proxy, Route, Setting};
use crate::reserve::{Reserve, listen};

/// What can be broken, and healed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// SIGKILL of the node `primary`
    Db,
    /// SIGKILL of the node `replica`
    Replica,
    /// SIGKILL of the app
    App,
    /// The database port refuses, existing connections are reset
    Proxy,
    /// Five seconds of delay on the way to the database
    Network,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum AppAction {
    Start,
    Stop,
    Restart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Starting,
    Ready,
}

/// How far the start has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Progress {
    pub dir: PathBuf,
    pub pid: u32,
    pub phase: Phase,
    pub steps: Vec<String>,
}

pub struct Lab {
    pub place: Place,
    pub cluster: Cluster,
    pub keeper: Keeper,
    pub proxy: Proxy,
    pub shutdown: Notify,
    progress: Mutex<Progress>,
    one_at_a_time: tokio::sync::Mutex<()>,
    reserve: Reserve,
}

struct Turn<'a> {
    _guard: tokio::sync::MutexGuard<'a, ()>,
    reserve: &'a Reserve,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.reserve.hold();
    }
}

/// A sentence for a person, and the facts behind it for a program.
pub type Done = (String, Value);

impl Lab {
    pub fn progress(&self) -> Progress {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn tell(&self, step: String) {
        note(&step);
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .steps
            .push(step);
    }

    /// One operation at a time; the ports it left without a listener are held again at its end.
    async fn turn(&self) -> Turn<'_> {
        Turn {
            _guard: self.one_at_a_time.lock().await,
            reserve: &self.reserve,
        }
    }

    async fn bring_up(&self) -> Result<()> {
        let _turn = self.turn().await;
        self.tell(format!("using PostgreSQL in {}", self.cluster.describe()));
        self.reserve.wait(&|step| self.tell(step)).await;
        self.cluster.start(&|step| self.tell(step)).await?;
        self.proxy_settled().await?;
        let database = self.place.ports.database();
        self.tell(format!(
            "the proxy on port {database} leads to: {}",
            self.proxy.setting().route.name()
        ));
        self.tell(self.keeper.start().await?);
        self.tell(outside::start(&self.place).await?);
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .phase = Phase::Ready;
        Ok(())
    }

    pub async fn break_it(&self, fault: Fault) -> Result<Done> {
        let _turn = self.turn().await;
        let message = match fault {
            Fault::Db => self.cluster.kill(Node::Primary).await?,
            Fault::Replica => self.cluster.kill(Node::Replica).await?,
            Fault::App => self.keeper.kill().await?,
            Fault::Proxy => {
                self.set_proxy(self.proxy.setting().route, Mode::Cut)
                    .await?;
                format!(
                    "port {} refuses connections; those that were open are reset",
                    self.place.ports.database()
                )
            }
            Fault::Network => {
                self.set_proxy(self.proxy.setting().route, Mode::Delay { ms: 5000 })
                    .await?;
                "everything to and from the database now takes five seconds longer each way".into()
            }
        };
        Ok((message, json!({})))
    }

    pub async fn heal(&self, fault: Fault) -> Result<Done> {
        let _turn = self.turn().await;
        match fault {
            Fault::Db => self.heal_node(Node::Primary).await,
            Fault::Replica => self.heal_node(Node::Replica).await,
            Fault::App => Ok((self.keeper.start().await?, json!({}))),
            Fault::Proxy | Fault::Network => {
                let route = self.proxy.setting().route;
                self.set_proxy(route, Mode::Pass).await?;
                Ok((
                    format!("the proxy passes everything to: {}", route.name()),
                    json!({}),
                ))
            }
        }
    }

    async fn heal_node(&self, node: Node) -> Result<Done> {
        let (mut message, details) = self.cluster.heal(node).await?;
        if self.proxy.setting().route == Route::Cut {
            message +=
                "; the route is still cut: `muster-lab route primary` or `route replica` opens it";
        }
        Ok((message, details))
    }

    pub async fn app(&self, action: AppAction) -> Result<Done> {
        let _turn = self.turn().await;
        match action {
            AppAction::Start => Ok((self.keeper.start().await?, json!({}))),
            AppAction::Stop => {
                let (message, report) = self.keeper.stop().await?;
                Ok((message, json!({ "stop": report })))
            }
            AppAction::Restart => {
                let (stopped, report) = self.keeper.stop().await?;
                let started = self.keeper.start().await?;
                Ok((format!("{stopped}; {started}"), json!({ "stop": report })))
            }
        }
    }

    pub async fn route(&self, node: Node) -> Result<Done> {
        let _turn = self.turn().await;
        if self.place.is_fenced(node) {
            return Err(Failure::refused(format!(
                "the route was not changed: the {node} is fenced; `muster-lab heal {}` brings it back safely",
                node.heal_name()
            )));
        }
        let before = self.proxy.setting();
        self.set_proxy(node.into(), before.mode).await?;
        let caution = match self.cluster.facts(node).await {
            Some(facts) if facts.in_recovery => {
                "; it is still in recovery: writes are refused until it is promoted"
            }
            Some(_) => "",
            None => "; it does not answer",
        };
        let message = format!(
            "the route leads to the {node} (was: {}); old connections are reset{caution}",
            before.route.name()
        );
        Ok((message, json!({ "route": node, "previous": before.route })))
    }

    pub async fn fence(&self, node: Node) -> Result<Done> {
        let _turn = self.turn().await;
        let setting = self.proxy.setting();
        let was_routed = setting.route.node() == Some(node);
        if was_routed {
            self.set_proxy(Route::Cut, setting.mode).await?;
        }
        let (message, proof) = self.cluster.fence(node).await?;
        let route = if was_routed {
            "; the route led there and is cut now"
        } else {
            ""
        };
        Ok((format!("{message}{route}"), proof))
    }

    pub async fn unfence(&self, node: Node) -> Result<Done> {
        let _turn = self.turn().await;
        Ok((self.cluster.unfence(node)?, json!({})))
    }

    pub async fn set_mode(&self, mode: Mode) -> Result<Done> {
        let _turn = self.turn().await;
        self.set_proxy(self.proxy.setting().route, mode).await?;
        Ok((
            "the proxy's mode is set".into(),
            json!(self.proxy.setting()),
        ))
    }

    /// Written down first: a daemon that comes after must not lead the app back to an old primary.
    async fn set_proxy(&self, route: Route, mode: Mode) -> Result<()> {
        let setting = Setting { route, mode };
        write_json(&self.place.state_file(), &setting)?;
        self.proxy.want(setting);
        self.proxy_settled().await
    }

    async fn proxy_settled(&self) -> Result<()> {
        let settled = tokio::time::timeout(Duration::from_secs(10), self.proxy.settled()).await;
        settled.map_err(|_| {
            Failure::failed(format!(
                "port {} is taken by another program; free it or choose another --base-port",
                self.place.ports.database()
            ))
        })
    }

    pub async fn take_down(&self) -> Result<Done> {
        let _turn = self.turn().await;
        // A fault of the way does not outlive the lab; where the route leads does.
        self.set_proxy(self.proxy.setting().route, Mode::Pass)
            .await?;
        let said = stop_everything(&self.place, &self.cluster, &self.keeper).await?;
        self.shutdown.notify_one();
        Ok((said.join("; "), json!({ "steps": said })))
    }
}

/// Stops the outside world, the app, then the servers; also without a daemon.
pub async fn stop_everything(
    place: &Place,
    cluster: &Cluster,
    keeper: &Keeper,
) -> Result<Vec<String>> {
    let (app, _) = keeper.stop().await?;
    let mut said = vec![outside::stop(place).await?, app];
    said.extend(cluster.stop().await?);
    Ok(said)
}

/// Runs until told to shut down. An `Err` before the lab is ready ends up as the last line of daemon.log.
pub async fn run(dir: &Path) -> Result<()> {
    let place = Place::existing(dir)?.ok_or_else(|| {
        Failure::wrong_use(format!(
            "{} is not a lab; run `muster-lab up` first",
            dir.display()
        ))
    })?;
    place.lay_out()?;
    let _lock = lock(&place)?;
    let pid = std::process::id();
    if let Some(me) = Proc::of(pid as i32) {
        write_json(&place.run("daemon.json"), &me)?;
    }
    let reserve = Reserve::new(place.ports);
    reserve.hold();
    let listener = listen(place.ports.control()).await?;
    let setting = read_json(&place.state_file()).unwrap_or(Setting {
        route: Route::Primary,
        mode: Mode::Pass,
    });
    let lab = std::sync::Arc::new(Lab {
        cluster: Cluster::open(&place)?,
        keeper: Keeper::new(&place),
        proxy: Proxy::start(place.ports, setting),
        shutdown: Notify::new(),
        progress: Mutex::new(Progress {
            dir: place.dir.clone(),
            pid,
            phase: Phase::Starting,
            steps: Vec::new(),
        }),
        one_at_a_time: tokio::sync::Mutex::new(()),
        reserve,
        place,
    });
    let stopping = lab.clone();
    let server = tokio::spawn(
        axum::serve(listener, crate::control::router(lab.clone()))
            .with_graceful_shutdown(async move { stopping.shutdown.notified().await })
            .into_future(),
    );
    lab.bring_up().await?;
    note("the lab is up");
    server
        .await
        .doing(|| "serve the control API".into())?
        .doing(|| "serve the control API".into())?;
    note("the lab is down");
    Ok(())
}

fn lock(place: &Place) -> Result<Flock<File>> {
    let path = place.run("daemon.lock");
    let file = File::create(&path).doing(|| format!("open {}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
        Failure::failed(format!(
            "another daemon already holds the lab in {}",
            place.dir.display()
        ))
    })
}

/// A line of a log.
pub fn note(line: &str) {
    eprintln!(
        "{} {line}",
        jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    );
}

/// The program to start again. Replaced on disk by a newer build, the running one is still there under /proc.
pub fn this_program() -> PathBuf {
    std::env::current_exe()
        .ok()
        .filter(|path| path.exists())
        .unwrap_or_else(|| "/proc/self/exe".into())
}
