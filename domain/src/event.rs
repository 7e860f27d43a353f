//! Everything that can have happened. An event's meaning never changes once it was written: `tests/events.jsonl`
//! holds one of each kind ever written, and all must decode.

use crate::{
    AccessRole, Actor, Answer, Cover, Ending, Health, IncidentRole, Kind, MaintenanceId, Mode,
    Number, Parent, Phase, PlanHash, Purpose, RunId, RunStatus, ServiceId, Severity, Span, Stage,
    Stamp, StepStatus, Subject, Wait,
    failover::{Signal, State},
    notify::{Addressee, Cadence, Cause, Report, Via},
    plan::{Channel, Runbook},
    words::Icon,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    IncidentDeclared {
        incident: Number,
        title: String,
        severity: Severity,
        affected: Vec<ServiceId>,
        kind: Kind,
        public: bool,
        /// It tells nobody.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        quiet: bool,
        plan: PlanHash,
        /// The checklist as it stood in that plan.
        checklist: Vec<String>,
    },
    SeverityChanged {
        incident: Number,
        from: Severity,
        to: Severity,
        reason: String,
    },
    RoleAssigned {
        incident: Number,
        role: IncidentRole,
        person: String,
    },
    RoleOffered {
        incident: Number,
        role: IncidentRole,
        to: String,
    },
    RoleAccepted {
        incident: Number,
        role: IncidentRole,
        person: String,
    },
    UpdatePosted {
        incident: Number,
        phase: Phase,
        message: String,
        public: bool,
    },
    NoteAdded {
        incident: Number,
        text: String,
    },
    Pinned {
        incident: Number,
        #[serde(rename = "line")]
        seq: u64,
        pinned: bool,
    },
    TaskAdded {
        incident: Number,
        task: u32,
        title: String,
        owner: String,
        minutes: u32,
    },
    TaskAccepted {
        incident: Number,
        task: u32,
    },
    TaskFinished {
        incident: Number,
        task: u32,
    },
    Ticked {
        incident: Number,
        item: u32,
        done: bool,
    },
    IncidentResolved {
        incident: Number,
        message: String,
        public: bool,
    },
    IncidentReopened {
        incident: Number,
        reason: String,
    },

    /// These are to be told, by then. Their addresses do not stand here.
    NotificationsQueued {
        incident: Number,
        cause: Cause,
        due: Stamp,
        to: Vec<Addressee>,
    },
    /// What became of them, as it was known.
    NotificationsReported {
        incident: Number,
        results: Vec<Report>,
    },
    /// Somebody says that they know.
    Acknowledged {
        incident: Number,
        person: String,
        via: Via,
    },
    /// Nobody did in time: this level is asked.
    Escalated {
        incident: Number,
        level: u8,
        because: String,
    },
    /// A person did what the machine could not.
    CalledByHand {
        incident: Number,
        person: String,
        reached: bool,
        says: String,
    },
    UpdateReminded {
        incident: Number,
        which: Cadence,
        due: Stamp,
        /// Not only due: overdue, and told to those who lead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overdue_by: Option<Span>,
    },
    /// An event of an incident as a browser gets it: what it says, without its parts. Only on the way; never in the log.
    Said {
        incident: Number,
        icon: Icon,
        says: String,
        quote: Option<String>,
    },

    RunStarted {
        run: RunId,
        runbook: std::sync::Arc<Runbook>,
        incident: Option<Number>,
        parameters: BTreeMap<String, String>,
        mode: Mode,
        plan: PlanHash,
        /// The step of another run that it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<Parent>,
        /// Each step waits for a go.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stepwise: bool,
    },
    StepStarted {
        run: RunId,
        step: u32,
        because: String,
    },
    StepSkipped {
        run: RunId,
        step: u32,
        because: String,
    },
    /// It cannot start, or end, before somebody or something else.
    StepWaits {
        run: RunId,
        step: u32,
        what: Wait,
        because: String,
        /// When waiting is over by itself.
        until: Option<Stamp>,
    },
    StepAnswered {
        run: RunId,
        step: u32,
        answer: Answer,
        says: String,
    },
    /// The event's own number is the fencing token of these locks. Held until the step ends, or the run.
    LocksTaken {
        run: RunId,
        step: Option<u32>,
        locks: Vec<String>,
    },
    /// Written before the attempt is launched: what was meant to happen is known, whatever happens next.
    /// `node` is the one that launches and watches it.
    AttemptStarted {
        run: RunId,
        step: u32,
        attempt: u32,
        node: String,
        #[serde(default, skip_serializing_if = "is_run")]
        purpose: Purpose,
    },
    AttemptEnded {
        run: RunId,
        step: u32,
        attempt: u32,
        ending: Ending,
        /// All that it wrote, whether it was kept or not.
        output_bytes: u64,
        #[serde(default, skip_serializing_if = "is_nothing")]
        dropped_bytes: u64,
        /// SHA-256 of all that it wrote, secrets masked.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        digest: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, String>,
    },
    /// The next attempt is due then.
    RetryScheduled {
        run: RunId,
        step: u32,
        attempt: u32,
        #[serde(rename = "due")]
        at: Stamp,
    },
    StepEnded {
        run: RunId,
        step: u32,
        status: StepStatus,
        because: String,
    },
    RunPaused {
        run: RunId,
        step: u32,
        because: String,
    },
    /// An operator paused it; what runs goes on to its end.
    RunHeld {
        run: RunId,
        because: String,
    },
    RunResumed {
        run: RunId,
        step: u32,
        how: Resume,
        reason: String,
    },
    /// It will end as failed, after what runs in any case.
    RunFailing {
        run: RunId,
        because: String,
    },
    RunCancelling {
        run: RunId,
        reason: String,
    },
    RunEnded {
        run: RunId,
        status: RunStatus,
    },

    ServiceChanged {
        service: ServiceId,
        from: Health,
        to: Health,
        because: String,
    },
    /// A check found this of a service while a window holds: it is told when the window ends, if it is still so.
    FindingHeld {
        service: ServiceId,
        from: Health,
        to: Health,
        because: String,
    },
    MaintenanceScheduled {
        maintenance: MaintenanceId,
        title: String,
        message: String,
        services: Vec<ServiceId>,
        from: Stamp,
        until: Stamp,
        public: bool,
    },
    MaintenanceRescheduled {
        maintenance: MaintenanceId,
        from: Stamp,
        until: Stamp,
        message: String,
    },
    MaintenanceMoved {
        maintenance: MaintenanceId,
        from: Stage,
        to: Stage,
        message: String,
    },
    /// The newest commits of a database are in a second place, or are not any more. `point`: what can be restored.
    ExposureChanged {
        database: String,
        cover: Cover,
        point: Option<Stamp>,
        because: String,
    },
    /// A failover went from one state to the next; `evidence` is what was seen of the guards. With an incident it is
    /// part of that one's story.
    FailoverMoved {
        service: ServiceId,
        incident: Option<Number>,
        from: State,
        signal: Signal,
        to: State,
        because: String,
        evidence: Vec<String>,
        run: Option<RunId>,
    },
    /// A person knows of the last automatic failover: another one may follow.
    FailoverAcknowledged {
        service: ServiceId,
    },
    /// The lever: while it is held, Muster begins nothing by itself.
    AutomationHeld {
        held: bool,
        reason: String,
    },

    /// A message was sent to find out whether it arrives …
    ContactTested {
        person: String,
        channel: Channel,
        /// Of the address, which itself does not stand here.
        address_digest: String,
    },
    /// … and the person says that it did.
    ContactConfirmed {
        person: String,
        channel: Channel,
        address_digest: String,
    },
    OnCallOverridden {
        id: String,
        rotation: String,
        person: String,
        from: Stamp,
        until: Stamp,
        reason: String,
    },
    OverrideRemoved {
        id: String,
    },

    PlanLoaded {
        hash: PlanHash,
        name: String,
        changes: u32,
    },

    TokenIssued {
        id: String,
        name: String,
        role: AccessRole,
    },
    TokenRevoked {
        id: String,
    },
    SignedIn {
        id: String,
        name: String,
        role: AccessRole,
    },
    /// Only its name: a secret's value stands in no timeline.
    SecretSet {
        name: String,
    },
    SecretRemoved {
        name: String,
    },
}

