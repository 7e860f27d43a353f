//! From positions in the log to instants: what the primary had written when, and how much of that is elsewhere.

use domain::{Cover, Exposure, Span, Stamp};
use std::collections::VecDeque;

/// A second place that is no further behind than this follows.
const FOLLOWS: Span = Span::secs(15);
/// A point that moves is told this often.
const REST: Span = Span::secs(60);
/// Positions are remembered for so many looks: at one in two seconds, eight hours.
const REMEMBERED: usize = 14_400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Primary,
    Standby,
}

/// What one node said of itself.
#[derive(Clone, Debug)]
pub struct Node {
    pub role: Role,
    pub system: String,
    /// Written, or received.
    pub position: i64,
    /// The end of the last segment of the log that was archived.
    pub archived: Option<i64>,
}

/// How it stands now, where that is something new.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub cover: Cover,
    pub point: Option<Stamp>,
    pub because: String,
}

#[derive(Default)]
pub struct Ledger {
    /// What the primary had written, and when it was asked.
    marks: VecDeque<(Stamp, i64)>,
    /// What was written up to here is elsewhere …
    point: Option<Stamp>,
    /// … and up to here on a standby. An archive comes in pieces: it does not follow.
    followed: Option<Stamp>,
    told: Option<(Cover, Option<Stamp>)>,
    telling: Option<(Cover, Option<Stamp>)>,
    told_at: Option<Stamp>,
}

impl Ledger {
    /// Goes on after a restart.
    pub fn after(before: Option<&Exposure>) -> Ledger {
        let known = before.map(|e| match e.cover {
            // It followed until it was last seen, and nobody knows when that was.
            Cover::Follows => None,
            _ => e.point,
        });
        Ledger {
            point: known.flatten(),
            told: before.map(|e| (e.cover, e.point)),
            ..Ledger::default()
        }
    }

    /// Takes a look in. `asked`: a moment before the nodes were asked.
    pub fn after_look(&mut self, asked: Stamp, nodes: &[(String, Option<Node>)]) -> Option<Found> {
        let found = self.judge(asked, nodes);
        let now = (found.cover, found.point);
        let is_new = match self.told {
            Some((cover, point)) if cover == now.0 => {
                // A copy that lags behind moves with every look.
                let rest = self.told_at.is_none_or(|at| asked.since(at) >= REST);
                point != now.1 && rest
            }
            _ => true,
        };
        self.telling = Some(now);
        is_new.then_some(found)
    }

    /// What was found last is written down.
    pub fn reported(&mut self, asked: Stamp) {
        self.told = self.telling;
        self.told_at = Some(asked);
    }

    fn judge(&mut self, asked: Stamp, nodes: &[(String, Option<Node>)]) -> Found {
        let is =
            |role| move |n: &&(String, Option<Node>)| n.1.as_ref().is_some_and(|n| n.role == role);
        let primary = nodes
            .iter()
            .filter(is(Role::Primary))
            .filter_map(|(name, n)| Some((name, n.as_ref()?)))
            // Two of them write two histories; the one that is further is no less at risk.
            .max_by_key(|(_, n)| n.position);
        if let Some((_, node)) = primary {
            self.mark(asked, node.position);
        }
        let system = primary.map(|(_, n)| n.system.as_str());
        let standbys = nodes
            .iter()
            .filter(is(Role::Standby))
            .filter_map(|(name, n)| Some((name, n.as_ref()?)))
            .filter(|(_, n)| system.is_none_or(|s| s == n.system));
        let standby = standbys
            .map(|(name, n)| (name.as_str(), n.position))
            .max_by_key(|(_, position)| *position);
        let archive = primary.and_then(|(_, n)| n.archived);
        // Of two that are as far the standby is named: it is the one to switch to.
        let furthest = archive
            .map(|end| ("the archive", end))
            .into_iter()
            .chain(standby)
            .max_by_key(|(_, position)| *position);
        let reached = |of: Option<(&str, i64)>| self.written_by(of?.1);
        let (all, on_standby) = (reached(furthest), reached(standby));
        self.point = self.point.max(all);
        self.followed = self.followed.max(on_standby);
        let follows = self.followed.is_some_and(|at| asked.since(at) <= FOLLOWS);
        match (primary, furthest) {
            (Some(_), Some(_)) if follows => Found {
                cover: Cover::Follows,
                point: None,
                because: match standby {
                    Some((place, _)) => format!("{place} follows"),
                    None => "a standby followed a moment ago".into(),
                },
            },
            (Some((name, _)), Some((place, _))) => Found {
                cover: Cover::Alone,
                point: self.point,
                because: format!("{place} does not keep up with {name}"),
            },
            // For a moment only: the next look tells.
            (Some((name, _)), None) if follows => Found {
                cover: Cover::Follows,
                point: None,
                because: format!("no standby follows {name} since a moment ago"),
            },
            (Some((name, _)), None) => Found {
                cover: Cover::Alone,
                point: self.point,
                because: format!("no standby follows {name}"),
            },
            (None, _) => Found {
                cover: Cover::Silent,
                point: self.point,
                because: match furthest {
                    Some((place, _)) => {
                        format!("no primary answers; {place} has what was written until")
                    }
                    None => "no node answers; the last that was seen elsewhere is of".into(),
                },
            },
        }
    }

