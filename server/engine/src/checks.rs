//! Looks at the services as the plan says, each at its own pace: a target that never answers delays nobody else.
//!
//! Architecture invariant: what was never seen has no health. A service is operational after a look that succeeded, and
//! down after `fall` looks in a row that failed; what the last look found is kept apart from that verdict.

mod failure;
mod heartbeat;
mod probe;
mod verdict;

pub use failure::{Class, Failure, database_failure};
pub use probe::{Prober, Seen, connect};

use crate::{Desk, No, Request};
use domain::{Actor, Command, Health, PlanHash, ServiceId, Source, Stamp, plan};
use rand::Rng;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet, time::Instant};
use verdict::Verdict;

/// The last look at a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    pub at: Stamp,
    /// The first of the looks up to this one between which there was no break.
    pub since: Stamp,
    pub took: Duration,
    /// How long after it was due it began.
    pub late: Duration,
    /// `ok`, or the failure's class.
    pub class: &'static str,
    /// What the looks so far come to, written down or not.
    pub health: Health,
}

/// A look that comes later after the last one than this, or than three intervals, was not foreseen: in between nobody
/// looked.
const BREAK: Duration = Duration::from_secs(10);

/// Within this time of its start each service is looked at, or within its interval where that is shorter.
const FIRST: Duration = Duration::from_secs(5);

pub type Looks = BTreeMap<ServiceId, Look>;

#[derive(Clone)]
pub struct Checks {
    desk: Desk,
    prober: Prober,
    looks: Arc<watch::Sender<Looks>>,
}

impl Checks {
    pub fn new(desk: Desk, prober: Prober) -> Self {
        Checks {
            desk,
            prober,
            looks: Arc::default(),
        }
    }

    /// The last look at every service.
    pub fn looks(&self) -> watch::Receiver<Looks> {
        self.looks.subscribe()
    }

    /// Checks the services of the plan in force; a new plan starts the round anew. Works until it is dropped.
    pub async fn serve(self) {
        let mut plans = self.desk.watch_plan();
        let mut hash: Option<PlanHash> = None;
        let mut rounds = JoinSet::new();
        loop {
            let in_force = plans.borrow_and_update().clone();
            if in_force.hash != hash {
                hash = in_force.hash.clone();
                rounds.shutdown().await;
                rounds = JoinSet::new();
                let targets = Arc::new(in_force.plan.targets.clone());
                for service in &in_force.plan.services {
                    if let Some(check) = service.check.clone() {
                        rounds.spawn(self.clone().keep_looking(
                            service.id.clone(),
                            check,
                            targets.clone(),
                        ));
                    }
                }
            }
            if plans.changed().await.is_err() {
                return;
            }
        }
    }

    async fn keep_looking(
        self,
        service: ServiceId,
        check: plan::Check,
        targets: Arc<plan::Targets>,
    ) {
        let began = self.desk.clock().now();
        let known = self.desk.world().found(&service);
        let mut verdict = Verdict::new(check.fall, check.rise, known);
        // Soon, and not all at the same instant: what was never seen has no health.
        let mut due = Instant::now() + within(check.interval.0.min(FIRST));
        loop {
            tokio::time::sleep_until(due).await;
            let late = due.elapsed();
            // A little sooner or later each time, so that looks which met once part again; and never before the last
            // one is over, because this is one task.
            let jitter = within(check.interval.0 / 10);
            due = (due + check.interval.0 * 19 / 20 + jitter).max(Instant::now());
            let (at, begun) = (self.desk.clock().now(), Instant::now());
            let Some(seen) = self.look(&service, &check, &targets, began).await else {
                continue;
            };
            let since = self.unbroken(&service, check.interval.0, at);
            let took = begun.elapsed();
            let class = seen.as_ref().map_or_else(|f| f.class.word(), |_| "ok");
            let changed = verdict.after(seen, at);
            self.looks.send_modify(|looks| {
                let look = Look {
                    at,
                    since,
                    took,
                    late,
                    class,
                    health: verdict.health(),
                };
                looks.insert(service.clone(), look);
            });
            if let Some((health, because, since)) = changed {
                self.report(&service, health, because, since).await;
            }
        }
    }

    /// Since when a service has been looked at without a break, for a look at that instant.
    fn unbroken(&self, service: &ServiceId, interval: Duration, at: Stamp) -> Stamp {
        let longest = BREAK.max(interval * 3);
        match self.looks.borrow().get(service) {
            Some(last) if at.since(last.at).0 <= longest => last.since,
            _ => at,
        }
    }

    /// Nothing where nothing can be known: our own database's trouble is no failure of the service.
    async fn look(
        &self,
        service: &ServiceId,
        check: &plan::Check,
        targets: &plan::Targets,
        began: Stamp,
    ) -> Option<Result<Seen, Failure>> {
        let plan::Probe::Heartbeat(probe) = &check.probe else {
            return Some(self.prober.look(check, targets).await);
        };
        let last = self.desk.store().heartbeat(service.as_str()).await.ok()?;
        heartbeat::judge(probe, last.map(Stamp), began, self.desk.clock().now())
    }

    /// Until it is written down: a change that was seen is never dropped.
    async fn report(&self, service: &ServiceId, health: Health, because: String, since: Stamp) {
        let actor = Actor::system("checks", Source::Checker);
        let command = Command::Observe {
            service: service.clone(),
            health,
            because,
            since,
        };
        let mut pause = Duration::from_millis(100);
        while let Err(no) = self
            .desk
            .execute(Request::new(&actor, command.clone()))
            .await
        {
            match no {
                No::Refused(refusal) => {
                    tracing::warn!(service.id = %service, %refusal, "What was seen of `{service}` was refused: {refusal}");
                    return;
                }
                No::Unavailable(_) => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

/// Some time within this length.
fn within(length: Duration) -> Duration {
    length.mul_f64(rand::rng().random_range(0.0..1.0))
}

/// Raises the limit of open files as far as it may go, and answers how many that is: each look that waits holds one.
pub fn raise_file_limit() -> std::io::Result<u64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}
