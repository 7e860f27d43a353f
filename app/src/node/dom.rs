//! A view in the document: built, found again in what the server wrote, and patched in place.

mod standing;

use super::{El, Node, Parts, Rows, Text, Value};
use leptos::{
    prelude::{Owner, RenderEffect, document, untrack},
    tachys::{
        hydration::Cursor,
        view::{Position, PositionState},
    },
};
use standing::{first, insert, last, remove};
use std::{cell::RefCell, collections::HashMap, rc::Rc};
use wasm_bindgen::JsCast;
use web_sys::{Comment, Element, Node as Dom};

/// What stands in the document for a [`Node`].
pub enum Mounted {
    Nothing(Comment),
    Text(web_sys::Text, Text),
    El(Box<Standing>),
    /// Its nodes, and the comment that ends them.
    Many(Vec<Mounted>, Comment),
    Live(RenderEffect<Mounted>),
    Rows(Vec<Row>, Comment),
}

pub struct Standing {
    dom: Element,
    tag: &'static str,
    attributes: Vec<(&'static str, Held)>,
    kids: Vec<Mounted>,
    html: Option<String>,
}

enum Held {
    Plain(Option<Text>),
    /// The effect keeps the attribute for as long as it is held.
    Live(#[allow(dead_code)] RenderEffect<Option<Text>>),
}

pub struct Row {
    name: String,
    mounted: Mounted,
    /// What was made while the row was drawn goes with it.
    owner: Owner,
}

/// Where in the server's markup the next node is looked for; none while building anew.
#[derive(Clone)]
struct Place(Option<Rc<RefCell<Walk>>>);

struct Walk {
    next: Option<Dom>,
    after_text: bool,
}

const NEW: Place = Place(None);

impl Place {
    fn at(next: Option<Dom>) -> Place {
        Place(Some(Rc::new(RefCell::new(Walk {
            next,
            after_text: false,
        }))))
    }

    /// The next node of the document, where it is what it must be.
    fn take<T: JsCast>(&self, text: bool) -> Option<T> {
        let mut walk = self.0.as_ref()?.borrow_mut();
        let mut found = walk.next.take()?;
        if text && walk.after_text {
            found = found.next_sibling()?;
        }
        walk.next = found.next_sibling();
        walk.after_text = text;
        match found.dyn_into() {
            Ok(found) => Some(found),
            Err(other) => {
                web_sys::console::error_2(
                    &"The page is not what was expected here:".into(),
                    &other,
                );
                None
            }
        }
    }

