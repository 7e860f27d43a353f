//! From rows to messages: all that is said is looked up here, and nothing while sending. Here it is also seen whether
//! there is still a reason to say it.

use super::Ways;
use crate::{
    Desk,
    channels::{
        Brief, Doubt, Message,
        ack::{About, Claim, LASTS},
    },
    stamped,
};
use domain::{
    Event, Incident, Number, Severity, Stamp,
    notify::{Address, Cause, Suppressed},
    plan::Channel,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use store::Notification;

/// So many texts are kept at hand: those of one event are asked for again and again.
const KEPT: usize = 64;

/// What is to be done with claimed rows.
pub enum Letter {
    /// One message, for all of these.
    Message(Box<Message>, Vec<Notification>),
    /// There is no reason any more.
    Kept(Notification, Suppressed),
    NotNow(Notification),
}

pub struct Letters {
    desk: Desk,
    ways: Arc<Ways>,
    texts: HashMap<i64, Arc<str>>,
}

impl Letters {
    pub fn new(desk: Desk, ways: Arc<Ways>) -> Self {
        Letters {
            desk,
            ways,
            texts: HashMap::new(),
        }
    }

    pub async fn write(&mut self, rows: Vec<Notification>) -> Vec<Letter> {
        let mut out = Vec::with_capacity(rows.len());
        let mut incidents: HashMap<String, Option<Arc<Incident>>> = HashMap::new();
        for rows in bundles(rows) {
            let mut good = Vec::with_capacity(rows.len());
            for row in rows {
                let incident = match &row.incident {
                    None => None,
                    Some(number) => {
                        if !incidents.contains_key(number) {
                            let found = self.incident(number).await;
                            incidents.insert(number.clone(), found);
                        }
                        match incidents.get(number).and_then(Option::clone) {
                            Some(found) => Some(found),
                            None => {
                                out.push(Letter::NotNow(row));
                                continue;
                            }
                        }
                    }
                };
                match self.pointless(&row, incident.as_deref()) {
                    Some(reason) => out.push(Letter::Kept(row, reason)),
                    None => good.push((row, incident)),
                }
            }
            if let Some(letter) = self.letter(good).await {
                out.push(letter);
            }
        }
        out
    }

    /// One message for rows to one address: the last says what it has to say, and the others are named.
    async fn letter(
        &mut self,
        mut rows: Vec<(Notification, Option<Arc<Incident>>)>,
    ) -> Option<Letter> {
        let (row, incident) = rows.pop()?;
        let (Ok(cause), Ok(channel), Some(at)) = (
            row.cause.parse::<Cause>(),
            row.channel.parse::<Channel>(),
            row.address.as_deref(),
        ) else {
            // No row is written like that; it stays with its lease, and the audit tells.
            tracing::error!(notification.id = %row.id, "Notification {} cannot be read", row.id);
            return None;
        };
        let address = Address::kept(channel, at);
        let mut text = self.text(row.about).await.to_string();
        for (other, of) in &rows {
            let own = self.text(other.about).await;
            if let Some(of) = of {
                let said = if own.is_empty() {
                    of.title.as_str()
                } else {
                    &own
                };
                let cause = &other.cause;
                text = format!(
                    "{text}\n\n{} {} ({cause}): {said}",
                    of.severity.id(),
                    of.number
                );
            }
        }
        let now = self.desk.clock().now();
        let message = Message {
            id: row.id.clone(),
            attempt: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            doubt: doubt(&row),
            cause,
            address,
            person: row.person.clone(),
            audience: row.audience.clone(),
            incident: incident.as_deref().map(|i| self.brief(i)),
            text: text.trim_start().to_owned(),
            acknowledge: Some(self.link(&row, channel)),
            callback: self.ways.callback.clone(),
            now,
        };
        let mut all: Vec<Notification> = rows.into_iter().map(|(row, _)| row).collect();
        all.push(row);
        Some(Letter::Message(Box::new(message), all))
    }

    /// The same for every try: a text message is known again by its words.
    fn link(&self, row: &Notification, channel: Channel) -> String {
        let about = match &row.incident {
            Some(number) => About::Incident(Number::from(number.as_str())),
            // What is confirmed is the address that is being tried.
            None => {
                let world = self.desk.world();
                let key = domain::notify::verification_key(&row.person, channel);
                let digest = world.verified.get(&key).map(|v| v.digest.clone());
                About::Test {
                    channel,
                    digest: digest.unwrap_or_default(),
                }
            }
        };
        let claim = Claim {
            about,
            person: row.person.clone(),
            expires: Stamp(row.created_at).plus(LASTS),
        };
        self.ways.signer.link(&self.ways.url, &claim)
    }

    fn brief(&self, incident: &Incident) -> Brief {
        Brief::of(incident, &self.desk.plan().plan, &self.ways.url)
    }

    /// What has happened since it was queued may have taken its reason away.
    fn pointless(&self, row: &Notification, incident: Option<&Incident>) -> Option<Suppressed> {
        let incident = incident?;
        let channel: Channel = row.channel.parse().ok()?;
        let cause: Cause = row.cause.parse().ok()?;
        // Nobody is woken for what is over.
        if !incident.is_open() && channel.is_page() {
            return Some(Suppressed::Resolved);
        }
        let world = self.desk.world();
        let comms = world.comms(&incident.number)?;
        match cause {
            Cause::Escalation(_) if comms.knowing().next().is_some() => {
                Some(Suppressed::Acknowledged)
            }
            Cause::Repeat if comms.knows(&row.person).is_some() => Some(Suppressed::Acknowledged),
            _ => None,
        }
    }

    /// What is closed is read from its document.
    async fn incident(&self, number: &str) -> Option<Arc<Incident>> {
        if let Some(open) = self.desk.world().incidents.get(&Number::from(number)) {
            return Some(open.clone());
        }
        let found = self.desk.store().projection("incident", number).await;
        serde_json::from_str(&found.ok()??.body).ok()
    }

    /// The words of the event that is told of: an update's, a reason.
    async fn text(&mut self, about: i64) -> Arc<str> {
        if let Some(text) = self.texts.get(&about) {
            return text.clone();
        }
        let seq = u64::try_from(about).unwrap_or_default();
        let found = self
            .desk
            .store()
            .events_after(seq.saturating_sub(1), 1)
            .await;
        let Ok(found) = found else {
            return "".into();
        };
        let event = found.iter().find_map(stamped).map(|s| s.event);
        let text: Arc<str> = event.map(words).unwrap_or_default().into();
        if self.texts.len() >= KEPT {
            self.texts.clear();
        }
        self.texts.insert(about, text.clone());
        text
    }
}

fn doubt(row: &Notification) -> Option<Doubt> {
    let number = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    let since = row.first_at.filter(|_| row.is_doubtful()).map(Stamp)?;
    Some(Doubt {
        since,
        tries: number(row.certain + 1)..=number(row.attempts - 1),
    })
}

fn words(event: Event) -> String {
    match event {
        Event::UpdatePosted { message, .. } | Event::IncidentResolved { message, .. } => message,
        Event::SeverityChanged { reason, .. } | Event::IncidentReopened { reason, .. } => reason,
        Event::Escalated { because, .. } => because,
        event @ Event::UpdateReminded { .. } => domain::words::notification(&event),
        _ => String::new(),
    }
}

/// Rows that go as one message: several less grave ones to one person's address. What may have been sent already stays
/// alone, and so does a test.
fn bundles(rows: Vec<Notification>) -> Vec<Vec<Notification>> {
    let mut together: BTreeMap<String, Vec<Notification>> = BTreeMap::new();
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let personal = row.channel.parse().is_ok_and(Channel::is_personal);
        let grave = row.severity.as_deref() == Some(Severity::Sev1.id());
        match &row.address {
            Some(address) if personal && !grave && row.incident.is_some() && !row.is_doubtful() => {
                together.entry(address.clone()).or_default().push(row);
            }
            _ => out.push(vec![row]),
        }
    }
    out.extend(together.into_values());
    out.sort_by_key(|rows| rows.last().map(|n| n.rank));
    out
}
