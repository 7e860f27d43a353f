//! Asking the server for lines, and what becomes of its answers.

use super::{AT_ONCE, BEFORE, END, Here, Pane, TAIL, dom, list, number, put};
use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

/// What an answer is for.
pub enum Then {
    Rows,
    Tail,
    Hits,
}

impl Pane {
    /// Asks the server, for one thing at a time.
    pub(super) fn fetch(&self, mut here: Here, what: &str, from: i64, then: Then) {
        here.busy = true;
        self.0.here.set(here);
        let sought = self.0.sought.borrow().clone();
        let address = format!(
            "/runs/{}/{what}?step={}&attempt={}&from={from}&count={AT_ONCE}&q={}",
            self.0.run.borrow(),
            here.step,
            here.attempt,
            JsValue::from(js_sys::encode_uri_component(&sought))
                .as_string()
                .unwrap_or_default()
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
    pub(super) fn go_on(&self, here: Here) {
        match &self.0.log {
            None => self.tail(here),
            Some(_) if here.high == 0 => self.ask(here, END),
            Some(_) => self.draw(here, false),
        }
    }

    /// The last lines, on an incident's page.
    pub(super) fn tail(&self, here: Here) {
        if !here.busy && here.as_of != here.bytes {
            self.fetch(here, "lines", (here.lines - TAIL).max(0), Then::Tail);
        }
    }

    pub(super) fn take_tail(&self, mut here: Here, said: &JsValue) {
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
    pub(super) fn ask(&self, mut here: Here, row: i64) {
        let row = row.min(here.rows() - AT_ONCE / 2);
        let row = ((row - BEFORE) / 50 * 50).max(0);
        let wanted = (row, here.bytes);
        if here.busy || here.asked == wanted {
            return self.0.here.set(here);
        }
        here.asked = wanted;
        self.fetch(here, "lines", (here.line(row) - 1).max(0), Then::Rows);
    }

    pub(super) fn take_rows(&self, mut here: Here, said: &JsValue) {
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
}
