//! One turn at the desk: from waiting commands to a committed transaction and the state that follows from it.

use super::{
    Answer, Beside, InForce, Job, No, Receipt, Request, Tail,
    beginning::{Beginning, Ear, Undecided},
    documents::{
        self, COMMS, DESK, FAILOVER, INCIDENT, MAINTENANCE, RUN, bring_incident, bring_run,
        is_written_with, json, projection,
    },
    outbox, stamped,
};
use crate::{Clock, Zones};
use domain::{
    Actor, Command, Context, Event, Number, PlanHash, Refusal, RunId, Stamp, Stamped, Subject, Why,
    World, notify::People, plan::Plan,
};
use sha2::{Digest, Sha256};
use std::{
    cell::LazyCell,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use store::{Appends, Batch, Draft, Error, Head, Store, Tx, Unfinished};
use tokio::sync::watch;

/// So many events of before its start a node has at hand for pages that come back to it; others begin anew.
const RETOLD: u32 = 1000;

/// The deciding state of this node.
pub(super) struct Turn {
    store: Store,
    clock: Clock,
    /// This node's name.
    node: Arc<str>,
    tail: Arc<Tail>,
    world: watch::Sender<Arc<World>>,
    in_force: watch::Sender<InForce>,
    queued: watch::Sender<()>,
    ear: Ear,
    /// Every plan some open incident or run was started under.
    plans: HashMap<PlanHash, Arc<Plan>>,
    /// The end of the timeline, where this node has written last.
    head: Option<Head>,
}

/// What a batch is building: a state ahead of the published one, and the rows that make it durable.
struct Draw {
    world: World,
    head: Head,
    batch: Batch,
    written: Vec<Stamped>,
    touched: BTreeSet<(&'static str, String)>,
    /// Receipts of this batch, for a key that comes twice in it.
    receipts: HashMap<String, store::Receipt>,
    plans: HashMap<PlanHash, Arc<Plan>>,
    in_force: Option<InForce>,
}

/// Where a transaction came to its end too early.
enum Stopped {
    /// Nothing was written.
    Before(Error),
    /// Nobody knows.
    Committing(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Stopped::Before(error)
    }
}

impl Turn {
    pub(super) async fn load(store: Store, clock: Clock, node: Arc<str>) -> Result<Turn, Error> {
        let world = documents::open_world(&store).await?;
        let from = world.seq.saturating_sub(u64::from(RETOLD));
        let mut last = store.events_after(from, RETOLD).await?;
        last.retain(|r| r.seq <= world.seq);
        let last: Vec<_> = last.iter().filter_map(stamped).collect();
        let mut turn = Turn {
            store,
            clock,
            node,
            tail: Arc::new(Tail::of(from, &last)),
            world: watch::Sender::new(Arc::default()),
            in_force: watch::Sender::default(),
            queued: watch::Sender::default(),
            ear: Ear::default(),
            plans: HashMap::new(),
            head: None,
        };
        if let Some(in_force) = &world.plan
            && let Some(plan) = turn.plan(&in_force.hash).await?
        {
            turn.in_force.send_replace(InForce {
                hash: Some(in_force.hash.clone()),
                plan,
            });
        }
        turn.world.send_replace(Arc::new(world));
        Ok(turn)
    }

    pub(super) fn watch_world(&self) -> watch::Receiver<Arc<World>> {
        self.world.subscribe()
    }
    pub(super) fn watch_plan(&self) -> watch::Receiver<InForce> {
        self.in_force.subscribe()
    }
    pub(super) fn watch_queued(&self) -> watch::Receiver<()> {
        self.queued.subscribe()
    }
    pub(super) fn ear(&self) -> Ear {
        self.ear.clone()
    }
    pub(super) fn tail(&self) -> Arc<Tail> {
        self.tail.clone()
    }
    pub(super) async fn appends(&self) -> Result<Appends, Error> {
        self.store.appends().await
    }

    /// Answers every job, all in one transaction where that goes well, else each in its own.
    pub(super) async fn take(&mut self, jobs: Vec<Job>) {
        let requests: Vec<&Request> = jobs.iter().map(|j| &j.request).collect();
        let answers = match self.carry_out(&requests).await {
            Ok(answers) => answers,
            // A commit that failed may have been one that succeeded: only who asks under a key may ask again.
            Err(Stopped::Committing(error)) => {
                requests.iter().map(|_| Err(unwritten(&error))).collect()
            }
            Err(Stopped::Before(error)) if requests.len() == 1 => vec![Err(unwritten(&error))],
            Err(Stopped::Before(_)) => {
                let mut answers = Vec::with_capacity(requests.len());
                for request in &requests {
                    answers.push(match self.carry_out(&[request]).await {
                        Ok(mut one) => one
                            .pop()
                            .unwrap_or_else(|| Err(No::Unavailable("no answer".into()))),
                        Err(Stopped::Before(error) | Stopped::Committing(error)) => {
                            Err(unwritten(&error))
                        }
                    });
                }
                answers
            }
        };
        for (job, answer) in jobs.into_iter().zip(answers) {
            let _ = job.answer.send(answer);
        }
    }

    /// Folds in what other nodes wrote.
    pub(super) async fn follow(&mut self) {
        let seq = self.world.borrow().seq;
        match self.store.head().await {
            Ok(head) if head.seq > seq => {}
            _ => return,
        }
        if let Err(Stopped::Before(error) | Stopped::Committing(error)) = self.carry_out(&[]).await
        {
            tracing::warn!(%error, "Cannot read what other nodes wrote");
        }
    }

    async fn carry_out(&mut self, requests: &[&Request]) -> Result<Vec<Answer>, Stopped> {
        // Most likely nobody else writes, and then nobody has to be asked.
        if let Some(head) = self.head.take().filter(|_| !requests.is_empty()) {
            let tx = self.store.begin_at(head).await?;
            match self.carry_out_in(tx, requests).await {
                Err(Stopped::Before(Error::Moved)) => {}
                done => return done,
            }
        }
        let tx = self.store.begin().await?;
        self.carry_out_in(tx, requests).await
    }

    async fn carry_out_in(
        &mut self,
        mut tx: Tx,
        requests: &[&Request],
    ) -> Result<Vec<Answer>, Stopped> {
        let mut draw = Draw {
            world: World::clone(&self.world.borrow()),
            head: tx.head(),
            batch: Batch::default(),
            written: Vec::new(),
            touched: BTreeSet::new(),
            receipts: HashMap::new(),
            plans: self.plans.clone(),
            in_force: None,
        };
        self.catch_up(&mut tx, &mut draw).await?;
        let keys: Vec<&str> = requests.iter().filter_map(|r| r.key.as_deref()).collect();
        draw.receipts = if keys.is_empty() {
            HashMap::new()
        } else {
            tx.receipts(&keys).await?
        };

        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(self.decide(&mut tx, &mut draw, request).await?);
        }
        let batch = &draw.batch;
        if batch.records.is_empty() && batch.receipts.is_empty() && batch.told.is_empty() {
            let is_assumed = tx.is_assumed();
            tx.rollback().await?;
            // What is refused is refused for how things are now.
            if is_assumed {
                return Err(Error::Moved.into());
            }
        } else {
            let undecided = self.announce(&draw);
            for (kind, id) in &draw.touched {
                draw.batch
                    .projections
                    .extend(projection(&draw.world, kind, id));
            }
            let is_assumed = tx.is_assumed();
            let finished = tx.finish(&draw.batch).await;
            finished.map_err(|unfinished| match unfinished {
                Unfinished::Before(_) if is_assumed => Error::Moved.into(),
                Unfinished::Before(error) => Stopped::Before(error),
                Unfinished::Committing(error) => Stopped::Committing(error),
            })?;
            undecided.begun();
        }
        self.head = Some(draw.head);
        self.publish(draw);
        Ok(answers)
    }

    /// Tells of the attempts that begin here if this is committed. (Not of those that other commits have begun, by this
    /// node too maybe: what became of them has to be found out.)
    fn announce(&self, draw: &Draw) -> Undecided {
        let undecided = Undecided::new();
        let begins = |event: &Stamped| match &event.event {
            Event::AttemptStarted {
                run,
                step,
                attempt,
                node,
                ..
            } if **node == *self.node => {
                let run = draw.world.runs.get(run)?;
                let is_this = |(s, a): (u32, &domain::Attempt)| (s, a.number) == (*step, *attempt);
                run.running_attempts().any(is_this).then(|| Beginning {
                    run: run.clone(),
                    step: *step,
                    attempt: *attempt,
                    fate: undecided.fate(),
                })
            }
            _ => None,
        };
        let first = draw.batch.records.first().map_or(u64::MAX, |r| r.seq);
        let written = draw.written.iter().filter(|event| event.seq >= first);
        let coming = written.filter_map(begins);
        coming.for_each(|coming| self.ear.tell(coming));
        undecided
    }

    /// Only what is committed is seen.
    fn publish(&mut self, draw: Draw) {
        self.tail.push(&draw.written);
        self.plans = draw.plans;
        if let Some(in_force) = draw.in_force {
            self.in_force.send_replace(in_force);
        }
        let queued = draw.written.iter().any(outbox::queues) || !draw.batch.releases.is_empty();
        if draw.world.seq > self.world.borrow().seq || !draw.written.is_empty() {
            self.world.send_replace(Arc::new(draw.world));
        }
        if queued {
            self.queued.send_replace(());
        }
    }

    async fn catch_up(&mut self, tx: &mut Tx, draw: &mut Draw) -> Result<(), Error> {
        while draw.world.seq < draw.head.seq {
            let records = tx.events_after(draw.world.seq, 1000).await?;
            if records.is_empty() {
                break;
            }
            for record in &records {
                let Some(event) = stamped(record) else {
                    draw.world.seq = record.seq;
                    continue;
                };
                self.bring_in(tx, draw, &event.event).await?;
                if let Event::PlanLoaded { hash, .. } = &event.event
                    && let Some(plan) = self.plan(hash).await?
                {
                    draw.plans.insert(hash.clone(), plan.clone());
                    draw.in_force = Some(InForce {
                        hash: Some(hash.clone()),
                        plan,
                    });
                }
                draw.world.apply(&event);
                draw.written.push(event);
            }
        }
        Ok(())
    }

    /// What is closed is not held in memory; an event or a command about it brings it back.
    async fn bring_in(&self, tx: &mut Tx, draw: &mut Draw, event: &Event) -> Result<(), Error> {
        match event.subject() {
            Subject::Incident(number) => bring_incident(tx, &mut draw.world, number).await,
            Subject::Run(run) => bring_run(tx, &mut draw.world, run).await,
            Subject::Other => Ok(()),
        }
    }

    async fn decide(
        &mut self,
        tx: &mut Tx,
        draw: &mut Draw,
        request: &Request,
    ) -> Result<Answer, Error> {
        let key = request.key.as_ref();
        let key = key.map(|key| (key, fingerprint(&request.actor, &request.command)));
        if let Some((key, print)) = &key
            && let Some(known) = draw.receipts.get(*key)
        {
            return Ok(if known.fingerprint == *print {
                match serde_json::from_str::<Receipt>(&known.answer) {
                    Ok(receipt) => Ok(Receipt {
                        replayed: true,
                        ..receipt
                    }),
                    Err(_) => Err(No::Unavailable(
                        "the receipt under this key cannot be read".into(),
                    )),
                }
            } else {
                Err(No::Refused(Refusal {
                    why: Why::KeyReused,
                    field: None,
                    says: "This idempotency key was used for another request.".into(),
                }))
            });
        }
        let (incident, run) = request.command.about();
        if let Some(number) = incident {
            bring_incident(tx, &mut draw.world, number).await?;
        }
        if let Some(run) = run {
            bring_run(tx, &mut draw.world, run).await?;
        }
        if let Err(refusal) = as_expected(&draw.world, request, incident, run) {
            return Ok(Err(refusal.into()));
        }
        let plan = self.plan_for(draw, incident, run).await?;
        let now = self.clock.now();
        let command = self.still_news(tx, request.command.clone()).await?;
        let context = Context {
            actor: &request.actor,
            now,
            plan: &plan,
            calendar: &Zones,
            node: &self.node,
        };
        let facts = match domain::decide(&draw.world, &context, command) {
            Ok(facts) => facts,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        if let Some(link) = &request.beside.uses_link
            && !tx.use_link(link, now.0).await?
        {
            return Ok(Err(Refusal::forbidden("This sign-in link was used already or has expired. Ask for a new one: muster signin").into()));
        }
        if let Command::LoadPlan { hash, .. } = &request.command
            && let Some(revision) = request
                .beside
                .plan_revisions
                .iter()
                .find(|r| r.hash == hash.0)
            && let Ok(plan) = serde_json::from_str::<Plan>(&revision.body)
        {
            let plan = Arc::new(plan);
            draw.plans.insert(hash.clone(), plan.clone());
            draw.in_force = Some(InForce {
                hash: Some(hash.clone()),
                plan,
            });
        }
        let mut receipt = Receipt {
            seq: 0,
            incident: incident.cloned(),
            run: run.cloned(),
            maintenance: request.command.window().cloned(),
            replayed: false,
        };
        let mut about = 0;
        let people = LazyCell::new(|| People::of(&plan.contacts));
        for fact in facts {
            let event = write_event(draw, &request.actor, now, fact, &mut receipt);
            if !matches!(event.event, Event::NotificationsQueued { .. }) {
                about = event.seq;
            }
            let steady = self.clock.steady();
            let rows = outbox::rows(&draw.world, &plan, &people, &event, about, steady);
            draw.batch.notifications.extend(rows);
            draw.batch.releases.extend(outbox::release(&event, steady));
        }
        write_beside(draw, &request.beside);
        if let Some((key, print)) = key {
            let row = store::Receipt {
                key: key.clone(),
                fingerprint: print,
                seq: receipt.seq,
                answer: serde_json::to_string(&receipt).unwrap_or_default(),
                at: now.0,
            };
            draw.receipts.insert(key.clone(), row.clone());
            draw.batch.receipts.push(row);
        }
        Ok(Ok(receipt))
    }

    /// Of what became of notifications only what the timeline does not know: another node may have told it.
    async fn still_news(&self, tx: &mut Tx, mut command: Command) -> Result<Command, Error> {
        if let Command::ReportNotifications { results, .. } = &mut command {
            let ids: Vec<&str> = results.iter().map(|r| r.id.as_str()).collect();
            let untold = tx.untold(&ids).await?;
            results.retain(|r| untold.get(&r.id).is_some_and(|state| state == r.state.id()));
        }
        Ok(command)
    }

    /// The plan a command is decided under: the one its incident or run began with, else the one in force.
    async fn plan_for(
        &mut self,
        draw: &Draw,
        incident: Option<&Number>,
        run: Option<&RunId>,
    ) -> Result<Arc<Plan>, Error> {
        let hash = match (
            run.and_then(|r| draw.world.runs.get(r)),
            incident.and_then(|n| draw.world.incidents.get(n)),
        ) {
            (Some(run), _) => Some(&run.plan),
            (_, Some(incident)) => Some(&incident.plan),
            _ => None,
        };
        let in_force = || {
            draw.in_force
                .clone()
                .unwrap_or_else(|| self.in_force.borrow().clone())
                .plan
        };
        let Some(hash) = hash else {
            return Ok(in_force());
        };
        if let Some(plan) = draw.plans.get(hash) {
            return Ok(plan.clone());
        }
        let fallback = in_force();
        Ok(self.plan(hash).await?.unwrap_or(fallback))
    }

    async fn plan(&mut self, hash: &PlanHash) -> Result<Option<Arc<Plan>>, Error> {
        if let Some(plan) = self.plans.get(hash) {
            return Ok(Some(plan.clone()));
        }
        let Some(json) = self.store.plan_revision(hash.as_str()).await? else {
            return Ok(None);
        };
        match serde_json::from_str::<Plan>(&json) {
            Ok(plan) => {
                let plan = Arc::new(plan);
                self.plans.insert(hash.clone(), plan.clone());
                Ok(Some(plan))
            }
            Err(error) => {
                tracing::error!(plan.hash = %hash, %error, "Plan revision {hash} does not decode");
                Ok(None)
            }
        }
    }
}

fn write_event(
    draw: &mut Draw,
    actor: &Actor,
    now: Stamp,
    fact: domain::Fact,
    receipt: &mut Receipt,
) -> Stamped {
    let mut known = None;
    match fact.event.subject() {
        Subject::Incident(number) => {
            receipt.incident = Some(number.clone());
            draw.touched.insert((INCIDENT, number.0.clone()));
            known = draw.world.comms(number).map(|c| c.version);
        }
        Subject::Run(run) => {
            // A run may bring other runs with it: the answer is about the one that was asked for.
            receipt.run.get_or_insert_with(|| run.clone());
            known = draw.world.runs.get(run).map(|r| r.version);
        }
        Subject::Other => {}
    }
    match &fact.event {
        Event::RunStarted {
            incident: Some(number),
            ..
        } => {
            draw.touched.insert((INCIDENT, number.0.clone()));
        }
        Event::IncidentDeclared { .. } => {
            draw.touched.insert((DESK, "counts".into()));
        }
        Event::FailoverMoved { service, .. } | Event::FailoverAcknowledged { service } => {
            draw.touched.insert((FAILOVER, service.0.clone()));
        }
        Event::AutomationHeld { .. } => {
            draw.touched.insert((DESK, "automation".into()));
        }
        Event::MaintenanceScheduled { maintenance, .. } => {
            receipt.maintenance = Some(maintenance.clone());
            draw.touched.insert((MAINTENANCE, maintenance.0.clone()));
            draw.touched.insert((DESK, "maintenance counts".into()));
        }
        Event::MaintenanceRescheduled { maintenance, .. }
        | Event::MaintenanceMoved { maintenance, .. } => {
            draw.touched.insert((MAINTENANCE, maintenance.0.clone()));
        }
        Event::PlanLoaded { .. } => {
            draw.touched.insert((DESK, "plan".into()));
        }
        Event::ExposureChanged { .. } => {
            draw.touched.insert((DESK, "exposures".into()));
        }
        Event::ContactTested { .. } | Event::ContactConfirmed { .. } => {
            draw.touched.insert((DESK, "verified".into()));
        }
        Event::OnCallOverridden { .. } | Event::OverrideRemoved { .. } => {
            draw.touched.insert((DESK, "overrides".into()));
        }
        _ => {}
    }
    let record = draw.head.append(Draft {
        stream: fact.event.stream(),
        kind: fact.event.kind().into(),
        occurred_at: fact.at.0,
        recorded_at: now.0,
        actor: json(actor),
        body: json(&fact.event),
    });
    let event = Stamped {
        seq: record.seq,
        stream: record.stream.clone(),
        at: fact.at,
        recorded: now,
        actor: actor.clone(),
        event: fact.event,
    };
    draw.world.apply(&event);
    match event.event.subject() {
        // Written anew only where it has changed: it may be long.
        Subject::Incident(number) if draw.world.comms(number).map(|c| c.version) != known => {
            draw.touched.insert((COMMS, number.0.clone()));
        }
        Subject::Run(run) if is_written_with(&event.event, event.seq, known) => {
            draw.touched.insert((RUN, run.0.clone()));
        }
        _ => {}
    }
    receipt.seq = record.seq;
    draw.batch.records.push(record);
    draw.written.push(event.clone());
    event
}

fn write_beside(draw: &mut Draw, beside: &Beside) {
    draw.batch
        .credentials
        .extend(beside.credentials.iter().cloned());
    draw.batch
        .revocations
        .extend(beside.revocations.iter().cloned());
    draw.batch
        .plan_revisions
        .extend(beside.plan_revisions.iter().cloned());
    draw.batch.secrets.extend(beside.secrets.iter().cloned());
    draw.batch
        .secrets_gone
        .extend(beside.secrets_gone.iter().cloned());
    draw.batch.told.extend(beside.told.iter().cloned());
}

fn as_expected(
    world: &World,
    request: &Request,
    incident: Option<&Number>,
    run: Option<&RunId>,
) -> Result<(), Refusal> {
    let Some(expected) = request.expected else {
        return Ok(());
    };
    let window = request.command.window();
    let found = match (
        run.and_then(|r| world.runs.get(r)),
        incident.and_then(|n| world.incidents.get(n)),
        window.and_then(|m| world.maintenances.get(m)),
    ) {
        (Some(run), ..) => run.version,
        (_, Some(incident), _) => incident.version,
        (.., Some(window)) => window.version,
        _ => return Ok(()),
    };
    if found == expected {
        Ok(())
    } else {
        Err(Refusal::conflict(format!(
            "It has changed since you read it (version {found}, you saw {expected}). Read it again."
        )))
    }
}

/// What makes two requests the same: who and what. The id that a run is given at each try is no part of it, nor is what
/// Muster saw meanwhile.
fn fingerprint(actor: &Actor, command: &Command) -> [u8; 32] {
    let mut command = command.clone();
    match &mut command {
        Command::StartRun { id: run, .. } | Command::FailBack { run, .. } => {
            *run = RunId(String::new())
        }
        Command::TriggerFailover { run, sight, .. } => {
            *run = RunId(String::new());
            *sight = None;
        }
        Command::SettleFailover { sight, .. } => *sight = None,
        _ => {}
    }
    let mut sha = Sha256::new();
    for part in [actor.id.as_str(), json(&command).as_str()] {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    sha.finalize().into()
}

fn unwritten(error: &Error) -> No {
    if let Error::Nul { .. } = error {
        return No::Refused(Refusal {
            why: Why::Invalid,
            field: None,
            says: error.to_string(),
        });
    }
    tracing::error!(%error, "The desk cannot write");
    No::Unavailable(error.to_string())
}
