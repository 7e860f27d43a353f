//! A command's output on the screen: only the lines in sight, and some around them, are there at all. The server counts
//! the lines, colours them and searches; here they are asked for, put up and taken away, by hand.
//!
//! A *row* is a line, or the gap where nothing is kept: one row, however many lines it stands for.

use super::dom;
use crate::{page::View, room::Room};
use domain::RunId;
use js_sys::{Array, JSON, Reflect};
use leptos::{prelude::*, task::spawn_local};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, Event, HtmlElement, HtmlInputElement, KeyboardEvent, Response};

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

/// What an answer is for.
enum Then {
    Rows,
    Tail,
    Hits,
}

#[derive(Clone, Copy, Default)]
struct Here {
    step: i64,
    attempt: i64,
    /// How much there is, and from which line to which nothing is kept, if `found` is not 0.
    lines: i64,
    bytes: i64,
    lost: i64,
    found: i64,
    /// The height of a row, once the log is taken over.
    high: i64,
    /// What is above the part in sight, in pixels, as if there were no highest element.
    at: i64,
    /// Where the log was scrolled to when it was looked at last.
    put: i64,
    /// The line that was gone to, from 1.
    chosen: i64,
    /// The rows that are held, the first one that may still change, and how much there was then.
    from: i64,
    to: i64,
    firm: i64,
    as_of: i64,
    /// The rows that are drawn, and whether they have to be drawn anew.
    drawn: (i64, i64),
    wrong: bool,
    busy: bool,
    /// What was asked for last: not twice, where there is no answer.
    asked: (i64, i64),
    /// Of the hits, the one that was gone to.
    hit: u32,
    more: bool,
}

impl Here {
    fn rows(&self) -> i64 {
        self.row(self.lines)
    }

    fn row(&self, line: i64) -> i64 {
        match self.found {
            0 => line,
            found if line >= found => line - found + self.lost + 1,
            _ => line.min(self.lost),
        }
    }

    /// The line of a row, from 1; 0 for the gap.
    fn line(&self, row: i64) -> i64 {
        match self.found {
            0 => row + 1,
            found if row > self.lost => row - self.lost + found,
            _ if row == self.lost => 0,
            _ => row + 1,
        }
    }

    /// Takes over how much there is. Where the gap has grown, the line that was in sight stays there.
    fn grow(&mut self, said: &JsValue) {
        self.lines = number(said, "total");
        self.bytes = number(said, "bytes");
        let found = number(said, "found");
        if found != self.found {
            let line = self.line(self.at / self.high.max(1));
            (self.lost, self.found) = (number(said, "lost"), found);
            self.at = self.row(line - 1) * self.high.max(1);
            (self.from, self.to, self.firm, self.wrong) = (0, 0, 0, true);
        }
    }
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

    /// Asks the server, for one thing at a time.
    fn fetch(&self, mut here: Here, what: &str, from: i64, then: Then) {
        here.busy = true;
        self.0.here.set(here);
        let sought = self.0.sought.borrow().clone();
        let address = format!(
            "/runs/{}/{what}?step={}&attempt={}&from={from}&count={AT_ONCE}&q={}",
            self.0.run.borrow(),
            here.step,
            here.attempt,
            String::from(js_sys::encode_uri_component(&sought))
        );
        let pane = self.clone();
        spawn_local(async move {
            let mut said = JsValue::NULL;
            if let Ok(answer) = JsFuture::from(window().fetch_with_str(&address)).await {
                let answer: Response = answer.unchecked_into();
                if let Some(text) = answer.json().ok().filter(|_| answer.ok()) {
                    said = JsFuture::from(text).await.unwrap_or(JsValue::NULL);
                }
            }
            let mut now = pane.0.here.get();
            now.busy = false;
            pane.0.here.set(now);
            let is_old = (now.step, now.attempt) != (here.step, here.attempt)
                || sought != *pane.0.sought.borrow();
            if is_old {
                pane.go_on(now);
            } else if !said.is_null() {
                match then {
                    Then::Rows => pane.take_rows(now, &said),
                    Then::Tail => pane.take_tail(now, &said),
                    Then::Hits => pane.take_hits(now, &said),
                }
            }
        });
    }

    /// With what is needed now.
    fn go_on(&self, here: Here) {
        match &self.0.log {
            None => self.tail(here),
            Some(_) if here.high == 0 => self.ask(here, END),
            Some(_) => self.draw(here, false),
        }
    }

    /// The last lines, on an incident's page.
    fn tail(&self, here: Here) {
        if !here.busy && here.as_of != here.bytes {
            self.fetch(here, "lines", (here.lines - TAIL).max(0), Then::Tail);
        }
    }

