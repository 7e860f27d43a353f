//! What goes wrong, and when: one plan for each sink, drawn once for each delivery.

use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::kept::Sink;
use crate::failure::{Failure, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    Refuse,
    Hang,
    Drop,
    #[serde(rename = "error_500")]
    Error500,
    RateLimit,
    Reject,
    Slow,
    ResetAfterAccept,
    RepeatCallbacks,
    DropCallbacks,
}

impl Fault {
    /// As it is written everywhere.
    pub fn name(self) -> String {
        json!(self).as_str().unwrap_or_default().to_owned()
    }
}

/// What a plan can be asked to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Kind {
    Fault(Fault),
    Other(Other),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Other {
    /// No fault at all.
    None,
    Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    One(Sink),
    All,
}

/// As it comes from outside: a test, or a person's shell.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub sink: Where,
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<Fault>>,
}

impl Order {
    pub fn sentence(&self) -> String {
        let (sink, kind) = (json!(self.sink), json!(self.kind));
        let (sink, kind) = (
            sink.as_str().unwrap_or_default(),
            kind.as_str().unwrap_or_default(),
        );
        match (self.kind, self.times) {
            (Kind::Other(Other::None), _) => format!("{sink}: no fault"),
            (_, Some(times)) => format!("{sink}: {kind}, {times} times"),
            (_, None) => format!("{sink}: {kind}, until it is taken away"),
        }
    }
}

/// Without `hang`: a sender waits for it as long as it is told to wait, and a whole mixture would take hours.
const MIXTURE: [Fault; 6] = [
    Fault::Refuse,
    Fault::Drop,
    Fault::Error500,
    Fault::RateLimit,
    Fault::Slow,
    Fault::ResetAfterAccept,
];

/// What happens to one delivery.
#[derive(Debug, Clone, Copy)]
pub struct Drawn {
    pub fault: Fault,
    pub delay: Duration,
    pub retry_after: u64,
}

struct Plan {
    order: Order,
    rate: f64,
    kinds: Vec<Fault>,
    chance: StdRng,
    left: Option<u64>,
    applied: u64,
}

impl Plan {
    fn new(order: &Order, kind: Kind) -> Result<Self> {
        let (kinds, rate) = match kind {
            Kind::Fault(fault) => (vec![fault], 1.0),
            Kind::Other(_) => (order.kinds.clone().unwrap_or(MIXTURE.into()), 0.3),
        };
        let rate = order.rate.unwrap_or(rate);
        if !(0.0..=1.0).contains(&rate) || kinds.is_empty() {
            return Err(Failure::wrong_use(
                "a rate is a number from 0 to 1, and a mixture has at least one kind",
            ));
        }
        Ok(Self {
            rate,
            kinds,
            chance: StdRng::seed_from_u64(order.seed.unwrap_or(1)),
            left: order.times,
            applied: 0,
            order: order.clone(),
        })
    }

    /// A fault, if it is this delivery's turn and the fault is one that can be done here.
    fn draw(&mut self, possible: impl Fn(Fault) -> bool) -> Option<Drawn> {
        if self.left == Some(0) || !self.kinds.iter().all(|kind| possible(*kind)) {
            return None;
        }
        if !self.chance.random_bool(self.rate) {
            return None;
        }
        let fault = self.kinds[self.chance.random_range(0..self.kinds.len())];
        self.applied += 1;
        self.left = self.left.map(|left| left - 1);
        Some(Drawn {
            fault,
            delay: Duration::from_millis(self.order.ms.unwrap_or(2000)),
            retry_after: self.order.retry_after.unwrap_or(1),
        })
    }

    fn told(&self) -> Value {
        let mut told = json!(self.order);
        told["applied"] = json!(self.applied);
        told["left"] = json!(self.left);
        told
    }
}

#[derive(Default)]
pub struct Faults {
    plans: Mutex<[Option<Plan>; Sink::ALL.len()]>,
}

