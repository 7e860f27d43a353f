//! What is said, in the subscriber's language and in the form of each way: a mail, blocks for Slack, Statuspage's JSON.

use super::news::{About, News};
use crate::status::{
    place::Place,
    told::{Affected, Told},
    words::{Subscribing, Words},
};
use askama::Template;
use domain::{Stamp, plan::Language};
use engine::channels::{Circular, block, line};
use serde_json::{Value, json};

/// Slack's own bounds, in characters.
const SECTION: usize = 2_900;

/// A message in words.
pub struct Letter {
    language: &'static str,
    s: &'static Subscribing,
    site: String,
    subject: String,
    headline: String,
    state: String,
    says: String,
    facts: Vec<(&'static str, String)>,
    label: &'static str,
    link: String,
    why: String,
    /// Where it is changed and ended; nothing before it was confirmed.
    manage: Option<String>,
    /// What its thread and its name are made from.
    about: String,
    thread: Option<String>,
}

#[derive(Template)]
#[template(path = "status/mail/letter.txt", escape = "none")]
struct Plain<'a> {
    s: &'static Subscribing,
    headline: &'a str,
    state: &'a str,
    says: &'a str,
    facts: &'a [(&'static str, String)],
    label: &'a str,
    link: &'a str,
    why: &'a str,
    manage: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "status/mail/letter.html")]
struct Rich<'a> {
    language: &'a str,
    s: &'static Subscribing,
    site: &'a str,
    headline: &'a str,
    state: &'a str,
    says: &'a str,
    facts: &'a [(&'static str, String)],
    label: &'a str,
    link: &'a str,
    why: &'a str,
    manage: Option<&'a str>,
}

/// Where the links of a message lead.
pub struct Links {
    /// The page's own address.
    pub base: String,
    pub confirm: String,
    pub manage: String,
}

pub fn confirm(language: Language, site: &str, links: &Links) -> Letter {
    let s = Subscribing::of(language);
    let fill = |sentence: &str| sentence.replacen("{}", site, 1);
    Letter {
        subject: fill(s.mail_confirm),
        headline: s.confirm_title.into(),
        says: fill(s.mail_confirm_says),
        label: s.confirm,
        link: links.confirm.clone(),
        manage: None,
        about: "confirm".into(),
        ..bare(language, site)
    }
}

pub fn remind(language: Language, site: &str, links: &Links, at: Stamp) -> Letter {
    let s = Subscribing::of(language);
    let fill = |sentence: &str| sentence.replacen("{}", site, 1);
    Letter {
        subject: fill(s.mail_remind),
        headline: s.manage_title.into(),
        says: fill(s.mail_remind_says),
        label: s.mail_manage,
        link: links.manage.clone(),
        manage: Some(links.manage.clone()),
        about: format!("remind.{:x}", at.0),
        ..bare(language, site)
    }
}

pub fn news(language: Language, site: &str, links: &Links, news: &News) -> Letter {
    let (w, s) = (Words::of(language), Subscribing::of(language));
    let mut facts = Vec::new();
    let (title, state, says, place, thread) = match &news.about {
        About::Incident {
            incident,
            phase,
            again,
        } => {
            if let Some(next) = incident.next.filter(|_| incident.is_open()) {
                facts.push((w.now, w.fill(w.next_word, &next.minute())));
            }
            let says = match (phase, again) {
                (_, true) => s.reopened,
                (domain::Phase::Resolved, _) => s.resolved,
                _ => w.looking_into,
            };
            let thread = format!("{}.{:x}", incident.number, incident.declared.0);
            (
                &incident.title,
                w.phase(phase),
                says,
                Place::Incident(incident.number.clone()),
                thread,
            )
        }
        About::Window { window, stage } => {
            let span = format!("{} – {}", window.begins.minute(), window.ends.minute());
            facts.push((w.maintenance, span));
            let thread = format!("{}.{:x}", window.key, window.announced.0);
            (
                &window.title,
                w.stage(stage),
                w.stage_says(stage),
                Place::Maintenance(window.key.clone()),
                thread,
            )
        }
    };
    let affected = match &news.about {
        About::Incident { incident, .. } => &incident.affected,
        About::Window { window, .. } => &window.affected,
    };
    if !affected.is_empty() {
        facts.insert(0, (w.affects, names(affected)));
    }
    let title = line(title, 200);
    Letter {
        subject: format!("{state}: {title}"),
        headline: title,
        state: state.into(),
        says: block(news.message.as_deref().unwrap_or(says), 8_000),
        facts,
        label: s.mail_page,
        link: format!("{}{}?lang={}", links.base, place.path(), language.id()),
        manage: Some(links.manage.clone()),
        about: news.seq.to_string(),
        thread: Some(thread),
        ..bare(language, site)
    }
}

