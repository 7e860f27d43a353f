//! What the webhooks of subscribers are told, in the form of Statuspage's.

use super::{Id, Incident, Told, Window, Writer, groups, parts, status};
use serde_json::{Value, json};

/// What a webhook is told, in the form of theirs: an incident, or a window, which they tell as one.
pub fn notice(told: &Told, about: Result<&Incident, &Window>, unsubscribe: &str) -> Value {
    let page = Id::of("page", &told.began.rfc3339());
    let groups = groups(told);
    let writer = Writer {
        told,
        page: &page,
        groups: &groups,
        parts: parts(told, &page, &groups),
    };
    let report = match about {
        Ok(incident) => writer.incident(incident),
        Err(window) => writer.maintenance(window),
    };
    let mut report = json!(report);
    for (name, value) in [
        ("backfilled", json!(false)),
        ("impact_override", Value::Null),
        ("organization_id", json!(page)),
        ("postmortem_body", Value::Null),
        ("scheduled_auto_transition", json!(about.is_err())),
    ] {
        report[name] = value;
    }
    let all = status(told);
    json!({
        "meta": {
            "unsubscribe": unsubscribe,
            "documentation": "https://www.standardwebhooks.com",
            "generated_at": told.as_of.rfc3339(),
        },
        "page": {
            "id": page,
            "status_indicator": all["indicator"],
            "status_description": all["description"],
        },
        "incident": report,
    })
}
