//! What is not there, said plainly.

use crate::{
    node::{El, div, p, section},
    pages::head,
    parts::link,
};

pub fn not_yet(name: &str, says: &str) -> Vec<El> {
    lone(
        name,
        says,
        vec![link("/", "To the board").class("btn main")],
    )
}

pub fn not_found(says: &str) -> Vec<El> {
    lone(
        "Not found",
        says,
        vec![
            link("/", "To the board").class("btn main"),
            link("/incidents", "To the incidents").class("btn"),
        ],
    )
}

fn lone(title: &str, says: &str, ways: Vec<El>) -> Vec<El> {
    let body = div()
        .class("body")
        .put(p().put(says.to_owned()))
        .put(div().class("acts").all(ways));
    vec![
        head(title.to_owned(), (), ()),
        section().class("card lone").put(body),
    ]
}
