//! What the server loads for a page and hands over whole: once into the rendering, once as a JSON block for the browser.

mod handed;
mod told;

pub use told::*;

use domain::{
    AccessRole, Exposure, Mode, Number, Refusal, Run, RunId, ServiceId, Slug, Span, Stamp, Stamped,
    StepStatus, World,
    failover::{self, Sight},
    plan::Plan,
    recovery::Recovery,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page {
    pub view: View,
    pub who: Who,
    /// When the server loaded it. Views never ask a clock.
    pub now: Stamp,
    /// The part of the world this page shows. Live events are folded into it.
    pub world: World,
    /// The plan in force, with only the parts this page needs filled.
    /// The browser gets a part of it only.
    #[serde(with = "handed::plan")]
    pub plan: Plan,
    /// The latest look at each service, for "checked 2 s ago · 41 ms". Ephemeral: carried by ticks, never an event.
    pub looks: BTreeMap<ServiceId, Look>,
    /// What the incident's or run's timeline holds so far, oldest first. It goes to the browser beside the page: one line
    /// for each.
    #[serde(skip)]
    pub timeline: Vec<Stamped>,
    /// A form that was refused when scripting is off: its sentence and what was typed.
    pub refused: Option<Refused>,
    /// How long a run's steps took in the runs before it.
    #[serde(default)]
    pub past: Past,
    /// What earlier runs say of the plan's runbooks. For the server's own parts: the browser does not get it.
    #[serde(skip)]
    pub proof: BTreeMap<Slug, Proof>,
    /// The history of the runbook that the page shows; for the server's own parts.
    #[serde(skip)]
    pub book: Book,
    /// What the server worked out of an incident's time; for its own parts.
    #[serde(skip)]
    pub measured: Measured,
    /// What was last seen of the failover that the page shows; for the server's own parts.
    #[serde(skip)]
    pub sight: Option<Box<Sight>>,
    /// Only what the server draws of it is asked for anew (`data-follow`): the rest is left out.
    #[serde(skip)]
    pub parts: bool,
    /// Who was told and how people are reached; for the server's own parts.
    #[serde(skip)]
    pub told: Box<Told>,
    /// The update that the page shows before it is posted.
    #[serde(skip)]
    pub draft: Option<Unposted>,
    /// Seed of this page's idempotency keys, one key a form: `{seed}-{form}`.
    pub seed: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Who {
    pub name: String,
    pub role: AccessRole,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "page", rename_all = "snake_case", from = "handed::Flat")]
pub enum View {
    Board,
    /// The board for a screen on the wall.
    Wall,
    Incidents {
        more: Option<String>,
    },
    /// The declare form; a suggestion from the board may have filled it in.
    Declare {
        title: String,
        affected: Vec<ServiceId>,
    },
    Incident {
        number: Number,
    },
    Runbooks,
    Runbook {
        slug: String,
        /// Offered first where it is to be run.
        incident: Option<Number>,
    },
    Run {
        id: RunId,
        output: Output,
    },
    Failover {
        service: ServiceId,
    },
    Service {
        service: ServiceId,
    },
    Maintenance,
    Contacts,
    /// The communication matrix.
    Matrix,
    /// An update of an incident, as it would be said.
    Update {
        number: Number,
    },
    Plan,
    /// A capability of a later version, told honestly: `/drills`, `/postmortems`.
    NotYet {
        name: String,
        says: String,
    },
    NotFound {
        says: String,
    },
}

/// The output of one attempt: how much there is of it, and how it ends. More is asked for by line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    pub step: u32,
    pub attempt: u32,
    pub lines: u64,
    pub bytes: u64,
    /// Its last lines. The server draws them; the browser has no use for them.
    #[serde(skip)]
    pub last: Vec<Said>,
    /// The attempt that goes on, and not one that the reader has chosen: another may follow it.
    pub follows: bool,
    /// Nothing will be added to it.
    pub over: bool,
}

/// A line of output, or a note that stands where lines are missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// From 1; a note has none.
    pub number: Option<u64>,
    /// Classes and text.
    pub runs: Vec<(String, String)>,
}

/// How long each step of a run usually takes: the median of the runs before it, of which a step that was skipped took no
/// time. Steps that run at the same time count as the longest of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// So many runs; with none, nothing is known.
    pub runs: u32,
    pub millis: Vec<u64>,
}

