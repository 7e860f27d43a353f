//! `status.yaml`: colours that can be read, a picture that is small, addresses that lead somewhere. (That the picture is
//! one, and only that, is judged by the loader.)

use super::{Findings, words};
use crate::plan::{Accent, Plan};

/// What the logo may add to every page.
const LARGEST_LOGO: usize = 3 * 1024;
/// WCAG 2.2, 1.4.3: contrast of text.
const READABLE: f64 = 4.5;

pub(super) fn status(plan: &Plan, f: &mut Findings) {
    let status = &plan.status;
    if let Some(name) = &status.name {
        f.line("status.name", name, "the name on the status page");
    }
    if let Some(url) = &status.url
        && !words::url(url, &["http", "https"]).is_some_and(|parts| matches!(parts.path, "" | "/"))
    {
        f.add(
            "status.url",
            url,
            "this is where people reach the status page, without a path: https://status.example.org",
        );
    }
    if let Some(logo) = &status.logo
        && logo.len() > LARGEST_LOGO
    {
        let says = format!(
            "the logo is {} bytes large and part of every page; draw one of at most {LARGEST_LOGO}",
            logo.len()
        );
        f.add("status.logo", "logo", says);
    }
    if let Some(accent) = &status.accent {
        let [light, dark] = Accent::ON;
        colour("status.accent.light", &accent.light, light, f);
        colour("status.accent.dark", &accent.dark, dark, f);
    }
    for (i, language) in status.languages.iter().enumerate() {
        if status.languages[..i].contains(language) {
            f.add(
                format!("status.languages[{i}]"),
                language.id(),
                "this language is already here; write each once",
            );
        }
    }
    for (number, url) in &status.postmortems {
        let at = format!("status.postmortems.{number}");
        if number.parts().is_none() {
            f.add(
                &at,
                number,
                "this is an incident's number, such as INC-2026-001",
            );
        }
        if words::url(url, &["http", "https"]).is_none() {
            f.add(
                at,
                url,
                "this is where the postmortem can be read: https://example.org/postmortems/1",
            );
        }
    }
}

fn colour(at: &str, text: &str, ground: &str, f: &mut Findings) {
    let (Some(ours), Some(under)) = (luminance(text), luminance(ground)) else {
        return f.add(
            at,
            text,
            "a colour is written as six hexadecimal digits, such as #1257c9",
        );
    };
    let contrast = (ours.max(under) + 0.05) / (ours.min(under) + 0.05);
    if contrast < READABLE {
        let says = format!(
            "links of this colour cannot be read on {ground}: the contrast is {contrast:.1}, and must be {READABLE} or more"
        );
        f.add(at, text, says);
    }
}

/// Relative luminance as WCAG defines it; nothing where this is no colour.
fn luminance(colour: &str) -> Option<f64> {
    let digits = colour.strip_prefix('#').filter(|d| d.len() == 6)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let part = |at: usize| {
        let part = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).ok()?) / 255.0;
        Some(if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        })
    };
    Some(0.2126 * part(0)? + 0.7152 * part(2)? + 0.0722 * part(4)?)
}
