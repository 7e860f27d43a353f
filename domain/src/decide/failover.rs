//! The rules of a failover: who may move it, and what each move brings about.

mod begin;

use super::{Context, Decision, one, run, text};
use crate::{
    Command, Event, Incident, Kind, Mode, Number, Refusal, RunId, ServiceId, Slug, Stamp, World,
    failover::{Asking, Failover, Sight, Signal, State, step},
    plan::{self, Plan},
};

pub(super) fn decide(world: &World, context: &Context<'_>, command: Command) -> Decision {
    let plan = context.plan;
    match command {
        Command::WatchFailover {
            service,
            run,
            incident,
            sight,
        } => {
            let here = Here::of(world, context, &service)?;
            match due(world, plan, &service, &sight, context.now) {
                None => Ok(Vec::new()),
                Some(Signal::Automatic) => {
                    let asked = Asked::new(run, incident, &*sight);
                    here.begin(Signal::Automatic, asked)
                }
                Some(signal) => {
                    let because = here.seen(signal);
                    here.moved(signal, Some(&sight), because)
                }
            }
        }
        Command::TriggerFailover {
            service,
            run,
            incident,
            sight,
            risk,
        } => {
            let here = Here::of(world, context, &service)?;
            let risk = text::line("risk", &risk, 0, 500)?;
            let asked = Asked {
                risk,
                ..Asked::new(run, incident, sight.as_deref())
            };
            here.begin(Signal::Trigger, asked)
        }
        Command::OverrideFencing { service, run, risk } => {
            let here = Here::of(world, context, &service)?;
            let risk = text::line("risk", &risk, 3, 500)?;
            here.without_proof(run, risk)
        }
        Command::PlanFailback { service, reason } => {
            let here = Here::of(world, context, &service)?;
            let reason = text::line("reason", &reason, 3, 500)?;
            here.moved(Signal::PlanFailback, None, reason)
        }
        Command::FailBack {
            service,
            run,
            incident,
            confirm,
        } => {
            let here = Here::of(world, context, &service)?;
            let asked = Asked {
                confirm,
                ..Asked::new(run, incident, None)
            };
            here.begin(Signal::FailBack, asked)
        }
        Command::SettleFailover {
            service,
            sight,
            reason,
        } => {
            let here = Here::of(world, context, &service)?;
            let reason = text::line("reason", &reason, 3, 500)?;
            here.moved(Signal::Settle, sight.as_deref(), reason)
        }
        Command::AcknowledgeFailover { service } => {
            let here = Here::of(world, context, &service)?;
            match here.now.unacknowledged() {
                Some(_) => one(context, Event::FailoverAcknowledged { service }),
                None => Err(Refusal::conflict(
                    "There is no automatic failover to acknowledge.",
                )),
            }
        }
        Command::HoldAutomation { reason } => {
            let reason = text::line("reason", &reason, 3, 500)?;
            lever(world, context, true, reason)
        }
        Command::ReleaseAutomation { reason } => {
            let reason = text::line("reason", &reason, 0, 500)?;
            lever(world, context, false, reason)
        }
        // Every other command was taken by `super::decide`.
        _ => Ok(Vec::new()),
    }
}

fn lever(world: &World, context: &Context<'_>, held: bool, reason: String) -> Decision {
    if world.automation.is_some() == held {
        return Ok(Vec::new());
    }
    one(context, Event::AutomationHeld { held, reason })
}

/// A runbook that a failover begins is begun only with it: else its state and its guards would be passed by.
pub(super) fn not_by_itself(plan: &Plan, runbook: &Slug, mode: Mode) -> Result<(), Refusal> {
    let mine = |f: &&plan::Failover| {
        let r = &f.runbooks;
        [&r.automatic, &r.manual, &r.failback].contains(&runbook)
    };
    match plan.failover.iter().find(mine) {
        Some(failover) if mode != Mode::DryRun => Err(Refusal::conflict(format!(
            "This runbook is begun where its failover stands: /failover/{}",
            failover.service
        ))),
        _ => Ok(()),
    }
}

/// What Muster would do now by itself, by what it sees. The Desk decides it again.
pub fn due(
    world: &World,
    plan: &Plan,
    service: &ServiceId,
    sight: &Sight,
    now: Stamp,
) -> Option<Signal> {
    let state = world.failover(service).map(|f| f.state).unwrap_or_default();
    let signals: &[Signal] = match state {
        State::Watching => &[Signal::Moved, Signal::Failing],
        State::Detected => &[Signal::Moved, Signal::Recovered, Signal::Automatic],
        _ => &[],
    };
    signals.iter().copied().find(|signal| {
        let asking = asking(world, plan, service, *signal, Some(sight), now);
        asking.is_some_and(|asking| step(state, *signal, &asking).is_ok())
    })
}

