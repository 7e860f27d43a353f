//! The pages for people.

mod strip;

use super::{Look, Words, subscribe};
use crate::status::{
    place::{Api, Form, Month, OWN_PAGES, Place, months},
    told::{Affected, Incident, Told, Update, Window},
    words::{Subscribing, month_of},
};
use askama::Template;
use domain::{
    Health, Phase, Severity, Span, Stage,
    plan::Language,
    words::{Icon, health_icon},
};
use std::borrow::Borrow;
use strip::{coded, runs, summary, troubles};

/// Past incidents of so many days stand on the first page.
const RECENT_DAYS: i64 = 30;
/// … and at most so many.
const MOST_RECENT: usize = 5;
/// Maintenance that begins within this time is announced on the first page.
const SOON: Span = Span::secs(7 * 86_400);

/// What every page has at hand.
pub(super) struct Ground<'a> {
    pub w: &'static Words,
    pub told: &'a Told,
    pub place: &'a Place,
    pub language: Language,
    pub form: Form,
    pub look: &'a Look,
}

impl Ground<'_> {
    pub fn to(&self, place: impl Borrow<Place>) -> String {
        self.in_language(place, self.language)
    }

    pub fn in_language(&self, place: impl Borrow<Place>, into: impl Borrow<Language>) -> String {
        let ours = &self.told.site.languages;
        let (place, into) = (place.borrow(), *into.borrow());
        self.place.link(self.form, self.language, place, into, ours)
    }

    /// This page in another language.
    pub fn here(&self, into: impl Borrow<Language>) -> String {
        self.in_language(self.place, into)
    }

    /// Where its updates stand.
    fn page_of(&self, incident: &Incident) -> String {
        if self.has_page(incident) {
            self.to(Place::Incident(incident.number.clone()))
        } else {
            self.to(Place::Month(month_of(incident.declared)))
        }
    }

    /// Whether it has a page of its own, and is not only read in its month.
    fn has_page(&self, incident: &Incident) -> bool {
        let own = self.told.incidents.iter().take(OWN_PAGES);
        own.into_iter().any(|i| i.number == incident.number)
    }

    pub fn name(&self) -> String {
        self.w.fill(self.w.title, &self.told.site.name)
    }

    pub fn about(&self) -> String {
        self.w.fill(self.w.about, &self.told.site.name)
    }

    pub fn s(&self) -> &'static Subscribing {
        Subscribing::of(self.language)
    }

    /// Whether there is a form to lead to.
    pub fn subscribes(&self) -> bool {
        self.form == Form::Served && !self.has_form() && !self.told.site.subscribe.is_empty()
    }

    pub fn has_form(&self) -> bool {
        matches!(self.place, Place::Subscribe | Place::Own(_))
    }

    /// What a page in a folder says in its head.
    pub fn policy(&self) -> Option<&str> {
        (self.form == Form::Folder).then(|| self.look.own_policy())
    }

    /// The first page's heading is whose it is; the others have one of their own.
    pub fn site_level(&self) -> &'static str {
        if self.is_now() { "h1" } else { "p" }
    }

    pub fn is_now(&self) -> bool {
        *self.place == Place::Now
    }

    /// Words with a time in them, cut where it stands.
    fn around(&self, sentence: &'static str) -> (&'static str, &'static str) {
        sentence.split_once("{}").unwrap_or((sentence, ""))
    }

    /// What is not as it should be with all this.
    fn caution(&self) -> Option<String> {
        if let Some(age) = self.told.age {
            return Some(self.w.fill(self.w.last_known, &self.w.length(age)));
        }
        let since = self.told.cut_off?;
        let age = self.w.length(self.told.as_of.since(since));
        Some(self.w.fill(self.w.cut_off, &age))
    }

    pub fn health_words(&self) -> String {
        self.w.health.join("|")
    }

    /// Today, as days since 1970.
    pub fn today(&self) -> i64 {
        self.told.as_of.0.div_euclid(86_400_000_000)
    }
}

/// The one sentence at the top, with its shape: the worst there is, or the truth that nothing is known.
pub fn headline(told: &Told, w: &Words) -> (String, Icon) {
    let mut open: Vec<_> = told.open().collect();
    open.sort_by_key(|i| (i.severity, std::cmp::Reverse(i.declared)));
    let worst = told.worst();
    let maintained = told.components().any(|c| c.health == Health::Maintenance);
    let (says, icon) = match (open.first(), worst) {
        (Some(incident), worst)
            if incident.phase == Phase::Monitoring && worst != Health::MajorOutage =>
        {
            (w.fill(w.recovering, &incident.title), Icon::Warn)
        }
        (Some(incident), worst)
            if worst == Health::MajorOutage || incident.severity == Severity::Sev1 =>
        {
            (incident.title.clone(), Icon::Bad)
        }
        (Some(incident), _) => (incident.title.clone(), Icon::Warn),
        (None, Health::MajorOutage) => (w.major.into(), Icon::Bad),
        (None, Health::PartialOutage) => (w.partial.into(), Icon::Warn),
        (None, Health::Degraded) => (w.degraded.into(), Icon::Warn),
        (None, Health::NoData) => (w.no_data_yet.into(), Icon::None),
        (None, _) if maintained => (w.maintained.into(), Icon::Run),
        // Some services have no data; what is watched works.
        (None, _) => (w.all_well.into(), Icon::Ok),
    };
    // What was well once is not said to be well now.
    match (told.age, icon) {
        (Some(_), Icon::Ok | Icon::Run) => (says, Icon::None),
        _ => (says, icon),
    }
}

