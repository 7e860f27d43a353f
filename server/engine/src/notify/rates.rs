//! How often one telephone number is called or texted. SEV1 comes through.

use domain::{Severity, Stamp, plan::Channel};
use std::collections::HashMap;
use store::{Error, Notification, Store};

const MINUTE: i64 = 60_000_000;

/// So many within a time: GoAlert's rules.
type Rule = (usize, i64);
const CALLS: [Rule; 3] = [(3, 15 * MINUTE), (7, 60 * MINUTE), (15, 180 * MINUTE)];
const TEXTS: [Rule; 3] = [(5, 15 * MINUTE), (11, 60 * MINUTE), (21, 180 * MINUTE)];

fn rules(channel: Channel) -> &'static [Rule] {
    match channel {
        Channel::Phone => &CALLS,
        Channel::Sms => &TEXTS,
        _ => &[],
    }
}

/// Of rows that were just claimed: those that have to wait, each with when its address is free again.
pub async fn too_many(
    store: &Store,
    channel: Channel,
    rows: &[Notification],
    at: Stamp,
) -> Result<Vec<(String, Stamp)>, Error> {
    let rules = rules(channel);
    let Some(longest) = rules.iter().map(|(_, within)| *within).max() else {
        return Ok(Vec::new());
    };
    // One that was tried before has been counted then.
    let asked: Vec<&Notification> = rows
        .iter()
        .filter(|n| n.attempts == 1 && n.severity.as_deref() != Some(Severity::Sev1.id()))
        .collect();
    let addresses: Vec<&str> = asked.iter().filter_map(|n| n.address.as_deref()).collect();
    if addresses.is_empty() {
        return Ok(Vec::new());
    }
    let mut past: HashMap<String, Vec<i64>> = HashMap::new();
    for (address, when) in store.written_to(channel.id(), at.0 - longest, &addresses).await? {
        // These themselves are in there already.
        if when < at.0 {
            past.entry(address).or_default().push(when);
        }
    }
    let mut wait = Vec::new();
    for row in asked {
        let past = past.entry(row.address.clone().unwrap_or_default()).or_default();
        past.sort_unstable();
        match free_at(rules, past, at.0) {
            at_once if at_once <= at.0 => past.push(at.0),
            later => wait.push((row.id.clone(), Stamp(later))),
        }
    }
    Ok(wait)
}

/// When one more may go to an address with this past, in order.
fn free_at(rules: &[Rule], past: &[i64], at: i64) -> i64 {
    let free = |(most, within): &Rule| match past.len().checked_sub(*most) {
        Some(nth) => past[nth] + within,
        None => at,
    };
    rules.iter().map(free).max().unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fourth_call_within_a_quarter_of_an_hour_waits_for_its_end() {
        let m = |minute: i64| minute * MINUTE;
        assert_eq!(free_at(&CALLS, &[], m(100)), m(100));
        assert_eq!(free_at(&CALLS, &[m(98), m(99)], m(100)), m(100));
        assert_eq!(free_at(&CALLS, &[m(90), m(98), m(99)], m(100)), m(105));
        assert!(free_at(&CALLS, &[m(80), m(98), m(99)], m(100)) <= m(100));
        // Spread over an hour: the eighth waits for the hour.
        let seven: Vec<i64> = (0..7).map(|n| m(45 + 8 * n)).collect();
        assert_eq!(free_at(&CALLS, &seven, m(100)), m(105));
        assert_eq!(free_at(&TEXTS, &seven[..4], m(72)), m(72));
    }
}
