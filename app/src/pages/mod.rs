//! One file a page. The live ones follow the stream; the still ones are rendered by the server alone.

mod board;
mod incident;
mod run;
#[cfg(feature = "ssr")]
mod still;

use crate::{
    node::{El, Node, button, div, el, h1},
    page::View,
    parts::{kbd, link, still},
    room::{Room, needs},
};
use domain::Permission;

/// The main part of the page.
pub fn page(room: Room) -> El {
    let page = room.page();
    let main = el("main").set("id", "main").set("tabindex", "-1");
    match &page.view {
        View::Board => main.class("page board").put(board::page(room)),
        View::Incident { number } => main
            .class("page incident")
            .put(incident::page(room, number.clone())),
        View::Run { id, output } => {
            main.class("page run-page")
                .put(run::page(room, id.clone(), output))
        }
        View::Wall => main
            .class("page wall")
            .set("data-follow", "often")
            .html(still!(self::still::page(room))),
        View::Failover { .. } => main
            .class("page")
            .set("data-follow", "often")
            .html(still!(self::still::page(room))),
        View::Incidents { .. } | View::Service { .. } => main
            .class("page")
            .set("data-follow", true)
            .html(still!(self::still::page(room))),
        _ => main.class("page").html(still!(self::still::page(room))),
    }
}

/// The head of a page: its title, what is said of it, and what can be done.
fn head(title: impl Into<Node>, about: impl Into<Node>, acts: impl Into<Node>) -> El {
    div()
        .class("head")
        .put(h1().put(title))
        .put(about)
        .put(div().class("acts").put(acts))
}

/// The one red button of a page.
fn declare(room: Room) -> El {
    match needs(room.page().who.role, Permission::Respond) {
        Some(why) => button()
            .class("btn danger")
            .set("disabled", true)
            .set("title", why)
            .put("Declare an incident"),
        None => link("/incidents/new", "Declare an incident")
            .class("btn danger")
            .put(kbd("C")),
    }
}
