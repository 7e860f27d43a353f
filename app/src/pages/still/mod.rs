//! Pages and parts that do not change while they stand: rendered by the server, taken by the browser as they are. Their
//! forms are sent by the same handler as all others.

pub mod board;
pub mod clocks;
pub mod comms;
pub mod composer;
mod contacts;
mod declare;
mod failover;
pub mod history;
pub mod incidents;
mod limits;
mod maintenance;
mod matrix;
pub mod now;
mod other;
mod plan;
pub mod run;
mod runbook;
mod runbooks;
mod schedule;
mod service;
mod spoken;
mod start;
mod update;
mod wall;

pub use runbooks::proof;

use crate::{
    node::{El, Node, el},
    page::{Page, View},
    room::Room,
};

pub fn page(room: Room) -> Node {
    let page = room.page();
    match &page.view {
        View::Declare { title, affected } => declare::page(room, title, affected).into(),
        View::Runbooks => runbooks::all(room).into(),
        View::Runbook { slug, incident } => runbook::one(room, slug, incident.as_ref()).into(),
        View::Failover { service } => failover::page(room, service).into(),
        View::Service { service } => service::page(room, service).into(),
        View::Maintenance => maintenance::page(room).into(),
        View::Contacts => contacts::page(room).into(),
        View::Matrix => matrix::page(room).into(),
        View::Update { number } => update::page(room, number).into(),
        View::Plan => plan::page(room).into(),
        View::NotYet { name, says } => other::not_yet(name, says).into(),
        View::NotFound { says } => other::not_found(says).into(),
        View::Wall => wall::page(room).into(),
        View::Incidents { more } => incidents::page(room, more.as_deref()).into(),
        View::Board | View::Incident { .. } | View::Run { .. } => Node::Nothing,
    }
}

/// The names to choose from where a person is asked for.
pub fn people(page: &Page) -> Vec<El> {
    let me = &page.who.name;
    let others = page.plan.contacts.emergency.iter().map(|c| &c.name);
    [me].into_iter()
        .chain(others.filter(|name| *name != me))
        .map(|name| el("option").set("value", name.clone()))
        .collect()
}