impl Faults {
    fn plans(&self) -> MutexGuard<'_, [Option<Plan>; Sink::ALL.len()]> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set(&self, order: &Order) -> Result<()> {
        let sinks = match order.sink {
            Where::One(sink) => vec![sink],
            Where::All => Sink::ALL.into(),
        };
        for sink in sinks {
            let order = Order {
                sink: Where::One(sink),
                ..order.clone()
            };
            let plan = match order.kind {
                Kind::Other(Other::None) => None,
                kind => Some(Plan::new(&order, kind)?),
            };
            self.plans()[sink as usize] = plan;
        }
        Ok(())
    }

    pub fn clear(&self, sink: Where) {
        for one in Sink::ALL {
            if sink == Where::All || sink == Where::One(one) {
                self.plans()[one as usize] = None;
            }
        }
    }

    pub fn draw(&self, sink: Sink) -> Option<Drawn> {
        self.draw_if(sink, |_| true)
    }

    /// Draws only when every fault of the plan is `possible` at this moment; else it waits for a later one.
    pub fn draw_if(&self, sink: Sink, possible: impl Fn(Fault) -> bool) -> Option<Drawn> {
        self.plans()[sink as usize].as_mut()?.draw(possible)
    }

    /// For the page: those that are on.
    pub fn sentences(&self) -> Vec<String> {
        let plans = self.plans();
        let on = plans.iter().flatten().filter(|plan| plan.left != Some(0));
        let sentence = |plan: &Plan| format!("{} (hit {})", plan.order.sentence(), plan.applied);
        on.map(sentence).collect()
    }

    pub fn told(&self) -> Value {
        let plans = self.plans();
        let told = Sink::ALL.iter().map(|sink| {
            let plan = plans[*sink as usize].as_ref().map(Plan::told);
            (sink.name().to_owned(), json!(plan))
        });
        Value::Object(told.collect())
    }
}

/// The same words on the command line, in a query and in JSON.
fn word<T: for<'de> Deserialize<'de>>(text: &str) -> std::result::Result<T, String> {
    serde_json::from_value(json!(text)).map_err(|error| error.to_string())
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        word(text).map_err(|_| {
            "not a kind of fault; there are refuse, hang, drop, error_500, rate_limit, reject, slow, \
             reset_after_accept, repeat_callbacks, drop_callbacks, random and none"
                .into()
        })
    }
}

impl FromStr for Where {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            _ => word(text).map(Self::One).map_err(|_| {
                let names = Sink::ALL.map(Sink::name).join(", ");
                format!("not a sink; there are {names}, and all")
            }),
        }
    }
}

impl Serialize for Where {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.serialize_str(match self {
            Self::One(sink) => sink.name(),
            Self::All => "all",
        })
    }
}

impl<'de> Deserialize<'de> for Where {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: Value) -> Order {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let draw = || {
            let faults = Faults::default();
            let random = json!({"sink": "slack", "kind": "random", "rate": 0.3, "seed": 7});
            faults.set(&order(random)).unwrap();
            (0..1000)
                .map(|_| faults.draw(Sink::Slack).map(|drawn| drawn.fault))
                .collect::<Vec<_>>()
        };
        let first = draw();
        assert_eq!(first, draw());
        let hits = first.iter().flatten().count();
        assert!((200..400).contains(&hits), "{hits} of 1000 at 30 %");
        for kind in MIXTURE {
            assert!(first.contains(&Some(kind)), "{kind:?} was never drawn");
        }
    }

    #[test]
    fn a_fault_hits_as_often_as_it_was_told_and_one_sink_only() {
        let faults = Faults::default();
        faults
            .set(&order(
                json!({"sink": "phone", "kind": "error_500", "times": 2}),
            ))
            .unwrap();
        assert!(faults.draw(Sink::Sms).is_none());
        let hits = (0..5).filter(|_| faults.draw(Sink::Phone).is_some());
        assert_eq!(hits.count(), 2);
        let told = faults.told();
        assert_eq!(
            (&told["phone"]["applied"], &told["phone"]["left"]),
            (&json!(2), &json!(0))
        );
    }
}
