//! Webhooks, signed as Standard Webhooks describes it: a receiver can tell that a message is ours, that it is new, and that
//! it is the same one again.

use super::{
    Message, Outcome, Said,
    web::{Place, Web},
    words::stage,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Stamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use ring::hmac;
use serde_json::{Value, json};

pub struct Webhook {
    place: Place,
    keys: Vec<hmac::Key>,
}

impl Webhook {
    pub fn new(place: Place, secrets: &str) -> Result<Self, String> {
        Ok(Webhook {
            place,
            keys: keys(secrets)?,
        })
    }

    pub async fn send(&self, web: &Web, message: &Message, said: &Said) -> Outcome {
        let id = id(message);
        let body = payload(message, said).to_string();
        let signature = sign(&self.keys, &id, message.now, body.as_bytes());
        let Ok(mut signature) = HeaderValue::from_str(&signature) else {
            return Outcome::Never {
                why: "its signature cannot be written".into(),
            };
        };
        signature.set_sensitive(true);
        let request = |r: reqwest::RequestBuilder| {
            r.header(CONTENT_TYPE, "application/json")
                .header("webhook-id", &id)
                .header("webhook-timestamp", seconds(message.now).to_string())
                .header("webhook-signature", signature)
                .body(body)
        };
        match web.post(&self.place, message.now, request).await {
            Err(outcome) => outcome,
            Ok(answer) if answer.is_success() => Outcome::Delivered {
                provider_id: Some(id),
            },
            Ok(answer) => answer.refusal(),
        }
    }
}

/// `whsec_` and the key in base64; several with spaces between.
fn keys(secrets: &str) -> Result<Vec<hmac::Key>, String> {
    let one = |secret: &str| {
        let bytes = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
        let fits = (24..=64).contains(&bytes.len());
        fits.then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    };
    let keys: Option<Vec<_>> = secrets.split_whitespace().map(one).collect();
    keys.filter(|keys| !keys.is_empty())
        .ok_or_else(|| "holds no secret: whsec_ and 24 to 64 bytes in base64".into())
}

/// The same for every try.
fn id(message: &Message) -> String {
    format!("msg_{}", message.id.replace('.', "-"))
}

pub(super) fn seconds(at: Stamp) -> i64 {
    at.0.div_euclid(1_000_000)
}

/// One signature for each key, so that a receiver can change its secret without missing a message.
pub(super) fn sign(keys: &[hmac::Key], id: &str, at: Stamp, body: &[u8]) -> String {
    let signed = [format!("{id}.{}.", seconds(at)).as_bytes(), body].concat();
    let one = |key| format!("v1,{}", STANDARD.encode(hmac::sign(key, &signed)));
    keys.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The message as data, and in words for whoever only passes it on.
pub fn payload(message: &Message, said: &Said) -> Value {
    let incident = message.incident.as_ref().map(|brief| {
        json!({
            "number": brief.number,
            "title": brief.title,
            "severity": brief.severity,
            "kind": brief.kind,
            "phase": brief.phase,
            "affected": brief.affected,
            "declared_at": brief.declared_at.rfc3339(),
            "commander": brief.commander,
            "next_update": brief.next_update.map(Stamp::rfc3339),
            "url": brief.url,
        })
    });
    json!({
        "type": format!("incident.{}", serde_json::to_value(stage(message.cause)).ok().and_then(|s| s.as_str().map(str::to_owned)).unwrap_or_default()),
        "timestamp": message.now.rfc3339(),
        "data": {
            "incident": incident,
            "audience": message.audience,
            "subject": said.subject,
            "text": said.lead,
            "update": said.quote,
            "acknowledge": said.ask.as_ref().map(|ask| &ask.link),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the reference libraries of Standard Webhooks share.
    #[test]
    fn the_published_vector_is_signed_as_published() {
        let keys = keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Stamp(1_614_265_330_000_000);
        let signature = sign(
            &keys,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn while_a_secret_is_changed_both_are_signed_with() {
        let (old, new) = (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        );
        let at = Stamp(1_614_265_330_000_000);
        let one = |secret| sign(&keys(secret).unwrap(), "msg_1", at, b"{}");
        let both = sign(&keys(&format!("{old} {new}")).unwrap(), "msg_1", at, b"{}");
        assert_eq!(both, format!("{} {}", one(old), one(new)));
    }

    #[test]
    fn what_is_no_secret_is_said_and_not_shown() {
        for not in [
            "",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_c2hvcnQ=",
            "whsec_***",
        ] {
            let says = keys(not).unwrap_err();
            assert!(not.is_empty() || !says.contains(not), "{says}");
        }
    }
}
