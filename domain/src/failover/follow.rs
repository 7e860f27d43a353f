//! The failover follows its run: what the run's events mean for the state, in the same decision.

use super::{Asking, FENCING_PROOF, Failover, Signal, State, step};
use crate::{
    Event, Health, Run, RunId, RunStatus, ServiceId, StepStatus,
    plan::{self, Runbook},
    run::Look,
};

/// Puts the moves that follow from a run's events right behind those.
pub(crate) fn follow(look: &Look<'_>, events: &mut Vec<Event>) {
    for (service, failover) in look.world.failovers.iter() {
        let plan = look.plan.failover(service);
        if let (Some(plan), Some(run), true) = (plan, &failover.run, failover.state.is_work()) {
            *events = Following {
                look,
                service,
                plan,
                failover,
                run,
            }
            .through(std::mem::take(events));
        }
    }
}

struct Following<'a> {
    look: &'a Look<'a>,
    service: &'a ServiceId,
    plan: &'a plan::Failover,
    failover: &'a Failover,
    run: &'a RunId,
}

impl Following<'_> {
    fn through(&self, events: Vec<Event>) -> Vec<Event> {
        let known = self.look.world.runs.get(self.run);
        let mut runbook = known.map(|r| r.runbook.clone());
        let mut proof = known.map(|r| proof_of(r)).unwrap_or_default();
        let mut state = self.failover.state;
        let mut out = Vec::with_capacity(events.len() + 2);
        for event in events {
            match &event {
                Event::RunStarted {
                    run, runbook: of, ..
                } if run == self.run => {
                    runbook = Some(of.clone());
                }
                Event::AttemptEnded { run, outputs, .. } if run == self.run => {
                    if let Some(told) = outputs.get(FENCING_PROOF) {
                        proof.clone_from(told);
                    }
                }
                _ => {}
            }
            let meant = runbook
                .as_deref()
                .and_then(|runbook| self.means(state, &event, runbook));
            out.push(event);
            if let Some((signal, because)) = meant
                && let Ok((row, evidence)) = step(state, signal, &self.asking(&proof))
            {
                state = row.to;
                out.push(Event::FailoverMoved {
                    service: self.service.clone(),
                    incident: self.failover.incident.clone().filter(|n| {
                        self.look
                            .world
                            .incidents
                            .get(n)
                            .is_some_and(|i| i.is_open())
                    }),
                    from: row.from,
                    signal,
                    to: row.to,
                    because,
                    evidence,
                    run: Some(self.run.clone()),
                });
            }
        }
        out
    }

    /// The signal that an event of the run is, in this state.
    fn means(&self, state: State, event: &Event, runbook: &Runbook) -> Option<(Signal, String)> {
        let stages = &self.plan.stages;
        let (stage, signal) = match state {
            State::Fencing => (&stages.fence, Signal::Fenced),
            State::Promoting => (&stages.promote, Signal::Promoted),
            State::Redirecting => (&stages.redirect, Signal::Redirected),
            State::Verifying => (&stages.verify, Signal::Verified),
            State::FailingBack => (&stages.verify, Signal::FailedBack),
            _ => return None,
        };
        let done = |index: &u32, because: &str| {
            let name = &runbook.step(*index as usize)?.name;
            let because = match because {
                "" => format!("{name} succeeded"),
                because => format!("{name}: {because}"),
            };
            (name == stage && state != State::FailingBack).then_some((signal, because))
        };
        match event {
            Event::StepEnded {
                run,
                step,
                status: StepStatus::Succeeded,
                because,
            } if run == self.run => done(step, because),
            Event::StepSkipped { run, step, because } if run == self.run => done(step, because),
            Event::RunEnded { run, status } if run == self.run => {
                let well = matches!(
                    status,
                    RunStatus::Completed | RunStatus::CompletedWithExceptions
                );
                let signal = match state {
                    State::FailingBack if well => Signal::FailedBack,
                    _ => Signal::Broken,
                };
                let says = status.words().to_lowercase();
                Some((signal, format!("{}: {says}", runbook.name)))
            }
            _ => None,
        }
    }

    fn asking<'a>(&'a self, proof: &'a str) -> Asking<'a> {
        let database = self.look.plan.targets.databases.get(&self.plan.database);
        Asking {
            plan: self.plan,
            primary: database.map_or("the primary", |d| &d.primary),
            secondary: database.map_or("the secondary", |d| &d.replica),
            now: self.look.now,
            // No guard of a run's own signals asks for what follows.
            health: Health::NoData,
            because: "",
            window: None,
            held: None,
            last: None,
            drill: None,
            in_the_way: None,
            sight: None,
            proof,
            risk: "",
        }
    }
}

fn proof_of(run: &Run) -> String {
    run.outputs()
        .get(FENCING_PROOF)
        .map(|proof| (*proof).to_owned())
        .unwrap_or_default()
}

/// Why a step of a failover's run may not start: what follows the fence waits for its proof, or for a commander's word.
pub(crate) fn bars(look: &Look<'_>, run: &Run, name: &str) -> Option<String> {
    let fencing = |f: &Failover| f.run.as_ref() == Some(&run.id) && f.state == State::Fencing;
    let (service, _) = look.world.failovers.iter().find(|(_, f)| fencing(f))?;
    let stages = &look.plan.failover(service)?.stages;
    let behind = [&stages.promote, &stages.redirect, &stages.verify];
    (behind.into_iter().any(|stage| stage == name) && proof_of(run).trim().is_empty()).then(|| {
        format!(
            "it is not proven that the old primary takes no writes; fence it, or override that at /failover/{service}"
        )
    })
}
