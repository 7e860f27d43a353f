//! The rule that keeps the lab to one writable database: who may start, as what.
//!
//! Architecture invariant: pure. Every start of a server, by `up` or by `heal`, asks [`decide`] first.

use crate::place::Node;
use crate::postgres::Facts;

/// What is known of a node at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub node: Node,
    pub disk: Disk,
    /// Present when the server answers.
    pub live: Option<Facts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    Empty,
    /// standby.signal is there: started, it follows its peer.
    Standby {
        timeline: u32,
    },
    /// Started, it accepts writes.
    Writable {
        timeline: u32,
    },
}

impl Disk {
    fn timeline(self) -> u32 {
        match self {
            Self::Empty => 0,
            Self::Standby { timeline } | Self::Writable { timeline } => timeline,
        }
    }
}

impl Standing {
    pub fn is_writable_now(&self) -> bool {
        self.live.as_ref().is_some_and(|facts| !facts.in_recovery)
    }

    pub fn timeline(&self) -> u32 {
        self.live
            .as_ref()
            .map_or(0, |facts| facts.timeline)
            .max(self.disk.timeline())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Start it as it is (or leave it running).
    Run,
    /// It must come back as a replica of its peer.
    Rebuild,
    /// Starting it could make a second writable database; the sentence says what to do first.
    Refuse(String),
}

pub fn decide(me: &Standing, peer: &Standing) -> Decision {
    let (node, other) = (me.node, peer.node);
    if me.disk == Disk::Empty {
        return match peer.is_writable_now() {
            true => Decision::Rebuild,
            false => Decision::Refuse(format!(
                "the {node} has no data, and the {other} is not up as a writable database to copy it from; bring the \
                 {other} up, promote it if it is a replica, then run `muster-lab heal {}`",
                node.heal_name()
            )),
        };
    }
    if matches!(me.disk, Disk::Standby { .. }) && !me.is_writable_now() {
        return Decision::Run;
    }
    let (mine, theirs) = (me.timeline(), peer.timeline());
    if peer.is_writable_now() {
        return match me.is_writable_now() {
            false => Decision::Rebuild,
            true if mine < theirs => Decision::Rebuild,
            true if mine > theirs => Decision::Run,
            true => Decision::Refuse(format!(
                "both databases are writable on timeline {mine}; fence the one to give up \
                 (`muster-lab fence {node}` or `muster-lab fence {other}`), then heal it"
            )),
        };
    }
    match peer.disk {
        _ if theirs > mine => Decision::Refuse(format!(
            "the {other} has gone on to timeline {theirs} while the {node} stayed on {mine}, and it is not up as the \
             writable one; run `muster-lab heal {}` first",
            other.heal_name()
        )),
        Disk::Writable { .. } if theirs == mine => Decision::Refuse(format!(
            "both data folders would start writable on timeline {mine}; fence the one to give up, heal the other, \
             then heal the fenced one"
        )),
        _ => Decision::Run,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(node: Node, disk: Disk) -> Standing {
        Standing {
            node,
            disk,
            live: None,
        }
    }

    fn live(node: Node, disk: Disk, in_recovery: bool, timeline: u32) -> Standing {
        let facts = Facts {
            in_recovery,
            timeline,
            lsn: 0,
            system_identifier: "1".into(),
            streaming: in_recovery,
        };
        Standing {
            node,
            disk,
            live: Some(facts),
        }
    }

    use Disk::{Standby, Writable};
    use Node::{Primary, Replica};

    #[test]
    fn a_crashed_primary_starts_again_while_nobody_was_promoted() {
        let me = down(Primary, Writable { timeline: 1 });
        assert_eq!(
            decide(&me, &live(Replica, Standby { timeline: 1 }, true, 1)),
            Decision::Run
        );
        assert_eq!(
            decide(&me, &down(Replica, Standby { timeline: 1 })),
            Decision::Run
        );
        assert_eq!(decide(&me, &down(Replica, Disk::Empty)), Decision::Run);
    }

    #[test]
    fn an_old_primary_is_rebuilt_once_the_replica_was_promoted() {
        let promoted = live(Replica, Writable { timeline: 2 }, false, 2);
        assert_eq!(
            decide(&down(Primary, Writable { timeline: 1 }), &promoted),
            Decision::Rebuild
        );
        assert_eq!(
            decide(
                &live(Primary, Writable { timeline: 1 }, false, 1),
                &promoted
            ),
            Decision::Rebuild
        );
    }

    #[test]
    fn an_old_primary_never_starts_behind_a_promoted_replica_that_is_down() {
        let me = down(Primary, Writable { timeline: 1 });
        let promoted = down(Replica, Writable { timeline: 2 });
        assert!(matches!(decide(&me, &promoted), Decision::Refuse(_)));
        assert_eq!(decide(&promoted, &me), Decision::Run);
    }

    #[test]
    fn two_equal_claims_are_left_to_a_person() {
        let me = live(Primary, Writable { timeline: 2 }, false, 2);
        let peer = live(Replica, Writable { timeline: 2 }, false, 2);
        assert!(matches!(decide(&me, &peer), Decision::Refuse(_)));
        let me = down(Primary, Writable { timeline: 2 });
        assert!(matches!(
            decide(&me, &down(Replica, Writable { timeline: 2 })),
            Decision::Refuse(_)
        ));
        assert_eq!(decide(&me, &peer), Decision::Rebuild);
    }

    /// No two nodes are both told to run writable, whatever they claim.
    #[test]
    fn the_rule_never_starts_two_writers() {
        let mut every = vec![Disk::Empty];
        every.extend((1..=3).flat_map(|timeline| [Standby { timeline }, Writable { timeline }]));
        for &mine in &every {
            for &theirs in &every {
                let (me, peer) = (down(Primary, mine), down(Replica, theirs));
                let starts_writable =
                    |disk, decision| matches!(disk, Writable { .. }) && decision == Decision::Run;
                let both = starts_writable(mine, decide(&me, &peer))
                    && starts_writable(theirs, decide(&peer, &me));
                assert!(!both, "{mine:?} and {theirs:?}");
            }
        }
    }
}