#[derive(Template)]
#[template(path = "status/now.html")]
struct Now<'a> {
    g: Ground<'a>,
    headline: String,
    icon: Icon,
    open: Vec<&'a Incident>,
    windows: Vec<&'a Window>,
    recent: Vec<&'a Incident>,
    days: i64,
}

#[derive(Template)]
#[template(path = "status/incident.html")]
struct One<'a> {
    g: Ground<'a>,
    incident: &'a Incident,
}

#[derive(Template)]
#[template(path = "status/month.html")]
struct InMonth<'a> {
    g: Ground<'a>,
    month: Month,
    incidents: Vec<&'a Incident>,
    earlier: Option<Month>,
    later: Option<Month>,
}

#[derive(Template)]
#[template(path = "status/maintenance.html")]
struct Maintained<'a> {
    g: Ground<'a>,
    window: &'a Window,
}

#[derive(Template)]
#[template(path = "status/nowhere.html")]
struct Nowhere<'a> {
    g: Ground<'a>,
}

#[derive(Template)]
#[template(path = "status/embed.html")]
struct Embed<'a> {
    g: Ground<'a>,
    headline: String,
    icon: Icon,
}

pub fn document(
    place: &Place,
    told: &Told,
    w: &'static Words,
    language: Language,
    form: Form,
    look: &Look,
) -> askama::Result<String> {
    let g = Ground {
        w,
        told,
        place,
        language,
        form,
        look,
    };
    match place {
        Place::Incident(number) => match told.incidents.iter().find(|i| i.number == *number) {
            Some(incident) => One { g, incident }.render(),
            None => Nowhere { g }.render(),
        },
        Place::Maintenance(key) => match told.windows.iter().find(|w| w.key == *key) {
            Some(window) => Maintained { g, window }.render(),
            None => Nowhere { g }.render(),
        },
        Place::History => {
            let last = months(told).into_iter().next_back();
            in_month(g, last.unwrap_or(month_of(told.as_of))).render()
        }
        Place::Month(month) => in_month(g, *month).render(),
        Place::Embed => {
            let (headline, icon) = headline(told, w);
            Embed { g, headline, icon }.render()
        }
        Place::Now => now(g).render(),
        Place::Subscribe => subscribe::form(g),
        _ => Nowhere { g }.render(),
    }
}

fn now(g: Ground<'_>) -> Now<'_> {
    let told = g.told;
    let (headline, icon) = headline(told, g.w);
    let mut open: Vec<_> = told.open().collect();
    open.sort_by_key(|i| (i.severity, std::cmp::Reverse(i.declared)));
    let since = told.as_of.0 - RECENT_DAYS * 86_400_000_000;
    let mut recent: Vec<_> = told
        .incidents
        .iter()
        .filter(|i| i.resolved.is_some_and(|at| at.0 >= since))
        .collect();
    recent.sort_by_key(|i| std::cmp::Reverse(i.resolved));
    recent.truncate(MOST_RECENT);
    let soon = told.as_of.plus(SOON);
    Now {
        headline,
        icon,
        open,
        windows: told
            .windows
            .iter()
            .filter(|w| !w.is_over() && w.begins <= soon)
            .collect(),
        recent,
        days: RECENT_DAYS,
        g,
    }
}

fn in_month(g: Ground<'_>, month: Month) -> InMonth<'_> {
    let all = months(g.told);
    InMonth {
        month,
        incidents: g
            .told
            .incidents
            .iter()
            .filter(|i| month_of(i.declared) == month)
            .collect(),
        earlier: all.range(..month).next_back().copied(),
        later: all.range(month..).find(|m| **m != month).copied(),
        g,
    }
}

/// Names, with commas between them.
fn names(affected: &[Affected]) -> String {
    let names: Vec<_> = affected.iter().map(|a| a.name.as_str()).collect();
    names.join(", ")
}

fn stage_icon(stage: &Stage) -> Icon {
    match stage {
        Stage::Scheduled => Icon::Say,
        Stage::InProgress | Stage::Verifying => Icon::Run,
        Stage::Completed => Icon::Ok,
        Stage::Cancelled => Icon::Skip,
    }
}

/// What was said of an incident, the last first; that it was declared, where nothing else was.
fn said(incident: &Incident) -> impl Iterator<Item = (usize, &Update)> {
    let alone = incident.updates.len() == 1;
    newest(&incident.updates).filter(move |(_, u)| alone || u.message.is_some())
}

/// The last first.
fn newest<T>(of: &[T]) -> impl Iterator<Item = (usize, &T)> {
    of.iter().enumerate().rev()
}
