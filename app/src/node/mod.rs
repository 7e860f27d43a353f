//! A view of one type. Leptos compiles every shape of markup to code of its own (to build, to hydrate, to patch, and
//! again asynchronously): the pages written that way were 394 KB of brotli, for a budget of 150. A [`Node`] is a value
//! instead, with one interpreter; to Leptos it is a view like any other, so `view!` can hold it.
//!
//! [`el`] begins an element, [`live`] a piece that is drawn again when what it reads changes, [`rows`] a list by name.
//! What is drawn again is compared with what stands and patched in place, so that focus and typed text stay.
//!
//! Architecture invariant: what [`html`] writes, `dom` finds again: the same nodes in the same order. Between two texts,
//! and for nothing at all, stands an empty comment.
//! Architecture invariant: attributes and children are escaped, always; only [`El::html`] takes markup.

#[cfg(target_arch = "wasm32")]
mod dom;
mod html;
mod view;

use leptos::prelude::{Get, RwSignal};

pub enum Node {
    Nothing,
    Text(Text),
    El(El),
    Many(Vec<Node>),
    Live(Draw),
    Rows(Box<Rows>),
}

pub type Text = std::borrow::Cow<'static, str>;
type Draw = Box<dyn FnMut() -> Node + Send>;

/// An element that is being put together.
pub struct El(Box<Parts>);

struct Parts {
    tag: &'static str,
    attributes: Vec<(&'static str, Value)>,
    kids: Vec<Node>,
    html: Option<String>,
}

/// What an attribute says.
pub enum Value {
    /// It is not there.
    Off,
    Says(Text),
    Live(Box<dyn FnMut() -> Value + Send>),
}

/// Rows by name: the names in order, and how one is drawn. A row is one node; it is drawn once.
pub struct Rows {
    names: Box<dyn FnMut() -> Vec<String> + Send>,
    draw: Box<dyn FnMut(String) -> Node + Send>,
}

pub fn el(tag: &'static str) -> El {
    El(Box::new(Parts {
        tag,
        attributes: Vec::new(),
        kids: Vec::new(),
        html: None,
    }))
}

macro_rules! tags {
    ($($tag:ident)*) => {$(
        // Some are written by the server alone.
        #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
        pub fn $tag() -> El {
            el(stringify!($tag))
        }
    )*};
}
tags! { a blockquote button details div fieldset h1 h2 h3 header input label legend li ol p section span summary table tbody td th thead tr ul }

impl El {
    pub fn class(self, class: impl Into<Value>) -> El {
        self.set("class", class)
    }

    /// An attribute. `false` and `None` leave it out.
    pub fn set(mut self, name: &'static str, value: impl Into<Value>) -> El {
        self.0.attributes.push((name, value.into()));
        self
    }

    /// An attribute that follows what it reads.
    pub fn follow<V: Into<Value>>(
        mut self,
        name: &'static str,
        mut value: impl FnMut() -> V + Send + 'static,
    ) -> El {
        self.0
            .attributes
            .push((name, Value::Live(Box::new(move || value().into()))));
        self
    }

    pub fn hide(self, when: impl FnMut() -> bool + Send + 'static) -> El {
        self.follow("hidden", when)
    }

    pub fn put(mut self, kid: impl Into<Node>) -> El {
        self.add(kid.into());
        self
    }

    pub fn all<N: Into<Node>>(mut self, kids: impl IntoIterator<Item = N>) -> El {
        for kid in kids {
            self.add(kid.into());
        }
        self
    }

    fn add(&mut self, kid: Node) {
        match kid {
            // What does not change has no need of an end that can be found again.
            Node::Many(kids) => self.0.kids.extend(kids),
            kid => self.0.kids.push(kid),
        }
    }

    /// Markup as its content, taken as it is.
    pub fn html(mut self, html: String) -> El {
        self.0.html = Some(html);
        self
    }
}

/// A piece of the page that is drawn again whenever what it reads changes.
pub fn live<N: Into<Node>>(mut draw: impl FnMut() -> N + Send + 'static) -> Node {
    Node::Live(Box::new(move || draw().into()))
}

/// Rows by name, in order. A row that stays keeps its nodes; what changes in it, [`live`] pieces of it follow.
pub fn rows(
    names: impl FnMut() -> Vec<String> + Send + 'static,
    mut draw: impl FnMut(String) -> El + Send + 'static,
) -> Node {
    Node::Rows(Box::new(Rows {
        names: Box::new(names),
        draw: Box::new(move |name| draw(name).into()),
    }))
}

pub fn many<N: Into<Node>>(nodes: impl IntoIterator<Item = N>) -> Node {
    Node::Many(nodes.into_iter().map(Into::into).collect())
}

impl From<El> for Node {
    fn from(el: El) -> Node {
        Node::El(el)
    }
}
impl From<&'static str> for Node {
    fn from(text: &'static str) -> Node {
        Node::Text(text.into())
    }
}
impl From<String> for Node {
    fn from(text: String) -> Node {
        Node::Text(text.into())
    }
}
impl From<()> for Node {
    fn from((): ()) -> Node {
        Node::Nothing
    }
}
impl<N: Into<Node>> From<Option<N>> for Node {
    fn from(node: Option<N>) -> Node {
        node.map_or(Node::Nothing, Into::into)
    }
}
impl<N: Into<Node>> From<Vec<N>> for Node {
    fn from(nodes: Vec<N>) -> Node {
        many(nodes)
    }
}
impl From<RwSignal<String>> for Node {
    fn from(text: RwSignal<String>) -> Node {
        live(move || text.get())
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Value {
        Value::Says(text.into())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Says(text.into())
    }
}
impl From<bool> for Value {
    fn from(on: bool) -> Value {
        if on {
            Value::Says("".into())
        } else {
            Value::Off
        }
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Off, Into::into)
    }
}