    fn take_tail(&self, mut here: Here, said: &JsValue) {
        if let Some(pre) = dom::first(None, &format!("[data-tail='{}']", self.0.run.borrow())) {
            pre.set_text_content(None);
            for row in list(said, "lines").iter() {
                put(&pre, &row);
                let _ = pre.append_with_str_1("\n");
            }
            dom::show(&pre, true);
        }
        here.as_of = number(said, "bytes");
        self.0.here.set(here);
        self.tail(here);
    }

    /// Asks for the rows around a row. What is needed by then is seen when they are there.
    fn ask(&self, mut here: Here, row: i64) {
        let row = row.min(here.rows() - AT_ONCE / 2);
        let row = ((row - BEFORE) / 50 * 50).max(0);
        let wanted = (row, here.bytes);
        if here.busy || here.asked == wanted {
            return self.0.here.set(here);
        }
        here.asked = wanted;
        self.fetch(here, "lines", (here.line(row) - 1).max(0), Then::Rows);
    }

    fn take_rows(&self, mut here: Here, said: &JsValue) {
        let (lines, bytes) = (here.lines, here.bytes);
        here.wrong |= here.drawn.0 < here.from || here.drawn.1 > here.firm;
        here.grow(said);
        // What was told meanwhile is newer.
        here.as_of = here.bytes;
        (here.lines, here.bytes) = (here.lines.max(lines), here.bytes.max(bytes));
        let rows = list(said, "lines");
        here.from = number(said, "at");
        here.to = here.from + i64::from(rows.length());
        here.firm = here.to - i64::from(here.to == here.rows());
        *self.0.held.borrow_mut() = rows;
        let first = here.high == 0;
        if first {
            here.high = self.take_over();
        }
        if first && here.chosen > 0 {
            self.go_to(here, here.chosen);
        } else {
            self.draw(here, first);
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
        }
        here.put = i64::from(log.scroll.scroll_top());
        let (first, last) = (here.at / high, ((here.at + sight) / high + 1).min(rows));
        let (from, to) = ((first - BEYOND).max(0), (last + BEYOND).min(rows));
        if here.wrong || first < here.drawn.0 || last > here.drawn.1 {
            log.rows.set_text_content(None);
            for row in from..to {
                let _ = log.rows.append_with_node_1(&self.row(&here, row));
            }
            (here.drawn, here.wrong) = ((from, to), false);
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

    fn hear(&self, event: &Event) {
        let Some(log) = &self.0.log else { return };
        let mut here = self.0.here.get();
        match event.type_().as_str() {
            "scroll" => {
                let top = i64::from(log.scroll.scroll_top());
                let moved = top - here.put;
                if here.high > 0 && moved != 0 {
                    let sight = i64::from(log.scroll.client_height());
                    let all = here.rows() * here.high;
                    let end = all.min(HIGHEST) - sight;
                    // A pixel of the scrollbar may stand for many, but a step is a step.
                    if moved.abs() < 2 * sight && top > 0 && top < end {
                        here.at += moved;
                    } else {
                        here.at = top * (all - sight) / end.max(1);
                    }
                    following(here.at + sight + 2 * here.high >= all);
                    self.draw(here, false);
                }
            }
            "resize" => {
                if let Some(row) = log.rows.first_element_child().filter(|_| here.high > 0) {
                    here.high = i64::from(row.client_height()).max(1);
                    self.draw(here, true);
                }
            }
            "hashchange" => drop(self.go_to_address()),
            "click" => {
                if let Some(line) = dom::target(event, ".rows a") {
                    go_to_hash(line.get_attribute("data-n"));
                }
                let button = dom::target(event, "[data-log]");
                match button.and_then(|b| b.get_attribute("data-log")).as_deref() {
                    Some("previous") => self.seek(false),
                    Some("next") => self.seek(true),
                    Some("top") => log.scroll.set_scroll_top(0),
                    Some("end") => self.to_the_end(here),
                    _ => {}
                }
            }
            "change" => {
                if dom::target(event, "#follow:checked").is_some() {
                    self.to_the_end(here);
                }
            }
            _ => {
                let event: &KeyboardEvent = event.unchecked_ref();
                match event.key().as_str() {
                    "Enter" => {
                        if dom::target(event, "#find").is_some() {
                            self.seek(!event.shift_key());
                        } else if let Some(field) = dom::target(event, "#line") {
                            go_to_hash(Some(value(&field)));
                        }
                    }
                    key @ ("End" | "/") if dom::target(event, "#output").is_some() => {
                        event.prevent_default();
                        if key == "End" {
                            self.to_the_end(here);
                        } else {
                            dom::by_id("find").iter().for_each(dom::focus);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    fn to_the_end(&self, mut here: Here) {
        here.at = END;
        following(true);
        self.draw(here, true);
    }

    /// Goes to the line that the address names, as `#L123`.
    fn go_to_address(&self) -> bool {
        let hash = window().location().hash().unwrap_or_default();
        let line = hash.strip_prefix("#L").and_then(|n| n.parse().ok());
        let line = line.filter(|line| *line > 0);
        if let Some(line) = line {
            self.go_to(self.0.here.get(), line);
        }
        line.is_some()
    }

    /// Shows a line, from 1, where it is in sight, else in the upper part of the log.
    fn go_to(&self, mut here: Here, line: i64) {
        here.chosen = line.min(here.lines.max(1));
        here.wrong = true;
        following(false);
        let row = here.row(here.chosen - 1);
        let (top, log) = (row * here.high, self.0.log.as_ref());
        let Some(log) = log.filter(|_| here.high > 0) else {
            self.0.here.set(here);
            return self.ask(here, row);
        };
        let sight = i64::from(log.scroll.client_height());
        let is_seen = top >= here.at && top + here.high <= here.at + sight;
        if !is_seen {
            here.at = top - sight / 3;
        }
        self.draw(here, !is_seen);
    }

    /// Searches for what is typed, or goes on to the next hit or the one before.
    fn seek(&self, forward: bool) {
        let mut here = self.0.here.get();
        let Some(field) = dom::by_id("find") else {
            return;
        };
        let sought = value(&field);
        let hits = self.0.hits.borrow().clone();
        let count = hits.length();
        let is_new = sought != *self.0.sought.borrow();
        let mut from = 0;
        if is_new {
            *self.0.sought.borrow_mut() = sought.clone();
            *self.0.hits.borrow_mut() = Array::new();
            // With other marks, every line is another.
            (here.firm, here.as_of, here.asked) = (here.from, -1, (-1, -1));
            if sought.is_empty() {
                say("");
                return self.draw(here, false);
            }
        } else if !forward {
            return self.go_to_hit(here.hit.checked_sub(1).unwrap_or(count.saturating_sub(1)));
        } else if here.hit + 1 < count {
            return self.go_to_hit(here.hit + 1);
        } else if count > 0 {
            from = at(&hits, count - 1) + 1;
        } else if sought.is_empty() {
            return;
        }
        self.fetch(here, "search", from, Then::Hits);
    }

    /// More of them: those that were known before came to their end, or there were none.
    fn take_hits(&self, mut here: Here, said: &JsValue) {
        here.more = Reflect::get(said, &"more".into()).is_ok_and(|more| more.is_truthy());
        self.0.here.set(here);
        let known = self.0.hits.borrow().clone();
        let count = known.length();
        let hits = known.concat(&list(said, "hits"));
        *self.0.hits.borrow_mut() = hits.clone();
        // From what is in sight on; at the end, from the beginning again.
        let top = here.line(here.at / here.high.max(1)) - 1;
        let hit = (count..hits.length()).find(|i| count > 0 || at(&hits, *i) >= top);
        self.go_to_hit(hit.unwrap_or(0));
        self.go_on(self.0.here.get());
    }

    fn go_to_hit(&self, hit: u32) {
        let mut here = self.0.here.get();
        here.hit = hit;
        let hits = self.0.hits.borrow().clone();
        let count = hits.length();
        if count == 0 {
            return say("no match");
        }
        let more = if here.more { "+" } else { "" };
        say(&format!("{} of {count}{more}", hit + 1));
        self.go_to(here, at(&hits, hit) + 1);
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

fn number(said: &JsValue, name: &str) -> i64 {
    let number = Reflect::get(said, &name.into()).ok();
    number.and_then(|n| n.as_f64()).unwrap_or_default() as i64
}

fn list(said: &JsValue, name: &str) -> Array {
    let list = Reflect::get(said, &name.into()).ok();
    list.and_then(|l| l.dyn_into().ok()).unwrap_or_default()
}

fn at(hits: &Array, hit: u32) -> i64 {
    hits.get(hit).as_f64().unwrap_or_default() as i64
}

fn make(tag: &str) -> Element {
    document().create_element(tag).expect("a plain element")
}

fn set(element: &HtmlElement, property: &str, value: &str) {
    let _ = element.style().set_property(property, value);
}

fn say(count: &str) {
    if let Some(found) = dom::by_id("found") {
        found.set_text_content(Some(count));
    }
}

fn value(field: &Element) -> String {
    field
        .dyn_ref::<HtmlInputElement>()
        .map(HtmlInputElement::value)
        .unwrap_or_default()
}

fn follow() -> Option<HtmlInputElement> {
    dom::by_id("follow")?.dyn_into().ok()
}

/// The address names the line; it is gone to as from anywhere else.
fn go_to_hash(line: Option<String>) {
    let _ = window()
        .location()
        .set_hash(&format!("L{}", line.unwrap_or_default()));
}

fn following(on: bool) {
    if let Some(follow) = follow() {
        follow.set_checked(on);
    }
}
