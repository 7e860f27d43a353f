//! What must hold before a move. Each guard answers with what was seen: a refusal is a sentence for a person.

use super::{Held, Sight, Word};
use crate::{Health, Number, Span, Stamp, plan};

/// After a start nothing is decided for this long, nor before every observer was asked.
pub const GRACE: Span = Span::secs(10);
/// A sight older than this says nothing of now.
pub const FRESH: Span = Span::secs(30);
/// What a person types to fail over although the replica may lack data …
pub const DATA_LOSS: &str = "data loss";
/// … and to promote although the old primary may still take writes.
pub const TWO_PRIMARIES: &str = "two primaries";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// The plan says automatic.
    Planned,
    /// Nobody has pulled the lever that holds all automation.
    Released,
    /// This Muster has looked long enough, at everything, and just now.
    Warm,
    ChecksFailed,
    /// Muster itself does not see the primary take writes.
    PrimarySilent,
    ObserversAgree,
    /// The replica is a standby of the very system that failed; or the risk is named.
    Candidate,
    /// It is not too far behind; or the risk is named.
    Lag,
    OnceInAWhile,
    NoDrill,
    /// No run holds a lock that the runbook needs.
    NobodyInTheWay,
    /// Where nothing was seen to fail, a person says why.
    Reasoned,
    FencingProof,
    RiskNamed,
    PrimaryServes,
    SecondaryServes,
}

/// What a guard may look at.
pub struct Asking<'a> {
    pub plan: &'a plan::Failover,
    /// The names of the nodes.
    pub primary: &'a str,
    pub secondary: &'a str,
    pub now: Stamp,
    pub health: Health,
    pub because: &'a str,
    /// The title of the maintenance window that it is in.
    pub window: Option<&'a str>,
    pub held: Option<&'a Held>,
    /// The last automatic failover, unless it is acknowledged.
    pub last: Option<Stamp>,
    pub drill: Option<&'a Number>,
    /// Why the runbook could not start now.
    pub in_the_way: Option<String>,
    pub sight: Option<&'a Sight>,
    pub proof: &'a str,
    pub risk: &'a str,
}

impl Guard {
    /// What it demands.
    pub fn words(self) -> &'static str {
        match self {
            Guard::Planned => "The plan allows it",
            Guard::Released => "Automation is not held",
            Guard::Warm => "Everything was looked at",
            Guard::ChecksFailed => "The check has failed",
            Guard::PrimarySilent => "The primary itself takes no writes",
            Guard::ObserversAgree => "The observers agree",
            Guard::Candidate => "The replica can take over",
            Guard::Lag => "The replica is not too far behind",
            Guard::OnceInAWhile => "Not a second time by itself",
            Guard::NoDrill => "No drill is under way",
            Guard::NobodyInTheWay => "No other recovery is under way",
            Guard::Reasoned => "A reason is given",
            Guard::FencingProof => "The primary is proven to take no writes",
            Guard::RiskNamed => "The risk is named",
            Guard::PrimaryServes => "The primary serves, alone",
            Guard::SecondaryServes => "The secondary serves, alone",
        }
    }

    /// What was seen where it holds, or the reason where it does not.
    pub fn ask(self, a: &Asking<'_>) -> Result<String, String> {
        match self {
            Guard::Planned if a.plan.automatic => Ok("automatic: true".into()),
            Guard::Planned => {
                Err("The plan leaves this failover to a person (failover.yaml: automatic).".into())
            }
            Guard::Released => match a.held {
                None => Ok("automation is not held".into()),
                Some(held) => Err(format!(
                    "Automation is held by {} since {}: {}",
                    held.by,
                    held.at.minute(),
                    held.reason
                )),
            },
            Guard::Warm => warm(a),
            Guard::ChecksFailed if let Some(window) = a.window => Err(format!(
                "It is in maintenance ({window}): what its check finds is held until that ends."
            )),
            Guard::ChecksFailed if a.health == Health::MajorOutage => {
                Ok(format!("the check failed: {}", a.because))
            }
            Guard::ChecksFailed => Err(format!(
                "The check has not failed as often as the plan demands: {}.",
                a.health.words().to_lowercase()
            )),
            Guard::PrimarySilent => {
                let writable = a.sight.map(|s| s.writable.as_slice()).unwrap_or_default();
                match writable.iter().any(|node| node == a.primary) {
                    false => Ok(format!("{} is not seen to take writes", a.primary)),
                    true => Err(format!(
                        "{} itself takes writes: the way to it is broken.",
                        a.primary
                    )),
                }
            }
            Guard::ObserversAgree => agree(a),
            Guard::Candidate => at_risk(a, candidate(a)),
            Guard::Lag => at_risk(a, lag(a)),
            Guard::OnceInAWhile => match a.last {
                Some(last) if a.now < last.plus(a.plan.every) => Err(format!(
                    "One automatic failover in {}: the last began at {}, and nobody has acknowledged it.",
                    a.plan.every.words(),
                    last.minute()
                )),
                _ => Ok(format!("none in the last {}", a.plan.every.words())),
            },
            Guard::NoDrill => match a.drill {
                None => Ok("no drill on this service".into()),
                Some(drill) => Err(format!(
                    "{drill} is a drill on this service: its owner decides."
                )),
            },
            Guard::NobodyInTheWay => match &a.in_the_way {
                None => Ok("no lock is held".into()),
                Some(says) => Err(says.clone()),
            },
            Guard::Reasoned if !a.risk.is_empty() => {
                Ok(format!("asked for without a failure: {}", a.risk))
            }
            Guard::Reasoned => {
                Err("Nothing was seen to fail: write why it is to fail over.".into())
            }
            Guard::FencingProof if !a.proof.trim().is_empty() => Ok(a.proof.to_owned()),
            Guard::FencingProof => Err(format!(
                "It is not proven that {} takes no writes: nothing is promoted.",
                a.primary
            )),
            Guard::RiskNamed => match named(a.risk, TWO_PRIMARIES) {
                true => Ok(format!("risk accepted: {}", a.risk)),
                false => Err(format!(
                    "Name the risk: write why, with the words “{TWO_PRIMARIES}”."
                )),
            },
            Guard::PrimaryServes => serves(a, a.primary),
            Guard::SecondaryServes => serves(a, a.secondary),
        }
    }
}

