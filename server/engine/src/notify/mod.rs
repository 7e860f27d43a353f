//! The outbox: sends what the timeline says is to be sent, tells the timeline what became of it, and does what is due
//! because nothing happened.
//!
//! Each channel has a queue and a worker of its own, so a dead provider delays nobody else. A worker claims rows by lease, a
//! few ahead of those it is sending, and hands what became of them to one writer, which writes many at a time. What it held
//! when it was killed, sent or still in hand, comes back when its lease is over, or at once when its node starts again;
//! nobody knows whether that was sent, and a provider that can be asked is asked.
//!
//! Architecture invariant: at least once. A row is over only when its provider took it, refused it for good, or there was a
//! reason not to send it.
//! Architecture invariant: between a provider's answer and the row that says so nothing is waited for: that gap is all that
//! a kill can double.
//! Architecture invariant: what is due is timed by the steady clock; the wall clock only dates what happened.

mod audit;
mod heartbeat;
mod letter;
mod outcome;
mod rates;
mod receipt;
mod report;
mod timers;
mod together;
mod worker;
mod writer;

pub use audit::STUCK;
pub use outcome::pause;
pub use receipt::{Receipt, Which};

use crate::{
    Desk,
    channels::{Channels, Message, Outcome, ack::Signer},
};
use domain::{Span, plan::Channel};
use futures::future::BoxFuture;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use together::Together;
pub use together::Unwritten;
use tokio::sync::{Notify, watch};

/// Further ahead than any pause of our own. What waits for longer when a node starts was asked to by its provider, and one
/// try too early is no harm; or the clock was put back, and it would wait in silence.
pub const FARTHEST: Span = Span::secs(3600);

/// Sends a message, and says what became of that.
pub type Send = Arc<dyn Fn(Message) -> BoxFuture<'static, Outcome> + std::marker::Send + Sync>;

/// By the channels that are connected at the time.
pub fn by(channels: watch::Receiver<Channels>) -> Send {
    Arc::new(move |message| {
        let channels = channels.borrow().clone();
        Box::pin(async move { channels.send(&message).await })
    })
}

/// Where people and providers reach the server.
#[derive(Clone)]
pub struct Ways {
    pub signer: Signer,
    /// What links begin with …
    pub url: String,
    /// … and what status callbacks do.
    pub callback: String,
}

/// Cheap to clone; every clone is the same outbox.
#[derive(Clone)]
pub struct Outbox {
    desk: Desk,
    send: Send,
    ways: Arc<Ways>,
    /// Something has become due at another time than was thought.
    due: Arc<watch::Sender<()>>,
    /// There is something to tell the timeline.
    news: Arc<Notify>,
    receipts: Arc<Together>,
    /// As far as Muster can see, nothing is stuck.
    sound: Arc<AtomicBool>,
}

impl Outbox {
    pub fn new(desk: Desk, send: Send, ways: Ways) -> Self {
        Outbox {
            desk,
            send,
            ways: Arc::new(ways),
            due: Arc::default(),
            news: Arc::default(),
            receipts: Arc::default(),
            sound: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Nothing is stuck, and the database answers: what is told to those who watch us from outside.
    pub async fn is_sound(&self) -> bool {
        self.sound.load(Ordering::Relaxed) && self.desk.store().ping().await.is_ok()
    }

    /// Works until it is dropped.
    pub async fn serve(self) {
        let (node, now) = (self.desk.node(), self.desk.clock().steady());
        match self.desk.store().let_go(node, now.0).await {
            Ok(0) => {}
            Ok(found) => tracing::info!(
                found,
                "{found} notifications were being sent when this node ended: they are tried again"
            ),
            // They come back when their lease is over.
            Err(error) => tracing::warn!(%error, "Cannot find what this node was sending"),
        }
        let latest = now.plus(FARTHEST);
        for channel in Channel::ALL {
            let nearer = self
                .desk
                .store()
                .bring_nearer(channel.id(), now.0, latest.0);
            if let Err(error) = nearer.await {
                tracing::warn!(%error, channel = channel.id(), "Cannot find what waits for too long");
            }
        }
        let writer = writer::start(&self);
        let workers = Channel::ALL
            .map(|channel| worker::Worker::new(self.clone(), channel, writer.clone()).serve());
        tokio::join!(
            futures::future::join_all(workers),
            report::serve(self.desk.clone(), self.news.clone()),
            timers::serve(self.desk.clone()),
            audit::serve(self.desk.clone(), self.sound.clone()),
        );
    }
}
