//! The maintenance windows as a calendar (RFC 5545).

use super::Words;
use crate::status::{
    place::Place,
    told::{Told, Window},
};
use domain::{Stage, Stamp};

/// So many octets are in a line, its end not counted.
const LINE: usize = 75;

pub fn document(told: &Told, w: &Words) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| fold(&mut out, &format!("{name}:{value}"));
    line("BEGIN", "VCALENDAR");
    line("VERSION", "2.0");
    line("PRODID", "-//Muster//Status//EN");
    line("CALSCALE", "GREGORIAN");
    line("METHOD", "PUBLISH");
    let name = w.fill(w.title, &told.site.name);
    line("X-WR-CALNAME", &text(&format!("{name}: {}", w.maintenance)));
    for window in &told.windows {
        event(told, window, w, &mut line);
    }
    line("END", "VCALENDAR");
    out
}

fn event(told: &Told, window: &Window, w: &Words, line: &mut impl FnMut(&str, &str)) {
    let url = format!(
        "{}{}",
        told.site.url,
        Place::Maintenance(window.key.clone()).path()
    );
    let changed = window.steps.last().map_or(window.announced, |s| s.at);
    line("BEGIN", "VEVENT");
    line("UID", &format!("{}@muster", window.id));
    // Every word of it is a revision.
    line(
        "SEQUENCE",
        &window.steps.len().saturating_sub(1).to_string(),
    );
    line("DTSTAMP", &instant(changed));
    line("LAST-MODIFIED", &instant(changed));
    line("DTSTART", &instant(window.begins));
    line("DTEND", &instant(window.ends));
    line("SUMMARY", &text(&window.title));
    let affected: Vec<_> = window.affected.iter().map(|a| a.name.as_str()).collect();
    let last = window.steps.last();
    let mut about = last.map_or_else(String::new, |s| {
        s.message
            .clone()
            .unwrap_or_else(|| w.stage_says(s.stage).to_owned())
    });
    if !affected.is_empty() {
        about = format!("{about}\n{}: {}", w.affects, affected.join(", "));
    }
    line("DESCRIPTION", &text(&about));
    line("URL", &url);
    let status = match window.stage {
        Stage::Cancelled => "CANCELLED",
        _ => "CONFIRMED",
    };
    line("STATUS", status);
    line("TRANSP", "TRANSPARENT");
    line("END", "VEVENT");
}

/// `20261129T220000Z`.
fn instant(at: Stamp) -> String {
    let text: String = at.rfc3339()[..19]
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    format!("{text}Z")
}

fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Long lines go on in the next one, after a space; never in the middle of a character.
fn fold(out: &mut String, line: &str) {
    let mut width = 0;
    for c in line.chars() {
        if width + c.len_utf8() > LINE {
            out.push_str("\r\n ");
            width = 1;
        }
        out.push(c);
        width += c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_too_long_and_no_character_is_cut() {
        let mut out = String::new();
        let long = format!(
            "SUMMARY:{}",
            text(&"Wartung, größer; \\ als\nsonst ".repeat(20))
        );
        fold(&mut out, &long);
        assert!(out.split("\r\n").all(|l| l.len() <= LINE));
        assert_eq!(out.replace("\r\n ", "").trim_end(), long.trim_end());
    }
}
