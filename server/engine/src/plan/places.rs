//! Where everything stands in a file: a tree of its keys, items and values with their lines and columns.

use super::decode::Wrong;
use serde_saphyr::granit_parser::{ErrorKind, Event, Parser, ScanError, Span, options};
use std::collections::HashMap;

/// A line and a column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Default for Place {
    fn default() -> Self {
        Place { line: 1, column: 1 }
    }
}

impl From<&Span> for Place {
    fn from(span: &Span) -> Self {
        Place {
            line: span.start.line(),
            column: span.start.col() + 1,
        }
    }
}

/// How a node is reached from the one around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Key(String),
    Item(usize),
}

/// The tree. Its size is that of the file: paths are walked, never stored.
pub(super) struct Places {
    /// Where to point for each node: at a value itself; for a mapping or list under a key at that key.
    nodes: Vec<Place>,
    children: HashMap<(usize, Step), usize>,
    /// Keys and values as they were written.
    texts: HashMap<Place, String>,
    /// The mapping that the key at a place is in.
    keys: HashMap<Place, usize>,
}

const DEEPEST: usize = 32;
const MOST_NODES: usize = 100_000;
/// Aliases unfold to no more than a few files of the largest size could hold.
const MOST_UNFOLDED: usize = 4 << 20;

/// A collection that is being read.
struct Open {
    node: usize,
    kind: Kind,
    /// What it comes to with all aliases in it unfolded, so far; and the anchor under which others may repeat it.
    unfolded: usize,
    anchor: usize,
}

enum Kind {
    List {
        next: usize,
    },
    /// With the key whose value comes next.
    Map {
        key: Option<(String, Place)>,
    },
}

