//! Every incident: the open ones, then the past.

use crate::{
    node::{El, div, p},
    pages::{declare, head},
    parts::{card, count, incidents, link, text},
    room::Room,
};
use leptos::prelude::*;

pub fn page(room: Room, more: Option<String>) -> Vec<El> {
    let number = move |open: bool| {
        move || {
            room.world
                .with(|w| w.incidents.values().filter(|i| i.is_open() == open).count())
        }
    };
    let (open, past) = (number(true), number(false));
    let title = text(move || match open() {
        0 => "No open incidents".into(),
        n => count(n, "open incident"),
    });
    let older = more.map(|at| {
        p().class("acts")
            .put(link(at, "Older incidents").class("btn"))
    });
    let body = vec![
        Some(
            div()
                .hide(move || past() == 0)
                .put(incidents::past_table(room)),
        ),
        Some(
            p().class("dim")
                .hide(move || past() > 0)
                .put("Nothing yet. What is resolved is kept here with its timeline, for good."),
        ),
        older,
    ];
    vec![
        head(title, (), declare(room)),
        div()
            .hide(move || open() == 0)
            .put(card("Open", (), incidents::open_table(room))),
        card("Past", (), body),
    ]
}
