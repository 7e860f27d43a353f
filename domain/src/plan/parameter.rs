//! What is asked before a runbook starts, and whether an answer will do.

use crate::time::Span;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Letters, digits, `-` and `_`. A command finds its value in `MUSTER_PARAM_NAME`.
    pub name: String,
    #[serde(default, rename = "type")]
    pub kind: ParameterKind,
    /// As the form says it; without it, the name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// What the whole value must look like (a regular expression).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// The values of an `enum`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// The least and the most: of an `int` as it is, of a `duration` and a `timestamp` as they are written, of a `string`
    /// and a `secret` its length in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    #[default]
    String,
    Int,
    Bool,
    Enum,
    /// RFC 3339: `2026-11-22T14:02:11Z`.
    Timestamp,
    Duration,
    /// Never stored or shown in clear.
    Secret,
}

/// What stands in the timeline where a secret was given.
pub const MASK: &str = "********";

impl Parameter {
    /// The value to use, or a sentence for the person.
    pub fn take(&self, given: Option<&str>) -> Result<Option<String>, String> {
        let name = self.label();
        let Some(value) = given.filter(|v| !v.is_empty()).or(self.default.as_deref()) else {
            return if self.required {
                Err(format!("{name} is missing."))
            } else {
                Ok(None)
            };
        };
        self.judge(value).map(Some)
    }

    fn label(&self) -> &str {
        if self.description.is_empty() {
            &self.name
        } else {
            &self.description
        }
    }

    /// The value as it will be used; or what is wrong with it.
    pub fn judge(&self, value: &str) -> Result<String, String> {
        let name = self.label();
        if value.contains('\0') || value.len() > 10_000 {
            return Err(format!(
                "{name} holds a NUL or is longer than 10,000 bytes."
            ));
        }
        let value = match self.kind {
            ParameterKind::String | ParameterKind::Secret => value.to_owned(),
            ParameterKind::Enum => value.to_owned(),
            _ => value.trim().to_owned(),
        };
        if self.kind == ParameterKind::Secret && value == MASK {
            return Ok(value);
        }
        let size = self.size(&value)?;
        for (bound, too, ok) in [
            (&self.min, "at least", std::cmp::Ordering::Less),
            (&self.max, "at most", std::cmp::Ordering::Greater),
        ] {
            let Some(bound) = bound else { continue };
            let limit = self.bound(bound)?;
            if size.cmp(&limit) == ok {
                let of = match self.kind {
                    ParameterKind::String | ParameterKind::Secret => " characters",
                    _ => "",
                };
                return Err(format!("{name} must be {too} {bound}{of}."));
            }
        }
        if let Some(pattern) = &self.regex {
            let whole = regex_lite::Regex::new(&format!("^(?:{pattern})$"))
                .map_err(|_| format!("{name} has a pattern that cannot be read: {pattern}"))?;
            if !whole.is_match(&value) {
                return Err(format!("{name} must match {pattern}."));
            }
        }
        Ok(value)
    }

    /// Its size in the terms of its bounds; or why it is not of its kind.
    fn size(&self, value: &str) -> Result<i64, String> {
        let name = self.label();
        match self.kind {
            ParameterKind::String | ParameterKind::Secret => Ok(value.chars().count() as i64),
            ParameterKind::Int => value
                .parse()
                .map_err(|_| format!("{name} must be a whole number, such as 2.")),
            ParameterKind::Bool => match value {
                "true" | "false" => Ok(0),
                _ => Err(format!("{name} must be true or false.")),
            },
            ParameterKind::Enum if self.values.iter().any(|v| v == value) => Ok(0),
            ParameterKind::Enum => Err(format!(
                "{name} must be one of: {}.",
                self.values.join(", ")
            )),
            ParameterKind::Timestamp => instant(value).ok_or_else(|| {
                format!("{name} must be a time with its zone, such as 2026-11-22T14:02:11Z.")
            }),
            ParameterKind::Duration => value
                .parse::<Span>()
                .map(Span::micros)
                .map_err(|wrong| format!("{name}: {wrong}.")),
        }
    }

    fn bound(&self, bound: &str) -> Result<i64, String> {
        match self.kind {
            ParameterKind::String | ParameterKind::Secret => bound.parse().map_err(|_| {
                format!("`{bound}` is not a number of characters; write one, such as 8")
            }),
            _ => self.size(bound),
        }
    }

