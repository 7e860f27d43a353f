//! What no live page shows: the browser's download does without these words.

use super::{Icon, Line, Topic, health_icon, notify};
use crate::{Cover, Event, Stage};

/// The sentence for an event that belongs to no incident and no run, or to an incident's notifications.
pub fn says(event: &Event) -> Line {
    use Event::*;
    if let Some(line) = notify::says(event) {
        return line;
    }
    let (icon, topic, says) = match event {
        ExposureChanged {
            database,
            cover,
            because,
            ..
        } => {
            let (icon, word) = match cover {
                Cover::Follows => (Icon::Ok, "the newest data is in a second place"),
                Cover::Alone => (Icon::Warn, "the newest data is in one place only"),
                Cover::Silent => (Icon::Bad, "no primary answers"),
            };
            let says = format!("{database}: {word}: {because}");
            (icon, Topic::Services, says)
        }
        FindingHeld {
            service,
            to,
            because,
            ..
        } => {
            let found = to.words().to_ascii_lowercase();
            let says = format!("{service}: {found}, held while in maintenance: {because}");
            (health_icon(*to), Topic::Services, says)
        }
        MaintenanceScheduled {
            maintenance,
            title,
            from,
            until,
            ..
        } => {
            let (from, until) = (from.minute(), until.minute());
            let says = format!("{maintenance} scheduled from {from} until {until}: {title}");
            (Icon::Run, Topic::Services, says)
        }
        MaintenanceRescheduled {
            maintenance,
            message,
            ..
        } => {
            let says = format!("{maintenance} moved: {message}");
            (Icon::Run, Topic::Services, says)
        }
        MaintenanceMoved {
            maintenance,
            to,
            message,
            ..
        } => {
            let icon = match to {
                Stage::Completed => Icon::Ok,
                Stage::Cancelled => Icon::Skip,
                _ => Icon::Run,
            };
            let says = format!("{maintenance} {}: {message}", to.words().to_lowercase());
            (icon, Topic::Services, says)
        }
        TokenIssued { name, role, .. } => {
            let says = format!("Token {name} issued, role {}", role.name());
            (Icon::Person, Topic::People, says)
        }
        TokenRevoked { id } => (Icon::Person, Topic::People, format!("Token {id} revoked")),
        SignedIn { name, role, .. } => {
            let says = format!("{name} signed in, role {}", role.name());
            (Icon::Person, Topic::People, says)
        }
        SecretSet { name } => (Icon::Person, Topic::People, format!("Secret {name} set")),
        SecretRemoved { name } => {
            let says = format!("Secret {name} removed");
            (Icon::Person, Topic::People, says)
        }
        ContactTested {
            person, channel, ..
        } => {
            let says = format!("Test message to {person}: {}", channel.name());
            (Icon::Say, Topic::Messages, says)
        }
        ContactConfirmed {
            person, channel, ..
        } => {
            let says = format!("{person} confirms: {} works", channel.name());
            (Icon::Ok, Topic::Messages, says)
        }
        OnCallOverridden {
            rotation,
            person,
            from,
            until,
            ..
        } => {
            let (from, until) = (from.minute(), until.minute());
            let says = format!("{person} is on call for {rotation} from {from} until {until}");
            (Icon::Person, Topic::People, says)
        }
        OverrideRemoved { .. } => {
            let says = "Override of the on-call rotation removed".into();
            (Icon::Person, Topic::People, says)
        }
        _ => (Icon::None, Topic::Runs, String::new()),
    };
    Line {
        icon,
        topic,
        says,
        quote: None,
    }
}
