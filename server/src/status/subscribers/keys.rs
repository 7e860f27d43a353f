//! All that is derived for subscribers from the vault's key: the seal on their addresses, their links, the secrets their
//! webhooks are signed with. None of it is kept, and every node that has the key has all of it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use engine::secrets::Vault;
use ring::hmac;

const VERSION: u8 = 1;
const ID: usize = 16;

pub struct Keys {
    vault: Vault,
    links: hmac::Key,
    marks: hmac::Key,
    hooks: hmac::Key,
}

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    Confirm = b'c' as isize,
    Manage = b'm' as isize,
}

impl Keys {
    pub fn new(vault: &Vault) -> Keys {
        Keys {
            vault: vault.clone(),
            links: vault.subkey("links of subscribers"),
            marks: vault.subkey("marks of subscribers' addresses"),
            hooks: vault.subkey("signatures of subscribers' webhooks"),
        }
    }

    /// By which an address is known again, where it does not stand itself. A mailbox is the same in capitals.
    pub fn mark(&self, kind: &str, address: &str) -> String {
        let address = match kind {
            "email" => address.to_ascii_lowercase(),
            _ => address.to_owned(),
        };
        let tag = hmac::sign(&self.marks, format!("{kind}:{address}").as_bytes());
        hex::encode(&tag.as_ref()[..16])
    }

    pub fn seal(&self, id: &str, address: &str) -> Result<Vec<u8>, String> {
        self.vault.seal_text(&format!("subscriber/{id}"), address)
    }

    /// Nothing where it was sealed with another key.
    pub fn open(&self, id: &str, sealed: &[u8]) -> Option<String> {
        self.vault.open_text(&format!("subscriber/{id}"), sealed)
    }

    /// What a webhook's messages are signed with.
    pub fn secret(&self, id: &str) -> Vec<u8> {
        hmac::sign(&self.hooks, id.as_bytes()).as_ref().to_vec()
    }

    /// What a webhook has to echo.
    pub fn challenge(&self, id: &str) -> String {
        let tag = hmac::sign(&self.hooks, format!("challenge/{id}").as_bytes());
        hex::encode(&tag.as_ref()[..16])
    }

    pub fn token(&self, what: For, id: &str) -> String {
        let mut bytes = vec![VERSION, what as isize as u8];
        bytes.extend(hex::decode(id).unwrap_or_default());
        let tag = hmac::sign(&self.links, &bytes);
        bytes.extend(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Whose it is, and for what; nothing where it is not one of ours.
    pub fn read(&self, token: &str) -> Option<(For, String)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (said, tag) = bytes.split_at_checked(2 + ID)?;
        hmac::verify(&self.links, said, tag).ok()?;
        let what = match said[..2] {
            [VERSION, b'c'] => For::Confirm,
            [VERSION, b'm'] => For::Manage,
            _ => return None,
        };
        Some((what, hex::encode(&said[2..])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let dir = tempfile::tempdir().unwrap();
        Keys::new(&Vault::open(dir.path()).unwrap())
    }

    #[test]
    fn a_link_is_good_for_one_thing_and_one_subscriber_and_no_other_is_known() {
        let keys = keys();
        let id = "00112233445566778899aabbccddeeff";
        let token = keys.token(For::Confirm, id);
        assert_eq!(keys.read(&token), Some((For::Confirm, id.to_owned())));
        assert_ne!(token, keys.token(For::Manage, id));
        let changed = |at: usize| {
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            bytes[at] ^= 1;
            URL_SAFE_NO_PAD.encode(bytes)
        };
        for at in 0..URL_SAFE_NO_PAD.decode(&token).unwrap().len() {
            assert_eq!(keys.read(&changed(at)), None, "{at}");
        }
        for not in ["", "AAAA", "not base64!", &token[..token.len() - 3]] {
            assert_eq!(keys.read(not), None, "{not}");
        }
        assert_eq!(self::keys().read(&token), None, "another house");
    }

    #[test]
    fn an_address_is_sealed_for_its_own_subscriber() {
        let keys = keys();
        let sealed = keys.seal("a", "ada@example.org").unwrap();
        assert_eq!(keys.open("a", &sealed).as_deref(), Some("ada@example.org"));
        assert_eq!(keys.open("b", &sealed), None);
        assert!(!sealed.windows(3).any(|w| w == b"ada"));
        assert_eq!(
            keys.mark("email", "Ada@example.org"),
            keys.mark("email", "ada@EXAMPLE.org")
        );
        assert_ne!(
            keys.mark("webhook", "https://a/B"),
            keys.mark("webhook", "https://a/b")
        );
    }
}
