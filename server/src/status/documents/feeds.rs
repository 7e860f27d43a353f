//! Atom, RSS and JSON Feed: one entry an incident, under its own address, renewed with every update.

use super::{Words, xml};
use crate::status::{
    place::Place,
    told::{Id, Incident, Told},
};
use askama::Template;
use domain::Stamp;
use serde_json::json;
use sha2::{Digest, Sha256};

/// So many incidents are in a feed.
const ENTRIES: usize = 25;

#[derive(Template)]
#[template(path = "status/history.atom.xml")]
struct Atom<'a> {
    feed: Feed<'a>,
}

#[derive(Template)]
#[template(path = "status/history.rss.xml")]
struct Rss<'a> {
    feed: Feed<'a>,
}

struct Feed<'a> {
    id: String,
    title: String,
    about: String,
    name: String,
    home: String,
    url: &'a str,
    language: &'static str,
    updated: Stamp,
    entries: Vec<Entry>,
}

struct Entry {
    id: String,
    title: String,
    url: String,
    published: Stamp,
    updated: Stamp,
    html: String,
}

#[derive(Template)]
#[template(path = "status/entry.html")]
struct Content<'a> {
    w: &'static Words,
    incident: &'a Incident,
}

pub fn atom(told: &Told, w: &'static Words) -> askama::Result<String> {
    Atom {
        feed: feed(told, w)?,
    }
    .render()
}

pub fn rss(told: &Told, w: &'static Words) -> askama::Result<String> {
    Rss {
        feed: feed(told, w)?,
    }
    .render()
}

pub fn json(told: &Told, w: &'static Words) -> askama::Result<String> {
    let feed = feed(told, w)?;
    let items = feed.entries.iter().map(|entry| {
        json!({
            "id": entry.id,
            "url": entry.url,
            "title": entry.title,
            "content_html": entry.html,
            "date_published": entry.published.rfc3339(),
            "date_modified": entry.updated.rfc3339(),
        })
    });
    let document = json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "description": feed.about,
        "home_page_url": feed.home,
        "feed_url": format!("{}{}", feed.url, Place::Json.path()),
        "language": feed.language,
        "authors": [{ "name": feed.name }],
        "items": items.collect::<Vec<_>>(),
    });
    Ok(document.to_string())
}

fn feed<'a>(told: &'a Told, w: &'static Words) -> askama::Result<Feed<'a>> {
    let url = &told.site.url;
    let last = told.incidents.iter().map(Incident::updated).max();
    let entries = told.incidents.iter().take(ENTRIES).map(|incident| {
        let content = Content { w, incident }.render()?;
        Ok(Entry {
            id: urn(&incident.id),
            title: xml(&incident.title),
            url: format!("{url}{}", Place::Incident(incident.number.clone()).path()),
            published: incident.declared,
            updated: incident.updated(),
            html: xml(&content),
        })
    });
    Ok(Feed {
        id: urn(&Id::of("feed", &told.site.url)),
        title: xml(&w.fill(w.title, &told.site.name)),
        about: xml(&w.fill(w.about, &told.site.name)),
        name: xml(&told.site.name),
        home: format!("{url}{}", Place::Now.path()),
        url,
        language: w.language,
        updated: last.unwrap_or(told.began),
        entries: entries.collect::<askama::Result<_>>()?,
    })
}

/// A name for good that needs nobody's domain.
fn urn(id: &Id) -> String {
    let hash = Sha256::digest(id.to_string());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .urn()
        .to_string()
}

/// An instant as RSS writes it.
fn rfc2822(at: &Stamp) -> String {
    let instant = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&instant)
        .unwrap_or_default()
}
