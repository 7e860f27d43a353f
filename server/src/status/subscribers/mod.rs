//! Those who subscribed to the public page: by mail, by webhook, by Slack.
//!
//! [`roster`] keeps who they are, [`door`] answers their forms, [`rounds`] follows the timeline and notes what is to be said
//! to whom, [`sender`] says it. What is said comes from [`news`], in the words of [`letter`].
//!
//! Architecture invariant: nothing goes to an address that nobody has confirmed, but the one message that asks.
//! Architecture invariant: what is said is made from [`super::told`], as the page is: a component without a public face,
//! a drill, a quiet incident are not in it.
//! Architecture invariant: subscribers have queues and workers of their own; responders are told before and beside them.
//! Architecture invariant: subscribers are rows and not events: the timeline forgets nothing, and they must be forgotten.

mod door;
mod keys;
mod letter;
mod limits;
mod news;
mod roster;
mod rounds;
mod sender;

pub use door::is_ours;
pub use roster::Listed;

use super::publisher::StatusPage;
use engine::{Desk, channels::Channels, secrets::Vault};
use keys::Keys;
use limits::Limits;
use std::sync::Arc;
use tokio::sync::watch;

/// Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Subscribers(Arc<Inner>);

struct Inner {
    desk: Desk,
    page: StatusPage,
    channels: watch::Receiver<Channels>,
    keys: Keys,
    limits: Limits,
    /// Where people reach the page, unless the plan says.
    url: String,
    /// There may be something to send.
    queued: watch::Sender<()>,
}

impl Subscribers {
    pub fn new(
        desk: Desk,
        page: StatusPage,
        channels: watch::Receiver<Channels>,
        vault: &Vault,
        url: &str,
    ) -> Self {
        Subscribers(Arc::new(Inner {
            desk,
            page,
            channels,
            keys: Keys::new(vault),
            limits: Limits::default(),
            url: url.to_owned(),
            queued: watch::Sender::default(),
        }))
    }

    /// Works until it is dropped.
    pub async fn serve(self) {
        sender::let_go(&self.0).await;
        tokio::join!(
            rounds::serve(self.0.clone()),
            roster::sweep(self.0.clone()),
            sender::serve(self.0.clone(), sender::CONFIRM),
            sender::serve(self.0.clone(), sender::MAIL),
            sender::serve(self.0.clone(), sender::WEB),
        );
    }
}
