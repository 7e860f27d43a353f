//! Does what is due because nothing happened: asks the next level where nobody acknowledged, reminds of updates. The rules
//! say what is due and when; here it is timed, by a clock that nobody sets.

use crate::{Desk, No, Request};
use domain::{
    Actor, Command, Incident, PlanHash, Source, Span, Stamp, World,
    notify::{Timer, timers},
    plan::Plan,
};
use std::{collections::HashMap, sync::Arc};

/// A refused or unwritten command is tried again after this.
const AGAIN: Span = Span::secs(1);
/// Nothing is waited for longer: other nodes may have seen to it.
const LONGEST: Span = Span::secs(60);

pub async fn serve(desk: Desk) {
    let mut work = Work {
        plans: HashMap::new(),
        seen: HashMap::new(),
        desk,
    };
    let mut changes = work.desk.watch();
    loop {
        let world = changes.borrow_and_update().clone();
        let next = work.look(&world).await;
        let clock = work.desk.clock().clone();
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = clock.reach(next) => {}
        }
    }
}

struct Work {
    desk: Desk,
    /// Those that open incidents were declared under.
    plans: HashMap<PlanHash, Arc<Plan>>,
    /// What is due, and when by the steady clock: from when this node first saw it.
    seen: HashMap<String, Stamp>,
}

impl Work {
    /// Does what is due. Answers when to look again.
    async fn look(&mut self, world: &World) -> Stamp {
        let clock = self.desk.clock().clone();
        let (now, here) = (clock.now(), clock.steady());
        let mut all = Vec::new();
        for incident in world.incidents.values().filter(|i| i.is_open()) {
            if let Some(plan) = self.plan(incident).await {
                all.extend(timers(world, &plan, incident));
            }
        }
        self.forget_plans(world);
        let keyed: HashMap<String, Timer> = all.into_iter().map(|t| (key(&t.command), t)).collect();
        self.seen.retain(|key, _| keyed.contains_key(key));
        let mut next = here.plus(LONGEST);
        for (key, timer) in keyed {
            let due = *self.seen.entry(key.clone()).or_insert_with(|| {
                let whole = timer.at.since(timer.since);
                here.plus(timer.at.since(now).min(whole))
            });
            if due > here {
                next = next.min(due);
            } else if !self.carry_out(timer.command).await {
                let again = here.plus(AGAIN);
                self.seen.insert(key, again);
                next = next.min(again);
            }
        }
        next
    }

    async fn carry_out(&self, command: Command) -> bool {
        let actor = Actor::system("escalation", Source::Schedule);
        match self.desk.execute(Request::new(&actor, command)).await {
            Ok(_) => true,
            Err(No::Unavailable(_)) => false,
            Err(No::Refused(refusal)) => {
                tracing::error!(%refusal, "A timer was refused: {refusal}");
                false
            }
        }
    }

    async fn plan(&mut self, incident: &Incident) -> Option<Arc<Plan>> {
        if let Some(known) = self.plans.get(&incident.plan) {
            return Some(known.clone());
        }
        let in_force = self.desk.plan();
        let plan = if in_force.hash.as_ref() == Some(&incident.plan) {
            in_force.plan
        } else {
            let found = self.desk.store().plan_revision(incident.plan.as_str()).await;
            // One that is not there any more is as for every other command: the one in force.
            match found.ok()? {
                Some(json) => serde_json::from_str(&json).ok().map_or(in_force.plan, Arc::new),
                None => in_force.plan,
            }
        };
        self.plans.insert(incident.plan.clone(), plan.clone());
        Some(plan)
    }

    fn forget_plans(&mut self, world: &World) {
        let open = |hash: &PlanHash| world.incidents.values().any(|i| i.is_open() && i.plan == *hash);
        self.plans.retain(|hash, _| open(hash));
    }
}

/// A command is one thing that is due; the same one again is the same.
fn key(command: &Command) -> String {
    serde_json::to_string(command).unwrap_or_default()
}
