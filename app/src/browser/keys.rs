//! Keys and clicks. No key changes anything by itself, and none is heard while somebody types.

use super::dom;
use js_sys::Date;
use leptos::prelude::*;
use std::cell::Cell;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlDialogElement, HtmlInputElement, KeyboardEvent};

/// `g` waits this long for the second letter.
const CHORD_MS: f64 = 1_500.0;

pub fn begin() {
    let chord = Cell::new(0.0_f64);
    dom::on("keydown", move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            // The focus goes back to what opened the menu, not to nowhere.
            if let Some(summary) = dom::target(&event, "details.menu[open]")
                .and_then(|m| dom::first(Some(&m), "summary"))
            {
                dom::focus(&summary);
            }
            close_menus(None);
            return;
        }
        let typing = dom::target(
            &event,
            "input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]",
        )
        .is_some();
        if typing
            || event.ctrl_key()
            || event.meta_key()
            || event.alt_key()
            || event.default_prevented()
        {
            return;
        }
        let key = event.key();
        let went = Date::now() - chord.get() < CHORD_MS;
        chord.set(if key == "g" && !went {
            Date::now()
        } else {
            0.0
        });
        if went && go(&key) || !went && act(&key) {
            event.prevent_default();
        }
    });
    dom::on("click", |event: Event| {
        if let Some(what) = dom::target(&event, "[data-do]") {
            event.prevent_default();
            act(match what.get_attribute("data-do").as_deref() {
                Some("keys") => "?",
                Some("update") => "u",
                _ => "",
            });
        }
        close_menus(dom::target(&event, "details.menu").as_ref());
    });
}

fn go(key: &str) -> bool {
    let to = match key {
        "b" => "/",
        "i" => "/incidents",
        "r" => "/runbooks",
        "c" => "/contacts",
        "m" => "/matrix",
        "p" => "/plan",
        _ => return false,
    };
    window().location().set_href(to).is_ok()
}

fn act(key: &str) -> bool {
    match key {
        "?" => match dom::by_id("keys").and_then(|d| d.dyn_into::<HtmlDialogElement>().ok()) {
            Some(dialog) => dialog.open() || dialog.show_modal().is_ok(),
            None => false,
        },
        "/" => match dom::first(None, "[data-filter]") {
            Some(filter) => {
                dom::focus(&filter);
                true
            }
            None => false,
        },
        "c" => window().location().set_href("/incidents/new").is_ok(),
        "u" => write("update"),
        "n" => write("note"),
        "r" => write("report"),
        "t" => write("task"),
        _ => false,
    }
}

/// Opens one part of the composer and puts the cursor there.
fn write(what: &str) -> bool {
    let Some(tab) =
        dom::by_id(&format!("write-{what}")).and_then(|t| t.dyn_into::<HtmlInputElement>().ok())
    else {
        return false;
    };
    tab.set_checked(true);
    match dom::first(
        None,
        &format!(
            "[data-panel={what}] textarea, [data-panel={what}] input:not([type=hidden]):not([type=radio])"
        ),
    ) {
        Some(field) => {
            dom::focus(&field);
            true
        }
        None => false,
    }
}

/// Closes every open menu but the one that something happened in.
fn close_menus(but: Option<&Element>) {
    for menu in dom::all(None, "details.menu[open]") {
        if but != Some(&menu) {
            let _ = menu.remove_attribute("open");
        }
    }
}
