//! What every handler may reach.

use crate::{status::StatusPage, web::Ticks};
use engine::{Desk, checks::Looks, failover::Sights, runner::Spools};
use tokio::sync::watch;

#[derive(Clone)]
pub struct State {
    pub desk: Desk,
    pub looks: watch::Receiver<Looks>,
    pub sights: watch::Receiver<Sights>,
    /// Where attempts keep their output.
    pub spools: Spools,
    pub vault: engine::secrets::Vault,
    pub status: StatusPage,
    /// Cookies carry `Secure` and the `__Host-` prefix: people reach us by https.
    pub https: bool,
    pub ticks: Ticks,
}
