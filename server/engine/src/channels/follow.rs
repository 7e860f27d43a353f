//! The channels of the plan in force, whichever that is.

use super::Channels;
use crate::Desk;
use tokio::sync::watch;

impl Channels {
    /// Made anew whenever the plan changes. What is not connected is said then, once.
    pub fn follow(
        desk: &Desk,
        env: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> Result<watch::Receiver<Channels>, reqwest::Error> {
        let mut plans = desk.watch_plan();
        let plan = plans.borrow_and_update().plan.clone();
        let first = Channels::new(&plan, &env)?;
        first.tell();
        let (now, reader) = watch::channel(first);
        tokio::spawn(async move {
            let mut before = plan.channels.clone();
            while plans.changed().await.is_ok() {
                let plan = plans.borrow_and_update().plan.clone();
                match Channels::new(&plan, &env) {
                    Ok(channels) => {
                        if plan.channels != before {
                            channels.tell();
                            before = plan.channels.clone();
                        }
                        now.send_replace(channels);
                    }
                    Err(error) => {
                        tracing::error!(%error, "The channels of the changed plan cannot be used; those before stay");
                    }
                }
            }
        });
        Ok(reader)
    }

    fn tell(&self) {
        for connection in self.connections() {
            if let Some(trouble) = &connection.trouble {
                tracing::warn!("{} is not connected: {trouble}", connection.label());
            }
        }
    }
}