fn is_run(purpose: &Purpose) -> bool {
    *purpose == Purpose::Run
}

fn is_nothing(bytes: &u64) -> bool {
    *bytes == 0
}

/// What an operator did with a paused run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// After an operator's pause.
    Go,
    Retry,
    /// With the forced variants from here on.
    Force,
    /// Again from an earlier step, or on from a later one.
    From,
    Skip,
    MarkDone,
}

/// An event in its place: what the log holds and the live stream carries. In JSON the event's fields stand beside these, so
/// none of them may be named like one of these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    pub seq: u64,
    pub stream: String,
    /// When it happened …
    pub at: Stamp,
    /// … and when it was written down.
    pub recorded: Stamp,
    pub actor: Actor,
    #[serde(flatten)]
    pub event: Event,
}

impl Event {
    /// The stream an event belongs to: an incident, a run, a service, a maintenance window, the plan, the automation or
    /// access.
    pub fn stream(&self) -> String {
        match (self.subject(), self) {
            (Subject::Incident(number), _) => incident_stream(number),
            (Subject::Run(run), _) => run_stream(run),
            (
                _,
                Event::ServiceChanged { service, .. }
                | Event::FindingHeld { service, .. }
                | Event::FailoverMoved { service, .. }
                | Event::FailoverAcknowledged { service },
            ) => service_stream(service),
            (
                _,
                Event::MaintenanceScheduled { maintenance, .. }
                | Event::MaintenanceRescheduled { maintenance, .. }
                | Event::MaintenanceMoved { maintenance, .. },
            ) => format!("maintenance/{maintenance}"),
            (_, Event::AutomationHeld { .. }) => "automation".into(),
            (_, Event::ContactTested { .. } | Event::ContactConfirmed { .. }) => "contacts".into(),
            (_, Event::OnCallOverridden { .. } | Event::OverrideRemoved { .. }) => "on-call".into(),
            (_, Event::ExposureChanged { database, .. }) => format!("database/{database}"),
            (_, Event::PlanLoaded { .. }) => "plan".into(),
            _ => "access".into(),
        }
    }

