//! Parts that the server draws (`data-follow`): when something has happened they are asked for anew, at the page's own
//! address, and what differs takes the place of what stands. What somebody is busy with stays as it is.

use super::{clocks, dom};
use crate::room::Room;
use leptos::prelude::*;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, HtmlInputElement, Response};

/// What happens within this time is one change …
const GATHER: Duration = Duration::from_millis(150);
/// … and so long the server has peace after an answer.
const PEACE: Duration = Duration::from_secs(1);
/// After which a part that somebody was busy with is tried again.
const BUSY_PEACE: Duration = Duration::from_secs(5);
/// Somebody types, or has a menu open.
const BUSY: &str = "input:focus, textarea:focus, select:focus, details.menu[open]";

pub struct Parts {
    room: Room,
    /// What the server drew last, by id. What stands has the reader's own time in it.
    drawn: RefCell<BTreeMap<String, String>>,
    asking: Cell<bool>,
    again: Cell<bool>,
}

/// Begins before anything in the parts is changed.
pub fn begin(room: Room) -> Rc<Parts> {
    let drawn = parts()
        .into_iter()
        .map(|part| (part.id(), part.inner_html()));
    Rc::new(Parts {
        room,
        drawn: RefCell::new(drawn.collect()),
        asking: Cell::new(false),
        again: Cell::new(false),
    })
}

fn parts() -> Vec<Element> {
    dom::all(None, "[data-follow]")
}

impl Parts {
    /// Something has happened.
    pub fn wake(self: &Rc<Self>) {
        if self.drawn.borrow().is_empty() {
            return;
        }
        if self.asking.replace(true) {
            self.again.set(true);
            return;
        }
        self.ask(GATHER);
    }

    fn ask(self: &Rc<Self>, after: Duration) {
        let this = self.clone();
        let due = move || {
            leptos::task::spawn_local(async move {
                this.again.set(false);
                let whole = match fetch().await {
                    Some(page) => this.take(&page),
                    // The next thing that happens asks again.
                    None => true,
                };
                if this.again.get() && !document().hidden() {
                    this.ask(PEACE);
                } else if !whole {
                    this.ask(BUSY_PEACE);
                } else {
                    this.asking.set(false);
                }
            })
        };
        set_timeout(due, after);
    }

    /// False where a part could not be renewed just now.
    fn take(&self, page: &str) -> bool {
        let Ok(new) = document().create_element("div") else {
            return true;
        };
        new.set_inner_html(page);
        let mut whole = true;
        for part in parts() {
            let id = part.id();
            let Some(html) = dom::first(Some(&new), &format!("#{id}")).map(|e| e.inner_html())
            else {
                continue;
            };
            if self.drawn.borrow().get(&id) == Some(&html) {
                continue;
            }
            if dom::first(Some(&part), BUSY).is_some() || is_typed(&part) {
                whole = false;
                continue;
            }
            let focus = dom::first(Some(&part), ":focus").map(|e| e.id());
            let open = dom::all(Some(&part), "details[open]");
            part.set_inner_html(&html);
            for fold in open {
                // What somebody has folded out stays so.
                if let Some(again) = dom::by_id(&fold.id()) {
                    let _ = again.set_attribute("open", "");
                }
            }
            self.drawn.borrow_mut().insert(id, html);
            clocks::localise(self.room, Some(&part));
            clocks::count(self.room.now.get_untracked());
            if let Some(again) = focus.and_then(|id| dom::by_id(&id)) {
                dom::focus(&again);
            }
        }
        whole
    }
}

/// Somebody has written into a field.
fn is_typed(part: &Element) -> bool {
    let fields = dom::all(Some(part), "input:not([type=hidden]), textarea");
    fields.iter().any(|field| {
        // A textarea has the same two, and is no input.
        let field = field.unchecked_ref::<HtmlInputElement>();
        field.value() != field.default_value()
    })
}

/// The page's parts anew. Nothing where they do not come: the live stream tells that the line is cut.
async fn fetch() -> Option<String> {
    let here = window().location();
    let (mut here, search) = (here.pathname().ok()?, here.search().ok()?);
    here.push_str(if search.is_empty() { "?" } else { &search });
    here.push_str("&parts");
    let answer: Response = JsFuture::from(window().fetch_with_str(&here))
        .await
        .ok()?
        .unchecked_into();
    if !answer.ok() || answer.redirected() {
        return None;
    }
    JsFuture::from(answer.text().ok()?).await.ok()?.as_string()
}
