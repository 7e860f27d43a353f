//! The public status page and all that is public beside it: feeds, a calendar, Statuspage's API, a badge.
//!
//! [`tell`] says what the public is told, as plain data ([`told`]); [`documents`] writes that in each form and language;
//! [`published`] holds all of it, packed, under its paths; [`publisher`] keeps that true.
//!
//! Architecture invariant: a request touches neither the database nor a lock; it is handed bytes that were there before.
//! Architecture invariant: what is not told cannot be asked for. Every public document is made from [`told::Told`].

mod answer;
mod documents;
mod kept;
mod listener;
mod mirror;
mod place;
mod published;
mod publisher;
mod tell;
mod told;
mod words;

pub use kept::Kept;
pub use listener::listen;
pub use mirror::Mirror;
pub use publisher::{Sources, StatusPage, start};
pub use told::Told;

use crate::state::State;
use axum::{
    extract::{Request, State as Held},
    response::Response,
};

/// Every public route is this one: what is published under its path, or the page for what is not.
pub async fn public(Held(state): Held<State>, request: Request) -> Response {
    state.status.answer(&request)
}
