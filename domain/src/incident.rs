//! An incident: its three axes (internal state, public phase, visibility), the people, the tasks, the checklist.

use crate::{
    Event, Number, PlanHash, RunId, ServiceId, Stamp, Stamped, Subject, plan::Communication,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// What an incident's services did this long before its declaration belongs to its story.
const BEFORE: Duration = Duration::from_secs(15 * 60);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    Sev1,
    Sev2,
    Sev3,
}

impl Severity {
    pub const ALL: [Severity; 3] = [Severity::Sev1, Severity::Sev2, Severity::Sev3];
    pub fn id(self) -> &'static str {
        match self {
            Severity::Sev1 => "SEV1",
            Severity::Sev2 => "SEV2",
            Severity::Sev3 => "SEV3",
        }
    }
}

impl std::str::FromStr for Severity {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let s = s.trim();
        Severity::ALL
            .into_iter()
            .find(|v| v.id().eq_ignore_ascii_case(s) || v.id().strip_prefix("SEV") == Some(s))
            .ok_or_else(|| format!("`{s}` is not a severity; use SEV1, SEV2 or SEV3"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Real,
    Drill,
    Backfilled,
}

/// The internal state: what the responders are doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Declared,
    Mitigating,
    Resolved,
}

impl State {
    pub fn words(self) -> &'static str {
        match self {
            State::Declared => "Declared",
            State::Mitigating => "Mitigating",
            State::Resolved => "Resolved",
        }
    }
}

/// The public phase, in Statuspage's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Investigating,
    Identified,
    Monitoring,
    Resolved,
}

impl Phase {
    pub const OPEN: [Phase; 3] = [Phase::Investigating, Phase::Identified, Phase::Monitoring];
    pub fn id(self) -> &'static str {
        match self {
            Phase::Investigating => "investigating",
            Phase::Identified => "identified",
            Phase::Monitoring => "monitoring",
            Phase::Resolved => "resolved",
        }
    }
    pub fn words(self) -> &'static str {
        match self {
            Phase::Investigating => "Investigating",
            Phase::Identified => "Identified",
            Phase::Monitoring => "Monitoring",
            Phase::Resolved => "Resolved",
        }
    }
}

/// Who leads and who helps, in the words of the Incident Command System.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentRole {
    IncidentCommander,
    Deputy,
    Scribe,
    Communications,
    SubjectMatterExpert,
}

impl IncidentRole {
    pub const ALL: [IncidentRole; 5] = [
        IncidentRole::IncidentCommander,
        IncidentRole::Deputy,
        IncidentRole::Scribe,
        IncidentRole::Communications,
        IncidentRole::SubjectMatterExpert,
    ];
    pub fn id(self) -> &'static str {
        match self {
            IncidentRole::IncidentCommander => "incident_commander",
            IncidentRole::Deputy => "deputy",
            IncidentRole::Scribe => "scribe",
            IncidentRole::Communications => "communications",
            IncidentRole::SubjectMatterExpert => "subject_matter_expert",
        }
    }
    pub fn words(self) -> &'static str {
        match self {
            IncidentRole::IncidentCommander => "Incident Commander",
            IncidentRole::Deputy => "Deputy",
            IncidentRole::Scribe => "Scribe",
            IncidentRole::Communications => "Communications",
            IncidentRole::SubjectMatterExpert => "Subject-matter expert",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    pub number: Number,
    pub title: String,
    pub severity: Severity,
    pub kind: Kind,
    pub state: State,
    pub phase: Phase,
    pub public: bool,
    /// It tells nobody. The browser has no use for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub quiet: bool,
    pub affected: Vec<ServiceId>,
    /// The plan it was declared under: a later plan does not change what is due here.
    pub plan: PlanHash,
    pub declared_at: Stamp,
    pub declared_by: String,
    pub resolved_at: Option<Stamp>,
    pub roles: BTreeMap<IncidentRole, String>,
    /// Offered, not yet accepted.
    pub offers: BTreeMap<IncidentRole, String>,
    pub updates: Vec<Update>,
    pub tasks: Vec<Task>,
    pub checklist: Vec<Item>,
    pub pinned: Vec<u64>,
    pub runs: Vec<RunId>,
    /// The last event of its stream: what an `If-Match` compares with.
    pub version: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    pub at: Stamp,
    pub phase: Phase,
    pub message: String,
    pub by: String,
    pub public: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub id: u32,
    pub title: String,
    pub owner: String,
    pub minutes: u32,
    pub added_at: Stamp,
    pub accepted: bool,
    pub finished_at: Option<Stamp>,
}

impl Task {
    pub fn due_at(&self) -> Stamp {
        self.added_at
            .plus(crate::Span::secs(u64::from(self.minutes) * 60))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub text: String,
    pub done: Option<Done>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    pub at: Stamp,
    pub by: String,
}

impl Incident {
    pub fn is_open(&self) -> bool {
        self.state != State::Resolved
    }

