//! What people are told, in the plan's own words: a text for a stage of an incident, an audience and a channel, with
//! `{{field}}` where a fact belongs. There is nothing else to a template: no conditions, no loops, no markup.

use super::Channel;
use serde::{Deserialize, Serialize};

/// The words of `communication.yaml: templates`. The first that fits is used, and Muster's own where none does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub stage: Stage,
    /// Left out: for everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// Left out: on every channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    pub text: String,
}

impl Template {
    pub fn fits(&self, stage: Stage, audience: &str, channel: Channel) -> bool {
        let audiences = &self.audiences;
        self.stage == stage
            && (audiences.is_empty() || audiences.iter().any(|a| a == audience))
            && (self.channels.is_empty() || self.channels.contains(&channel))
    }
}

/// Why somebody is told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Declared,
    Raised,
    Reopened,
    Escalation,
    Update,
    Resolved,
    /// An update is due, or overdue.
    Reminder,
    /// Said again to somebody who has not acknowledged.
    Repeat,
    /// Does this channel reach this person?
    Test,
}

impl Stage {
    pub const ALL: [Stage; 9] = [
        Stage::Declared,
        Stage::Raised,
        Stage::Reopened,
        Stage::Escalation,
        Stage::Update,
        Stage::Resolved,
        Stage::Reminder,
        Stage::Repeat,
        Stage::Test,
    ];
}

/// A fact that a template can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Number,
    Title,
    Severity,
    SeverityName,
    Kind,
    Phase,
    Affected,
    DeclaredAt,
    Age,
    Commander,
    Update,
    NextUpdate,
    Person,
    Audience,
    Organization,
    Url,
    Acknowledge,
}

impl Field {
    pub const ALL: [(&'static str, Field); 17] = [
        ("number", Field::Number),
        ("title", Field::Title),
        ("severity", Field::Severity),
        ("severity_name", Field::SeverityName),
        ("kind", Field::Kind),
        ("phase", Field::Phase),
        ("affected", Field::Affected),
        ("declared_at", Field::DeclaredAt),
        ("age", Field::Age),
        ("commander", Field::Commander),
        ("update", Field::Update),
        ("next_update", Field::NextUpdate),
        ("person", Field::Person),
        ("audience", Field::Audience),
        ("organization", Field::Organization),
        ("url", Field::Url),
        ("acknowledge", Field::Acknowledge),
    ];
}

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    Field(Field),
}

/// What is wrong in a template, for [`super::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTemplate<'a> {
    /// There is no such field.
    Unknown(&'a str),
    /// `{{` without its `}}`.
    Open,
}

/// Takes a template apart. Single braces are text.
pub fn pieces(text: &str) -> impl Iterator<Item = Result<Piece<'_>, NoTemplate<'_>>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(inside) = rest.strip_prefix("{{") else {
            let end = rest.find("{{").unwrap_or(rest.len());
            let (text, more) = rest.split_at(end);
            rest = more;
            return Some(Ok(Piece::Text(text)));
        };
        let Some((name, more)) = inside.split_once("}}") else {
            rest = "";
            return Some(Err(NoTemplate::Open));
        };
        rest = more;
        let name = name.trim();
        let known = Field::ALL.iter().find(|(known, _)| *known == name);
        Some(match known {
            Some((_, field)) => Ok(Piece::Field(*field)),
            None => Err(NoTemplate::Unknown(name)),
        })
    })
}

/// Fills a template in. A text that `check` would refuse (of an older plan) keeps what cannot be filled in as it stands.
pub fn fill(text: &str, value: impl Fn(Field) -> String) -> String {
    let mut filled = String::with_capacity(text.len() * 2);
    for piece in pieces(text) {
        match piece {
            Ok(Piece::Text(text)) => filled.push_str(text),
            Ok(Piece::Field(field)) => filled.push_str(&value(field)),
            Err(NoTemplate::Unknown(name)) => {
                filled.push_str("{{");
                filled.push_str(name);
                filled.push_str("}}");
            }
            Err(NoTemplate::Open) => filled.push_str("{{"),
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_text_and_fields_and_nothing_else() {
        let shown = |text| fill(text, |field| format!("<{field:?}>"));
        assert_eq!(
            shown("{{severity}}: {{ title }} {x} }} {{#if number}}"),
            "<Severity>: <Title> {x} }} {{#if number}}"
        );
        assert_eq!(shown("{{number}}{{"), "<Number>{{");
        assert_eq!(shown(""), "");
        let wrong = |text| pieces(text).find_map(Result::err);
        assert_eq!(wrong("{{sevrity}}"), Some(NoTemplate::Unknown("sevrity")));
        assert_eq!(wrong("a {{number"), Some(NoTemplate::Open));
        assert_eq!(wrong("{number}"), None);
    }

    #[test]
    fn what_is_filled_in_is_not_a_template_again() {
        assert_eq!(
            fill("{{title}}", |_| "{{acknowledge}}".into()),
            "{{acknowledge}}"
        );
    }
}
