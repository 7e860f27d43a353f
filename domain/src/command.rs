//! Everything that can be asked of Muster. Forms, REST, the CLI, the runner and the checker only translate to these.

use crate::{
    AccessRole, Answer, Cover, Ending, Health, IncidentRole, Kind, MaintenanceId, Mode, Number,
    Permission, Phase, PlanHash, RunId, ServiceId, Severity, Slug, Stage, Stamp,
    failover::Sight,
    notify::{Cadence, Report, Via},
    plan::Channel,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    Declare {
        title: String,
        severity: Severity,
        affected: Vec<ServiceId>,
        kind: Kind,
        /// Show it on the public status page. Never with a drill.
        public: bool,
        /// Tell nobody.
        #[serde(default)]
        quiet: bool,
        /// Only for `backfilled`: when it happened.
        occurred_at: Option<Stamp>,
    },
    ChangeSeverity {
        incident: Number,
        severity: Severity,
        reason: String,
    },
    AssignRole {
        incident: Number,
        role: IncidentRole,
        person: String,
    },
    /// Offer one's role to somebody; it passes when they accept.
    HandOver {
        incident: Number,
        role: IncidentRole,
        to: String,
    },
    AcceptRole {
        incident: Number,
        role: IncidentRole,
    },
    PostUpdate {
        incident: Number,
        phase: Phase,
        message: String,
        /// For those who were told, and not for the public; the public phase stays as it is.
        #[serde(default)]
        internal: bool,
    },
    AddNote {
        incident: Number,
        text: String,
        occurred_at: Option<Stamp>,
    },
    Pin {
        incident: Number,
        seq: u64,
        pinned: bool,
    },
    AddTask {
        incident: Number,
        title: String,
        owner: String,
        minutes: u32,
    },
    AcceptTask {
        incident: Number,
        task: u32,
    },
    FinishTask {
        incident: Number,
        task: u32,
    },
    Tick {
        incident: Number,
        item: u32,
        done: bool,
    },
    Resolve {
        incident: Number,
        message: String,
    },
    Reopen {
        incident: Number,
        reason: String,
    },

    /// The caller knows.
    Acknowledge {
        incident: Number,
        via: Via,
    },
    /// Tells again: one person, or everybody who has not acknowledged.
    RepeatNotifications {
        incident: Number,
        person: Option<String>,
    },
    /// The caller called somebody.
    RecordCall {
        incident: Number,
        person: String,
        reached: bool,
        says: String,
    },
    /// The timers' worker: nobody acknowledged in time, so this level is next.
    Escalate {
        incident: Number,
        level: u8,
    },
    /// The timers' worker: an update is due, or overdue.
    RemindUpdate {
        incident: Number,
        which: Cadence,
        due: Stamp,
        overdue: bool,
    },
    /// The outbox: what became of these.
    ReportNotifications {
        incident: Number,
        results: Vec<Report>,
    },
    /// Sends a message to a contact, who confirms that it came.
    TestContact {
        person: String,
        channel: Channel,
        address_digest: String,
    },
    ConfirmContact {
        person: String,
        channel: Channel,
        address_digest: String,
    },
    OverrideOnCall {
        id: String,
        rotation: String,
        person: String,
        from: Stamp,
        until: Stamp,
        reason: String,
    },
    RemoveOverride {
        id: String,
    },

    StartRun {
        id: RunId,
        runbook: Slug,
        incident: Option<Number>,
        parameters: BTreeMap<String, String>,
        mode: Mode,
        /// What the runbook asks to be typed.
        confirm: String,
        /// Each step waits for a go.
        stepwise: bool,
    },
    /// A word on a step that waits for one.
    AnswerStep {
        run: RunId,
        step: u32,
        answer: Answer,
        says: String,
    },
    /// No further step starts; what runs goes on to its end.
    HoldRun {
        run: RunId,
        reason: String,
    },
    /// After [`Command::HoldRun`].
    ContinueRun {
        run: RunId,
    },
    RetryStep {
        run: RunId,
        /// With the forced variants of this and all later steps.
        forced: bool,
    },
    /// Again from an earlier step, or on from a later one.
    ResumeFrom {
        run: RunId,
        step: u32,
        reason: String,
    },
    SkipStep {
        run: RunId,
        reason: String,
    },
    MarkStepDone {
        run: RunId,
        reason: String,
    },
    CancelRun {
        run: RunId,
        reason: String,
    },
    /// The runner: what is due next (a retry whose delay is over). `due` has come by its steady clock, which nobody
    /// sets: the wall clock neither brings it nearer nor puts it off.
    Advance {
        run: RunId,
        due: Option<Stamp>,
    },
    /// The runner: an attempt ended so.
    EndAttempt {
        run: RunId,
        step: u32,
        attempt: u32,
        ending: Ending,
        output_bytes: u64,
        dropped_bytes: u64,
        digest: String,
        outputs: BTreeMap<String, String>,
        ended_at: Stamp,
    },

    /// The checker: a service is seen to be in this health now.
    Observe {
        service: ServiceId,
        health: Health,
        because: String,
        since: Stamp,
    },
    /// Announces work on some services. One that begins now begins with this.
    ScheduleMaintenance {
        title: String,
        message: String,
        services: Vec<ServiceId>,
        from: Stamp,
        until: Stamp,
        public: bool,
    },
    /// Moves its beginning (before it has begun) or its end.
    RescheduleMaintenance {
        maintenance: MaintenanceId,
        from: Option<Stamp>,
        until: Stamp,
        message: String,
    },
    /// By hand: begins it before its time, says that the work is done, ends or cancels it.
    MoveMaintenance {
        maintenance: MaintenanceId,
        to: Stage,
        message: String,
    },
    /// The clock: something is due. What, is decided here.
    AdvanceMaintenance {
        maintenance: MaintenanceId,
    },
    /// The watcher of the databases: how much of the latest data stands in one place only.
    ReportExposure {
        database: String,
        cover: Cover,
        point: Option<Stamp>,
        because: String,
    },
    /// The watcher of failovers: this is seen. What follows from it is decided here; `run` and `incident` are for the
    /// case that Muster begins by itself.
    WatchFailover {
        service: ServiceId,
        run: RunId,
        incident: Option<Number>,
        sight: Box<Sight>,
    },
    /// Fails over on a person's word. Without an open incident one is declared.
    TriggerFailover {
        service: ServiceId,
        run: RunId,
        incident: Option<Number>,
        /// What Muster saw last.
        sight: Option<Box<Sight>>,
        /// Where the replica is in doubt: the risk that is taken, named.
        risk: String,
    },
    /// Promotes without a fencing proof.
    OverrideFencing {
        service: ServiceId,
        run: RunId,
        risk: String,
    },
    PlanFailback {
        service: ServiceId,
        reason: String,
    },
    FailBack {
        service: ServiceId,
        run: RunId,
        incident: Option<Number>,
        /// What the runbook asks to be typed.
        confirm: String,
    },
    /// What was done was done by other means: the state follows what is seen.
    SettleFailover {
        service: ServiceId,
        sight: Option<Box<Sight>>,
        reason: String,
    },
    /// Another automatic failover may follow the last one.
    AcknowledgeFailover {
        service: ServiceId,
    },
    /// Muster begins nothing by itself …
    HoldAutomation {
        reason: String,
    },
    /// … until this.
    ReleaseAutomation {
        reason: String,
    },
    /// The loader: this revision of the plan is in force.
    LoadPlan {
        hash: PlanHash,
        name: String,
        changes: u32,
    },

    IssueToken {
        id: String,
        name: String,
        role: AccessRole,
    },
    RevokeToken {
        id: String,
    },
    SignIn {
        id: String,
        name: String,
        role: AccessRole,
    },
    SetSecret {
        name: String,
    },
    RemoveSecret {
        name: String,
    },
}

