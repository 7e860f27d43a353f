//! Instants as people read them: in the reader's own zone, with UTC at hand.

use crate::{
    node::{El, el},
    room::Room,
};
use domain::Stamp;

/// `<time datetime=… title=UTC>`: in UTC as the server writes it; the browser puts it in the reader's zone.
pub fn when(at: Stamp) -> El {
    let utc = at.rfc3339();
    let title = format!("{} {} UTC", &utc[..10], &utc[11..19]);
    // The browser may differ from the server here: taking over, it keeps the text that it finds, and then puts every
    // `<time>` in the reader's zone.
    let says = wall(local(at), local(Room::here().page().now));
    el("time")
        .set("datetime", utc)
        .set("title", title)
        .put(says)
}

/// The time of day; with the day where that is not today.
pub fn wall(local: Stamp, today: Stamp) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (local, today) = (local.rfc3339(), today.rfc3339());
    if local[..10] == today[..10] {
        return local[11..19].to_owned();
    }
    let month = local[5..7]
        .parse::<usize>()
        .map_or("", |m| MONTHS[(m + 11) % 12]);
    let day = local[8..10].trim_start_matches('0');
    let year = if local[..4] == today[..4] {
        String::new()
    } else {
        format!("{} ", &local[..4])
    };
    format!("{day} {month} {year}{}", &local[11..16])
}

/// An instant moved by the reader's distance from UTC, so that its UTC fields read as local time. The server's reader is
/// in UTC.
#[cfg(not(target_arch = "wasm32"))]
pub fn local(at: Stamp) -> Stamp {
    at
}

#[cfg(target_arch = "wasm32")]
pub fn local(at: Stamp) -> Stamp {
    let date = js_sys::Date::new(&(at.0 as f64 / 1000.0).into());
    Stamp(at.0 - (date.get_timezone_offset() * 60e6) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_named_where_it_is_not_today() {
        let now = Stamp(1_795_356_131_000_000);
        let days = |n: i64| Stamp(now.0 - n * 86_400_000_000);
        assert_eq!(wall(now, now), "14:02:11");
        assert_eq!(wall(days(1), now), "21 Nov 14:02");
        assert_eq!(wall(days(400), now), "18 Oct 2025 14:02");
    }
}
