//! What a step types.

use super::Value;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};
use std::fmt;

/// A command: a list is an argv and is run as it stands; a text is a line as the document writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum CommandLine {
    Line(String),
    Argv(Vec<Value>),
}

impl CommandLine {
    /// As a person reads it.
    pub fn display(&self) -> String {
        match self {
            CommandLine::Line(line) => line.clone(),
            CommandLine::Argv(argv) => {
                let words: Vec<_> = argv.iter().map(Value::display).collect();
                words.join(" ")
            }
        }
    }

    pub fn words(&self) -> &[Value] {
        match self {
            CommandLine::Line(_) => &[],
            CommandLine::Argv(words) => words,
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
