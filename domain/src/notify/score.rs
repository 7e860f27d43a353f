//! The scorecard of an incident: whether the matrix was kept, by audience and channel. Worked out of what was queued and
//! what became of it; nothing of it is stored.

use super::{Acknowledgement, Call, Cause, Comms, Delivery, Suppressed};
use crate::{Span, Stamp, plan::Channel};
use serde::{Deserialize, Serialize};

/// What "at once" allows: a provider takes its moment too.
pub const AT_ONCE: Span = Span::secs(60);

/// One notification: a person or a place, on a channel, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    pub id: String,
    pub cause: Cause,
    pub audience: String,
    pub person: String,
    pub channel: Channel,
    pub state: Delivery,
    pub suppressed: Option<Suppressed>,
    pub queued: Stamp,
    pub due: Stamp,
    pub held_until: Option<Stamp>,
    pub attempts: u32,
    /// When it is tried again.
    pub next: Option<Stamp>,
    pub sent: Option<Stamp>,
    pub delivered: Option<Stamp>,
    pub why: String,
}

/// A line of the scorecard: an audience on a channel, at a level of the escalation.
#[derive(Clone, Debug, PartialEq)]
pub struct Score<'a> {
    pub audience: &'a str,
    pub channel: Channel,
    /// 1 are those who were told first.
    pub level: u8,
    pub due: Stamp,
    pub to: Vec<Target<'a>>,
}

/// Somebody who is to know by a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Target<'a> {
    pub person: &'a str,
    /// The first, and what was sent again.
    pub notices: Vec<&'a Notice>,
    pub knows: Option<&'a Acknowledgement>,
    /// The last call by hand.
    pub call: Option<&'a Call>,
}

/// How it stands with one who is to know …
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reached {
    /// Nobody means to tell them: a drill, for one.
    Kept(Suppressed),
    Waits,
    /// Until the end of their quiet hours.
    Held(Stamp),
    /// It should have gone out, and has not.
    Overdue(Span),
    Sent {
        at: Stamp,
        late: Option<Span>,
    },
    /// Told by a person, or says so.
    ByHand(Stamp),
    /// The machine cannot: somebody has to.
    Not,
}

/// … and with a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    Kept(Suppressed),
    /// So many have to be told by hand.
    NotReached(usize),
    Overdue(Span),
    Waits,
    Late(Span),
    InTime,
}

/// The lines, in the order in which they became due. What was told before a reopening is over.
pub fn scorecard<'a>(comms: &'a Comms, notices: &'a [Notice]) -> Vec<Score<'a>> {
    let mut lines: Vec<Score<'a>> = Vec::new();
    let since = notices.iter().filter(|n| n.seq() > comms.waits_from);
    for notice in since {
        let level = match notice.cause {
            Cause::Declared | Cause::Raised | Cause::Reopened => 1,
            Cause::Escalation(level) => level,
            Cause::Repeat => {
                let mut known = lines.iter_mut().filter(|l| l.channel == notice.channel);
                let target =
                    known.find_map(|l| l.to.iter_mut().find(|t| t.person == notice.person));
                if let Some(target) = target {
                    target.notices.push(notice);
                }
                continue;
            }
            Cause::Update | Cause::Resolved | Cause::Reminder | Cause::Test | Cause::Subscriber => {
                continue;
            }
        };
        let is = |l: &Score<'_>| {
            (l.audience, l.channel, l.level, l.due)
                == (notice.audience.as_str(), notice.channel, level, notice.due)
        };
        let at = lines.iter().position(is).unwrap_or_else(|| {
            lines.push(Score {
                audience: &notice.audience,
                channel: notice.channel,
                level,
                due: notice.due,
                to: Vec::new(),
            });
            lines.len() - 1
        });
        lines[at].to.push(Target {
            person: &notice.person,
            notices: vec![notice],
            knows: comms.knows(&notice.person),
            call: comms.calls.iter().rfind(|c| c.person == notice.person),
        });
    }
    lines.sort_by_key(|l| (l.level, l.due));
    lines
}

impl Notice {
    /// The number of the event that queued it.
    fn seq(&self) -> u64 {
        let seq = self.id.split('.').next().unwrap_or_default();
        seq.parse().unwrap_or_default()
    }
}

