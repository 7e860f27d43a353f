//! Attempts made ready while the database is still writing down that they begin: a folder, and a supervisor that needs only
//! the word. Whoever does not begin after all has run nothing.

use super::{Key, Runner, folder, has_folder};
use crate::{
    Beginning,
    supervise::{Attempt, Folder, Spec, Standby, Word},
};
use domain::{RunId, World};
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{runtime::Handle, sync::Semaphore, task::JoinHandle};

/// So many are made ready at a time; what begins beyond that is launched when it has begun.
const AT_ONCE: usize = 16;

/// What there is of an attempt that may begin.
pub(super) struct Made {
    folder: Folder,
    standby: Standby,
}

impl Made {
    /// Begins it, unless it was told to begin by itself.
    pub async fn go(self) -> io::Result<Attempt> {
        self.standby.go(self.folder).await
    }

    async fn remove(self) {
        // Called off first: it must not find the folder gone.
        drop(self.standby);
        remove(self.folder).await;
    }
}

/// Tells one announcement from another of the same attempt.
type Serial = u64;
static SERIAL: AtomicU64 = AtomicU64::new(0);

enum Ours {
    Making(Serial, JoinHandle<io::Result<Made>>),
    /// It did not begin after all. Before it is gone, none is made in its place.
    Leaving(JoinHandle<()>),
}

impl Ours {
    /// What was made, if anything was.
    async fn made(self) -> Option<Made> {
        match self {
            Ours::Making(_, making) => making.await.ok()?.ok(),
            Ours::Leaving(leaving) => {
                let _ = leaving.await;
                None
            }
        }
    }

    fn leave(self) -> Ours {
        match self {
            Ours::Making(..) => Ours::Leaving(tokio::spawn(async {
                if let Some(made) = self.made().await {
                    made.remove().await;
                }
            })),
            leaving => leaving,
        }
    }
}

#[derive(Clone, Default)]
pub(super) struct Ahead(Arc<Mutex<HashMap<Key, Ours>>>);

impl Ahead {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, Ours>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is being made for an attempt that has begun; nothing where nothing is, or can be.
    pub async fn take(&self, key: &Key) -> Option<Made> {
        let ours = self.all().remove(key)?;
        ours.made().await
    }

    /// Unless it has been announced anew meanwhile.
    fn call_off(&self, key: Key, serial: Serial) {
        let mut all = self.all();
        let is_this = matches!(all.get(&key), Some(Ours::Making(this, _)) if *this == serial);
        if let Some(ours) = is_this.then(|| all.remove(&key)).flatten() {
            all.insert(key, ours.leave());
        }
        all.retain(|_, ours| !matches!(ours, Ours::Leaving(gone) if gone.is_finished()));
    }

    /// What nobody took of runs that are over. (One that is not known may be about to begin.)
    pub fn forget_past(&self, world: &World) {
        let is_over = |run: &RunId| world.runs.get(run).is_some_and(|run| run.is_over());
        self.all().retain(|key, _| !is_over(&key.run));
    }
}

impl Runner {
    /// From now on.
    pub(super) fn make_ready_ahead(&self) {
        let (runner, runtime) = (self.clone(), Handle::current());
        let places = Arc::new(Semaphore::new(AT_ONCE));
        self.desk.hear_of_beginnings(move |coming| {
            let key = Key::from(&coming);
            if !has_folder(&coming.run, key.step) {
                return;
            }
            let mut all = runner.ahead.all();
            // A commit that failed is tried again, and what begins may be another thing now.
            let before = all.remove(&key).map(Ours::leave);
            // Each holds a thread, and may have to wait for one.
            let Ok(place) = places.clone().try_acquire_owned() else {
                all.extend(before.map(|before| (key, before)));
                return;
            };
            let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
            let making = runner.clone();
            let making = making.make_ready(coming, key.clone(), serial, before);
            // On another thread: the desk's has to go on.
            let on = runtime.clone();
            let making = runtime.spawn_blocking(move || {
                let made = on.block_on(making);
                drop(place);
                made
            });
            all.insert(key, Ours::Making(serial, making));
        });
    }

    async fn make_ready(
        self,
        coming: Beginning,
        key: Key,
        serial: Serial,
        before: Option<Ours>,
    ) -> io::Result<Made> {
        if let Some(before) = before {
            before.made().await;
        }
        let dir = folder(&self.place.spool, &key.run, key.step, key.attempt);
        let spec = self.spec(&coming.run, &key, dir.clone()).await;
        // Why not is told once it has begun, for it is asked again then.
        let spec = spec.map_err(io::Error::other)?;
        // First, for the supervisor to write in it.
        let folder = Folder::make(&dir, &key.id())?;
        let (standby, word) = match self.stand_by(spec, &folder).await {
            Ok(both) => both,
            Err(error) => {
                remove(folder).await;
                return Err(error);
            }
        };
        coming.once_decided(move |has_begun| match has_begun {
            true => word.say(),
            false => self.ahead.call_off(key, serial),
        });
        Ok(Made { folder, standby })
    }

    async fn stand_by(&self, spec: Spec, folder: &Folder) -> io::Result<(Standby, Word)> {
        let standby = self.supervisor.prepare(spec).await?;
        let word = standby.word(folder)?;
        Ok((standby, word))
    }
}

async fn remove(folder: Folder) {
    if let Err(error) = folder.remove().await {
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
