//! PagerDuty, by Events v2: an incident of ours is an alert of theirs, known by its number.

use super::{
    Message, Outcome, Said,
    web::{Place, Web},
    words::line,
};
use domain::{Severity, notify::Cause};
use serde_json::{Value, json};

const SUMMARY: usize = 1_024;

pub struct Pagerduty {
    place: Place,
    key: String,
}

impl Pagerduty {
    pub fn new(place: Place, key: String) -> Self {
        Pagerduty { place, key }
    }

    pub async fn send(&self, web: &Web, message: &Message, said: &Said) -> Outcome {
        let mut body = render(message, said);
        let dedup = body["dedup_key"].as_str().map(str::to_owned);
        body["routing_key"] = json!(self.key);
        match web.post(&self.place, message.now, |r| r.json(&body)).await {
            Err(outcome) => outcome,
            Ok(answer) if answer.is_success() => Outcome::Delivered { provider_id: dedup },
            Ok(answer) => answer.refusal(),
        }
    }
}

/// Without the routing key, which is a secret.
pub fn render(message: &Message, said: &Said) -> Value {
    let brief = message.incident.as_ref();
    let action = match message.cause {
        Cause::Resolved => "resolve",
        _ => "trigger",
    };
    let severity = match said.severity {
        Some(Severity::Sev1) => "critical",
        Some(Severity::Sev2) => "error",
        Some(Severity::Sev3) => "warning",
        None => "info",
    };
    let details: serde_json::Map<_, _> = said
        .facts
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .chain((!said.quote.is_empty()).then(|| ("Update".to_owned(), json!(said.quote))))
        .collect();
    let dedup = brief.map_or_else(|| message.id.clone(), |b| b.number.to_string());
    let links = said
        .url
        .iter()
        .map(|url| json!({"href": url, "text": "Open in Muster"}));
    json!({
        "event_action": action,
        "dedup_key": dedup,
        "client": "Muster",
        "client_url": said.url,
        "links": links.collect::<Vec<_>>(),
        "payload": {
            "summary": line(&said.subject, SUMMARY),
            "source": brief.and_then(|b| b.affected.first()).map_or("Muster", String::as_str),
            "severity": severity,
            "timestamp": brief.map(|b| b.declared_at.rfc3339()),
            "custom_details": details,
        },
    })
}
