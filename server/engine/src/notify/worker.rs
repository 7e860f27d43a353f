//! One channel's queue: takes what is due, sends some of it at a time, and hands on what became of it.

use super::{
    Outbox,
    letter::{Letter, Letters},
    outcome::{Tried, settlement},
    rates,
    writer::Writer,
};
use crate::{Desk, channels::Outcome};
use domain::{Span, Stamp, notify::Delivery, plan::Channel};
use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};
use store::{Claim, Error, Notification, Settlement};
use tokio::task::JoinSet;

/// So many are on their way at once.
const MOST: usize = 32;
/// Room for so many is filled at once: what goes to one address goes together …
const WORTH: usize = 8;
/// … and for fewer after this time.
const SOON: Duration = Duration::from_millis(20);
/// So many are claimed at once, and kept in hand until there is room. When half of them are sent the next are claimed, for
/// that is a commit, and takes as long as it takes to send some. More would be more that is held up when this node dies.
const HAND: usize = 64;
/// None is sent that has been in hand for longer than this: the lease must outlast what is begun with it.
const HELD: Span = Span::secs(10);
/// The same for what was tried before: news of the earlier try may have come meanwhile.
const HELD_AGAIN: Span = Span::secs(1);
/// Longer than the hand is held and any try takes, by far: another node must not take what is still on its way.
const LEASE: Span = Span::secs(120);
/// A channel answers within this, or nobody knows.
const PATIENCE: Duration = Duration::from_secs(60);
/// Other nodes' rows are noticed after this at the latest.
const LOOK: Span = Span::secs(5);

pub struct Worker {
    outbox: Outbox,
    channel: Channel,
    writer: Writer,
    letters: Letters,
    /// Claimed and not begun, in their order, and when by the steady clock.
    hand: VecDeque<(Stamp, Notification)>,
    /// The claim that is under way, if one is.
    claim: JoinSet<Result<Claimed, Error>>,
    /// There may be some that nobody has claimed.
    more: bool,
}

struct Claimed {
    rows: Vec<Notification>,
    /// Those of them that have to wait, and until when by the steady clock.
    waits: HashMap<String, Stamp>,
    /// As many as were asked for: there may be more.
    full: bool,
    /// By the steady clock.
    since: Stamp,
}

impl Worker {
    pub fn new(outbox: Outbox, channel: Channel, writer: Writer) -> Self {
        Worker {
            letters: Letters::new(outbox.desk.clone(), outbox.ways.clone()),
            hand: VecDeque::new(),
            claim: JoinSet::new(),
            more: true,
            outbox,
            channel,
            writer,
        }
    }

    pub async fn serve(mut self) {
        let clock = self.outbox.desk.clock().clone();
        let mut queued = self.outbox.desk.watch_queued();
        let mut due = self.outbox.due.subscribe();
        let mut going: JoinSet<()> = JoinSet::new();
        loop {
            queued.borrow_and_update();
            due.borrow_and_update();
            self.more = true;
            while self.look(&mut going).await {
                self.room(&mut going).await;
            }
            let next = self.next_look().await;
            // Until there is a reason to look again. What ends meanwhile makes room, and is none.
            loop {
                tokio::select! {
                    changed = queued.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    _ = due.changed() => break,
                    () = clock.reach(next) => break,
                    Some(_) = going.join_next() => {}
                }
            }
        }
    }

