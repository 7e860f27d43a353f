//! The rules of maintenance windows, and of what the checks find meanwhile.

use super::{Context, Decision, Fact, ahead, text};
use crate::{
    Command, Event, Health, Maintenance, MaintenanceId, Refusal, ServiceId, ServiceState, Span,
    Stage, Stamp, World,
    maintenance::{AHEAD, LONGEST, SHORTEST},
};

/// A form may have been filled in for so long: what was "now" then, is.
const LATE: Span = Span::secs(15 * 60);

pub(super) fn decide(world: &World, context: &Context<'_>, command: Command) -> Decision {
    match command {
        Command::ScheduleMaintenance {
            title,
            message,
            services,
            from,
            until,
            public,
        } => {
            let title = text::line("title", &title, 3, 200)?;
            let message = text::lines("message", &message, 0, 4000)?;
            let services = of_the_plan(context, services)?;
            times(context, from, until)?;
            let year = context.now.year();
            let count = world.maintenance_counts.get(&year).copied();
            let id = MaintenanceId::new(year, count.unwrap_or(0) + 1);
            let mut facts = vec![Fact {
                at: context.now,
                event: Event::MaintenanceScheduled {
                    maintenance: id.clone(),
                    title,
                    message: or(message, Stage::Scheduled),
                    services,
                    from,
                    until,
                    public,
                },
            }];
            if from <= context.now {
                let world = ahead(world, context, &facts);
                let window = window(&world, &id)?;
                facts.extend(moved(&world, context, window, Stage::InProgress, "")?);
            }
            Ok(facts)
        }
        Command::RescheduleMaintenance {
            maintenance,
            from,
            until,
            message,
        } => {
            let window = window(world, &maintenance)?;
            let message = text::lines("message", &message, 0, 4000)?;
            reschedule(world, context, window, (from, until), message)
        }
        Command::MoveMaintenance {
            maintenance,
            to,
            message,
        } => {
            let message = text::lines("message", &message, 0, 4000)?;
            let window = window(world, &maintenance)?;
            if window.stage == to && message.is_empty() {
                return Ok(Vec::new());
            }
            if window.stage == to {
                return Err(Refusal::conflict(format!(
                    "It is {} already: what you wrote was not told.",
                    to.words().to_lowercase()
                )));
            }
            if window.stage == Stage::Scheduled && to == Stage::Completed {
                return Err(Refusal::conflict("It has not begun: cancel it instead."));
            }
            moved(world, context, window, to, &message)
        }
        Command::AdvanceMaintenance { maintenance } => {
            let Some(window) = world.maintenances.get(&maintenance) else {
                return Ok(Vec::new());
            };
            match window.due(world, context.plan, context.now) {
                Some(to) if window.stage == Stage::Scheduled && to.is_over() => {
                    let says = "Its time passed while Muster was stopped: nobody has watched it.";
                    moved(world, context, window, to, says)
                }
                Some(to) => moved(world, context, window, to, ""),
                None => Ok(Vec::new()),
            }
        }
        // Every other command was taken by `super::decide`.
        _ => Ok(Vec::new()),
    }
}

/// What a check has found. In a window it is held.
pub(super) fn observed(world: &World, service: ServiceId, found: ServiceState) -> Decision {
    let from = world.found(&service);
    if from == found.health {
        return Ok(Vec::new());
    }
    let ServiceState {
        health: to,
        since,
        because,
    } = found;
    let event = match world.window(&service) {
        Some(_) => Event::FindingHeld {
            service,
            from,
            to,
            because,
        },
        None => Event::ServiceChanged {
            service,
            from,
            to,
            because,
        },
    };
    Ok(vec![Fact {
        at: since.unwrap_or_default(),
        event,
    }])
}

fn window<'a>(world: &'a World, id: &MaintenanceId) -> Result<&'a Maintenance, Refusal> {
    let found = world.maintenances.get(id).map(|m| &**m);
    found.ok_or_else(|| {
        Refusal::not_found(format!(
            "There is no maintenance window {id} that is scheduled or goes on."
        ))
    })
}

fn of_the_plan(context: &Context<'_>, named: Vec<ServiceId>) -> Result<Vec<ServiceId>, Refusal> {
    let mut services: Vec<ServiceId> = Vec::new();
    for id in named {
        if context.plan.service(&id).is_none() {
            return Err(Refusal::invalid(
                "services",
                format!("The plan has no service `{id}`."),
            ));
        }
        if !services.contains(&id) {
            services.push(id);
        }
    }
    match services.is_empty() {
        true => Err(Refusal::invalid(
            "services",
            "Choose the services that are worked on: at least one.",
        )),
        false => Ok(services),
    }
}

