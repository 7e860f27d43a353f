//! Where outputs are: in this node's spool, and in those of other nodes on the same machine, whose attempts it may have
//! adopted.

use super::output_folder;
use crate::supervise::is_unclaimed;
use domain::RunId;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

#[derive(Clone)]
pub struct Spools {
    own: Arc<Path>,
    /// By the name of the node.
    others: Arc<Mutex<BTreeMap<String, PathBuf>>>,
}

impl Spools {
    pub(super) fn new(own: &Path) -> Self {
        Spools {
            own: own.into(),
            others: Arc::default(),
        }
    }

    pub(super) fn know(&self, node: &str, spool: &str) {
        let spool = Path::new(spool);
        if spool != &*self.own && spool.is_dir() {
            self.lock().insert(node.to_owned(), spool.to_owned());
        }
    }

    /// The folder of an attempt's output: the last of those it was given, where it is run. Before that it would be this
    /// node's.
    pub fn folder(&self, run: &RunId, step: u32, attempt: u32) -> PathBuf {
        let own = output_folder(&self.own, run, step, attempt);
        // One that nobody has claimed may have been made ahead, in vain.
        let is_run = |folder: &PathBuf| folder.exists() && !is_unclaimed(folder);
        if is_run(&own) {
            return own;
        }
        let others = self.lock();
        let mut there = others
            .values()
            .map(|spool| output_folder(spool, run, step, attempt));
        there.find(is_run).unwrap_or(own)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, PathBuf>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
