//! Runs what the timeline says should be running.
//!
//! The rules live in `domain`: they write [`domain::Event::AttemptStarted`] before anything happens. This worker looks at
//! every run that is open, launches (or finds again) the attempt that should be running here, and reports how it ended.
//! It keeps nothing that it could not find again after a kill -9: what it holds in memory is who is being watched.

mod line;

use crate::{
    Desk, No, Request, access,
    supervise::{self, Adopted, Attempt, Outcome, Spec, Supervisor},
};
use domain::{AccessRole, Actor, Command, Ending, Run, RunId, RunStatus, Source, Span, Stamp};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// After TERM, before the tree is killed.
const GRACE: Duration = Duration::from_secs(10);
/// A run's own token is good this long; the process that gave it out revokes it when the run ends.
const TOKEN_LASTS: Span = Span::secs(24 * 3600);
/// Our own trouble (no room, no memory, no database) is waited out this often before a person is asked.
const LAUNCHES: u32 = 6;

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
}

#[derive(Clone)]
pub struct Runner {
    desk: Desk,
    supervisor: Supervisor,
    place: Arc<Place>,
    watched: Arc<Mutex<HashSet<Key>>>,
    tokens: Arc<tokio::sync::Mutex<HashMap<RunId, (String, String)>>>,
    /// An attempt ended, or may be stopped: look again.
    nudge: Arc<Notify>,
}

/// One attempt of one step of one run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    run: RunId,
    step: u32,
    attempt: u32,
}

/// The folder of an attempt's output.
pub fn folder(spool: &Path, run: &RunId, step: u32, attempt: u32) -> PathBuf {
    spool.join(run.as_str()).join(format!("{step}-{attempt}"))
}

impl Runner {
    pub fn new(desk: Desk, supervisor: Supervisor, place: Place) -> Self {
        Runner {
            desk,
            supervisor,
            place: Arc::new(place),
            watched: Arc::default(),
            tokens: Arc::default(),
            nudge: Arc::default(),
        }
    }