impl Places {
    /// Takes a file apart. Refuses what a plan never needs: several documents, tags, keys that are not words, depth.
    pub fn of(text: &str) -> Result<Places, Wrong> {
        let mut places = Places {
            nodes: Vec::new(),
            children: HashMap::new(),
            texts: HashMap::new(),
            keys: HashMap::new(),
        };
        let mut open: Vec<Open> = Vec::new();
        let mut anchored: HashMap<usize, usize> = HashMap::new();
        let (mut documents, mut unfolded) = (0, 0_usize);
        let mut options =
            options! { flow_nesting_limit: DEEPEST * 2, block_nesting_limit: DEEPEST * 2 };
        options.set_emit_comments(false);
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event.map_err(|e| syntax(text, &e))?;
            let place = Place::from(&span);
            let refuse = |says| Err(Wrong::new(place, &word_at(text, place), says));
            let (scalar, kind, anchor, tagged) = match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    match documents {
                        1 => continue,
                        _ => {
                            return refuse(
                                "a second document begins here; a file of a plan holds one",
                            );
                        }
                    }
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(done) = open.pop() {
                        anchored.insert(done.anchor, done.unfolded);
                        open.last_mut().into_iter().for_each(|around| {
                            around.unfolded = around.unfolded.saturating_add(done.unfolded)
                        });
                    }
                    continue;
                }
                Event::Scalar(value, _, anchor, tag) => (Some(value), None, anchor, tag.is_some()),
                Event::Alias(anchor) => (None, None, anchor, false),
                Event::SequenceStart(_, anchor, tag) => {
                    (None, Some(Kind::List { next: 0 }), anchor, tag.is_some())
                }
                Event::MappingStart(_, anchor, tag) => {
                    (None, Some(Kind::Map { key: None }), anchor, tag.is_some())
                }
                _ => continue,
            };
            if tagged {
                let tag = span.tag_span().and_then(|t| t.slice(text)).unwrap_or("!");
                return Err(Wrong::new(
                    span.tag_span().map_or(place, |t| Place::from(&t)),
                    tag,
                    "a plan needs no tags; take it away",
                ));
            }
            if places.nodes.len() >= MOST_NODES {
                return refuse("this file holds more than 100,000 values; no part of a plan does");
            }
            if open.len() >= DEEPEST {
                return refuse("this is nested more than 32 deep; no part of a plan is");
            }
            let size = match &scalar {
                Some(value) => value.len() + 1,
                None if kind.is_some() => 1,
                None => anchored.get(&anchor).copied().unwrap_or(1),
            };
            unfolded = unfolded.saturating_add(size);
            if unfolded > MOST_UNFOLDED {
                return refuse(
                    "with this the file unfolds to more than a plan can be; write the values themselves in place of aliases",
                );
            }
            if scalar.is_some() {
                anchored.insert(anchor, size);
            }
            let around = open.last_mut().map(|around| {
                // A collection counts when it is over.
                around.unfolded =
                    around
                        .unfolded
                        .saturating_add(if kind.is_some() { 0 } else { size });
                (around.node, &mut around.kind)
            });
            let (parent, step, of_key) = match around {
                None => (0, None, None),
                Some((node, Kind::List { next })) => {
                    *next += 1;
                    (node, Some(Step::Item(*next - 1)), None)
                }
                Some((node, Kind::Map { key })) => match key.take() {
                    Some((name, at)) => (node, Some(Step::Key(name)), Some(at)),
                    None => {
                        let Some(name) = scalar else {
                            return refuse(
                                "a key is a word; a list, a mapping or an alias cannot be one",
                            );
                        };
                        places.texts.insert(place, name.to_string());
                        places.keys.insert(place, node);
                        *key = Some((name.into_owned(), place));
                        continue;
                    }
                },
            };
            let written = scalar.is_some() && span.end.index() > span.start.index();
            let place = match of_key {
                Some(at) if kind.is_some() || (scalar.is_some() && !written) => at,
                _ => place,
            };
            let id = places.nodes.len();
            places.nodes.push(place);
            if let Some(step) = step {
                places.children.insert((parent, step), id);
            }
            if let Some(value) = scalar.filter(|_| written) {
                places.texts.insert(place, value.into_owned());
            }
            if let Some(kind) = kind {
                open.push(Open {
                    node: id,
                    kind,
                    unfolded: 1,
                    anchor,
                });
            }
        }
        // A file starts at its start, whatever comments stand before the first key.
        match places.nodes.first_mut() {
            Some(root) => *root = Place::default(),
            None => {
                return Err(Wrong::new(
                    Place::default(),
                    "",
                    "the file is empty; write its part of the plan, or take the file away",
                ));
            }
        }
        Ok(places)
    }

    /// The place of a path (`[3].depends_on[0]`, `rto[0].within`); of the nearest thing around it where it is not written.
    pub fn at(&self, path: &str) -> Place {
        let (mut node, mut rest) = (0, path);
        'walk: while !rest.is_empty() {
            if let Some((index, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
                let child = index
                    .parse()
                    .ok()
                    .and_then(|i| self.children.get(&(node, Step::Item(i))));
                let Some(&child) = child else { break };
                (node, rest) = (child, after);
                continue;
            }
            // A key may itself hold dots and brackets: the longest that is there.
            let keyed = rest.strip_prefix('.').unwrap_or(rest);
            let ends = keyed
                .char_indices()
                .filter(|(i, c)| *i > 0 && matches!(c, '.' | '['))
                .map(|(i, _)| i);
            let mut ends: Vec<usize> = ends.chain([keyed.len()]).collect();
            while let Some(end) = ends.pop() {
                if let Some(&child) = self
                    .children
                    .get(&(node, Step::Key(keyed[..end].to_owned())))
                {
                    (node, rest) = (child, &keyed[end..]);
                    continue 'walk;
                }
            }
            break;
        }
        self.nodes.get(node).copied().unwrap_or_default()
    }

    /// The place of a key of the file's own mapping.
    pub fn key(&self, name: &str) -> Option<Place> {
        self.keys
            .iter()
            .find(|(place, node)| **node == 0 && self.texts.get(place).is_some_and(|t| t == name))
            .map(|(place, _)| *place)
    }

    /// The key or value at a place, as it was meant.
    pub fn text(&self, place: Place) -> Option<&str> {
        self.texts.get(&place).map(String::as_str)
    }

    /// Where the mapping begins that the key at `place` is in.
    pub fn around(&self, place: Place) -> Place {
        self.keys
            .get(&place)
            .map_or(place, |node| self.nodes[*node])
    }
}

/// What is not YAML, in words.
fn syntax(text: &str, error: &ScanError) -> Wrong {
    let place = Place {
        line: error.marker().line(),
        column: error.marker().col() + 1,
    };
    let says = match error.kind() {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation => {
            "a tab stands where only spaces may; indent with spaces".into()
        }
        ErrorKind::UnknownAnchor => {
            "nothing before this has that anchor; write the value itself".into()
        }
        ErrorKind::ExpectedBlockMappingKey => {
            "a key was expected here; look at the indentation of this line and the one before"
                .into()
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            "a key needs a colon and a space after it".into()
        }
        _ => match error.info() {
            info if info.is_empty() => "this is not YAML".into(),
            info => format!("this is not YAML: {info}"),
        },
    };
    Wrong::new(place, &word_at(text, place), &says)
}

/// The word at a place, for a message; the whole line where nothing stands there.
pub(super) fn word_at(text: &str, place: Place) -> String {
    let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or("");
    let from: String = line
        .chars()
        .skip(place.column.saturating_sub(1))
        .take(200)
        .collect();
    if from.starts_with('\t') {
        return "\t".into();
    }
    match from.split_whitespace().next() {
        Some(word) => word.to_owned(),
        None => line.trim().chars().take(200).collect(),
    }
}