    /// Its serde tag, as the store indexes it.
    pub fn kind(&self) -> &'static str {
        use Event::*;
        match self {
            IncidentDeclared { .. } => "incident_declared",
            SeverityChanged { .. } => "severity_changed",
            RoleAssigned { .. } => "role_assigned",
            RoleOffered { .. } => "role_offered",
            RoleAccepted { .. } => "role_accepted",
            UpdatePosted { .. } => "update_posted",
            NoteAdded { .. } => "note_added",
            Pinned { .. } => "pinned",
            TaskAdded { .. } => "task_added",
            TaskAccepted { .. } => "task_accepted",
            TaskFinished { .. } => "task_finished",
            Ticked { .. } => "ticked",
            IncidentResolved { .. } => "incident_resolved",
            IncidentReopened { .. } => "incident_reopened",
            NotificationsQueued { .. } => "notifications_queued",
            NotificationsReported { .. } => "notifications_reported",
            Acknowledged { .. } => "acknowledged",
            Escalated { .. } => "escalated",
            CalledByHand { .. } => "called_by_hand",
            UpdateReminded { .. } => "update_reminded",
            Said { .. } => "said",
            ContactTested { .. } => "contact_tested",
            ContactConfirmed { .. } => "contact_confirmed",
            OnCallOverridden { .. } => "on_call_overridden",
            OverrideRemoved { .. } => "override_removed",
            RunStarted { .. } => "run_started",
            StepStarted { .. } => "step_started",
            StepSkipped { .. } => "step_skipped",
            StepWaits { .. } => "step_waits",
            StepAnswered { .. } => "step_answered",
            LocksTaken { .. } => "locks_taken",
            AttemptStarted { .. } => "attempt_started",
            AttemptEnded { .. } => "attempt_ended",
            RetryScheduled { .. } => "retry_scheduled",
            StepEnded { .. } => "step_ended",
            RunPaused { .. } => "run_paused",
            RunHeld { .. } => "run_held",
            RunResumed { .. } => "run_resumed",
            RunFailing { .. } => "run_failing",
            RunCancelling { .. } => "run_cancelling",
            RunEnded { .. } => "run_ended",
            ServiceChanged { .. } => "service_changed",
            FindingHeld { .. } => "finding_held",
            MaintenanceScheduled { .. } => "maintenance_scheduled",
            MaintenanceRescheduled { .. } => "maintenance_rescheduled",
            MaintenanceMoved { .. } => "maintenance_moved",
            ExposureChanged { .. } => "exposure_changed",
            FailoverMoved { .. } => "failover_moved",
            FailoverAcknowledged { .. } => "failover_acknowledged",
            AutomationHeld { .. } => "automation_held",
            PlanLoaded { .. } => "plan_loaded",
            TokenIssued { .. } => "token_issued",
            TokenRevoked { .. } => "token_revoked",
            SignedIn { .. } => "signed_in",
            SecretSet { .. } => "secret_set",
            SecretRemoved { .. } => "secret_removed",
        }
    }
}

pub fn incident_stream(number: &Number) -> String {
    format!("incident/{number}")
}
pub fn run_stream(run: &RunId) -> String {
    format!("run/{run}")
}
pub fn service_stream(service: &ServiceId) -> String {
    format!("service/{service}")
}
