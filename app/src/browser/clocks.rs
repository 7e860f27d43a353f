//! Time: one interval moves every clock; instants are put in the reader's zone.

use super::{dom, filter};
use crate::{
    facts::{Limit, face},
    parts,
    room::Room,
};
use domain::{Span, Stamp};
use js_sys::{Date, Function, Object, Reflect};
use leptos::prelude::*;
use std::{cell::Cell, rc::Rc, time::Duration};
use wasm_bindgen::JsCast;
use web_sys::Element;

/// How far the server's clock is ahead of the browser's, in microseconds.
#[derive(Clone)]
pub struct Time {
    ahead: Rc<Cell<i64>>,
}

/// A larger difference than this is a clock that was set, not a slow network.
const SET: i64 = 5_000_000;

impl Time {
    pub fn now(&self) -> Stamp {
        Stamp(mine() + self.ahead.get())
    }

    /// The server said its time. What took longest to arrive says least: the largest difference is the truest.
    pub fn heard(&self, server: Stamp) {
        let ahead = server.0 - mine();
        if ahead > self.ahead.get() || self.ahead.get() - ahead > SET {
            self.ahead.set(ahead);
        }
    }
}

fn mine() -> i64 {
    (Date::now() * 1000.0) as i64
}

pub fn begin(room: Room) -> Time {
    let time = Time {
        ahead: Rc::new(Cell::new(room.page().now.0 - mine())),
    };
    localise(room, None);
    zones();
    let seconds = Cell::new(0_u32);
    let beat = time.clone();
    let filter = filter::begin();
    set_interval(
        move || {
            room.second(beat.now());
            count(beat.now());
            filter.renew();
            seconds.set(seconds.get() + 1);
            if seconds.get().is_multiple_of(30) {
                zones();
            }
        },
        Duration::from_secs(1),
    );
    time
}

/// Puts every instant that the server wrote in UTC in the reader's zone. What is drawn later is drawn there already.
pub fn localise(room: Room, within: Option<&Element>) {
    let today = parts::local(room.page().now);
    for element in dom::all(within, "time[datetime]") {
        let at = Date::parse(&element.get_attribute("datetime").unwrap_or_default());
        if at.is_finite() {
            let shown = parts::wall(parts::local(Stamp((at * 1000.0) as i64)), today);
            // Into the text node that is there: the view holds on to it.
            if let Some(text) = element.first_child() {
                text.set_node_value(Some(&shown));
            }
        }
    }
}

/// Moves the clocks that the server drew: `data-from` says since when, `data-within` (seconds) against what.
pub fn count(now: Stamp) {
    for clock in dom::all(None, "[data-from]") {
        let number = |name: &str| clock.get_attribute(name)?.parse::<i64>().ok();
        let used = now.since(Stamp(number("data-from").unwrap_or(now.0)));
        let figure = dom::first(Some(&clock), "b");
        let figure = figure.as_ref().unwrap_or(&clock);
        let Some(within) = number("data-within") else {
            figure.set_text_content(Some(&face(used)));
            continue;
        };
        let limit = Limit {
            within: Span::secs(within as u64),
            used,
        };
        let what = dom::first(Some(&clock), ".what");
        let says = match &what {
            Some(_) => face(limit.left()),
            // Nothing beside it says whether it is over.
            None => limit.figure(),
        };
        figure.set_text_content(Some(&says));
        let word = ["data-left", "data-over"][usize::from(limit.is_over())];
        if let Some(what) = what {
            what.set_text_content(Some(&clock.get_attribute(word).unwrap_or_default()));
        }
        let class = clock.class_name();
        let kind = class.split(' ').next().unwrap_or_default();
        clock.set_class_name(&format!("{kind} {}", limit.tone()));
        if let Some(meter) = dom::first(Some(&clock), "meter") {
            let _ = meter.set_attribute("value", &used.as_secs().min(within as u64).to_string());
        }
    }
}

/// What time it is where a person is.
fn zones() {
    for element in dom::all(None, "[data-zone]") {
        let zone = element.get_attribute("data-zone").unwrap_or_default();
        if let Some(there) = time_in(&zone) {
            element.set_text_content(Some(&format!("{there} there ({zone})")));
        }
    }
}

/// Nothing where the browser does not know the zone: that throws, and only a call by way of `Function` hears it.
fn time_in(zone: &str) -> Option<String> {
    let options = Object::new();
    for (key, value) in [
        ("timeZone", zone),
        ("weekday", "short"),
        ("hour", "2-digit"),
        ("minute", "2-digit"),
    ] {
        Reflect::set(&options, &key.into(), &value.into()).ok()?;
    }
    let now = Date::new_0();
    let say: Function = Reflect::get(&now, &"toLocaleString".into())
        .ok()?
        .dyn_into()
        .ok()?;
    say.call2(&now, &"en-GB".into(), &options).ok()?.as_string()
}