/// Everything that the guards of a signal may look at; nothing where the plan has no such failover.
pub fn asking<'a>(
    world: &'a World,
    plan: &'a Plan,
    service: &ServiceId,
    signal: Signal,
    sight: Option<&'a Sight>,
    now: Stamp,
) -> Option<Asking<'a>> {
    let failover = plan.failover(service)?;
    let database = plan.targets.databases.get(&failover.database)?;
    let state = world.finding(service);
    let runbook = runbook(failover, signal).and_then(|slug| plan.runbook(slug));
    let drill = |i: &&std::sync::Arc<Incident>| {
        i.is_open() && i.kind == Kind::Drill && i.affected.contains(service)
    };
    Some(Asking {
        plan: failover,
        primary: &database.primary,
        secondary: &database.replica,
        now,
        health: world.found(service),
        because: state.map_or("", |s| &s.because),
        window: world.window(service).map(|w| w.title.as_str()),
        held: world.automation.as_deref(),
        last: world.failover(service).and_then(|f| f.unacknowledged()),
        drill: world.incidents.values().find(drill).map(|i| &i.number),
        in_the_way: runbook
            .and_then(|r| run::under_way(world, r).or_else(|| run::locked(world, r))),
        sight,
        proof: "",
        risk: "",
    })
}

/// The runbook that does the work of a signal.
fn runbook(plan: &plan::Failover, signal: Signal) -> Option<&Slug> {
    match signal {
        Signal::Automatic => Some(&plan.runbooks.automatic),
        Signal::Trigger => Some(&plan.runbooks.manual),
        Signal::FailBack => Some(&plan.runbooks.failback),
        _ => None,
    }
}

/// What a failover is begun with.
struct Asked<'a> {
    run: RunId,
    incident: Option<Number>,
    sight: Option<&'a Sight>,
    risk: String,
    confirm: String,
}

impl<'a> Asked<'a> {
    fn new(run: RunId, incident: Option<Number>, sight: impl Into<Option<&'a Sight>>) -> Asked<'a> {
        Asked {
            run,
            incident,
            sight: sight.into(),
            risk: String::new(),
            confirm: String::new(),
        }
    }
}

/// A failover as it stands, and all that a decision about it needs.
struct Here<'a> {
    world: &'a World,
    context: &'a Context<'a>,
    service: ServiceId,
    plan: &'a plan::Failover,
    now: Failover,
}

impl<'a> Here<'a> {
    fn of(
        world: &'a World,
        context: &'a Context<'a>,
        service: &ServiceId,
    ) -> Result<Here<'a>, Refusal> {
        let Some(plan) = context.plan.failover(service) else {
            return Err(Refusal::not_found(format!(
                "The plan has no failover of `{service}`."
            )));
        };
        Ok(Here {
            world,
            context,
            service: service.clone(),
            plan,
            now: world
                .failover(service)
                .map(|f| Failover::clone(f))
                .unwrap_or_default(),
        })
    }

    /// What is seen, as the reason of a move.
    fn seen(&self, signal: Signal) -> String {
        match signal {
            Signal::Failing if self.plan.automatic => "the check has failed".into(),
            Signal::Failing => {
                "the check has failed; the plan leaves the failover to a person".into()
            }
            Signal::Moved => "somebody made the secondary the primary".into(),
            _ => "the check is well again".into(),
        }
    }

    fn event(
        &self,
        signal: Signal,
        (sight, risk): (Option<&Sight>, &str),
        because: String,
        run: Option<RunId>,
    ) -> Result<Event, Refusal> {
        let Some(asking) = asking(
            self.world,
            self.context.plan,
            &self.service,
            signal,
            sight,
            self.context.now,
        ) else {
            return Err(Refusal::not_found("The plan has no such database."));
        };
        let (row, evidence) = step(self.now.state, signal, &Asking { risk, ..asking })?;
        let open = |n: &Number| self.world.incidents.get(n).is_some_and(|i| i.is_open());
        let incident = match row.to {
            State::Detected => None,
            _ => self.now.incident.clone().filter(open),
        };
        Ok(Event::FailoverMoved {
            service: self.service.clone(),
            incident,
            from: row.from,
            signal,
            to: row.to,
            because,
            evidence,
            run,
        })
    }

    fn moved(&self, signal: Signal, sight: Option<&Sight>, because: String) -> Decision {
        let event = self.event(signal, (sight, ""), because, None)?;
        one(self.context, event)
    }
}
