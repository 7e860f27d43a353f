//! Slack: an incoming webhook takes blocks, and a button comes back as a signed form.

use super::{
    Message, Outcome, Said,
    web::{Place, Web},
    words::line,
};
use domain::Stamp;
use ring::hmac;
use serde_json::{Value, json};

/// Slack's own bounds, in characters.
const HEADER: usize = 150;
const SECTION: usize = 3_000;
const FIELD: usize = 2_000;
const FALLBACK: usize = 3_000;
/// The button's name, which comes back with the press.
pub const ACKNOWLEDGE: &str = "acknowledge";

pub struct Slack {
    place: Place,
    /// Presses can be told from forgeries: there is a button.
    signed: bool,
}

impl Slack {
    pub fn new(place: Place, signed: bool) -> Self {
        Slack { place, signed }
    }

    pub async fn send(&self, web: &Web, message: &Message, said: &Said) -> Outcome {
        let body = render(message, said, self.signed);
        let answer = match web.post(&self.place, message.now, |r| r.json(&body)).await {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        match answer.is_success() {
            true => Outcome::Delivered { provider_id: None },
            false => answer.refusal(),
        }
    }
}

/// Below a message, for all who read it.
pub async fn reply(web: &Web, place: &Place, text: &str, now: Stamp) -> Result<(), String> {
    let body = json!({
        "response_type": "in_channel",
        "replace_original": false,
        "text": escaped(text, FALLBACK),
    });
    match web.post(place, now, |r| r.json(&body)).await {
        Ok(answer) if answer.is_success() => Ok(()),
        Ok(answer) => Err(answer.refusal().why().to_owned()),
        Err(outcome) => Err(outcome.why().to_owned()),
    }
}

/// Block Kit, with a text for notifications and screen readers.
pub fn render(message: &Message, said: &Said, signed: bool) -> Value {
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": line(&headline(said), HEADER), "emoji": false},
    })];
    blocks.push(section(&escaped(&said.lead, SECTION)));
    if !said.facts.is_empty() {
        let fields = said.facts.iter().take(10).map(|(name, value)| {
            json!({"type": "mrkdwn", "text": format!("*{name}*\n{}", escaped(value, FIELD - 40))})
        });
        blocks.push(json!({"type": "section", "fields": fields.collect::<Vec<_>>()}));
    }
    if !said.quote.is_empty() {
        let marks = said.quote.lines().count() * 2;
        let quoted = escaped(&said.quote, SECTION.saturating_sub(marks));
        let quoted: Vec<_> = quoted.lines().map(|l| format!("> {l}")).collect();
        blocks.push(section(&quoted.join("\n")));
    }
    let buttons = buttons(message, said, signed);
    if !buttons.is_empty() {
        blocks.push(json!({"type": "actions", "elements": buttons}));
    }
    let fallback = format!("{}\n{}", headline(said), said.lead);
    json!({"text": escaped(&fallback, FALLBACK), "blocks": blocks})
}

fn headline(said: &Said) -> String {
    match said.severity {
        Some(_) => said.subject.clone(),
        None => said.headline.clone(),
    }
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

fn buttons(message: &Message, said: &Said, signed: bool) -> Vec<Value> {
    let text = |text: &str| json!({"type": "plain_text", "text": text, "emoji": false});
    let mut buttons = Vec::new();
    if let Some(ask) = &said.ask
        && let Some(token) = super::ack::token_of(&ask.link)
        && signed
    {
        buttons.push(json!({
            "type": "button",
            "action_id": ACKNOWLEDGE,
            "style": "primary",
            "text": text(ask.label),
            "value": token,
        }));
    }
    if let Some(url) = &said.url {
        let label = match &message.incident {
            Some(brief) => format!("Open {}", brief.number),
            None => "Open".to_owned(),
        };
        buttons.push(json!({
            "type": "button",
            "action_id": "open",
            "text": text(&label),
            "url": url,
        }));
    }
    buttons
}

/// The three characters that mean something in Slack's markup, and no more of the text than fits.
fn escaped(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut count = 0;
    for c in text.chars() {
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => "",
        };
        let takes = piece.len().max(1);
        if count + takes >= most {
            out.push('…');
            break;
        }
        match piece {
            "" => out.push(c),
            piece => out.push_str(piece),
        }
        count += takes;
    }
    out
}

