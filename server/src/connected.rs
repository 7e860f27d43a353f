//! The channels of the plan in force, for everybody who sends by them or tells whether they are connected.

use domain::plan::Plan;
use engine::{Desk, channels::Channels};
use tokio::sync::watch;

/// Connects them, and anew where another plan comes into force.
pub fn start(desk: &Desk) -> Result<watch::Receiver<Channels>, String> {
    let mut plans = desk.watch_plan();
    let (now, channels) = watch::channel(connect(&plans.borrow_and_update().plan)?);
    tokio::spawn(async move {
        while plans.changed().await.is_ok() {
            let plan = plans.borrow_and_update().plan.clone();
            match connect(&plan) {
                Ok(channels) => drop(now.send(channels)),
                Err(why) => tracing::error!(why, "The channels of the new plan are not connected"),
            }
        }
    });
    Ok(channels)
}

fn connect(plan: &Plan) -> Result<Channels, String> {
    let env = |name: &str| std::env::var(name).ok();
    Channels::new(plan, &env).map_err(|e| format!("cannot connect the plan's channels: {e}"))
}
