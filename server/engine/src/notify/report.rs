//! Tells the timeline what became of notifications: who was told when is part of what happened. At most twice a second
//! for each incident, however many they are.

use crate::{Beside, Desk, Request};
use domain::{Actor, Command, Number, Source, Span, Stamp, notify::Report};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use store::{Notification, Told};
use tokio::sync::Notify;

/// Between two reports of an incident.
const PACE: Duration = Duration::from_millis(500);
/// What another process left untold is found after this.
const LOOK: Span = Span::secs(5);
/// So many in one event.
const MOST: usize = 500;

pub async fn serve(desk: Desk, news: Arc<Notify>) {
    loop {
        let told = match tell(&desk).await {
            Ok(told) => told,
            Err(error) => {
                tracing::warn!(%error, "Cannot tell the timeline what became of notifications");
                0
            }
        };
        tokio::time::sleep(PACE).await;
        if told == 0 {
            let look = desk.clock().steady().plus(LOOK);
            tokio::select! {
                () = news.notified() => {}
                () = desk.clock().reach(look) => {}
            }
        }
    }
}

/// One report for each incident that there is something to tell of; what there is too much of is told the next time, and
/// what was written down after that.
async fn tell(desk: &Desk) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
    let mut of: BTreeMap<String, Vec<Notification>> = BTreeMap::new();
    let (mut after, mut found) = (0, 0);
    // To read the rest of a crowd again and again would take longer than to tell of it.
    while of.values().all(|rows| rows.len() < MOST) {
        let rows = desk.store().untold(after, 1000).await?;
        let Some(last) = rows.last() else { break };
        after = last.rank;
        found += rows.len();
        for row in rows {
            let Some(incident) = row.incident.clone() else {
                continue;
            };
            let rows = of.entry(incident).or_default();
            if rows.len() < MOST {
                rows.push(row);
            }
        }
    }
    let actor = Actor::system("outbox", Source::Runner);
    for (incident, rows) in of {
        let command = Command::ReportNotifications {
            incident: Number(incident),
            results: rows.iter().filter_map(report).collect(),
        };
        let told = rows.iter().map(|n| Told {
            id: n.id.clone(),
            state: n.state.clone(),
        });
        let beside = Beside {
            told: told.collect(),
            ..Beside::default()
        };
        desk.execute(Request::new(&actor, command).beside(beside))
            .await?;
    }
    Ok(found)
}

fn report(row: &Notification) -> Option<Report> {
    let times = [row.read_at, row.delivered_at, row.sent_at, row.first_at];
    let at = times.into_iter().flatten().next();
    Some(Report {
        id: row.id.clone(),
        person: row.person.clone(),
        channel: row.channel.parse().ok()?,
        state: row.state.parse().ok()?,
        at: Stamp(at.unwrap_or(row.created_at)),
        why: row.why.clone(),
    })
}
