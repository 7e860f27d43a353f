//! Which nodes live. Each raises its own count every second; whoever watches a count stand still for long enough knows
//! that the node is gone, or cannot reach the database. No clock has to agree with another.

use super::{Spools, watch::Whose};
use crate::supervise;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use store::{Node, Store};
use tokio::sync::Notify;

const BEAT: Duration = Duration::from_secs(1);
/// Much longer than a slow disk or a database's failover takes.
const GONE: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub(super) struct Nodes {
    store: Store,
    name: Arc<str>,
    spool: Arc<PathBuf>,
    spools: Spools,
    seen: Arc<Mutex<HashMap<String, Seen>>>,
    since: Instant,
}

struct Seen {
    node: Node,
    changed: Instant,
}

impl Nodes {
    pub fn new(store: Store, name: &str, spool: &Path) -> Self {
        Nodes {
            store,
            name: name.into(),
            spool: Arc::new(spool.to_owned()),
            spools: Spools::new(spool),
            seen: Arc::default(),
            since: Instant::now(),
        }
    }

    pub fn spools(&self) -> Spools {
        self.spools.clone()
    }

    pub async fn serve(self, nudge: Arc<Notify>) {
        let boot = supervise::boot().unwrap_or_default();
        let spool = self.spool.display().to_string();
        loop {
            if let Err(error) = self.store.beat(&self.name, &spool, &boot).await {
                tracing::warn!(%error, "Cannot tell other nodes that this one lives");
            }
            if let Ok(nodes) = self.store.nodes().await {
                for node in nodes.iter().filter(|n| n.boot == boot) {
                    self.spools.know(&node.name, &node.spool);
                }
                self.look(nodes, &nudge);
            }
            tokio::time::sleep(BEAT).await;
        }
    }

    fn look(&self, nodes: Vec<Node>, nudge: &Notify) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for node in nodes {
            let now = Instant::now();
            match seen.get_mut(&node.name) {
                Some(known) if known.node == node => {
                    let still = known.changed.elapsed();
                    if still >= GONE && still < GONE + 2 * BEAT {
                        nudge.notify_one();
                    }
                }
                _ => drop(seen.insert(node.name.clone(), Seen { node, changed: now })),
            }
        }
        if self.since.elapsed() >= GONE && self.since.elapsed() < GONE + 2 * BEAT {
            nudge.notify_one();
        }
    }

    /// If this node is gone: how its attempts can be found, or that they cannot.
    pub fn gone(&self, name: &str) -> Option<Whose> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(name) {
            Some(known) if known.changed.elapsed() >= GONE => {
                let spool = PathBuf::from(&known.node.spool);
                let here = supervise::boot().is_ok_and(|boot| boot == known.node.boot);
                Some(if here && spool.is_dir() {
                    Whose::Reachable(spool)
                } else {
                    Whose::OutOfReach
                })
            }
            Some(_) => None,
            // It has never told us anything, and we have listened long enough.
            None => (self.since.elapsed() >= GONE).then_some(Whose::OutOfReach),
        }
    }
}
