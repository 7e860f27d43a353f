//! Statuspage's public API, version 2, so that what reads theirs reads ours: field for field, in their words.
//!
//! Their vocabulary has no word for "no data". It is told as the mildest one that is not green, and described as what it is;
//! it does not weigh in the indicator of the whole.

mod notice;

pub use notice::notice;

use super::Words;
use crate::status::{
    place::{Api, Place},
    told::{Affected, Component, Id, Incident, Told, Window},
};
use domain::{Health, Phase, Severity, Stage, Stamp, plan::Language};
use serde::Serialize;
use serde_json::{Value, json};

/// The 50 newest, as theirs.
const MOST: usize = 50;

#[derive(Serialize)]
struct Part<'a> {
    id: &'a Id,
    name: &'a str,
    status: &'static str,
    created_at: String,
    updated_at: String,
    position: usize,
    description: Option<&'static str>,
    showcase: bool,
    start_date: Option<String>,
    group_id: Option<&'a Id>,
    page_id: &'a Id,
    group: bool,
    only_show_if_degraded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<&'a Id>>,
}

/// An incident, or with the last two fields a maintenance.
#[derive(Serialize)]
struct Report<'a> {
    id: &'a Id,
    name: &'a str,
    status: &'static str,
    created_at: String,
    updated_at: String,
    monitoring_at: Option<String>,
    resolved_at: Option<String>,
    impact: &'static str,
    shortlink: String,
    started_at: String,
    page_id: &'a Id,
    incident_updates: Vec<Entry<'a>>,
    components: Vec<&'a Part<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_for: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_until: Option<String>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a Id,
    status: &'static str,
    body: String,
    incident_id: &'a Id,
    created_at: String,
    updated_at: String,
    display_at: String,
    affected_components: Option<Vec<Value>>,
    deliver_notifications: bool,
    custom_tweet: Option<String>,
    tweet_id: Option<String>,
}

pub fn document(which: Api, told: &Told) -> String {
    let page = Id::of("page", &told.began.rfc3339());
    let groups = groups(told);
    let writer = Writer {
        told,
        page: &page,
        groups: &groups,
        parts: parts(told, &page, &groups),
    };
    let all = || told.incidents.iter().take(MOST);
    let unresolved = || told.open().map(|i| writer.incident(i)).collect::<Vec<_>>();
    let windows = |keep: fn(&Window) -> bool| {
        let windows = told.windows.iter().filter(|w| keep(w)).take(MOST);
        windows.map(|w| writer.maintenance(w)).collect::<Vec<_>>()
    };
    let upcoming = |w: &Window| w.stage == Stage::Scheduled;
    let active = |w: &Window| matches!(w.stage, Stage::InProgress | Stage::Verifying);
    let mut document = json!({ "page": writer.page() });
    let mut put = |key: &str, value: Value| document[key] = value;
    match which {
        Api::Summary => {
            put("components", json!(writer.parts));
            put("incidents", json!(unresolved()));
            put("scheduled_maintenances", json!(windows(|w| !w.is_over())));
            put("status", status(told));
        }
        Api::Status => put("status", status(told)),
        Api::Components => put("components", json!(writer.parts)),
        Api::Incidents => put(
            "incidents",
            json!(all().map(|i| writer.incident(i)).collect::<Vec<_>>()),
        ),
        Api::Unresolved => put("incidents", json!(unresolved())),
        Api::Maintenances => put("scheduled_maintenances", json!(windows(|_| true))),
        Api::Upcoming => put("scheduled_maintenances", json!(windows(upcoming))),
        Api::Active => put("scheduled_maintenances", json!(windows(active))),
    }
    document.to_string()
}

