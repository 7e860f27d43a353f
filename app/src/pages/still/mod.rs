//! Pages and parts that do not change while they stand: rendered by the server, taken by the browser as they are. Their
//! forms are sent by the same handler as all others.

pub mod board;
mod contacts;
mod declare;
mod failover;
mod other;
mod plan;
pub mod run;
mod runbook;
mod runbooks;
mod schedule;
mod start;

pub use runbooks::proof;

use crate::{node::Node, page::View, room::Room};

pub fn page(room: Room) -> Node {
    let page = room.page();
    match &page.view {
        View::Declare { title, affected } => declare::page(room, title, affected).into(),
        View::Runbooks => runbooks::all(room).into(),
        View::Runbook { slug, incident } => runbook::one(room, slug, incident.as_ref()).into(),
        View::Failover { service } => failover::page(room, service).into(),
        View::Contacts => contacts::page(room).into(),
        View::Plan => plan::page(room).into(),
        View::NotYet { name, says } => other::not_yet(name, says).into(),
        View::NotFound { says } => other::not_found(says).into(),
        View::Board | View::Incidents { .. } | View::Incident { .. } | View::Run { .. } => {
            Node::Nothing
        }
    }
}
