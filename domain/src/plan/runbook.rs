//! `runbooks/*.yaml` in the document's own form, `name, trigger, steps[{name, condition, commands, timeout, retries}]`,
//! and what it grew into.

use super::{Approval, Parameter, SecretUse, Step};
use crate::{RunId, Slug};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// In the browser a runbook is read by [`super::glimpse`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(
    not(target_arch = "wasm32"),
    derive(Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Runbook {
    /// The file's name without `.yaml`; filled in by the loader, never written in the file.
    #[serde(default)]
    pub slug: Slug,
    /// Names this content: twelve digits of its SHA-256. Filled in by the loader.
    #[serde(default)]
    pub revision: String,
    pub name: String,
    /// What calls for it, in words: "Database connection failure".
    #[serde(default)]
    pub trigger: Option<String>,
    #[serde(default)]
    pub description: String,
    /// Where it is listed: `recovery` (unless told), `scenario`, `quick-reference`, `failover`, `drill`, `backup`,
    /// `communication`.
    #[serde(default = "recovery")]
    pub group: String,
    /// What is asked before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// For every command of every step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Environment variables whose values are secrets: `{PGPASSWORD: replica-password}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretUse>,
    /// Where commands run, within the plan's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// What it acts on, in words that people would type: `db:primary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Held from its start to its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// What becomes of it while another run holds one of its locks. Without a word: `reject` where it is dangerous.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_locked: Option<OnLocked>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dangerous: bool,
    /// To be typed before it starts: usually the target's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// A second person's word before its first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// How much output each attempt keeps, in bytes; the middle of more is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_limit: Option<u64>,
    pub steps: Vec<Step>,
    /// Run when somebody stops the run, before `finally`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_cancel: Vec<Step>,
    /// Run at the end, whatever the end is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finally: Vec<Step>,
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) fn recovery() -> String {
    "recovery".into()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLocked {
    /// It does not start.
    Reject,
    /// It waits for its turn.
    Queue,
}

/// The part of a runbook that a step stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Steps,
    OnCancel,
    Finally,
}

impl Runbook {
    /// The steps of all sections, under one numbering: `steps`, then `on_cancel`, then `finally`.
    pub fn all_steps(&self) -> impl Iterator<Item = (Section, &Step)> {
        fn of(section: Section, steps: &[Step]) -> impl Iterator<Item = (Section, &Step)> {
            steps.iter().map(move |s| (section, s))
        }
        of(Section::Steps, &self.steps)
            .chain(of(Section::OnCancel, &self.on_cancel))
            .chain(of(Section::Finally, &self.finally))
    }

    pub fn step(&self, index: usize) -> Option<&Step> {
        let (a, b) = (self.steps.len(), self.on_cancel.len());
        match index {
            i if i < a => self.steps.get(i),
            i if i < a + b => self.on_cancel.get(i - a),
            i => self.finally.get(i - a - b),
        }
    }

    pub fn section(&self, index: usize) -> Section {
        let (a, b) = (self.steps.len(), self.on_cancel.len());
        match index {
            i if i < a => Section::Steps,
            i if i < a + b => Section::OnCancel,
            _ => Section::Finally,
        }
    }

    /// What a locked target means for it.
    pub fn when_locked(&self) -> OnLocked {
        self.on_locked.unwrap_or(if self.is_dangerous() {
            OnLocked::Reject
        } else {
            OnLocked::Queue
        })
    }

    pub fn is_dangerous(&self) -> bool {
        self.dangerous || self.confirm.is_some()
    }

    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|p| p.name == name)
    }

    /// Every lock it may come to hold.
    pub fn all_locks(&self) -> impl Iterator<Item = &str> {
        let steps = self.all_steps().flat_map(|(_, s)| s.locks.iter());
        self.locks.iter().chain(steps).map(String::as_str)
    }
}

/// The run of a runbook that is a step of another one.
pub fn child_run(parent: &RunId, step: u32, attempt: u32) -> RunId {
    RunId(format!("{parent}-{step}-{attempt}"))
}
