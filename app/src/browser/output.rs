//! A command's output on the screen. Appended to the page by hand, piece by piece: a log of megabytes is not a value to
//! compare anew for every line.

use super::dom;
use crate::{page::OutputChunk, parts, room::Room};
use domain::RunId;
use std::cell::{Cell, RefCell};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlInputElement};

/// What is kept on the screen, in bytes; the download has everything.
const KEEP: usize = 400_000;

/// The run page's pane, or none: then only the last lines on an incident's page.
pub struct Pane {
    pre: Option<Element>,
    /// Step, attempt, and the first byte that is not on the screen yet.
    at: Cell<(u32, u32, u64)>,
    /// Is the newest attempt wanted, or the one that was chosen?
    follows: bool,
    shown: Cell<usize>,
    tail: RefCell<String>,
}

impl Pane {
    pub fn find() -> Pane {
        let pre = dom::by_id("output");
        let number = |name: &str| {
            pre.as_ref()
                .and_then(|p| p.get_attribute(name)?.parse::<u64>().ok())
                .unwrap_or_default()
        };
        let at = (
            number("data-step") as u32,
            number("data-attempt") as u32,
            number("data-end"),
        );
        let follows = pre
            .as_ref()
            .is_some_and(|p| p.has_attribute("data-follows"));
        let shown = pre
            .as_ref()
            .and_then(|p| p.text_content())
            .map_or(0, |t| t.len());
        let pane = Pane {
            pre,
            at: Cell::new(at),
            follows,
            shown: Cell::new(shown),
            tail: RefCell::default(),
        };
        if pane.follows {
            pane.to_the_end();
        }
        if let Some(pre) = pane.pre.clone() {
            // Reading further up stops following; back at the end, it goes on.
            let scrolled = wasm_bindgen::closure::Closure::<dyn Fn(Event)>::new({
                let pre = pre.clone();
                move |_| {
                    if let Some(follow) = follow() {
                        follow.set_checked(
                            pre.scroll_height() - pre.scroll_top() - pre.client_height() < 40,
                        );
                    }
                }
            });
            let _ = pre.add_event_listener_with_callback(
                "scroll",
                scrolled.into_js_value().unchecked_ref(),
            );
        }
        pane
    }

    /// For the address of the stream: from which byte on this page lacks the output.
    pub fn known(&self) -> String {
        let (step, attempt, end) = self.at.get();
        if attempt == 0 {
            String::new()
        } else {
            format!("&output={step}-{attempt}-{end}")
        }
    }

    pub fn say(&self, room: Room, run: &RunId, chunk: OutputChunk) {
        let (step, attempt, end) = self.at.get();
        let same = (step, attempt) == (chunk.step, chunk.attempt);
        if !same && self.pre.is_some() && !self.follows {
            return;
        }
        if same && chunk.end <= end {
            return;
        }
        if !same {
            self.turn_to(room, run, &chunk);
        }
        let end = if same { end } else { chunk.offset };
        let mut text = chunk.text.as_str();
        if chunk.offset < end && chunk.end - chunk.offset == text.len() as u64 {
            // It overlaps with what is here.
            text = text.get((end - chunk.offset) as usize..).unwrap_or(text);
        }
        self.at.set((chunk.step, chunk.attempt, chunk.end));
        let gap = chunk.offset.saturating_sub(end);
        let gap = if gap > 0 {
            format!("\n[{gap} bytes are not shown here; the download has them]\n")
        } else {
            String::new()
        };
        let text = format!("{gap}{}", parts::plain(text));
        match &self.pre {
            Some(pre) => self.append(pre, &text),
            None => self.tail(run, &text),
        }
    }

    fn append(&self, pre: &Element, text: &str) {
        let _ = pre.append_with_str_1(text);
        self.shown.set(self.shown.get() + text.len());
        while self.shown.get() > KEEP {
            let Some(first) = pre.first_child() else {
                break;
            };
            if pre.child_nodes().length() == 1 {
                break;
            }
            self.shown.set(
                self.shown
                    .get()
                    .saturating_sub(first.text_content().map_or(0, |t| t.len())),
            );
            let _ = pre.remove_child(&first);
            if let Some(note) = dom::by_id("left-out") {
                note.set_text_content(Some(
                    "The first part is not shown any more; the download has it.",
                ));
                dom::show(&note, true);
            }
        }
        if let Some(nothing) = dom::by_id("said-nothing") {
            dom::show(&nothing, false);
        }
        if follow().is_some_and(|f| f.checked()) {
            self.to_the_end();
        }
    }

    /// The last lines, on an incident's page.
    fn tail(&self, run: &RunId, text: &str) {
        let Some(pre) = dom::first(None, &format!("[data-tail='{run}']")) else {
            return;
        };
        let lines = pre
            .get_attribute("data-lines")
            .and_then(|n| n.parse().ok())
            .unwrap_or(6);
        let mut tail = self.tail.borrow_mut();
        tail.push_str(text);
        let from = tail
            .trim_end()
            .rmatch_indices('\n')
            .nth(lines - 1)
            .map_or(0, |(i, _)| i + 1);
        tail.drain(..from);
        pre.set_text_content(Some(&tail));
        dom::show(&pre, true);
    }

    /// Another attempt began: its output takes the screen.
    fn turn_to(&self, room: Room, run: &RunId, chunk: &OutputChunk) {
        self.tail.borrow_mut().clear();
        self.shown.set(0);
        let Some(pre) = &self.pre else { return };
        pre.set_text_content(None);
        if let Some(title) = dom::by_id("output-title") {
            let step = room
                .run(run)
                .and_then(|r| {
                    r.runbook
                        .steps
                        .get(chunk.step as usize)
                        .map(|s| s.name.clone())
                })
                .unwrap_or_default();
            title.set_text_content(Some(&format!("Output · {step}, attempt {}", chunk.attempt)));
        }
        if let Some(download) = dom::by_id("download") {
            let _ = download.set_attribute(
                "href",
                &format!(
                    "/runs/{run}/output?step={}&attempt={}",
                    chunk.step, chunk.attempt
                ),
            );
        }
        if let Some(note) = dom::by_id("left-out") {
            dom::show(&note, false);
        }
    }

    fn to_the_end(&self) {
        if let Some(pre) = &self.pre {
            pre.set_scroll_top(pre.scroll_height());
        }
    }
}

fn follow() -> Option<HtmlInputElement> {
    dom::by_id("follow")?.dyn_into().ok()
}
