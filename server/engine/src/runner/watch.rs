//! Seeing one attempt through: launched here or found again, stopped when somebody asks, its ending reported once.

use super::{Key, Runner, beside, launch::Trouble, output_folder, past};
use crate::supervise::{self, Adopted, Attempt, Outcome};
use domain::{Command, Ending, Run, Stamp};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Our own trouble (no room, no memory, no database) is waited out this often before a person is asked: a minute in all.
const LAUNCHES: u32 = 16;
/// In between. Once the trouble is over, nobody waits longer for the launch.
const PAUSE: Duration = Duration::from_secs(4);
/// Of a sentence that a refusing command printed.
const LONGEST_REASON: usize = 500;

/// Which node's attempt it is.
#[derive(Clone)]
pub(super) enum Whose {
    Ours,
    /// Of a node that is gone, on this very machine: its supervisors are still here.
    Reachable(PathBuf),
    OutOfReach,
}

pub(super) struct End {
    pub ending: Ending,
    pub at: Stamp,
    pub output_bytes: u64,
    pub dropped_bytes: u64,
    pub digest: String,
    pub outputs: BTreeMap<String, String>,
    /// To be told when all this is written down.
    pub attempt: Option<Attempt>,
}

impl End {
    pub fn without_output(ending: Ending, at: Stamp) -> Self {
        End {
            ending,
            at,
            output_bytes: 0,
            dropped_bytes: 0,
            digest: String::new(),
            outputs: BTreeMap::new(),
            attempt: None,
        }
    }
}

impl Runner {
    /// Launches or finds again one attempt, unless somebody watches it already.
    pub(super) fn watch(&self, run: &Arc<Run>, key: Key, whose: Whose) {
        if self.is_watched(&key) || !self.lock_watched().insert(key.clone()) {
            return;
        }
        // `run` may be older than what the attempt's last watcher has reported: look again, now that we are the one.
        if !key.is_running(&self.desk.world()) {
            self.lock_watched().remove(&key);
            return;
        }
        let (runner, run) = (self.clone(), run.clone());
        tokio::spawn(async move {
            let end = runner.see_through(&run, &key, &whose).await;
            let command = Command::EndAttempt {
                run: key.run.clone(),
                step: key.step,
                attempt: key.attempt,
                ending: end.ending,
                output_bytes: end.output_bytes,
                dropped_bytes: end.dropped_bytes,
                digest: end.digest,
                outputs: end.outputs,
                ended_at: end.at,
            };
            let is_written = runner.report(command, &run.runbook.name).await;
            if let Some(attempt) = end.attempt.filter(|_| is_written) {
                attempt.kept();
            }
            runner.lock_watched().remove(&key);
            runner.nudge.notify_one();
        });
    }

