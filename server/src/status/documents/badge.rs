//! A small picture of the state of things, for a readme.

use super::{Words, page::headline};
use crate::status::told::Told;
use askama::Template;
use domain::words::Icon;

#[derive(Template)]
#[template(path = "status/badge.svg")]
struct Badge {
    title: String,
    name: &'static str,
    says: &'static str,
    colour: &'static str,
    /// Where the second part begins, and how wide it is.
    left: usize,
    right: usize,
}

pub fn document(told: &Told, w: &'static Words) -> askama::Result<String> {
    let (title, icon) = headline(told, w);
    let says = match icon {
        Icon::Ok => w.health[1],
        Icon::Bad => w.major,
        Icon::Warn => w.degraded,
        Icon::Run => w.maintained,
        _ => w.health[0],
    };
    let colour = match icon {
        Icon::Ok => "#1a7f4b",
        Icon::Bad => "#c62828",
        Icon::Warn => "#8a5200",
        Icon::Run => "#1257c9",
        _ => "#5b6570",
    };
    let name = "status";
    Badge {
        title,
        name,
        says,
        colour,
        left: width(name),
        right: width(says),
    }
    .render()
}

/// Near enough for the fonts that draw it.
fn width(text: &str) -> usize {
    text.chars().count() * 7 + 12
}
