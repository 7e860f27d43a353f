//! The plan's promises to its people, each against the laboratory's providers: what those accepted is what reached people.
//! The plan is the shipped one, and the clock is moved by hand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "desk/house.rs"]
#[allow(dead_code)]
mod house;
#[path = "promises/later.rs"]
mod later;
#[path = "promises/matrix.rs"]
mod matrix;
#[path = "channels/outside.rs"]
#[allow(dead_code)]
mod outside;
#[path = "promises/scene.rs"]
mod scene;
