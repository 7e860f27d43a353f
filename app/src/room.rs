//! What a page holds while it stands: what the server handed over, and what the live stream folds in.

// The server renders a room and lets it go; only the browser hears and speaks in it.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

use crate::page::{Look, Page, Tick, View};
use domain::{
    AccessRole, Event, Health, Incident, Number, Permission, Run, RunId, ServiceId, Severity,
    Stamp, Stamped, World, plan::Plan, words,
};
use leptos::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

/// How the page stands with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing was heard yet: the page is as it was loaded.
    Loaded,
    Live,
    Stale {
        since: Stamp,
    },
}

/// The signals of one page. A copy of it is a handle, not a copy of the data.
#[derive(Clone, Copy)]
pub struct Room {
    page: StoredValue<Arc<Page>>,
    pub world: RwSignal<World>,
    pub timeline: RwSignal<Vec<Arc<Stamped>>>,
    pub looks: RwSignal<BTreeMap<ServiceId, Look>>,
    /// The server's time as far as this page knows: `Page::now` until the browser's interval moves it.
    pub now: RwSignal<Stamp>,
    pub link: RwSignal<Link>,
    /// For screen readers: said when there is time …
    pub polite: RwSignal<String>,
    /// … and at once.
    pub urgent: RwSignal<String>,
    waiting: StoredValue<Vec<String>>,
    said: StoredValue<Stamp>,
    /// Of each tile on the board: which of the plan's services it is, and the instant that it shows. Setting that draws
    /// this tile again and no other.
    tiles: StoredValue<Vec<(usize, RwSignal<Stamp>)>>,
    /// The tile whose time is moved next. (A number; a type of its own would cost the download some hundred bytes.)
    turn: StoredValue<Stamp>,
}

/// So many tiles are moved each second: with more, each has its turn every few seconds.
const TILES: usize = 250;

/// At most one polite announcement in this many seconds.
const BREATH: u64 = 5;

impl Room {
    pub fn open(mut page: Page) -> Room {
        let world = std::mem::take(&mut page.world);
        let timeline = std::mem::take(&mut page.timeline)
            .into_iter()
            .map(Arc::new)
            .collect();
        let looks = std::mem::take(&mut page.looks);
        let now = page.now;
        Room {
            page: StoredValue::new(Arc::new(page)),
            world: RwSignal::new(world),
            timeline: RwSignal::new(timeline),
            looks: RwSignal::new(looks),
            now: RwSignal::new(now),
            link: RwSignal::new(Link::Loaded),
            polite: RwSignal::new(String::new()),
            urgent: RwSignal::new(String::new()),
            waiting: StoredValue::new(Vec::new()),
            said: StoredValue::new(Stamp(0)),
            tiles: StoredValue::new(Vec::new()),
            turn: StoredValue::new(Stamp(0)),
        }
    }

    pub fn here() -> Room {
        expect_context()
    }

    /// What does not change while the page stands. Its `world`, `timeline` and `looks` are empty: they live here.
    pub fn page(&self) -> Arc<Page> {
        self.page.get_value()
    }

    pub fn may(&self, permission: Permission) -> bool {
        self.page().who.role.may(permission)
    }

    #[cfg(feature = "ssr")]
    pub fn incident(&self, number: &Number) -> Option<Arc<Incident>> {
        self.world.with(|w| w.incidents.get(number).cloned())
    }

    pub fn run(&self, id: &RunId) -> Option<Arc<Run>> {
        self.world.with(|w| w.runs.get(id).cloned())
    }

    pub fn follow_incident(self, number: &Number) -> Followed<Incident> {
        let find = |world: &World, name: &str| world.incidents.get(&name.into()).cloned();
        Followed {
            room: self,
            name: StoredValue::new(number.to_string()),
            find,
        }
    }