impl Past {
    /// What a run still has to do by this measure, and what all of it is.
    pub fn left(&self, run: &Run, now: Stamp) -> (Span, Span) {
        let (mut left, mut all) = (0, 0);
        // What a person decides on is all to do again, as far as one can tell.
        let asked = run.paused.as_ref().map(|p| p.step as usize);
        for (i, (step, usual)) in run.steps.iter().zip(&self.millis).enumerate() {
            all += usual;
            left += match (step.status, step.started_at) {
                (StepStatus::Pending, _) => *usual,
                _ if asked == Some(i) => *usual,
                (status, _) if status.is_over() => 0,
                (_, Some(start)) => usual.saturating_sub(now.since(start).micros() as u64 / 1000),
                _ => *usual,
            };
        }
        (Span::millis(left), Span::millis(all))
    }
}

/// What is known of an incident's time besides the incident itself.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    pub recovery: Option<Recovery>,
    /// Of the open incidents, where a page shows several.
    pub recoveries: BTreeMap<Number, Recovery>,
    /// When the first person was in command.
    pub acknowledged: Option<Stamp>,
    /// By objective of the plan.
    pub exposures: Vec<(String, Arc<Exposure>)>,
    /// The plan's failovers as they stand.
    pub failovers: Vec<(ServiceId, failover::State)>,
    /// Somebody holds what Muster would begin by itself.
    pub held: Option<Arc<failover::Held>>,
    /// What runs now, and how long it will still take.
    pub forecast: Option<Forecast>,
    /// What could be run instead, and how long that takes.
    pub otherwise: Option<Forecast>,
    #[cfg(not(target_arch = "wasm32"))]
    pub histories: Arc<BTreeMap<ServiceId, domain::history::History>>,
    /// The windows that are not over, the next one first; and, where a page shows them, the past ones.
    #[cfg(not(target_arch = "wasm32"))]
    pub maintenances: Vec<Arc<domain::Maintenance>>,
    /// What the checks find of services in maintenance.
    #[cfg(not(target_arch = "wasm32"))]
    pub found: Vec<(ServiceId, Arc<domain::ServiceState>)>,
    /// A window that somebody is about to schedule.
    #[cfg(not(target_arch = "wasm32"))]
    pub draft: Option<Box<Draft>>,
}

/// A window as it was typed, before anything is told of it.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub title: String,
    pub message: String,
    pub services: Vec<ServiceId>,
    pub from: String,
    pub until: String,
    /// In which zone the times are.
    pub zone: String,
    pub public: bool,
    /// Its times, where it could be scheduled so.
    pub planned: Option<Planned>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planned {
    pub from: Stamp,
    pub until: Stamp,
}

/// Going by the runs before it.
#[derive(Clone, Debug)]
pub struct Forecast {
    pub name: String,
    pub left: Span,
    /// How many runs there were to judge by.
    pub runs: u32,
}

/// Whether the plan's revision of a runbook has ever worked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Proof {
    /// It ended well in this mode, or well but for exceptions.
    Worked {
        at: Stamp,
        mode: Mode,
        exceptions: bool,
    },
    /// An older revision did; this one has not been proved.
    Edited { worked: Stamp },
    /// It ran, and never ended well.
    Failed,
    /// It was never run, as far as the server looked back.
    Never,
}

/// A runbook's runs and revisions, the latest first.
#[derive(Clone, Debug, Default)]
pub struct Book {
    pub runs: Vec<Ran>,
    pub revisions: Vec<Revision>,
    /// What became of an older revision: line by line.
    pub compared: Option<(String, Vec<Line>)>,
}

#[derive(Clone, Debug)]
pub struct Ran {
    pub run: Arc<Run>,
    pub revision: String,
}

#[derive(Clone, Debug)]
pub struct Revision {
    pub name: String,
    /// When it was first run or put in force.
    pub since: Stamp,
    pub runs: u32,
    pub current: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    Same(String),
    Gone(String),
    New(String),
}

/// The last time a service was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    pub at: Stamp,
    pub took_ms: u32,
    /// `ok`, or the class of the failure: `refused`, `timeout`, `auth`, `read_only`, `slow`, `wrong_answer`.
    pub class: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// The form's action.
    pub form: String,
    pub refusal: Refusal,
    pub typed: Vec<(String, String)>,
}

/// The answer to a form that the browser sent by itself (`Accept: application/vnd.muster.form+json`): always 200, so
/// that an expected "no" is not an error in the browser's console.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Done { seq: u64, location: String },
    Refused(Refusal),
}

/// What the live stream's `tick` carries.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tick {
    pub at: Stamp,
    pub looks: BTreeMap<ServiceId, Look>,
}

/// What the live stream's `output` carries: how far an attempt has got.
#[derive(Clone, Debug, Serialize)]
pub struct Wrote {
    pub step: u32,
    pub attempt: u32,
    /// How many lines there are, the one that has no end yet included.
    pub total: u64,
    pub bytes: u64,
    /// From which line (lost) up to which (found) nothing is kept; both 0 where all is.
    pub lost: u64,
    pub found: u64,
}
