//! A command's output on the screen: only the lines in sight, and some around them, are there at all. The server counts
//! the lines, colours them and searches; here they are asked for, put up and taken away, by hand.
//!
//! A *row* is a line, or the gap where nothing is kept: one row, however many lines it stands for.

mod ask;
mod go;
mod here;

use super::dom;
use crate::{page::View, room::Room};
use domain::RunId;
use here::{Here, list, number};
use js_sys::{Array, JSON};
use leptos::prelude::*;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Element, Event, HtmlElement, HtmlInputElement};

/// Browsers know no element that is higher, in pixels: beyond, one pixel of the scrollbar stands for several.
const HIGHEST: i64 = 17_800_000;
/// So many rows are drawn beyond both edges of what is in sight.
const BEYOND: i64 = 30;
/// So many rows are asked for at a time, from so many before what is needed.
const AT_ONCE: i64 = 400;
const BEFORE: i64 = 100;
/// So many lines are shown on an incident's page.
const TAIL: i64 = 6;
/// Further down than any output.
const END: i64 = 1 << 50;

/// The run page's log, or none: then only the last lines on an incident's page.
#[derive(Clone)]
pub struct Pane(Rc<Inner>);

struct Inner {
    log: Option<Log>,
    /// Is the newest attempt wanted, or the one that was chosen?
    follows: bool,
    run: RefCell<String>,
    here: Cell<Here>,
    /// The rows that are held here, from `Here::from` on.
    held: RefCell<Array>,
    sought: RefCell<String>,
    hits: RefCell<Array>,
}

struct Log {
    /// It scrolls; in it is `space`, as high as all rows; in it `rows`, those that are drawn.
    scroll: HtmlElement,
    space: HtmlElement,
    rows: HtmlElement,
}

impl Log {
    fn find() -> Option<Log> {
        let scroll: HtmlElement = dom::by_id("output")?.dyn_into().ok()?;
        let space: HtmlElement = scroll.first_element_child()?.dyn_into().ok()?;
        Some(Log {
            rows: space.first_element_child()?.dyn_into().ok()?,
            space,
            scroll,
        })
    }
}

impl Pane {
    pub fn find(room: Room) -> Pane {
        let page = room.page();
        let (run, known, log) = match &page.view {
            View::Run { id, output } => (id.to_string(), Some(output), Log::find()),
            _ => (String::new(), None, None),
        };
        let mut here = Here {
            at: END,
            ..Here::default()
        };
        if let Some(known) = known {
            here.step = known.step.into();
            here.attempt = known.attempt.into();
            here.lines = known.lines as i64;
            here.bytes = known.bytes as i64;
        }
        let pane = Pane(Rc::new(Inner {
            follows: known.is_none_or(|known| known.follows),
            run: RefCell::new(run),
            log,
            here: Cell::new(here),
            held: RefCell::default(),
            sought: RefCell::default(),
            hits: RefCell::default(),
        }));
        pane.listen();
        pane
    }

    fn listen(&self) {
        let Some(log) = &self.0.log else { return };
        let pane = self.clone();
        let hear = Closure::<dyn Fn(Event)>::new(move |event: Event| pane.hear(&event));
        let hear = hear.into_js_value();
        let hear = hear.unchecked_ref();
        let _ = log.scroll.add_event_listener_with_callback("scroll", hear);
        if let Ok(Some(card)) = log.scroll.closest(".card") {
            for name in ["click", "keydown", "change"] {
                let _ = card.add_event_listener_with_callback(name, hear);
            }
        }
        for name in ["hashchange", "resize"] {
            let _ = window().add_event_listener_with_callback(name, hear);
        }
        if self.0.here.get().attempt > 0 && !self.go_to_address() {
            self.ask(self.0.here.get(), END);
        }
    }

    /// For the address of the stream: what this page knows of.
    pub fn known(&self) -> String {
        let here = self.0.here.get();
        if here.attempt == 0 {
            String::new()
        } else {
            format!("&output={}-{}-{}", here.step, here.attempt, here.bytes)
        }
    }

    /// An attempt wrote more, or a new one began to.
    pub fn say(&self, room: Room, run: &RunId, said: &str) {
        let Ok(said) = JSON::parse(said) else { return };
        let mut here = self.0.here.get();
        let (step, attempt) = (number(&said, "step"), number(&said, "attempt"));
        let same = (here.step, here.attempt) == (step, attempt);
        if !same {
            if !self.0.follows {
                return;
            }
            here = Here {
                step,
                attempt,
                high: here.high,
                busy: here.busy,
                at: END,
                ..Here::default()
            };
            self.turn_to(room, run, step, attempt);
        }
        *self.0.run.borrow_mut() = run.to_string();
        here.grow(&said);
        let follows = follow().is_some_and(|f| f.checked());
        if follows {
            here.at = END;
        }
        if let Some(nothing) = dom::by_id("said-nothing") {
            dom::show(&nothing, false);
        }
        self.0.here.set(here);
        if here.high > 0 && (follows || here.rows() * here.high > HIGHEST) {
            self.draw(here, true);
        } else {
            self.go_on(here);
        }
    }

