//! Everything public has an address: under which path it is served, as which file it stands in a folder, and how one page
//! leads to another in either form.

use super::told::Told;
use domain::{Number, plan::Language};
use std::collections::BTreeSet;

/// A year and a month.
pub type Month = (i64, u8);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Now,
    Incident(Number),
    /// The latest month with an incident.
    History,
    Month(Month),
    Maintenance(String),
    /// The form to subscribe with. A folder has none: nobody answers there.
    Subscribe,
    /// A page for one reader, under its path; never published.
    Own(String),
    /// What is not there.
    Nowhere,
    Embed,
    Atom,
    Rss,
    Json,
    Calendar,
    Badge,
    Api(Api),
}

/// The documents of Statuspage's API, version 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Api {
    Summary,
    Status,
    Components,
    Incidents,
    Unresolved,
    Maintenances,
    Upcoming,
    Active,
}

impl Api {
    pub const ALL: [Api; 8] = [
        Api::Summary,
        Api::Status,
        Api::Components,
        Api::Incidents,
        Api::Unresolved,
        Api::Maintenances,
        Api::Upcoming,
        Api::Active,
    ];

    fn name(self) -> &'static str {
        match self {
            Api::Summary => "summary",
            Api::Status => "status",
            Api::Components => "components",
            Api::Incidents => "incidents",
            Api::Unresolved => "incidents/unresolved",
            Api::Maintenances => "scheduled-maintenances",
            Api::Upcoming => "scheduled-maintenances/upcoming",
            Api::Active => "scheduled-maintenances/active",
        }
    }
}

/// How the documents are read: from this server, or from a folder on any disk or host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Served,
    Folder,
}

/// So many incidents have a page of their own, the last ones; an earlier one is read in its month.
pub const OWN_PAGES: usize = 100;

impl Place {
    /// All there is to publish of what is told.
    pub fn all(told: &Told) -> Vec<Place> {
        let own = told.incidents.iter().take(OWN_PAGES);
        let fixed = [
            Place::Now,
            Place::History,
            Place::Nowhere,
            Place::Embed,
            Place::Atom,
            Place::Rss,
            Place::Json,
            Place::Calendar,
            Place::Badge,
        ];
        fixed
            .into_iter()
            .chain(Api::ALL.map(Place::Api))
            .chain((!told.site.subscribe.is_empty()).then_some(Place::Subscribe))
            .chain(own.map(|i| Place::Incident(i.number.clone())))
            .chain(months(told).into_iter().map(Place::Month))
            .chain(
                told.windows
                    .iter()
                    .map(|w| Place::Maintenance(w.key.clone())),
            )
            .collect()
    }

    /// Whether it is there in each language.
    pub fn speaks(&self) -> bool {
        matches!(
            self,
            Place::Now
                | Place::Incident(_)
                | Place::History
                | Place::Month(_)
                | Place::Maintenance(_)
                | Place::Subscribe
                | Place::Own(_)
                | Place::Nowhere
                | Place::Embed
        )
    }

    /// The path it is served under, without a language.
    pub fn path(&self) -> String {
        match self {
            Place::Now => "/status".into(),
            Place::Incident(number) => format!("/status/incidents/{number}"),
            Place::History => "/status/history".into(),
            Place::Month((year, month)) => format!("/status/history/{year}-{month:02}"),
            Place::Maintenance(key) => format!("/status/maintenance/{key}"),
            Place::Subscribe => "/status/subscribe".into(),
            Place::Own(path) => path.clone(),
            Place::Nowhere => String::new(),
            Place::Embed => "/status/embed".into(),
            Place::Atom => "/history.atom".into(),
            Place::Rss => "/history.rss".into(),
            Place::Json => "/status/feed.json".into(),
            Place::Calendar => "/status/maintenance.ics".into(),
            Place::Badge => "/status/badge.svg".into(),
            Place::Api(api) => format!("/api/v2/{}.json", api.name()),
        }
    }

    /// The file it is in a folder. The first language's pages stand at the top, the others' in folders of their own.
    pub fn file(&self, language: Language, ours: &[Language]) -> String {
        let file = match self {
            Place::Now => "index.html".into(),
            Place::Nowhere => "404.html".into(),
            Place::Incident(number) => format!("incidents/{number}.html"),
            Place::History => "history.html".into(),
            Place::Month((year, month)) => format!("history/{year}-{month:02}.html"),
            Place::Maintenance(key) => format!("maintenance/{key}.html"),
            Place::Embed => "embed.html".into(),
            Place::Subscribe => "subscribe.html".into(),
            Place::Json => "feed.json".into(),
            Place::Calendar => "maintenance.ics".into(),
            Place::Badge => "badge.svg".into(),
            Place::Atom | Place::Rss | Place::Api(_) | Place::Own(_) => self.path()[1..].to_owned(),
        };
        if self.speaks() && ours.first() != Some(&language) {
            format!("{}/{file}", language.id())
        } else {
            file
        }
    }

    /// What a page of this place, in `from`'s language, writes to lead to another.
    pub fn link(
        &self,
        form: Form,
        from: Language,
        to: &Place,
        into: Language,
        ours: &[Language],
    ) -> String {
        match form {
            // A page that stands for all that are not there has no place to count from.
            Form::Folder if *self == Place::Nowhere => format!("/{}", to.file(into, ours)),
            Form::Folder => {
                let depth = self.file(from, ours).matches('/').count();
                format!("{}{}", "../".repeat(depth), to.file(into, ours))
            }
            Form::Served if to.speaks() => format!("{}?lang={}", to.path(), into.id()),
            Form::Served => to.path(),
        }
    }
}

/// The months with an incident in them, the last first.
pub fn months(told: &Told) -> BTreeSet<Month> {
    told.incidents
        .iter()
        .map(|i| super::words::month_of(i.declared))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{De, En};

    #[test]
    fn a_page_in_a_folder_leads_to_another_whatever_folder_that_is() {
        let ours = [En, De];
        let incident = Place::Incident(Number::new(2026, 1));
        let link = |from: &Place, l, to: &Place, m| from.link(Form::Folder, l, to, m, &ours);
        assert_eq!(
            link(&Place::Now, En, &incident, En),
            "incidents/INC-2026-001.html"
        );
        assert_eq!(link(&incident, En, &Place::Now, En), "../index.html");
        assert_eq!(link(&incident, De, &Place::Now, De), "../../de/index.html");
        assert_eq!(link(&Place::Now, De, &Place::Atom, De), "../history.atom");
        assert_eq!(
            link(&incident, En, &incident, De),
            "../de/incidents/INC-2026-001.html"
        );
        assert_eq!(
            incident.link(Form::Served, En, &Place::Month((2026, 3)), De, &ours),
            "/status/history/2026-03?lang=de"
        );
    }
}
