//! From looks to health: `fall` worse looks in a row, `rise` better ones, and nothing known before the first success or
//! the full row of failures.

use super::{failure::Failure, probe::Seen};
use domain::{Health, Stamp};

pub struct Verdict {
    fall: u32,
    rise: u32,
    health: Health,
    row: Option<Row>,
}

/// Looks in a row that contradict the health, all to the same side of it.
struct Row {
    worse: bool,
    length: u32,
    /// When the first of them was.
    since: Stamp,
    /// Of what they found that which is nearest to the health: a row of slow looks with one refusal in it proves no outage.
    found: Health,
    says: String,
}

impl Verdict {
    /// `health`: what was known before, by this same server.
    pub fn new(fall: u32, rise: u32, health: Health) -> Self {
        Verdict {
            fall: fall.max(1),
            rise: rise.max(1),
            health,
            row: None,
        }
    }

    pub fn health(&self) -> Health {
        self.health
    }

    /// What a look changes: the new health, the evidence, and the instant it began.
    pub fn after(
        &mut self,
        seen: Result<Seen, Failure>,
        at: Stamp,
    ) -> Option<(Health, String, Stamp)> {
        let (found, says) = match seen {
            Ok(seen) => (Health::Operational, seen.says),
            Err(failure) => (failure.class.health(), failure.says),
        };
        if found == self.health {
            self.row = None;
            return None;
        }
        let unknown = self.health == Health::NoData;
        let worse = if unknown {
            found != Health::Operational
        } else {
            found.rank() > self.health.rank()
        };
        // One good answer is knowledge; only coming back from an outage asks for more.
        let needed = match worse {
            true => self.fall,
            false if unknown => 1,
            false => self.rise,
        };
        let mut row = match self.row.take() {
            Some(row) if row.worse == worse => row,
            _ => Row {
                worse,
                length: 0,
                since: at,
                found,
                says: String::new(),
            },
        };
        row.length += 1;
        let nearer = if worse {
            found.rank() <= row.found.rank()
        } else {
            found.rank() >= row.found.rank()
        };
        if nearer {
            (row.found, row.says) = (found, says);
        }
        if row.length < needed {
            self.row = Some(row);
            return None;
        }
        self.health = row.found;
        let looks = if needed == 1 {
            String::new()
        } else {
            format!(", {needed} of {needed} looks")
        };
        Some((row.found, format!("{}{looks}", row.says), row.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Class;

    fn ok() -> Result<Seen, Failure> {
        Ok(Seen {
            says: "answered".into(),
        })
    }
    fn bad() -> Result<Seen, Failure> {
        Err(Failure::new(Class::Refused, "connection refused"))
    }
    fn slow() -> Result<Seen, Failure> {
        Err(Failure::new(Class::Slow, "slow"))
    }

    #[test]
    fn nothing_is_known_before_the_first_look() {
        let mut v = Verdict::new(3, 2, Health::NoData);
        assert_eq!(v.after(bad(), Stamp(1)), None);
        assert_eq!(v.after(bad(), Stamp(2)), None);
        assert_eq!(
            v.after(bad(), Stamp(3)),
            Some((
                Health::MajorOutage,
                "connection refused, 3 of 3 looks".into(),
                Stamp(1)
            ))
        );
    }

    #[test]
    fn a_good_look_after_bad_ones_is_dated_by_itself() {
        let mut v = Verdict::new(3, 2, Health::NoData);
        assert_eq!(v.after(bad(), Stamp(1)), None);
        assert_eq!(v.after(bad(), Stamp(2)), None);
        let good = v.after(ok(), Stamp(3)).map(|c| (c.0, c.2));
        assert_eq!(good, Some((Health::Operational, Stamp(3))));
    }

    #[test]
    fn one_failed_look_is_no_outage_and_one_success_ends_none() {
        let mut v = Verdict::new(3, 2, Health::NoData);
        assert_eq!(
            v.after(ok(), Stamp(1)),
            Some((Health::Operational, "answered".into(), Stamp(1)))
        );
        assert_eq!(v.after(bad(), Stamp(2)), None);
        assert_eq!(v.after(bad(), Stamp(3)), None);
        assert_eq!(v.after(ok(), Stamp(4)), None);
        for at in 5..7 {
            assert_eq!(v.after(bad(), Stamp(at)), None);
        }
        assert_eq!(
            v.after(bad(), Stamp(7)).map(|c| (c.0, c.2)),
            Some((Health::MajorOutage, Stamp(5)))
        );
        assert_eq!(v.after(ok(), Stamp(8)), None);
        assert_eq!(
            v.after(ok(), Stamp(9)).map(|c| (c.0, c.2)),
            Some((Health::Operational, Stamp(8)))
        );
    }

    #[test]
    fn slow_looks_with_a_refusal_among_them_are_degraded_and_no_outage() {
        let mut v = Verdict::new(3, 2, Health::Operational);
        assert_eq!(v.after(slow(), Stamp(1)), None);
        assert_eq!(v.after(bad(), Stamp(2)), None);
        let fell = v.after(slow(), Stamp(3)).map(|c| (c.0, c.2));
        assert_eq!(fell, Some((Health::Degraded, Stamp(1))));
        for at in 4..6 {
            assert_eq!(v.after(bad(), Stamp(at)), None);
        }
        let fell = v.after(bad(), Stamp(6)).map(|c| (c.0, c.2));
        assert_eq!(fell, Some((Health::MajorOutage, Stamp(4))));
        assert_eq!(v.after(slow(), Stamp(7)), None);
        let rose = v.after(ok(), Stamp(8)).map(|c| (c.0, c.2));
        assert_eq!(rose, Some((Health::Degraded, Stamp(7))));
    }

    #[test]
    fn a_changed_plan_does_not_bring_an_outage_back_with_one_good_look() {
        let mut v = Verdict::new(3, 2, Health::MajorOutage);
        assert_eq!(v.after(ok(), Stamp(1)), None);
        let rose = v.after(ok(), Stamp(2)).map(|c| c.0);
        assert_eq!(rose, Some(Health::Operational));
    }
}
