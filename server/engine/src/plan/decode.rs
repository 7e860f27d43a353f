//! From a file's text to its meaning, with serde's complaints turned into sentences.

use super::places::{Place, Places, word_at};
use domain::plan::nearest;
use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Options};

/// What is wrong in a file, and where.
pub(super) struct Wrong {
    pub line: usize,
    pub column: usize,
    pub found: String,
    pub says: String,
}

impl Wrong {
    pub fn new(place: Place, found: &str, says: &str) -> Self {
        Wrong {
            line: place.line,
            column: place.column,
            found: found.into(),
            says: says.into(),
        }
    }
}

pub(super) fn decode<T: DeserializeOwned>(text: &str, places: &Places) -> Result<T, Wrong> {
    serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| explain(&error, text, places))
}

/// `true` and `false` are the booleans, and no others. (What aliases unfold to was bounded when the places were taken.)
fn options() -> Options {
    serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
    }
}

fn explain(error: &Error, text: &str, places: &Places) -> Wrong {
    if let Error::AliasError { error, .. } = error.without_snippet() {
        return explain(error, text, places);
    }
    let number = |n: u64| usize::try_from(n).unwrap_or(1).max(1);
    let place = error.location().map_or(Place::default(), |l| Place {
        line: number(l.line()),
        column: number(l.column()),
    });
    let there = places
        .text(place)
        .map_or_else(|| word_at(text, place), str::to_owned);
    let wrong = |says: &str| Wrong::new(place, &there, says);
    match error.without_snippet() {
        Error::SerdeUnknownField {
            field, expected, ..
        } => Wrong::new(
            place,
            field,
            &format!("no such key here; {}", instead(field, expected)),
        ),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => Wrong::new(
            place,
            variant,
            &format!(
                "this is not one of those that can stand here; {}",
                instead(variant, expected)
            ),
        ),
        Error::SerdeMissingField { field, .. } => Wrong::new(
            places.around(place),
            field,
            "this key is missing here; write it",
        ),
        Error::DuplicateMappingKey { .. } => wrong("this key is already here; write each once"),
        Error::Unexpected { expected, .. } => {
            wrong(&format!("{} belongs here", structure(expected)))
        }
        Error::InvalidScalar { ty, .. } => wrong(&format!("{} belongs here", scalar(ty))),
        Error::InvalidBooleanStrict { .. } => wrong("true or false belongs here"),
        Error::NullIntoString { .. } => {
            wrong("nothing stands here; write a text, in quotes if it is empty")
        }
        Error::SerdeInvalidType {
            expected,
            unexpected,
            ..
        }
        | Error::SerdeInvalidValue {
            expected,
            unexpected,
            ..
        } => {
            let quotes = if matches!(unexpected.as_str(), "map" | "sequence") {
                ""
            } else {
                "; put a text that looks like something else in quotes"
            };
            wrong(&format!(
                "{expected} belongs here, not {}{quotes}",
                structure(unexpected)
            ))
        }
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. }
        | Error::ExpectedStringKeyForExternallyTaggedEnum { .. } => {
            wrong("a word, or a mapping with one key, belongs here")
        }
        Error::ExpectedMappingEndAfterEnumVariantValue { .. } => {
            wrong("only one key can stand here; put several into `all` or `any`")
        }
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::Budget { .. } => wrong(
            "this unfolds to more than a plan can be; write the values themselves in place of aliases",
        ),
        // Our own types speak for themselves, and name the text they refuse.
        Error::Message { msg, .. } => match msg.strip_prefix(&format!("`{there}` ")) {
            Some(says) => wrong(&format!("this {says}")),
            None => wrong(msg),
        },
        other => wrong(&format!("this cannot be understood: {}", other.render())),
    }
}

fn instead(given: &str, known: &[&'static str]) -> String {
    // The slug is given by the file's name.
    let known = || known.iter().copied().filter(|k| *k != "slug");
    match nearest(given, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
    }
}

fn structure(expected: &str) -> &str {
    match expected {
        "mapping start" | "map" => "a mapping (lines of `key: value`)",
        "sequence start" | "sequence" => "a list (lines that begin with `- `)",
        "string scalar" | "scalar" => "a text",
        other => other,
    }
}

fn scalar(ty: &str) -> &'static str {
    match ty {
        "bool" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, zero or more,",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        _ => "a value of another kind",
    }
}
