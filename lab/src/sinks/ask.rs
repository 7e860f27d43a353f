//! The outside world from a shell.

use serde_json::{Value, json};

use super::faults::{Fault, Kind, Order, Where};
use crate::client::Control;
use crate::failure::{Doing, Result};

#[derive(clap::Subcommand)]
pub enum Ask {
    /// Let something go wrong outside: `fault slack refuse 3`, `fault smtp random --rate 0.3`, `fault all none`
    Fault {
        /// smtp, slack, phone, sms, hook, teams, pagerduty, or all
        sink: Where,
        /// refuse, hang, drop, error_500, rate_limit, reject, slow, reset_after_accept, repeat_callbacks, drop_callbacks,
        /// random, or none
        kind: Kind,
        /// How many deliveries it hits [default: all, until it is taken away]
        times: Option<u64>,
        /// With which probability it hits one [default: 1; for random 0.3]
        #[arg(long)]
        rate: Option<f64>,
        /// The same seed gives the same faults
        #[arg(long)]
        seed: Option<u64>,
        /// How late a slow answer comes
        #[arg(long)]
        ms: Option<u64>,
        /// The Retry-After of rate_limit, in seconds
        #[arg(long)]
        retry_after: Option<u64>,
        /// What random is made of
        #[arg(long, value_delimiter = ',', value_parser = fault)]
        kinds: Option<Vec<Fault>>,
        /// Where the sinks are [default: those of the lab]
        #[arg(long, env = "MUSTER_LAB_SINKS_URL")]
        url: Option<String>,
    },
}

fn fault(text: &str) -> std::result::Result<Fault, String> {
    match text.parse()? {
        Kind::Fault(fault) => Ok(fault),
        Kind::Other(_) => Err(format!("{text} is nothing that a mixture can be made of")),
    }
}

/// `lab` is where the lab's own are.
pub async fn ask(ask: Ask, lab: String) -> Result<Value> {
    let Ask::Fault {
        sink,
        kind,
        times,
        rate,
        seed,
        ms,
        retry_after,
        kinds,
        url,
    } = ask;
    let order = Order {
        sink,
        kind,
        times,
        rate,
        seed,
        ms,
        retry_after,
        kinds,
    };
    let order = serde_json::to_value(order).doing(|| "encode the fault".into())?;
    Control::new(&url.unwrap_or(lab))?
        .post_json("/control/faults", &json!(order))
        .await
}
