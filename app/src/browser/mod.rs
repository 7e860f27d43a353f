//! The page in the browser: it takes over what the server rendered, follows the live stream, moves the clocks, sends
//! the forms and listens to keys. What it listens to, it listens to once, on the document: a form or a button that
//! appears later needs nothing of its own.

mod clocks;
mod dom;
mod filter;
mod follow;
mod forms;
mod keys;
mod live;
mod output;

use crate::{App, page::Page, room::Room, wire};
use leptos::prelude::*;
use std::{cell::Cell, rc::Rc};

/// Takes the page over. Called once, when the module is loaded.
pub fn start() {
    std::panic::set_hook(Box::new(|panic| {
        web_sys::console::error_1(&panic.to_string().into())
    }));
    let Some(text) = dom::by_id("page").and_then(|e| e.text_content()) else {
        return;
    };
    match wire::read::<Page>(&text) {
        Ok(mut page) => {
            let lines = dom::by_id("timeline-data")
                .and_then(|e| e.text_content())
                .unwrap_or_default();
            page.timeline = lines
                .lines()
                .filter_map(|line| match wire::stamped(line) {
                    Ok(wire::Heard::Event(stamped)) => Some(stamped),
                    _ => None,
                })
                .collect();
            let taken = Rc::new(Cell::new(None));
            let room = taken.clone();
            leptos::mount::hydrate_body(move || {
                let here = Room::open(page);
                room.set(Some(here));
                provide_context(here);
                App()
            });
            taken.get().into_iter().for_each(attend);
        }
        Err(at) => web_sys::console::error_1(
            &format!("The page's data could not be read at byte {at}").into(),
        ),
    }
}

/// Begins to follow, once the page is taken over.
fn attend(room: Room) {
    if let Some(root) = document().document_element() {
        let _ = root.class_list().add_1("scripted");
    }
    let parts = follow::begin(room);
    let time = clocks::begin(room);
    live::begin(room, time, parts, output::Pane::find(room));
    forms::begin(room);
    keys::begin();
}
