//! One file a page. The live ones follow the stream; the still ones are rendered by the server alone.

mod board;
mod incident;
mod incidents;
mod run;
#[cfg(feature = "ssr")]
mod still;

use crate::{
    page::View,
    parts::still,
    room::Room,
};
use leptos::prelude::*;

/// The main part of the page.
pub fn page(room: Room) -> AnyView {
    let page = room.page();
    match &page.view {
        View::Board => board::page(room),
        View::Incidents { more } => incidents::page(room, more.clone()),
        View::Incident { number } => incident::page(room, number.clone()),
        View::Run { id, output } => run::page(room, id.clone(), output.clone()),
        _ => view! { <main id="main" class="page" tabindex="-1" inner_html=still!(self::still::page(room))></main> }.into_any(),
    }
}
