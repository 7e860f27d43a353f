//! Addresses that a check or a request of a plan does not reach unless the plan says that it means them.
//!
//! Architecture invariant: a name is resolved once, its addresses are judged, and the connection goes to those very
//! addresses.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

#[derive(Clone, Debug, thiserror::Error)]
pub enum No {
    #[error("{host} is {what} ({ip})")]
    Inside {
        host: String,
        ip: IpAddr,
        what: &'static str,
    },
    #[error("the name {host} has no address{why}")]
    Unknown { host: String, why: String },
}

/// The addresses of a host (a name, or an address with or without brackets): all of them outside, or `internal`.
pub async fn find(host: &str, port: u16, internal: bool) -> Result<Vec<SocketAddr>, No> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let unknown = |why: String| No::Unknown {
        host: host.into(),
        why,
    };
    let found: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => tokio::net::lookup_host((host, port))
            .await
            .map_err(|e| unknown(format!(": {e}")))?
            .collect(),
    };
    if found.is_empty() {
        return Err(unknown(String::new()));
    }
    if !internal
        && let Some((ip, what)) = found.iter().find_map(|a| Some((a.ip(), inside(a.ip())?)))
    {
        return Err(No::Inside {
            host: host.into(),
            ip,
            what,
        });
    }
    Ok(found)
}

/// For a client of many requests. (An address that stands in a URL is never resolved: judge it before.)
pub struct Judge {
    pub internal: bool,
}

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let internal = self.internal;
        Box::pin(async move {
            let found: Addrs = Box::new(find(name.as_str(), 0, internal).await?.into_iter());
            Ok(found)
        })
    }
}

/// What kind of place it is, where it is not the open internet.
fn inside(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => inside_v4(ip),
        IpAddr::V6(ip) => inside_v6(ip),
    }
}

fn inside_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        _ if ip.is_loopback() => Some("this machine"),
        _ if ip.is_unspecified() => Some("no address of a machine"),
        (169, 254, 169) if ip == Ipv4Addr::new(169, 254, 169, 254) => {
            Some("the cloud's metadata service")
        }
        _ if ip.is_link_local() => Some("a link-local address"),
        _ if ip.is_private() => Some("a private network"),
        (100, 64..=127, _) => Some("a shared network"),
        _ if ip.is_multicast() => Some("a multicast address"),
        (0 | 240..=255, ..) | (192, 0, 0) | (198, 18 | 19, _) => Some("a reserved address"),
        _ if ip.is_documentation() => Some("a reserved address"),
        _ => None,
    }
}

/// All but global unicast, and of that what carries an IPv4 address within or is kept for other uses.
fn inside_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let [a, b, ..] = ip.segments();
    match (a, b) {
        _ if ip.is_loopback() => Some("this machine"),
        _ if ip.is_unspecified() => Some("no address of a machine"),
        _ if ip.to_ipv4_mapped().is_some() => Some("an IPv4 address in disguise"),
        _ if ip.is_unique_local() => Some("a private network"),
        _ if ip.is_unicast_link_local() => Some("a link-local address"),
        _ if ip.is_multicast() => Some("a multicast address"),
        (0x2001, 0) | (0x2002, _) | (0x64, 0xff9b) => Some("an IPv4 address in disguise"),
        (0x2001, 0x0db8) => Some("a reserved address"),
        _ if a & 0xe000 != 0x2000 => Some("a reserved address"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_open_internet_is_outside() {
        for ip in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "169.254.1.1",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "198.18.0.1",
            "192.0.0.1",
            "203.0.113.9",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(inside(ip.parse().unwrap()).is_some(), "{ip}");
        }
        for ip in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "169.253.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert_eq!(inside(ip.parse().unwrap()), None, "{ip}");
        }
        assert_eq!(
            inside("169.254.169.254".parse().unwrap()),
            Some("the cloud's metadata service")
        );
    }
}