    /// Sends what there is room for. True where there may be more.
    async fn look(&mut self, going: &mut JoinSet<()>) -> bool {
        while going.try_join_next().is_some() {}
        if let Err(error) = self.fill().await {
            let channel = self.channel.id();
            tracing::warn!(%error, channel, "Cannot look for what is to be sent");
            if self.hand.is_empty() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        self.put_back_old();
        let room = (MOST - going.len()).min(self.hand.len());
        let rows = self.hand.drain(..room).map(|(_, row)| row).collect();
        self.send(rows, going).await;
        self.more || !self.hand.is_empty()
    }

    /// Waits for the next only where there is nothing in hand.
    async fn fill(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.claim.is_empty() && self.more && self.hand.len() <= HAND / 2 {
            // The first are soon claimed, and all channels wait for theirs.
            let most = if self.hand.is_empty() { MOST } else { HAND };
            let (desk, channel) = (self.outbox.desk.clone(), self.channel);
            self.claim.spawn(claim(desk, channel, most));
        }
        let claimed = match self.hand.is_empty() {
            true => self.claim.join_next().await,
            false => self.claim.try_join_next(),
        };
        let Some(claimed) = claimed else {
            return Ok(());
        };
        let Claimed {
            rows,
            waits,
            full,
            since,
        } = claimed??;
        self.more = full;
        for row in rows {
            match waits.get(&row.id) {
                Some(until) => {
                    let why = "too many to this number in a short time";
                    self.writer.write(put_back(&row, *until, why));
                }
                None => self.hand.push_back((since, row)),
            }
        }
        Ok(())
    }

    /// What has been in hand for too long. It is claimed again soon.
    fn put_back_old(&mut self) {
        let now = self.outbox.desk.clock().steady();
        self.hand.retain(|(since, row)| {
            let held = if row.attempts > 1 { HELD_AGAIN } else { HELD };
            let is_fresh = now <= since.plus(held);
            if !is_fresh {
                self.writer.write(put_back(row, *since, ""));
            }
            is_fresh
        });
    }

    /// Waits for room that is worth filling, but not for long, nor for longer than what is in hand can wait.
    async fn room(&self, going: &mut JoinSet<()>) {
        let clock = self.outbox.desk.clock();
        let held = clock.steady().plus(HELD);
        let soon = async {
            if MOST - going.len() < WORTH {
                going.join_next().await;
            }
            let more =
                async { while MOST - going.len() < WORTH && going.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(SOON, more).await;
        };
        tokio::select! {
            () = soon => {}
            () = clock.reach(held) => {}
        }
    }

    async fn next_look(&self) -> Stamp {
        let latest = self.outbox.desk.clock().steady().plus(LOOK);
        match self.outbox.desk.store().next_due(self.channel.id()).await {
            Ok(Some(at)) => latest.min(Stamp(at)),
            _ => latest,
        }
    }

    async fn send(&mut self, rows: Vec<Notification>, going: &mut JoinSet<()>) {
        for letter in self.letters.write(rows).await {
            match letter {
                Letter::Kept(row, reason) => self.writer.write(withheld(&row, reason)),
                Letter::Message(message, rows) => self.post(*message, rows, going),
                // Its incident cannot be read just now.
                Letter::NotNow(row) => {
                    let next = self.outbox.desk.clock().steady().plus(Span::secs(1));
                    self.writer.write(put_back(&row, next, ""));
                }
            }
        }
    }

    fn post(
        &self,
        message: crate::channels::Message,
        rows: Vec<Notification>,
        going: &mut JoinSet<()>,
    ) {
        let (send, writer) = (self.outbox.send.clone(), self.writer.clone());
        let clock = self.outbox.desk.clock().clone();
        let began = clock.now();
        going.spawn(async move {
            let started = Instant::now();
            let sent = tokio::time::timeout(PATIENCE, send(message)).await;
            let outcome = sent.unwrap_or_else(|_| Outcome::Doubtful {
                why: "no answer within a minute".into(),
            });
            let tried = Tried {
                began,
                ended: clock.now(),
                took: started.elapsed(),
                now: clock.steady(),
            };
            for row in &rows {
                writer.write(settlement(row, &outcome, &tried));
            }
        });
    }
}

async fn claim(desk: Desk, channel: Channel, most: usize) -> Result<Claimed, Error> {
    let (since, at) = (desk.clock().steady(), desk.clock().now());
    let claim = Claim {
        channel: channel.id(),
        node: desk.node(),
        now: since.0,
        at: at.0,
        until: since.plus(LEASE).0,
        limit: most as u32,
    };
    let rows = desk.store().claim(claim).await?;
    // Where that cannot be told, nobody is kept from being told for it.
    let waits = rates::too_many(desk.store(), channel, &rows, at).await;
    let waits = waits.unwrap_or_default().into_iter();
    Ok(Claimed {
        waits: waits
            .map(|(id, free)| (id, since.plus(free.since(at))))
            .collect(),
        full: rows.len() == most,
        rows,
        since,
    })
}

/// As if it had not been taken.
fn put_back(row: &Notification, next: Stamp, why: &str) -> Settlement {
    let state = match row.attempts {
        0 | 1 => Delivery::Pending,
        _ => Delivery::FailedTemporarily,
    };
    Settlement {
        id: row.id.clone(),
        node: row.leased_by.clone().unwrap_or_default(),
        attempts: row.attempts,
        state: state.id().into(),
        next_at: Some(next.0),
        unclaim: true,
        first_at: row.first_at.filter(|_| row.attempts > 1),
        why: why.into(),
        ..Settlement::default()
    }
}

fn withheld(row: &Notification, reason: domain::notify::Suppressed) -> Settlement {
    Settlement {
        id: row.id.clone(),
        node: row.leased_by.clone().unwrap_or_default(),
        attempts: row.attempts,
        state: Delivery::Suppressed.id().into(),
        certain: row.certain,
        why: reason.words().into(),
        untold: true,
        ..Settlement::default()
    }
}
