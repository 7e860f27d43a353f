//! `rotations.yaml`: who is on call in which week.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr};

/// A weekly rotation: the first member is on call from the first handover on or after `starts`, each further one from the
/// next, round and round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    pub id: String,
    pub name: String,
    /// Contacts by their role in `contacts.yaml`.
    pub members: Vec<String>,
    /// A date: `2026-11-23`.
    pub starts: String,
    /// When the week changes hands: `mon 09:00`.
    pub handover: Handover,
    /// IANA name: `Europe/Vienna`.
    pub timezone: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handover {
    pub day: Weekday,
    pub at: TimeOfDay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    pub const ALL: [Weekday; 7] = [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
    ];
    pub fn id(self) -> &'static str {
        match self {
            Weekday::Mon => "mon",
            Weekday::Tue => "tue",
            Weekday::Wed => "wed",
            Weekday::Thu => "thu",
            Weekday::Fri => "fri",
            Weekday::Sat => "sat",
            Weekday::Sun => "sun",
        }
    }
}

/// A time of day on a clock on the wall: `09:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    pub hour: u8,
    pub minute: u8,
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl FromStr for TimeOfDay {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let two = |s: &str| {
            let digits = s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
            s.parse::<u8>().ok().filter(|_| digits)
        };
        text.split_once(':')
            .and_then(|(hour, minute)| {
                Some(TimeOfDay {
                    hour: two(hour).filter(|h| *h < 24)?,
                    minute: two(minute).filter(|m| *m < 60)?,
                })
            })
            .ok_or_else(|| {
                format!("`{text}` is not a time of day; write it in quotes as \"09:00\"")
            })
    }
}

impl fmt::Display for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.day.id(), self.at)
    }
}

impl FromStr for Handover {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once(' ')
            .and_then(|(day, at)| {
                Some(Handover {
                    day: Weekday::ALL.into_iter().find(|d| d.id() == day)?,
                    at: at.parse().ok()?,
                })
            })
            .ok_or_else(|| {
                format!("`{text}` is not a handover; write a day and a time, such as mon 09:00")
            })
    }
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

as_text! { TimeOfDay Handover }
