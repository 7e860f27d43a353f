//! The machine as a table.

use super::{Asking, Guard};
use crate::Refusal;
use serde::{Deserialize, Serialize};

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The primary serves.
    #[default]
    Watching,
    /// The check has failed: automatic failover, or a person's word?
    Detected,
    Fencing,
    Promoting,
    Redirecting,
    Verifying,
    /// The secondary serves; the old primary is looked at.
    Monitoring,
    /// Somebody has decided to fail back.
    Planned,
    FailingBack,
    /// The runbook ended before its work was done: a person decides.
    Stopped,
}

impl State {
    pub const ALL: [State; 10] = [
        State::Watching,
        State::Detected,
        State::Fencing,
        State::Promoting,
        State::Redirecting,
        State::Verifying,
        State::Monitoring,
        State::Planned,
        State::FailingBack,
        State::Stopped,
    ];

    pub fn words(self) -> &'static str {
        match self {
            State::Watching => "the primary serves",
            State::Detected => "failure detected",
            State::Fencing => "fencing the primary",
            State::Promoting => "promoting the secondary",
            State::Redirecting => "updating DNS",
            State::Verifying => "verifying the secondary",
            State::Monitoring => "the secondary serves",
            State::Planned => "failback planned",
            State::FailingBack => "failing back",
            State::Stopped => "stopped: a person decides",
        }
    }

    /// A run does its work.
    pub fn is_work(self) -> bool {
        use State::*;
        matches!(
            self,
            Fencing | Promoting | Redirecting | Verifying | FailingBack
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// What is seen: the check failed, it is well again, somebody moved the service by other means.
    Failing,
    Recovered,
    Moved,
    /// Muster begins by itself.
    Automatic,
    /// A person begins.
    Trigger,
    /// A commander goes on without a fencing proof.
    Override,
    /// What the run came to.
    Fenced,
    Promoted,
    Redirected,
    Verified,
    FailedBack,
    Broken,
    /// A person plans the failback, begins it, or says that all is settled.
    PlanFailback,
    FailBack,
    Settle,
}

/// Who sends a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Machine,
    Run,
    Person,
}

impl Signal {
    pub fn by(self) -> By {
        use Signal::*;
        match self {
            Failing | Recovered | Moved | Automatic => By::Machine,
            Fenced | Promoted | Redirected | Verified | FailedBack | Broken => By::Run,
            Trigger | Override | PlanFailback | FailBack | Settle => By::Person,
        }
    }

