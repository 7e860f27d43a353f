//! The public status page and all that is public beside it: feeds, a calendar, Statuspage's API, a badge.
//!
//! [`tell`] says what the public is told, as plain data ([`told`]); [`documents`] writes that in each form and language;
//! [`published`] holds all of it, packed, under its paths; [`publisher`] keeps that true. [`subscribers`] are told of it.
//!
//! Architecture invariant: a request to read touches neither the database nor a lock; it is handed bytes that were there
//! before. Only who subscribes needs the database.
//! Architecture invariant: what is not told cannot be asked for. Every public document is made from [`told::Told`].

mod answer;
mod documents;
mod kept;
mod listener;
mod mirror;
mod place;
mod published;
mod publisher;
mod subscribers;
mod tell;
mod told;
mod words;

pub use kept::Kept;
pub use listener::{Door, listen};
pub use mirror::Mirror;
pub use publisher::{Sources, StatusPage, start};
pub use subscribers::{Listed, Subscribers};
pub use told::Told;

use crate::{state::State, web::Socket};
use axum::{
    extract::{ConnectInfo, Request, State as Held},
    response::Response,
};

/// Every public route is this one: what is published under its path, or the page for what is not.
pub async fn public(Held(state): Held<State>, request: Request) -> Response {
    state.status.answer(&request)
}

/// What subscribers send, and the pages behind their links.
pub async fn subscribing(
    Held(state): Held<State>,
    ConnectInfo(socket): ConnectInfo<Socket>,
    request: Request,
) -> Response {
    let peer = socket
        .peer()
        .unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
    state.subscribers.answer(peer, request).await
}
