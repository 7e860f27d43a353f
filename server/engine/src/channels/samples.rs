//! Messages for the tests of all channels.

use super::{Brief, Message, Words};
use domain::{
    Kind, Phase, Severity, Span, Stamp,
    notify::{Address, Cause},
    plan::{About, Audience, Channel, Communication, Plan, SeverityPolicy, Template},
};

/// 2026-11-27 14:05 UTC.
pub const NOW: Stamp = Stamp(1_795_788_300_000_000);

pub fn plan(templates: Vec<Template>) -> Plan {
    let policy = |id, name: &str| SeverityPolicy {
        id,
        name: name.into(),
        description: String::new(),
        first_update: Span::secs(300),
        update_every: Span::secs(1200),
        acknowledge_within: None,
        internal_every: None,
    };
    Plan {
        about: About {
            organization: "CapLiquify Manufacturing Platform".into(),
            ..About::default()
        },
        communication: Communication {
            severities: vec![
                policy(Severity::Sev1, "Critical"),
                policy(Severity::Sev2, "Major"),
                policy(Severity::Sev3, "Minor"),
            ],
            audiences: vec![Audience {
                id: "tech".into(),
                name: "Tech Team".into(),
                members: vec!["Database Admin".into()],
            }],
            templates,
            ..Communication::default()
        },
        ..Plan::default()
    }
}

pub fn words() -> Words {
    Words::of(&plan(Vec::new()))
}

pub fn brief() -> Brief {
    Brief {
        number: "INC-2026-014".into(),
        title: "Manufacturing database does not take orders".into(),
        severity: Severity::Sev1,
        kind: Kind::Real,
        phase: Phase::Investigating,
        affected: vec!["Orders API".into(), "Manufacturing database".into()],
        declared_at: Stamp(NOW.0 - 180_000_000),
        commander: Some("Jane Doe".into()),
        next_update: Some(NOW.plus(Span::secs(120))),
        url: "https://muster.example.org/incidents/INC-2026-014".into(),
    }
}

pub fn message(channel: Channel, cause: Cause) -> Message {
    let address = match channel {
        Channel::Phone | Channel::Sms => "+15550003",
        Channel::Email => "dba@example.com",
        _ => "incidents",
    };
    Message {
        id: "1042.3".into(),
        attempt: 1,
        doubt: None,
        cause,
        address: Address::kept(channel, address),
        person: "Bob Wilson".into(),
        audience: "tech".into(),
        incident: (cause != Cause::Test).then(brief),
        text: match cause {
            Cause::Update => "The primary is fenced.\nThe replica is being promoted.".into(),
            Cause::Resolved => "The replica serves all orders. No data was lost.".into(),
            _ => String::new(),
        },
        acknowledge: Some("https://muster.example.org/ack/AWkABCDEF".into()),
        callback: "https://muster.example.org".into(),
        now: NOW,
    }
}

pub const CAUSES: [Cause; 9] = [
    Cause::Declared,
    Cause::Raised,
    Cause::Reopened,
    Cause::Escalation(2),
    Cause::Update,
    Cause::Resolved,
    Cause::Reminder,
    Cause::Repeat,
    Cause::Test,
];
