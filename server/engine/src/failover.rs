//! Watches what fails over: asks the observers, and tells the Desk what is seen. What follows is decided there, once,
//! however many nodes look.
//!
//! Architecture invariant: what was seen before this start counts for nothing. The system the primary is of and how far
//! it had got are remembered in memory only; without them nothing is promoted by itself.

use crate::{
    Desk, No, Request,
    checks::{connect, database_failure},
};
use domain::{
    Actor, Command, Health, Kind, RunId, ServiceId, Source, Stamp, World,
    failover::{Candidate, Sight, Vote, Word},
    plan::{self, Database, Node, Observer, Plan},
};
use sqlx::Row;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::watch, time::timeout};

/// Between looks. The check has its own pace; this is how soon its verdict is acted on.
const LOOK: Duration = Duration::from_secs(2);
/// Whoever is asked answers within this, or cannot be told.
const PATIENCE: Duration = Duration::from_secs(2);
/// A standby hears from a primary that lives, even an idle one, more often than this.
const SILENCE: Duration = Duration::from_secs(40);

pub type Sights = BTreeMap<ServiceId, Sight>;

/// Looks up a password by the name of its environment variable.
type Secrets = dyn Fn(&str) -> Option<String> + Send + Sync;

pub struct Failovers {
    desk: Desk,
    http: reqwest::Client,
    secret: Arc<Secrets>,
    sights: watch::Sender<Sights>,
    since: Stamp,
    known: BTreeMap<ServiceId, Known>,
}

/// The primary as it was last seen.
#[derive(Clone, Default)]
struct Known {
    system: Option<String>,
    position: Option<u64>,
}

impl Failovers {
    pub fn new(
        desk: Desk,
        secret: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // A proxy's answer would be taken for the application's.
            .no_proxy()
            .timeout(PATIENCE)
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Failovers {
            since: desk.clock().now(),
            desk,
            http,
            secret: Arc::new(secret),
            sights: watch::Sender::default(),
            known: BTreeMap::new(),
        })
    }

    /// What was last seen of each failover.
    pub fn sights(&self) -> watch::Receiver<Sights> {
        self.sights.subscribe()
    }

    /// Works until it is dropped.
    pub async fn serve(mut self) {
        loop {
            let plan = self.desk.plan().plan;
            for failover in &plan.failover {
                let Some(database) = plan.targets.databases.get(&failover.database) else {
                    continue;
                };
                let sight = self.look(&plan, failover, database).await;
                self.tell(&plan, &failover.service, sight.clone()).await;
                self.sights.send_modify(|sights| {
                    sights.insert(failover.service.clone(), sight);
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(&mut self, plan: &Plan, failover: &plan::Failover, database: &Database) -> Sight {
        let (primary, replica) = (&database.primary, &database.replica);
        let (first, second, application) = tokio::join!(
            self.node(database.nodes.get(primary)),
            self.node(database.nodes.get(replica)),
            self.application(plan, failover),
        );
        let known = self.known.entry(failover.service.clone()).or_default();
        if let Ok(seen) = &first
            && !seen.standby
        {
            *known = Known {
                system: Some(seen.system.clone()),
                position: Some(seen.position),
            };
        }
        let candidate = second.as_ref().ok().map(|seen| Candidate {
            standby: seen.standby,
            system: seen.system.clone(),
            timeline: seen.timeline,
            lag: known.position.map(|p| p.saturating_sub(seen.position)),
        });
        let nodes = [(primary, &first), (replica, &second)];
        let writes = |(name, seen): (&String, &Result<Seen, String>)| {
            let seen = seen.as_ref().ok()?;
            seen.writes.then(|| name.clone())
        };
        let writable: Vec<String> = nodes.into_iter().filter_map(writes).collect();
        let world = self.desk.world();
        let votes = failover.observers.of.iter().filter_map(|observer| {
            let (word, because) = match observer {
                Observer::Muster => own(&world, failover, writable.contains(primary), &first)?,
                Observer::Replica => heard(&second),
                Observer::Application => application.clone()?,
            };
            Some(Vote {
                observer: *observer,
                word,
                because,
            })
        });
        Sight {
            at: self.desk.clock().now(),
            since: self.since,
            votes: votes.collect(),
            candidate,
            system: known.system.clone(),
            writable: writable.clone(),
        }
    }

    async fn node(&self, node: Option<&Node>) -> Result<Seen, String> {
        let node = node.ok_or("the plan has no such node")?;
        let asked = async {
            let mut connection = connect(node, &*self.secret).await?;
            sqlx::query(SEEN).fetch_one(&mut connection).await
        };
        let row = match timeout(PATIENCE, asked).await {
            Ok(Ok(row)) => row,
            Ok(Err(error)) => return Err(database_failure(error).says),
            Err(_) => return Err("no answer".into()),
        };
        Seen::read(&row).map_err(|e| e.to_string())
    }

    /// What the application says of its database; nothing where it is not to be asked.
    async fn application(&self, plan: &Plan, failover: &plan::Failover) -> Option<(Word, String)> {
        let application = plan
            .targets
            .applications
            .get(failover.application.as_ref()?)?;
        let url = format!("{}{}", application.url, application.health);
        Some(match self.http.get(url).send().await {
            Ok(answer) if answer.status().is_success() => (Word::Up, "healthy".into()),
            Ok(answer) => (
                Word::Down,
                format!("its health is {}", answer.status().as_u16()),
            ),
            Err(_) => (Word::Unknown, "it does not answer".into()),
        })
    }

    /// Tells the Desk where that would move something.
    async fn tell(&self, plan: &Plan, service: &ServiceId, sight: Sight) {
        let world = self.desk.world();
        let now = self.desk.clock().now();
        if domain::due(&world, plan, service, &sight, now).is_none() {
            return;
        }
        let command = Command::WatchFailover {
            service: service.clone(),
            run: RunId(uuid::Uuid::now_v7().to_string()),
            incident: incident_of(&world, service),
            sight: Box::new(sight),
        };
        let actor = Actor::system("failover", Source::Checker);
        match self.desk.execute(Request::new(&actor, command)).await {
            Ok(receipt) if receipt.seq > 0 => {
                tracing::warn!(service.id = %service, "The failover of {service} has moved: see /failover/{service}");
            }
            // Somebody else was first, or it is seen again at the next look.
            Ok(_) | Err(No::Unavailable(_)) => {}
            Err(No::Refused(refusal)) => {
                tracing::error!(service.id = %service, %refusal, "The failover of {service} was refused: {refusal}");
            }
        }
    }
}

/// The open incident that a failover of this service belongs to: the gravest real one, else a drill.
pub fn incident_of(world: &World, service: &ServiceId) -> Option<domain::Number> {
    let open = world.open_incidents();
    let mut about = open.iter().filter(|i| i.affected.contains(service));
    let real = about.clone().find(|i| i.kind == Kind::Real);
    real.or_else(|| about.next()).map(|i| i.number.clone())
}

/// What a node says of itself.
struct Seen {
    standby: bool,
    writes: bool,
    system: String,
    timeline: u32,
    position: u64,
    /// Of a standby: whether it is connected to its primary, and how long ago it heard from it.
    streaming: bool,
    silent: Option<Duration>,
    /// Our role may not see it.
    hidden: bool,
}

const SEEN: &str = "SELECT pg_is_in_recovery() AS standby,
    current_setting('transaction_read_only') = 'off' AS writes,
    (SELECT system_identifier FROM pg_control_system())::text AS system,
    (SELECT timeline_id FROM pg_control_checkpoint())::bigint AS timeline,
    pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()
        THEN GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), '0/0')
        ELSE pg_current_wal_lsn() END, '0/0')::bigint AS position,
    (SELECT status = 'streaming' FROM pg_stat_wal_receiver) AS streaming,
    EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status IS NULL) AS hidden,
    (SELECT extract(epoch FROM clock_timestamp() - last_msg_receipt_time)::bigint FROM pg_stat_wal_receiver) AS silent";

