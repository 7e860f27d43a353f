//! What every handler may reach.

use crate::status::StatusPage;
use engine::{Desk, checks::Looks, failover::Sights};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::watch;

#[derive(Clone)]
pub struct State {
    pub desk: Desk,
    pub looks: watch::Receiver<Looks>,
    pub sights: watch::Receiver<Sights>,
    /// Where attempts keep their output.
    pub spool: Arc<PathBuf>,
    pub vault: engine::secrets::Vault,
    pub status: StatusPage,
    /// Cookies carry `Secure` and the `__Host-` prefix: people reach us by https.
    pub https: bool,
    /// Turns true when the server is asked to stop: live streams end, so that nobody waits for them.
    pub stopping: watch::Receiver<bool>,
}