    /// Works until it is dropped.
    pub async fn serve(self) {
        let mut changes = self.desk.watch();
        loop {
            let world = changes.borrow_and_update().clone();
            let mut soonest: Option<Stamp> = None;
            for run in world.runs.values().filter(|r| !r.is_over()) {
                if let Some(due) = self.look_after(run).await {
                    soonest = Some(soonest.map_or(due, |s| s.min(due)));
                }
            }
            let ended: Vec<RunId> = self
                .tokens
                .lock()
                .await
                .keys()
                .filter(|id| world.runs.get(*id).is_none_or(|r| r.is_over()))
                .cloned()
                .collect();
            for id in ended {
                self.revoke_token(&id).await;
            }
            let wait = soonest.map(|due| {
                due.since(self.desk.clock().now())
                    .0
                    .max(Duration::from_millis(1))
            });
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = self.nudge.notified() => {}
                () = async { match wait { Some(wait) => tokio::time::sleep(wait).await, None => std::future::pending().await } } => {}
            }
        }
    }

    /// Makes one run go on. Answers when it wants to be looked at again.
    async fn look_after(&self, run: &Arc<Run>) -> Option<Stamp> {
        if let Some((step, attempt)) = run.running_attempt() {
            if attempt.node == self.desk.node() {
                self.watch(
                    run,
                    Key {
                        run: run.id.clone(),
                        step,
                        attempt: attempt.number,
                    },
                );
            }
            return None;
        }
        if run.status != RunStatus::Running {
            return None;
        }
        let due = run.due();
        if due.is_none_or(|due| due <= self.desk.clock().now()) {
            self.report(
                Command::Advance {
                    run: run.id.clone(),
                },
                &run.runbook.name,
            )
            .await;
            return None;
        }
        due
    }

    /// Launches or finds again one attempt, unless somebody watches it already.
    fn watch(&self, run: &Arc<Run>, key: Key) {
        if !self
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.clone())
        {
            return;
        }
        // `run` may be older than what the attempt's last watcher has reported: look again, now that we are the one.
        let current = self.desk.world();
        let running = current.runs.get(&key.run).and_then(|r| r.running_attempt());
        if running.map(|(step, a)| (step, a.number)) != Some((key.step, key.attempt)) {
            self.watched
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
            return;
        }
        let (runner, run) = (self.clone(), run.clone());
        tokio::spawn(async move {
            let end = runner.see_through(&run, &key).await;
            let command = Command::EndAttempt {
                run: key.run.clone(),
                step: key.step,
                attempt: key.attempt,
                ending: end.ending,
                output_bytes: end.output_bytes,
                dropped_bytes: 0,
                digest: String::new(),
                outputs: Default::default(),
                ended_at: end.at,
            };
            runner.report(command, &run.runbook.name).await;
            runner
                .watched
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
            runner.nudge.notify_one();
        });
    }

    async fn see_through(&self, run: &Run, key: &Key) -> End {
        let mut dir = folder(&self.place.spool, &key.run, key.step, key.attempt);
        let mut launches = 0;
        loop {
            if !dir.exists() {
                match self.launch(run, key, dir.clone()).await {
                    Ok(attempt) => return self.follow(attempt, key).await,
                    // Our own trouble is no failure of the step: nothing may answer it as one.
                    Err(reason) if launches >= LAUNCHES => {
                        tracing::error!(run = %key.run, %reason, "Attempt {} of run {} cannot be launched", key.attempt, key.run);
                        return End::interrupted(self.desk.clock().now());
                    }
                    Err(reason) => {
                        launches += 1;
                        tracing::warn!(run = %key.run, %reason, "Attempt {} of run {} cannot be launched yet", key.attempt, key.run);
                        tokio::time::sleep(Duration::from_secs(1 << launches.min(4))).await;
                        continue;
                    }
                }
            }
            match supervise::adopt(&dir).await {
                Ok(Adopted::Finished(outcome)) => return outcome.into(),
                Ok(Adopted::Running(attempt)) => {
                    tracing::info!(run = %key.run, step = key.step, attempt = key.attempt, "Found attempt {} of run {} again, still running", key.attempt, key.run);
                    return self.follow(attempt, key).await;
                }
                // Certainly never began, and never will in there: it gets a folder beside it.
                Ok(Adopted::NeverStarted) => {
                    let mut beside = dir.into_os_string();
                    beside.push("r");
                    dir = beside.into();
                }
                Ok(Adopted::Lost) => return End::interrupted(self.desk.clock().now()),
                // Not known yet (out of file descriptors, say): it may well be running.
                Err(error) => {
                    tracing::warn!(run = %key.run, %error, "Cannot look at the attempt's folder yet");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn launch(&self, run: &Run, key: &Key, dir: PathBuf) -> Result<Attempt, String> {
        let step = run
            .runbook
            .steps
            .get(key.step as usize)
            .ok_or("the runbook has no such step")?;
        let mut env = self.place.env.clone();
        env.push(("MUSTER_URL".into(), self.place.url.clone()));
        env.push((
            "MUSTER_TOKEN".into(),
            self.token(run).await.map_err(|no| no.to_string())?,
        ));
        env.push(("MUSTER_PLAN".into(), self.place.plan.display().to_string()));
        env.push((
            "MUSTER_PLAN_FILE".into(),
            self.pinned_plan(run).await?.display().to_string(),
        ));
        env.push(("MUSTER_RUN".into(), run.id.0.clone()));
        env.push(("MUSTER_STEP".into(), step.name.clone()));
        env.push((
            "MUSTER_MODE".into(),
            if run.mode == domain::Mode::Drill {
                "drill"
            } else {
                "real"
            }
            .into(),
        ));
        if let Some(incident) = &run.incident {
            env.push(("MUSTER_INCIDENT".into(), incident.0.clone()));
        }
        for (name, value) in &run.parameters {
            env.push((
                format!("MUSTER_PARAM_{}", name.to_uppercase().replace('-', "_")),
                value.clone(),
            ));
        }
        if let Some(parent) = dir.parent() {
            tokio::fs::create_dir_all(parent)
                .await
                .map_err(|e| format!("cannot make {}: {e}", parent.display()))?;
        }
        let spec = Spec {
            id: format!("{}-{}-{}", key.run, key.step, key.attempt),
            commands: step
                .commands
                .iter()
                .map(|c| line::resolve(c, &self.place.program))
                .collect(),
            cwd: self.place.plan.clone(),
            env,
            files: vec![],
            mask: vec![],
            output_limit: 0,
            timeout: Some(step.timeout.unwrap_or(Run::DEFAULT_TIMEOUT).0),
            grace: GRACE,
            dir,
        };
        self.supervisor
            .launch(spec)
            .await
            .map_err(|e| e.to_string())
    }

    /// The plan the run was started under, as a file for its actions: what somebody saves in the folder meanwhile
    /// must not change, or break, a recovery that is under way.
    async fn pinned_plan(&self, run: &Run) -> Result<PathBuf, String> {
        let folder = self.place.spool.join(run.id.as_str());
        let file = folder.join("plan.json");
        if !file.exists() {
            let found = self.desk.store().plan_revision(run.plan.as_str()).await;
            let plan = found
                .map_err(|e| e.to_string())?
                .ok_or("the plan it was started under is not stored")?;
            let trouble = |e: std::io::Error| format!("cannot write {}: {e}", file.display());
            tokio::fs::create_dir_all(&folder).await.map_err(trouble)?;
            let half = folder.join("plan.json.half");
            tokio::fs::write(&half, plan).await.map_err(trouble)?;
            tokio::fs::rename(&half, &file).await.map_err(trouble)?;
        }
        Ok(file)
    }

    /// Waits for the end, and passes a stop on as soon as somebody asked for one.
    async fn follow(&self, mut attempt: Attempt, key: &Key) -> End {
        let mut changes = self.desk.watch();
        let mut asked = false;
        loop {
            let stop = changes
                .borrow_and_update()
                .runs
                .get(&key.run)
                .is_some_and(|r| r.status == RunStatus::Cancelling);
            if stop && !asked {
                asked = true;
                if let Err(error) = attempt.cancel() {
                    tracing::error!(run = %key.run, %error, "Cannot stop the attempt of run {}", key.run);
                }
            }
            tokio::select! {
                ended = attempt.wait() => return match ended {
                    Ok(outcome) => outcome.into(),
                    Err(_) => End::interrupted(self.desk.clock().now()),
                },
                changed = changes.changed() => if changed.is_err() {
                    return std::future::pending().await;
                },
            }
        }
    }

    /// Reports until it is written down: an ending that was seen is never dropped.
    async fn report(&self, command: Command, runbook: &str) {
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
                Ok(_) => return,
                Err(No::Refused(refusal)) => {
                    tracing::error!(%refusal, "The desk refused the runner's report: {refusal}");
                    return;
                }
                Err(No::Unavailable(_)) => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn token(&self, run: &Run) -> Result<String, No> {
        let mut tokens = self.tokens.lock().await;
        if let Some((_, secret)) = tokens.get(&run.id) {
            return Ok(secret.clone());
        }
        let by = Actor::system("runner", Source::Runner);
        let (id, secret) = access::issue_token(
            &self.desk,
            &by,
            &run.runbook.name,
            AccessRole::Commander,
            TOKEN_LASTS,
        )
        .await?;
        tokens.insert(run.id.clone(), (id, secret.clone()));
        Ok(secret)
    }

    async fn revoke_token(&self, run: &RunId) {
        let Some((id, _)) = self.tokens.lock().await.remove(run) else {
            return;
        };
        if let Err(error) =
            access::revoke(&self.desk, &Actor::system("runner", Source::Runner), &id).await
        {
            tracing::warn!(%error, "The token of run {run} is not revoked; it expires by itself");
        }
    }
}

struct End {
    ending: Ending,
    output_bytes: u64,
    at: Stamp,
}

impl End {
    fn interrupted(at: Stamp) -> Self {
        End {
            ending: Ending::Interrupted,
            output_bytes: 0,
            at,
        }
    }
}

impl From<Outcome> for End {
    fn from(o: Outcome) -> Self {
        let ending = match o.ending {
            supervise::Ending::Exited(code) => Ending::Exited { code },
            supervise::Ending::Signalled(signal) => Ending::Signalled { signal },
            supervise::Ending::TimedOut => Ending::TimedOut,
            supervise::Ending::Cancelled => Ending::Cancelled,
            supervise::Ending::CouldNotStart(reason) => Ending::CouldNotStart { reason },
        };
        End {
            ending,
            output_bytes: o.output_bytes,
            at: Stamp(o.ended_at),
        }
    }
}