    fn comment(&self) -> Comment {
        self.take(false)
            .unwrap_or_else(|| document().create_comment(""))
    }
}

pub fn build(node: Node) -> Mounted {
    raise(node, &NEW)
}

/// Finds the view at Leptos' cursor.
pub fn hydrate_at(node: Node, cursor: &Cursor, position: &PositionState) -> Mounted {
    let here = cursor.current();
    let first = match position.get() {
        Position::FirstChild => here.first_child(),
        Position::Current => Some(here),
        _ => here.next_sibling(),
    };
    let mounted = raise(node, &Place::at(first));
    cursor.set(last(&mounted));
    position.set(Position::NextChild);
    mounted
}

/// Makes what stands for a node: from what is there, or anew.
fn raise(node: Node, place: &Place) -> Mounted {
    match node {
        Node::Nothing => Mounted::Nothing(place.comment()),
        Node::Text(text) => {
            let dom = place
                .take(true)
                .unwrap_or_else(|| document().create_text_node(&text));
            Mounted::Text(dom, text)
        }
        Node::El(El(parts)) => Mounted::El(Box::new(element(*parts, place))),
        Node::Many(nodes) => {
            let nodes = nodes.into_iter().map(|node| raise(node, place)).collect();
            Mounted::Many(nodes, place.comment())
        }
        Node::Live(mut draw) => {
            let mut place = Some(place.clone());
            Mounted::Live(RenderEffect::new(
                move |before: Option<Mounted>| match before {
                    None => raise(draw(), &place.take().unwrap_or(NEW)),
                    Some(mut mounted) => {
                        patch(&mut mounted, draw());
                        mounted
                    }
                },
            ))
        }
        Node::Rows(rows) => {
            let Rows {
                mut names,
                mut draw,
            } = *rows;
            let mut place = Some(place.clone());
            let home = Owner::current().unwrap_or_default();
            Mounted::Live(RenderEffect::new(
                move |before: Option<Mounted>| match before {
                    Some(Mounted::Rows(old, end)) => {
                        Mounted::Rows(arrange(old, names(), &end, &home, &mut draw), end)
                    }
                    _ => {
                        let place = place.take().unwrap_or(NEW);
                        let rows = names()
                            .into_iter()
                            .map(|name| row(name, &place, &home, &mut draw))
                            .collect();
                        Mounted::Rows(rows, place.comment())
                    }
                },
            ))
        }
    }
}

fn element(parts: Parts, place: &Place) -> Standing {
    let found = place.take::<Element>(false);
    let fresh = found.is_none();
    let dom = found.unwrap_or_else(|| create(parts.tag));
    let attributes = parts
        .attributes
        .into_iter()
        .map(|(name, value)| (name, hold(&dom, name, value, fresh)))
        .collect();
    let kids = match &parts.html {
        Some(html) => {
            if fresh {
                dom.set_inner_html(html);
            }
            Vec::new()
        }
        None => {
            let place = if fresh {
                NEW
            } else {
                Place::at(dom.first_child())
            };
            parts
                .kids
                .into_iter()
                .map(|kid| raise(kid, &place))
                .collect()
        }
    };
    if fresh {
        kids.iter().for_each(|kid| insert(kid, &dom, None));
    }
    Standing {
        dom,
        tag: parts.tag,
        attributes,
        kids,
        html: parts.html,
    }
}

fn create(tag: &str) -> Element {
    let made = match tag {
        "svg" | "use" => document().create_element_ns(Some("http://www.w3.org/2000/svg"), tag),
        tag => document().create_element(tag),
    };
    made.unwrap_or_else(|_| {
        document()
            .create_element("span")
            .unwrap_or_else(|_| wasm_bindgen::throw_str("no element"))
    })
}

fn write(dom: &Element, name: &str, value: &Option<Text>) {
    let _ = match value {
        Some(text) => dom.set_attribute(name, text),
        None => dom.remove_attribute(name),
    };
}

/// `fresh`: the attribute is not in the document yet.
fn hold(dom: &Element, name: &'static str, value: Value, fresh: bool) -> Held {
    match value {
        Value::Off => Held::Plain(None),
        Value::Says(text) => {
            let value = Some(text);
            if fresh {
                write(dom, name, &value);
            }
            Held::Plain(value)
        }
        Value::Live(mut draw) => {
            let dom = dom.clone();
            Held::Live(RenderEffect::new(move |before: Option<Option<Text>>| {
                let now = settle(draw());
                let known = before.is_none() && !fresh || before.as_ref() == Some(&now);
                if !known {
                    write(&dom, name, &now);
                }
                now
            }))
        }
    }
}

fn settle(value: Value) -> Option<Text> {
    match value {
        Value::Off => None,
        Value::Says(text) => Some(text),
        Value::Live(mut value) => settle(value()),
    }
}

/// Makes what stands say what the node says, keeping every element that can stay.
pub fn patch(mounted: &mut Mounted, node: Node) {
    match (&mut *mounted, node) {
        (Mounted::Nothing(_), Node::Nothing) => {}
        (Mounted::Text(dom, old), Node::Text(new)) => {
            if *old != new {
                dom.set_data(&new);
                *old = new;
            }
        }
        (Mounted::El(old), Node::El(El(new)))
            if old.tag == new.tag && old.html.is_some() == new.html.is_some() =>
        {
            patch_element(old, *new)
        }
        (Mounted::Many(old, end), Node::Many(new)) => {
            let parent = end.parent_node();
            if let Some(parent) = parent {
                patch_kids(old, new, &parent, Some(end));
            }
        }
        (old, node) => {
            let new = build(node);
            let at = first(old);
            if let Some(parent) = at.parent_node() {
                insert(&new, &parent, Some(&at));
            }
            remove(old);
            *mounted = new;
        }
    }
}

fn patch_element(old: &mut Standing, new: Parts) {
    let dom = old.dom.clone();
    for (name, _) in old.attributes.extract_if(.., |(name, _)| {
        !new.attributes.iter().any(|(n, _)| n == name)
    }) {
        let _ = dom.remove_attribute(name);
    }
    for (name, value) in new.attributes {
        match (old.attributes.iter_mut().find(|(n, _)| *n == name), value) {
            (Some((_, Held::Plain(before))), value @ (Value::Off | Value::Says(_))) => {
                let now = settle(value);
                if *before != now {
                    write(&dom, name, &now);
                    *before = now;
                }
            }
            (Some((_, held)), value) => *held = hold(&dom, name, value, true),
            (None, value) => old.attributes.push((name, hold(&dom, name, value, true))),
        }
    }
    match new.html {
        Some(html) => {
            if old.html.as_ref() != Some(&html) {
                dom.set_inner_html(&html);
                old.html = Some(html);
            }
        }
        None => patch_kids(&mut old.kids, new.kids, &dom, None),
    }
}

fn patch_kids(old: &mut Vec<Mounted>, new: Vec<Node>, parent: &Dom, end: Option<&Dom>) {
    for mut gone in old.drain(new.len().min(old.len())..) {
        remove(&mut gone);
    }
    let mut new = new.into_iter();
    old.iter_mut()
        .zip(new.by_ref())
        .for_each(|(old, new)| patch(old, new));
    for node in new {
        let made = build(node);
        insert(&made, parent, end);
        old.push(made);
    }
}

fn row(name: String, place: &Place, home: &Owner, draw: &mut dyn FnMut(String) -> Node) -> Row {
    let owner = home.child();
    let mounted = owner.with(|| untrack(|| raise(draw(name.clone()), place)));
    Row {
        name,
        mounted,
        owner,
    }
}

/// Keeps the rows that stay, takes away those that went, draws those that came, and puts all in order.
fn arrange(
    old: Vec<Row>,
    names: Vec<String>,
    end: &Dom,
    home: &Owner,
    draw: &mut dyn FnMut(String) -> Node,
) -> Vec<Row> {
    let mut known: HashMap<String, Row> =
        old.into_iter().map(|row| (row.name.clone(), row)).collect();
    let rows: Vec<Row> = names
        .into_iter()
        .map(|name| {
            known
                .remove(&name)
                .unwrap_or_else(|| row(name, &NEW, home, draw))
        })
        .collect();
    for mut gone in known.into_values() {
        remove(&mut gone.mounted);
        gone.owner.cleanup();
    }
    let Some(parent) = end.parent_node() else {
        return rows;
    };
    let mut next = end.clone();
    for row in rows.iter().rev() {
        let at = first(&row.mounted);
        if at.next_sibling().as_ref() != Some(&next) {
            insert(&row.mounted, &parent, Some(&next));
        }
        next = at;
    }
    rows
}
