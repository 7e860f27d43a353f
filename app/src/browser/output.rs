//! A command's output on the screen: only the lines in sight, and some around them, are there at all. The server counts
//! the lines, colours them and searches; here they are asked for, put up and taken away, by hand.
//!
//! A *row* is a line, or the gap where nothing is kept: one row, however many lines it stands for.

use super::dom;
use crate::room::Room;
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
const HIGHEST: i64 = 16_000_000;
/// So many rows are drawn beyond both edges of what is in sight.
const BEYOND: i64 = 30;
/// So many rows are asked for at a time, from so many before what is needed.
const AT_ONCE: i64 = 400;
const BEFORE: i64 = 100;
/// Further down than any output.
const END: i64 = 1 << 50;

/// The run page's log, or none: then only the last lines on an incident's page.
#[derive(Clone)]
pub struct Pane(Rc<Inner>);

struct Inner {
    log: Option<Log>,
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
    /// Is the newest attempt wanted, or the one that was chosen?
    follows: bool,
}

#[derive(Clone, Copy, Default)]
struct Here {
    step: i64,
    attempt: i64,
    /// How much there is.
    lines: i64,
    bytes: i64,
    gap: Option<(i64, i64)>,
    /// The height of a row, once the log is taken over.
    high: i64,
    /// What is above the part in sight, in pixels, as if there were no highest element.
    at: i64,
    /// Where we scrolled to by ourselves.
    put: i32,
    /// The line that was gone to, from 1.
    chosen: i64,
    /// The rows that are held, the first one that may still change, and how much there was then.
    from: i64,
    to: i64,
    firm: i64,
    as_of: i64,
    /// The rows that are drawn, and the first one that is not right.
    drawn: (i64, i64),
    right: i64,
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
        match self.gap {
            Some((lost, found)) if line >= found => line - found + lost + 1,
            Some((lost, _)) => line.min(lost),
            None => line,
        }
    }

    /// The line of a row, unless it is the gap.
    fn line(&self, row: i64) -> Option<i64> {
        match self.gap {
            Some((lost, _)) if row == lost => None,
            Some((lost, found)) if row > lost => Some(row - lost - 1 + found),
            _ => Some(row),
        }
    }

    /// Takes over how much there is. Where the gap has grown, the line that was in sight stays there.
    fn grow(&mut self, said: &JsValue) {
        self.lines = number(said, "total");
        self.bytes = number(said, "bytes");
        let gap = list(said, "gap");
        let end = |i| gap.get(i).as_f64().map(|n| n as i64);
        let gap = end(0).zip(end(1));
        if gap != self.gap {
            let high = self.high.max(1);
            let line = self.line(self.at / high);
            self.gap = gap;
            self.at = self.row(line.unwrap_or(END)) * high + self.at % high;
            (self.from, self.to, self.firm, self.right) = (0, 0, 0, 0);
        }
    }
}

