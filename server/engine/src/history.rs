//! What became of each service in the last ninety days: folded from the timeline's changes of health and from what the
//! checks looked at, kept by day, and at hand for the board and the status page. Reading it touches neither the database
//! nor a lock that a writer holds: [`Histories`] is handed on as a whole.
//!
//! Architecture invariant: how far the timeline is folded in (the cursor), the days and the spells are written in one
//! transaction of the one writer, so that every change counts once, on however many nodes and whatever is killed when.
//! Architecture invariant: nobody's word is taken for time in which nobody looked. What a killed node had seen and not
//! yet written is no data, at most [`WHOLE`] of it.

mod rows;

use crate::{
    Desk,
    checks::{Look, Looks},
    stamped,
};
use domain::{
    Event, ServiceId, Stamp,
    history::{Change, DAYS, Day, History, Spell, Watched},
};
use rows::{days_of, health, spell_row};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use store::{Batch, Error, Projection, Tx};
use tokio::{sync::watch, time::Instant};

/// By service; one that was never looked at is not there. `History::days` gives the days, `domain::history::uptime` the
/// share of them.
pub type Histories = BTreeMap<ServiceId, History>;

/// Changes are written down at most so often …
const ROUND: Duration = Duration::from_secs(5);
/// … and how far all were looked at, at least so often.
const WHOLE: Duration = Duration::from_secs(60);
/// In between it is known here, without being written down.
const LOOK: Duration = Duration::from_secs(15);
/// Where what is written ends no longer ago than this, another node may still be looking: it has not said so yet.
const PATIENCE: Duration = Duration::from_secs(130);
const PAGE: u32 = 1000;
const KIND: &str = "history";
const CURSOR: &str = "cursor";

/// Follows the timeline and the looks.
pub struct Historian {
    desk: Desk,
    looks: watch::Receiver<Looks>,
    /// The last event that this node has read, once it has begun.
    seq: Option<u64>,
    known: Histories,
    histories: watch::Sender<Arc<Histories>>,
}

impl Historian {
    pub fn new(desk: Desk, looks: watch::Receiver<Looks>) -> Historian {
        Historian {
            desk,
            looks,
            seq: None,
            known: Histories::new(),
            histories: watch::Sender::default(),
        }
    }

    /// The histories as they are known here: what was written down, and the looks since.
    pub fn histories(&self) -> watch::Receiver<Arc<Histories>> {
        self.histories.subscribe()
    }

    /// Works until it is asked to stop, and then writes down what it has seen.
    pub async fn serve(mut self, mut stopping: watch::Receiver<bool>) {
        let mut world = self.desk.watch();
        let mut whole = Instant::now();
        loop {
            let all = Instant::now() >= whole;
            if all || world.has_changed().unwrap_or(false) {
                world.mark_unchanged();
                self.try_round(all).await;
            } else {
                self.tell();
            }
            if all {
                whole = Instant::now() + WHOLE;
            }
            let something = async {
                tokio::time::sleep(ROUND).await;
                tokio::select! {
                    () = tokio::time::sleep_until(whole) => {}
                    () = tokio::time::sleep(LOOK - ROUND) => {}
                    changed = world.changed() => match changed {
                        // For the next round to see.
                        Ok(()) => world.mark_changed(),
                        Err(_) => std::future::pending().await,
                    }
                }
            };
            tokio::select! {
                () = something => {}
                _ = stopping.changed() => return self.try_round(true).await,
            }
        }
    }

    /// What cannot be written now is written with the next round: it is all still there.
    async fn try_round(&mut self, all: bool) {
        if let Err(error) = self.round(all).await {
            tracing::warn!(%error, "What became of the services cannot be written down now: {error}");
        }
    }

    /// Writes down the changes since the last round and, with `all`, how far everything was looked at.
    pub async fn round(&mut self, all: bool) -> Result<(), Error> {
        let now = self.desk.clock().now();
        if self.seq.is_none() {
            self.known = self.read_days(now, DAYS as i64).await?;
        }
        let mut tx = self.desk.store().begin().await?;
        let cursor = match tx.projection(KIND, CURSOR).await? {
            Some(found) => found.version,
            // The history begins here: of what was before, nobody knows when anybody looked.
            None => tx.head().seq,
        };
        let mine = self.seq.unwrap_or(cursor);
        let read = changes(&mut tx, mine.min(cursor)).await?;
        let spells = spells(&mut tx).await?;
        let new = |after: u64| {
            let mut new: BTreeMap<ServiceId, Vec<Change>> = BTreeMap::new();
            for (_, service, change) in read.iter().filter(|(seq, ..)| *seq > after) {
                new.entry(service.clone()).or_default().push(*change);
            }
            new
        };
        let written = self.fold(now, all, &spells, &new(cursor));
        let head = tx.head().seq;
        if written.is_empty() && !all {
            tx.rollback().await?;
        } else {
            tx.write(&batch(head, &written)).await?;
            tx.commit().await?;
        }
        self.know(now, &new(mine), &spells, &written, all || mine < cursor)
            .await?;
        self.seq = Some(head);
        self.tell();
        Ok(())
    }

