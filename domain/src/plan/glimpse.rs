//! What the browser reads of a runbook: what its pages show. The rest stays on the server, and so do its decoders, which
//! would be a tenth of the download.

use super::{Call, CommandLine, Condition, Runbook, Step, When};
use crate::{Slug, Span};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, Visitor},
};
use std::fmt;

#[derive(Deserialize)]
struct RunbookGlimpse {
    slug: Slug,
    name: String,
    #[serde(default)]
    trigger: Option<String>,
    #[serde(default)]
    steps: Vec<StepGlimpse>,
    #[serde(default)]
    on_cancel: Vec<StepGlimpse>,
    #[serde(default)]
    finally: Vec<StepGlimpse>,
}

#[derive(Deserialize)]
struct StepGlimpse {
    name: String,
    #[serde(default)]
    condition: Option<NameOnly>,
    #[serde(default)]
    retries: u32,
    #[serde(default)]
    timeout: Option<Span>,
    /// It has a forced variant.
    #[serde(default)]
    forced: There,
    /// It is a run of another runbook.
    #[serde(default)]
    runbook: There,
}

/// Only whether something is there.
#[derive(Default)]
struct There(bool);

impl<'de> Deserialize<'de> for There {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(d).map(|_| There(true))
    }
}

/// Of a condition that the step writes out itself only that it is one.
struct NameOnly(When);

impl<'de> Deserialize<'de> for NameOnly {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = NameOnly;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<NameOnly, E> {
                Ok(NameOnly(When::Named(name.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NameOnly, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(NameOnly(When::Written(Condition::All(Vec::new()))))
            }
        }
        d.deserialize_any(Either)
    }
}

impl From<RunbookGlimpse> for Runbook {
    fn from(seen: RunbookGlimpse) -> Self {
        #[inline(never)]
        fn steps(seen: Vec<StepGlimpse>) -> Vec<Step> {
            seen.into_iter().map(Step::from).collect()
        }
        Runbook {
            slug: seen.slug,
            name: seen.name,
            trigger: seen.trigger,
            steps: steps(seen.steps),
            on_cancel: steps(seen.on_cancel),
            finally: steps(seen.finally),
            ..Runbook::default()
        }
    }
}

impl From<StepGlimpse> for Step {
    fn from(seen: StepGlimpse) -> Self {
        Step {
            name: seen.name,
            condition: seen.condition.map(|NameOnly(when)| when),
            retries: seen.retries,
            timeout: seen.timeout,
            forced: Vec::from_iter(seen.forced.0.then(|| CommandLine::Line(String::new()))),
            runbook: seen.runbook.0.then(Call::default),
            ..Step::default()
        }
    }
}

/// As the browser reads it; here also for the test of that.
pub fn glimpse<'de, D: Deserializer<'de>>(d: D) -> Result<Runbook, D::Error> {
    RunbookGlimpse::deserialize(d).map(Runbook::from)
}

#[cfg(target_arch = "wasm32")]
impl<'de> Deserialize<'de> for Runbook {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        glimpse(d)
    }
}
