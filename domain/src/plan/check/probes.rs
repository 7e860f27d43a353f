//! The probes of `services.yaml`: they can work, and reach into this network only where the plan says so.

use super::{Findings, words};
use crate::plan::{Check, Plan, Probe};
use std::collections::BTreeSet;

pub(super) fn probe(plan: &Plan, at: &str, probe: &Probe, look: &Check, f: &mut Findings) {
    match probe {
        Probe::Http(probe) => {
            web(&format!("{at}.http.url"), &probe.url, look.internal, f);
            if !(100..=599).contains(&probe.expect) {
                f.add(
                    format!("{at}.http.expect"),
                    probe.expect,
                    "an HTTP status is a number from 100 to 599",
                );
            }
            for pointer in probe.json.keys() {
                if !pointer.is_empty() && !pointer.starts_with('/') {
                    f.add(
                        format!("{at}.http.json.{pointer}"),
                        pointer,
                        "this is a JSON pointer, and begins with /, such as /status",
                    );
                }
            }
            if let Some(days) = probe.certificate_days {
                let says = if !probe.url.starts_with("https://") {
                    Some(
                        "only https:// has a certificate; take this key out, or write https:// in the address",
                    )
                } else if !(1..=397).contains(&days) {
                    Some("write a number of days from 1 to 397")
                } else {
                    None
                };
                if let Some(says) = says {
                    f.add(format!("{at}.http.certificate_days"), days, says);
                }
            }
            if probe.contains.as_deref() == Some("") {
                f.add(format!("{at}.http.contains"), "", "every answer contains nothing; write what it must contain, or leave this key out");
            }
        }
        Probe::Tcp(probe) => match words::host_and_port(&probe.address) {
            Some((host, Some(_))) => inside(
                format!("{at}.tcp.address"),
                &probe.address,
                host,
                look.internal,
                f,
            ),
            _ => f.add(
                format!("{at}.tcp.address"),
                &probe.address,
                "write a host and a port, such as db.example.com:5432",
            ),
        },
        Probe::Postgres(probe) => {
            let at = format!("{at}.postgres");
            let databases: BTreeSet<&str> =
                plan.targets.databases.keys().map(String::as_str).collect();
            f.refer(
                format!("{at}.database"),
                &probe.database,
                "targets.yaml has no database of this name",
                &databases,
                "targets",
            );
            let Some(database) = plan.targets.databases.get(&probe.database) else {
                return;
            };
            if probe
                .max_lag
                .as_ref()
                .is_some_and(|lag| lag.time.is_none() && lag.bytes.is_none())
            {
                f.add(
                    format!("{at}.max_lag"),
                    "{}",
                    "write how far behind it may be: `time`, `bytes` or both",
                );
            }
            let mut nodes: BTreeSet<&str> = database.nodes.keys().map(String::as_str).collect();
            nodes.insert("route");
            f.refer(
                format!("{at}.node"),
                &probe.node,
                "the database has no node of this name",
                &nodes,
                "targets",
            );
            let node = if probe.node == "route" {
                Some(&database.route)
            } else {
                database.nodes.get(&probe.node)
            };
            if let Some(parts) = node.and_then(|n| words::url(&n.url, &["postgres", "postgresql"]))
            {
                inside(
                    format!("{at}.node"),
                    &probe.node,
                    parts.host,
                    look.internal,
                    f,
                );
            }
        }
        Probe::UserPath(probe) => {
            let at = format!("{at}.user_path");
            web(&format!("{at}.url"), &probe.url, look.internal, f);
            web(
                &format!("{at}.read_back"),
                &probe.read_back.replace("{id}", "id"),
                look.internal,
                f,
            );
            if !probe.read_back.contains("{id}") {
                let says = "where the document is read back must hold {id}, such as https://example.com/orders/{id}";
                f.add(format!("{at}.read_back"), &probe.read_back, says);
            }
        }
        Probe::Dns(probe) => {
            let at = format!("{at}.dns");
            if !words::is_dns_name(&probe.name) {
                f.add(
                    format!("{at}.name"),
                    &probe.name,
                    "write a name of the DNS, such as www.example.com",
                );
            }
            match words::host_and_port(&probe.server) {
                Some((host, _)) => inside(
                    format!("{at}.server"),
                    &probe.server,
                    host,
                    look.internal,
                    f,
                ),
                None => f.add(
                    format!("{at}.server"),
                    &probe.server,
                    "write the DNS server to ask, such as 9.9.9.9 or ns1.example.com:53",
                ),
            }
            for (i, text) in probe
                .expect
                .iter()
                .enumerate()
                .filter(|(_, t)| t.trim().is_empty())
            {
                f.add(format!("{at}.expect[{i}]"), text, "no answer is empty; write what must be among the answers, or take this line out");
            }
        }
        Probe::Command(probe) => f.argv(format!("{at}.command.argv"), &probe.argv),
        Probe::Heartbeat(probe) => {
            if probe.every < look.interval {
                let says = format!(
                    "a heartbeat is looked for every {}; the other side cannot be asked to call in more often",
                    look.interval
                );
                f.add(format!("{at}.heartbeat.every"), probe.every, says);
            }
        }
        Probe::Any(probes) => {
            if !(2..=8).contains(&probes.len()) {
                f.add(
                    format!("{at}.any"),
                    probes.len(),
                    "write two to eight looks; one alone needs no `any`",
                );
            }
            for (i, one) in probes.iter().enumerate() {
                let at = format!("{at}.any[{i}]");
                match one {
                    Probe::Any(_) | Probe::Heartbeat(_) => f.add(
                        at,
                        "",
                        "this cannot stand within `any`; write a look that Muster makes itself",
                    ),
                    one => self::probe(plan, &at, one, look, f),
                }
            }
        }
    }
}

/// A web address that a probe may ask.
pub(super) fn web(at: &str, text: &str, internal: bool, f: &mut Findings) {
    match words::url(text, &["http", "https"]) {
        None => f.add(
            at,
            text,
            "this is not a web address; write http:// or https://, a host, and a path",
        ),
        Some(parts) if parts.user.is_some() => f.add(
            at,
            text,
            "an address in a plan holds no user or password; take the part before @ away",
        ),
        Some(parts) => inside(at.into(), text, parts.host, internal, f),
    }
}

/// A probe reaches into this network only where the plan says that it means to.
fn inside(at: String, found: &str, host: &str, internal: bool, f: &mut Findings) {
    if !internal && words::is_internal(host) {
        f.add(at, found, format!("`{host}` is on this machine or a private network; if that is meant, write `internal: true` in the check"));
    }
}