    pub fn follow_run(self, id: &RunId) -> Followed<Run> {
        let find = |world: &World, name: &str| world.runs.get(&name.into()).cloned();
        Followed {
            room: self,
            name: StoredValue::new(id.to_string()),
            find,
        }
    }

    /// Folds a live event in: into the world, onto the timeline where it belongs there, and into the announcements.
    pub fn hear(&self, stamped: Stamped) {
        if stamped.seq <= self.world.with_untracked(|w| w.seq) {
            return;
        }
        self.world.update(|w| w.apply(&stamped));
        self.stir(&stamped.event);
        let (belongs, says) = self.world.with_untracked(|w| {
            (
                belongs(&self.page().view, w, &stamped),
                announcement(w, &stamped),
            )
        });
        match says {
            Some(says) if says.urgent => self.urgent.set(says.text),
            Some(says) => self.waiting.update_value(|w| w.push(says.text)),
            None => {}
        }
        if belongs {
            self.timeline.update(|t| t.push(Arc::new(stamped)));
        }
    }

    /// There was an event that this page has nothing to do with.
    pub fn pass(&self, seq: u64) {
        self.world.update_untracked(|w| w.seq = w.seq.max(seq));
    }

    pub fn look(&self, tick: Tick) {
        if !tick.looks.is_empty() {
            self.looks.update(|l| l.extend(tick.looks));
        }
    }

    /// The time that a tile of the board shows: that of the plan's n-th service.
    pub fn tile(&self, n: usize) -> RwSignal<Stamp> {
        let clock = RwSignal::new(self.now.get_untracked());
        self.tiles.update_value(|tiles| tiles.push((n, clock)));
        clock
    }

    /// Draws the tiles that an event changes: of a service and of those that need it, or all where incidents come and go.
    fn stir(&self, event: &Event) {
        let changed = match event {
            Event::ServiceChanged { service, .. } => Some(service),
            Event::IncidentDeclared { .. }
            | Event::IncidentResolved { .. }
            | Event::IncidentReopened { .. } => None,
            _ => return,
        };
        let (page, now) = (self.page(), self.now.get_untracked());
        self.tiles.with_value(|tiles| {
            for (n, clock) in tiles {
                let service = &page.plan.services[*n];
                if changed.is_none_or(|id| service.id == *id || service.depends_on.contains(id)) {
                    clock.set(now);
                }
            }
        });
    }

    /// The browser's second: moves the clocks, and says what waits to be said.
    pub fn second(&self, now: Stamp) {
        self.now.set(now);
        let turn = self.turn.get_value().0 as usize;
        self.tiles.with_value(|tiles| {
            for n in 0..tiles.len().min(TILES) {
                tiles[(turn + n) % tiles.len()].1.set(now);
            }
        });
        self.turn.set_value(Stamp((turn + TILES) as i64));
        let quiet = now.since(self.said.get_value()).as_secs() >= BREATH;
        if quiet && self.waiting.with_value(|w| !w.is_empty()) {
            let lines = self
                .waiting
                .try_update_value(std::mem::take)
                .unwrap_or_default();
            self.said.set_value(now);
            let more = lines.len() - 1;
            let last = lines.into_iter().next_back().unwrap_or_default();
            self.polite.set(if more == 0 {
                last
            } else {
                format!("{last} (and {more} more)")
            });
        }
    }
}

/// An incident or a run that a page follows: a handle, copied into every piece that reads it.
pub struct Followed<T> {
    room: Room,
    name: StoredValue<String>,
    find: fn(&World, &str) -> Option<Arc<T>>,
}

impl<T> Clone for Followed<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Followed<T> {}

impl<T> Followed<T> {
    pub fn get(&self) -> Option<Arc<T>> {
        self.room
            .world
            .with(|w| self.name.with_value(|name| (self.find)(w, name)))
    }
    pub fn get_untracked(&self) -> Option<Arc<T>> {
        self.room
            .world
            .with_untracked(|w| self.name.with_value(|name| (self.find)(w, name)))
    }
    pub fn with<U>(&self, look: impl FnOnce(Option<&T>) -> U) -> U {
        look(self.get().as_deref())
    }
    pub fn with_untracked<U>(&self, look: impl FnOnce(Option<&T>) -> U) -> U {
        look(self.get_untracked().as_deref())
    }
}

