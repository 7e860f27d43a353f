//! Begins and ends maintenance windows at their time. What is due is decided at the Desk, once, however many nodes look.

use crate::{Desk, No, Request};
use domain::{Actor, Command, Source};
use std::time::Duration;

/// Windows are told in minutes; this is how late a window may begin.
const LOOK: Duration = Duration::from_secs(1);

/// Works until it is dropped.
pub async fn serve(desk: Desk) {
    loop {
        advance(&desk).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// Tells the Desk of every window that its time moves.
pub async fn advance(desk: &Desk) {
    let (world, plan, now) = (desk.world(), desk.plan().plan, desk.clock().now());
    let due = world
        .open_maintenances()
        .into_iter()
        .filter(|window| window.due(&world, &plan, now).is_some());
    for window in due {
        let maintenance = window.id.clone();
        let command = Command::AdvanceMaintenance { maintenance };
        let actor = Actor::system("maintenance", Source::Schedule);
        match desk.execute(Request::new(&actor, command)).await {
            // It is due again at the next look, if nobody else was first.
            Ok(_) | Err(No::Unavailable(_)) => {}
            Err(No::Refused(refusal)) => {
                tracing::error!(maintenance.id = %window.id, %refusal, "{} cannot go on: {refusal}", window.id);
            }
        }
    }
}