/// What each command asks of its caller. Exhaustive: a new command does not compile without one.
pub fn permission(command: &Command) -> Permission {
    use Command::*;
    match command {
        Declare { .. }
        | AddNote { .. }
        | Pin { .. }
        | AddTask { .. }
        | AcceptTask { .. }
        | FinishTask { .. }
        | Tick { .. }
        | AcceptRole { .. }
        | Acknowledge { .. }
        | RepeatNotifications { .. }
        | RecordCall { .. }
        | TestContact { .. }
        | ConfirmContact { .. }
        | OverrideOnCall { .. }
        | RemoveOverride { .. }
        // Whose word counts is the step's own rule.
        | AnswerStep { .. } => Permission::Respond,
        ChangeSeverity { .. }
        | AssignRole { .. }
        | HandOver { .. }
        | PostUpdate { .. }
        | Resolve { .. }
        | Reopen { .. }
        | StartRun { .. }
        | HoldRun { .. }
        | ContinueRun { .. }
        | RetryStep { .. }
        | ResumeFrom { .. }
        | SkipStep { .. }
        | MarkStepDone { .. }
        | CancelRun { .. }
        | TriggerFailover { .. }
        | OverrideFencing { .. }
        | PlanFailback { .. }
        | FailBack { .. }
        | SettleFailover { .. }
        | AcknowledgeFailover { .. }
        | HoldAutomation { .. }
        | ReleaseAutomation { .. }
        | ScheduleMaintenance { .. }
        | RescheduleMaintenance { .. }
        | MoveMaintenance { .. } => Permission::Command,
        IssueToken { .. } | RevokeToken { .. } | SetSecret { .. } | RemoveSecret { .. } => {
            Permission::Administer
        },
        Advance { .. }
        | Escalate { .. }
        | RemindUpdate { .. }
        | ReportNotifications { .. }
        | EndAttempt { .. }
        | Observe { .. }
        | AdvanceMaintenance { .. }
        | ReportExposure { .. }
        | WatchFailover { .. }
        | LoadPlan { .. }
        | SignIn { .. } => Permission::Machine,
    }
}

