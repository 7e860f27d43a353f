//! `status.yaml`: the face of the public status page. A plan without it has a page all the same.

use crate::Number;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Whose status it is; the plan's organization unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the public reaches the page: `https://status.example.org`. Feeds and the API name addresses in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// An SVG picture as text. It becomes part of every page, so it is small and holds shapes only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accent: Option<Accent>,
    /// In which languages the fixed words are there, the one for everybody else first; all unless told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Language>,
    /// By what the public may subscribe to it; by everything unless told, and by nothing where the list is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscribe: Option<Vec<Way>>,
    /// What subscribers name may be on this machine or network: for a laboratory only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub subscribe_internal: bool,
    /// Where the postmortem of an incident can be read, once it was published.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub postmortems: BTreeMap<Number, String>,
}

impl Status {
    pub(super) fn is_unsaid(&self) -> bool {
        *self == Status::default()
    }

    pub fn languages(&self) -> &[Language] {
        if self.languages.is_empty() {
            &Language::ALL
        } else {
            &self.languages
        }
    }
}

/// How a subscriber is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Email,
    Webhook,
    Slack,
}

impl Way {
    pub const ALL: [Way; 3] = [Way::Email, Way::Webhook, Way::Slack];

    pub fn id(self) -> &'static str {
        match self {
            Way::Email => "email",
            Way::Webhook => "webhook",
            Way::Slack => "slack",
        }
    }
}

/// The colour of links and of the focus, on light and on dark ground: `#1257c9`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accent {
    pub light: String,
    pub dark: String,
}

impl Accent {
    /// The ground that links stand on, light and dark.
    pub const ON: [&str; 2] = ["#f6f7f8", "#15191e"];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    En,
    De,
    Fr,
    Es,
}

impl Language {
    pub const ALL: [Language; 4] = [Language::En, Language::De, Language::Fr, Language::Es];

    /// As HTML and HTTP name it.
    pub fn id(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::De => "de",
            Language::Fr => "fr",
            Language::Es => "es",
        }
    }
}
