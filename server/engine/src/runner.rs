//! Runs what the timeline says should be running.
//!
//! The rules live in `domain`: they write [`domain::Event::AttemptStarted`] before anything happens. This worker looks at
//! every run that is open, launches (or finds again) the attempts that should be running here, and reports how they ended.
//! It keeps nothing that it could not find again after a kill -9: what it holds in memory is who is being watched.

mod ahead;
mod dues;
mod launch;
mod line;
mod nodes;
mod past;
mod retention;
mod spools;
mod start;
mod watch;

pub use spools::Spools;
pub use start::seal;

use crate::{Desk, No, Request, access, secrets::Vault, supervise::Supervisor};
use ahead::Ahead;
use domain::{Actor, Command, Run, RunId, RunStatus, Source, Span, World, plan::Work};
use dues::Dues;
use nodes::Nodes;
use past::Past;
use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Where this node's runs happen.
#[derive(Clone)]
pub struct Place {
    /// Holds one folder an attempt: its output and its record.
    pub spool: PathBuf,
    /// The plan's folder: where commands run.
    pub plan: PathBuf,
    /// The `muster` program, for `muster do`.
    pub program: PathBuf,
    /// Where actions reach this server.
    pub url: String,
    /// What commands get of the server's environment: `PATH`, and the passwords that the plan's targets name.
    pub env: Vec<(String, String)>,
    /// Secrets of the server: hidden in what commands print, also where no command is given them.
    pub secrets: Vec<String>,
    /// How long outputs are kept after a run's end.
    pub keep: Span,
}

#[derive(Clone)]
pub struct Runner {
    desk: Desk,
    supervisor: Supervisor,
    vault: Vault,
    place: Arc<Place>,
    watched: Arc<Mutex<HashSet<Key>>>,
    tokens: Arc<tokio::sync::Mutex<HashMap<RunId, (String, String)>>>,
    nodes: Nodes,
    ahead: Ahead,
    past: Arc<Past>,
    /// An attempt ended, or a node is gone: look again.
    nudge: Arc<Notify>,
}

/// One attempt of one step of one run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    run: RunId,
    step: u32,
    attempt: u32,
}

impl Key {
    /// Unique among all attempts.
    fn id(&self) -> String {
        format!("{}-{}-{}", self.run, self.step, self.attempt)
    }

    fn is_running(&self, world: &World) -> bool {
        self.runs_on(world).is_some()
    }

    /// The node, where it is running.
    fn runs_on<'a>(&self, world: &'a World) -> Option<&'a str> {
        let mut running = world.runs.get(&self.run)?.running_attempts();
        let this = running.find(|(step, a)| (*step, a.number) == (self.step, self.attempt));
        this.map(|(_, attempt)| attempt.node.as_str())
    }
}

/// Whether something is run for a step: one that is another runbook is a run of its own, looked after like any other.
fn has_folder(run: &Run, step: u32) -> bool {
    let work = run.runbook.step(step as usize).and_then(|s| s.work());
    run.mode == domain::Mode::DryRun || !matches!(work, Some(Work::Runbook(_)))
}

/// The first folder of an attempt.
fn folder(spool: &Path, run: &RunId, step: u32, attempt: u32) -> PathBuf {
    spool.join(run.as_str()).join(format!("{step}-{attempt}"))
}

/// The next folder of an attempt, where in this one it certainly never began.
fn beside(dir: PathBuf) -> PathBuf {
    let mut beside = dir.into_os_string();
    beside.push("r");
    beside.into()
}

/// The folder of an attempt's output: the last of those it was given.
fn output_folder(spool: &Path, run: &RunId, step: u32, attempt: u32) -> PathBuf {
    let mut dir = folder(spool, run, step, attempt);
    loop {
        let next = beside(dir.clone());
        if !next.exists() {
            return dir;
        }
        dir = next;
    }
}

/// Whole or not at all, also after a power failure. Waits for the disk.
fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Somebody else may be writing the same.
    let half = file.with_extension(format!("half-{}", uuid::Uuid::new_v4()));
    let mut draft = File::create(&half)?;
    draft.write_all(text.as_bytes())?;
    draft.sync_all()?;
    fs::rename(half, file)?;
    File::open(folder)?.sync_all()
}

impl Runner {
    pub fn new(desk: Desk, supervisor: Supervisor, vault: Vault, place: Place) -> Self {
        let past = Past::look(&place.spool, &desk.world(), desk.clock().now());
        Runner {
            past: Arc::new(past),
            nodes: Nodes::new(desk.store().clone(), desk.node(), &place.spool),
            desk,
            supervisor,
            vault,
            place: Arc::new(place),
            watched: Arc::default(),
            tokens: Arc::default(),
            ahead: Ahead::default(),
            nudge: Arc::default(),
        }
    }

    /// Where the outputs of attempts are found.
    pub fn spools(&self) -> Spools {
        self.nodes.spools()
    }