impl<'a> Score<'a> {
    pub fn standing(&self, now: Stamp) -> Standing {
        let all: Vec<Reached> = self.to.iter().map(|t| t.reached(self.due, now)).collect();
        let unreached = all.iter().filter(|r| matches!(r, Reached::Not)).count();
        if unreached > 0 {
            return Standing::NotReached(unreached);
        }
        let longest = |of: fn(&Reached) -> Option<Span>| all.iter().filter_map(of).max();
        if let Some(by) = longest(|r| match r {
            Reached::Overdue(by) => Some(*by),
            _ => None,
        }) {
            return Standing::Overdue(by);
        }
        if all
            .iter()
            .any(|r| matches!(r, Reached::Waits | Reached::Held(_)))
        {
            return Standing::Waits;
        }
        if let Some(by) = longest(|r| match r {
            Reached::Sent { late, .. } => *late,
            _ => None,
        }) {
            return Standing::Late(by);
        }
        match all.first() {
            Some(Reached::Kept(reason)) if all.iter().all(|r| matches!(r, Reached::Kept(_))) => {
                Standing::Kept(*reason)
            }
            _ => Standing::InTime,
        }
    }

    pub fn first_sent(&self) -> Option<Stamp> {
        self.to.iter().filter_map(Target::sent).min()
    }

    /// To how many it was delivered; and when to the last, where it was to all.
    pub fn delivered(&self) -> (usize, Option<Stamp>) {
        let at: Vec<Stamp> = self.to.iter().filter_map(Target::delivered).collect();
        let all = (at.len() == self.to.len()).then(|| at.iter().max().copied());
        (at.len(), all.flatten())
    }

    pub fn knowing(&self) -> usize {
        self.to.iter().filter(|t| t.knows.is_some()).count()
    }
}

