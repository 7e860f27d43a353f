//! Everything public, rendered and packed: one immutable map from path to bytes. A request takes what is there; nothing is
//! rendered, read or waited for on its way.

use super::{
    documents::{Document, Kind, Look, render, stands},
    place::{Form, OWN_PAGES, Place},
    told::Told,
    words::month_of,
};
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};
use domain::plan::Language;
use sha2::{Digest, Sha256};
use std::{collections::HashMap, io::Write, sync::Arc};

/// A document as it goes over the wire, in each encoding.
pub struct Packed {
    pub tag: HeaderValue,
    /// Plain, br, gzip: the head and the body of each.
    pub forms: [(HeaderMap, Bytes); 3],
    hash: [u8; 32],
}

pub enum Entry {
    One(Arc<Packed>),
    /// In the order of the plan's languages.
    Each(Vec<(Language, Arc<Packed>)>),
    /// It is read elsewhere.
    Moved(HeaderValue),
}

pub struct Published {
    pub entries: HashMap<String, Entry>,
    pub nowhere: Entry,
    pub languages: Vec<Language>,
    told: Arc<Told>,
}

impl Published {
    /// All of what is told. What is as it was before is taken over as it is.
    pub fn of(told: Arc<Told>, look: &Look, before: Option<&Published>) -> Published {
        let site = &told.site;
        let languages = site.languages.clone();
        let mut entries = HashMap::new();
        let mut nowhere = Entry::Each(Vec::new());
        for place in Place::all(&told) {
            let path = place.path();
            let old = before.and_then(|b| b.entry(&path));
            let same = before.is_some_and(|b| stands(&place, &b.told, &told));
            let pack = |language: Language| {
                let old = old.and_then(|old| old.of(language));
                match old {
                    Some(old) if same => old.clone(),
                    _ => packed(&render(&place, &told, language, Form::Served, look), old),
                }
            };
            let entry = if place.speaks() {
                Entry::Each(languages.iter().map(|l| (*l, pack(*l))).collect())
            } else {
                Entry::One(pack(languages.first().copied().unwrap_or(Language::En)))
            };
            if place == Place::Nowhere {
                nowhere = entry;
            } else {
                entries.insert(path, entry);
            }
        }
        for incident in told.incidents.iter().skip(OWN_PAGES) {
            let month = Place::Month(month_of(incident.declared));
            let to = format!("{}#{}", month.path(), incident.number);
            if let Ok(to) = HeaderValue::from_str(&to) {
                let path = Place::Incident(incident.number.clone()).path();
                entries.insert(path, Entry::Moved(to));
            }
        }
        Published {
            entries,
            nowhere,
            languages,
            told,
        }
    }

    /// Whether something is published under this path.
    pub fn has(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }

    pub fn told(&self) -> &Arc<Told> {
        &self.told
    }

    fn entry(&self, path: &str) -> Option<&Entry> {
        match path {
            "" => Some(&self.nowhere),
            path => self.entries.get(path),
        }
    }
}

impl Entry {
    pub fn of(&self, language: Language) -> Option<&Arc<Packed>> {
        match self {
            Entry::One(packed) => Some(packed),
            Entry::Each(all) => {
                let own = all.iter().find(|(l, _)| *l == language);
                own.or(all.first()).map(|(_, packed)| packed)
            }
            Entry::Moved(_) => None,
        }
    }
}

fn packed(document: &Document, old: Option<&Arc<Packed>>) -> Arc<Packed> {
    let mut hash = Sha256::new();
    hash.update(&document.body);
    hash.update(document.policy.as_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    if let Some(old) = old.filter(|old| old.hash == hash) {
        return old.clone();
    }
    let tag = format!("W/\"{}\"", hex::encode(&hash[..8]));
    let tag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("W/\"\""));
    let plain = &document.body;
    let head = head(document, &tag);
    let with = |encoding: &'static str| {
        let mut head = head.clone();
        if !encoding.is_empty() {
            head.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        head
    };
    Arc::new(Packed {
        tag,
        forms: [
            (with(""), Bytes::copy_from_slice(plain)),
            (with("br"), br(plain).into()),
            (with("gzip"), gzip(plain).into()),
        ],
        hash,
    })
}

/// What is said of a document whatever its encoding.
fn head(document: &Document, tag: &HeaderValue) -> HeaderMap {
    let mut head = HeaderMap::with_capacity(10);
    let mut say = |name: HeaderName, value: &'static str| {
        head.insert(name, HeaderValue::from_static(value));
    };
    say(header::CONTENT_TYPE, document.kind.content_type());
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(header::REFERRER_POLICY, "same-origin");
    match document.kind {
        Kind::Nowhere => say(header::CACHE_CONTROL, "no-store"),
        _ => say(header::CACHE_CONTROL, "public, max-age=0, must-revalidate"),
    }
    if document.kind.is_page() {
        say(header::VARY, "accept-encoding, accept-language");
    } else {
        say(header::VARY, "accept-encoding");
        // Programs of any site may read it, and see whether it has changed.
        say(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        say(header::ACCESS_CONTROL_EXPOSE_HEADERS, "etag");
    }
    if let Ok(policy) = HeaderValue::from_str(&document.policy) {
        head.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    head.insert(header::ETAG, tag.clone());
    head
}

fn br(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // Into memory: this cannot fail.
    let mut writer = brotli::CompressorWriter::new(&mut out, 4096, 5, 20);
    let _ = writer.write_all(plain);
    drop(writer);
    out
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let _ = writer.write_all(plain);
    writer.finish().unwrap_or_default()
}
