//! Tells somebody outside, again and again, that Muster lives and nothing is stuck: its silence is what is noticed there.

use super::Outbox;
use crate::channels::Channels;
use domain::Span;
use tokio::sync::watch;

/// Where the plan names nobody to tell, it is looked at again after this.
const LOOK: Span = Span::secs(60);

impl Outbox {
    /// Works until it is dropped.
    pub async fn beat(self, channels: watch::Receiver<Channels>) {
        let clock = self.desk.clock().clone();
        loop {
            let now = channels.borrow().clone();
            let next = clock.steady().plus(now.beats().unwrap_or(LOOK));
            // What is not sound keeps silent.
            if now.beats().is_some()
                && self.is_sound().await
                && let Some(Err(why)) = now.beat(clock.now()).await
            {
                tracing::warn!("Nobody outside could be told that Muster lives: {why}");
            }
            clock.reach(next).await;
        }
    }
}
