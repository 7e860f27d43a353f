//! The tick of the live stream: the time and the latest looks, made once for all readers, and only while there are any.

use super::named;
use crate::web::load;
use app::page::Tick;
use bytes::Bytes;
use engine::{Clock, checks::Looks};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::{sync::watch, time::MissedTickBehavior};

/// Between ticks: what a page may know of a connection that died.
const TICK: Duration = Duration::from_secs(4);

/// Where readers find the tick. When the server is asked to stop there is none any more: streams end, so that nobody waits
/// for them.
#[derive(Clone)]
pub struct Ticks(Weak<Ticking>);

struct Ticking {
    clock: Clock,
    looks: watch::Receiver<Looks>,
    tick: watch::Sender<Bytes>,
}

impl Ticks {
    pub fn start(
        clock: Clock,
        looks: watch::Receiver<Looks>,
        stopping: watch::Receiver<bool>,
    ) -> Ticks {
        let ticking = Arc::new(Ticking {
            clock,
            looks,
            tick: watch::Sender::default(),
        });
        let ticks = Ticks(Arc::downgrade(&ticking));
        tokio::spawn(ticking.go_on(stopping));
        ticks
    }

    /// The ticks from now on, the first of them at once.
    pub fn listen(&self) -> Option<watch::Receiver<Bytes>> {
        let ticking = self.0.upgrade()?;
        if ticking.tick.is_closed() {
            // Nobody listened: the last one is old.
            ticking.make();
        }
        let mut tick = ticking.tick.subscribe();
        tick.mark_changed();
        Some(tick)
    }
}

impl Ticking {
    async fn go_on(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let mut every = tokio::time::interval(TICK);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = stopping.changed() => return,
                _ = every.tick() => if !self.tick.is_closed() { self.make() },
            }
        }
    }

    fn make(&self) {
        let tick = Tick {
            at: self.clock.now(),
            looks: load::looks(&self.looks.borrow()),
        };
        self.tick.send_replace(named("tick", &tick));
    }
}
