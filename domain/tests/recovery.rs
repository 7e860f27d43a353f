//! How a recovery is measured: from the first failed look to proven service, with its parts and its error bar.

use domain::{
    plan::{Check, Plan, Probe, Service, TcpProbe},
    recovery::{HOLD, Recovery, Verdict, measure},
    *,
};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;
const INTERVAL: Span = Span::secs(5);

fn service(id: &str, checked: bool) -> Service {
    let check = Check {
        probe: Probe::Tcp(TcpProbe {
            address: "127.0.0.1:1".into(),
        }),
        interval: INTERVAL,
        timeout: Span::secs(2),
        fall: 3,
        rise: 2,
        internal: true,
        slow_after: None,
    };
    Service {
        id: id.into(),
        name: id.into(),
        tier: "critical".into(),
        description: String::new(),
        depends_on: vec![],
        public: None,
        runbooks: vec![],
        check: checked.then_some(check),
    }
}

fn plan() -> Plan {
    Plan {
        services: vec![
            service("api", true),
            service("db", true),
            service("wiki", false),
        ],
        ..Plan::default()
    }
}

/// A log that is written as it happens: what was seen at `at` is written down at `recorded`.
#[derive(Default)]
struct Log(Vec<Stamped>);

impl Log {
    fn push(&mut self, at: i64, recorded: i64, event: Event) {
        self.0.push(Stamped {
            seq: self.0.len() as u64 + 1,
            stream: event.stream(),
            at: Stamp(at * SECOND),
            recorded: Stamp(recorded * SECOND),
            actor: Actor::system("test", Source::Checker),
            event,
        });
    }
    fn sees(&mut self, service: &str, at: i64, recorded: i64, to: Health) {
        let event = Event::ServiceChanged {
            service: service.into(),
            from: Health::NoData,
            to,
            because: String::new(),
        };
        self.push(at, recorded, event);
    }
    fn down(&mut self, service: &str, at: i64) {
        self.sees(service, at, at + 10, Health::MajorOutage);
    }
    fn up(&mut self, service: &str, at: i64) {
        self.sees(service, at, at + 5, Health::Operational);
    }
    fn run(&mut self, at: i64, ends: i64) {
        let started = Event::RunStarted {
            run: "r".into(),
            runbook: Default::default(),
            incident: Some("INC-2026-001".into()),
            parameters: Default::default(),
            mode: Mode::Real,
            plan: "p".into(),
            parent: None,
            stepwise: false,
        };
        self.push(at, at, started);
        let ended = Event::RunEnded {
            run: "r".into(),
            status: RunStatus::Completed,
        };
        self.push(ends, ends, ended);
    }
}

fn incident(affected: &[&str], declared: i64, resolved: Option<i64>) -> Incident {
    let mut world = World::default();
    let mut log = Log::default();
    let event = Event::IncidentDeclared {
        incident: "INC-2026-001".into(),
        title: "Down".into(),
        severity: Severity::Sev1,
        affected: affected.iter().map(|s| ServiceId::from(*s)).collect(),
        kind: Kind::Real,
        public: true,
        quiet: false,
        plan: "p".into(),
        checklist: vec![],
    };
    log.push(declared, declared, event);
    world.apply(&log.0[0]);
    let number = Number::from("INC-2026-001");
    let mut incident = Incident::clone(&world.incidents[&number]);
    incident.runs.push("r".into());
    incident.resolved_at = resolved.map(|s| Stamp(s * SECOND));
    incident
}

fn at(second: i64) -> Stamp {
    Stamp(second * SECOND)
}

fn measured(log: &Log, incident: &Incident, now: i64) -> Recovery {
    measure(&plan(), incident, &log.0, at(now)).expect("an outage")
}

#[test]
fn the_clock_starts_at_the_first_failed_look_and_its_parts_add_up() {
    let mut log = Log::default();
    log.up("api", 0);
    log.down("api", 100);
    log.run(140, 180);
    log.up("api", 185);
    let r = measured(&log, &incident(&["api"], 130, None), 1000);
    assert_eq!(
        (r.impact, r.detected, r.back),
        (at(100), at(110), Some(at(185)))
    );
    assert_eq!(r.took(at(1000)), Span::secs(85));
    let parts = r.parts().expect("service is back");
    let secs = [parts.detect, parts.decide, parts.act, parts.settle].map(Span::as_secs);
    assert_eq!(secs, [10, 20, 50, 5]);
    assert_eq!((r.error, r.held), (INTERVAL, true));
}

#[test]
fn service_is_back_when_the_last_of_the_affected_services_is() {
    let mut log = Log::default();
    log.down("db", 100);
    log.down("api", 103);
    log.up("db", 160);
    let i = incident(&["api", "db"], 120, None);
    assert_eq!(measured(&log, &i, 170).back, None);
    log.up("api", 171);
    assert_eq!(measured(&log, &i, 180).back, Some(at(171)));
    assert_eq!(measured(&log, &i, 180).impact, at(100));
}

