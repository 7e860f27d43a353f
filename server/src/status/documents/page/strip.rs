//! The strip of ninety days of a component: drawn, coded for the script, and in words.

use crate::status::{told::Component, words::Words};
use domain::{Health, Span, Stamp};

/// The strip of days as one line for each height: where it runs, dashes are the days.
pub fn runs(component: &Component, class: &str) -> String {
    let height = match class {
        "b" => "4",
        "w" => "15",
        "m" => "18",
        _ => "12",
    };
    let mut path = String::new();
    let mut day = 0;
    while day < component.days.len() {
        let run = component.days[day..]
            .iter()
            .take_while(|d| class_of(d.worst) == class)
            .count();
        if run > 0 {
            path += &format!("M{day} {height}h{run}");
        }
        day += run.max(1);
    }
    path
}

fn class_of(health: Health) -> &'static str {
    match health {
        Health::NoData => "n",
        Health::Operational => "o",
        Health::Degraded | Health::PartialOutage => "w",
        Health::MajorOutage => "b",
        Health::Maintenance => "m",
    }
}

/// The days as the script reads them: the number of a health and how many days in a row.
pub fn coded(component: &Component) -> String {
    let mut code = String::new();
    let mut day = 0;
    while let Some(first) = component.days.get(day) {
        let run = component.days[day..]
            .iter()
            .take_while(|d| d.worst == first.worst)
            .count();
        code += &format!("{}x{run} ", first.worst as usize);
        day += run;
    }
    code.trim_end().to_owned()
}

/// The strip in words.
pub fn summary(component: &Component, w: &Words) -> String {
    let seen = component
        .days
        .iter()
        .filter(|d| d.worst != Health::NoData)
        .count();
    match component.up {
        None => w.health(Health::NoData).to_owned(),
        // Today may not have been looked at for long enough to count.
        Some(up) if seen + 1 < component.days.len() => {
            let share = w.fill(w.available, &w.percent(up));
            let seen = match seen {
                1 => w.seen_day.to_owned(),
                seen => w.fill(w.seen_days, &seen.to_string()),
            };
            format!("{share} · {seen}")
        }
        Some(up) => w.fill(w.available, &w.percent(up)),
    }
}

/// A day on which it was not well, and its place in the strip.
pub struct Trouble {
    pub place: usize,
    pub date: String,
    pub says: String,
}

pub fn troubles(component: &Component, w: &Words) -> Vec<Trouble> {
    let bad = |h: Health| h.rank() >= Health::Degraded.rank();
    let days = component
        .days
        .iter()
        .enumerate()
        .filter(|(_, d)| bad(d.worst));
    days.map(|(place, day)| {
        let mut says = w.health(day.worst).to_owned();
        if day.down > 0 {
            let down = w.length(Span::secs(u64::from(day.down)));
            says += &format!(", {}", w.fill(w.down, &down));
        }
        if let Some(up) = day.up.filter(|_| day.down > 0) {
            says += &format!(", {}", w.fill(w.available, &w.percent(up)));
        }
        let begins = Stamp(i64::from(day.date) * 86_400_000_000);
        Trouble {
            place,
            date: begins.rfc3339()[..10].to_owned(),
            says,
        }
    })
    .collect()
}
