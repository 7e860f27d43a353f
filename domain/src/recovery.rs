//! How a recovery went, read from the timeline: when service was lost, when that was noticed, decided upon and worked
//! on, and when service was proved to be back.
//!
//! The clock starts at the first look that failed, not at the declaration, and ends with the first of the looks that
//! proved service. Both lie within one interval of the check, so that is the error bar (NIST SP 800-34 for the terms).

use crate::{
    Event, Health, Incident, RunStatus, ServiceId, Span, Stamp, Stamped, Subject,
    plan::{Check, Plan, Probe},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Service that goes away again within this time was never back.
pub const HOLD: Span = Span::secs(5 * 60);
/// An outage that ended at most so long before the declaration is what was declared.
const BEFORE: Span = Span::secs(15 * 60);

/// The time that service was away.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recovery {
    /// The first look that failed.
    pub impact: Stamp,
    /// Enough looks had failed.
    pub detected: Stamp,
    pub declared: Stamp,
    /// The first recovery run began …
    pub begun: Option<Stamp>,
    /// … and the last one that counts was through.
    pub acted: Option<Stamp>,
    /// The first good look of the service that was last to return.
    pub back: Option<Stamp>,
    /// It stayed for the hold time.
    pub held: bool,
    /// So often it seemed to be back, and was not.
    pub revoked: u32,
    /// Either end may be off by so much: the interval of the slowest check.
    pub error: Span,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Parts {
    pub detect: Span,
    pub decide: Span,
    pub act: Span,
    pub settle: Span,
}

/// Was an objective met? What lies within the error bar was not measured well enough to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Met,
    Missed,
    NotMeasured,
}

impl Verdict {
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::NotMeasured => "not measured",
        }
    }
}

impl Recovery {
    /// From the impact until service was back, or until now.
    pub fn took(&self, now: Stamp) -> Span {
        self.back.unwrap_or(now).since(self.impact)
    }

    /// They add up to the whole. Nothing before service is back.
    pub fn parts(&self) -> Option<Parts> {
        let back = self.back?;
        let detected = self.detected.clamp(self.impact, back);
        let declared = self.declared.clamp(detected, back);
        let acted = self.acted.unwrap_or(declared).clamp(declared, back);
        Some(Parts {
            detect: detected.since(self.impact),
            decide: declared.since(detected),
            act: acted.since(declared),
            settle: back.since(acted),
        })
    }

    /// While service is away an objective can only be missed.
    pub fn verdict(&self, within: Span, now: Stamp) -> Verdict {
        let (took, error) = (self.took(now).0, self.error.0);
        if took > within.0 + error {
            return Verdict::Missed;
        }
        match self.back {
            Some(_) if took + error <= within.0 => Verdict::Met,
            _ => Verdict::NotMeasured,
        }
    }
}

/// The gravest outage of an incident's services: the one that goes on, else the longest. Nothing where none of them has
/// a check, or none was seen to fail. `timeline` holds the events of the incident, its runs and its services.
pub fn measure(
    plan: &Plan,
    incident: &Incident,
    timeline: &[Stamped],
    now: Stamp,
) -> Option<Recovery> {
    let checks: BTreeMap<&ServiceId, Span> = incident
        .affected
        .iter()
        .filter_map(|id| Some((id, blind(plan.service(id)?.check.as_ref()?))))
        .collect();
    let error = checks.values().copied().max()?;
    let outages = outages(&checks.into_keys().collect::<Vec<_>>(), incident, timeline);
    let going = |o: &&Outage| o.back.is_none();
    let found = outages
        .iter()
        .find(going)
        .or_else(|| outages.iter().max_by_key(|o| o.length(now)))?;
    let (begun, acted) = work(incident, timeline, found);
    Some(Recovery {
        impact: found.impact,
        detected: found.detected,
        declared: incident.declared_at,
        begun,
        acted,
        back: found.back,
        held: found.back.is_some_and(|back| now.since(back) >= HOLD),
        revoked: found.revoked,
        error,
    })
}

/// How long a check may not know: one interval; of a heartbeat also the time in which none is due.
fn blind(check: &Check) -> Span {
    match &check.probe {
        Probe::Heartbeat(beat) => Span(check.interval.0 + beat.every.0 + beat.grace.0),
        _ => check.interval,
    }
}

struct Outage {
    impact: Stamp,
    detected: Stamp,
    back: Option<Stamp>,
    revoked: u32,
}

impl Outage {
    fn length(&self, now: Stamp) -> Span {
        self.back.unwrap_or(now).since(self.impact)
    }
}

/// Follows the services together: it is an outage while one of them is down, and over when all are seen to work.
fn outages(services: &[&ServiceId], incident: &Incident, timeline: &[Stamped]) -> Vec<Outage> {
    let from = Stamp(incident.declared_at.0 - BEFORE.micros());
    let until = incident
        .resolved_at
        .map_or(Stamp(i64::MAX), |at| at.plus(HOLD));
    let mut now: BTreeMap<&ServiceId, (Health, Stamp)> = BTreeMap::new();
    let mut found: Vec<Outage> = Vec::new();
    for stamped in timeline {
        let Event::ServiceChanged { service, to, .. } = &stamped.event else {
            continue;
        };
        if !services.contains(&service) || stamped.at > until {
            continue;
        }
        now.insert(service, (*to, stamped.at));
        let last = found.last_mut();
        match (is_down(*to), last) {
            (true, Some(open)) if open.back.is_none() => {}
            (true, Some(last)) if last.back.is_some_and(|b| stamped.at.since(b) < HOLD) => {
                last.back = None;
                last.revoked += 1;
            }
            (true, _) => found.push(Outage {
                impact: stamped.at,
                detected: stamped.recorded.max(stamped.at),
                back: None,
                revoked: 0,
            }),
            (false, Some(open)) if open.back.is_none() => {
                let all = services.iter().all(|s| match now.get(s) {
                    Some((health, _)) => works(*health),
                    // Never heard of since the timeline begins: as it was then, which was no outage.
                    None => true,
                });
                if all {
                    open.back = now
                        .values()
                        .map(|(_, at)| *at)
                        .max()
                        .map(|at| at.max(open.impact));
                }
            }
            (false, _) => {}
        }
    }
    found.retain(|o| o.back.is_none_or(|back| back >= from));
    found
}

fn is_down(health: Health) -> bool {
    matches!(health, Health::MajorOutage | Health::PartialOutage)
}

fn works(health: Health) -> bool {
    matches!(health, Health::Operational | Health::Degraded)
}

/// When the incident's recovery runs began, and when the last that can have brought service back was through.
fn work(
    incident: &Incident,
    timeline: &[Stamped],
    outage: &Outage,
) -> (Option<Stamp>, Option<Stamp>) {
    let (mut begun, mut acted) = (None, None);
    for stamped in timeline {
        let Subject::Run(run) = stamped.event.subject() else {
            continue;
        };
        if !incident.runs.contains(run) || stamped.at < outage.impact {
            continue;
        }
        match &stamped.event {
            Event::RunStarted { .. } => begun = begun.or(Some(stamped.at)),
            // Steps may go on after service is back (a report, say): the last one that ended before counts.
            Event::StepEnded { .. } | Event::RunEnded { .. }
                if outage.back.is_none_or(|back| stamped.at <= back) =>
            {
                let cancelled = matches!(
                    &stamped.event,
                    Event::RunEnded {
                        status: RunStatus::Cancelled,
                        ..
                    }
                );
                if !cancelled {
                    acted = Some(stamped.at);
                }
            }
            _ => {}
        }
    }
    (begun, acted)
}
