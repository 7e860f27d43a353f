//! The browser's module: it starts `app` and holds nothing of its own.
//!
//! Architecture invariant: empty on every target but wasm32, so that a build of the workspace never mixes the server's
//! and the browser's halves of the renderer.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen::prelude::wasm_bindgen;

/// Takes over the page. The page's own script calls it once.
#[wasm_bindgen]
pub fn hydrate() {
    app::start();
}
