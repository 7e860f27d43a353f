//! From what Muster knows to what the public is told. Whatever is not asked for here stays inside.

use super::told::{
    Affected, Component, Day, Group, Id, Incident, Site, Step, Told, Update, Window,
};
use domain::{
    Health, Kind, Maintenance, MaintenanceId, Number, Phase, ServiceId, Span, Stamp, World,
    history::{self, History},
    plan::{Plan, Way},
};
use engine::{Desk, checks::Looks, history::Histories, store};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, sync::Arc};

/// A service that was not looked at for so long has no data, whatever was known of it.
const FRESH: Span = Span::secs(60);
/// So many incidents are told of, the last ones.
const MOST: usize = 500;
/// … and of so many maintenance windows.
const MOST_WINDOWS: usize = 50;

/// What the public may be told of, beyond what is open.
pub struct Teller {
    desk: Desk,
    /// Where people reach the page, unless the plan says.
    url: String,
    began: Stamp,
    /// Every public incident, also those that are over.
    incidents: BTreeMap<Number, Arc<domain::Incident>>,
    windows: BTreeMap<MaintenanceId, Arc<Maintenance>>,
    /// What was last seen before this start, and when: it is as good as a look of the same age.
    before: BTreeMap<Id, (Health, Stamp)>,
}

impl Teller {
    pub async fn open(desk: Desk, url: &str, kept: Option<&Told>) -> Result<Teller, store::Error> {
        let first = desk.store().events_after(0, 1).await?;
        let began = first
            .first()
            .map_or(desk.clock().now(), |r| Stamp(r.recorded_at));
        let incidents = read(&desk, "incident", MOST, is_public).await?;
        let windows = read(&desk, "maintenance", MOST_WINDOWS, |w: &Maintenance| {
            w.public
        })
        .await?;
        Ok(Teller {
            desk,
            url: url.to_owned(),
            began,
            incidents: incidents
                .into_iter()
                .map(|i| (i.number.clone(), Arc::new(i)))
                .collect(),
            windows: windows
                .into_iter()
                .map(|w| (w.id.clone(), Arc::new(w)))
                .collect(),
            before: kept.map_or_else(BTreeMap::new, |told| {
                let seen = |c: &Component| Some((c.id.clone(), (c.health, c.seen?)));
                told.components().filter_map(seen).collect()
            }),
        })
    }

    /// What is so now. `cut_off`: since when our own database does not answer.
    pub fn tell(&mut self, looks: &Looks, histories: &Histories, cut_off: Option<Stamp>) -> Told {
        let now = self.desk.clock().now();
        let plan = self.desk.plan().plan;
        let world = self.desk.world();
        for (number, incident) in &world.incidents {
            if is_public(incident) {
                self.incidents.insert(number.clone(), incident.clone());
            }
        }
        for (id, window) in &world.maintenances {
            if window.public {
                self.windows.insert(id.clone(), window.clone());
            }
        }
        let mut incidents: Vec<_> = self
            .incidents
            .values()
            .map(|i| incident(i, &plan))
            .collect();
        incidents.sort_by_key(|i| {
            (
                std::cmp::Reverse(i.declared),
                std::cmp::Reverse(i.number.clone()),
            )
        });
        incidents.truncate(MOST);
        let seen = Seen {
            now,
            plan: &plan,
            world: &world,
            looks,
            histories,
            incidents: &incidents,
            before: &self.before,
        };
        Told {
            as_of: now,
            cut_off,
            changed: now,
            began: self.began,
            site: site(&plan, &self.url),
            groups: seen.groups(),
            incidents,
            windows: windows(&self.windows, &plan),
            age: None,
        }
    }
}

/// The last that are public of a kind of document.
async fn read<T: DeserializeOwned>(
    desk: &Desk,
    kind: &str,
    most: usize,
    is_public: impl Fn(&T) -> bool,
) -> Result<Vec<T>, store::Error> {
    const PAGE: u32 = 200;
    let mut found = Vec::new();
    let mut before: Option<String> = None;
    while found.len() < most {
        let page = desk
            .store()
            .projections(kind, before.as_deref(), PAGE)
            .await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id.clone());
        let read = page
            .iter()
            .filter_map(|p| serde_json::from_str::<T>(&p.body).ok());
        found.extend(read.filter(&is_public));
    }
    Ok(found)
}

/// Those that are not over, the next first; then the others, the last first.
fn windows(all: &BTreeMap<MaintenanceId, Arc<Maintenance>>, plan: &Plan) -> Vec<Window> {
    let mut windows: Vec<_> = all.values().map(|w| window(w, plan)).collect();
    windows.sort_by_key(|w| {
        let begins = w.begins.0;
        (w.is_over(), if w.is_over() { -begins } else { begins })
    });
    windows.truncate(MOST_WINDOWS);
    windows
}

pub fn window(window: &Maintenance, plan: &Plan) -> Window {
    let key = window.id.to_string();
    let steps = window.updates.iter().enumerate().map(|(n, word)| Step {
        id: Id::of("step", &format!("{key}/{n}")),
        stage: word.stage,
        at: word.at,
        // What Muster wrote in nobody's name is told in the reader's language.
        message: Some(word.message.clone()).filter(|m| m != word.stage.says()),
    });
    Window {
        id: Id::of("maintenance", &key),
        title: window.title.clone(),
        stage: window.stage,
        affected: affected(&window.services, plan),
        announced: window.scheduled_at,
        begins: window.from,
        ends: window.until,
        ended: window.ended_at,
        steps: steps.collect(),
        key,
    }
}

fn is_public(incident: &domain::Incident) -> bool {
    incident.public && incident.kind != Kind::Drill
}

