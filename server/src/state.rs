//! What every handler may reach.

use crate::{status::StatusPage, web::Ticks};
use engine::{Desk, checks::Looks, failover::Sights, history::Histories, runner::Spools};
use std::sync::Arc;
use tokio::sync::watch;

#[derive(Clone)]
pub struct State {
    pub desk: Desk,
    pub looks: watch::Receiver<Looks>,
    pub sights: watch::Receiver<Sights>,
    pub histories: watch::Receiver<Arc<Histories>>,
    /// Where attempts keep their output.
    pub spools: Spools,
    pub vault: engine::secrets::Vault,
    pub status: StatusPage,
    /// Cookies carry `Secure` and the `__Host-` prefix: people reach us by https.
    pub https: bool,
    pub ticks: Ticks,
}