/// The whole in their words.
fn status(told: &Told) -> Value {
    let worst = told.worst();
    let claimed = told.open().map(|i| i.severity).min();
    let maintained = told.components().any(|c| c.health == Health::Maintenance);
    let (indicator, description) = match (worst, claimed) {
        (Health::MajorOutage, _) | (_, Some(Severity::Sev1)) => {
            ("critical", "Major Service Outage")
        }
        (Health::PartialOutage, _) | (_, Some(Severity::Sev2)) => {
            ("major", "Partial System Outage")
        }
        (_, Some(Severity::Sev3)) => ("minor", "Minor Service Outage"),
        (Health::Degraded, _) => ("minor", "Partially Degraded Service"),
        (Health::NoData, None) => ("minor", "No Data"),
        _ if maintained => ("maintenance", "Service Under Maintenance"),
        _ => ("none", "All Systems Operational"),
    };
    json!({ "indicator": indicator, "description": description })
}

fn groups(told: &Told) -> Vec<Id> {
    told.groups
        .iter()
        .map(|g| Id::of("group", &g.name))
        .collect()
}

/// Each group before its components, as they list them.
fn parts<'a>(told: &'a Told, page: &'a Id, groups: &'a [Id]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    for ((position, group), id) in told.groups.iter().enumerate().zip(groups) {
        let watched = group
            .components
            .iter()
            .filter(|c| c.health != Health::NoData);
        let worst = watched.map(|c| c.health).max_by_key(|h| h.rank());
        let container = Part {
            id,
            name: &group.name,
            status: component(worst.unwrap_or_default()),
            description: None,
            start_date: None,
            ..part(told, page, None, position)
        };
        parts.push(Part {
            group: true,
            components: Some(group.components.iter().map(|c| &c.id).collect()),
            updated_at: changed(told, group.components.iter()),
            ..container
        });
        for (position, own) in group.components.iter().enumerate() {
            parts.push(Part {
                id: &own.id,
                name: &own.name,
                status: component(own.health),
                description: (own.health == Health::NoData).then_some("No data"),
                updated_at: changed(told, std::iter::once(own)),
                ..part(told, page, Some(id), position)
            });
        }
    }
    parts
}

fn part<'a>(told: &Told, page: &'a Id, group_id: Option<&'a Id>, position: usize) -> Part<'a> {
    let began = told.began.rfc3339();
    Part {
        id: page,
        name: "",
        status: "operational",
        created_at: began.clone(),
        updated_at: began,
        position: position + 1,
        description: None,
        showcase: group_id.is_some(),
        start_date: None,
        group_id,
        page_id: page,
        group: false,
        only_show_if_degraded: false,
        components: None,
    }
}

fn changed<'a>(told: &Told, components: impl Iterator<Item = &'a Component>) -> String {
    let last = components.filter_map(|c| c.since).max();
    last.unwrap_or(told.began).rfc3339()
}

fn component(health: Health) -> &'static str {
    match health {
        Health::Operational => "operational",
        Health::NoData | Health::Degraded => "degraded_performance",
        Health::PartialOutage => "partial_outage",
        Health::MajorOutage => "major_outage",
        Health::Maintenance => "under_maintenance",
    }
}

fn impact(severity: Severity) -> &'static str {
    match severity {
        Severity::Sev1 => "critical",
        Severity::Sev2 => "major",
        Severity::Sev3 => "minor",
    }
}

struct Writer<'a> {
    told: &'a Told,
    page: &'a Id,
    groups: &'a [Id],
    parts: Vec<Part<'a>>,
}

