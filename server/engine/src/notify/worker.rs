//! One channel's queue: takes what is due, sends some of it at a time, and hands on what became of it.

use super::{
    Outbox,
    letter::{Letter, Letters},
    outcome::{Tried, settlement},
    rates,
    writer::Writer,
};
use crate::channels::Outcome;
use domain::{Span, Stamp, notify::Delivery, plan::Channel};
use std::time::{Duration, Instant};
use store::{Claim, Error, Notification, Settlement};
use tokio::task::JoinSet;

/// So many are on their way at once.
const MOST: usize = 32;
/// Room for so many is worth a look into the database at once …
const WORTH: usize = 8;
/// … and for fewer after this time.
const SOON: Duration = Duration::from_millis(20);
/// Longer than any try takes, by far: another node must not take what is still on its way.
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
}

impl Worker {
    pub fn new(outbox: Outbox, channel: Channel, writer: Writer) -> Self {
        Worker {
            letters: Letters::new(outbox.desk.clone(), outbox.ways.clone()),
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
            while self.look(&mut going).await {
                room(&mut going).await;
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

    /// Takes what there is room for. True where there may be more.
    async fn look(&mut self, going: &mut JoinSet<()>) -> bool {
        while going.try_join_next().is_some() {}
        let free = MOST - going.len();
        match free {
            0 => true,
            _ => match self.take(free, going).await {
                Ok(taken) => taken == free,
                Err(error) => {
                    let channel = self.channel.id();
                    tracing::warn!(%error, channel, "Cannot look for what is to be sent");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    true
                }
            },
        }
    }

    async fn next_look(&self) -> Stamp {
        let latest = self.outbox.desk.clock().steady().plus(LOOK);
        match self.outbox.desk.store().next_due(self.channel.id()).await {
            Ok(Some(at)) => latest.min(Stamp(at)),
            _ => latest,
        }
    }

    /// Takes up to so many and sends them. Answers how many there were.
    async fn take(&mut self, limit: usize, going: &mut JoinSet<()>) -> Result<usize, Error> {
        let desk = self.outbox.desk.clone();
        let (now, at) = (desk.clock().steady(), desk.clock().now());
        let claim = Claim {
            channel: self.channel.id(),
            node: desk.node(),
            now: now.0,
            at: at.0,
            until: now.plus(LEASE).0,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        let rows = desk.store().claim(claim).await?;
        let taken = rows.len();
        if taken == 0 {
            return Ok(0);
        }
        // Where that cannot be told, nobody is kept from being told for it.
        let waits = rates::too_many(desk.store(), self.channel, &rows, at)
            .await
            .unwrap_or_default();
        let mut to_send = Vec::with_capacity(taken);
        for row in rows {
            match waits.iter().find(|(id, _)| *id == row.id) {
                Some((_, free)) => {
                    let next = now.plus(free.since(at));
                    self.writer.write(put_back(&row, next, "too many to this number in a short time"));
                }
                None => to_send.push(row),
            }
        }
        for letter in self.letters.write(to_send).await {
            match letter {
                Letter::Kept(row, reason) => self.writer.write(withheld(&row, reason)),
                Letter::Message(message, rows) => self.post(*message, rows, going),
                // Its incident cannot be read just now.
                Letter::NotNow(row) => {
                    let next = now.plus(Span::secs(1));
                    self.writer.write(put_back(&row, next, ""));
                }
            }
        }
        Ok(taken)
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

/// Waits for room that is worth a look, but not for long.
async fn room(going: &mut JoinSet<()>) {
    if MOST - going.len() < WORTH {
        going.join_next().await;
    }
    let more = async { while MOST - going.len() < WORTH && going.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(SOON, more).await;
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