    /// Another attempt began: its output takes the screen.
    fn turn_to(&self, room: Room, run: &RunId, step: i64, attempt: i64) {
        if let Some(title) = dom::by_id("output-title") {
            let name = room
                .run(run)
                .and_then(|r| r.runbook.steps.get(step as usize).map(|s| s.name.clone()))
                .unwrap_or_default();
            title.set_text_content(Some(&format!("Output · {name}, attempt {attempt}")));
        }
        if let Some(download) = dom::by_id("download") {
            let to = format!("/runs/{run}/output?step={step}&attempt={attempt}");
            let _ = download.set_attribute("href", &to);
        }
    }

    /// The server's rows make room for our own. Says how high a row is.
    fn take_over(&self) -> i64 {
        let Some(log) = &self.0.log else { return 1 };
        let _ = log.scroll.class_list().add_1("taken");
        log.rows.set_text_content(None);
        set(&log.space, "height", "0");
        i64::from(log.space.client_height()).max(1)
    }

    /// Draws what is in sight, after scrolling there if that is asked for.
    fn draw(&self, mut here: Here, scroll: bool) {
        let Some(log) = self.0.log.as_ref().filter(|_| here.high > 0) else {
            return self.0.here.set(here);
        };
        let (high, rows) = (here.high, here.rows());
        let all = rows * high;
        let space = all.min(HIGHEST);
        set(&log.space, "height", &format!("{space}px"));
        let sight = i64::from(log.scroll.client_height());
        here.at = here.at.min(all - sight).max(0);
        if scroll {
            let top = here.at * (space - sight).max(1) / (all - sight).max(1);
            log.scroll.set_scroll_top(top as i32);
            here.put = i64::from(log.scroll.scroll_top());
        }
        let (first, last) = (here.at / high, ((here.at + sight) / high + 1).min(rows));
        let (from, to) = ((first - BEYOND).max(0), (last + BEYOND).min(rows));
        if here.wrong || first < here.drawn.0 || last > here.drawn.1 {
            log.rows.set_text_content(None);
            for row in from..to {
                let _ = log.rows.append_with_node_1(&self.row(&here, row));
            }
            (here.drawn, here.wrong) = ((from, to), false);
            let hit = dom::first(Some(&log.rows), ".here .t-hit").filter(|_| here.aside);
            if let Some(hit) = hit.and_then(|hit| hit.dyn_into::<HtmlElement>().ok()) {
                let middle = log.scroll.client_width() / 2;
                log.scroll.set_scroll_left(hit.offset_left() - middle);
                here.aside = false;
            }
        }
        let top = here.put - here.at + here.drawn.0 * high;
        set(&log.rows, "transform", &format!("translateY({top}px)"));
        self.0.here.set(here);
        let end = if here.as_of == here.bytes {
            here.to
        } else {
            here.firm
        };
        if from < here.from || to > end {
            self.ask(here, from);
        }
    }

    fn row(&self, here: &Here, row: i64) -> Element {
        let line = make("p");
        let number = here.line(row);
        if number > 0 {
            let link = make("a");
            let _ = link.set_attribute("data-n", &number.to_string());
            let _ = line.append_with_node_1(&link);
            if number == here.chosen {
                line.set_class_name("here");
            }
        }
        if (here.from..here.to).contains(&row) {
            put(&line, &self.0.held.borrow().get((row - here.from) as u32));
        }
        line
    }
}

/// Puts up what a line says: its text, or classes and texts by turns. As text, never as markup.
fn put(line: &Element, said: &JsValue) {
    if let Some(text) = said.as_string() {
        let _ = line.append_with_str_1(&text);
    } else if let Some(runs) = said.dyn_ref::<Array>() {
        let text = |i| runs.get(i).as_string().unwrap_or_default();
        for i in (0..runs.length()).step_by(2) {
            let run = make("span");
            run.set_class_name(&text(i));
            run.set_text_content(Some(&text(i + 1)));
            let _ = line.append_with_node_1(&run);
        }
    }
}

fn make(tag: &str) -> Element {
    document()
        .create_element(tag)
        .unwrap_or_else(|_| wasm_bindgen::throw_str("no element"))
}

fn set(element: &HtmlElement, property: &str, value: &str) {
    let _ = element.style().set_property(property, value);
}

fn follow() -> Option<HtmlInputElement> {
    dom::by_id("follow")?.dyn_into().ok()
}

fn following(on: bool) {
    if let Some(follow) = follow() {
        follow.set_checked(on);
    }
}