    /// As a button or a sentence calls it.
    pub fn words(self) -> &'static str {
        match self {
            Signal::Failing => "detect the failure",
            Signal::Recovered => "see it well again",
            Signal::Moved => "see it on the secondary",
            Signal::Automatic => "fail over automatically",
            Signal::Trigger => "fail over",
            Signal::Override => "promote without a fencing proof",
            Signal::Fenced => "take the fencing proof",
            Signal::Promoted => "see the secondary promoted",
            Signal::Redirected => "see the DNS updated",
            Signal::Verified => "see the secondary verified",
            Signal::FailedBack => "see the primary back",
            Signal::Broken => "see the runbook stop",
            Signal::PlanFailback => "plan the failback",
            Signal::FailBack => "fail back",
            Signal::Settle => "say that it is settled",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Transition {
    pub from: State,
    pub signal: Signal,
    pub to: State,
    pub guards: &'static [Guard],
}

/// What must hold for a person to begin, and what else for Muster to begin by itself.
const MANUAL: &[Guard] = &[Guard::NobodyInTheWay, Guard::Candidate, Guard::Lag];
const UNSEEN: &[Guard] = &[
    Guard::Reasoned,
    Guard::NobodyInTheWay,
    Guard::Candidate,
    Guard::Lag,
];
pub const AUTOMATIC: &[Guard] = &[
    Guard::Planned,
    Guard::Released,
    Guard::Warm,
    Guard::ChecksFailed,
    Guard::PrimarySilent,
    Guard::ObserversAgree,
    Guard::Candidate,
    Guard::Lag,
    Guard::OnceInAWhile,
    Guard::NoDrill,
    Guard::NobodyInTheWay,
];

const fn row(from: State, signal: Signal, to: State, guards: &'static [Guard]) -> Transition {
    Transition {
        from,
        signal,
        to,
        guards,
    }
}

/// Where several rows answer one signal, the first whose guards hold is taken.
pub const TABLE: &[Transition] = {
    use State::*;
    &[
        row(
            Watching,
            Signal::Failing,
            Detected,
            &[Guard::Warm, Guard::ChecksFailed],
        ),
        row(
            Watching,
            Signal::Moved,
            Monitoring,
            &[Guard::Warm, Guard::SecondaryServes],
        ),
        row(Watching, Signal::Trigger, Fencing, UNSEEN),
        row(
            Detected,
            Signal::Recovered,
            Watching,
            &[Guard::Warm, Guard::PrimaryServes],
        ),
        row(
            Detected,
            Signal::Moved,
            Monitoring,
            &[Guard::Warm, Guard::SecondaryServes],
        ),
        row(Detected, Signal::Automatic, Fencing, AUTOMATIC),
        row(Detected, Signal::Trigger, Fencing, MANUAL),
        row(Fencing, Signal::Fenced, Promoting, &[Guard::FencingProof]),
        row(Fencing, Signal::Override, Promoting, &[Guard::RiskNamed]),
        row(Promoting, Signal::Promoted, Redirecting, &[]),
        row(Redirecting, Signal::Redirected, Verifying, &[]),
        row(Verifying, Signal::Verified, Monitoring, &[]),
        row(Fencing, Signal::Broken, Stopped, &[]),
        row(Promoting, Signal::Broken, Stopped, &[]),
        row(Redirecting, Signal::Broken, Stopped, &[]),
        row(Verifying, Signal::Broken, Stopped, &[]),
        row(Stopped, Signal::Trigger, Fencing, MANUAL),
        row(Stopped, Signal::Settle, Watching, &[Guard::PrimaryServes]),
        row(
            Stopped,
            Signal::Settle,
            Monitoring,
            &[Guard::SecondaryServes],
        ),
        row(Monitoring, Signal::PlanFailback, Planned, &[]),
        row(
            Monitoring,
            Signal::Settle,
            Watching,
            &[Guard::PrimaryServes],
        ),
        row(
            Planned,
            Signal::FailBack,
            FailingBack,
            &[Guard::NobodyInTheWay],
        ),
        row(Planned, Signal::Settle, Watching, &[Guard::PrimaryServes]),
        row(
            Planned,
            Signal::Settle,
            Monitoring,
            &[Guard::SecondaryServes],
        ),
        row(FailingBack, Signal::FailedBack, Watching, &[]),
        row(FailingBack, Signal::Broken, Stopped, &[]),
    ]
};

/// The row that a signal takes now and what was seen of its guards; or why it takes none.
pub fn step(
    from: State,
    signal: Signal,
    asking: &Asking<'_>,
) -> Result<(&'static Transition, Vec<String>), Refusal> {
    let mut refusal = None;
    for row in TABLE
        .iter()
        .filter(|t| t.from == from && t.signal == signal)
    {
        let mut evidence = Vec::new();
        let stands = row.guards.iter().all(|guard| match guard.ask(asking) {
            Ok(says) => {
                evidence.push(says);
                true
            }
            Err(says) => {
                refusal.get_or_insert_with(|| Refusal::conflict(says));
                false
            }
        });
        if stands {
            return Ok((row, evidence));
        }
    }
    Err(refusal.unwrap_or_else(|| {
        Refusal::conflict(format!(
            "It is not the time to {}: {}.",
            signal.words(),
            from.words()
        ))
    }))
}
