//! A mail in writing. All mails of an incident to one person are one conversation; each has a name of its own that a second
//! try does not change.

use crate::channels::{Message, Said, words::line};
use askama::Template;
use domain::{Kind, Severity, notify::Cause};
use lettre::{
    Address,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use std::time::{Duration, SystemTime};

pub struct Letter<'a> {
    pub from: &'a Mailbox,
    pub reply_to: Option<&'a Mailbox>,
    pub to: Address,
    pub organization: &'a str,
}

#[derive(Template)]
#[template(path = "mail/letter.txt", escape = "none")]
struct Plain<'a> {
    said: &'a Said,
    why: String,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Rich<'a> {
    said: &'a Said,
    why: String,
    /// The band at the top: its colour, and what it says.
    tone: &'static str,
    band: String,
    number: String,
    /// The facts that are not in the band.
    rows: &'a [(&'static str, String)],
}

impl Letter<'_> {
    pub fn write(&self, message: &Message, said: &Said) -> Result<String, String> {
        let cannot = |e: &dyn std::fmt::Display| format!("the mail cannot be written: {e}");
        let why = self.why(message);
        let plain = Plain {
            said,
            why: why.clone(),
        };
        let (tone, band) = band(message, said);
        let brief = message.incident.as_ref();
        let rich = Rich {
            said,
            why,
            tone,
            band,
            number: brief.map_or_else(String::new, |b| b.number.to_string()),
            rows: said.facts.get(2..).unwrap_or_default(),
        };
        let plain = plain.render().map_err(|e| cannot(&e))?;
        let rich = rich.render().map_err(|e| cannot(&e))?;

        let name = line(&message.person, 100);
        let to = Mailbox::new((!name.is_empty()).then_some(name), self.to.clone());
        let at = Duration::from_micros(u64::try_from(message.now.0).unwrap_or_default());
        let mut mail = lettre::Message::builder()
            .from(self.from.clone())
            .to(to)
            .date(SystemTime::UNIX_EPOCH + at)
            .subject(line(&said.subject, 300))
            .message_id(Some(self.name(message)));
        if let Some(reply_to) = self.reply_to {
            mail = mail.reply_to(reply_to.clone());
        }
        if let Some(root) = self.conversation(message) {
            mail = mail.in_reply_to(root.clone()).references(root);
        }
        for (name, value) in self.marks(message, said) {
            mail = mail.raw_header(HeaderValue::new(name, value));
        }
        let mail = mail
            .multipart(MultiPart::alternative_plain_html(plain, rich))
            .map_err(|e| cannot(&e))?;
        String::from_utf8(mail.formatted()).map_err(|e| cannot(&e))
    }

    /// The `Message-ID`, the same for every try. (The instant of the declaration tells apart what two installations of one
    /// domain have numbered alike.)
    fn name(&self, message: &Message) -> String {
        let since = message.incident.as_ref().map_or(0, |b| b.declared_at.0);
        format!("<{}.{since:x}@{}>", message.id, self.from.email.domain())
    }

    /// What all mails of an incident refer to. No mail has this name: whoever is told later joins the same conversation.
    fn conversation(&self, message: &Message) -> Option<String> {
        let brief = message.incident.as_ref()?;
        let since = brief.declared_at.0;
        Some(format!(
            "<{}.{since:x}@{}>",
            brief.number,
            self.from.email.domain()
        ))
    }

    /// That a machine writes, so that no machine answers; of what list; and how urgent.
    fn marks(&self, message: &Message, said: &Said) -> Vec<(HeaderName, String)> {
        let name = HeaderName::new_from_ascii_str;
        let mut marks = vec![
            (name("Auto-Submitted"), "auto-generated".to_owned()),
            (name("X-Auto-Response-Suppress"), "All".to_owned()),
        ];
        if let Some(brief) = &message.incident {
            let letter = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let list: String = message.audience.chars().filter(|c| letter(*c)).collect();
            let list = format!("<{list}.incidents.{}>", self.from.email.domain());
            marks.push((name("List-Id"), list));
            marks.push((name("X-Muster-Incident"), line(brief.number.as_str(), 60)));
        }
        if said.severity == Some(Severity::Sev1) && said.ask.is_some() {
            marks.push((name("Importance"), "high".to_owned()));
            marks.push((name("X-Priority"), "1".to_owned()));
        }
        marks
    }

    /// Why this person gets this mail.
    fn why(&self, message: &Message) -> String {
        let by = match self.organization {
            "" => "Sent by Muster".to_owned(),
            organization => format!("Sent by Muster for {organization}"),
        };
        let person = line(&message.person, 100);
        match message.cause {
            Cause::Test => {
                format!("{by} to {person}, whose address is in the disaster-recovery plan.")
            }
            Cause::Subscriber => format!("{by}."),
            _ => format!("{by} to {person}, as the plan's communication matrix says."),
        }
    }
}

fn band(message: &Message, said: &Said) -> (&'static str, String) {
    let Some(brief) = &message.incident else {
        return ("#45505d", "Test, no incident".to_owned());
    };
    let severity = said.facts.get(1).map_or("", |(_, value)| value.as_str());
    let drill = match brief.kind {
        Kind::Drill => "Drill: ",
        Kind::Real | Kind::Backfilled => "",
    };
    match (said.over, brief.severity) {
        (true, _) => ("#1c7a43", format!("{drill}Resolved ({severity})")),
        (_, Severity::Sev1) => ("#b3261e", format!("{drill}{severity}")),
        (_, Severity::Sev2) => ("#9a5200", format!("{drill}{severity}")),
        (_, Severity::Sev3) => ("#2c5d8f", format!("{drill}{severity}")),
    }
}

impl Plain<'_> {
    /// For the table.
    fn padded(&self, name: &str) -> String {
        format!("{name:<12}")
    }
}

impl Rich<'_> {
    fn paragraphs<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let paragraphs = text.split("\n\n").map(str::trim);
        paragraphs.filter(|p| !p.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests;
