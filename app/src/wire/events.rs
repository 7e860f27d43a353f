//! Reading the log's events. Their derived decoder would first copy each into a buffer and bring a second way to read
//! everything that is in one: an eighth of the download. Here each field is looked up by its name.
//!
//! A kind of event that is missing below does not compile; what is read wrongly does not pass
//! `every_kind_of_event_is_read_as_the_server_reads_it`.

use super::{Bad, Reader};
use domain::{Event, Stamped};
use serde::Deserialize;

/// A JSON object of which single fields are read.
struct Object<'de> {
    text: &'de str,
}

impl<'de> Object<'de> {
    fn get<T: Deserialize<'de>>(&self, name: &str) -> Result<T, Bad> {
        T::deserialize(&mut self.find(name)?)
    }

    /// A reader before the value of a field.
    #[inline(never)]
    fn find(&self, name: &str) -> Result<Reader<'de>, Bad> {
        let mut reader = Reader {
            text: self.text,
            at: 0,
        };
        let mut first = true;
        reader.take(b'{')?;
        while reader.more(&mut first, b'}')? {
            let found = matches!(reader.string()?, super::Said::As(key) if key == name);
            reader.take(b':')?;
            if found {
                return Ok(reader);
            }
            reader.skip()?;
        }
        Err(Bad)
    }
}

/// What the live stream told.
#[derive(Debug, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made"
)]
pub enum Heard {
    Event(Stamped),
    /// The number of one that no live page shows: it is told that there was one.
    Passed(u64),
}

/// Reads an event in its place.
pub fn stamped(text: &str) -> Result<Heard, Bad> {
    let object = Object { text };
    let seq = object.get("seq")?;
    if PASSED.contains(&object.get::<&str>("event")?) {
        return Ok(Heard::Passed(seq));
    }
    Ok(Heard::Event(Stamped {
        seq,
        stream: object.get("stream")?,
        at: object.get("at")?,
        recorded: object.get("recorded")?,
        actor: object.get("actor")?,
        event: event(&object)?,
    }))
}

macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

/// `or default` where events written by older versions have no such field.
macro_rules! field {
    ($object:ident $key:expr) => {
        $object.get($key)?
    };
    ($object:ident $key:expr, $or:ident) => {
        $object.get($key).unwrap_or_default()
    };
}

macro_rules! events {
    ($($kind:literal $variant:ident { $($field:ident $(as $key:literal)? $(or $or:ident)?),* })* passed $($name:literal $other:ident)*) => {
        const PASSED: &[&str] = &[$($name),*];

        fn event(object: &Object<'_>) -> Result<Event, Bad> {
            Ok(match object.get::<&str>("event")? {
                $($kind => Event::$variant { $($field: field!(object key!($field $($key)?) $(, $or)?)),* },)*
                _ => return Err(Bad),
            })
        }

        /// Every kind there is: without one of them, this does not compile.
        const _: fn(&Event) = |event| match event {
            $(Event::$variant { .. } => {})*
            $(Event::$other { .. } => {})*
        };
    };
}

events! {
    "incident_declared" IncidentDeclared { incident, title, severity, affected, kind, public, quiet or default, plan, checklist }
    "severity_changed" SeverityChanged { incident, from, to, reason }
    "role_assigned" RoleAssigned { incident, role, person }
    "role_offered" RoleOffered { incident, role, to }
    "role_accepted" RoleAccepted { incident, role, person }
    "update_posted" UpdatePosted { incident, phase, message, public }
    "note_added" NoteAdded { incident, text }
    "pinned" Pinned { incident, seq as "line", pinned }
    "task_added" TaskAdded { incident, task, title, owner, minutes }
    "task_accepted" TaskAccepted { incident, task }
    "task_finished" TaskFinished { incident, task }
    "ticked" Ticked { incident, item, done }
    "incident_resolved" IncidentResolved { incident, message, public }
    "incident_reopened" IncidentReopened { incident, reason }
    "run_started" RunStarted { run, runbook, incident, parameters, mode, plan, parent or default, stepwise or default }
    "step_started" StepStarted { run, step, because }
    "step_skipped" StepSkipped { run, step, because }
    "step_waits" StepWaits { run, step, what, because, until }
    "step_answered" StepAnswered { run, step, answer, says }
    "locks_taken" LocksTaken { run, step, locks }
    "attempt_started" AttemptStarted { run, step, attempt, node, purpose or default }
    "attempt_ended" AttemptEnded { run, step, attempt, ending, output_bytes, dropped_bytes or default, digest or default, outputs or default }
    "retry_scheduled" RetryScheduled { run, step, attempt, at as "due" }
    "step_ended" StepEnded { run, step, status, because }
    "run_paused" RunPaused { run, step, because }
    "run_held" RunHeld { run, because }
    "run_resumed" RunResumed { run, step, how, reason }
    "run_failing" RunFailing { run, because }
    "run_cancelling" RunCancelling { run, reason }
    "run_ended" RunEnded { run, status }
    "service_changed" ServiceChanged { service, from, to, because }
    "failover_moved" FailoverMoved { service, incident, from, signal, to, because, evidence, run }
    "said" Said { incident, icon, says, quote }
    "plan_loaded" PlanLoaded { hash, name, changes }
    passed
    "notifications_queued" NotificationsQueued
    "notifications_reported" NotificationsReported
    "acknowledged" Acknowledged
    "escalated" Escalated
    "called_by_hand" CalledByHand
    "update_reminded" UpdateReminded
    "contact_tested" ContactTested
    "contact_confirmed" ContactConfirmed
    "on_call_overridden" OnCallOverridden
    "override_removed" OverrideRemoved
    "failover_acknowledged" FailoverAcknowledged
    "automation_held" AutomationHeld
    "finding_held" FindingHeld
    "maintenance_scheduled" MaintenanceScheduled
    "maintenance_rescheduled" MaintenanceRescheduled
    "maintenance_moved" MaintenanceMoved
    "exposure_changed" ExposureChanged
    "token_issued" TokenIssued
    "token_revoked" TokenRevoked
    "signed_in" SignedIn
    "secret_set" SecretSet
    "secret_removed" SecretRemoved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_is_read_as_the_server_reads_it() {
        let lines = include_str!("../../../domain/tests/events.jsonl");
        let mut kinds = std::collections::BTreeSet::new();
        for line in lines.lines().filter(|line| !line.is_empty()) {
            let expected: Stamped = serde_json::from_str(line).expect("an event");
            kinds.insert(expected.event.kind());
            let heard = match PASSED.contains(&expected.event.kind()) {
                true => Heard::Passed(expected.seq),
                false => Heard::Event(expected),
            };
            assert_eq!(stamped(line).expect(line), heard);
        }
        assert_eq!(kinds.len(), 55, "one line of each kind");
    }
}
