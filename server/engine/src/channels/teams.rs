//! Microsoft Teams: a workflow that takes an Adaptive Card.

use super::{
    Message, Outcome, Said,
    web::{Place, Web},
    words::line,
};
use domain::Severity;
use serde_json::{Value, json};

/// A whole message may have 28 KB; what is long in it is cut to stay far below.
const LONGEST: usize = 6_000;

pub struct Teams {
    place: Place,
}

impl Teams {
    pub fn new(place: Place) -> Self {
        Teams { place }
    }

    pub async fn send(&self, web: &Web, message: &Message, said: &Said) -> Outcome {
        let body = render(said);
        let answer = match web.post(&self.place, message.now, |r| r.json(&body)).await {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        match answer.status {
            // The old connectors answer 200 to what they could not pass on, and say so in words.
            200..300 if answer.text().contains("HTTP error 429") => {
                answer.later("status 429, said in an answer of status 200".into())
            }
            200..300 if answer.text().contains("delivery failed") => Outcome::Later {
                why: line(&answer.text(), 200),
                after: None,
            },
            // 202: a workflow will post it. There is no receipt after that.
            202 => Outcome::Sent { provider_id: None },
            200..300 => Outcome::Delivered { provider_id: None },
            _ => answer.refusal(),
        }
    }
}

pub fn render(said: &Said) -> Value {
    let colour = match (said.over, said.severity) {
        (true, _) => "good",
        (_, Some(Severity::Sev1)) => "attention",
        (_, Some(Severity::Sev2)) => "warning",
        _ => "default",
    };
    let mut body = vec![
        json!({"type": "TextBlock", "text": escaped(&said.subject), "size": "large", "weight": "bolder", "color": colour, "wrap": true}),
        json!({"type": "TextBlock", "text": escaped(&said.lead), "wrap": true}),
    ];
    if !said.facts.is_empty() {
        let facts = said.facts.iter();
        let facts = facts.map(|(name, value)| json!({"title": name, "value": escaped(value)}));
        body.push(json!({"type": "FactSet", "facts": facts.collect::<Vec<_>>()}));
    }
    if !said.quote.is_empty() {
        let text = json!({"type": "TextBlock", "text": escaped(&said.quote), "wrap": true});
        body.push(json!({"type": "Container", "style": "emphasis", "items": [text]}));
    }
    let open =
        |title: &str, url: &str| json!({"type": "Action.OpenUrl", "title": title, "url": url});
    let ask = said.ask.iter().map(|ask| open(ask.label, &ask.link));
    let url = said.url.iter().map(|url| open("Open in Muster", url));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "fallbackText": line(&said.subject, 200),
                "msteams": {"width": "Full"},
                "body": body,
                "actions": ask.chain(url).collect::<Vec<_>>(),
            },
        }],
    })
}

/// Cards read a little Markdown: what somebody typed is none. A line break is a paragraph there.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(LONGEST) {
        match c {
            '\n' => out.push_str("\n\n"),
            '\\' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '`' | '~' | '<' | '>' | '!' | '|' => {
                out.push('\\');
                out.push(c);
            }
            // `{{DATE(…)}}` would be computed.
            '{' | '}' => {
                out.push(c);
                out.push('\u{200b}');
            }
            _ => out.push(c),
        }
    }
    out
}
