//! Whether a run may start, and with what.

use super::super::open_incident;
use crate::{
    Event, Kind, Mode, Number, Refusal, Run, RunId, Slug, World, begin,
    plan::{CommandLine, MASK, OnLocked, ParameterKind, Runbook, Value},
    run::Look,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// [`crate::Command::StartRun`], taken apart.
pub(super) struct Asked {
    pub id: RunId,
    pub runbook: Slug,
    pub incident: Option<Number>,
    pub parameters: BTreeMap<String, String>,
    pub mode: Mode,
    pub confirm: String,
    pub stepwise: bool,
}

pub(super) fn start(look: &Look<'_>, mut asked: Asked) -> Result<Vec<Event>, Refusal> {
    let Some(runbook) = look.plan.runbook(&asked.runbook) else {
        return Err(Refusal::not_found(format!(
            "The plan has no runbook `{}`.",
            asked.runbook
        )));
    };
    // A recovery follows the plan of its incident: that is what `look.plan` holds.
    let pinned = match &asked.incident {
        Some(number) => Some(open_incident(look.world, number)?.plan.clone()),
        None => None,
    };
    take_parameters(runbook, &mut asked.parameters)?;
    let incident = asked.incident.as_ref();
    let about = incident.and_then(|n| look.world.incidents.get(n));
    fits(
        asked.mode,
        about.map(|i| i.kind),
        look.plan.targets.rehearsal,
    )?;
    if asked.mode != Mode::DryRun {
        if let Some(text) = &runbook.confirm
            && asked.confirm.trim() != text
        {
            return Err(Refusal::invalid(
                "confirm",
                format!("Type `{text}` to start {}.", runbook.name),
            ));
        }
        nobody_in_the_way(look.world, runbook)?;
    }
    let in_force = || look.world.plan.as_ref().map(|p| p.hash.clone());
    let Some(plan) = pinned.or_else(in_force) else {
        return Err(Refusal::conflict(
            "No plan is loaded yet; try again in a moment.",
        ));
    };
    let started = Event::RunStarted {
        run: asked.id,
        runbook: std::sync::Arc::new(runbook.clone()),
        incident: asked.incident,
        parameters: asked.parameters,
        mode: asked.mode,
        plan,
        parent: None,
        stepwise: asked.stepwise && asked.mode != Mode::DryRun,
    };
    let (first, following) = begin(started, look);
    let mut events = vec![first];
    events.extend(following);
    Ok(events)
}

/// One button is one run; and what is dangerous does not even wait in line.
fn nobody_in_the_way(world: &World, runbook: &Runbook) -> Result<(), Refusal> {
    let busy = under_way(world, runbook).or_else(|| match runbook.when_locked() {
        OnLocked::Queue => None,
        OnLocked::Reject => locked(world, runbook),
    });
    busy.map_or(Ok(()), |says| Err(Refusal::conflict(says)))
}

/// Whether it runs already, as a sentence.
pub(crate) fn under_way(world: &World, runbook: &Runbook) -> Option<String> {
    let same =
        |r: &&Arc<Run>| !r.is_over() && r.runbook.slug == runbook.slug && r.mode != Mode::DryRun;
    let busy = world.runs.values().find(same)?;
    Some(format!(
        "{} is running already, started by {} ({}).",
        runbook.name,
        busy.started_by,
        busy.status.words().to_lowercase()
    ))
}

/// Who holds one of its locks, as a sentence.
pub(crate) fn locked(world: &World, runbook: &Runbook) -> Option<String> {
    runbook.all_locks().find_map(|lock| {
        let holds = |r: &&Arc<Run>| !r.is_over() && r.locks.contains_key(lock);
        let holder = world.runs.values().find(holds)?;
        Some(format!(
            "{lock} is held by {}, started by {} ({}). {} does not wait in line: stop that run, or let it end.",
            holder.runbook.name,
            holder.started_by,
            holder.status.words().to_lowercase(),
            runbook.name
        ))
    })
}

/// Judges what was given, fills in what was not, and refuses what nobody asked for.
pub(crate) fn take_parameters(
    runbook: &Runbook,
    given: &mut BTreeMap<String, String>,
) -> Result<(), Refusal> {
    if given.len() > 50 {
        return Err(Refusal::invalid("parameters", "At most 50 parameters."));
    }
    for (name, value) in given.iter() {
        if runbook.parameter(name).is_none() {
            // Old runbooks name none and take what comes; one that names some takes no others.
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let named = !name.is_empty() && name.len() <= 60 && name.chars().all(good);
            if !runbook.parameters.is_empty() || !named {
                return Err(Refusal::invalid(
                    "parameters",
                    format!("{} has no parameter `{name}`.", runbook.name),
                ));
            }
        }
        if value.len() > 10_000 || value.contains('\0') {
            return Err(Refusal::invalid(
                "parameters",
                format!("The value of `{name}` is longer than 10,000 bytes or holds a NUL."),
            ));
        }
    }
    let words = argv_parameters(runbook);
    for parameter in &runbook.parameters {
        let field = format!("parameters.{}", parameter.name);
        let refused = |says: String| Refusal::invalid(&field, says);
        let value = parameter
            .take(given.get(&parameter.name).map(String::as_str))
            .map_err(refused)?;
        match value {
            // What a command would take for an option of its own is no value.
            Some(value)
                if value.starts_with('-')
                    && parameter.kind != ParameterKind::Int
                    && words.contains(parameter.name.as_str()) =>
            {
                return Err(Refusal::invalid(
                    &field,
                    format!(
                        "{} cannot begin with `-`: the command would take it for an option.",
                        parameter.name
                    ),
                ));
            }
            Some(_) if parameter.kind == ParameterKind::Secret => {
                given.insert(parameter.name.clone(), MASK.to_owned())
            }
            Some(value) => given.insert(parameter.name.clone(), value),
            None => given.remove(&parameter.name),
        };
    }
    Ok(())
}

/// The parameters that become words of a command.
fn argv_parameters(runbook: &Runbook) -> BTreeSet<&str> {
    fn of(command: &CommandLine) -> impl Iterator<Item = &str> {
        command.words().iter().filter_map(|word| match word {
            Value::Parameter(name) => Some(name.as_str()),
            _ => None,
        })
    }
    let commands = runbook
        .all_steps()
        .flat_map(|(_, s)| s.commands.iter().chain(&s.forced).chain(&s.verify));
    commands.flat_map(of).collect()
}

/// A drill's run acts like any other: so it is kept to drills, and to targets that are there to be practised on.
fn fits(mode: Mode, about: Option<Kind>, rehearsal: bool) -> Result<(), Refusal> {
    let wrong = |says: &str| Err(Refusal::invalid("mode", says));
    match (mode, about) {
        (Mode::Drill, _) if !rehearsal => wrong(
            "The plan's targets are not for practice (targets.yaml: rehearsal), so no drill runs against them.",
        ),
        (Mode::Drill, Some(Kind::Real | Kind::Backfilled)) => {
            wrong("This incident is no drill: run the runbook for real.")
        }
        (Mode::Real, Some(Kind::Drill)) => {
            wrong("This incident is a drill: run the runbook as a drill.")
        }
        _ => Ok(()),
    }
}