/// Does an event belong to the timeline that this page shows? `world` has it folded in already.
fn belongs(view: &View, world: &World, stamped: &Stamped) -> bool {
    match view {
        View::Incident { number } => {
            let incident = world.incidents.get(number);
            incident.is_some_and(|i| i.tells(stamped))
        }
        View::Run { id, .. } => {
            matches!(stamped.event.subject(), domain::Subject::Run(run) if run == id)
        }
        _ => false,
    }
}

struct Announcement {
    text: String,
    urgent: bool,
}

/// What a person who does not look at the screen must hear of.
fn announcement(world: &World, stamped: &Stamped) -> Option<Announcement> {
    let urgent = matches!(
        &stamped.event,
        Event::IncidentDeclared {
            severity: Severity::Sev1,
            ..
        }
    );
    let important = match &stamped.event {
        Event::IncidentDeclared { .. }
        | Event::SeverityChanged { .. }
        | Event::RoleOffered { .. }
        | Event::UpdatePosted { .. }
        | Event::IncidentResolved { .. }
        | Event::IncidentReopened { .. }
        | Event::RunStarted { .. }
        | Event::RunPaused { .. }
        | Event::StepWaits { .. }
        | Event::RunEnded { .. } => true,
        Event::ServiceChanged { to, .. } => matches!(to, Health::MajorOutage | Health::Operational),
        _ => false,
    };
    important.then(|| Announcement {
        text: words::line(world, stamped).says,
        urgent,
    })
}

/// Why a role may not do something, for the button that is disabled.
pub fn needs(role: AccessRole, permission: Permission) -> Option<String> {
    if role.may(permission) {
        return None;
    }
    let needed = match permission {
        Permission::View => "to be signed in",
        Permission::Respond => "the role responder or higher",
        Permission::Command => "the role commander",
        Permission::Administer => "the role admin",
        Permission::Machine => "to be one of Muster's own workers",
    };
    Some(format!("Needs {needed}; you are {}.", role.name()))
}

/// Runs that wait or work, of an incident or of none.
#[cfg(feature = "ssr")]
pub fn going(world: &World) -> Vec<Arc<Run>> {
    let going = world.runs.values().filter(|r| !r.is_over()).cloned();
    crate::facts::sorted(going, |r| {
        (
            r.status != domain::RunStatus::PausedByFailedStep,
            std::cmp::Reverse(r.started_at),
        )
    })
}

