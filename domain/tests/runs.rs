//! What a run does next, after everything that may happen to it.

mod house;

use domain::{StepStatus::*, *};
use house::House;

const FAILED: Ending = Ending::Exited { code: 1 };
const OK: Ending = Ending::Exited { code: 0 };

#[test]
fn a_failed_reconnection_hands_over_to_the_failover_that_answers_it() {
    let mut h = House::new();
    let incident = h.declare();
    let run = h.start(Some(incident));
    h.end(&run, OK);
    for _ in 0..4 {
        h.end(&run, FAILED);
        if h.statuses(&run)[1] == Retrying {
            h.wait(&run);
        }
    }
    assert_eq!(
        h.statuses(&run),
        [Succeeded, Failed, Running, Pending, Pending]
    );
    assert_eq!(
        h.run(&run).steps[1].attempts.len(),
        4,
        "three retries are up to four attempts"
    );
    assert_eq!(
        h.run(&run).steps[2].because,
        "reconnection_failed = true (Attempt Reconnection: attempt 4 exit 1)"
    );
    h.end(&run, OK);
    assert_eq!(
        h.statuses(&run),
        [Succeeded, Failed, Succeeded, Skipped, Running]
    );
    assert_eq!(
        h.run(&run).steps[3].because,
        "replica_unavailable = false (Failover to Replica: attempt 1 succeeded)"
    );
    h.end(&run, OK);
    assert_eq!(h.run(&run).status, RunStatus::Completed);
}

#[test]
fn a_success_skips_the_steps_that_answer_a_failure_and_says_so() {
    let mut h = House::new();
    let run = h.start(None);
    h.end(&run, OK);
    h.end(&run, OK);
    assert_eq!(
        h.statuses(&run),
        [Succeeded, Succeeded, Skipped, Skipped, Running]
    );
    assert!(
        h.run(&run).steps[2]
            .because
            .starts_with("reconnection_failed = false")
    );
}

#[test]
fn a_failure_that_nothing_answers_pauses_the_run_for_a_person() {
    let mut h = House::new();
    let run = h.start(None);
    h.end(&run, FAILED);
    assert_eq!(h.run(&run).status, RunStatus::PausedByFailedStep);
    assert_eq!(h.run(&run).paused.as_ref().map(|p| p.step), Some(0));
    h.jane(Command::RetryStep {
        run: run.clone(),
        forced: false,
    })
    .expect("retried");
    assert_eq!(h.statuses(&run)[0], Running);
    assert_eq!(h.run(&run).steps[0].attempts.len(), 2);
    h.end(&run, FAILED);
    h.jane(Command::SkipStep {
        run: run.clone(),
        reason: "seen with my own eyes".into(),
    })
    .expect("skipped");
    assert_eq!(h.statuses(&run)[..2], [Skipped, Running]);
    h.end(&run, OK);
    h.end(&run, OK);
    assert_eq!(h.run(&run).status, RunStatus::CompletedWithExceptions);
}

#[test]
fn an_end_that_nobody_saw_is_interrupted_and_is_not_run_again_by_itself() {
    let mut h = House::new();
    let run = h.start(None);
    h.end(&run, OK);
    h.end(&run, Ending::Interrupted);
    assert_eq!(h.statuses(&run)[1], Interrupted);
    assert_eq!(
        h.run(&run).status,
        RunStatus::PausedByFailedStep,
        "three retries are left, and none is used"
    );
    h.jane(Command::MarkStepDone {
        run: run.clone(),
        reason: "connections are back".into(),
    })
    .expect("marked");
    assert_eq!(h.statuses(&run)[1], Succeeded);
}

#[test]
fn an_ending_reported_twice_changes_nothing() {
    let mut h = House::new();
    let run = h.start(None);
    h.end(&run, OK);
    let command = Command::EndAttempt {
        run: run.clone(),
        step: 0,
        attempt: 1,
        ending: FAILED,
        output_bytes: 0,
        dropped_bytes: 0,
        digest: String::new(),
        outputs: Default::default(),
        ended_at: h.now,
    };
    assert_eq!(h.machine(command), Ok(vec![]));
}

#[test]
fn a_stopped_run_ends_when_its_attempt_has_ended() {
    let mut h = House::new();
    let run = h.start(None);
    h.jane(Command::CancelRun {
        run: run.clone(),
        reason: String::new(),
    })
    .expect("asked");
    assert_eq!(h.run(&run).status, RunStatus::Cancelling);
    h.end(&run, Ending::Cancelled);
    assert_eq!(h.run(&run).status, RunStatus::Cancelled);
    assert!(
        h.jane(Command::CancelRun {
            run,
            reason: String::new()
        })
        .is_err()
    );
}

#[test]
fn a_retry_waits_its_delay() {
    let mut h = House::new();
    let run = h.start(None);
    h.end(&run, OK);
    h.end(&run, FAILED);
    assert_eq!(
        h.machine(Command::Advance {
            run: run.clone(),
            due: Some(h.now)
        }),
        Ok(vec![]),
        "the delay is not over"
    );
    h.wait(&run);
    assert_eq!(h.statuses(&run)[1], Running);
}

#[test]
fn a_runbook_that_runs_is_not_started_again() {
    let mut h = House::new();
    h.start(None);
    let again = Command::StartRun {
        id: "other".into(),
        runbook: "database-recovery".into(),
        incident: None,
        parameters: Default::default(),
        mode: Mode::Real,
        confirm: String::new(),
        stepwise: false,
    };
    assert_eq!(h.jane(again).map_err(|r| r.why), Err(Why::Conflict));
}

#[test]
fn a_condition_without_data_waits_for_a_person() {
    let mut h = House::new();
    h.plan.conditions.insert(
        "reconnection_failed".into(),
        plan::Condition::ServiceDown("orders-api".into()),
    );
    let run = h.start(None);
    h.end(&run, OK);
    h.end(&run, OK);
    assert_eq!(h.run(&run).status, RunStatus::PausedByFailedStep);
    let because = h.run(&run).paused.as_ref().map(|p| p.because.clone());
    assert_eq!(
        because.as_deref(),
        Some("reconnection_failed cannot be told (orders-api: no data)")
    );
    h.machine(Command::Observe {
        service: "orders-api".into(),
        health: Health::Operational,
        because: String::new(),
        since: h.now,
    })
    .expect("observed");
    h.jane(Command::RetryStep {
        run: run.clone(),
        forced: false,
    })
    .expect("asked again");
    assert_eq!(h.statuses(&run)[2], Skipped);
}

#[test]
fn a_drill_touches_only_what_is_there_to_be_practised_on() {
    let mut h = House::new();
    let drill = |id: &str, mode| Command::StartRun {
        id: id.into(),
        runbook: "database-recovery".into(),
        incident: None,
        parameters: Default::default(),
        mode,
        confirm: String::new(),
        stepwise: false,
    };
    let refused = h.jane(drill("a", Mode::Drill)).expect_err("refused");
    assert_eq!(refused.field.as_deref(), Some("mode"));
    h.plan.targets.rehearsal = true;
    h.jane(drill("b", Mode::Drill)).expect("started");
}