impl Target<'_> {
    /// When the first word went out.
    pub fn sent(&self) -> Option<Stamp> {
        self.notices.iter().filter_map(|n| n.sent).min()
    }

    pub fn delivered(&self) -> Option<Stamp> {
        self.notices.iter().filter_map(|n| n.delivered).min()
    }

    pub fn last(&self) -> Option<&Notice> {
        self.notices.last().copied()
    }

    pub fn reached(&self, due: Stamp, now: Stamp) -> Reached {
        // A provider took it, and then could not: nobody was told by that.
        let lost =
            self.last().is_some_and(|n| n.state == Delivery::Failed) && self.delivered().is_none();
        if let Some(at) = self.sent().filter(|_| !lost) {
            let late = (at > due.plus(AT_ONCE)).then(|| at.since(due));
            return Reached::Sent { at, late };
        }
        let called = self.call.filter(|c| c.reached).map(|c| c.at);
        if let Some(at) = called.or(self.knows.map(|k| k.at)) {
            return Reached::ByHand(at);
        }
        let Some(last) = self.last() else {
            return Reached::Waits;
        };
        match (last.state, last.suppressed) {
            (_, Some(Suppressed::NotConfigured | Suppressed::NoAddress)) => Reached::Not,
            (_, Some(reason)) => Reached::Kept(reason),
            (Delivery::Failed | Delivery::Suppressed, None) => Reached::Not,
            (Delivery::Held, None) if now <= due => Reached::Held(last.held_until.unwrap_or(due)),
            _ if now > due.plus(AT_ONCE) => Reached::Overdue(now.since(due)),
            _ => Reached::Waits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Via;

    const START: Stamp = Stamp(1_795_000_000_000_000);

    fn at(seconds: i64) -> Stamp {
        Stamp(START.0 + seconds * 1_000_000)
    }

    fn notice(person: &str, channel: Channel, cause: Cause) -> Notice {
        Notice {
            id: "1.0".into(),
            cause,
            audience: "all".into(),
            person: person.into(),
            channel,
            state: Delivery::Pending,
            suppressed: None,
            queued: at(0),
            due: at(0),
            held_until: None,
            attempts: 0,
            next: None,
            sent: None,
            delivered: None,
            why: String::new(),
        }
    }

    fn sent(person: &str, seconds: i64) -> Notice {
        Notice {
            state: Delivery::Delivered,
            sent: Some(at(seconds)),
            delivered: Some(at(seconds + 2)),
            ..notice(person, Channel::Phone, Cause::Declared)
        }
    }

    fn one(notices: &[Notice], now: i64) -> Standing {
        let comms = Comms::default();
        let lines = scorecard(&comms, notices);
        assert_eq!(lines.len(), 1);
        lines[0].standing(at(now))
    }

    #[test]
    fn a_line_is_in_time_late_overdue_or_not_reached() {
        let waits = || notice("Bob", Channel::Phone, Cause::Declared);
        let failed = Notice {
            state: Delivery::Failed,
            ..waits()
        };
        assert_eq!(one(&[sent("Jane", 1), waits()], 30), Standing::Waits);
        assert_eq!(
            one(&[sent("Jane", 1), waits()], 90),
            Standing::Overdue(Span::secs(90))
        );
        assert_eq!(
            one(&[sent("Jane", 1), sent("Bob", 60)], 90),
            Standing::InTime
        );
        assert_eq!(
            one(&[sent("Jane", 1), sent("Bob", 200)], 300),
            Standing::Late(Span::secs(200))
        );
        let unanswered = Notice {
            sent: Some(at(2)),
            ..failed.clone()
        };
        assert_eq!(one(&[sent("Jane", 1), failed], 30), Standing::NotReached(1));
        assert_eq!(
            one(&[sent("Jane", 1), unanswered], 30),
            Standing::NotReached(1)
        );
    }

    #[test]
    fn what_reaches_nobody_says_why_and_what_has_no_way_is_a_task() {
        let kept = |reason| Notice {
            state: Delivery::Suppressed,
            suppressed: Some(reason),
            ..notice("Bob", Channel::Phone, Cause::Declared)
        };
        assert_eq!(
            one(&[kept(Suppressed::Drill)], 900),
            Standing::Kept(Suppressed::Drill)
        );
        assert_eq!(
            one(&[kept(Suppressed::NotConfigured)], 1),
            Standing::NotReached(1)
        );
    }

    #[test]
    fn a_call_by_hand_or_a_word_of_theirs_ends_the_task() {
        let failed = Notice {
            state: Delivery::Failed,
            ..notice("Bob", Channel::Phone, Cause::Declared)
        };
        let call = |reached| Call {
            person: "Bob".into(),
            by: "Jane".into(),
            reached,
            says: String::new(),
            at: at(100),
        };
        let mut comms = Comms::default();
        comms.calls.push(call(false));
        let notices = [failed];
        let standing = |comms: &Comms| scorecard(comms, &notices)[0].standing(at(200));
        assert_eq!(standing(&comms), Standing::NotReached(1));
        comms.calls.push(call(true));
        assert_eq!(standing(&comms), Standing::InTime);
        comms.calls.clear();
        comms.acknowledged.push(Acknowledgement {
            person: "Bob".into(),
            via: Some(Via::Page),
            at: at(150),
            seq: 7,
        });
        assert_eq!(standing(&comms), Standing::InTime);
    }

    #[test]
    fn what_was_sent_again_belongs_to_its_line_and_a_reopening_begins_anew() {
        let again = Notice {
            queued: at(70),
            due: at(70),
            sent: Some(at(71)),
            ..notice("Bob", Channel::Phone, Cause::Repeat)
        };
        let reopened = Notice {
            id: "9.0".into(),
            queued: at(500),
            due: at(500),
            ..notice("Jane", Channel::Phone, Cause::Reopened)
        };
        let update = notice("Jane", Channel::Email, Cause::Update);
        let notices = [
            sent("Jane", 1),
            notice("Bob", Channel::Phone, Cause::Declared),
            again,
            update,
            reopened,
        ];
        let mut comms = Comms::default();
        let lines = scorecard(&comms, &notices);
        assert_eq!(
            lines.len(),
            2,
            "the first words, and those of the reopening"
        );
        assert_eq!(lines[0].first_sent(), Some(at(1)));
        assert_eq!(lines[0].standing(at(80)), Standing::Late(Span::secs(71)));
        assert_eq!(lines[0].delivered(), (1, None));
        comms.waits_from = 8;
        let lines = scorecard(&comms, &notices);
        assert_eq!((lines.len(), lines[0].due), (1, at(500)));
    }
}