pub fn site(plan: &Plan, url: &str) -> Site {
    let status = &plan.status;
    let url = status.url.as_deref().unwrap_or(url);
    Site {
        name: status
            .name
            .clone()
            .unwrap_or_else(|| plan.about.organization.clone()),
        url: url.trim_end_matches('/').to_owned(),
        logo: status.logo.as_ref().map(|logo| logo.trim().to_owned()),
        accent: status
            .accent
            .as_ref()
            .map(|a| (a.light.clone(), a.dark.clone())),
        languages: status.languages().to_vec(),
        subscribe: ways(plan),
    }
}

/// What the plan offers and can be sent by.
fn ways(plan: &Plan) -> Vec<Way> {
    let offered = plan.status.subscribe.as_deref().unwrap_or(&Way::ALL);
    let possible = |way: &&Way| **way != Way::Email || plan.channels.email.is_some();
    offered.iter().filter(possible).copied().collect()
}

pub fn incident(incident: &domain::Incident, plan: &Plan) -> Incident {
    let number = &incident.number;
    // An update has its place among those of its incident for good, whether it is public or not.
    let id = |n: usize| Id::of("update", &format!("{number}/{n}"));
    let declared = Update {
        id: id(0),
        phase: Phase::Investigating,
        at: incident.declared_at,
        message: None,
    };
    let written = incident
        .updates
        .iter()
        .enumerate()
        .filter(|(_, u)| u.public);
    Incident {
        id: incident_id(number),
        number: number.clone(),
        title: incident.title.clone(),
        severity: incident.severity,
        phase: incident.phase,
        affected: affected(&incident.affected, plan),
        declared: incident.declared_at,
        resolved: incident.resolved_at,
        updates: [declared]
            .into_iter()
            .chain(written.map(|(n, u)| Update {
                id: id(n + 1),
                phase: u.phase,
                at: u.at,
                message: Some(u.message.clone()),
            }))
            .collect(),
        next: incident.next_update_due(&plan.communication),
        postmortem: plan.status.postmortems.get(number).cloned(),
    }
}

fn incident_id(number: &Number) -> Id {
    Id::of("incident", number.as_str())
}

pub fn component_id(service: &ServiceId) -> Id {
    Id::of("component", service.as_str())
}

/// Those with a public face.
fn affected(services: &[ServiceId], plan: &Plan) -> Vec<Affected> {
    let public = |id: &ServiceId| {
        let face = plan.service(id)?.public.as_ref()?;
        Some(Affected {
            id: component_id(id),
            name: face.name.clone(),
        })
    };
    services.iter().filter_map(public).collect()
}

/// What the services are judged by.
struct Seen<'a> {
    now: Stamp,
    plan: &'a Plan,
    world: &'a World,
    looks: &'a Looks,
    histories: &'a Histories,
    incidents: &'a [Incident],
    before: &'a BTreeMap<Id, (Health, Stamp)>,
}

impl Seen<'_> {
    fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for service in &self.plan.services {
            let Some(face) = &service.public else {
                continue;
            };
            let (days, up) = days(self.histories.get(&service.id), self.now);
            let component = Component {
                id: component_id(&service.id),
                name: face.name.clone(),
                health: self.health(&service.id),
                seen: self.seen(&service.id).map(|(_, at)| at),
                since: self.world.services.get(&service.id).and_then(|s| s.since),
                days,
                up,
            };
            match groups.iter_mut().find(|g| g.name == face.group) {
                Some(group) => group.components.push(component),
                None => groups.push(Group {
                    name: face.group.clone(),
                    components: vec![component],
                }),
            }
        }
        groups
    }

    /// What was lately seen of a service, and when. The look itself and not what was written of it: with a dead database
    /// nothing is written, and still seen.
    fn seen(&self, id: &ServiceId) -> Option<(Health, Stamp)> {
        let look = self.looks.get(id).map(|look| (look.health, look.at));
        let before = || self.before.get(&component_id(id)).copied();
        look.or_else(before)
            .filter(|(_, at)| self.now.since(*at) <= FRESH)
    }

    /// What is known of a service: by looking at it, by what it stands on, and by what people said. Nobody's word makes
    /// anything well.
    fn health(&self, id: &ServiceId) -> Health {
        if self.world.window(id).is_some() {
            return Health::Maintenance;
        }
        let own = self.seen(id).map_or(Health::NoData, |(health, _)| health);
        let of = |id: &ServiceId| match (self.world.window(id), self.seen(id)) {
            (Some(_), _) => Health::Maintenance,
            (None, Some((health, _))) => health,
            (None, None) => self.world.health(id),
        };
        // What it stands on is down: it is not well, whatever its own check has found so far.
        let stands = domain::failed_dependencies(self.plan, &of, id).is_empty();
        let own = if stands || own.rank() >= Health::Degraded.rank() {
            own
        } else {
            Health::Degraded
        };
        let component = component_id(id);
        let told = self.incidents.iter().filter(|i| {
            let early = matches!(i.phase, Phase::Investigating | Phase::Identified);
            i.is_open() && early && i.affected.iter().any(|a| a.id == component)
        });
        let told = told.map(Incident::claims).max_by_key(|h| h.rank());
        match (own, told) {
            (Health::NoData, Some(told)) => told,
            (Health::Operational, Some(_)) => Health::Degraded,
            (own, _) => own,
        }
    }
}

fn days(history: Option<&History>, now: Stamp) -> (Vec<Day>, Option<f64>) {
    let days = history.cloned().unwrap_or_default().days(now);
    let up = history::uptime(&days);
    let told = days.iter().map(|day| Day {
        date: day.date,
        worst: day.worst(),
        down: day.of(Health::PartialOutage) + day.of(Health::MajorOutage),
        up: history::uptime(&[*day]),
    });
    (told.collect(), up)
}