impl Command {
    /// The incident or the run it is about.
    pub fn about(&self) -> (Option<&Number>, Option<&RunId>) {
        use Command::*;
        match self {
            ChangeSeverity { incident, .. }
            | AssignRole { incident, .. }
            | HandOver { incident, .. }
            | AcceptRole { incident, .. }
            | PostUpdate { incident, .. }
            | AddNote { incident, .. }
            | Pin { incident, .. }
            | AddTask { incident, .. }
            | AcceptTask { incident, .. }
            | FinishTask { incident, .. }
            | Tick { incident, .. }
            | Resolve { incident, .. }
            | Reopen { incident, .. }
            | Acknowledge { incident, .. }
            | RepeatNotifications { incident, .. }
            | RecordCall { incident, .. }
            | Escalate { incident, .. }
            | RemindUpdate { incident, .. }
            | ReportNotifications { incident, .. } => (Some(incident), None),
            StartRun { incident, .. } => (incident.as_ref(), None),
            AnswerStep { run, .. }
            | HoldRun { run, .. }
            | ContinueRun { run }
            | RetryStep { run, .. }
            | ResumeFrom { run, .. }
            | SkipStep { run, .. }
            | MarkStepDone { run, .. }
            | CancelRun { run, .. }
            | Advance { run, .. }
            | OverrideFencing { run, .. }
            | EndAttempt { run, .. } => (None, Some(run)),
            Declare { .. }
            | Observe { .. }
            | ScheduleMaintenance { .. }
            | RescheduleMaintenance { .. }
            | MoveMaintenance { .. }
            | AdvanceMaintenance { .. }
            | ReportExposure { .. }
            // Decided under the plan in force, whatever plan the incident was declared under.
            | WatchFailover { .. }
            | TriggerFailover { .. }
            | FailBack { .. }
            | PlanFailback { .. }
            | SettleFailover { .. }
            | AcknowledgeFailover { .. }
            | HoldAutomation { .. }
            | ReleaseAutomation { .. }
            | TestContact { .. }
            | ConfirmContact { .. }
            | OverrideOnCall { .. }
            | RemoveOverride { .. }
            | LoadPlan { .. }
            | IssueToken { .. }
            | RevokeToken { .. }
            | SetSecret { .. }
            | RemoveSecret { .. }
            | SignIn { .. } => (None, None),
        }
    }

    /// The maintenance window it is about.
    pub fn window(&self) -> Option<&MaintenanceId> {
        use Command::*;
        match self {
            RescheduleMaintenance { maintenance, .. }
            | MoveMaintenance { maintenance, .. }
            | AdvanceMaintenance { maintenance } => Some(maintenance),
            _ => None,
        }
    }
}

/// An expected "no", with a sentence for the person and, where one field is at fault, its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub why: Why,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub says: String,
}

/// The class of a refusal, in the words of `application/problem+json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// A field is missing or wrong.
    Invalid,
    /// The caller's role does not allow it.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// Not from this state.
    Conflict,
    /// The key was used for another command.
    KeyReused,
}

impl Refusal {
    pub fn invalid(field: &str, says: impl Into<String>) -> Self {
        Refusal {
            why: Why::Invalid,
            field: Some(field.into()),
            says: says.into(),
        }
    }
    pub fn forbidden(says: impl Into<String>) -> Self {
        Refusal {
            why: Why::Forbidden,
            field: None,
            says: says.into(),
        }
    }
    pub fn not_found(says: impl Into<String>) -> Self {
        Refusal {
            why: Why::NotFound,
            field: None,
            says: says.into(),
        }
    }
    pub fn conflict(says: impl Into<String>) -> Self {
        Refusal {
            why: Why::Conflict,
            field: None,
            says: says.into(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.says)
    }
}