/// Whether Slack signed this, within the last minutes: `v0=` and an HMAC over the time and the raw body.
pub fn verify(secret: &str, timestamp: &str, signature: &str, body: &[u8], now: Stamp) -> bool {
    const WINDOW: i64 = 5 * 60;
    let Ok(at) = timestamp.parse::<i64>() else {
        return false;
    };
    let seconds = now.0.div_euclid(1_000_000);
    let Some(signature) = signature
        .strip_prefix("v0=")
        .and_then(|s| hex::decode(s).ok())
    else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [b"v0:", timestamp.as_bytes(), b":", body].concat();
    (seconds - at).abs() <= WINDOW && hmac::verify(&key, &signed, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::{
        Brief,
        samples::{CAUSES, NOW, brief, message, words},
    };
    use domain::{notify::Cause, plan::Channel};
    use proptest::prelude::*;

    /// The example of Slack's documentation of its signatures.
    #[test]
    fn the_published_example_is_known_as_slacks() {
        let secret = "8f742231b10e8888abcd99yyyzzz85a5";
        let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let at = |seconds: i64| Stamp(seconds * 1_000_000);
        let verify = |secret, timestamp, signature, body: &[u8], now| {
            verify(secret, timestamp, signature, body, at(now))
        };
        assert!(verify(secret, "1531420618", signature, body, 1_531_420_618));
        assert!(verify(
            secret,
            "1531420618",
            signature,
            body,
            1_531_420_618 + 300
        ));
        assert!(
            !verify(secret, "1531420618", signature, body, 1_531_420_618 + 301),
            "replayed"
        );
        assert!(
            !verify(secret, "1531420618", signature, body, 1_531_420_618 - 301),
            "of the future"
        );
        assert!(!verify(
            secret,
            "1531420619",
            signature,
            body,
            1_531_420_618
        ));
        assert!(!verify(
            "another",
            "1531420618",
            signature,
            body,
            1_531_420_618
        ));
        assert!(!verify(
            secret,
            "1531420618",
            signature,
            &body[1..],
            1_531_420_618
        ));
        assert!(!verify(
            secret,
            "1531420618",
            &signature[3..],
            body,
            1_531_420_618
        ));
        assert!(!verify(secret, "", "", body, 1_531_420_618));
    }

    fn block<'a>(body: &'a Value, kind: &str) -> Option<&'a Value> {
        body["blocks"]
            .as_array()?
            .iter()
            .find(|b| b["type"] == kind)
    }

    #[test]
    fn a_button_carries_the_token_where_presses_are_signed_and_is_not_there_where_they_are_not() {
        let message = message(Channel::Slack, Cause::Declared);
        let said = words().said(&message);
        let body = render(&message, &said, true);
        let buttons = &block(&body, "actions").unwrap()["elements"];
        assert_eq!(buttons[0]["action_id"], ACKNOWLEDGE);
        assert_eq!(buttons[0]["value"], "AWkABCDEF");
        assert_eq!(buttons[1]["url"], brief().url);
        let unsigned = render(&message, &said, false);
        let buttons = &block(&unsigned, "actions").unwrap()["elements"];
        assert_eq!(buttons[0]["action_id"], "open");
    }

    #[test]
    fn every_cause_is_said_with_a_fallback_text() {
        for cause in CAUSES {
            let message = message(Channel::Slack, cause);
            let body = render(&message, &words().said(&message), true);
            let text = body["text"].as_str().unwrap();
            assert!(text.len() > 20 && !text.contains("{{"), "{cause:?}: {text}");
            let asks = !matches!(cause, Cause::Update | Cause::Resolved | Cause::Reminder);
            assert_eq!(body.to_string().contains(ACKNOWLEDGE), asks, "{cause:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn whatever_is_typed_stays_within_slacks_bounds_and_mentions_nobody(title in ".{0,4000}|(<!channel> &){1,900}", update in "(.|\n){0,5000}|(<!here>\n){0,900}", names in prop::collection::vec(".{0,300}", 0..30)) {
            let mut message = message(Channel::Slack, Cause::Update);
            message.text = update;
            message.incident = Some(Brief { title, affected: names, declared_at: NOW, ..brief() });
            let body = render(&message, &words().said(&message), true);
            let blocks = body["blocks"].as_array().unwrap();
            prop_assert!(blocks.len() <= 50);
            for block in blocks {
                let length = |v: &Value| v.as_str().map_or(0, |t| t.chars().count());
                match block["type"].as_str().unwrap() {
                    "header" => prop_assert!((1..=150).contains(&length(&block["text"]["text"]))),
                    "section" => {
                        if let Some(text) = block.get("text") {
                            prop_assert!((1..=3000).contains(&length(&text["text"])));
                            prop_assert!(!text["text"].as_str().unwrap().contains('<'));
                        }
                        let fields = block["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
                        prop_assert!(fields.len() <= 10);
                        prop_assert!(fields.iter().all(|f| (1..=2000).contains(&length(&f["text"]))));
                        prop_assert!(fields.iter().all(|f| !f["text"].as_str().unwrap().contains('<')));
                    }
                    "actions" => {}
                    other => prop_assert!(false, "{other}"),
                }
            }
            prop_assert!(!body["text"].as_str().unwrap().contains('<'));
        }
    }
}
