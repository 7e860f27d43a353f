//! What each event says to a person: one sentence, one icon. Used by every page, export and plain-text answer.

#[cfg(not(target_arch = "wasm32"))]
mod house;
#[cfg(not(target_arch = "wasm32"))]
mod notify;
mod run;

#[cfg(not(target_arch = "wasm32"))]
pub use notify::{notification, said};
pub use run::{answered, wait};

use crate::{Event, Health, Kind, RunStatus, Stamped, StepStatus, World, failover::State};
use serde::{Deserialize, Serialize};

/// The shape beside a line. A state is always a shape, a word and a colour together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Icon {
    Ok,
    Warn,
    Bad,
    None,
    Run,
    Skip,
    Say,
    Person,
}

impl Icon {
    /// The symbol's id in the sprite.
    pub fn id(self) -> &'static str {
        match self {
            Icon::Ok => "ok",
            Icon::Warn => "warn",
            Icon::Bad => "bad",
            Icon::None => "none",
            Icon::Run => "run",
            Icon::Skip => "skip",
            Icon::Say => "say",
            Icon::Person => "person",
        }
    }
    /// The colour's class.
    pub fn tone(self) -> &'static str {
        match self {
            Icon::Ok => "is-ok",
            Icon::Warn => "is-warn",
            Icon::Bad => "is-bad",
            Icon::None | Icon::Skip | Icon::Person => "is-none",
            Icon::Run | Icon::Say => "is-info",
        }
    }
}

/// Which filter of the timeline a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    People,
    Runs,
    Messages,
    Services,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    pub icon: Icon,
    pub topic: Topic,
    pub says: String,
    /// A person's own words, set apart.
    pub quote: Option<String>,
}

pub fn health_icon(health: Health) -> Icon {
    match health {
        Health::NoData => Icon::None,
        Health::Operational => Icon::Ok,
        Health::Degraded | Health::PartialOutage => Icon::Warn,
        Health::MajorOutage => Icon::Bad,
        Health::Maintenance => Icon::Run,
    }
}

pub fn step_icon(status: StepStatus) -> Icon {
    match status {
        StepStatus::Pending => Icon::None,
        StepStatus::Waiting | StepStatus::WaitingApproval | StepStatus::WaitingManual => {
            Icon::Person
        }
        StepStatus::Running | StepStatus::Retrying => Icon::Run,
        StepStatus::Succeeded => Icon::Ok,
        StepStatus::Failed | StepStatus::TimedOut => Icon::Bad,
        StepStatus::Skipped => Icon::Skip,
        StepStatus::Cancelled | StepStatus::Interrupted => Icon::Warn,
    }
}

pub fn run_icon(status: RunStatus) -> Icon {
    match status {
        RunStatus::Running | RunStatus::Cancelling => Icon::Run,
        RunStatus::Waiting => Icon::Person,
        RunStatus::PausedByFailedStep
        | RunStatus::PausedByOperator
        | RunStatus::CompletedWithExceptions
        | RunStatus::Cancelled => Icon::Warn,
        RunStatus::Completed => Icon::Ok,
        RunStatus::Failed => Icon::Bad,
    }
}

pub fn failover_icon(state: State) -> Icon {
    match state {
        State::Watching => Icon::Ok,
        State::Detected | State::Stopped => Icon::Bad,
        State::Monitoring | State::Planned => Icon::Warn,
        _ => Icon::Run,
    }
}