    /// Hands on what is known, up to the last looks.
    fn tell(&mut self) {
        for (id, look) in self.looks.borrow().iter() {
            if let Some(history) = self.known.get_mut(id) {
                history.seen(&watched(look));
            }
        }
        self.histories.send_replace(Arc::new(self.known.clone()));
    }

    /// What is to be written of each service: what is to be added to its days, and its spell.
    fn fold(
        &self,
        now: Stamp,
        all: bool,
        spells: &BTreeMap<ServiceId, Spell>,
        changes: &BTreeMap<ServiceId, Vec<Change>>,
    ) -> Histories {
        let (world, looks) = (self.desk.world(), self.looks.borrow().clone());
        let mut services: BTreeSet<&ServiceId> = changes.keys().collect();
        if all {
            services.extend(looks.keys());
        }
        let one = |id: &ServiceId| {
            let before = spells.get(id).copied();
            let changes = changes.get(id).map(Vec::as_slice).unwrap_or_default();
            let mut history = History::kept([], before);
            let watched = looks.get(id).map(watched).filter(|watched| {
                !changes.is_empty() || history.joins(watched) || is_over(before, now)
            });
            history.go_on(changes, watched, world.health(id));
            let is_new = history.spell() != before || history.over().next().is_some();
            is_new.then(|| (id.clone(), history))
        };
        services.into_iter().filter_map(one).collect()
    }

    /// Knows what was written, here or elsewhere. The changes that are `new` to this node tell it what flaps.
    async fn know(
        &mut self,
        now: Stamp,
        new: &BTreeMap<ServiceId, Vec<Change>>,
        spells: &BTreeMap<ServiceId, Spell>,
        written: &Histories,
        anew: bool,
    ) -> Result<(), Error> {
        for (id, changes) in new {
            self.known.entry(id.clone()).or_default().remember(changes);
        }
        // Other nodes may have gone on with them.
        for (id, spell) in spells {
            self.known.entry(id.clone()).or_default().follow(*spell);
        }
        for (id, history) in written {
            self.known.entry(id.clone()).or_default().add(history);
        }
        if anew {
            // Yesterday may have got something yet.
            for (id, history) in self.read_days(now, 2).await? {
                let days: Vec<Day> = history.over().copied().collect();
                self.known.entry(id).or_default().renew(&days, now);
            }
        }
        Ok(())
    }

    /// The last days as they are kept.
    async fn read_days(&self, now: Stamp, days: i64) -> Result<Histories, Error> {
        let today = now.0.div_euclid(86_400_000_000);
        let mut after = (today - days, String::from(char::MAX));
        let mut found: BTreeMap<ServiceId, Vec<Day>> = BTreeMap::new();
        loop {
            let store = self.desk.store();
            let page = store.history_days((after.0, &after.1), PAGE).await?;
            let Some(last) = page.last() else {
                let history = |(id, days)| (id, History::kept(days, None));
                return Ok(found.into_iter().map(history).collect());
            };
            after = (last.day, last.service.clone());
            for row in &page {
                let id = ServiceId(row.service.clone());
                found.entry(id).or_default().push(days_of(row));
            }
        }
    }
}

fn watched(look: &Look) -> Watched {
    Watched {
        from: look.since,
        until: look.at,
    }
}

/// Nobody goes on with it: another node would have said so by now.
fn is_over(spell: Option<Spell>, now: Stamp) -> bool {
    spell.is_none_or(|spell| now.since(Stamp(spell.until * 1_000_000)).0 > PATIENCE)
}

/// The changes of health after an event, in their order.
async fn changes(tx: &mut Tx, after: u64) -> Result<Vec<(u64, ServiceId, Change)>, Error> {
    let (mut all, mut at) = (Vec::new(), after);
    loop {
        let records = tx.events_after(at, PAGE).await?;
        let Some(last) = records.last() else {
            return Ok(all);
        };
        at = last.seq;
        let of_services = records.iter().filter(|r| r.kind == "service_changed");
        for event in of_services.filter_map(stamped) {
            if let Event::ServiceChanged {
                service, from, to, ..
            } = event.event
            {
                let at = event.at;
                all.push((event.seq, service, Change { from, to, at }));
            }
        }
    }
}

async fn spells(tx: &mut Tx) -> Result<BTreeMap<ServiceId, Spell>, Error> {
    let (mut all, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = tx.history_spells(&after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        after.clone_from(&last.service);
        for row in page {
            let spell = Spell {
                health: health(&row.health),
                since: row.since,
                until: row.seen,
            };
            all.insert(ServiceId(row.service), spell);
        }
    }
}

fn batch(head: u64, written: &Histories) -> Batch {
    let day = |(id, history): (&ServiceId, &History)| {
        let id = id.clone();
        let rows = history.over().map(move |day| rows::day_row(&id, day));
        rows.collect::<Vec<_>>()
    };
    let spell = |(id, history): (&ServiceId, &History)| Some(spell_row(id, history.spell()?));
    Batch {
        projections: vec![Projection {
            kind: KIND.into(),
            id: CURSOR.into(),
            open: true,
            version: head,
            body: "{}".into(),
        }],
        history_days: written.iter().flat_map(day).collect(),
        history_spells: written.iter().filter_map(spell).collect(),
        ..Batch::default()
    }
}
