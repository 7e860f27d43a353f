//! The last that was known, on disk: what a start without a database has to tell.

use super::told::Told;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::watch;

/// A file of the data folder, whole or not there.
#[derive(Clone)]
pub struct Kept {
    file: PathBuf,
}

impl Kept {
    pub fn at(data: &Path) -> Kept {
        Kept {
            file: data.join("status.json"),
        }
    }

    /// What was kept; nothing where there is none, or where another release wrote it in words of its own.
    pub fn read(&self) -> Option<Told> {
        let text = fs::read(&self.file).ok()?;
        let read = serde_json::from_slice(&text);
        read.map_err(
            |error| tracing::warn!(%error, "{} is passed over: {error}", self.file.display()),
        )
        .ok()
    }

    /// Keeps whatever is told, until nobody tells any more.
    pub async fn follow(self, mut told: watch::Receiver<Arc<Told>>) {
        loop {
            let now = told.borrow_and_update().clone();
            self.keep(now).await;
            if told.changed().await.is_err() {
                return;
            }
        }
    }

    /// Puts this in the place of what was kept. What cannot be kept is told, and no reason to stop.
    async fn keep(&self, told: Arc<Told>) {
        let file = self.file.clone();
        let write = tokio::task::spawn_blocking(move || write(&file, &told));
        match write.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "The last known status cannot be kept: {error}")
            }
            Err(error) => tracing::error!(%error, "The last known status cannot be kept"),
        }
    }
}

/// Whole or not at all, also over a power cut.
fn write(file: &Path, told: &Told) -> io::Result<()> {
    let new = file.with_extension("json.new");
    let mut out = File::create(&new)?;
    out.write_all(&serde_json::to_vec(told)?)?;
    out.sync_all()?;
    fs::rename(&new, file)
}
