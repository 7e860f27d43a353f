//! The page's filter: the rows that do not hold what is typed into it are hidden.
//!
//! There may be thousands of rows. It waits for a pause in the typing, and works in short turns: between two of them the
//! browser draws and hears the next key.

use super::dom;
use js_sys::{Date, JsString, Reflect};
use leptos::prelude::*;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlInputElement};

/// After the last letter.
const PAUSE: Duration = Duration::from_millis(150);
/// How long one turn looks at rows …
const TURN_MS: f64 = 4.0;
/// … asking for the time after so many.
const LOOK: usize = 25;
/// So many rows come back in one turn: each of them must be laid out.
const BACK: usize = 60;
/// So few tiles stand close together (`data-few`), and not each batch of them in lines of its own.
const FEW: usize = 240;

#[derive(Default)]
pub struct Filter {
    typed: Cell<Option<TimeoutHandle>>,
    /// Which word is at work: a later one takes the place of an earlier one.
    round: Cell<u32>,
    /// Still to be looked at. The last goes first: what is hidden where nobody looks is laid out by nobody, and what
    /// stands in sight moves once, at the end.
    rows: RefCell<Vec<Element>>,
    /// To be shown again, the first of them first: what comes into sight is right at once.
    back: RefCell<Vec<Element>>,
    shown: Cell<usize>,
}

pub fn begin() -> Rc<Filter> {
    let filter = Rc::new(Filter::default());
    let this = filter.clone();
    dom::on("input", move |event: Event| {
        if dom::target(&event, "[data-filter]").is_some() {
            this.round.set(this.round.get() + 1);
            let run = this.clone();
            let due = set_timeout_with_handle(move || run.run(), PAUSE).ok();
            if let Some(before) = this.typed.replace(due) {
                before.clear();
            }
        }
    });
    filter
}

impl Filter {
    /// Rows may have come, or say something else.
    pub fn renew(self: &Rc<Self>) {
        let idle = self.rows.borrow().is_empty() && self.back.borrow().is_empty();
        if idle && field().is_some_and(|f| f.has_attribute("data-active")) {
            self.run();
        }
    }

    fn run(self: &Rc<Self>) {
        let Some(field) = field() else { return };
        let active = !field.value().trim().is_empty();
        let _ = field.toggle_attribute_with_force("data-active", active);
        batches("data-sought", active);
        if !active {
            batches("data-few", false);
        }
        let rows = match field.get_attribute("data-filter").as_deref() {
            Some("timeline") => "#timeline > li",
            _ => "#main [data-row]",
        };
        self.rows.replace(dom::all(None, rows));
        self.back.borrow_mut().clear();
        self.shown.set(0);
        self.round.set(self.round.get() + 1);
        self.turn(&String::from(lower(field.value().trim().into())));
    }

    fn turn(self: &Rc<Self>, wanted: &str) {
        let until = Date::now() + TURN_MS;
        while !self.rows.borrow().is_empty() && Date::now() < until {
            self.look(wanted);
        }
        if self.shown.get() > FEW {
            batches("data-few", false);
        }
        if self.rows.borrow().is_empty() {
            for _ in 0..BACK {
                let Some(row) = self.back.borrow_mut().pop() else {
                    cards();
                    let few = !wanted.is_empty() && self.shown.get() <= FEW;
                    return batches("data-few", few);
                };
                dom::show(&row, true);
            }
            cards();
        }
        let (this, round, wanted) = (self.clone(), self.round.get(), wanted.to_owned());
        request_animation_frame(move || {
            if this.round.get() == round {
                this.turn(&wanted);
            }
        });
    }

    fn look(&self, wanted: &str) {
        for _ in 0..LOOK {
            let Some(row) = self.rows.borrow_mut().pop() else {
                return;
            };
            let fits = text(&row).includes(wanted, 0);
            self.shown.set(self.shown.get() + usize::from(fits));
            if !fits {
                dom::show(&row, false);
            } else if row.has_attribute("hidden") {
                self.back.borrow_mut().push(row);
            }
        }
    }
}

fn field() -> Option<HtmlInputElement> {
    dom::first(None, "[data-filter]").and_then(|f| f.dyn_into().ok())
}

/// What stands above rows goes and comes with them.
fn cards() {
    for card in dom::all(None, "#main .card") {
        if dom::first(Some(&card), "[data-row]").is_some() {
            let some = dom::first(Some(&card), "[data-row]:not([hidden])").is_some();
            dom::show(&card, some);
        }
    }
}

/// Tells the style how tiles in batches are to stand.
fn batches(how: &str, so: bool) {
    for batches in dom::all(None, ".batches") {
        if batches.has_attribute(how) != so {
            let _ = batches.toggle_attribute_with_force(how, so);
        }
    }
}

/// What a row says, in small letters. It stays with the browser: the library's tables of letters would cost some kilobytes,
/// and copying thousands of texts its time.
fn text(row: &Element) -> JsString {
    let text = Reflect::get(row, &"textContent".into());
    lower(text.unwrap_or_default().unchecked_into())
}

fn lower(text: JsString) -> JsString {
    text.to_lower_case()
}