    /// Works until it is dropped.
    pub async fn serve(self) {
        tokio::spawn(self.nodes.clone().serve(self.nudge.clone()));
        self.make_ready_ahead();
        tokio::spawn(self.clone().outlive_the_past());
        tokio::spawn(retention::serve(self.desk.clone(), self.place.clone()));
        self.forget_old_tokens().await;
        let (mut changes, mut dues) = (self.desk.watch(), Dues::default());
        loop {
            let world = changes.borrow_and_update().clone();
            dues.see(&world, self.desk.clock().now(), Instant::now());
            let mut soonest: Option<Instant> = None;
            for run in world.runs.values().filter(|r| !r.is_over()) {
                if let Some(due) = self.look_after(&world, run, &dues).await {
                    soonest = Some(soonest.map_or(due, |s| s.min(due)));
                }
            }
            self.forget_tokens().await;
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = self.nudge.notified() => {}
                () = async { match soonest { Some(due) => tokio::time::sleep_until(due).await, None => std::future::pending().await } } => {}
            }
        }
    }

    /// Makes one run go on. Answers when it wants to be looked at again.
    async fn look_after(&self, world: &World, run: &Arc<Run>, dues: &Dues) -> Option<Instant> {
        let mut under_way = false;
        for (step, attempt) in run.running_attempts() {
            under_way = true;
            if !has_folder(run, step) {
                continue;
            }
            let key = Key {
                run: run.id.clone(),
                step,
                attempt: attempt.number,
            };
            if attempt.node == self.desk.node() {
                self.watch(run, key, watch::Whose::Ours);
            } else if let Some(gone) = self.nodes.gone(&attempt.node) {
                self.watch(run, key, gone);
            }
        }
        let due = run.due().zip(dues.of(run));
        let come = due
            .filter(|(_, at)| *at <= Instant::now())
            .map(|(due, _)| due);
        let unlocked = run
            .awaited_lock()
            .is_some_and(|lock| world.lock_holder(lock, run).is_none());
        // Decisions are written whole, so a run that runs has something under way; but a wake-up costs nothing.
        let idle = run.status == RunStatus::Running && !under_way && due.is_none();
        if come.is_some() || unlocked || idle {
            let advance = Command::Advance {
                run: run.id.clone(),
                due: come,
            };
            self.report(advance, &run.runbook.name).await;
            return None;
        }
        due.map(|(_, at)| at)
    }

    /// Reports until it is written down: an ending that was seen is never dropped. Whether it was, or else was refused.
    async fn report(&self, command: Command, runbook: &str) -> bool {
        let actor = Actor {
            name: runbook.to_owned(),
            ..Actor::system("runner", Source::Runner)
        };
        let mut pause = Duration::from_millis(50);
        loop {
            match self
                .desk
                .execute(Request::new(&actor, command.clone()))
                .await
            {
                Ok(_) => return true,
                Err(No::Refused(refusal)) => {
                    tracing::error!(%refusal, "The desk refused the runner's report: {refusal}");
                    return false;
                }
                Err(No::Unavailable(_)) => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    fn is_watched(&self, key: &Key) -> bool {
        self.lock_watched().contains(key)
    }

    fn lock_watched(&self) -> std::sync::MutexGuard<'_, HashSet<Key>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of runs that are over, neither the token nor a secret that was given to it is needed any more.
    async fn forget_tokens(&self) {
        let ended: Vec<RunId> = {
            let tokens = self.tokens.lock().await;
            // Asked now: a token may be that of a run which has begun since the caller looked.
            let world = self.desk.world();
            self.ahead.forget_past(&world);
            let over = |id: &&RunId| world.runs.get(*id).is_none_or(|r| r.is_over());
            tokens.keys().filter(over).cloned().collect()
        };
        for run in ended {
            // What still reports its ending has its secrets masked by its own supervisor.
            let Some((id, _)) = self.tokens.lock().await.remove(&run) else {
                continue;
            };
            let by = Actor::system("runner", Source::Runner);
            if let Err(error) = access::revoke(&self.desk, &by, &id).await {
                tracing::warn!(%error, "The token of run {run} is not revoked; it expires by itself");
            }
            start::forget_parameters(&self.desk, &by, &run).await;
        }
    }

    /// The tokens that a server before this one gave to runs that have ended since.
    async fn forget_old_tokens(&self) {
        let kind = store::CredentialKind::Token;
        let Ok(all) = self.desk.store().credentials(kind).await else {
            return;
        };
        let (world, now) = (self.desk.world(), self.desk.clock().now().0);
        let by = Actor::system("runner", Source::Runner);
        for token in all {
            let Some(run) = launch::run_of_token(&token.id) else {
                continue;
            };
            let good = token.revoked_at.is_none() && token.expires_at > now;
            let over = world.runs.get(&run).is_none_or(|r| r.is_over());
            if good && over {
                let _ = access::revoke(&self.desk, &by, &token.id).await;
                start::forget_parameters(&self.desk, &by, &run).await;
            }
        }
    }
}
