//! A service's days and spell as rows.

use domain::{
    Health, ServiceId,
    history::{Day, Spell},
};
use store::{HistoryDay, HistorySpell};

pub fn day_row(id: &ServiceId, day: &Day) -> HistoryDay {
    let of = |health| i64::from(day.of(health));
    HistoryDay {
        day: i64::from(day.date),
        service: id.0.clone(),
        operational: of(Health::Operational),
        degraded: of(Health::Degraded),
        partial_outage: of(Health::PartialOutage),
        major_outage: of(Health::MajorOutage),
        maintenance: of(Health::Maintenance),
        changes: i64::from(day.changes),
    }
}

pub fn days_of(row: &HistoryDay) -> Day {
    let count = |n: i64| u32::try_from(n).unwrap_or_default();
    let mut day = Day {
        date: i32::try_from(row.day).unwrap_or_default(),
        changes: count(row.changes),
        ..Day::default()
    };
    for (health, seconds) in [
        (Health::Operational, row.operational),
        (Health::Degraded, row.degraded),
        (Health::PartialOutage, row.partial_outage),
        (Health::MajorOutage, row.major_outage),
        (Health::Maintenance, row.maintenance),
    ] {
        day.seconds[health as usize] = count(seconds);
    }
    day
}

const NAMES: [(Health, &str); 6] = [
    (Health::NoData, "no_data"),
    (Health::Operational, "operational"),
    (Health::Degraded, "degraded"),
    (Health::PartialOutage, "partial_outage"),
    (Health::MajorOutage, "major_outage"),
    (Health::Maintenance, "maintenance"),
];

pub fn spell_row(id: &ServiceId, spell: Spell) -> HistorySpell {
    let name = NAMES.iter().find(|(health, _)| *health == spell.health);
    HistorySpell {
        service: id.0.clone(),
        health: name.map_or("no_data", |(_, name)| name).into(),
        since: spell.since,
        seen: spell.until,
    }
}

/// A name that a newer Muster has written says nothing here.
pub fn health(name: &str) -> Health {
    let found = NAMES.iter().find(|(_, known)| *known == name);
    found.map_or(Health::NoData, |(health, _)| *health)
}
