//! How much strangers can make this server send: counted before anything is looked up or written, so that a flood of forms
//! costs the database nothing.

use domain::{Span, Stamp};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// So many sign-ups within a time: in all …
const IN_ALL: (u32, Span) = (600, Span::secs(3600));
/// … from one network …
const FROM_NETWORK: (u32, Span) = (20, Span::secs(3600));
/// … and for one mailbox or URL.
const FOR_ADDRESS: (u32, Span) = (3, Span::secs(86_400));
/// What is no longer counted is forgotten when there is so much of it.
const MOST_KEPT: usize = 8192;

#[derive(Default)]
pub struct Limits(Mutex<HashMap<Key, (Stamp, u32)>>);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    All,
    Network(Vec<u8>),
    Address(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Welcome,
    /// Whoever asks may be told.
    TooMany,
    /// Too many for this address: nobody is told, since it would tell of others.
    Silent,
}

impl Limits {
    /// One more. Only those that are welcome are counted. `now` is by the steady clock.
    pub fn admit(&self, now: Stamp, from: IpAddr, address: &str) -> Verdict {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = Key::Network(network(from));
        let whom = Key::Address(address.to_owned());
        for (key, limit, verdict) in [
            (&Key::All, IN_ALL, Verdict::TooMany),
            (&network, FROM_NETWORK, Verdict::TooMany),
            (&whom, FOR_ADDRESS, Verdict::Silent),
        ] {
            let (most, within) = limit;
            let known = counts.get(key);
            if known.is_some_and(|(since, n)| now.since(*since) < within && *n >= most) {
                return verdict;
            }
        }
        if counts.len() > MOST_KEPT {
            counts.retain(|_, (since, _)| now.since(*since) < FOR_ADDRESS.1);
        }
        for (key, (_, within)) in [
            (Key::All, IN_ALL),
            (network, FROM_NETWORK),
            (whom, FOR_ADDRESS),
        ] {
            let count = counts.entry(key).or_insert((now, 0));
            if now.since(count.0) >= within {
                *count = (now, 0);
            }
            count.1 += 1;
        }
        Verdict::Welcome
    }
}

/// What one customer of a provider usually has: many addresses are still one asker.
fn network(from: IpAddr) -> Vec<u8> {
    match from.to_canonical() {
        IpAddr::V4(ip) => ip.octets()[..3].to_vec(),
        IpAddr::V6(ip) => ip.octets()[..6].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn a_network_an_address_and_everybody_have_a_limit_that_passes() {
        let limits = Limits::default();
        let at = Stamp(1_795_356_000_000_000);
        let office: IpAddr = "198.51.100.7".parse().unwrap();
        let welcome = |at, from, address: &str| limits.admit(at, from, address);
        for n in 0..20 {
            let address = format!("{n}@example.org");
            assert_eq!(welcome(at, office, &address), Verdict::Welcome);
        }
        let neighbour = "198.51.100.200".parse().unwrap();
        assert_eq!(welcome(at, neighbour, "x@example.org"), Verdict::TooMany);
        let later = Stamp(at.0 + HOUR);
        assert_eq!(welcome(later, office, "x@example.org"), Verdict::Welcome);
        let elsewhere = |n: u8| IpAddr::from([10, n, 0, 1]);
        assert_eq!(
            welcome(later, elsewhere(1), "x@example.org"),
            Verdict::Welcome
        );
        assert_eq!(
            welcome(later, elsewhere(2), "x@example.org"),
            Verdict::Welcome
        );
        assert_eq!(
            welcome(later, elsewhere(3), "x@example.org"),
            Verdict::Silent
        );
    }

    #[test]
    fn a_flood_from_everywhere_is_let_through_to_the_limit_in_all() {
        let limits = Limits::default();
        let at = Stamp(1_795_356_000_000_000);
        let admitted = (0..10_000_u32).filter(|n| {
            let from = IpAddr::from([10, (n >> 8) as u8, *n as u8, 1]);
            limits.admit(at, from, &format!("{n}@example.org")) == Verdict::Welcome
        });
        assert_eq!(admitted.count(), 600);
    }
}
