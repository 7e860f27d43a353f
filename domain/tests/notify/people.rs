//! The shipped plan's people and matrix, with a provider for each channel.

use super::house::House;
use domain::{notify::Addressee, plan::*, *};

fn contact(role: &str, name: &str, n: u32, escalation: Escalation) -> Contact {
    Contact {
        role: role.into(),
        name: name.into(),
        phone: format!("+1-555-000{n}"),
        sms: None,
        email: format!("{n}@example.com"),
        escalation,
        timezone: None,
        quiet_hours: None,
        on_call: false,
    }
}

pub fn house() -> House {
    let mut h = House::new();
    h.plan.contacts = Directory {
        emergency: vec![
            contact("CTO", "John Smith", 1, Escalation::Primary),
            contact("DevOps Lead", "Jane Doe", 2, Escalation::Primary),
            contact("Database Admin", "Bob Wilson", 3, Escalation::Secondary),
            contact("Security Lead", "Alice Brown", 4, Escalation::Secondary),
        ],
        external: vec![ExternalSupport {
            service: "Render Support".into(),
            contact: "support@render.com".into(),
            account: "ENT-12345".into(),
            priority: Priority::P1,
        }],
    };
    let audience = |id: &str, members: &[&str]| Audience {
        id: id.into(),
        name: id.to_uppercase(),
        members: members.iter().map(|m| (*m).to_owned()).collect(),
    };
    let row = |severity, within, audiences: &[&str], channels: &[Channel]| MatrixRow {
        severity,
        within: Span::secs(within),
        audiences: audiences.iter().map(|a| (*a).to_owned()).collect(),
        channels: channels.to_vec(),
    };
    let comms = &mut h.plan.communication;
    comms.audiences = vec![
        audience("tech", &["DevOps Lead", "Database Admin", "Security Lead"]),
        audience("management", &["CTO"]),
    ];
    comms.matrix = vec![
        row(
            Severity::Sev1,
            0,
            &["all"],
            &[Channel::Phone, Channel::Email, Channel::Slack],
        ),
        row(
            Severity::Sev2,
            900,
            &["tech", "management"],
            &[Channel::Email, Channel::Slack],
        ),
        row(Severity::Sev3, 3600, &["tech"], &[Channel::Slack]),
    ];
    let slack = |name: &str, audience: &str| channels::Slack {
        name: name.into(),
        audiences: vec![audience.into()],
        webhook_env: "SLACK_URL".into(),
        signing_secret_env: None,
        internal: false,
    };
    h.plan.channels = Channels {
        email: Some(channels::Email {
            url_env: "SMTP_URL".into(),
            ca_env: None,
            from: "muster@example.com".into(),
            reply_to: None,
            bounces: None,
        }),
        phone: Some(channels::Phone {
            url_env: Some("TWILIO_URL".into()),
            account_env: "TWILIO_ACCOUNT".into(),
            token_env: "TWILIO_TOKEN".into(),
            from_env: "TWILIO_FROM".into(),
            sms_from_env: None,
            internal: false,
        }),
        slack: vec![slack("ops", "tech"), slack("board", "management")],
        ..Channels::default()
    };
    h
}

/// All that these events put in line.
pub fn queued(events: &[Event]) -> Vec<&Addressee> {
    let to = events.iter().filter_map(|event| match event {
        Event::NotificationsQueued { to, .. } => Some(to),
        _ => None,
    });
    to.flatten().collect()
}
