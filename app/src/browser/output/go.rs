//! Going about in an output: what the reader does, lines by their address, the search.

use super::{END, HIGHEST, Here, Pane, ask::Then, dom, following, list};
use js_sys::{Array, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Event, HtmlInputElement, KeyboardEvent};

impl Pane {
    pub(super) fn hear(&self, event: &Event) {
        let Some(log) = &self.0.log else { return };
        let mut here = self.0.here.get();
        match event.type_().as_str() {
            "scroll" => {
                let top = i64::from(log.scroll.scroll_top());
                let moved = top - here.put;
                if here.high > 0 && moved != 0 {
                    here.put = top;
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
                    key if dom::target(event, "#output").is_some() => {
                        let page = i64::from(log.scroll.client_height()) - here.high;
                        let by = match key {
                            "Home" => -END,
                            "End" => END,
                            "PageUp" => -page,
                            "PageDown" => page,
                            "ArrowUp" => -here.high,
                            "ArrowDown" => here.high,
                            "/" => 0,
                            _ => return,
                        };
                        event.prevent_default();
                        if by == 0 {
                            dom::by_id("find").iter().for_each(dom::focus);
                        } else {
                            // By ourselves: the browser's own way there is gradual, and goes over the next key's.
                            here.at += by;
                            following(here.at + page + 3 * here.high >= here.rows() * here.high);
                            self.draw(here, true);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    pub(super) fn to_the_end(&self, mut here: Here) {
        here.at = END;
        following(true);
        self.draw(here, true);
    }

    /// Goes to the line that the address names, as `#L123`.
    pub(super) fn go_to_address(&self) -> bool {
        let hash = window().location().hash().unwrap_or_default();
        let line: u64 = hash
            .strip_prefix("#L")
            .and_then(|n| n.parse().ok())
            .unwrap_or_default();
        if line > 0 {
            self.go_to(self.0.here.get(), line as i64);
        }
        line > 0
    }

    /// Shows a line, from 1, where it is in sight, else in the upper part of the log.
    pub(super) fn go_to(&self, mut here: Here, line: i64) {
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
    pub(super) fn seek(&self, forward: bool) {
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
    pub(super) fn take_hits(&self, mut here: Here, said: &JsValue) {
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

    pub(super) fn go_to_hit(&self, hit: u32) {
        let mut here = self.0.here.get();
        (here.hit, here.aside) = (hit, true);
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

fn at(hits: &Array, hit: u32) -> i64 {
    hits.get(hit).as_f64().unwrap_or_default() as i64
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

/// The address names the line; it is gone to as from anywhere else.
fn go_to_hash(line: Option<String>) {
    let _ = window()
        .location()
        .set_hash(&format!("L{}", line.unwrap_or_default()));
}
