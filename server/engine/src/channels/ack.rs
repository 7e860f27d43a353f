//! The links by which people say that they know. Whoever has one may say so in that person's name, for that incident, for
//! a while, and nothing else: it is no sign-in.
//!
//! A token is who, for what and until when, followed by an HMAC-SHA256 over that; all in letters that a URL, a text
//! message and a Slack button carry as they are.

use crate::secrets::Vault;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Number, Span, Stamp, plan::Channel};
use ring::hmac;

/// A link is good this long.
pub const LASTS: Span = Span::secs(7 * 86_400);
const PATH: &str = "/ack/";
const VERSION: u8 = 1;
const TAG: usize = 32;
/// The longest token anybody is given.
const LONGEST: usize = 512;

/// Makes the links and knows them again.
#[derive(Clone)]
pub struct Signer(hmac::Key);

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub about: About,
    pub person: String,
    pub expires: Stamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// They know of this incident.
    Incident(Number),
    /// The test of an address arrived there: on which channel, and the digest of the address.
    Test { channel: Channel, digest: String },
}

/// Why a link does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It was good.
    Expired(Claim),
    /// It is not one of ours, or somebody changed it.
    Foreign,
}

impl Signer {
    /// Every node that has the vault's key has this one.
    pub fn new(vault: &Vault) -> Self {
        Signer(vault.subkey("links to acknowledge"))
    }

    pub fn token(&self, claim: &Claim) -> String {
        let minutes = claim.expires.0.div_euclid(60_000_000);
        let minutes = u32::try_from(minutes).unwrap_or_default();
        let (kind, about) = match &claim.about {
            About::Incident(number) => (b'i', number.to_string()),
            About::Test { channel, digest } => (b't', format!("{} {digest}", channel.id())),
        };
        let mut bytes = vec![VERSION, kind];
        bytes.extend(minutes.to_be_bytes());
        bytes.extend(about.as_bytes());
        bytes.push(0);
        bytes.extend(claim.person.as_bytes());
        let tag = hmac::sign(&self.0, &bytes);
        bytes.extend(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Under the address at which people reach the server.
    pub fn link(&self, base: &str, claim: &Claim) -> String {
        format!("{}{PATH}{}", base.trim_end_matches('/'), self.token(claim))
    }

    pub fn read(&self, token: &str, now: Stamp) -> Result<Claim, Bad> {
        if token.len() > LONGEST {
            return Err(Bad::Foreign);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Bad::Foreign)?;
        let end = bytes.len().checked_sub(TAG).ok_or(Bad::Foreign)?;
        let (said, tag) = bytes.split_at(end);
        hmac::verify(&self.0, said, tag).map_err(|_| Bad::Foreign)?;
        let claim = parse(said).ok_or(Bad::Foreign)?;
        match now < claim.expires {
            true => Ok(claim),
            false => Err(Bad::Expired(claim)),
        }
    }
}

/// The token at the end of a link.
pub fn token_of(link: &str) -> Option<&str> {
    link.rsplit_once(PATH).map(|(_, token)| token)
}

fn parse(said: &[u8]) -> Option<Claim> {
    let (&[VERSION, kind], rest) = said.split_first_chunk()? else {
        return None;
    };
    let (minutes, rest) = rest.split_first_chunk()?;
    let text = std::str::from_utf8(rest).ok()?;
    let (about, person) = text.split_once('\0')?;
    Some(Claim {
        about: match kind {
            b'i' => About::Incident(Number::from(about)),
            b't' => {
                let (channel, digest) = about.split_once(' ')?;
                About::Test {
                    channel: channel.parse().ok()?,
                    digest: digest.to_owned(),
                }
            }
            _ => return None,
        },
        person: person.to_owned(),
        expires: Stamp(i64::from(u32::from_be_bytes(*minutes)) * 60_000_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signer() -> Signer {
        let dir = tempfile::tempdir().unwrap();
        Signer::new(&Vault::open(dir.path()).unwrap())
    }

    fn claim(person: &str) -> Claim {
        Claim {
            about: About::Incident("INC-2026-014".into()),
            person: person.into(),
            expires: Stamp(60_000_000 * 1_000_000),
        }
    }

    #[test]
    fn a_link_says_who_and_what_until_it_expires() {
        let (signer, claim) = (signer(), claim("Jürgen Große (DBA)"));
        let link = signer.link("https://muster.example.org/", &claim);
        let token = token_of(&link).unwrap();
        assert_eq!(link, format!("https://muster.example.org/ack/{token}"));
        assert!(token.len() < 100, "{token} is too long for a text message");
        let just_before = Stamp(claim.expires.0 - 1);
        assert_eq!(signer.read(token, just_before), Ok(claim.clone()));
        assert_eq!(signer.read(token, claim.expires), Err(Bad::Expired(claim)));
    }

    #[test]
    fn a_link_of_a_test_says_which_address_was_tested() {
        let signer = signer();
        let claim = Claim {
            about: About::Test {
                channel: Channel::Sms,
                digest: "9f86d081".into(),
            },
            ..claim("Jane Doe")
        };
        assert_eq!(signer.read(&signer.token(&claim), Stamp(0)), Ok(claim));
    }

    #[test]
    fn a_link_of_another_house_or_another_version_is_foreign() {
        let token = signer().token(&claim("Jane Doe"));
        assert_eq!(signer().read(&token, Stamp(0)), Err(Bad::Foreign));
        for not in [
            "",
            "AAAA",
            "not base64!",
            &"A".repeat(4096),
            &token[..token.len() - 4],
        ] {
            assert_eq!(signer().read(not, Stamp(0)), Err(Bad::Foreign), "{not}");
        }
    }

    proptest! {
        #[test]
        fn a_link_that_was_changed_anywhere_is_foreign(at in 0usize..200, to in any::<u8>()) {
            let signer = signer();
            let token = signer.token(&claim("Jane Doe"));
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            let changed = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(signer.read(&changed, Stamp(0)), Err(Bad::Foreign));
        }
    }
}
