//! A plan's content hash: the same meaning has the same hash, whatever the comments, the order of keys and of files.

use domain::{
    PlanHash,
    plan::{Plan, Runbook},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The plan as JSON in one form only: keys sorted, no spaces, what was left out written with its default.
pub fn canonical_json(plan: &Plan) -> String {
    let mut out = String::new();
    write(&value(plan), &mut out);
    out
}

/// SHA-256 over [`canonical_json`].
pub fn hash(plan: &Plan) -> PlanHash {
    PlanHash(hex::encode(Sha256::digest(canonical_json(plan))))
}

/// Names the content of one runbook: twelve digits of its hash.
pub(super) fn of(runbook: &Runbook) -> String {
    let bare = Runbook {
        revision: String::new(),
        ..runbook.clone()
    };
    let mut out = String::new();
    if let Ok(value) = serde_json::to_value(bare) {
        write(&value, &mut out);
    }
    hex::encode(&Sha256::digest(out)[..6])
}

pub(super) fn value(plan: &Plan) -> Value {
    serde_json::to_value(plan)
        .expect("a plan is plain data: texts, whole numbers, lists, and maps with texts as keys")
}

/// Sorts by itself: serde_json keeps the order of insertion where any crate of the build asks for that.
pub(super) fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(&Value::String(key.clone()), out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        plain => _ = write!(out, "{plain}"),
    }
}
