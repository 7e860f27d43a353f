//! What is said: the plan's words, or Muster's own where the plan has none, filled in with the facts of one message.
//!
//! Architecture invariant: everything that leaves here is plain text, whatever was typed into a title or a name. What is
//! one line has no control character in it; each channel makes markup of its own harmless where it writes the text down.

mod defaults;
mod text;

pub use text::{block, line};

use super::Message;
use domain::{
    Kind, Severity, Span, Stamp,
    notify::Cause,
    plan::{Audience, Channel, Field, Plan, SeverityPolicy, Stage, Template, fill},
};

/// The longest title in a subject or a first line.
const TITLE: usize = 200;

/// What the plan says about how things are said.
#[derive(Clone, Debug, Default)]
pub struct Words {
    pub organization: String,
    severities: Vec<SeverityPolicy>,
    audiences: Vec<Audience>,
    templates: Vec<Template>,
}

/// A message in words, ready to be put into the form of a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// On one line: a mail's subject.
    pub subject: String,
    /// On one line: what happened.
    pub headline: String,
    /// What this is about and what is asked.
    pub lead: String,
    /// How bad, what, since when, who commands, when the next word comes.
    pub facts: Vec<(&'static str, String)>,
    /// An update's own words.
    pub quote: String,
    /// What to press, and where it leads.
    pub ask: Option<Ask>,
    /// The incident's page.
    pub url: Option<String>,
    pub severity: Option<Severity>,
    pub over: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub label: &'static str,
    pub link: String,
}

impl Words {
    pub fn of(plan: &Plan) -> Self {
        Words {
            organization: line(&plan.about.organization, TITLE),
            severities: plan.communication.severities.clone(),
            audiences: plan.communication.audiences.clone(),
            templates: plan.communication.templates.clone(),
        }
    }

    /// The text of a message as its channel's receivers read it, without the facts and buttons around it.
    pub fn text(&self, message: &Message) -> String {
        let channel = message.address.channel();
        let stage = stage(message.cause);
        let own = self
            .templates
            .iter()
            .find(|t| t.fits(stage, &message.audience, channel))
            .map(|t| t.text.as_str());
        let text = own.unwrap_or_else(|| defaults::text(stage, channel));
        let mut text = fill(text, |field| self.value(message, field));
        let next = message.incident.as_ref().and_then(|b| b.next_update);
        // The others have it among their facts.
        let bare = matches!(channel, Channel::Sms | Channel::Phone) && stage != Stage::Resolved;
        if let Some(next) = next.filter(|_| bare && own.is_none()) {
            text.push_str(&format!(" Next word by {}.", when(next, message.now)));
        }
        block(text.trim(), 8_000)
    }

    pub fn said(&self, message: &Message) -> Said {
        let stage = stage(message.cause);
        let brief = message.incident.as_ref();
        let title = brief.map_or_else(
            || "A test of how you are reached".to_owned(),
            |b| line(&b.title, TITLE),
        );
        let word = defaults::word(stage);
        let subject = match brief {
            Some(brief) => {
                let drill = if brief.kind == Kind::Drill {
                    "DRILL "
                } else {
                    ""
                };
                let severity = brief.severity.id();
                let word = if word.is_empty() {
                    String::new()
                } else {
                    format!("{word}: ")
                };
                format!("[{drill}{severity}] {} {word}{title}", brief.number)
            }
            None => format!("{title}: please confirm"),
        };
        let wanted = |link: &String| {
            let label = defaults::ask(stage)?;
            Some(Ask {
                label,
                link: link.clone(),
            })
        };
        Said {
            subject: line(&subject, TITLE + 60),
            headline: title,
            lead: self.text(message),
            facts: self.facts(message),
            quote: match stage {
                Stage::Update
                | Stage::Resolved
                | Stage::Reminder
                | Stage::Raised
                | Stage::Reopened => block(message.text.trim(), 8_000),
                _ => String::new(),
            },
            ask: message.acknowledge.as_ref().and_then(wanted),
            url: brief.map(|b| b.url.clone()),
            severity: brief.map(|b| b.severity),
            over: stage == Stage::Resolved,
        }
    }

