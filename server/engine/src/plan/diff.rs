//! What another revision of a plan would change, thing by thing, for a person to read before it is in force.

use super::revision;
use domain::plan::Plan;
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

/// As text: `~ services[orders-api].check.interval: 5s → 10s`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub what: What,
    /// Things of a list go by their names: `runbooks[failover].steps[Verify Secondary].timeout`.
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Added,
    Removed,
    Changed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |text: &Option<String>| text.clone().unwrap_or_default();
        match self.what {
            What::Added => write!(f, "+ {}: {}", self.path, side(&self.after)),
            What::Removed => write!(f, "- {}: {}", self.path, side(&self.before)),
            What::Changed => write!(
                f,
                "~ {}: {} → {}",
                self.path,
                side(&self.before),
                side(&self.after)
            ),
        }
    }
}

/// Everything that differs; empty exactly where the two plans have the same hash.
pub fn diff(old: &Plan, new: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", &bare(old), &bare(new), &mut changes);
    changes
}

/// Without what only says that something else has changed.
fn bare(plan: &Plan) -> Value {
    let mut plan = plan.clone();
    plan.runbooks.iter_mut().for_each(|r| r.revision.clear());
    revision::value(&plan)
}

fn compare(path: &str, old: &Value, new: &Value, out: &mut Vec<Change>) {
    match (old, new) {
        _ if old == new => {}
        (Value::Null, _) => out.push(added(path, new)),
        (_, Value::Null) => out.push(removed(path, old)),
        (Value::Object(old), Value::Object(new)) => objects(path, old, new, out),
        (Value::Array(old), Value::Array(new)) => match (names(old), names(new)) {
            (Some(was), Some(is)) => named(path, (&was, old), (&is, new), out),
            _ => plain(path, old, new, out),
        },
        _ => out.push(Change {
            what: What::Changed,
            path: path.into(),
            before: Some(text(old)),
            after: Some(text(new)),
        }),
    }
}

fn objects(path: &str, old: &Map<String, Value>, new: &Map<String, Value>, out: &mut Vec<Change>) {
    for key in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let at = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        compare(
            &at,
            old.get(key).unwrap_or(&Value::Null),
            new.get(key).unwrap_or(&Value::Null),
            out,
        );
    }
}

/// The names by which the things of a list are known; nothing where they have none or share one.
fn names(list: &[Value]) -> Option<Vec<&str>> {
    const BY: [&str; 6] = ["slug", "id", "severity", "role", "service", "name"];
    let names: Vec<&str> = list
        .iter()
        .map(|thing| BY.iter().find_map(|key| thing.get(key)?.as_str()))
        .collect::<Option<_>>()?;
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    (unique.len() == names.len()).then_some(names)
}

type Named<'a> = (&'a [&'a str], &'a [Value]);

/// Two lists of things with names: those that went, came or changed, and whether the rest changed places.
fn named(path: &str, (was, old): Named<'_>, (is, new): Named<'_>, out: &mut Vec<Change>) {
    let index = |names: &[&'_ str]| {
        names
            .iter()
            .enumerate()
            .map(|(i, n)| ((*n).to_owned(), i))
            .collect::<HashMap<String, usize>>()
    };
    let (had, has) = (index(was), index(is));
    for (i, name) in was.iter().enumerate() {
        let at = format!("{path}[{name}]");
        match has.get(*name) {
            Some(&now) => compare(&at, &old[i], &new[now], out),
            None => out.push(removed(&at, &old[i])),
        }
    }
    for (i, name) in is
        .iter()
        .enumerate()
        .filter(|(_, name)| !had.contains_key(**name))
    {
        out.push(added(&format!("{path}[{name}]"), &new[i]));
    }
    let before: Vec<&str> = was
        .iter()
        .copied()
        .filter(|n| has.contains_key(*n))
        .collect();
    let after: Vec<&str> = is
        .iter()
        .copied()
        .filter(|n| had.contains_key(*n))
        .collect();
    if before != after {
        let path = format!("{path} (order)");
        out.push(Change {
            what: What::Changed,
            path,
            before: Some(before.join(", ")),
            after: Some(after.join(", ")),
        });
    }
}

/// Two lists of texts: what is the same at both ends stays, what is between went and came.
fn plain(path: &str, old: &[Value], new: &[Value], out: &mut Vec<Change>) {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (went, came) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    if went.len() == came.len() {
        for (i, (old, new)) in went.iter().zip(came).enumerate() {
            compare(&format!("{path}[{}]", head + i), old, new, out);
        }
        return;
    }
    out.extend(
        went.iter()
            .enumerate()
            .map(|(i, value)| removed(&format!("{path}[{}]", head + i), value)),
    );
    out.extend(
        came.iter()
            .enumerate()
            .map(|(i, value)| added(&format!("{path}[{}]", head + i), value)),
    );
}

fn added(path: &str, value: &Value) -> Change {
    Change {
        what: What::Added,
        path: path.into(),
        before: None,
        after: Some(text(value)),
    }
}

fn removed(path: &str, value: &Value) -> Change {
    Change {
        what: What::Removed,
        path: path.into(),
        before: Some(text(value)),
        after: None,
    }
}

/// A text as it stands, a thing by its name, all else as JSON.
fn text(value: &Value) -> String {
    match (value, value.get("name")) {
        (Value::String(text), _) | (_, Some(Value::String(text))) => text.clone(),
        _ => {
            let mut json = String::new();
            revision::write(value, &mut json);
            json
        }
    }
}