fn times(context: &Context<'_>, from: Stamp, until: Stamp) -> Result<(), Refusal> {
    let now = context.now;
    if from < Stamp(now.0 - LATE.micros()) {
        return Err(Refusal::invalid(
            "from",
            format!("This is past: it is {} now.", now.minute()),
        ));
    }
    if from > now.plus(AHEAD) {
        return Err(Refusal::invalid("from", "This is more than a year ahead."));
    }
    end(context, from.max(now), until)
}

fn end(context: &Context<'_>, from: Stamp, until: Stamp) -> Result<(), Refusal> {
    let says = match until.since(from) {
        _ if until <= context.now => format!("This is past: it is {} now.", context.now.minute()),
        length if length < SHORTEST => {
            "The end must be at least a minute after the beginning.".to_owned()
        }
        length if length > LONGEST => format!("A window is at most {} long.", LONGEST.words()),
        _ => return Ok(()),
    };
    Err(Refusal::invalid("until", says))
}

/// Before it begins both ends may be moved; then only the end. One that is being verified goes on.
fn reschedule(
    world: &World,
    context: &Context<'_>,
    window: &Maintenance,
    (from, until): (Option<Stamp>, Stamp),
    message: String,
) -> Decision {
    let began = window.stage != Stage::Scheduled;
    let new = from.unwrap_or(window.from);
    if window.stage.is_over() {
        return Err(over(window));
    }
    if began && new != window.from {
        return Err(Refusal::invalid(
            "from",
            "It has begun: only its end can be moved.",
        ));
    }
    match began {
        true => end(context, window.began_at.unwrap_or(window.from), until)?,
        false => times(context, new, until)?,
    }
    if (new, until) == (window.from, window.until) {
        return Ok(Vec::new());
    }
    let says = match message.is_empty() {
        true if new == window.from => format!("It ends at {} now.", until.minute()),
        true => format!("Moved: from {} until {}.", new.minute(), until.minute()),
        false => message,
    };
    let mut facts = vec![Fact {
        at: context.now,
        event: Event::MaintenanceRescheduled {
            maintenance: window.id.clone(),
            from: new,
            until,
            message: says,
        },
    }];
    if window.stage == Stage::Verifying {
        facts.extend(moved(world, context, window, Stage::InProgress, "")?);
    }
    Ok(facts)
}

fn over(window: &Maintenance) -> Refusal {
    Refusal::conflict(format!(
        "{} is {}.",
        window.id,
        window.stage.words().to_lowercase()
    ))
}

fn or(message: String, stage: Stage) -> String {
    match message.is_empty() {
        true => stage.says().to_owned(),
        false => message,
    }
}

/// The move, and what follows for its services: in maintenance from here on, or told as they were found.
fn moved(
    world: &World,
    context: &Context<'_>,
    window: &Maintenance,
    to: Stage,
    message: &str,
) -> Decision {
    if window.stage.is_over() {
        return Err(over(window));
    }
    if !window.stage.next().contains(&to) {
        return Err(Refusal::conflict(format!(
            "It is {}: it cannot become {} from here.",
            window.stage.words().to_lowercase(),
            to.words().to_lowercase()
        )));
    }
    let (from, now) = (window.stage, context.now);
    let fact = |event| Fact { at: now, event };
    let mut facts = vec![fact(Event::MaintenanceMoved {
        maintenance: window.id.clone(),
        from,
        to,
        message: or(message.to_owned(), to),
    })];
    let changed = |service: &ServiceId, from, to, because| {
        fact(Event::ServiceChanged {
            service: service.clone(),
            from,
            to,
            because,
        })
    };
    if to.holds() && !from.holds() {
        for service in &window.services {
            let from = world.health(service);
            if from != Health::Maintenance {
                let because = format!("{} until {}", window.title, window.until.minute());
                facts.push(changed(service, from, Health::Maintenance, because));
            }
        }
    }
    if from.holds() && !to.holds() {
        let others = |service: &&ServiceId| {
            let other = |m: &&std::sync::Arc<Maintenance>| m.id != window.id && m.stage.holds();
            let mut others = world.maintenances.values().filter(other);
            !others.any(|m| m.services.contains(*service))
        };
        for service in window.services.iter().filter(others) {
            let (to, because) = released(world, window, service);
            facts.push(changed(service, Health::Maintenance, to, because));
        }
    }
    Ok(facts)
}

/// What is told of a service when its window ends.
fn released(world: &World, window: &Maintenance, service: &ServiceId) -> (Health, String) {
    match world.held.get(service) {
        None => (
            Health::NoData,
            format!("{} is over; not looked at yet", window.id),
        ),
        Some(found) => {
            let held = match (found.since, window.began_at) {
                (Some(since), Some(began)) if since >= began => {
                    format!(", held since {}", since.minute())
                }
                _ => String::new(),
            };
            (
                found.health,
                format!("{} is over: {}{held}", window.id, found.because),
            )
        }
    }
}