fn bare(language: Language, site: &str) -> Letter {
    let s = Subscribing::of(language);
    Letter {
        language: language.id(),
        s,
        site: Words::of(language).fill(Words::of(language).title, site),
        subject: String::new(),
        headline: String::new(),
        state: String::new(),
        says: String::new(),
        facts: Vec::new(),
        label: "",
        link: String::new(),
        why: s.mail_why.replacen("{}", site, 1),
        manage: None,
        about: String::new(),
        thread: None,
    }
}

fn names(affected: &[Affected]) -> String {
    let names: Vec<_> = affected.iter().map(|a| line(&a.name, 100)).collect();
    names.join(", ")
}

impl Letter {
    pub fn mail(
        &self,
        id: &str,
        to: String,
        unsubscribe: Option<String>,
        now: Stamp,
    ) -> Result<Circular, askama::Error> {
        let plain = Plain {
            s: self.s,
            headline: &self.headline,
            state: &self.state,
            says: &self.says,
            facts: &self.facts,
            label: self.label,
            link: &self.link,
            why: &self.why,
            manage: self.manage.as_deref(),
        };
        let rich = Rich {
            language: self.language,
            s: self.s,
            site: &self.site,
            headline: &self.headline,
            state: &self.state,
            says: &self.says,
            facts: &self.facts,
            label: self.label,
            link: &self.link,
            why: &self.why,
            manage: self.manage.as_deref(),
        };
        Ok(Circular {
            to,
            name: format!("{}.{id}", self.about),
            thread: self.thread.clone(),
            subject: self.subject.clone(),
            plain: plain.render()?,
            html: rich.render()?,
            language: self.language,
            unsubscribe,
            now,
        })
    }

    /// Block Kit. Nothing in it can become markup of Slack's.
    pub fn slack(&self) -> Value {
        let section =
            |text: String| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
        let state = match self.state.as_str() {
            "" => String::new(),
            state => format!("*{}*\n", escaped(state)),
        };
        let mut blocks = vec![
            json!({"type": "header", "text": {"type": "plain_text", "text": line(&self.headline, 150), "emoji": false}}),
            section(format!("{state}{}", escaped(&block(&self.says, SECTION)))),
        ];
        for (name, value) in &self.facts {
            blocks.push(section(format!("{name}: {}", escaped(value))));
        }
        blocks.push(json!({"type": "actions", "elements": [{
            "type": "button", "action_id": "open", "url": self.link,
            "text": {"type": "plain_text", "text": self.label, "emoji": false},
        }]}));
        if let Some(manage) = &self.manage {
            let says = format!("<{manage}|{}>", self.s.mail_manage);
            blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": says}]}));
        }
        json!({"text": escaped(&self.subject), "blocks": blocks})
    }
}

/// As Slack wants it escaped.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// News as Statuspage tells it.
pub fn notice(told: &Told, news: &News, unsubscribe: &str) -> Value {
    let about = match &news.about {
        About::Incident { incident, .. } => Ok(incident),
        About::Window { window, .. } => Err(window),
    };
    crate::status::documents::notice(told, about, unsubscribe)
}