impl Pane {
    pub fn find() -> Pane {
        let log = || {
            let scroll: HtmlElement = dom::by_id("output")?.dyn_into().ok()?;
            let space: HtmlElement = scroll.first_element_child()?.dyn_into().ok()?;
            Some(Log {
                rows: space.first_element_child()?.dyn_into().ok()?,
                space,
                follows: scroll.has_attribute("data-follows"),
                scroll,
            })
        };
        let log = log();
        let number = |name: &str| {
            log.as_ref()
                .and_then(|l| l.scroll.get_attribute(name)?.parse().ok())
                .unwrap_or_default()
        };
        let here = Here {
            step: number("data-step"),
            attempt: number("data-attempt"),
            lines: number("data-lines"),
            bytes: number("data-bytes"),
            at: END,
            right: END,
            ..Here::default()
        };
        let pane = Pane(Rc::new(Inner {
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
        let Some(log) = &self.0.log else {
            (here.step, here.attempt) = (step, attempt);
            here.grow(&said);
            self.0.here.set(here);
            return self.tail(run);
        };
        if !same {
            if !log.follows {
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
        here.grow(&said);
        let follows = follow().is_some_and(|f| f.checked());
        if follows {
            here.at = END;
        }
        if let Some(nothing) = dom::by_id("said-nothing") {
            dom::show(&nothing, false);
        }
        if here.high == 0 {
            self.0.here.set(here);
            self.ask(here, END);
        } else {
            self.draw(here, follows || here.rows() * here.high > HIGHEST);
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

    /// The last lines, on an incident's page.
    fn tail(&self, run: &RunId) {
        let mut here = self.0.here.get();
        let Some(pre) = dom::first(None, &format!("[data-tail='{run}']")) else {
            return;
        };
        if here.busy {
            return;
        }
        here.busy = true;
        self.0.here.set(here);
        let lines = pre
            .get_attribute("data-lines")
            .and_then(|n| n.parse().ok())
            .unwrap_or(6);
        let from = (here.lines - lines).max(0);
        let address = self.address(run.as_str(), &here, "lines", from);
        let (pane, run) = (self.clone(), run.clone());
        spawn_local(async move {
            if let Some(said) = get(&address).await {
                pre.set_text_content(None);
                list(&said, "lines").iter().for_each(|row| {
                    put(&pre, &row);
                    let _ = pre.append_with_str_1("\n");
                });
                dom::show(&pre, true);
            }
            let mut now = pane.0.here.get();
            now.busy = false;
            pane.0.here.set(now);
            if (now.attempt, now.bytes) != (here.attempt, here.bytes) {
                pane.tail(&run);
            }
        });
    }

    fn address(&self, run: &str, here: &Here, what: &str, from: i64) -> String {
        let sought = js_sys::encode_uri_component(&self.0.sought.borrow());
        format!(
            "/runs/{run}/{what}?step={}&attempt={}&from={from}&count={AT_ONCE}&q={}",
            here.step,
            here.attempt,
            String::from(sought)
        )
    }

    fn log_address(&self, here: &Here, what: &str, from: i64) -> String {
        let run = self
            .0
            .log
            .as_ref()
            .and_then(|l| l.scroll.get_attribute("data-run"));
        self.address(&run.unwrap_or_default(), here, what, from)
    }

    /// Asks for the rows around a row, one answer at a time: what is needed by then is seen when it is there.
    fn ask(&self, mut here: Here, row: i64) {
        let row = row.min(here.rows() - AT_ONCE / 2);
        let row = ((row - BEFORE) / 50 * 50).max(0);
        let wanted = (row, here.bytes);
        if here.busy || here.asked == wanted && here.high > 0 {
            return;
        }
        (here.busy, here.asked) = (true, wanted);
        self.0.here.set(here);
        let line = here.line(row).unwrap_or(row - 1);
        let address = self.log_address(&here, "lines", line);
        let sought = self.0.sought.borrow().clone();
        let pane = self.clone();
        spawn_local(async move {
            let said = get(&address).await;
            let mut now = pane.0.here.get();
            now.busy = false;
            if (now.step, now.attempt) != (here.step, here.attempt)
                || sought != *pane.0.sought.borrow()
            {
                return match now.high {
                    0 => pane.ask(now, END),
                    _ => pane.draw(now, false),
                };
            }
            let Some(said) = said else {
                return pane.0.here.set(now);
            };
            let first = now.high == 0;
            let (lines, bytes) = (now.lines, now.bytes);
            now.right = now.right.min(now.firm.max(now.from));
            now.grow(&said);
            // What was told meanwhile is newer.
            now.as_of = now.bytes;
            (now.lines, now.bytes) = (now.lines.max(lines), now.bytes.max(bytes));
            let rows = list(&said, "lines");
            now.from = number(&said, "at");
            now.to = now.from + i64::from(rows.length());
            now.firm = if now.to < now.rows() {
                now.to
            } else {
                now.to - 1
            };
            *pane.0.held.borrow_mut() = rows;
            if first {
                now.high = pane.take_over();
            }
            if first && now.chosen > 0 {
                pane.go_to(now, now.chosen);
            } else {
                pane.draw(now, first);
            }
        });
    }

    /// The server's rows make room for our own. Says how high a row is.
    fn take_over(&self) -> i64 {
        let Some(log) = &self.0.log else { return 1 };
        let _ = log.scroll.class_list().add_1("live");
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
            let top = if all > space {
                here.at * (space - sight) / (all - sight)
            } else {
                here.at
            };
            log.scroll.set_scroll_top(top as i32);
            here.put = log.scroll.scroll_top();
        }
        let from = (here.at / high - BEYOND).max(0);
        let to = ((here.at + sight) / high + BEYOND).min(rows);
        let (mut a, mut b) = here.drawn;
        if b <= from || a >= to || here.right <= a.max(from) {
            log.rows.set_text_content(None);
            (a, b, here.right) = (from, from, END);
        }
        while a < from {
            take(log.rows.first_element_child());
            a += 1;
        }
        while b > to.min(here.right) {
            take(log.rows.last_element_child());
            b -= 1;
        }
        here.right = END;
        let seen = here;
        let mut draw = |row: i64| {
            if row < seen.from || row >= seen.to {
                here.right = here.right.min(row);
            }
            self.row(&seen, row)
        };
        while a > from {
            a -= 1;
            let _ = log.rows.prepend_with_node_1(&draw(a));
        }
        while b < to {
            let _ = log.rows.append_with_node_1(&draw(b));
            b += 1;
        }
        here.drawn = (a, b);
        let top = i64::from(log.scroll.scroll_top()) - here.at + a * high;
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
        if let Some(number) = here.line(row) {
            let number = (number + 1).to_string();
            let link = make("a");
            for (name, value) in [
                ("href", format!("#L{number}").as_str()),
                ("data-n", &number),
                ("tabindex", "-1"),
                ("aria-hidden", "true"),
            ] {
                let _ = link.set_attribute(name, value);
            }
            let _ = line.append_with_node_1(&link);
        }
        if here.chosen > 0 && here.line(row) == Some(here.chosen - 1) {
            line.set_class_name("here");
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
                let top = log.scroll.scroll_top();
                if here.high > 0 && top != here.put {
                    let sight = i64::from(log.scroll.client_height());
                    let all = here.rows() * here.high;
                    let space = all.min(HIGHEST);
                    let top = i64::from(top);
                    here.put = -1;
                    here.at = if all > space {
                        top * (all - sight) / (space - sight).max(1)
                    } else {
                        top
                    };
                    following(here.at + sight + 2 * here.high >= all);
                    self.draw(here, false);
                }
            }
            "resize" if here.high > 0 => {
                let high = log
                    .rows
                    .first_element_child()
                    .map(|row| row.client_height());
                let high = i64::from(high.unwrap_or_default());
                if high > 0 && high != here.high {
                    here.at = here.at / here.high * high;
                    here.high = high;
                }
                self.draw(here, true);
            }
            "hashchange" => drop(self.go_to_address()),
            "click" => {
                let button = dom::target(event, "[data-log]");
                match button.and_then(|b| b.get_attribute("data-log")).as_deref() {
                    Some("previous") => self.seek(false),
                    Some("next") => self.seek(true),
                    Some("top") => self.move_to(here, 0),
                    Some("end") => self.move_to(here, END),
                    _ => {}
                }
                if dom::target(event, ".rows a").is_some() {
                    dom::focus(&log.scroll);
                }
            }
            "change" if dom::target(event, "#follow").is_some() => {
                if follow().is_some_and(|f| f.checked()) {
                    self.move_to(here, END);
                }
            }
            "keydown" => self.press(event.unchecked_ref(), log, here),
            _ => {}
        }
    }

    fn press(&self, event: &KeyboardEvent, log: &Log, here: Here) {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let key = event.key();
        if let Some(field) = dom::target(event, "#find, #line") {
            if key == "Enter" {
                event.prevent_default();
                if field.id() == "find" {
                    self.seek(!event.shift_key());
                } else {
                    let wanted = value(&field);
                    let digits: String = wanted.chars().filter(char::is_ascii_digit).collect();
                    let _ = window().location().set_hash(&format!("L{digits}"));
                    self.go_to_address();
                }
            }
            return;
        }
        if dom::target(event, "#output").is_none() {
            return;
        }
        let page = i64::from(log.scroll.client_height()) - 2 * here.high;
        let to = match key.as_str() {
            "ArrowUp" => here.at - here.high,
            "ArrowDown" => here.at + here.high,
            "PageUp" => here.at - page,
            "PageDown" => here.at + page,
            "Home" => 0,
            "End" => END,
            "/" => {
                event.prevent_default();
                dom::by_id("find").iter().for_each(dom::focus);
                return;
            }
            _ => return,
        };
        event.prevent_default();
        self.move_to(here, to);
    }

    fn move_to(&self, mut here: Here, at: i64) {
        here.at = at;
        self.draw(here, true);
        let last = self.0.here.get().drawn.1 == here.rows();
        following(at == END || last && at > self.0.here.get().at);
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
        here.right = 0;
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
            self.draw(here, false);
        } else if !forward {
            return self.go_to_hit(here.hit.checked_sub(1).unwrap_or(count.saturating_sub(1)));
        } else if here.hit + 1 < count {
            return self.go_to_hit(here.hit + 1);
        } else if count > 0 {
            from = at(&hits, count - 1) + 1;
        }
        if sought.is_empty() {
            return say("");
        }
        let address = self.log_address(&here, "search", from);
        let pane = self.clone();
        spawn_local(async move {
            let Some(said) = get(&address).await else {
                return;
            };
            if sought != *pane.0.sought.borrow() {
                return;
            }
            let mut here = pane.0.here.get();
            let found = list(&said, "hits");
            here.more = Reflect::get(&said, &"more".into()).is_ok_and(|more| more.is_truthy());
            pane.0.here.set(here);
            let is_none = found.length() == 0;
            let hits = pane.0.hits.borrow().concat(&found);
            *pane.0.hits.borrow_mut() = hits.clone();
            if hits.length() == 0 {
                return say("no match");
            }
            // From what is in sight on; at the end, from the beginning again.
            let top = here.line(here.at / here.high.max(1)).unwrap_or_default();
            let hit = match from {
                0 => (0..hits.length()).find(|i| at(&hits, *i) >= top),
                _ => (!is_none).then_some(count),
            };
            pane.go_to_hit(hit.unwrap_or(0));
        });
    }

    fn go_to_hit(&self, hit: u32) {
        let mut here = self.0.here.get();
        here.hit = hit;
        let hits = self.0.hits.borrow().clone();
        if hits.length() > 0 {
            let more = if here.more { "+" } else { "" };
            say(&format!("{} of {}{more}", hit + 1, hits.length()));
            self.go_to(here, at(&hits, hit) + 1);
        }
    }
}

async fn get(address: &str) -> Option<JsValue> {
    let answer = JsFuture::from(window().fetch_with_str(address))
        .await
        .ok()?;
    let answer: Response = answer.unchecked_into();
    if !answer.ok() || answer.redirected() {
        return None;
    }
    JsFuture::from(answer.json().ok()?).await.ok()
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

fn take(element: Option<Element>) {
    if let Some(element) = element {
        element.remove();
    }
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

fn following(on: bool) {
    if let Some(follow) = follow() {
        follow.set_checked(on);
    }
}
