//! The one door. Whatever changes the world comes through [`Desk::execute`]: forms, REST, the CLI, the runner, the checker
//! only translate to a [`Command`].
//!
//! One task decides for this node. It takes all the commands that wait (up to [`MOST_AT_ONCE`]), opens one transaction,
//! folds in what other nodes wrote meanwhile, decides each command against the state with all before it applied, and
//! commits once: that is the group commit. A command that poisons its batch is found by replaying the batch one by one.

mod beginning;
mod documents;
mod outbox;
mod tail;
mod turn;

pub use beginning::Beginning;
use beginning::Ear;
use tail::Tail;
pub use tail::{Frames, TooFar};

use crate::Clock;
use domain::{
    Actor, Command, MaintenanceId, Number, PlanHash, Refusal, RunId, Stamped, World, plan::Plan,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{Credential, PlanRevision, Revocation, Store};
use tokio::sync::{mpsc, oneshot, watch};

const QUEUE: usize = 1024;
const MOST_AT_ONCE: usize = 256;

/// What was done under a key; asking again with the same key gives the same receipt and does nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The last event it made; 0 where it was so already.
    pub seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceId>,
    /// The key had been used: this is the old answer.
    #[serde(skip)]
    pub replayed: bool,
}

/// Why there is no receipt.
#[derive(Clone, Debug, thiserror::Error)]
pub enum No {
    /// The rules say no; nothing changed.
    #[error("{0}")]
    Refused(Refusal),
    /// It could not be written down. Whether it was is unknown: ask again with the same key.
    #[error(
        "Muster cannot write to its database now: {0}. Nothing is lost; try again with the same key."
    )]
    Unavailable(String),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        No::Refused(refusal)
    }
}

/// Who asks for what, under which key.
pub struct Request {
    pub actor: Actor,
    pub command: Command,
    pub key: Option<String>,
    /// The version of the incident or run the caller has seen; another one is refused.
    pub expected: Option<u64>,
    pub beside: Beside,
}

/// Rows that belong to a command's event and are written with it: secrets' hashes and whole plans have no place in the
/// timeline itself.
#[derive(Default)]
pub struct Beside {
    pub credentials: Vec<Credential>,
    pub revocations: Vec<Revocation>,
    pub plan_revisions: Vec<PlanRevision>,
    pub secrets: Vec<store::Secret>,
    pub secrets_gone: Vec<String>,
    /// What the timeline is told of notifications.
    pub told: Vec<store::Told>,
    /// A sign-in link to use up; if it was used already the command is refused.
    pub uses_link: Option<String>,
}

impl Request {
    pub fn new(actor: &Actor, command: Command) -> Self {
        Request {
            actor: actor.clone(),
            command,
            key: None,
            expected: None,
            beside: Beside::default(),
        }
    }
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
    pub fn expecting(mut self, version: Option<u64>) -> Self {
        self.expected = version;
        self
    }
    pub fn beside(mut self, beside: Beside) -> Self {
        self.beside = beside;
        self
    }
}

type Answer = Result<Receipt, No>;

struct Job {
    request: Request,
    answer: oneshot::Sender<Answer>,
}

/// Cheap to clone; every clone is the same desk.
#[derive(Clone)]
pub struct Desk {
    jobs: mpsc::Sender<Job>,
    world: watch::Receiver<Arc<World>>,
    plan: watch::Receiver<InForce>,
    queued: watch::Receiver<()>,
    ear: Ear,
    tail: Arc<Tail>,
    store: Store,
    clock: Clock,
    node: Arc<str>,
}

/// The plan in force: what new incidents are declared under.
#[derive(Clone, Default)]
pub struct InForce {
    pub hash: Option<PlanHash>,
    pub plan: Arc<Plan>,
}

impl Desk {
    /// Opens the desk over a store: loads what is open, and starts deciding.
    pub async fn open(store: Store, clock: Clock, node: &str) -> Result<Desk, store::Error> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let turn = turn::Turn::load(store.clone(), clock.clone(), node.into()).await?;
        let (world, plan, tail) = (turn.watch_world(), turn.watch_plan(), turn.tail());
        let queued = turn.watch_queued();
        let ear = turn.ear();
        tokio::spawn(serve(turn, queue));
        Ok(Desk {
            jobs,
            world,
            plan,
            queued,
            ear,
            tail,
            store,
            clock,
            node: node.into(),
        })
    }

    pub async fn execute(&self, request: Request) -> Answer {
        let (answer, receipt) = oneshot::channel();
        let closed = || No::Unavailable("it is shutting down".into());
        self.jobs
            .send(Job { request, answer })
            .await
            .map_err(|_| closed())?;
        receipt.await.map_err(|_| closed())?
    }

    /// The state now. A snapshot: it does not change under the reader.
    pub fn world(&self) -> Arc<World> {
        self.world.borrow().clone()
    }

    /// Wakes when the state has changed. Carries the newest state, not the changes: read those from the log.
    pub fn watch(&self) -> watch::Receiver<Arc<World>> {
        self.world.clone()
    }

    /// Has `hear` told of attempts while it is being written down that they begin, in the middle of the desk's work: it must
    /// not wait for anything. Only the last one to ask is told.
    pub fn hear_of_beginnings(&self, hear: impl Fn(Beginning) + Send + Sync + 'static) {
        self.ear.lend(hear);
    }

    pub fn plan(&self) -> InForce {
        self.plan.borrow().clone()
    }

    pub fn watch_plan(&self) -> watch::Receiver<InForce> {
        self.plan.clone()
    }

    /// Wakes when somebody is to be told. Carries nothing: the outbox's rows say who.
    pub fn watch_queued(&self) -> watch::Receiver<()> {
        self.queued.clone()
    }

    /// What a live reader at `seq` is sent next, written once for all of them; nothing where it has all there is.
    pub fn live_after(&self, seq: u64) -> Result<Option<Arc<Frames>>, TooFar> {
        self.tail.after(seq)
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// This node's name: the one that launches what it starts.
    pub fn node(&self) -> &str {
        &self.node
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}

async fn serve(mut turn: turn::Turn, mut queue: mpsc::Receiver<Job>) {
    let mut elsewhere = match turn.appends().await {
        Ok(appends) => Some(appends),
        Err(error) => {
            tracing::warn!(%error, "Cannot listen for other nodes' events; they are folded in with the next command");
            None
        }
    };
    let mut batch = Vec::with_capacity(MOST_AT_ONCE);
    loop {
        let wake = async {
            match &mut elsewhere {
                Some(appends) => appends.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            taken = queue.recv_many(&mut batch, MOST_AT_ONCE) => match taken {
                0 => return,
                _ => {
                    turn.take(std::mem::take(&mut batch)).await;
                    if let Some(appends) = &mut elsewhere {
                        appends.skip_own();
                    }
                }
            },
            _ = wake => turn.follow().await,
        }
    }
}

/// A stored record as the event it holds. One that does not decode is reported and passed over: the log is older than us,
/// and a page must not fail over a line of it.
pub fn stamped(record: &store::Record) -> Option<Stamped> {
    let decode = || -> Result<Stamped, serde_json::Error> {
        Ok(Stamped {
            seq: record.seq,
            stream: record.stream.clone(),
            at: domain::Stamp(record.occurred_at),
            recorded: domain::Stamp(record.recorded_at),
            actor: serde_json::from_str(&record.actor)?,
            event: serde_json::from_str(&record.body)?,
        })
    };
    decode().map_err(|error| tracing::error!(event.seq = record.seq, event.kind = %record.kind, %error, "Event {} does not decode", record.seq)).ok()
}
