//! Signatures, as the providers make and check them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{self, Key};

/// Slack: over the time and the body as it is sent.
pub fn slack(secret: &str, timestamp: i64, body: &str) -> String {
    let key = Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("v0:{timestamp}:{body}").as_bytes());
    format!("v0={}", hex::encode(tag))
}

/// Twilio: over the URL and the sorted form.
pub fn twilio(token: &str, url: &str, form: &[(String, String)]) -> String {
    let key = Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    let mut form: Vec<_> = form.iter().collect();
    form.sort();
    let pairs = form.iter().flat_map(|(name, value)| [name, value]);
    let signed: String = std::iter::once(url)
        .chain(pairs.map(String::as_str))
        .collect();
    STANDARD.encode(hmac::sign(&key, signed.as_bytes()))
}

/// Standard Webhooks: is one of the signatures in the header made with this secret?
pub fn webhook_is_valid(
    secret: &str,
    id: &str,
    timestamp: &str,
    body: &[u8],
    header: &str,
) -> bool {
    let secret = secret.strip_prefix("whsec_").unwrap_or(secret);
    let Ok(secret) = STANDARD.decode(secret) else {
        return false;
    };
    let key = Key::new(hmac::HMAC_SHA256, &secret);
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let tags = header
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .filter_map(|tag| STANDARD.decode(tag).ok());
    tags.into_iter()
        .any(|tag| hmac::verify(&key, &signed, &tag).is_ok())
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples that the providers print in their own documentation.

    #[test]
    fn slack_s_own_example_is_signed_the_same() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
                    channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
                    response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
                    trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        assert_eq!(
            slack("8f742231b10e8888abcd99yyyzzz85a5", 1_531_420_618, body),
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        );
    }

    #[test]
    fn twilio_s_own_example_is_signed_the_same() {
        let form = [
            ("Digits", "1234"),
            ("To", "+18005551212"),
            ("From", "+14158675310"),
            ("Caller", "+14158675310"),
            ("CallSid", "CA1234567890ABCDE"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            twilio("12345", "https://example.com/myapp.php?foo=1&bar=2", &form),
            "L/OH5YylLD5NRKLltdqwSvS0BnU="
        );
    }

    #[test]
    fn standard_webhooks_own_example_is_accepted_and_a_changed_one_is_not() {
        let check = |body: &str| {
            webhook_is_valid(
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "1614265330",
                body.as_bytes(),
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            )
        };
        assert!(check(r#"{"test": 2432232314}"#));
        assert!(!check(r#"{"test": 2432232315}"#));
    }
}
