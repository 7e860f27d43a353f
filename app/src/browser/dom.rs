//! The few words of the DOM that are used here.

use leptos::prelude::document;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Element, Event, HtmlElement};

pub fn by_id(id: &str) -> Option<Element> {
    document().get_element_by_id(id)
}

/// Every element that a selector finds, below `root` or in the document.
pub fn all(root: Option<&Element>, selector: &str) -> Vec<Element> {
    let found = match root {
        Some(root) => root.query_selector_all(selector),
        None => document().query_selector_all(selector),
    };
    let Ok(found) = found else { return Vec::new() };
    (0..found.length())
        .filter_map(|i| found.item(i)?.dyn_into().ok())
        .collect()
}

pub fn first(root: Option<&Element>, selector: &str) -> Option<Element> {
    match root {
        Some(root) => root.query_selector(selector),
        None => document().query_selector(selector),
    }
    .ok()
    .flatten()
}

pub fn focus(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let _ = element.focus();
    }
}

/// Listens on the document for as long as the page stands.
pub fn on<E: JsCast + 'static>(name: &str, heard: impl Fn(E) + 'static) {
    let closure = Closure::<dyn Fn(Event)>::new(move |event: Event| heard(event.unchecked_into()));
    let _ = document().add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
    closure.forget();
}

/// The element an event happened at, or the nearest around it that fits the selector.
pub fn target(event: &Event, selector: &str) -> Option<Element> {
    event
        .target()?
        .dyn_into::<Element>()
        .ok()?
        .closest(selector)
        .ok()
        .flatten()
}

pub fn show(element: &Element, shown: bool) {
    if element.has_attribute("hidden") != shown {
        // So it is: saying it again would cost as much as a change.
        return;
    }
    let _ = if shown {
        element.remove_attribute("hidden")
    } else {
        element.set_attribute("hidden", "")
    };
}
