//! The documents: what is told, written in each form that somebody reads.

mod api;
mod badge;
mod calendar;
mod feeds;
mod page;
mod subscribe;

pub use api::notice;
pub use subscribe::{Form as SignUp, Own, own};

use super::{
    place::{Form, OWN_PAGES, Place, months},
    told::Told,
    words::{Words, month_of},
};
use domain::plan::Language;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const AGAIN: &str = "setInterval(() => location.reload(), 60000);";
static STYLE: LazyLock<String> = LazyLock::new(|| bare(include_str!("../../../style/status.css")));
static FORMS: LazyLock<String> =
    LazyLock::new(|| bare(include_str!("../../../style/subscribe.css")));
static SCRIPT: LazyLock<String> =
    LazyLock::new(|| bare(include_str!("../../templates/status/page.js")));

pub struct Document {
    pub kind: Kind,
    pub body: Vec<u8>,
    /// Its content security policy.
    pub policy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Page,
    /// The page for what is not there.
    Nowhere,
    /// A page with a form that comes back here.
    Form,
    /// A page that other sites may show within theirs.
    Embed,
    Json,
    Atom,
    Rss,
    Feed,
    Calendar,
    Svg,
}

impl Kind {
    fn of(place: &Place) -> Kind {
        match place {
            Place::Nowhere => Kind::Nowhere,
            Place::Subscribe | Place::Own(_) => Kind::Form,
            Place::Embed => Kind::Embed,
            Place::Atom => Kind::Atom,
            Place::Rss => Kind::Rss,
            Place::Json => Kind::Feed,
            Place::Calendar => Kind::Calendar,
            Place::Badge => Kind::Svg,
            Place::Api(_) => Kind::Json,
            Place::Now
            | Place::Incident(_)
            | Place::History
            | Place::Month(_)
            | Place::Maintenance(_) => Kind::Page,
        }
    }

    pub fn is_page(self) -> bool {
        matches!(self, Kind::Page | Kind::Form | Kind::Nowhere | Kind::Embed)
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Kind::Page | Kind::Form | Kind::Nowhere | Kind::Embed => "text/html; charset=utf-8",
            Kind::Json => "application/json; charset=utf-8",
            Kind::Atom => "application/atom+xml; charset=utf-8",
            Kind::Rss => "application/rss+xml; charset=utf-8",
            Kind::Feed => "application/feed+json; charset=utf-8",
            Kind::Calendar => "text/calendar; charset=utf-8",
            Kind::Svg => "image/svg+xml; charset=utf-8",
        }
    }
}

/// What all pages wear: the style with the plan's colours, the script, and the policies that name both by their hashes.
pub struct Look {
    style: String,
    /// The style of a page with a form, beyond that.
    forms: &'static str,
    script: &'static str,
    /// The script of a page that is shown within another.
    again: &'static str,
    page: String,
    form: String,
    embed: String,
}

impl Look {
    pub fn of(told: &Told) -> Look {
        let accent = told.site.accent.as_ref().map(|(light, dark)| {
            // Six digits each: the plan's check has seen to it.
            format!(":root{{--accent:light-dark({light},{dark})}}")
        });
        let style = format!("{}{}", *STYLE, accent.unwrap_or_default());
        // They need nothing from anywhere: their own style and script are named by their hashes.
        let page = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; form-action 'none'",
            digest(&style),
            digest(&SCRIPT)
        );
        let form = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; form-action 'self'",
            digest(&format!("{style}{}", *FORMS)),
            digest(&SCRIPT)
        );
        let embed = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors *",
            digest(&style),
            digest(AGAIN)
        );
        Look {
            style,
            forms: &FORMS,
            script: &SCRIPT,
            again: AGAIN,
            page,
            form,
            embed,
        }
    }

    fn policy(&self, kind: Kind) -> String {
        match kind {
            Kind::Page | Kind::Nowhere => format!("{}; frame-ancestors 'none'", self.page),
            Kind::Form => format!("{}; frame-ancestors 'none'", self.form),
            Kind::Embed => self.embed.clone(),
            _ => "default-src 'none'; frame-ancestors 'none'".into(),
        }
    }

    /// What a page in a folder says of itself, since no header does; it cannot say who may frame it.
    fn own_policy(&self) -> &str {
        &self.page
    }
}

fn digest(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes()))
}

pub fn render(place: &Place, told: &Told, language: Language, form: Form, look: &Look) -> Document {
    let w = Words::of(language);
    let text = match place {
        Place::Api(which) => Ok(api::document(*which, told)),
        Place::Atom => feeds::atom(told, w),
        Place::Rss => feeds::rss(told, w),
        Place::Json => feeds::json(told, w),
        Place::Calendar => Ok(calendar::document(told, w)),
        Place::Badge => badge::document(told, w),
        _ => page::document(place, told, w, language, form, look),
    };
    let text = text.unwrap_or_else(|error| {
        tracing::error!(%error, "{} cannot be rendered", place.path());
        String::new()
    });
    let kind = Kind::of(place);
    Document {
        kind,
        body: text.into_bytes(),
        policy: look.policy(kind),
    }
}

/// Nothing that the document is made of differs between these two: it is as it was.
pub fn stands(place: &Place, before: &Told, now: &Told) -> bool {
    if before.site != now.site || before.age.is_some() || now.age.is_some() {
        return false;
    }
    match place {
        Place::Incident(number) => {
            let own = |told: &'_ Told| told.incidents.iter().position(|i| i.number == *number);
            match (own(before), own(now)) {
                (Some(old), Some(new)) => {
                    !now.incidents[new].is_open() && before.incidents[old] == now.incidents[new]
                }
                _ => false,
            }
        }
        Place::Month(month) => {
            // Whether an incident has a page of its own is part of it.
            let own = |told: &'_ Told| {
                let all = told.incidents.iter().cloned().enumerate();
                let of = all.filter(|(_, i)| month_of(i.declared) == *month);
                of.map(|(n, i)| (n < OWN_PAGES, i)).collect::<Vec<_>>()
            };
            let incidents = own(now);
            months(before) == months(now)
                && incidents.iter().all(|(_, i)| !i.is_open())
                && own(before) == incidents
        }
        Place::Maintenance(key) => {
            let own = |told: &'_ Told| told.windows.iter().find(|w| w.key == *key).cloned();
            own(now).is_some_and(|w| w.is_over()) && own(before) == own(now)
        }
        Place::Nowhere => true,
        _ => false,
    }
}

/// Without what is there for us: indentation, and lines that are only a comment.
fn bare(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let comment =
        |line: &&str| line.starts_with("//") || (line.starts_with("/*") && line.ends_with("*/"));
    lines
        .filter(|line| !comment(line))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Without what XML cannot hold.
fn xml(text: &str) -> String {
    let holds = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().filter(holds).collect()
}