#[test]
fn a_recovery_that_flaps_within_the_hold_time_is_revoked() {
    let mut log = Log::default();
    log.down("api", 100);
    log.up("api", 160);
    let i = incident(&["api"], 120, None);
    assert!(!measured(&log, &i, 200).held, "it must stay first");
    log.down("api", 300);
    let r = measured(&log, &i, 310);
    assert_eq!((r.back, r.revoked, r.impact), (None, 1, at(100)));
    log.up("api", 400);
    let end = 400 + HOLD.as_secs() as i64;
    let r = measured(&log, &i, end);
    assert_eq!(
        (r.back, r.held, r.took(at(end))),
        (Some(at(400)), true, Span::secs(300))
    );
}

#[test]
fn an_outage_after_the_hold_time_is_another_one_and_the_longer_counts() {
    let mut log = Log::default();
    log.down("api", 100);
    log.up("api", 200);
    log.down("api", 200 + HOLD.as_secs() as i64 + 1);
    log.up("api", 200 + HOLD.as_secs() as i64 + 11);
    let r = measured(&log, &incident(&["api"], 120, None), 5000);
    assert_eq!((r.impact, r.back, r.revoked), (at(100), Some(at(200)), 0));
}

#[test]
fn what_no_check_saw_was_not_measured() {
    let mut log = Log::default();
    log.down("api", 100);
    let unchecked = incident(&["wiki"], 120, None);
    assert_eq!(measure(&plan(), &unchecked, &log.0, at(200)), None);
    let elsewhere = incident(&["db"], 120, None);
    assert_eq!(measure(&plan(), &elsewhere, &log.0, at(200)), None);
}

#[test]
fn a_restart_in_the_middle_is_no_recovery() {
    let mut log = Log::default();
    log.down("api", 100);
    log.sees("api", 130, 130, Health::NoData);
    let i = incident(&["api"], 120, None);
    assert_eq!(measured(&log, &i, 140).back, None);
    log.down("api", 135);
    let r = measured(&log, &i, 160);
    assert_eq!((r.impact, r.back, r.revoked), (at(100), None, 0));
}

#[test]
fn an_old_outage_is_not_the_one_that_was_declared() {
    let mut log = Log::default();
    log.down("api", 100);
    log.up("api", 200);
    let late = incident(&["api"], 200 + 15 * 60 + 1, None);
    assert_eq!(measure(&plan(), &late, &log.0, at(2000)), None);
    let soon = incident(&["api"], 260, None);
    assert_eq!(measured(&log, &soon, 2000).impact, at(100));
}

#[test]
fn an_objective_is_met_or_missed_only_beyond_the_error_bar() {
    let mut log = Log::default();
    log.down("api", 100);
    log.up("api", 160);
    let r = measured(&log, &incident(&["api"], 120, None), 1000);
    let verdict = |secs| r.verdict(Span::secs(secs), at(1000));
    assert_eq!(verdict(65), Verdict::Met);
    assert_eq!(verdict(64), Verdict::NotMeasured);
    assert_eq!(verdict(55), Verdict::NotMeasured);
    assert_eq!(verdict(54), Verdict::Missed);
}

#[test]
fn while_service_is_away_an_objective_can_only_be_missed() {
    let mut log = Log::default();
    log.down("api", 100);
    let r = measured(&log, &incident(&["api"], 120, None), 140);
    assert_eq!(r.verdict(Span::secs(3600), at(140)), Verdict::NotMeasured);
    assert_eq!(r.verdict(Span::secs(30), at(140)), Verdict::Missed);
}

proptest! {
    #[test]
    fn whatever_was_seen_the_parts_add_up_and_time_runs_forward(
        seen in prop::collection::vec((0..2_usize, 0..6_usize, 1..400_i64, 0..30_i64), 0..30),
        declared in 0..4000_i64,
        run in (0..4000_i64, 0..400_i64),
    ) {
        const TO: [Health; 6] = [
            Health::NoData, Health::Operational, Health::Degraded, Health::PartialOutage, Health::MajorOutage, Health::Maintenance,
        ];
        let mut log = Log::default();
        let mut now = 0;
        for (service, to, gap, late) in seen {
            now += gap;
            log.sees(["api", "db"][service], now, now + late, TO[to]);
        }
        log.run(run.0, run.0 + run.1);
        let now = at(now + 10_000);
        if let Some(r) = measure(&plan(), &incident(&["api", "db"], declared, None), &log.0, now) {
            prop_assert!(r.back.is_none_or(|back| back >= r.impact));
            if let Some(p) = r.parts() {
                let sum = p.detect.0 + p.decide.0 + p.act.0 + p.settle.0;
                prop_assert_eq!(sum, r.took(now).0);
            }
        }
    }
}
