//! `runbooks/*.yaml` in the document's own form: `name, trigger, steps[{name, condition, commands, timeout, retries}]`.

use crate::{ServiceId, Slug, time::Span};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};
use std::fmt;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// The file's name without `.yaml`; filled in by the loader, never written in the file.
    #[serde(default = "not_yet")]
    pub slug: Slug,
    pub name: String,
    /// What calls for it, in words: "Database connection failure".
    #[serde(default)]
    pub trigger: Option<String>,
    #[serde(default)]
    pub description: String,
    /// Where it is listed: `recovery` (unless told), `scenario`, `quick-reference`, `failover`, `drill`, `backup`,
    /// `communication`.
    #[serde(default = "recovery")]
    pub group: String,
    pub steps: Vec<Step>,
}

fn recovery() -> String {
    "recovery".into()
}

fn not_yet() -> Slug {
    Slug(String::new())
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub name: String,
    /// A condition of `conditions.yaml`; without one the step always runs.
    #[serde(default)]
    pub condition: Option<String>,
    pub commands: Vec<CommandLine>,
    /// For each attempt. Without one an attempt may take an hour.
    #[serde(default)]
    pub timeout: Option<Span>,
    /// Further attempts after the first: `retries: 3` is up to four attempts.
    #[serde(default)]
    pub retries: u32,
    #[serde(default)]
    pub retry_delay: Option<Span>,
}

/// A command: a list is an argv and is run as it stands; a text is a line as the document writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum CommandLine {
    Line(String),
    Argv(Vec<String>),
}

impl CommandLine {
    /// As a person reads it.
    pub fn display(&self) -> String {
        match self {
            CommandLine::Line(line) => line.clone(),
            CommandLine::Argv(argv) => argv.join(" "),
        }
    }
}

/// By hand, so that a wrong one is told what a command looks like.
impl<'de> Deserialize<'de> for CommandLine {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = CommandLine;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a command (a line of text, or a list of words)")
            }
            fn visit_str<E: de::Error>(self, line: &str) -> Result<CommandLine, E> {
                Ok(CommandLine::Line(line.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<CommandLine, A::Error> {
                let mut argv = Vec::new();
                while let Some(word) = words.next_element()? {
                    argv.push(word);
                }
                Ok(CommandLine::Argv(argv))
            }
        }
        d.deserialize_any(Either)
    }
}

/// When a step with this condition runs. Written as `{step_failed: Attempt Reconnection}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// The named step of this run ended failed or timed out.
    StepFailed(String),
    /// The named step's last attempt ended with this exit code.
    StepExited {
        step: String,
        code: i32,
    },
    /// The named service is in a major outage now.
    ServiceDown(ServiceId),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}
