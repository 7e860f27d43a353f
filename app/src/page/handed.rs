//! What of a [`Page`](super::Page) goes to the browser. The still pages are rendered by the server alone, so the browser
//! has no use for most of the plan; probes' addresses and commands need not travel, and their decoders neither.

use super::{Output, View};
use crate::facts;
use domain::{
    Number, RunId, ServiceId, Slug, Span,
    plan::{
        Check, Communication, Objectives, Plan, Probe, Runbook, Service, SeverityPolicy, Step,
        TcpProbe,
    },
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// For `#[serde(with = …)]`.
pub mod plan {
    use super::*;

    pub fn serialize<S: Serializer>(plan: &Plan, s: S) -> Result<S::Ok, S::Error> {
        let service = |s| HandedService::from(s);
        let runbook = |r| HandedRunbook::from(r);
        // Who is asked next and when the people at work are told is the server's business.
        let severity = |s: &SeverityPolicy| SeverityPolicy {
            acknowledge_within: None,
            internal_every: None,
            ..s.clone()
        };
        Handed {
            objectives: Cow::Borrowed(&plan.objectives),
            severities: plan.communication.severities.iter().map(severity).collect(),
            services: plan.services.iter().map(service).collect(),
            runbooks: plan.runbooks.iter().map(runbook).collect(),
        }
        .serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Plan, D::Error> {
        let handed = Handed::deserialize(d)?;
        Ok(Plan {
            objectives: handed.objectives.into_owned(),
            communication: Communication {
                severities: handed.severities.into_owned(),
                ..Communication::default()
            },
            services: handed.services.into_iter().map(Service::from).collect(),
            runbooks: handed.runbooks.into_iter().map(Runbook::from).collect(),
            ..Plan::default()
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Handed<'a> {
    objectives: Cow<'a, Objectives>,
    severities: Cow<'a, [SeverityPolicy]>,
    services: Vec<HandedService>,
    runbooks: Vec<HandedRunbook>,
}

#[derive(Serialize, Deserialize)]
struct HandedService {
    id: ServiceId,
    name: String,
    tier: String,
    description: String,
    depends_on: Vec<ServiceId>,
    runbooks: Vec<Slug>,
    /// It has a check; of what kind is the server's business.
    checked: bool,
}

impl From<&Service> for HandedService {
    fn from(s: &Service) -> Self {
        HandedService {
            id: s.id.clone(),
            name: s.name.clone(),
            tier: s.tier.clone(),
            description: s.description.clone(),
            depends_on: s.depends_on.clone(),
            runbooks: s.runbooks.clone(),
            checked: s.check.is_some(),
        }
    }
}

impl From<HandedService> for Service {
    fn from(s: HandedService) -> Self {
        let check = Check {
            probe: Probe::Tcp(TcpProbe {
                address: String::new(),
            }),
            interval: Span::secs(0),
            timeout: Span::secs(0),
            fall: 1,
            rise: 1,
            slow_after: None,
            internal: false,
        };
        Service {
            id: s.id,
            name: s.name,
            tier: s.tier,
            description: s.description,
            depends_on: s.depends_on,
            public: None,
            runbooks: s.runbooks,
            check: s.checked.then_some(check),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct HandedRunbook {
    slug: Slug,
    name: String,
    trigger: Option<String>,
    group: String,
    /// The names of its steps.
    steps: Vec<String>,
    /// It asks something before it starts.
    asks: bool,
}

impl From<&Runbook> for HandedRunbook {
    fn from(r: &Runbook) -> Self {
        let steps = r.steps.iter().map(|s| s.name.clone()).collect();
        HandedRunbook {
            slug: r.slug.clone(),
            name: r.name.clone(),
            trigger: r.trigger.clone(),
            group: r.group.clone(),
            steps,
            asks: facts::asks(r),
        }
    }
}

impl From<HandedRunbook> for Runbook {
    fn from(r: HandedRunbook) -> Self {
        let step = |name| Step {
            name,
            ..Step::default()
        };
        Runbook {
            slug: r.slug,
            name: r.name,
            trigger: r.trigger,
            group: r.group,
            steps: r.steps.into_iter().map(step).collect(),
            // What it asks is on its own page; here it counts that it does.
            confirm: r.asks.then(String::new),
            ..Runbook::default()
        }
    }
}

/// A [`View`] with every field that any of them has: read without first buffering it, as a tagged enum would be.
#[derive(Deserialize)]
pub struct Flat {
    page: String,
    #[serde(default)]
    more: Option<String>,
    #[serde(default)]
    number: Option<Number>,
    #[serde(default)]
    id: Option<RunId>,
    #[serde(default)]
    output: Option<Output>,
}

/// The still pages are all the same to the browser: there is nothing of theirs to draw again.
impl From<Flat> for View {
    fn from(flat: Flat) -> View {
        match (flat.page.as_str(), flat.number, flat.id) {
            ("board", ..) => View::Board,
            ("incidents", ..) => View::Incidents { more: flat.more },
            ("incident", Some(number), _) => View::Incident { number },
            ("run", _, Some(id)) => View::Run {
                id,
                output: flat.output.unwrap_or_default(),
            },
            _ => View::NotFound {
                says: String::new(),
            },
        }
    }
}
