//! Where a reader is in an output: numbers only.

use js_sys::{Array, Reflect};
use wasm_bindgen::{JsCast, JsValue};

#[derive(Clone, Copy, Default)]
pub struct Here {
    pub step: i64,
    pub attempt: i64,
    /// How much there is, and from which line to which nothing is kept, if `found` is not 0.
    pub lines: i64,
    pub bytes: i64,
    pub lost: i64,
    pub found: i64,
    /// The height of a row, once the log is taken over.
    pub high: i64,
    /// What is above the part in sight, in pixels, as if there were no highest element.
    pub at: i64,
    /// Where the log was scrolled to then.
    pub put: i64,
    /// The line that was gone to, from 1.
    pub chosen: i64,
    /// The rows that are held, the first one that may still change, and how much there was then.
    pub from: i64,
    pub to: i64,
    pub firm: i64,
    pub as_of: i64,
    /// The rows that are drawn, and whether they have to be drawn anew.
    pub drawn: (i64, i64),
    pub wrong: bool,
    pub busy: bool,
    /// What was asked for last: not twice, where there is no answer.
    pub asked: (i64, i64),
    /// Of the hits, the one that was gone to.
    pub hit: u32,
    pub more: bool,
    /// It may stand far to the right, and has to be scrolled to as soon as it is there.
    pub aside: bool,
}

impl Here {
    pub fn rows(&self) -> i64 {
        self.row(self.lines)
    }

    pub fn row(&self, line: i64) -> i64 {
        match self.found {
            0 => line,
            found if line >= found => line - found + self.lost + 1,
            _ => line.min(self.lost),
        }
    }

    /// The line of a row, from 1; 0 for the gap.
    pub fn line(&self, row: i64) -> i64 {
        match self.found {
            0 => row + 1,
            found if row > self.lost => row - self.lost + found,
            _ if row == self.lost => 0,
            _ => row + 1,
        }
    }

    /// Takes over how much there is. Where the gap has grown, the line that was in sight stays there.
    pub fn grow(&mut self, said: &JsValue) {
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

pub fn number(said: &JsValue, name: &str) -> i64 {
    let number = Reflect::get(said, &name.into()).ok();
    number.and_then(|n| n.as_f64()).unwrap_or_default() as i64
}

pub fn list(said: &JsValue, name: &str) -> Array {
    let list = Reflect::get(said, &name.into()).ok();
    list.and_then(|l| l.dyn_into().ok()).unwrap_or_default()
}
