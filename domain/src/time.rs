//! Instants as microseconds since 1970 UTC, and lengths of time as the plan writes them (`30s`, `15m`, `1h 30m`).
//!
//! The browser folds the same events as the server, so this is all the calendar it gets: a date library would double
//! its download.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, time::Duration};

/// An instant, in microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Stamp(pub i64);

impl Stamp {
    pub fn plus(self, span: Span) -> Stamp {
        Stamp(self.0.saturating_add(span.micros()))
    }

    /// The time from `earlier` to here; nothing below zero.
    pub fn since(self, earlier: Stamp) -> Span {
        Span(Duration::from_micros(
            self.0.saturating_sub(earlier.0).max(0) as u64,
        ))
    }

    /// Year, month, day, hour, minute, second, microsecond in UTC.
    /// (Howard Hinnant's `civil_from_days`.)
    fn civil(self) -> (i64, i64, i64, i64, i64, i64, i64) {
        let (secs, micros) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        let (days, rest) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        (
            year,
            month,
            day,
            rest / 3600,
            rest % 3600 / 60,
            rest % 60,
            micros,
        )
    }

    pub fn year(self) -> i64 {
        self.civil().0
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-22T14:02:11.042Z`.
    pub fn rfc3339(self) -> String {
        let (y, mo, d, h, mi, s, us) = self.civil();
        format!(
            "{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{:03}Z",
            us / 1000
        )
    }

    /// `14:02:11` in UTC: what a page shows until the browser puts it in the reader's own zone.
    pub fn clock(self) -> String {
        let (_, _, _, h, mi, s, _) = self.civil();
        format!("{h:02}:{mi:02}:{s:02}")
    }

    /// `2026-11-22 14:02 UTC`.
    pub fn minute(self) -> String {
        let (y, mo, d, h, mi, ..) = self.civil();
        format!("{y:04}-{mo:02}-{d:02} {h:02}:{mi:02} UTC")
    }
}

/// A length of time. Written and read as `30s`, `15m`, `1h 30m`, `2d`; at most ten years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

impl Span {
    pub const fn secs(s: u64) -> Self {
        Span(Duration::from_secs(s))
    }
    pub const fn millis(ms: u64) -> Self {
        Span(Duration::from_millis(ms))
    }
    pub fn micros(self) -> i64 {
        i64::try_from(self.0.as_micros()).unwrap_or(i64::MAX)
    }
    pub fn as_secs(self) -> u64 {
        self.0.as_secs()
    }

    /// For a person, two units at most: `0.9 s`, `21.4 s`, `12 min`, `2 h 5 min`, `3 d`.
    pub fn human(self) -> String {
        // Not `as_millis`: dividing 128 bits costs the browser's download a kilobyte.
        let ms = self.0.subsec_millis();
        let s = self.0.as_secs();
        match s {
            0 if ms < 100 => format!("{ms} ms"),
            0..60 => format!("{}.{} s", s, ms / 100),
            60..3600 => format!("{} min", s / 60),
            3600..86_400 if s % 3600 >= 60 => format!("{} h {} min", s / 3600, s % 3600 / 60),
            3600..86_400 => format!("{} h", s / 3600),
            _ => format!("{} d", s / 86_400),
        }
    }

    /// As a plan writes it: `20 min`, `1 h`, `0 s` is said as "at once" by the caller.
    pub fn words(self) -> String {
        let s = self.0.as_secs();
        match s {
            0 => "at once".into(),
            s if s % 86_400 == 0 => format!("{} d", s / 86_400),
            s if s % 3600 == 0 => format!("{} h", s / 3600),
            s if s % 60 == 0 => format!("{} min", s / 60),
            s => format!("{s} s"),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl std::str::FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        const MOST: Duration = Duration::from_secs(10 * 366 * 86_400);
        match humantime::parse_duration(text.trim()) {
            Ok(d) if d <= MOST => Ok(Span(d)),
            Ok(_) => Err(format!("`{text}` is longer than ten years")),
            Err(_) => Err(format!(
                "`{text}` is not a length of time; write a number and a unit, such as 30s, 15m, 1h or 2d"
            )),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        // The browser only reads what a server wrote; a reader of all that people may write would cost it some kilobytes.
        #[cfg(target_arch = "wasm32")]
        return written(&text).ok_or_else(|| serde::de::Error::custom(""));
        #[cfg(not(target_arch = "wasm32"))]
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Reads what [`Span`]'s `Display` writes: `1h 30m`, `2days`.
#[cfg(any(target_arch = "wasm32", test))]
fn written(text: &str) -> Option<Span> {
    let mut nanos = 0_u64;
    for part in text.split(' ') {
        let unit = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: u64 = part[..part.len() - unit.len()].parse().ok()?;
        let one: u64 = match unit.trim_end_matches('s') {
            "year" => 31_557_600_000_000_000,
            "month" => 2_630_016_000_000_000,
            "day" => 86_400_000_000_000,
            "h" => 3_600_000_000_000,
            "m" if unit == "m" => 60_000_000_000,
            "" => 1_000_000_000,
            "m" => 1_000_000,
            "u" => 1_000,
            "n" => 1,
            _ => return None,
        };
        nanos = nanos.checked_add(number.checked_mul(one)?)?;
    }
    Some(Span(Duration::from_nanos(nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_of_a_length_of_time_is_read_by_the_browser() {
        for nanos in [0, 1, 999, 1_000, 1_500_000, 2_000_000_000, 90_000_000_000] {
            let span = Span(Duration::from_nanos(nanos));
            assert_eq!(written(&span.to_string()), Some(span), "{span}");
        }
        for secs in [
            60, 3_661, 86_400, 200_000, 2_700_000, 40_000_000, 99_999_999,
        ] {
            let span = Span::secs(secs);
            assert_eq!(written(&span.to_string()), Some(span), "{span}");
        }
        assert_eq!(written("15 min"), None);
        assert_eq!(written(""), None);
    }

    #[test]
    fn an_instant_is_written_as_rfc3339_in_utc() {
        assert_eq!(Stamp(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            Stamp(951_782_400_000_000).rfc3339(),
            "2000-02-29T00:00:00.000Z"
        );
        assert_eq!(
            Stamp(1_763_820_131_042_999).rfc3339(),
            "2025-11-22T14:02:11.042Z"
        );
        assert_eq!(Stamp(-1).rfc3339(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_length_of_time_says_what_is_wrong_with_it() {
        assert_eq!("1h 30m".parse::<Span>(), Ok(Span::secs(5400)));
        assert!("-5m".parse::<Span>().is_err());
        assert!("30".parse::<Span>().is_err());
        assert!("900000000h".parse::<Span>().is_err());
    }

    #[test]
    fn lengths_are_said_in_at_most_two_units() {
        assert_eq!(Span::millis(911).human(), "0.9 s");
        assert_eq!(Span::millis(21_400).human(), "21.4 s");
        assert_eq!(Span::secs(7500).human(), "2 h 5 min");
    }
}