    fn facts(&self, message: &Message) -> Vec<(&'static str, String)> {
        let Some(brief) = &message.incident else {
            return Vec::new();
        };
        let value = |field| self.value(message, field);
        let named = value(Field::SeverityName);
        let mut facts = vec![
            ("Incident", brief.number.to_string()),
            ("Severity", format!("{}, {named}", brief.severity.id())),
            ("Affected", value(Field::Affected)),
            (
                "Since",
                format!("{} ({} ago)", value(Field::DeclaredAt), value(Field::Age)),
            ),
            ("Status", value(Field::Phase)),
            ("Commander", value(Field::Commander)),
        ];
        if let Some(next) = brief
            .next_update
            .filter(|_| message.cause != Cause::Resolved)
        {
            facts.push(("Next word", format!("by {}", when(next, message.now))));
        }
        facts
    }

    /// A fact as it is said on this message's channel.
    fn value(&self, message: &Message, field: Field) -> String {
        let spoken = message.address.channel() == Channel::Phone;
        let brief = message.incident.as_ref();
        let of = |value: fn(&super::Brief) -> String| brief.map(value).unwrap_or_default();
        match field {
            Field::Number => of(|b| b.number.to_string()),
            Field::Title => of(|b| line(&b.title, TITLE)),
            Field::Severity if spoken => of(|b| b.severity.id().replace("SEV", "severity ")),
            Field::Severity => of(|b| b.severity.id().into()),
            Field::SeverityName => brief
                .and_then(|b| self.severities.iter().find(|s| s.id == b.severity))
                .map(|s| line(&s.name, 60))
                .unwrap_or_default(),
            Field::Kind => of(|b| match b.kind {
                Kind::Real => "real".into(),
                Kind::Drill => "drill".into(),
                Kind::Backfilled => "backfilled".into(),
            }),
            Field::Phase => of(|b| b.phase.words().into()),
            Field::Affected => of(|b| match &b.affected[..] {
                [] => "not known yet".into(),
                names => line(&names.join(", "), TITLE),
            }),
            Field::DeclaredAt => of(|b| b.declared_at.minute()),
            Field::Age => brief
                .map(|b| age(message.now.since(b.declared_at), spoken))
                .unwrap_or_default(),
            Field::Commander => of(|b| match &b.commander {
                Some(name) => line(name, 100),
                None => "nobody yet".into(),
            }),
            Field::Update => block(message.text.trim(), 4_000),
            Field::NextUpdate => brief
                .and_then(|b| b.next_update)
                .map_or_else(|| "not set".into(), |at| when(at, message.now)),
            Field::Person => line(&message.person, 100),
            Field::Audience => line(self.audience(&message.audience), 100),
            Field::Organization => self.organization.clone(),
            Field::Url => of(|b| b.url.clone()),
            Field::Acknowledge => message.acknowledge.clone().unwrap_or_default(),
        }
    }

    /// An audience's name.
    pub fn audience<'a>(&'a self, id: &'a str) -> &'a str {
        let found = self.audiences.iter().find(|a| a.id == id);
        match id {
            "all" => "Everybody",
            _ => found.map_or(id, |a| a.name.as_str()),
        }
    }
}

/// The stage of the plan's templates that a cause belongs to.
pub fn stage(cause: Cause) -> Stage {
    match cause {
        Cause::Declared => Stage::Declared,
        Cause::Raised => Stage::Raised,
        Cause::Reopened => Stage::Reopened,
        Cause::Escalation(_) => Stage::Escalation,
        Cause::Update | Cause::Subscriber => Stage::Update,
        Cause::Resolved => Stage::Resolved,
        Cause::Reminder => Stage::Reminder,
        Cause::Repeat => Stage::Repeat,
        Cause::Test => Stage::Test,
    }
}

/// `14:20 UTC`, with the day where that is another.
fn when(at: Stamp, now: Stamp) -> String {
    const DAY: i64 = 86_400_000_000;
    if at.0.div_euclid(DAY) == now.0.div_euclid(DAY) {
        format!("{} UTC", &at.clock()[..5])
    } else {
        at.minute()
    }
}

/// Whole minutes and hours: nobody is told seconds, that pass while a message is under way.
pub fn age(span: Span, spoken: bool) -> String {
    let minutes = span.as_secs() / 60;
    let (minute, hour) = if spoken {
        ("minutes", "hours")
    } else {
        ("min", "h")
    };
    match (minutes / 60, minutes % 60) {
        (0, 0) => "less than a minute".into(),
        (0, 1) if spoken => "1 minute".into(),
        (0, m) => format!("{m} {minute}"),
        (1, 0) if spoken => "1 hour".into(),
        (h @ 0..48, 0) => format!("{h} {hour}"),
        (h @ 0..48, m) => format!("{h} {hour} {m} {minute}"),
        (h, _) => format!("{} {}", h / 24, if spoken { "days" } else { "d" }),
    }
}
