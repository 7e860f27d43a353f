//! From looks to health: `fall` failures in a row, `rise` successes in a row, and nothing known before the first success
//! or the full row of failures.

use super::probe::{Failure, Seen};
use domain::{Health, Stamp};

pub struct Verdict {
    fall: u32,
    rise: u32,
    health: Health,
    /// What the latest looks say, how many in a row contradict `health` with it, and when the first of them was.
    toward: Health,
    against: u32,
    since: Stamp,
}

impl Verdict {
    pub fn new(fall: u32, rise: u32) -> Self {
        Verdict {
            fall: fall.max(1),
            rise: rise.max(1),
            health: Health::NoData,
            toward: Health::NoData,
            against: 0,
            since: Stamp(0),
        }
    }

    /// What a look changes: the new health, the evidence, and the instant it began.
    pub fn after(
        &mut self,
        seen: Result<Seen, Failure>,
        at: Stamp,
    ) -> Option<(Health, String, Stamp)> {
        let (found, needed, says) = match seen {
            // One good answer is knowledge; only coming back from an outage asks for more.
            Ok(seen) => (
                Health::Operational,
                if self.health == Health::NoData {
                    1
                } else {
                    self.rise
                },
                seen.says,
            ),
            Err(failure) => (Health::MajorOutage, self.fall, failure.says),
        };
        if found == self.health {
            self.against = 0;
            return None;
        }
        // A row is of one kind: while nothing is known, a good look does not begin where the bad ones before it did.
        if self.against == 0 || found != self.toward {
            self.toward = found;
            self.against = 0;
            self.since = at;
        }
        self.against += 1;
        if self.against < needed {
            return None;
        }
        let looks = if needed == 1 {
            String::new()
        } else {
            format!(", {needed} of {needed} looks")
        };
        self.against = 0;
        self.health = found;
        Some((found, format!("{says}{looks}"), self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok() -> Result<Seen, Failure> {
        Ok(Seen {
            says: "answered".into(),
        })
    }
    fn bad() -> Result<Seen, Failure> {
        Err(Failure {
            class: "refused",
            says: "connection refused".into(),
        })
    }

    #[test]
    fn nothing_is_known_before_the_first_look() {
        let mut v = Verdict::new(3, 2);
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
        let mut v = Verdict::new(3, 2);
        assert_eq!(v.after(bad(), Stamp(1)), None);
        assert_eq!(v.after(bad(), Stamp(2)), None);
        let good = v.after(ok(), Stamp(3)).map(|c| (c.0, c.2));
        assert_eq!(good, Some((Health::Operational, Stamp(3))));
    }

    #[test]
    fn one_failed_look_is_no_outage_and_one_success_ends_none() {
        let mut v = Verdict::new(3, 2);
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
}