fn named(risk: &str, words: &str) -> bool {
    risk.to_lowercase().contains(words)
}

/// A person may go on where the replica is in doubt, naming the risk; Muster never does.
fn at_risk(a: &Asking<'_>, seen: Result<String, String>) -> Result<String, String> {
    seen.or_else(|says| match named(a.risk, DATA_LOSS) {
        true => Ok(format!("risk accepted: {} ({says})", a.risk)),
        false => Err(says),
    })
}

fn warm(a: &Asking<'_>) -> Result<String, String> {
    let Some(sight) = a.sight else {
        return Err("Muster has just begun to look.".into());
    };
    if sight.since.plus(GRACE) > a.now {
        return Err(format!(
            "Muster has looked for less than {}: nothing is decided so early.",
            GRACE.words()
        ));
    }
    if sight.at.plus(FRESH) < a.now {
        return Err(format!(
            "The last look was {} ago.",
            a.now.since(sight.at).human()
        ));
    }
    // The check has looks of its own.
    if a.health == Health::NoData {
        return Err("The check has not come to a result since Muster started.".into());
    }
    let missing = |o: &&plan::Observer| !sight.votes.iter().any(|v| v.observer == **o);
    match a.plan.observers.of.iter().find(missing) {
        Some(observer) => Err(format!("{} was not asked yet.", observer.words())),
        None => Ok(format!("looked at {}", sight.at.clock())),
    }
}

fn agree(a: &Asking<'_>) -> Result<String, String> {
    let (needed, all) = (a.plan.observers.needed, a.plan.observers.of.len());
    let votes = a.sight.map(|s| s.votes.as_slice()).unwrap_or_default();
    // Each observer of the plan has one vote, whatever was handed in.
    let counts = |o: &&plan::Observer| {
        let vote = votes.iter().find(|v| v.observer == **o);
        vote.is_some_and(|v| v.word == Word::Down)
    };
    let down = a.plan.observers.of.iter().filter(counts).count();
    let told: Vec<String> = votes
        .iter()
        .map(|v| format!("{} {}: {}", v.observer.words(), v.word.words(), v.because))
        .collect();
    let told = told.join("; ");
    if down as u32 >= needed {
        Ok(format!("{down} of {all} see it down ({told})"))
    } else {
        Err(format!(
            "{down} of {all} observers see it down, {needed} must ({told})."
        ))
    }
}

fn candidate(a: &Asking<'_>) -> Result<String, String> {
    let secondary = a.secondary;
    let Some(sight) = a.sight else {
        return Err(format!("{secondary} was not looked at yet."));
    };
    let Some(candidate) = &sight.candidate else {
        return Err(format!("{secondary} does not answer."));
    };
    if !candidate.standby {
        return Err(format!(
            "{secondary} is no standby: it takes writes itself."
        ));
    }
    match &sight.system {
        None => Err(format!(
            "It cannot be told whether {secondary} is a copy of {}: that was not seen since Muster started.",
            a.primary
        )),
        Some(system) if *system != candidate.system => Err(format!(
            "{secondary} is another system ({}) than {} ({system}).",
            candidate.system, a.primary
        )),
        Some(system) => Ok(format!(
            "{secondary} is a standby of system {system}, timeline {}",
            candidate.timeline
        )),
    }
}

fn lag(a: &Asking<'_>) -> Result<String, String> {
    let lag = a.sight.and_then(|s| s.candidate.as_ref()?.lag);
    match lag {
        None => Err(format!(
            "It cannot be told how far {} is behind: {} was not seen since Muster started.",
            a.secondary, a.primary
        )),
        Some(lag) if lag > a.plan.lag_limit.0 => Err(format!(
            "{} is {lag} bytes behind; the plan allows {}.",
            a.secondary, a.plan.lag_limit
        )),
        Some(lag) => Ok(format!(
            "{} was {lag} bytes behind when {} was last seen",
            a.secondary, a.primary
        )),
    }
}

fn serves(a: &Asking<'_>, node: &str) -> Result<String, String> {
    let writable = a.sight.map(|s| s.writable.as_slice()).unwrap_or_default();
    match writable {
        _ if a.health != Health::Operational => Err(format!(
            "The service does not serve: {}.",
            a.health.words().to_lowercase()
        )),
        [one] if one == node => Ok(format!("{node} alone takes writes, and the check is well")),
        [] => Err("No node was seen to take writes.".into()),
        [one] => Err(format!("{one} takes writes, not {node}.")),
        many => Err(format!(
            "{} take writes at once: stop all but one.",
            many.join(" and ")
        )),
    }
}
