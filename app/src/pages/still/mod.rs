//! Pages and parts that do not change while they stand: rendered by the server, taken by the browser as they are. Their
//! forms are sent by the same handler as all others.

pub mod board;
mod contacts;
mod declare;
mod other;
mod plan;
mod runbooks;
mod schedule;

use crate::{page::View, room::Room};
use leptos::prelude::*;

pub fn page(room: Room) -> AnyView {
    let page = room.page();
    match &page.view {
        View::Declare { title, affected } => declare::page(room, title, affected),
        View::Runbooks => runbooks::all(room),
        View::Runbook { slug } => runbooks::one(room, slug),
        View::Contacts => contacts::page(room),
        View::Plan => plan::page(room),
        View::NotYet { name, says } => other::not_yet(name, says),
        View::NotFound { says } => other::not_found(says),
        View::Board | View::Incidents { .. } | View::Incident { .. } | View::Run { .. } => ().into_any(),
    }
}