    fn mark(&mut self, asked: Stamp, position: i64) {
        if self.marks.back().is_some_and(|(_, last)| *last > position) {
            // Another history, or another server: what was remembered says nothing of it.
            self.marks.clear();
        }
        // Nothing written since: whoever has that much has everything until now.
        match self.marks.back_mut() {
            Some((at, last)) if *last == position => *at = asked,
            _ => self.marks.push_back((asked, position)),
        }
        if self.marks.len() > REMEMBERED {
            self.marks.pop_front();
        }
    }

    /// The latest time at which no more than this was written.
    fn written_by(&self, position: i64) -> Option<Stamp> {
        let after = self
            .marks
            .partition_point(|(_, written)| *written <= position);
        self.marks.get(after.checked_sub(1)?).map(|(at, _)| *at)
    }
}

/// Where a segment of the log ends, by its name: timeline, and two halves of its number.
pub fn end_of_segment(name: &str, size: i64) -> Option<i64> {
    // `….partial`, `….backup` and `….history` are no whole segments.
    if name.len() != 24 {
        return None;
    }
    let part = |at: std::ops::Range<usize>| i64::from_str_radix(name.get(at)?, 16).ok();
    let per_log = 0x1_0000_0000_i64.checked_div(size)?;
    let number = part(8..16)?
        .checked_mul(per_log)?
        .checked_add(part(16..24)?)?;
    number.checked_add(1)?.checked_mul(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Stamp {
        Stamp(second * 1_000_000)
    }

    fn node(role: Role, position: i64) -> Option<Node> {
        Some(Node {
            role,
            system: "7".into(),
            position,
            archived: None,
        })
    }

    fn look(
        ledger: &mut Ledger,
        second: i64,
        one: Option<Node>,
        two: Option<Node>,
    ) -> Option<(Cover, Option<Stamp>)> {
        let found = ledger.after_look(at(second), &[("one".into(), one), ("two".into(), two)]);
        if found.is_some() {
            ledger.reported(at(second));
        }
        found.map(|f| (f.cover, f.point))
    }

    use Role::{Primary, Standby};

    #[test]
    fn a_standby_that_follows_covers_and_is_told_once() {
        let mut ledger = Ledger::default();
        let told = look(&mut ledger, 0, node(Primary, 100), node(Standby, 100));
        assert_eq!(told, Some((Cover::Follows, None)));
        for second in 1..100 {
            let position = 100 + second;
            let told = look(
                &mut ledger,
                second,
                node(Primary, position),
                node(Standby, position - 3),
            );
            assert_eq!(told, None, "three seconds behind is following");
        }
    }

    #[test]
    fn a_lag_is_a_time_and_not_a_number_of_bytes() {
        let mut ledger = Ledger::default();
        look(&mut ledger, 0, node(Primary, 100), node(Standby, 100));
        // Nothing is written for an hour: the standby has all there is.
        for second in (0..3600).step_by(10) {
            assert_eq!(
                look(&mut ledger, second, node(Primary, 100), node(Standby, 100)),
                None
            );
        }
        // One byte that does not arrive is a lag that grows.
        assert_eq!(
            look(&mut ledger, 3600, node(Primary, 101), node(Standby, 100)),
            None
        );
        let told = look(&mut ledger, 3606, node(Primary, 101), node(Standby, 100));
        assert_eq!(told, Some((Cover::Alone, Some(at(3590)))));
    }

    #[test]
    fn a_standby_that_comes_back_covers_again() {
        let mut ledger = Ledger::default();
        look(&mut ledger, 0, node(Primary, 100), node(Standby, 100));
        assert_eq!(
            look(&mut ledger, 20, node(Primary, 200), None),
            Some((Cover::Alone, Some(at(0))))
        );
        assert_eq!(look(&mut ledger, 22, node(Primary, 210), None), None);
        let told = look(&mut ledger, 24, node(Primary, 220), node(Standby, 215));
        assert_eq!(told, Some((Cover::Follows, None)));
    }

    #[test]
    fn a_dead_primary_leaves_what_its_standby_had() {
        let mut ledger = Ledger::default();
        look(&mut ledger, 0, node(Primary, 100), node(Standby, 100));
        look(&mut ledger, 2, node(Primary, 150), node(Standby, 150));
        let told = look(&mut ledger, 4, None, node(Standby, 180));
        assert_eq!(told, Some((Cover::Silent, Some(at(2)))));
        assert_eq!(
            look(&mut ledger, 60, None, node(Standby, 180)),
            None,
            "it does not grow"
        );
    }

    #[test]
    fn a_promoted_standby_stands_alone() {
        let mut ledger = Ledger::default();
        look(&mut ledger, 2, node(Primary, 150), node(Standby, 150));
        look(&mut ledger, 4, None, node(Standby, 150));
        let told = look(&mut ledger, 30, None, node(Primary, 160));
        assert_eq!(told, Some((Cover::Alone, Some(at(2)))));
    }

    #[test]
    fn a_copy_that_lags_behind_is_told_once_a_minute() {
        let mut ledger = Ledger::default();
        look(&mut ledger, 0, node(Primary, 0), node(Standby, 0));
        let told = (1..600).filter(|second| {
            let behind = node(Standby, (second - 30).max(0));
            look(&mut ledger, *second, node(Primary, *second), behind).is_some()
        });
        assert!((2..=11).contains(&told.count()));
    }

    #[test]
    fn another_system_is_no_second_place() {
        let mut ledger = Ledger::default();
        let mut stranger = node(Standby, 500);
        if let Some(node) = &mut stranger {
            node.system = "8".into();
        }
        let told = look(&mut ledger, 0, node(Primary, 100), stranger);
        assert_eq!(told, Some((Cover::Alone, None)));
    }

    #[test]
    fn an_archived_segment_is_a_second_place() {
        const SEGMENT: i64 = 16 << 20;
        let end = end_of_segment("000000010000000200000003", SEGMENT);
        assert_eq!(end, Some((2 * 256 + 4) * SEGMENT));
        let not_whole = ["00000002.history", "000000010000000200000003.partial"];
        assert!(
            not_whole
                .iter()
                .all(|n| end_of_segment(n, SEGMENT).is_none())
        );
        let mut ledger = Ledger::default();
        let primary = |position, archived| {
            Some(Node {
                archived,
                ..node(Primary, position).expect("a node")
            })
        };
        look(&mut ledger, 0, primary(SEGMENT - 5, None), None);
        look(&mut ledger, 100, primary(SEGMENT + 5, None), None);
        let told = look(&mut ledger, 110, primary(SEGMENT + 9, Some(SEGMENT)), None);
        assert_eq!(told, Some((Cover::Alone, Some(at(0)))));
    }

    #[test]
    fn a_restart_goes_on_where_it_was_and_tells_nothing_twice() {
        let before = Exposure {
            cover: Cover::Silent,
            point: Some(at(2)),
            because: String::new(),
            since: at(4),
        };
        let mut ledger = Ledger::after(Some(&before));
        assert_eq!(look(&mut ledger, 60, None, node(Standby, 180)), None);
    }
}
