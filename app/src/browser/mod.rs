//! The page in the browser: it takes over what the server rendered, follows the live stream, moves the clocks, sends
//! the forms and listens to keys. What it listens to, it listens to once, on the document: a form or a button that
//! appears later needs nothing of its own.

mod clocks;
mod dom;
mod forms;
mod keys;
mod live;
mod output;

use crate::{App, page::Page, room::Room};
use leptos::prelude::*;

/// Takes the page over. Called once, when the module is loaded.
pub fn start() {
    std::panic::set_hook(Box::new(|panic| web_sys::console::error_1(&panic.to_string().into())));
    let Some(text) = dom::by_id("page").and_then(|e| e.text_content()) else { return };
    match serde_json::from_str::<Page>(&text) {
        Ok(page) => {
            leptos::mount::hydrate_body(move || {
                provide_context(page);
                App()
            });
        }
        Err(why) => web_sys::console::error_1(&format!("The page's data could not be read: {why}").into()),
    }
}

/// Begins to follow, once the page is taken over: an effect runs after that, and never on the server.
pub fn attend(room: Room) {
    Effect::new(move |_| {
        if let Some(root) = document().document_element() {
            let _ = root.class_list().add_1("scripted");
        }
        let output = output::Pane::find();
        let time = clocks::begin(room);
        live::begin(room, time, output);
        forms::begin(room);
        keys::begin();
    });
}
