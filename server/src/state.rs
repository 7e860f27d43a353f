//! What every handler may reach.

use crate::{
    status::{StatusPage, Subscribers},
    web::Ticks,
};
use engine::{
    Desk,
    channels::{Channels, ack::Signer},
    checks::Looks,
    failover::Sights,
    history::Histories,
    notify::Outbox,
    runner::Spools,
};
use std::{ops::Deref, sync::Arc};
use tokio::sync::watch;

/// Cheap to clone, which happens in every layer of every request.
#[derive(Clone)]
pub struct State(Arc<Parts>);

impl From<Parts> for State {
    fn from(parts: Parts) -> Self {
        State(Arc::new(parts))
    }
}

impl Deref for State {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

pub struct Parts {
    pub desk: Desk,
    pub looks: watch::Receiver<Looks>,
    pub sights: watch::Receiver<Sights>,
    pub histories: watch::Receiver<Arc<Histories>>,
    /// Where attempts keep their output.
    pub spools: Spools,
    pub vault: engine::secrets::Vault,
    pub status: StatusPage,
    pub subscribers: Subscribers,
    /// What can be sent by, under the plan in force.
    pub channels: watch::Receiver<Channels>,
    pub outbox: Outbox,
    /// The links by which people say that they know.
    pub links: Signer,
    /// Where people and providers reach us.
    pub url: Arc<str>,
    /// Cookies carry `Secure` and the `__Host-` prefix: people reach us by https.
    pub https: bool,
    pub ticks: Ticks,
}
