//! What people see: every page that a signed-in person meets, rendered on the server and taken over in the browser.
//!
//! The server loads one [`page::Page`], renders [`shell`] in one synchronous call, and sends the page along as JSON. The
//! browser hydrates from it ([`start`]), folds the live stream's events with `domain::World::apply`, and sends forms.
//!
//! Architecture invariant: a view is a function of the [`page::Page`] and of what was folded into it. No clock, no
//! locale, no randomness, so that the server's bytes and the browser's agree. Instants are written in UTC; the browser
//! puts them in the reader's zone once it has taken over.
//! Architecture invariant: every write is a real form that works with scripting off.
//! Architecture invariant: browser code stands under `target_arch = "wasm32"`, never under a feature, so that a host
//! build that unifies features cannot mix the two.
//! Architecture invariant: no style attribute anywhere; the content-security policy forbids them.
//!
//! Deliberately absent: a router, server functions, suspense. There is one way to read and one way to write.

pub mod page;

#[cfg(target_arch = "wasm32")]
mod browser;
mod facts;
mod node;
mod pages;
mod parts;
mod room;
#[cfg(feature = "ssr")]
mod shell;
// Read by the browser; tested where tests run.
#[cfg(any(target_arch = "wasm32", test))]
mod wire;

#[cfg(target_arch = "wasm32")]
pub use browser::start;
#[cfg(feature = "ssr")]
pub use shell::{Assets, shell};

use leptos::prelude::*;

/// The body of every page, drawn from the room in context.
#[component]
fn App() -> impl IntoView {
    parts::frame(pages::page(room::Room::here()))
}
