//! What Leptos asks of a view.

use super::{Node, html};
use leptos::{
    attr::{Attribute, any_attribute::AnyAttribute},
    prelude::{AddAnyAttr, Render, RenderHtml},
    tachys::{
        hydration::Cursor,
        view::{Position, PositionState},
    },
};

impl Node {
    /// As HTML, for [`super::El::html`].
    #[cfg(feature = "ssr")]
    pub fn markup(self) -> String {
        let mut out = String::new();
        html::write(self, &mut out, &mut false);
        out
    }
}

impl Render for Node {
    #[cfg(target_arch = "wasm32")]
    type State = super::dom::Mounted;
    #[cfg(not(target_arch = "wasm32"))]
    type State = ();

    #[cfg(target_arch = "wasm32")]
    fn build(self) -> Self::State {
        super::dom::build(self)
    }
    #[cfg(target_arch = "wasm32")]
    fn rebuild(self, state: &mut Self::State) {
        super::dom::patch(state, self);
    }

    // There is no document on the server.
    #[cfg(not(target_arch = "wasm32"))]
    fn build(self) {}
    #[cfg(not(target_arch = "wasm32"))]
    fn rebuild(self, (): &mut ()) {}
}

impl RenderHtml for Node {
    type AsyncOutput = Node;
    type Owned = Node;
    const MIN_LENGTH: usize = 0;

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Node {
        self
    }

    fn to_html_with_buf(
        self,
        buf: &mut String,
        position: &mut Position,
        _escape: bool,
        _mark: bool,
        _attributes: Vec<AnyAttribute>,
    ) {
        let mut after_text = *position == Position::NextChildAfterText;
        html::write(self, buf, &mut after_text);
        *position = if after_text {
            Position::NextChildAfterText
        } else {
            Position::NextChild
        };
    }

    #[cfg(target_arch = "wasm32")]
    fn hydrate<const FROM_SERVER: bool>(
        self,
        cursor: &Cursor,
        position: &PositionState,
    ) -> Self::State {
        super::dom::hydrate_at(self, cursor, position)
    }
    #[cfg(not(target_arch = "wasm32"))]
    fn hydrate<const FROM_SERVER: bool>(self, _: &Cursor, _: &PositionState) {}

    fn into_owned(self) -> Node {
        self
    }
}

impl AddAnyAttr for Node {
    type Output<SomeNewAttr: Attribute> = Node;
    fn add_any_attr<NewAttr: Attribute>(self, _: NewAttr) -> Node {
        self
    }
}
