//! The shapes of texts: ids, mail addresses, phone numbers, web addresses; and the word somebody may have meant.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The one of `words` that was probably meant: a few letters away, and near in proportion to its length.
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    if word.chars().count() > LONGEST {
        return None;
    }
    let given: Vec<char> = word.to_lowercase().chars().collect();
    words
        .into_iter()
        .filter(|w| w.len() <= LONGEST)
        .map(|w| {
            (
                distance(&given, &w.to_lowercase().chars().collect::<Vec<_>>()),
                w,
            )
        })
        .filter(|(d, w)| *d <= (w.chars().count().max(given.len()) / 3).max(1))
        .min_by_key(|(d, _)| *d)
        .map(|(_, w)| w)
}

/// Letters to add, drop, change or swap with their neighbour, to get from one to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

/// "is `a`" or "are `a`, `b` and 7 more": what can be chosen from, within a line.
pub(super) fn some_of(words: &BTreeSet<&str>) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = words.iter().take(SHOWN).map(|w| format!("`{w}`")).collect();
    let verb = if words.len() == 1 { "is" } else { "are" };
    match words.len().saturating_sub(SHOWN) {
        0 => format!("{verb} {}", shown.join(", ")),
        more => format!("{verb} {} and {more} more", shown.join(", ")),
    }
}

/// Lower-case letters, digits and hyphens, a letter or digit at both ends, at most 64.
pub(super) fn is_id(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The id that somebody who wrote `text` could have written.
pub(super) fn as_id(text: &str) -> String {
    let dashed: String = text
        .chars()
        .take(64)
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    dashed
        .split('-')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

/// `condition_name` or `condition-name`.
pub(super) fn is_name(text: &str) -> bool {
    is_id(&text.replace('_', "-"))
}

/// One mailbox and nothing else: what is let through here is put into the head of a mail.
pub fn is_email(text: &str) -> bool {
    let Some((mailbox, host)) = text.rsplit_once('@') else {
        return false;
    };
    let mailbox_letter = |b: u8| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b);
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.len() <= 254
        && !mailbox.is_empty()
        && mailbox.len() <= 64
        && mailbox.bytes().all(mailbox_letter)
        && !mailbox.starts_with('.')
        && !mailbox.ends_with('.')
        && host.contains('.')
        && host.split('.').all(label)
}

/// A sender: an address, or `Name <address>` with a name on one line and without what has a meaning in a mail's head.
pub fn mailbox(text: &str) -> Option<(Option<&str>, &str)> {
    let Some((name, address)) = text.strip_suffix('>').and_then(|t| t.split_once('<')) else {
        return is_email(text).then_some((None, text));
    };
    let name = name.trim();
    let bent = |c: char| c.is_control() || "\"<>(),:;@\\[]".contains(c);
    (!name.is_empty() && !name.contains(bent) && is_email(address)).then_some((Some(name), address))
}

/// E.164 with optional hyphens: a plus, then 7 to 15 digits.
pub fn is_phone(text: &str) -> bool {
    let Some(number) = text.strip_prefix('+') else {
        return false;
    };
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    (7..=15).contains(&digits)
        && number.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        && number.split('-').all(|part| !part.is_empty())
        && !number.starts_with('0')
}

/// What is between `scheme://` and the path, taken apart.
pub(super) struct Authority<'a> {
    pub user: Option<&'a str>,
    pub host: &'a str,
    /// The rest, from the first `/`, `?` or `#` on.
    pub path: &'a str,
}