/// The plan's name of a service, or its id where the plan does not know it any more.
pub fn service_name<'a>(plan: &'a Plan, id: &'a ServiceId) -> &'a str {
    plan.service(id).map_or(id.as_str(), |s| s.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Actor, Kind, Source, failover};

    fn page(view: View) -> Page {
        Page {
            view,
            who: crate::page::Who {
                name: "Jane".into(),
                role: AccessRole::Commander,
            },
            now: Stamp(0),
            world: World::default(),
            plan: Plan::default(),
            looks: BTreeMap::new(),
            timeline: Vec::new(),
            refused: None,
            past: Default::default(),
            proof: BTreeMap::new(),
            book: Default::default(),
            measured: Default::default(),
            sight: None,
            parts: false,
            told: Default::default(),
            draft: None,
            seed: String::new(),
        }
    }

    fn event(seq: u64, event: Event) -> Stamped {
        let at = Stamp(1);
        Stamped {
            seq,
            stream: event.stream(),
            at,
            recorded: at,
            actor: Actor::system("test", Source::Cli),
            event,
        }
    }

    fn declared(number: &str, severity: Severity) -> Event {
        Event::IncidentDeclared {
            incident: number.into(),
            title: "Down".into(),
            severity,
            affected: vec!["api".into()],
            kind: Kind::Real,
            public: true,
            quiet: false,
            plan: "p".into(),
            checklist: Vec::new(),
        }
    }

    fn note(number: &str) -> Event {
        Event::NoteAdded {
            incident: number.into(),
            text: "x".into(),
        }
    }

    fn in_room(view: View, then: impl FnOnce(Room)) {
        let owner = Owner::new();
        owner.with(|| then(Room::open(page(view))));
    }

    #[test]
    fn an_event_that_comes_twice_is_folded_once() {
        in_room(
            View::Incident {
                number: "INC-2026-001".into(),
            },
            |room| {
                for seq in [1, 2, 2, 1, 3] {
                    room.hear(event(
                        seq,
                        if seq == 1 {
                            declared("INC-2026-001", Severity::Sev2)
                        } else {
                            note("INC-2026-001")
                        },
                    ));
                }
                assert_eq!(room.timeline.with_untracked(Vec::len), 3);
                assert_eq!(room.world.with_untracked(|w| w.seq), 3);
            },
        );
    }

    #[test]
    fn a_timeline_holds_what_belongs_to_its_incident_and_nothing_else() {
        in_room(
            View::Incident {
                number: "INC-2026-001".into(),
            },
            |room| {
                room.hear(event(1, declared("INC-2026-001", Severity::Sev2)));
                room.hear(event(2, declared("INC-2026-002", Severity::Sev2)));
                room.hear(event(3, note("INC-2026-002")));
                let changed = |service: &str| Event::ServiceChanged {
                    service: service.into(),
                    from: Health::NoData,
                    to: Health::Degraded,
                    because: String::new(),
                };
                let suspected = |service: &str| Event::FailoverMoved {
                    service: service.into(),
                    incident: None,
                    from: failover::State::Watching,
                    signal: failover::Signal::Failing,
                    to: failover::State::Detected,
                    because: String::new(),
                    evidence: Vec::new(),
                    run: None,
                };
                room.hear(event(4, changed("api")));
                room.hear(event(5, changed("elsewhere")));
                room.hear(event(6, suspected("api")));
                room.hear(event(7, suspected("elsewhere")));
                assert_eq!(
                    room.timeline
                        .with_untracked(|t| t.iter().map(|s| s.seq).collect::<Vec<_>>()),
                    [1, 4, 6]
                );
                assert_eq!(
                    room.world.with_untracked(|w| w.incidents.len()),
                    2,
                    "the world holds both"
                );
            },
        );
    }

    #[test]
    fn announcements_wait_for_breath_and_only_the_gravest_does_not() {
        in_room(View::Board, |room| {
            let second = |s: i64| Stamp(s * 1_000_000);
            room.hear(event(1, declared("INC-2026-001", Severity::Sev2)));
            room.hear(event(2, declared("INC-2026-002", Severity::Sev3)));
            room.second(second(10));
            assert_eq!(
                room.polite.get_untracked(),
                "Declared SEV3: Down (and 1 more)"
            );
            room.hear(event(3, declared("INC-2026-003", Severity::Sev2)));
            room.second(second(14));
            assert_eq!(
                room.polite.get_untracked(),
                "Declared SEV3: Down (and 1 more)",
                "not yet"
            );
            room.second(second(15));
            assert_eq!(room.polite.get_untracked(), "Declared SEV2: Down");
            room.hear(event(4, declared("INC-2026-004", Severity::Sev1)));
            assert_eq!(
                room.urgent.get_untracked(),
                "Declared SEV1: Down",
                "at once"
            );
            room.hear(event(5, note("INC-2026-004")));
            room.second(second(30));
            assert_eq!(
                room.polite.get_untracked(),
                "Declared SEV2: Down",
                "a note is not announced"
            );
        });
    }
}