    async fn see_through(&self, run: &Run, key: &Key, whose: &Whose) -> End {
        let now = || self.desk.clock().now();
        let spool = match whose {
            Whose::Ours => &self.place.spool,
            Whose::Reachable(spool) => spool,
            Whose::OutOfReach => return End::without_output(Ending::Unreachable, now()),
        };
        // The last of those it was given: in those before it certainly never began.
        let mut dir = output_folder(spool, &key.run, key.step, key.attempt);
        let is_lost = match whose {
            Whose::Ours => self.past.is_lost(run, key, &dir),
            _ => past::is_lost_with_the_boot(spool, &dir),
        };
        if is_lost {
            return End::without_output(Ending::Interrupted, now());
        }
        let (mut launches, mut made) = (0, None);
        if matches!(whose, Whose::Ours) {
            made = self.ahead.take(key).await;
        }
        // It begins now: an unclaimed folder that is there already was made ahead by a server that died, maybe with its
        // machine, and is closed, in case that somebody stands by for it after all. A claimed one is of a timeline that has
        // been put back since, and is not run again.
        let close = |dir: &Path| dir.exists() && supervise::close(dir).unwrap_or(false);
        while made.is_none() && self.begins_now(key, whose) && close(&dir) {
            dir = beside(dir);
        }
        loop {
            if made.is_some() || !dir.exists() {
                let launched = match made.take() {
                    Some(made) => made.go().await.map_err(|e| Trouble::Own(e.to_string())),
                    None => self.launch(run, key, dir.clone()).await,
                };
                match launched {
                    Ok(attempt) => return self.follow(run, attempt, key).await,
                    // The plan asks for something that is not there: that is the step's own failure.
                    Err(launch_trouble) if launch_trouble.is_the_steps() => {
                        let reason = launch_trouble.to_string();
                        return End::without_output(Ending::CouldNotStart { reason }, now());
                    }
                    // Our own trouble is no failure of the step: nothing may answer it as one.
                    Err(reason) if launches >= LAUNCHES => {
                        tracing::error!(run = %key.run, %reason, "Attempt {} of run {} cannot be launched", key.attempt, key.run);
                        return End::without_output(Ending::Interrupted, now());
                    }
                    Err(reason) => {
                        launches += 1;
                        tracing::warn!(run = %key.run, %reason, "Attempt {} of run {} cannot be launched yet", key.attempt, key.run);
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                }
            }
            match supervise::adopt(&dir).await {
                Ok(Adopted::Finished(outcome)) => return self.end(run, key, &dir, outcome).await,
                Ok(Adopted::Running(attempt)) => {
                    tracing::info!(run = %key.run, step = key.step, attempt = key.attempt, "Found attempt {} of run {} again, still running", key.attempt, key.run);
                    return self.follow(run, attempt, key).await;
                }
                // Certainly never began, and never will in there: it gets a folder beside it.
                Ok(Adopted::NeverStarted) => dir = beside(dir),
                Ok(Adopted::Lost) => return self.lost(&dir).await,
                // Not known yet (out of file descriptors, say): it may well be running.
                Err(error) => {
                    tracing::warn!(run = %key.run, %error, "Cannot look at the attempt's folder yet");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Nobody has launched it before.
    fn begins_now(&self, key: &Key, whose: &Whose) -> bool {
        matches!(whose, Whose::Ours) && !self.past.knows(key)
    }

    /// Waits for the end, and passes a stop on as soon as somebody asked for one.
    async fn follow(&self, run: &Run, mut attempt: Attempt, key: &Key) -> End {
        let dir = attempt.dir().to_owned();
        let mut changes = self.desk.watch();
        let mut asked = false;
        loop {
            let stop = changes
                .borrow_and_update()
                .runs
                .get(&key.run)
                .is_some_and(|r| r.is_stopping(key.step));
            if stop && !asked {
                asked = true;
                if let Err(error) = attempt.cancel() {
                    tracing::error!(run = %key.run, %error, "Cannot stop the attempt of run {}", key.run);
                }
            }
            tokio::select! {
                ended = attempt.wait() => {
                    let end = match ended {
                        Ok(outcome) => self.end(run, key, &dir, outcome).await,
                        Err(_) => self.lost(&dir).await,
                    };
                    return End { attempt: Some(attempt), ..end };
                }
                changed = changes.changed() => if changed.is_err() {
                    return std::future::pending().await;
                },
            }
        }
    }

    async fn lost(&self, dir: &Path) -> End {
        End {
            output_bytes: supervise::output_size(dir).await.unwrap_or(0),
            ..End::without_output(Ending::Interrupted, self.desk.clock().now())
        }
    }

    async fn end(&self, run: &Run, key: &Key, dir: &Path, outcome: Outcome) -> End {
        let definition = run.runbook.step(key.step as usize);
        let guarded = definition.is_some_and(|s| s.expect.is_some());
        let ending = match outcome.ending {
            supervise::Ending::Exited(super::launch::REFUSED)
                if guarded && outcome.command == 0 =>
            {
                Ending::Refused {
                    reason: last_line(dir, outcome.output_bytes).await,
                }
            }
            supervise::Ending::Exited(code) => Ending::Exited { code },
            supervise::Ending::Signalled(signal) => Ending::Signalled { signal },
            supervise::Ending::TimedOut => Ending::TimedOut,
            supervise::Ending::Cancelled => Ending::Cancelled,
            supervise::Ending::CouldNotStart(reason) => Ending::CouldNotStart { reason },
        };
        let declared = definition.map(|s| &s.outputs[..]).unwrap_or_default();
        let mut outputs = BTreeMap::new();
        if !declared.is_empty() {
            outputs = supervise::read_outputs(dir).await.unwrap_or_default();
            outputs.retain(|name, _| declared.contains(name));
        }
        End {
            ending,
            at: Stamp(outcome.ended_at),
            output_bytes: outcome.output_bytes,
            dropped_bytes: outcome.dropped_bytes,
            digest: outcome.sha256,
            outputs,
            attempt: None,
        }
    }
}

/// The sentence with which a guard refused.
async fn last_line(dir: &Path, size: u64) -> String {
    let from = size.saturating_sub(4096);
    let said = supervise::read_output(dir, from, 4096).await;
    let text = said.map_or_else(
        |_| String::new(),
        |piece| String::from_utf8_lossy(&piece.bytes).into_owned(),
    );
    let line = text.lines().rev().find(|l| !l.trim().is_empty());
    let mut line = line
        .unwrap_or("the target is not the expected one")
        .to_owned();
    line.truncate(line.floor_char_boundary(LONGEST_REASON));
    line
}
