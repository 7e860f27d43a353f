//! Ninety days of a service at a glance: one picture with one place for the keyboard, a share, and what flaps.

use crate::{
    facts,
    node::{El, Node, div, el, li, p, span, ul},
    page::Page,
    parts::{card, count, dim, link, state},
};
use domain::{
    Health, Span, Stamp,
    history::{Day, FLAPPING, History, uptime},
    plan::Service,
    words::Icon,
};

/// More services than this are not shown with their days on the board: those with trouble are.
const ROWS: usize = 24;

/// The board's card.
pub fn board(page: &Page) -> El {
    let all: Vec<Row<'_>> = page
        .plan
        .services
        .iter()
        .map(|s| Row::of(page, s))
        .collect();
    let mut shown: Vec<&Row<'_>> = all.iter().collect();
    if all.len() > ROWS {
        // The worst first; equals as the plan has them.
        shown.sort_by(|a, b| b.flaps.cmp(&a.flaps).then(a.share().total_cmp(&b.share())));
        shown.truncate(ROWS);
    }
    let rest = all.len() - shown.len();
    let rest = (rest > 0).then(|| {
        p().class("small dim").put(format!(
            "The {ROWS} with the most trouble; {rest} others did better. Each service has its days on its own page."
        ))
    });
    let list = ul()
        .class("plain days")
        .all(shown.into_iter().map(Row::draw));
    card(
        "Last 90 days",
        dim("UTC days"),
        vec![Node::from(list), rest.into()],
    )
}

struct Row<'a> {
    service: &'a Service,
    days: Vec<Day>,
    /// Changes in the last hour, where there are enough of them.
    flaps: usize,
    today: u32,
}

impl Row<'_> {
    fn of<'a>(page: &Page, service: &'a Service) -> Row<'a> {
        let none = History::default();
        let history = page.measured.histories.get(&service.id).unwrap_or(&none);
        let days = history.days(page.now);
        let lately = history.lately(page.now);
        Row {
            service,
            flaps: if lately >= FLAPPING { lately } else { 0 },
            today: days.last().map_or(0, |d| d.changes),
            days,
        }
    }

    /// What has no data is no better than what was always up, and no worse.
    fn share(&self) -> f64 {
        uptime(&self.days).unwrap_or(1.0)
    }

    fn draw(&self) -> El {
        let name = link(address(self.service), self.service.name.clone());
        let changes = changes(self.flaps, self.today);
        li().put(div().class("grow").put(name).put(changes))
            .put(strip(&self.days))
            .put(el("b").class("share").put(percent(&self.days)))
    }
}

pub fn address(service: &Service) -> String {
    format!("/services/{}", service.id)
}

/// "6 changes in the last hour: flapping", or how many today.
pub fn changes(flaps: usize, today: u32) -> Option<El> {
    if flaps > 0 {
        let rule = format!("Flapping: {FLAPPING} or more changes of state within an hour");
        let says = format!("flapping: {} in the last hour", count(flaps, "change"));
        return Some(div().set("title", rule).put(state(Icon::Warn, says)));
    }
    let today = today as usize;
    (today > 1).then(|| div().put(dim(format!("{} today", count(today, "change")))))
}

/// "99.95 %", or that there is none.
pub fn percent(days: &[Day]) -> String {
    match uptime(days) {
        // What is not whole is never rounded up to it.
        Some(share) => {
            let hundredths = (share * 10_000.0).floor() / 100.0;
            match hundredths >= 100.0 {
                true => "100 %".replace(' ', "\u{a0}"),
                false => format!("{hundredths:.2}\u{a0}%"),
            }
        }
        None => "no data".into(),
    }
}

/// The class of a day's colour; a state is a height as well.
fn tone(health: Health) -> (&'static str, u32) {
    match health {
        Health::NoData => ("none", 3),
        Health::Operational => ("ok", 10),
        Health::Maintenance => ("info", 10),
        Health::Degraded => ("degraded", 14),
        Health::PartialOutage => ("warn", 18),
        Health::MajorOutage => ("bad", 24),
    }
}