    /// Does an event belong on this incident's timeline? Its own, its runs', and what its services did from a little
    /// before the declaration until it was resolved. What a page loads and what comes live go by this one rule.
    pub fn tells(&self, stamped: &Stamped) -> bool {
        match (stamped.event.subject(), &stamped.event) {
            (Subject::Incident(number), _) => *number == self.number,
            (Subject::Run(run), _) => self.runs.contains(run),
            (
                Subject::Other,
                Event::ServiceChanged { service, .. } | Event::FailoverMoved { service, .. },
            ) => {
                let from = self.declared_at.0 - BEFORE.as_micros() as i64;
                let until = self.resolved_at.map_or(i64::MAX, |at| at.0);
                self.affected.contains(service) && (from..=until).contains(&stamped.at.0)
            }
            (Subject::Other, _) => false,
        }
    }

    pub fn commander(&self) -> Option<&str> {
        self.roles
            .get(&IncidentRole::IncidentCommander)
            .map(String::as_str)
    }

    /// When the next public word is due under the plan's cadence; nothing once resolved or where it is not public.
    pub fn next_update_due(&self, policy: &Communication) -> Option<Stamp> {
        if !self.is_open() || !self.public {
            return None;
        }
        let policy = policy.severity(self.severity)?;
        Some(match self.updates.iter().rev().find(|u| u.public) {
            Some(last) => last.at.plus(policy.update_every),
            None => self.declared_at.plus(policy.first_update),
        })
    }

    /// The incident that an `IncidentDeclared` brings into being.
    pub(crate) fn declared(stamped: &Stamped) -> Option<Incident> {
        let Event::IncidentDeclared {
            incident,
            title,
            severity,
            affected,
            kind,
            public,
            quiet,
            plan,
            checklist,
        } = &stamped.event
        else {
            return None;
        };
        Some(Incident {
            number: incident.clone(),
            title: title.clone(),
            severity: *severity,
            kind: *kind,
            state: State::Declared,
            phase: Phase::Investigating,
            public: *public,
            quiet: *quiet,
            affected: affected.clone(),
            plan: plan.clone(),
            declared_at: stamped.at,
            declared_by: stamped.actor.name.clone(),
            resolved_at: None,
            roles: BTreeMap::new(),
            offers: BTreeMap::new(),
            updates: Vec::new(),
            tasks: Vec::new(),
            checklist: checklist
                .iter()
                .map(|text| Item {
                    text: text.clone(),
                    done: None,
                })
                .collect(),
            pinned: Vec::new(),
            runs: Vec::new(),
            version: stamped.seq,
        })
    }

    pub(crate) fn apply(&mut self, stamped: &Stamped) {
        if stamped.seq <= self.version {
            return;
        }
        let by = || stamped.actor.name.clone();
        match &stamped.event {
            Event::SeverityChanged { to, .. } => self.severity = *to,
            Event::RoleAssigned { role, person, .. } => {
                self.offers.remove(role);
                self.roles.insert(*role, person.clone());
            }
            Event::RoleOffered { role, to, .. } => {
                self.offers.insert(*role, to.clone());
            }
            Event::RoleAccepted { role, person, .. } => {
                self.offers.remove(role);
                self.roles.insert(*role, person.clone());
            }
            Event::UpdatePosted {
                phase,
                message,
                public,
                ..
            } => {
                self.phase = *phase;
                self.updates.push(Update {
                    at: stamped.at,
                    phase: *phase,
                    message: message.clone(),
                    by: by(),
                    public: *public,
                });
            }
            Event::Pinned { seq, pinned, .. } => {
                self.pinned.retain(|s| s != seq);
                if *pinned {
                    self.pinned.push(*seq);
                }
            }
            Event::TaskAdded {
                task,
                title,
                owner,
                minutes,
                ..
            } => self.tasks.push(Task {
                id: *task,
                title: title.clone(),
                owner: owner.clone(),
                minutes: *minutes,
                added_at: stamped.at,
                accepted: false,
                finished_at: None,
            }),
            Event::TaskAccepted { task, .. } => {
                if let Some(task) = self.tasks.iter_mut().find(|t| t.id == *task) {
                    task.accepted = true;
                }
            }
            Event::TaskFinished { task, .. } => {
                if let Some(task) = self.tasks.iter_mut().find(|t| t.id == *task) {
                    task.finished_at = Some(stamped.at);
                }
            }
            Event::Ticked { item, done, .. } => {
                if let Some(item) = self.checklist.get_mut(*item as usize) {
                    item.done = done.then(|| Done {
                        at: stamped.at,
                        by: by(),
                    });
                }
            }
            Event::IncidentResolved {
                message, public, ..
            } => {
                self.state = State::Resolved;
                self.phase = Phase::Resolved;
                self.resolved_at = Some(stamped.at);
                self.offers.clear();
                self.updates.push(Update {
                    at: stamped.at,
                    phase: Phase::Resolved,
                    message: message.clone(),
                    by: by(),
                    public: *public,
                });
            }
            Event::IncidentReopened { .. } => {
                self.state = if self.runs.is_empty() {
                    State::Declared
                } else {
                    State::Mitigating
                };
                self.phase = Phase::Investigating;
                self.resolved_at = None;
            }
            Event::RunStarted { run, .. } => {
                self.runs.push(run.clone());
                if self.state == State::Declared {
                    self.state = State::Mitigating;
                }
            }
            _ => return,
        }
        self.version = stamped.seq;
    }
}
