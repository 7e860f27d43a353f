//! What the provider calls back: which address it is given, whether it was really the provider, and what it says.

use crate::channels::{Message, ack};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;

/// Where the provider reports to. The notification's id and the person's token go with it: the provider's signature is
/// over the whole address.
pub fn address(message: &Message, what: &str) -> String {
    let base = message.callback.trim_end_matches('/');
    let token = message.acknowledge.as_deref().and_then(ack::token_of);
    let token = token.map_or(String::new(), |token| format!("&t={token}"));
    format!("{base}/callbacks/twilio/{what}?n={}{token}", message.id)
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

/// What became of a call or a text message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Under way: nothing is known yet.
    Pending,
    /// Somebody picked up, or it is on their telephone.
    Delivered,
    /// They opened it.
    Read,
    /// It did not reach them, and another try may.
    NotReached(String),
    /// It cannot reach them.
    Failed(String),
}

/// The provider's word on it.
pub fn receipt(form: &[(String, String)]) -> Receipt {
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
    match field("CallStatus")
        .or(field("MessageStatus"))
        .unwrap_or_default()
    {
        // A call that a person took is `in-progress` first and `completed` at its end.
        "in-progress" | "completed" | "delivered" => Receipt::Delivered,
        "read" => Receipt::Read,
        "busy" => Receipt::NotReached("the line was busy".into()),
        "no-answer" => Receipt::NotReached("nobody picked up".into()),
        "canceled" => Receipt::NotReached("the call was cancelled".into()),
        "failed" => Receipt::Failed(with_code("the provider could not reach this number")),
        "undelivered" => Receipt::Failed(with_code("it was not delivered")),
        _ => Receipt::Pending,
    }
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
        assert_eq!(of("ringing"), Receipt::Pending);
        assert_eq!(of("in-progress"), Receipt::Delivered);
        assert_eq!(of("busy"), Receipt::NotReached("the line was busy".into()));
        let text = form(&[("MessageStatus", "undelivered"), ("ErrorCode", "30003")]);
        assert_eq!(
            receipt(&text),
            Receipt::Failed("it was not delivered (30003)".into())
        );
        assert_eq!(receipt(&form(&[])), Receipt::Pending);
    }
}