/// The days as one picture: a bar a day, taller the worse, so that colour is not needed to read it. Days alike are one
/// stroke, so that a good quarter is a line of text.
pub fn strip(days: &[Day]) -> El {
    const TALL: u32 = 24;
    let mut runs: Vec<(Health, usize, usize)> = Vec::new();
    for (n, day) in days.iter().enumerate() {
        let worst = day.worst();
        match runs.last_mut() {
            Some((health, _, length)) if *health == worst => *length += 1,
            _ => runs.push((worst, n, 1)),
        }
    }
    let bars = runs.into_iter().map(|(health, from, length)| {
        let (class, height) = tone(health);
        // One dash a day.
        el("path")
            .set("class", class)
            .set(
                "d",
                format!("M{} {}h{}", from * 4, TALL - height / 2, length * 4 - 1),
            )
            .set("stroke-width", height.to_string())
    });
    el("svg")
        .set("class", "strip")
        .set("viewBox", format!("0 0 {} {TALL}", days.len() * 4 - 1))
        .set("preserveAspectRatio", "none")
        .set("role", "img")
        .set("tabindex", "0")
        .set("aria-label", in_words(days))
        .all(bars)
}

/// What the picture says, for those who hear it.
pub fn in_words(days: &[Day]) -> String {
    let bad = days.iter().filter(|d| trouble(d));
    let told: Vec<String> = bad.clone().rev().take(5).map(say).collect();
    let more = bad.count().saturating_sub(told.len());
    let share = match uptime(days) {
        Some(_) => format!("{} up over {} days", percent(days), days.len()),
        None => format!("No data of the last {} days", days.len()),
    };
    match (told.is_empty(), more) {
        (true, _) if uptime(days).is_none() => share,
        (true, _) => format!("{share}; no trouble"),
        (false, 0) => format!("{share}; {}", told.join("; ")),
        (false, n) => format!(
            "{share}; {}; and {} before",
            told.join("; "),
            count(n, "day")
        ),
    }
}

pub fn trouble(day: &Day) -> bool {
    [Health::Degraded, Health::PartialOutage, Health::MajorOutage]
        .into_iter()
        .any(|health| day.of(health) > 0)
}

/// "3 Mar: major outage 12 min, degraded 5 min".
fn say(day: &Day) -> String {
    format!("{}: {}", date(day.begins()), parts(day))
}

/// "3 Mar" of UTC.
pub fn date(at: Stamp) -> String {
    let distant = Stamp(at.0 + 86_400_000_000 * 2);
    let text = crate::parts::wall(at, distant);
    // Without the time, which is midnight.
    text.trim_end_matches(" 00:00").to_owned()
}

/// How long what was seen of a day, the worst first.
pub fn parts(day: &Day) -> String {
    let all = [
        Health::MajorOutage,
        Health::PartialOutage,
        Health::Degraded,
        Health::Maintenance,
    ];
    let part = |health: Health| {
        let seconds = day.of(health);
        let length = facts::words(Span::secs(u64::from(seconds)));
        (seconds > 0).then(|| format!("{} {length}", health.words().to_lowercase()))
    };
    let parts: Vec<String> = all.into_iter().filter_map(part).collect();
    parts.join(", ")
}

/// What each bar means.
pub fn legend() -> El {
    let one = |health: Health| {
        let (class, _) = tone(health);
        span()
            .put(
                el("svg")
                    .set("class", "strip key")
                    .set("viewBox", "0 0 3 24")
                    .set("aria-hidden", "true")
                    .put(
                        el("path")
                            .set("class", class)
                            .set("d", format!("M0 {}h3", 24 - tone(health).1 / 2))
                            .set("stroke-width", tone(health).1.to_string()),
                    ),
            )
            .put(health.words())
    };
    let all = [
        Health::Operational,
        Health::Degraded,
        Health::PartialOutage,
        Health::MajorOutage,
        Health::Maintenance,
        Health::NoData,
    ];
    p().class("small dim legend").all(all.map(one))
}
