//! What a page says about the world, worked out: no signal, no clock of its own.

use crate::page::Look;
use domain::{
    Health, ServiceId, Span, Stamp, World, failed_dependencies,
    plan::{Plan, Runbook, Service},
    words::{Icon, health_icon},
};
use std::collections::BTreeMap;

/// In the order of a key; equals stay as they were. For the few things on a page: the library's sort costs the download
/// some kilobytes for each type.
pub fn sorted<T, K: Ord>(items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut out: Vec<T> = Vec::new();
    for item in items {
        let at = out.partition_point(|other| key(other) <= key(&item));
        out.insert(at, item);
    }
    out
}

/// A length of time on a clock's face: `12:43`, `2:05:10`, `3 d 4 h`.
pub fn face(span: Span) -> String {
    let s = span.as_secs();
    match s {
        0..3600 => format!("{:02}:{:02}", s / 60, s % 60),
        3600..86_400 => format!("{}:{:02}:{:02}", s / 3600, s % 3600 / 60, s % 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// A length of time in words, without fractions: `2 s`, `12 min`, `2 h 5 min`; its spaces do not break.
pub fn words(span: Span) -> String {
    match span.as_secs() {
        s @ 0..60 => format!("{s}\u{a0}s"),
        _ => span.human().replace(' ', "\u{a0}"),
    }
}

/// Time against a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub within: Span,
    pub used: Span,
}

impl Limit {
    pub fn is_over(&self) -> bool {
        self.used > self.within
    }
    /// What is left, or by how much it is over.
    pub fn left(&self) -> Span {
        if self.is_over() {
            Span(self.used.0 - self.within.0)
        } else {
            Span(self.within.0 - self.used.0)
        }
    }
    pub fn figure(&self) -> String {
        if self.is_over() {
            format!("+{}", face(self.left()))
        } else {
            face(self.left())
        }
    }
    /// Bad when over, a warning in the last quarter.
    pub fn tone(&self) -> &'static str {
        if self.is_over() {
            "is-bad"
        } else if self.left().0 * 4 < self.within.0 {
            "is-warn"
        } else {
            "is-ok"
        }
    }
}

/// A service as a tile shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    pub icon: Icon,
    pub state: &'static str,
    pub evidence: String,
    /// Seen of the service itself, not concluded from what it depends on.
    pub own: bool,
}

pub fn tile(
    plan: &Plan,
    world: &World,
    looks: &BTreeMap<ServiceId, Look>,
    now: Stamp,
    service: &Service,
) -> Tile {
    let state = world.services.get(&service.id);
    let health = world.health(&service.id);
    let look = looks.get(&service.id);
    let failed = match service.depends_on.is_empty() {
        true => Vec::new(),
        false => failed_dependencies(plan, &|id| world.health(id), &service.id),
    };
    if let (Some(cause), Health::NoData | Health::Operational) = (failed.last(), health) {
        let cause = crate::room::service_name(plan, cause);
        let own = if health == Health::NoData {
            "no data of its own"
        } else {
            "answers for now"
        };
        return Tile {
            icon: Icon::Warn,
            state: "Depends on a failed service",
            evidence: format!("{cause} is down · {own}"),
            own: false,
        };
    }
    let evidence = match (health, look, state) {
        (Health::NoData, _, _) if service.check.is_none() => {
            "no check in the plan, so nothing is known".into()
        }
        (Health::NoData, None, _) => "not looked at yet".into(),
        (Health::NoData, Some(look), _) => format!(
            "looked at {} ago: not enough to tell yet",
            words(now.since(look.at))
        ),
        (Health::Operational, Some(look), _) => format!(
            "checked {}\u{a0}ago · {}\u{a0}ms",
            words(now.since(look.at)),
            look.took_ms
        ),
        (_, _, Some(state)) => {
            let since = state
                .since
                .map(|s| format!("for {}", words(now.since(s))))
                .unwrap_or_default();
            if state.because.is_empty() {
                since
            } else {
                format!("{} · {since}", state.because)
            }
        }
        _ => String::new(),
    };
    Tile {
        icon: health_icon(health),
        state: health.words(),
        evidence,
        own: true,
    }
}

/// The runbooks that the affected services name, the cause's first; and all others, those of recovery and failover first.
pub fn runbooks_for<'a>(
    plan: &'a Plan,
    world: &World,
    affected: &[ServiceId],
) -> (Vec<&'a Runbook>, Vec<&'a Runbook>) {
    let health = |id: &ServiceId| world.health(id);
    let causes = sorted(affected.iter().filter_map(|id| plan.service(id)), |s| {
        failed_dependencies(plan, &health, &s.id).len()
    });
    let mut likely: Vec<&Runbook> = Vec::new();
    for runbook in causes
        .iter()
        .flat_map(|s| &s.runbooks)
        .filter_map(|slug| plan.runbook(slug))
    {
        if !likely.iter().any(|r| r.slug == runbook.slug) {
            likely.push(runbook);
        }
    }
    let others = plan
        .runbooks
        .iter()
        .filter(|r| !likely.iter().any(|l| l.slug == r.slug));
    let others = sorted(others, |r| match (r.group.as_str(), r.trigger.is_some()) {
        ("recovery", true) => 0,
        ("recovery" | "failover", _) => 1,
        ("scenario", _) => 2,
        _ => 3,
    });
    (likely, others)
}

/// A runbook that wants to be told something before it starts: one press of a button is not enough.
pub fn asks(runbook: &Runbook) -> bool {
    runbook.confirm.is_some() || !runbook.parameters.is_empty()
}

/// "Jane, Bob and Alice".
#[cfg(feature = "ssr")]
pub fn and(mut words: Vec<&str>) -> String {
    match words.pop() {
        Some(last) if !words.is_empty() => format!("{} and {last}", words.join(", ")),
        Some(last) => last.into(),
        None => "nobody".into(),
    }
}

/// A text as part of an element's id.
#[cfg(feature = "ssr")]
pub fn slug(text: &str) -> String {
    encoded(text).replace(['%', '.'], "-")
}

/// A text for the query of an address.
#[cfg_attr(target_arch = "wasm32", allow(dead_code))]
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_read_at_a_glance() {
        assert_eq!(face(Span::secs(0)), "00:00");
        assert_eq!(face(Span::secs(763)), "12:43");
        assert_eq!(face(Span::secs(7510)), "2:05:10");
        assert_eq!(face(Span::secs(273_600)), "3 d 4 h");
        assert_eq!(words(Span::millis(2_900)), "2\u{a0}s");
        assert_eq!(words(Span::secs(7_500)), "2\u{a0}h\u{a0}5\u{a0}min");
    }

    #[test]
    fn a_limit_warns_in_its_last_quarter_and_says_by_how_much_it_is_over() {
        let limit = |used| Limit {
            within: Span::secs(100),
            used: Span::secs(used),
        };
        assert_eq!(
            (
                limit(75).tone(),
                limit(76).tone(),
                limit(100).tone(),
                limit(101).tone()
            ),
            ("is-ok", "is-warn", "is-warn", "is-bad")
        );
        assert_eq!(
            (limit(40).figure(), limit(163).figure()),
            ("01:00".into(), "+01:03".into())
        );
    }

    #[test]
    fn equals_keep_their_order() {
        assert_eq!(
            sorted(["bb", "a", "cc", "d", "ee"], |t| t.len()),
            ["a", "d", "bb", "cc", "ee"]
        );
    }

    #[test]
    fn a_query_holds_nothing_but_itself() {
        assert_eq!(encoded("a b&c=ü/?"), "a%20b%26c%3D%C3%BC%2F%3F");
    }
}