impl Writer<'_> {
    fn page(&self) -> Value {
        json!({
            "id": self.page,
            "name": self.told.site.name,
            "url": self.told.site.url,
            "time_zone": "Etc/UTC",
            "updated_at": self.told.changed.rfc3339(),
        })
    }

    fn link(&self, place: Place) -> String {
        format!("{}{}", self.told.site.url, place.path())
    }

    fn affected(&self, affected: &[Affected]) -> Vec<&Part<'_>> {
        let is = |part: &&Part<'_>| affected.iter().any(|a| a.id == *part.id);
        self.parts
            .iter()
            .filter(|p| !self.groups.contains(p.id))
            .filter(is)
            .collect()
    }

    fn incident<'a>(&'a self, incident: &'a Incident) -> Report<'a> {
        let monitoring = incident
            .updates
            .iter()
            .find(|u| u.phase == Phase::Monitoring);
        let mut before = Health::Operational;
        let mut updates: Vec<_> = incident
            .updates
            .iter()
            .map(|update| {
                let claims = Incident {
                    phase: update.phase,
                    ..incident.clone()
                }
                .claims();
                let old = std::mem::replace(&mut before, claims);
                let body = update.message.clone();
                Entry {
                    affected_components: moved(
                        &incident.affected,
                        component(old),
                        component(claims),
                    ),
                    ..self.entry(
                        &update.id,
                        &incident.id,
                        update.phase.id(),
                        update.at,
                        body.unwrap_or_else(|| Words::of(self.language()).looking_into.to_owned()),
                    )
                }
            })
            .collect();
        // The newest first.
        updates.reverse();
        Report {
            id: &incident.id,
            name: &incident.title,
            status: incident.phase.id(),
            created_at: incident.declared.rfc3339(),
            updated_at: incident.updated().rfc3339(),
            monitoring_at: monitoring.map(|u| u.at.rfc3339()),
            resolved_at: incident.resolved.map(Stamp::rfc3339),
            impact: impact(incident.severity),
            shortlink: self.link(Place::Incident(incident.number.clone())),
            started_at: incident.declared.rfc3339(),
            page_id: self.page,
            incident_updates: updates,
            components: self.affected(&incident.affected),
            scheduled_for: None,
            scheduled_until: None,
        }
    }

    fn maintenance<'a>(&'a self, window: &'a Window) -> Report<'a> {
        let words = Words::of(self.language());
        let mut updates: Vec<_> = window
            .steps
            .iter()
            .map(|step| {
                let body = step.message.clone();
                let body = body.unwrap_or_else(|| words.stage_says(step.stage).to_owned());
                let (old, new) = match step.stage {
                    Stage::Scheduled | Stage::Cancelled => ("operational", "operational"),
                    Stage::InProgress => ("operational", "under_maintenance"),
                    Stage::Verifying => ("under_maintenance", "under_maintenance"),
                    Stage::Completed => ("under_maintenance", "operational"),
                };
                Entry {
                    affected_components: moved(&window.affected, old, new),
                    ..self.entry(&step.id, &window.id, stage(step.stage), step.at, body)
                }
            })
            .collect();
        updates.reverse();
        let updated = window.steps.last().map_or(window.announced, |s| s.at);
        Report {
            id: &window.id,
            name: &window.title,
            status: stage(window.stage),
            created_at: window.announced.rfc3339(),
            updated_at: updated.rfc3339(),
            monitoring_at: None,
            resolved_at: window.ended.map(Stamp::rfc3339),
            impact: "maintenance",
            shortlink: self.link(Place::Maintenance(window.key.clone())),
            started_at: window.begins.rfc3339(),
            page_id: self.page,
            incident_updates: updates,
            components: self.affected(&window.affected),
            scheduled_for: Some(window.begins.rfc3339()),
            scheduled_until: Some(window.ends.rfc3339()),
        }
    }

    fn entry<'a>(
        &self,
        id: &'a Id,
        incident_id: &'a Id,
        status: &'static str,
        at: Stamp,
        body: String,
    ) -> Entry<'a> {
        let at = at.rfc3339();
        Entry {
            id,
            status,
            body,
            incident_id,
            created_at: at.clone(),
            updated_at: at.clone(),
            display_at: at,
            affected_components: None,
            deliver_notifications: true,
            custom_tweet: None,
            tweet_id: None,
        }
    }

    fn language(&self) -> Language {
        self.told
            .site
            .languages
            .first()
            .copied()
            .unwrap_or(Language::En)
    }
}

/// What an update says of the components; nothing where there are none.
fn moved(affected: &[Affected], old: &str, new: &str) -> Option<Vec<Value>> {
    let each = |a: &Affected| json!({ "code": a.id, "name": a.name, "old_status": old, "new_status": new });
    (!affected.is_empty()).then(|| affected.iter().map(each).collect())
}

/// They have no word for what was cancelled: it is over.
fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Scheduled => "scheduled",
        Stage::InProgress => "in_progress",
        Stage::Verifying => "verifying",
        Stage::Completed | Stage::Cancelled => "completed",
    }
}
