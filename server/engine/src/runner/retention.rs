//! Outputs are kept for a while after their run's end, then removed; the timeline keeps their size and hash.

use super::Place;
use crate::Desk;
use domain::{Run, RunId};
use std::{sync::Arc, time::Duration};

const EVERY: Duration = Duration::from_secs(6 * 3600);

pub(super) async fn serve(desk: Desk, place: Arc<Place>) {
    loop {
        sweep(&desk, &place).await;
        tokio::time::sleep(EVERY).await;
    }
}

/// Looks at every run's folder once.
pub(super) async fn sweep(desk: &Desk, place: &Place) {
    let Ok(mut folders) = tokio::fs::read_dir(&place.spool).await else {
        return;
    };
    while let Ok(Some(folder)) = folders.next_entry().await {
        let Ok(name) = folder.file_name().into_string() else {
            continue;
        };
        let id = RunId(name);
        if desk.world().runs.get(&id).is_some_and(|r| !r.is_over()) {
            continue;
        }
        let Ok(Some(document)) = desk.store().projection("run", id.as_str()).await else {
            continue;
        };
        let Ok(run) = serde_json::from_str::<Run>(&document.body) else {
            continue;
        };
        let old = run
            .ended_at
            .is_some_and(|end| end.plus(place.keep) < desk.clock().now());
        if old && let Err(error) = tokio::fs::remove_dir_all(folder.path()).await {
            tracing::warn!(%error, "The output of run {id} is old, but cannot be removed");
        }
    }
}