/// The sentence for an event. `world` lends the names of runbooks and steps; without them it says the number.
pub fn line(world: &World, stamped: &Stamped) -> Line {
    use Event::*;
    if let Some((icon, says, quote)) = run::says(world, stamped) {
        return Line {
            icon,
            topic: Topic::Runs,
            says,
            quote: quote.and_then(some),
        };
    }
    let (icon, topic, says, quote) = match &stamped.event {
        IncidentDeclared {
            title,
            severity,
            kind,
            ..
        } => {
            let drill = match kind {
                Kind::Real => "",
                Kind::Drill => " as a drill",
                Kind::Backfilled => " afterwards",
            };
            (
                Icon::Warn,
                Topic::People,
                format!("Declared {}{drill}: {title}", severity.id()),
                None,
            )
        }
        SeverityChanged {
            from, to, reason, ..
        } => {
            let way = if to < from { "raised" } else { "lowered" };
            (
                Icon::Warn,
                Topic::People,
                format!("Severity {way} from {} to {}", from.id(), to.id()),
                some(reason),
            )
        }
        RoleAssigned { role, person, .. } => (
            Icon::Person,
            Topic::People,
            format!("{person} is {}", role.words()),
            None,
        ),
        RoleOffered { role, to, .. } => (
            Icon::Person,
            Topic::People,
            format!("{} offered to {to}; waits for {to} to accept", role.words()),
            None,
        ),
        RoleAccepted { role, person, .. } => (
            Icon::Person,
            Topic::People,
            format!("{person} accepted: {} from now", role.words()),
            None,
        ),
        UpdatePosted {
            phase,
            message,
            public,
            ..
        } => {
            let whose = if *public {
                "Public update"
            } else {
                "Update (not public)"
            };
            (
                Icon::Say,
                Topic::Messages,
                format!("{whose}: {}", phase.words()),
                some(message),
            )
        }
        NoteAdded { text, .. } => (Icon::Say, Topic::People, "Note".into(), some(text)),
        Pinned { seq, pinned, .. } => (
            Icon::None,
            Topic::People,
            format!("{} line {seq}", if *pinned { "Pinned" } else { "Unpinned" }),
            None,
        ),
        TaskAdded {
            title,
            owner,
            minutes,
            ..
        } => (
            Icon::Person,
            Topic::People,
            format!("Task for {owner}, {minutes} min: {title}"),
            None,
        ),
        TaskAccepted { incident, task } => (
            Icon::Person,
            Topic::People,
            format!("Accepted the task {}", task_title(world, incident, *task)),
            None,
        ),
        TaskFinished { incident, task } => (
            Icon::Ok,
            Topic::People,
            format!("Finished the task {}", task_title(world, incident, *task)),
            None,
        ),
        Ticked {
            incident,
            item,
            done,
        } => {
            let text = world
                .incidents
                .get(incident)
                .and_then(|i| i.checklist.get(*item as usize))
                .map_or_else(|| format!("item {}", item + 1), |i| i.text.clone());
            let (icon, word) = if *done {
                (Icon::Ok, "Checked")
            } else {
                (Icon::None, "Unchecked")
            };
            (icon, Topic::People, format!("{word}: {text}"), None)
        }
        IncidentResolved { message, .. } => {
            (Icon::Ok, Topic::Messages, "Resolved".into(), some(message))
        }
        IncidentReopened { reason, .. } => {
            (Icon::Warn, Topic::People, "Reopened".into(), some(reason))
        }

        ServiceChanged {
            service,
            to,
            because,
            ..
        } => (
            health_icon(*to),
            Topic::Services,
            format!("{service}: {}: {because}", to.words().to_ascii_lowercase()),
            None,
        ),
        FailoverMoved {
            service,
            to,
            because,
            ..
        } => (
            failover_icon(*to),
            Topic::Services,
            format!("{service}: {}: {because}", to.words()),
            None,
        ),
        FailoverAcknowledged { service } => (
            Icon::Person,
            Topic::Services,
            format!("{service}: automatic failover acknowledged"),
            None,
        ),
        AutomationHeld { held, reason } => (
            Icon::Warn,
            Topic::Services,
            format!("Automation {}", if *held { "held" } else { "released" }),
            some(reason),
        ),
        PlanLoaded { hash, name, .. } => (
            Icon::None,
            Topic::People,
            format!("Plan {name} in force, revision {}", short(hash.as_str())),
            None,
        ),
        Said {
            icon, says, quote, ..
        } => (*icon, Topic::Messages, says.clone(), quote.clone()),
        // The rest was said by `run::says`, or is not the browser's business.
        #[cfg(not(target_arch = "wasm32"))]
        event => return house::says(event),
        #[cfg(target_arch = "wasm32")]
        _ => (Icon::None, Topic::Runs, String::new(), None),
    };
    Line {
        icon,
        topic,
        says,
        quote,
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn task_title(world: &World, incident: &crate::Number, task: u32) -> String {
    world
        .incidents
        .get(incident)
        .and_then(|i| i.tasks.iter().find(|t| t.id == task))
        .map_or_else(|| format!("{task}"), |t| format!("“{}”", t.title))
}

/// The first eight characters of an id or a hash.
pub fn short(text: &str) -> &str {
    text.get(..8).unwrap_or(text)
}