/// Takes a URL of one of `schemes` apart; nothing where it is not one.
pub(super) fn url<'a>(text: &'a str, schemes: &[&str]) -> Option<Authority<'a>> {
    let (scheme, rest) = text.split_once("://")?;
    if !schemes.contains(&scheme)
        || text
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
    {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    let (host, _port) = host_and_port(place)?;
    Some(Authority { user, host, path })
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`. The host is an address or a name; a port is a number from 1 to 65535.
pub(super) fn host_and_port(place: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            match after {
                "" => (host, None),
                _ => (host, Some(after.strip_prefix(':')?)),
            }
        }
        None => {
            let (host, port) = place
                .split_once(':')
                .map_or((place, None), |(h, p)| (h, Some(p)));
            let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_';
            let bare = host.strip_suffix('.').unwrap_or(host);
            let last = bare.rsplit('.').next().unwrap_or("");
            // `127.1`, `2130706433` and `0x7f000001` reach 127.0.0.1 too: a host that ends in a number is an address
            // in its plain form or nothing.
            let number = last.starts_with(|c: char| c.is_ascii_digit())
                && (last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit()));
            if bare.is_empty()
                || host.len() > 253
                || !host.bytes().all(letter)
                || bare.split('.').any(str::is_empty)
            {
                return None;
            }
            if number && host.parse::<Ipv4Addr>().is_err() {
                return None;
            }
            (host, port)
        }
    };
    match port {
        Some(port)
            if port.is_empty()
                || !port.bytes().all(|b| b.is_ascii_digit())
                || !port.parse::<u16>().is_ok_and(|p| p > 0) =>
        {
            None
        }
        port => Some((host, port)),
    }
}

/// Labels of letters, digits, hyphens and underscores, with dots between them.
pub(super) fn is_dns_name(name: &str) -> bool {
    let bare = name.strip_suffix('.').unwrap_or(name);
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    name.len() <= 253
        && bare
            .split('.')
            .all(|l| !l.is_empty() && l.len() <= 63 && l.bytes().all(letter))
}

/// A host on this machine or a private network, as far as its text tells. (A name may still lead there; whoever connects
/// looks again at the address it got.)
pub(super) fn is_internal(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => internal_v4(ip),
        Ok(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
            Some(ip) => internal_v4(ip),
            None => {
                ip.is_loopback()
                    || ip.is_unspecified()
                    || ip.is_unique_local()
                    || ip.is_unicast_link_local()
                    || ip.is_multicast()
            }
        },
        Err(_) => {
            host == "localhost"
                || [".localhost", ".local", ".internal", ".lan", ".home.arpa"]
                    .iter()
                    .any(|end| host.ends_with(end))
                || !host.contains('.')
        }
    }
}

fn internal_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || a == 0
        || shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_was_meant_is_found_and_a_stranger_is_not() {
        let services = ["orders-api", "manufacturing-database", "web-front"];
        assert_eq!(nearest("orders-apy", services), Some("orders-api"));
        assert_eq!(nearest("ordres-api", services), Some("orders-api"));
        assert_eq!(nearest("payroll", services), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), services), None);
    }

    #[test]
    fn a_mail_address_is_one_mailbox_and_nothing_that_bends_a_mail() {
        assert!(is_email("cto@sentia.com") && is_email("first.last+dr@mail.example.org"));
        for bad in [
            "",
            "cto",
            "@sentia.com",
            "cto@",
            "cto@sentia",
            "a b@c.de",
            "a@b.c\nBcc: x@y.z",
            "<a@b.cd>",
            "a@b.c,d@e.f",
            "a@-b.c",
            ".a@b.cd",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn a_phone_number_is_international_and_of_a_dialable_length() {
        assert!(is_phone("+1-555-0001") && is_phone("+4930123456"));
        for bad in [
            "",
            "555-0001",
            "+1",
            "+1--555-0001",
            "+1-555-000a",
            "+1 555 0001",
            "+1234567890123456",
            "+0123456789",
        ] {
            assert!(!is_phone(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_is_taken_apart_or_refused() {
        let a = url("http://user@example.com:8080/a?b", &["http"]).expect("a URL");
        assert_eq!(
            (a.user, a.host, a.path),
            (Some("user"), "example.com", "/a?b")
        );
        assert_eq!(
            url("https://[::1]/", &["https"]).map(|a| a.host),
            Some("::1")
        );
        for bad in [
            "example.com",
            "file:///etc/passwd",
            "http://",
            "http://a b/",
            "http://a:0/",
            "http://a:99999/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://a\n.b/",
            "http://[::1/",
        ] {
            assert!(url(bad, &["http", "https"]).is_none(), "{bad}");
        }
    }

    #[test]
    fn places_that_only_this_network_knows_are_internal() {
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "localhost",
            "LOCALHOST.",
            "db.internal",
            "primary",
        ] {
            assert!(is_internal(host), "{host}");
        }
        for host in ["8.8.8.8", "example.com", "2606:4700::1111", "172.32.0.1"] {
            assert!(!is_internal(host), "{host}");
        }
    }
}