impl Seen {
    fn read(row: &sqlx::postgres::PgRow) -> Result<Seen, sqlx::Error> {
        let standby: bool = row.try_get("standby")?;
        let silent: Option<i64> = row.try_get("silent")?;
        Ok(Seen {
            standby,
            writes: !standby && row.try_get("writes")?,
            system: row.try_get("system")?,
            timeline: row.try_get::<i64, _>("timeline")? as u32,
            position: row.try_get::<i64, _>("position")?.max(0) as u64,
            streaming: row
                .try_get::<Option<bool>, _>("streaming")?
                .unwrap_or(false),
            hidden: row.try_get("hidden")?,
            silent: silent.map(|s| Duration::from_secs(s.max(0) as u64)),
        })
    }
}

/// Muster's own vote: its check, and its own way to the primary. A primary that takes writes is up, whatever stands
/// before it.
fn own(
    world: &World,
    failover: &plan::Failover,
    writes: bool,
    primary: &Result<Seen, String>,
) -> Option<(Word, String)> {
    let state = world.services.get(&failover.service);
    let because = state.map(|s| s.because.clone()).unwrap_or_default();
    Some(match world.health(&failover.service) {
        Health::NoData => return None,
        Health::Maintenance => (Word::Unknown, format!("in maintenance: {because}")),
        Health::MajorOutage if writes => (
            Word::Up,
            format!("the check failed ({because}), but the primary itself takes writes"),
        ),
        Health::MajorOutage => {
            let itself = match primary {
                Ok(_) => "takes no writes",
                Err(says) => says,
            };
            (
                Word::Down,
                format!("{because}; the primary itself: {itself}"),
            )
        }
        _ => (Word::Up, because),
    })
}

/// The replica's vote: whether it hears from its primary.
fn heard(replica: &Result<Seen, String>) -> (Word, String) {
    match replica {
        Err(says) => (Word::Unknown, says.clone()),
        Ok(seen) if !seen.standby => (Word::Unknown, "it is no standby".into()),
        Ok(seen) if seen.hidden => (
            Word::Unknown,
            "it may not be asked; grant our role pg_monitor".into(),
        ),
        Ok(seen) if !seen.streaming => (Word::Down, "it receives nothing".into()),
        Ok(seen) => match seen.silent {
            Some(silent) if silent > SILENCE => (
                Word::Down,
                format!("it heard nothing for {} s", silent.as_secs()),
            ),
            _ => (Word::Up, "it streams from the primary".into()),
        },
    }
}
