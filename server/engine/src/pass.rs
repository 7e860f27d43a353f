//! What is made with a key of ours and shown to others: a pass in an address, and the mark of a contact's address.
//!
//! A pass is for programs that cannot sign in and ask for the same thing for years. Whoever has the address may read that
//! one thing; nothing is kept about it, and every node knows it.

use crate::secrets::Vault;
use domain::notify::Address;
use ring::hmac;

/// By which an address is known again in the timeline, where it does not stand itself. With a key: a telephone number is
/// short enough to be found from a plain hash of it.
pub fn address_mark(vault: &Vault, address: &Address) -> String {
    let key = vault.subkey("marks of contacts' addresses");
    let text = format!("{}:{}", address.channel().id(), address.as_str());
    hex::encode(&hmac::sign(&key, text.as_bytes()).as_ref()[..8])
}

const PURPOSE: &[u8] = b"pass";
/// So many bytes of it stand in the address: enough, and short enough to be copied.
const LENGTH: usize = 16;

pub struct Pass(hmac::Key);

impl Pass {
    /// For one purpose: another one has another key.
    pub fn new(vault: &Vault, purpose: &str) -> Pass {
        Pass(vault.subkey(purpose))
    }

    pub fn text(&self) -> String {
        hex::encode(&hmac::sign(&self.0, PURPOSE).as_ref()[..LENGTH])
    }

    pub fn is(&self, text: &str) -> bool {
        let mine = self.text();
        let differs = |(a, b): (u8, u8)| a ^ b;
        // Every byte is compared: how long it takes tells nothing.
        text.len() == mine.len()
            && mine.bytes().zip(text.bytes()).map(differs).fold(0, |all, one| all | one) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_known_again_by_its_mark_and_not_found_from_it() {
        let house = || {
            let dir = tempfile::tempdir().unwrap();
            Vault::open(dir.path()).unwrap()
        };
        let (ours, theirs) = (house(), house());
        let at = |channel, at: &str| Address::kept(channel, at);
        let phone = at(domain::plan::Channel::Phone, "+15550001");
        let mark = address_mark(&ours, &phone);
        assert_eq!(mark, address_mark(&ours, &phone));
        assert_eq!(mark.len(), 16);
        assert_ne!(mark, address_mark(&theirs, &phone), "another key");
        assert_ne!(mark, address_mark(&ours, &at(domain::plan::Channel::Sms, "+15550001")));
        assert_ne!(mark, address_mark(&ours, &at(domain::plan::Channel::Phone, "+15550002")));
    }

    #[test]
    fn a_pass_is_good_for_its_own_purpose_and_house() {
        let house = || {
            let dir = tempfile::tempdir().unwrap();
            Vault::open(dir.path()).unwrap()
        };
        let (ours, theirs) = (house(), house());
        let pass = Pass::new(&ours, "the calendar");
        assert_eq!(pass.text().len(), 2 * LENGTH);
        assert!(Pass::new(&ours, "the calendar").is(&pass.text()));
        for not in [
            Pass::new(&ours, "the roster").text(),
            Pass::new(&theirs, "the calendar").text(),
            pass.text()[1..].to_owned(),
            String::new(),
        ] {
            assert!(!pass.is(&not), "{not}");
        }
    }
}
