//! Muster watches itself: every notification that is due has reached an end, or has a next try that comes. Where not, an
//! incident is declared, within a minute and once.

use crate::{Desk, Request};
use domain::{
    Actor, Command, Kind, Severity, Source, Span, Stamp,
    notify::{Delivery, Told},
    plan::Channel,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use store::Error;

/// Between looks.
const LOOK: Span = Span::secs(10);
/// What is due is taken at once; what nobody has taken for so long is stuck.
const PATIENCE: Span = Span::secs(30);
pub const STUCK: &str = "Notifications are stuck";
/// So many are looked at of a channel, and named of all.
const SEEN: u32 = 500;
const NAMED: usize = 10;

pub async fn serve(desk: Desk, sound: Arc<AtomicBool>) {
    let mut audit = Audit {
        desk,
        since: HashMap::new(),
        told: HashSet::new(),
    };
    loop {
        let next = audit.desk.clock().steady().plus(LOOK);
        match audit.look().await {
            Ok(stuck) => {
                sound.store(stuck.is_empty(), Ordering::Relaxed);
                audit.tell(stuck).await;
            }
            Err(error) => tracing::warn!(%error, "Cannot audit the outbox"),
        }
        audit.desk.clock().reach(next).await;
    }
}

struct Audit {
    desk: Desk,
    /// Since when, by the steady clock, something is as it should not be.
    since: HashMap<String, Stamp>,
    /// What an incident was declared for.
    told: HashSet<String>,
}

impl Audit {
    /// What has been due, or without a row, for too long.
    async fn look(&mut self) -> Result<Vec<String>, Error> {
        let now = self.desk.clock().steady();
        let mut odd = HashSet::new();
        for channel in Channel::ALL {
            let late = self.desk.store().late(channel.id(), now.0, SEEN).await?;
            odd.extend(late.into_iter().map(|n| n.id));
        }
        odd.extend(self.lost().await?);
        self.since.retain(|id, _| odd.contains(id));
        for id in odd {
            self.since.entry(id).or_insert(now);
        }
        let long = |(_, since): &(&String, &Stamp)| now.since(**since) >= PATIENCE;
        let mut stuck: Vec<String> = self.since.iter().filter(long).map(|(id, _)| id.clone()).collect();
        stuck.sort();
        Ok(stuck)
    }

    /// Those that the timeline holds for not over, and of which there is no row.
    async fn lost(&self) -> Result<Vec<String>, Error> {
        let world = self.desk.world();
        let mut lost = Vec::new();
        for incident in world.incidents.values().filter(|i| i.is_open()) {
            let Some(comms) = world.comms(&incident.number) else {
                continue;
            };
            let open = |told: &&Told| !told.state.is_over() && told.state != Delivery::Suppressed;
            let told = comms.told.values().flat_map(|people| people.values());
            let mut open: HashSet<String> = told.filter(open).map(|t| t.id.clone()).collect();
            let mut after = 0;
            while !open.is_empty() {
                let rows = self
                    .desk
                    .store()
                    .notifications_of(incident.number.as_str(), after, 1000)
                    .await?;
                let Some(last) = rows.last() else { break };
                after = last.rank;
                for row in rows {
                    open.remove(&row.id);
                }
            }
            lost.extend(open);
        }
        Ok(lost)
    }

    /// Declares an incident, unless there is one already.
    async fn tell(&mut self, stuck: Vec<String>) {
        self.told.retain(|id| stuck.contains(id));
        let new = stuck.iter().any(|id| !self.told.contains(id));
        let world = self.desk.world();
        let open = world.incidents.values().any(|i| i.is_open() && i.title == STUCK);
        if !new || open {
            return;
        }
        tracing::error!(count = stuck.len(), "{STUCK}: {}", stuck.join(", "));
        let actor = Actor::system("self-audit", Source::Checker);
        let declare = Command::Declare {
            title: STUCK.into(),
            severity: Severity::Sev2,
            affected: Vec::new(),
            kind: Kind::Real,
            public: false,
            quiet: false,
            occurred_at: None,
        };
        // The same on every node: one of them declares it.
        let first = stuck.first().cloned().unwrap_or_default();
        let request = Request::new(&actor, declare).key(format!("self-audit:{first}"));
        let Ok(receipt) = self.desk.execute(request).await else {
            return;
        };
        let Some(incident) = receipt.incident.filter(|_| !receipt.replayed) else {
            self.told.extend(stuck);
            return;
        };
        let some = stuck.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = match stuck.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let note = Command::AddNote {
            incident,
            text: format!(
                "Due for more than {} and neither sent nor tried again: {some}{more}. Tell these people by hand.",
                PATIENCE.words()
            ),
            occurred_at: None,
        };
        let _ = self.desk.execute(Request::new(&actor, note)).await;
        self.told.extend(stuck);
    }
}
