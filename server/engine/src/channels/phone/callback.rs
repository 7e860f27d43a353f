//! What the provider calls back: which address it is given, whether it was really the provider, and what it says.

use crate::{
    channels::{Message, ack},
    notify::Receipt,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;
use std::ops::RangeInclusive;

/// Where the provider reports to. The notification's id and the person's token go with it: the provider's signature is
/// over the whole address.
pub fn address(message: &Message, what: &str) -> String {
    let base = message.callback.trim_end_matches('/');
    let token = message.acknowledge.as_deref().and_then(ack::token_of);
    let token = token.map_or(String::new(), |token| format!("&t={token}"));
    format!("{base}/callbacks/twilio/{what}?n={}{token}", message.id)
}

/// Where it reports to of this try: a call is known again by that.
pub fn status(message: &Message) -> String {
    format!("{}&k={}", address(message, "status"), message.attempt)
}

/// Whether this is where one of these tries is reported to, wherever the server was reached then.
pub fn is_of(address: &str, message: &Message, tries: &RangeInclusive<u32>) -> bool {
    let Some((_, query)) = address.split_once("/callbacks/twilio/status?") else {
        return false;
    };
    let fields = serde_urlencoded::from_str::<Vec<(String, String)>>(query);
    let fields = fields.unwrap_or_default();
    let is = |name: &str, known: &dyn Fn(&str) -> bool| {
        fields.iter().any(|(n, value)| n == name && known(value))
    };
    is("n", &|n| n == message.id) && is("k", &|k| k.parse().is_ok_and(|k| tries.contains(&k)))
}

/// Whether the provider signed this: an HMAC-SHA1 over the address as it was given and the form's fields in order.
pub fn verify(token: &str, url: &str, form: &[(String, String)], signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else {
        return false;
    };
    let mut fields: Vec<_> = form.iter().collect();
    fields.sort();
    let mut signed = url.to_owned();
    for (name, value) in fields {
        signed.push_str(name);
        signed.push_str(value);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    hmac::verify(&key, signed.as_bytes(), &signature).is_ok()
}

/// The provider's word on it; nothing where that is no news.
pub fn receipt(form: &[(String, String)]) -> Option<Receipt> {
    let field = |name: &str| {
        form.iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    let code = field("ErrorCode").filter(|c| !c.is_empty() && *c != "0");
    let with_code = |says: &str| match code {
        Some(code) => format!("{says} ({})", crate::channels::line(code, 20)),
        None => says.to_owned(),
    };
    let status = field("CallStatus").or(field("MessageStatus"));
    Some(match status.unwrap_or_default() {
        // A call that a person took is `in-progress` first and `completed` at its end.
        "in-progress" | "completed" | "delivered" => Receipt::Delivered,
        "read" => Receipt::Read,
        "busy" => Receipt::Unanswered("the line was busy".into()),
        "no-answer" => Receipt::Unanswered("nobody picked up".into()),
        "canceled" => Receipt::Unanswered("the call was cancelled".into()),
        "failed" => Receipt::Failed(with_code("the provider could not reach this number")),
        "undelivered" => Receipt::Failed(with_code("it was not delivered")),
        "queued" | "initiated" | "ringing" | "accepted" | "sending" | "sent" => {
            Receipt::Taken(field("CallSid").or(field("MessageSid"))?.to_owned())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        fields.iter().map(owned).collect()
    }

    /// The example of Twilio's documentation of its security.
    #[test]
    fn the_published_example_is_known_as_the_providers() {
        let fields = form(&[
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
            ("To", "+18005551212"),
        ]);
        let url = "https://example.com/myapp.php?foo=1&bar=2";
        let signature = "L/OH5YylLD5NRKLltdqwSvS0BnU=";
        assert!(verify("12345", url, &fields, signature));
        let mut turned = fields.clone();
        turned.reverse();
        assert!(verify("12345", url, &turned, signature));
        assert!(!verify("12346", url, &fields, signature));
        assert!(!verify(
            "12345",
            "https://example.com/myapp.php?foo=1&bar=3",
            &fields,
            signature
        ));
        assert!(!verify("12345", url, &fields[..4], signature));
        assert!(!verify("12345", url, &fields, "not base64"));
        assert!(!verify("12345", url, &fields, ""));
    }

    #[test]
    fn every_state_the_provider_knows_has_a_meaning() {
        let of = |status: &str| receipt(&form(&[("CallStatus", status)]));
        let ringing = form(&[("CallStatus", "ringing"), ("CallSid", "CA1")]);
        assert_eq!(receipt(&ringing), Some(Receipt::Taken("CA1".into())));
        assert_eq!(of("ringing"), None, "a call without a name is none");
        assert_eq!(of("in-progress"), Some(Receipt::Delivered));
        assert_eq!(
            of("busy"),
            Some(Receipt::Unanswered("the line was busy".into()))
        );
        let text = form(&[("MessageStatus", "undelivered"), ("ErrorCode", "30003")]);
        assert_eq!(
            receipt(&text),
            Some(Receipt::Failed("it was not delivered (30003)".into()))
        );
        assert_eq!(receipt(&form(&[])), None);
    }
}