    /// What is wrong with the parameter itself, for whoever writes the plan: the key, and a sentence.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.name.is_empty() || self.name.len() > 60 || !self.name.chars().all(good) {
            return Some((
                "name",
                "a parameter's name is made of letters, digits, - and _".into(),
            ));
        }
        if self.kind == ParameterKind::Enum && self.values.is_empty() {
            return Some(("values", "an enum needs its values".into()));
        }
        if self.kind != ParameterKind::Enum && !self.values.is_empty() {
            return Some((
                "values",
                "only an enum has values; write `type: enum`".into(),
            ));
        }
        if let Some(pattern) = &self.regex
            && regex_lite::Regex::new(pattern).is_err()
        {
            return Some(("regex", "this is not a regular expression".into()));
        }
        if self.kind == ParameterKind::Secret && self.default.is_some() {
            return Some((
                "default",
                "a secret cannot stand in the plan; take the default away".into(),
            ));
        }
        for (key, bound) in [("min", &self.min), ("max", &self.max)] {
            if let Some(bound) = bound
                && let Err(says) = self.bound(bound)
            {
                return Some((key, says.trim_end_matches('.').into()));
            }
        }
        if let Some(default) = &self.default
            && let Err(says) = self.judge(default)
        {
            return Some(("default", says.trim_end_matches('.').into()));
        }
        None
    }
}

/// Microseconds since 1970 of an RFC 3339 time. Strict: with its zone, and a day that exists.
fn instant(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let punctuation = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if bytes.len() < 20
        || !punctuation.iter().all(|(i, c)| bytes[*i] == *c)
        || !matches!(bytes[10], b'T' | b't' | b' ')
    {
        return None;
    }
    let (y, mo, d) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (h, mi, s) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let days = [
        31,
        28 + i64::from(leap),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let in_month = *days.get(usize::try_from(mo - 1).ok()?)?;
    if !(1..=in_month).contains(&d) || h > 23 || mi > 59 || s > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let six: String = fraction[..digits]
            .chars()
            .chain("000000".chars())
            .take(6)
            .collect();
        micros = six.parse().ok()?;
        rest = &fraction[digits..];
    }
    let offset = match rest.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let part = |range: std::ops::Range<usize>| rest.get(range)?.parse::<i64>().ok();
            let (oh, om) = (part(1..3)?, part(4..6)?);
            if oh > 23 || om > 59 {
                return None;
            }
            (oh * 3600 + om * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    // Howard Hinnant's `days_from_civil`.
    let (y2, m2) = (if mo <= 2 { y - 1 } else { y }, (mo + 9) % 12);
    let era = y2.div_euclid(400);
    let yoe = y2.rem_euclid(400);
    let doy = (153 * m2 + 2) / 5 + d - 1;
    let day = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468;
    Some((day * 86_400 + h * 3600 + mi * 60 + s - offset) * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(kind: ParameterKind) -> Parameter {
        Parameter {
            name: "x".into(),
            kind,
            description: String::new(),
            required: false,
            default: None,
            regex: None,
            values: vec!["full".into(), "diff".into()],
            min: None,
            max: None,
        }
    }

    #[test]
    fn each_kind_takes_what_it_is_and_says_what_is_wrong_with_the_rest() {
        use ParameterKind::*;
        for (kind, good, bad) in [
            (Int, "-3", "three"),
            (Bool, "true", "yes"),
            (Enum, "full", "half"),
            (
                Timestamp,
                "2024-02-29T23:59:59.5+02:00",
                "2026-02-29T00:00:00Z",
            ),
            (Duration, "15m", "15"),
        ] {
            let parameter = parameter(kind);
            assert_eq!(parameter.judge(good).as_deref(), Ok(good), "{kind:?}");
            let says = parameter.judge(bad).unwrap_err();
            assert!(says.starts_with('x') && says.ends_with('.'), "{says}");
        }
    }

    #[test]
    fn an_instant_is_the_one_that_is_written() {
        assert_eq!(instant("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(
            instant("2000-02-29T00:00:00+00:00"),
            Some(951_782_400_000_000)
        );
        assert_eq!(
            instant("2000-02-29T01:00:00+01:00"),
            Some(951_782_400_000_000)
        );
        for wrong in [
            "2000-02-29",
            "2000-02-29T00:00:00",
            "2000-13-01T00:00:00Z",
            "2000-02-29T00:00:00é",
            "",
        ] {
            assert_eq!(instant(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn bounds_and_patterns_hold_for_the_whole_value() {
        let mut number = parameter(ParameterKind::Int);
        (number.min, number.max) = (Some("1".into()), Some("8".into()));
        assert_eq!(number.judge("8").as_deref(), Ok("8"));
        assert_eq!(number.judge("9").unwrap_err(), "x must be at most 8.");
        let mut name = parameter(ParameterKind::String);
        name.regex = Some("[a-z]+|[0-9]+".into());
        assert!(name.judge("abc").is_ok() && name.judge("abc; rm").is_err());
        assert!(name.judge("abc\n1").is_err());
    }
}
