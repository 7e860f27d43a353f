//! What is either a plain text or a map that names where the text comes from.

use super::Condition;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{borrow::Cow, fmt};

/// A word of a command, or a value of a request: given in the plan, or handed over by the run. What a run was given
/// becomes a word of its own, whatever is in it: it is never pasted into a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    Text(String),
    Parameter(String),
    /// What an earlier step wrote under this name.
    Output(String),
    /// A variable of the step's `secrets`.
    Secret(String),
}

impl Value {
    /// As a person reads it.
    pub fn display(&self) -> Cow<'_, str> {
        match self {
            Value::Text(text) => text.into(),
            Value::Parameter(name) | Value::Output(name) | Value::Secret(name) => {
                format!("<{name}>").into()
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Named {
    Parameter(String),
    Output(String),
    Secret(String),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.clone() {
            Value::Text(text) => text.serialize(s),
            Value::Parameter(name) => Named::Parameter(name).serialize(s),
            Value::Output(name) => Named::Output(name).serialize(s),
            Value::Secret(name) => Named::Secret(name).serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        text_or(
            d,
            "a text, or where it comes from, such as {parameter: timestamp}",
            Value::Text,
            |named| match named {
                Named::Parameter(name) => Value::Parameter(name),
                Named::Output(name) => Value::Output(name),
                Named::Secret(name) => Value::Secret(name),
            },
        )
    }
}

/// A condition by its name, or itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum When {
    Named(String),
    Written(Condition),
}

impl When {
    /// As a person reads it.
    pub fn name(&self) -> &str {
        match self {
            When::Named(name) => name,
            When::Written(_) => "its condition",
        }
    }
}

impl From<&str> for When {
    fn from(name: &str) -> Self {
        When::Named(name.into())
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let what = "the name of a condition, or one written out, such as {step_failed: Restart}";
        text_or(d, what, When::Named, When::Written)
    }
}

/// Where a secret is put: into an environment variable, or into a file that only the command can open, whose path is
/// then in the variable.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SecretUse {
    Environment(String),
    Descriptor { descriptor: String },
}

impl SecretUse {
    /// The secret's own name.
    pub fn name(&self) -> &str {
        match self {
            SecretUse::Environment(name) => name,
            SecretUse::Descriptor { descriptor } => descriptor,
        }
    }
}

impl<'de> Deserialize<'de> for SecretUse {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum As {
            Descriptor(String),
        }
        let what = "the name of a secret, or {descriptor: NAME}";
        text_or(d, what, SecretUse::Environment, |As::Descriptor(name)| {
            SecretUse::Descriptor { descriptor: name }
        })
    }
}

/// By hand and not `untagged`, so that a wrong one is told, at its own place, what would be right.
fn text_or<'de, D, M, T>(
    deserializer: D,
    expecting: &'static str,
    text: impl FnOnce(String) -> T,
    map: impl FnOnce(M) -> T,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    M: Deserialize<'de>,
{
    struct Either<M, F, G> {
        expecting: &'static str,
        text: F,
        map: G,
        of: std::marker::PhantomData<M>,
    }
    impl<'de, T, M, F, G> Visitor<'de> for Either<M, F, G>
    where
        M: Deserialize<'de>,
        F: FnOnce(String) -> T,
        G: FnOnce(M) -> T,
    {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.expecting)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            Ok((self.text)(text.to_owned()))
        }
        fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
            M::deserialize(MapAccessDeserializer::new(entries)).map(self.map)
        }
    }
    deserializer.deserialize_any(Either {
        expecting,
        text,
        map,
        of: std::marker::PhantomData,
    })
}
