//! Pages and parts that do not change while they stand: rendered by the server, taken by the browser as they are. Their
//! forms are sent by the same handler as all others.

pub mod board;
mod contacts;
mod declare;
mod other;
mod plan;
mod runbooks;
mod schedule;

use crate::{node::Node, page::View, room::Room};

pub fn page(room: Room) -> Node {
    let page = room.page();
    match &page.view {
        View::Declare { title, affected } => declare::page(room, title, affected).into(),
        View::Runbooks => runbooks::all(room).into(),
        View::Runbook { slug } => runbooks::one(room, slug).into(),
        View::Contacts => contacts::page(room).into(),
        View::Plan => plan::page(room).into(),
        View::NotYet { name, says } => other::not_yet(name, says).into(),
        View::NotFound { says } => other::not_found(says).into(),
        View::Board | View::Incidents { .. } | View::Incident { .. } | View::Run { .. } => {
            Node::Nothing
        }
    }
}
