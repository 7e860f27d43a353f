//! Moves that bring work about: the incident, the run that does it, or a run that goes on.

use super::{
    super::{Decision, Fact, ahead, incident, open_incident, run},
    Asked, Here, runbook,
};
use crate::{
    Command, Event, Kind, Mode, Refusal, Resume, RunId, Severity, after_resume, failover::Signal,
    run::Look,
};
use std::collections::BTreeMap;

impl Here<'_> {
    /// The move, the incident it is done for, and the run that does it: all or nothing.
    pub(super) fn begin(mut self, signal: Signal, asked: Asked<'_>) -> Decision {
        let Some(slug) = runbook(self.plan, signal).cloned() else {
            return Ok(Vec::new());
        };
        let because = match signal {
            Signal::Automatic => "every guard holds".to_owned(),
            _ if asked.risk.is_empty() => format!("asked for by {}", self.context.actor.name),
            _ => format!("asked for by {}: {}", self.context.actor.name, asked.risk),
        };
        // First of all: may it be?
        let seen = (asked.sight, asked.risk.as_str());
        self.event(signal, seen, String::new(), None)?;
        let mut facts = Vec::new();
        let number = match asked.incident {
            Some(number) => Some(open_incident(self.world, &number)?.number.clone()),
            None if signal == Signal::FailBack => None,
            None => {
                facts = self.declare()?;
                facts.iter().find_map(|fact| match &fact.event {
                    Event::IncidentDeclared { incident, .. } => Some(incident.clone()),
                    _ => None,
                })
            }
        };
        let mut world = ahead(self.world, self.context, &facts);
        let of = number.as_ref().and_then(|n| world.incidents.get(n));
        let mode = match of.map(|i| i.kind) {
            Some(Kind::Drill) => Mode::Drill,
            _ => Mode::Real,
        };
        self.now.incident.clone_from(&number);
        let here = Here {
            world: &world,
            context: self.context,
            service: self.service.clone(),
            plan: self.plan,
            now: self.now.clone(),
        };
        let moved = Fact {
            at: self.context.now,
            event: here.event(signal, seen, because, Some(asked.run.clone()))?,
        };
        world = ahead(&world, self.context, std::slice::from_ref(&moved));
        facts.push(moved);
        let start = Command::StartRun {
            id: asked.run,
            runbook: slug,
            incident: number,
            parameters: BTreeMap::new(),
            mode,
            confirm: asked.confirm,
            stepwise: false,
        };
        // The guards were judged by the plan in force, so its runbook is what runs: also for an older incident.
        let in_force = self.world.plan.as_ref().map(|p| &p.hash);
        let mut work = run::decide(&world, self.context, start)?;
        for fact in &mut work {
            if let (Event::RunStarted { plan, .. }, Some(hash)) = (&mut fact.event, in_force) {
                plan.clone_from(hash);
            }
        }
        facts.extend(work);
        Ok(facts)
    }

    fn declare(&self) -> Decision {
        let name = self
            .context
            .plan
            .service(&self.service)
            .map_or(self.service.as_str(), |s| &s.name);
        let severity = self.plan.severity;
        let command = Command::Declare {
            title: format!("{name}: failing over"),
            severity,
            affected: vec![self.service.clone()],
            kind: Kind::Real,
            public: severity <= Severity::Sev2,
            quiet: false,
            occurred_at: None,
        };
        incident::decide(self.world, self.context, command)
    }

    /// A commander takes the risk of two primaries on themselves; the run goes on.
    pub(super) fn without_proof(&self, id: RunId, risk: String) -> Decision {
        if self.now.run.as_ref() != Some(&id) {
            return Err(Refusal::conflict(
                "Another run does this work now. Read it again.",
            ));
        }
        let because = format!(
            "{} goes on without a fencing proof: {risk}",
            self.context.actor.name
        );
        let seen = (None, risk.as_str());
        let moved = Fact {
            at: self.context.now,
            event: self.event(Signal::Override, seen, because, Some(id.clone()))?,
        };
        let world = ahead(self.world, self.context, std::slice::from_ref(&moved));
        let mut facts = vec![moved];
        let run = super::super::run(&world, &id)?;
        if let Some(paused) = &run.paused {
            let look = Look {
                plan: self.context.plan,
                world: &world,
                now: self.context.now,
                node: self.context.node,
                actor: self.context.actor,
            };
            let fence = run.runbook.step(paused.step as usize);
            let how = match fence.is_some_and(|s| s.name == self.plan.stages.fence) {
                true => Resume::Skip,
                false => Resume::Retry,
            };
            let events = after_resume(run, paused.step, how, risk, &look);
            facts.extend(events.into_iter().map(|event| Fact {
                at: self.context.now,
                event,
            }));
        }
        Ok(facts)
    }
}
