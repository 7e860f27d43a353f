//! What the outside world of the lab promises to those who send to it, with the clients that Muster uses.

#![allow(clippy::unwrap_used)] // clippy knows only test functions as tests, not their helpers

mod faults;
mod hooks;
mod mail;
mod page;
mod record;
mod slack;
mod speed;
mod stage;
mod telephone;
