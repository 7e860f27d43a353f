//! The vocabulary that every page is written in.

mod form;
mod frame;
pub mod incidents;
pub mod log;
pub mod roles;
pub mod run;
pub mod timeline;
mod when;
pub mod work;

pub use form::{Ask, Button, Form, hidden, menu};
pub use frame::frame;
pub use when::{local, wall, when};

use crate::node::{El, Node, Value, a, div, el, h2, header, li, live, section, span};
#[cfg(feature = "ssr")]
use crate::node::{table, tbody, td, th, thead, tr};
use domain::{Severity, plan::Plan, words::Icon};

/// Markup that does not change while the page stands. The server renders it; the browser takes it as it is, and its
/// download carries no code for it.
macro_rules! still {
    ($node:expr) => {{
        #[cfg(feature = "ssr")]
        {
            $crate::node::Node::from($node).markup()
        }
        #[cfg(not(feature = "ssr"))]
        {
            String::new()
        }
    }};
}
pub(crate) use still;

/// A text that follows what it reads.
pub fn text(says: impl FnMut() -> String + Send + 'static) -> Node {
    live(says)
}

pub fn icon(id: &'static str) -> El {
    el("svg")
        .set("aria-hidden", "true")
        .put(el("use").set("href", format!("#{id}")))
}

/// A state: shape, word and colour together.
pub fn state(shape: Icon, words: impl Into<Node>) -> El {
    span()
        .class(format!("state {}", shape.tone()))
        .put(icon(shape.id()))
        .put(words)
}

/// A severity with its name from the plan: "SEV1 Critical".
pub fn severity(plan: &Plan, severity: Severity) -> El {
    let name = plan
        .communication
        .severity(severity)
        .map_or("", |s| s.name.as_str());
    span()
        .class(format!("chip {}", severity.id().to_ascii_lowercase()))
        .put(format!("{} {name}", severity.id()).trim_end().to_owned())
}

/// A card: its heading, what stands at the heading's end, and the body.
pub fn card(title: impl Into<Node>, more: impl Into<Node>, body: impl Into<Node>) -> El {
    plate(title.into(), more.into(), body.into())
}

fn plate(title: Node, more: Node, body: Node) -> El {
    let more = match more {
        Node::Nothing => Node::Nothing,
        more => span().class("more").put(more).into(),
    };
    section()
        .class("card")
        .put(header().put(h2().put(title)).put(more))
        .put(div().class("body").put(body))
}

/// A line of a list: what grows, and what stands at its end.
pub fn line(what: impl Into<Node>, end: impl Into<Node>) -> El {
    li().put(div().class("grow").put(what)).put(end)
}

pub fn dim(text: impl Into<Node>) -> El {
    span().class("small dim").put(text)
}

/// A table whose rows become blocks of their own on a phone; there each cell says what it is.
#[cfg(feature = "ssr")]
pub fn stack(heads: &[&'static str], body: impl Into<Node>) -> El {
    table()
        .class("stack")
        .put(thead().put(tr().all(heads.iter().map(|head| th().put(*head)))))
        .put(tbody().put(body))
}

#[cfg(feature = "ssr")]
pub fn cell(label: &'static str, body: impl Into<Node>) -> El {
    td().set("data-label", label).put(body)
}

/// A telephone number that can be tapped.
#[cfg(feature = "ssr")]
pub fn tel(number: &str) -> El {
    let dial: String = number
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '+')
        .collect();
    a().class("keep")
        .set("href", format!("tel:{dial}"))
        .put(number.to_owned())
}

pub fn link(to: impl Into<Value>, says: impl Into<Node>) -> El {
    a().set("href", to).put(says)
}

pub fn kbd(key: &'static str) -> El {
    el("kbd").put(key)
}

/// "1 step", "4 steps".
pub fn count(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}
