//! Where a view stands in the document, and how it is put there and taken away.

use super::Mounted;
use leptos::{prelude::RenderEffect, tachys::view::Mountable};
use web_sys::{Element, Node as Dom};

/// The first node in the document.
pub fn first(mounted: &Mounted) -> Dom {
    match mounted {
        Mounted::Nothing(dom) => dom.clone().into(),
        Mounted::Text(dom, _) => dom.clone().into(),
        Mounted::El(el) => el.dom.clone().into(),
        Mounted::Many(nodes, end) => nodes.first().map_or_else(|| end.clone().into(), first),
        Mounted::Rows(rows, end) => rows
            .first()
            .map_or_else(|| end.clone().into(), |row| first(&row.mounted)),
        Mounted::Live(effect) => inside(effect, first),
    }
}

pub fn last(mounted: &Mounted) -> Dom {
    match mounted {
        Mounted::Many(_, end) | Mounted::Rows(_, end) => end.clone().into(),
        Mounted::Live(effect) => inside(effect, last),
        one => first(one),
    }
}

fn inside<T: 'static>(effect: &RenderEffect<Mounted>, look: fn(&Mounted) -> T) -> T {
    effect
        .with_value_mut(|mounted| look(mounted))
        .unwrap_or_else(|| wasm_bindgen::throw_str("a piece was looked at while it was drawn"))
}

pub fn insert(mounted: &Mounted, parent: &Dom, before: Option<&Dom>) {
    let put = |dom: &Dom| {
        let _ = parent.insert_before(dom, before);
    };
    match mounted {
        Mounted::Nothing(dom) => put(dom),
        Mounted::Text(dom, _) => put(dom),
        Mounted::El(el) => put(&el.dom),
        Mounted::Many(nodes, end) => {
            nodes.iter().for_each(|node| insert(node, parent, before));
            put(end);
        }
        Mounted::Rows(rows, end) => {
            rows.iter()
                .for_each(|row| insert(&row.mounted, parent, before));
            put(end);
        }
        Mounted::Live(effect) => {
            effect.with_value_mut(|mounted| insert(mounted, parent, before));
        }
    }
}

pub fn remove(mounted: &mut Mounted) {
    let take = |dom: &Dom| {
        if let Some(parent) = dom.parent_node() {
            let _ = parent.remove_child(dom);
        }
    };
    match mounted {
        Mounted::Nothing(dom) => take(dom),
        Mounted::Text(dom, _) => take(dom),
        Mounted::El(el) => take(&el.dom),
        Mounted::Many(nodes, end) => {
            nodes.iter_mut().for_each(remove);
            take(end);
        }
        Mounted::Rows(rows, end) => {
            rows.iter_mut().for_each(|row| remove(&mut row.mounted));
            take(end);
        }
        Mounted::Live(effect) => {
            effect.with_value_mut(remove);
        }
    }
}

impl Mountable for Mounted {
    fn unmount(&mut self) {
        remove(self);
    }
    fn mount(&mut self, parent: &Element, marker: Option<&Dom>) {
        insert(self, parent, marker);
    }
    fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
        let here = first(self);
        let Some(parent) = here.parent_element() else {
            return false;
        };
        child.mount(&parent, Some(&here));
        true
    }
    fn elements(&self) -> Vec<Element> {
        match self {
            Mounted::El(el) => vec![el.dom.clone()],
            _ => Vec::new(),
        }
    }
}
