//! The vocabulary that every page is written in.

mod clock;
pub mod comms;
pub mod composer;
mod form;
mod frame;
pub mod incidents;
mod log;
pub mod roles;
pub mod run;
pub mod timeline;
mod when;
pub mod work;

pub use clock::{Clock, clock};
pub(crate) use form::escaped;
pub use form::{Ask, Button, Form, hidden, menu};
pub use frame::frame;
pub use log::plain;
pub use when::{local, wall, when};

use domain::{Severity, plan::Plan, words::Icon};
use leptos::{either::Either, prelude::*};
use std::sync::Arc;

/// Markup that does not change while the page stands. The server renders it; the browser takes it as it is, and its
/// download carries no code for it.
macro_rules! still {
    ($view:expr) => {{
        #[cfg(feature = "ssr")]
        {
            use leptos::prelude::*;
            let html: String = $view.to_html();
            html
        }
        #[cfg(not(feature = "ssr"))]
        {
            String::new()
        }
    }};
}
pub(crate) use still;

/// A piece of the page that is drawn again whenever what it reads changes. Its nodes stay and are patched in place, so
/// that focus stays where it is. One type for all such pieces: the download holds their machinery once.
pub fn live(draw: impl FnMut() -> AnyView + Send + 'static) -> Box<dyn FnMut() -> AnyView + Send> {
    Box::new(draw)
}

/// A text that follows what it reads.
pub fn text(says: impl Fn() -> String + Send + Sync + 'static) -> Memo<String> {
    Memo::new(move |_| says())
}

type Names = Arc<dyn Fn() -> Vec<String> + Send + Sync>;
type DrawRow = Arc<dyn Fn(String) -> AnyView + Send + Sync>;

/// Rows by name, in order. A row that stays keeps its nodes; what changes in it, [`live`] pieces of it follow.
pub fn rows(names: impl Fn() -> Vec<String> + Send + Sync + 'static, draw: impl Fn(String) -> AnyView + Send + Sync + 'static) -> AnyView {
    let (names, draw): (Names, DrawRow) = (Arc::new(names), Arc::new(draw));
    view! { <For each=move || names() key=|name: &String| name.clone() children=move |name| draw(name)/> }.into_any()
}

pub fn icon(id: &'static str) -> AnyView {
    view! { <svg aria-hidden="true"><use href=format!("#{id}")></use></svg> }.into_any()
}

/// A state: shape, word and colour together.
pub fn state(shape: Icon, words: impl Into<String>) -> AnyView {
    view! { <span class=format!("state {}", shape.tone())>{icon(shape.id())}{words.into()}</span> }.into_any()
}

/// A severity with its name from the plan: "SEV1 Critical".
pub fn severity(plan: &Plan, severity: Severity) -> AnyView {
    let name = plan.communication.severity(severity).map_or("", |s| s.name.as_str());
    view! { <span class=format!("chip {}", severity.id().to_lowercase())>{format!("{} {name}", severity.id()).trim_end().to_owned()}</span> }.into_any()
}

/// A card: heading, what stands at its right end, and the body.
pub fn card(title: impl IntoView + 'static, more: impl IntoView + 'static, body: impl IntoView + 'static) -> AnyView {
    plate("card", title.into_any(), more.into_any(), body.into_any())
}

pub fn plate(class: &'static str, title: AnyView, more: AnyView, body: AnyView) -> AnyView {
    view! {
        <section class=class>
            <header><h2>{title}</h2><span class="more">{more}</span></header>
            <div class="body">{body}</div>
        </section>
    }
    .into_any()
}

/// A telephone number that can be tapped.
pub fn tel(number: &str) -> AnyView {
    let dial: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    view! { <a class="keep" href=format!("tel:{dial}")>{number.to_owned()}</a> }.into_any()
}

/// One view or the other.
pub fn either<A: IntoView + 'static, B: IntoView + 'static>(which: bool, yes: impl FnOnce() -> A, no: impl FnOnce() -> B) -> AnyView {
    if which { Either::<A, B>::Left(yes()).into_any() } else { Either::<A, B>::Right(no()).into_any() }
}
