//! Folders made ahead: that of a step's first attempt while the step before it runs, that of any other while the database
//! is still writing down that it begins.
//!
//! Both must be durable before anything runs, but neither has to wait for the other. A folder of an attempt that does not
//! begin after all has been claimed by nobody, and has run nothing.

use super::{Key, Runner, folder, has_folder};
use crate::{Beginning, supervise::Folder};
use domain::{StepRun, StepStatus, World};
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::task::{JoinHandle, spawn_blocking};

enum Ours {
    Making(JoinHandle<io::Result<Folder>>),
    /// It did not begin after all. Before it is gone, none is made in its place.
    Leaving(JoinHandle<()>),
}

#[derive(Clone, Default)]
pub(super) struct Ahead(Arc<Mutex<HashMap<Key, Ours>>>);

impl Ahead {
    fn folders(&self) -> MutexGuard<'_, HashMap<Key, Ours>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder that is being made for an attempt that has begun; nothing where none is, or none can be.
    pub async fn take(&self, key: &Key) -> Option<Folder> {
        let ours = self.folders().remove(key)?;
        match ours {
            Ours::Making(making) => making.await.ok()?.ok(),
            Ours::Leaving(leaving) => {
                let _ = leaving.await;
                None
            }
        }
    }
}

impl Runner {
    pub(super) async fn make_folders_ahead(self) {
        let (mut beginnings, mut worlds) = (self.desk.watch_beginnings(), self.desk.watch());
        loop {
            let is_news = tokio::select! {
                changed = beginnings.changed() => changed.map(|()| true),
                changed = worlds.changed() => changed.map(|()| false),
            };
            let Ok(is_news) = is_news else { return };
            let coming = beginnings.borrow_and_update().clone();
            let mut folders = self.ahead.folders();
            let world = worlds.borrow_and_update().clone();
            // The desk commits one batch after the other: what was announced before has begun by now, or will not.
            let is_stale = |key: &Key| {
                let begins = |c: &Beginning| {
                    let this = Key::from(c);
                    *key == this || *key == next(c) && !this.has_begun(&world)
                };
                let is_wanted = coming.iter().any(begins) || key.may_follow(&world);
                !is_wanted && key.runs_on(&world) != Some(self.desk.node())
            };
            folders.retain(|_, ours| !matches!(ours, Ours::Leaving(gone) if gone.is_finished()));
            let stale: Vec<Key> = folders
                .keys()
                .filter(|key| is_stale(key))
                .cloned()
                .collect();
            for key in stale {
                let leaving = match folders.remove(&key) {
                    Some(Ours::Making(making)) => tokio::spawn(remove(making)),
                    Some(Ours::Leaving(leaving)) => leaving,
                    None => continue,
                };
                folders.insert(key, Ours::Leaving(leaving));
            }
            if !is_news {
                continue;
            }
            // What begins now first: it is waited for.
            let now = coming.iter().map(|c| (c, Key::from(c)));
            let soon = coming.iter().map(|c| (c, next(c)));
            let soon = soon.filter(|(c, key)| c.run.runbook.step(key.step as usize).is_some());
            for (coming, key) in now.chain(soon) {
                // It is being launched already, or a commit that failed is tried again.
                if !has_folder(&coming.run, key.step)
                    || key.is_running(&world)
                    || matches!(folders.get(&key), Some(Ours::Making(_)))
                {
                    continue;
                }
                let before = folders.remove(&key);
                let dir = folder(&self.place.spool, &key.run, key.step, key.attempt);
                let id = key.id();
                let making = tokio::spawn(async move {
                    if let Some(Ours::Leaving(leaving)) = before {
                        let _ = leaving.await;
                    }
                    let made = spawn_blocking(move || Folder::make(&dir, &id)).await;
                    made.unwrap_or_else(|error| Err(io::Error::other(error)))
                });
                folders.insert(key, Ours::Making(making));
            }
        }
    }
}

/// The first attempt of the step after this one, which is what follows where all goes well.
fn next(beginning: &Beginning) -> Key {
    Key {
        run: beginning.run.id.clone(),
        step: beginning.step + 1,
        attempt: 1,
    }
}

impl Key {
    fn has_begun(&self, world: &World) -> bool {
        let run = world.runs.get(&self.run);
        let step = run.and_then(|r| r.steps.get(self.step as usize));
        step.is_some_and(|s| s.attempts.iter().any(|a| a.number == self.attempt))
    }

    /// The step before it is under way.
    fn may_follow(&self, world: &World) -> bool {
        let before = self.step.checked_sub(1).map(|step| step as usize);
        let step = before.and_then(|step| world.runs.get(&self.run)?.steps.get(step));
        let is_under_way =
            |s: &StepRun| matches!(s.status, StepStatus::Running | StepStatus::Retrying);
        self.attempt == 1 && step.is_some_and(is_under_way)
    }
}

async fn remove(making: JoinHandle<io::Result<Folder>>) {
    if let Ok(Ok(folder)) = making.await
        && let Err(error) = folder.remove().await
    {
        tracing::warn!(%error, "The folder of an attempt that did not begin cannot be removed");
    }
}

impl From<&Beginning> for Key {
    fn from(beginning: &Beginning) -> Self {
        Key {
            run: beginning.run.id.clone(),
            step: beginning.step,
            attempt: beginning.attempt,
        }
    }
}
