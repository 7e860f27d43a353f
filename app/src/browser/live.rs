//! The live stream: events are folded in, ticks tell the time and the latest looks, output is told to have grown. Silence is
//! noticed; a hidden page lets go of its connection, a shown one takes it up where it was.

use super::{clocks::Time, dom, follow::Parts, output::Pane};
use crate::{
    page::{Tick, View},
    room::{Link, Room},
    wire::{self, Heard},
};
use domain::RunId;
use js_sys::Date;
use leptos::prelude::*;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventSource, MessageEvent};

/// Longer silence than this is a line that is cut, whatever the browser believes.
const SILENCE_MS: f64 = 12_000.0;
/// Events that come within this time are one change to the page.
const GATHER: Duration = Duration::from_millis(50);
/// What the server counts by itself, as how long a day was bad, is asked for this often though nothing happens.
const MINUTE: Duration = Duration::from_secs(60);
/// A connection that was refused is asked for again after this.
const AGAIN_MS: f64 = 3_000.0;

struct Line {
    room: Room,
    time: Time,
    parts: Rc<Parts>,
    pane: Pane,
    source: RefCell<Option<EventSource>>,
    run: RefCell<Option<RunId>>,
    heard: Cell<f64>,
    /// Heard and not yet folded in.
    queue: RefCell<Vec<Heard>>,
}

pub fn begin(room: Room, time: Time, parts: Rc<Parts>, pane: Pane) {
    let line = Rc::new(Line {
        room,
        time,
        parts,
        pane,
        source: RefCell::default(),
        run: RefCell::default(),
        heard: Cell::new(0.0),
        queue: RefCell::default(),
    });
    line.open();
    {
        let line = line.clone();
        dom::on("visibilitychange", move |_: Event| {
            if document().hidden() {
                line.close()
            } else {
                line.open()
            }
        });
    }
    let parts = line.parts.clone();
    set_interval(
        move || {
            if !document().hidden() {
                parts.wake();
            }
        },
        MINUTE,
    );
    set_interval(move || line.watch(), Duration::from_secs(1));
}

impl Line {
    fn open(self: &Rc<Self>) {
        self.close();
        let run = self.wanted();
        let after = self.room.world.with_untracked(|w| w.seq);
        let mut address = format!("/live?after={after}");
        if let Some(run) = &run {
            address.push_str(&format!("&run={run}{}", self.pane.known()));
        }
        *self.run.borrow_mut() = run;
        let Ok(source) = EventSource::new(&address) else {
            return;
        };
        self.listen(&source, "message", "event");
        self.listen(&source, "tick", "tick");
        self.listen(&source, "output", "output");
        self.listen(&source, "reset", "reset");
        let lost = {
            let line = self.clone();
            Closure::<dyn Fn()>::new(move || line.lost()).into_js_value()
        };
        source.set_onerror(Some(lost.unchecked_ref()));
        self.heard.set(Date::now());
        *self.source.borrow_mut() = Some(source);
    }

    fn listen(self: &Rc<Self>, source: &EventSource, name: &str, kind: &'static str) {
        let line = self.clone();
        let heard = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            line.heard.set(Date::now());
            if line.room.link.get_untracked() != Link::Live {
                line.room.link.set(Link::Live);
            }
            line.hear(kind, &event.data().as_string().unwrap_or_default());
        });
        let _ =
            source.add_event_listener_with_callback(name, heard.into_js_value().unchecked_ref());
    }

    fn close(&self) {
        if let Some(source) = self.source.borrow_mut().take() {
            source.close();
        }
    }

    /// The run whose output this page shows: its own, or the one that goes on in its incident.
    fn wanted(&self) -> Option<RunId> {
        match &self.room.page().view {
            View::Run { id, .. } => Some(id.clone()),
            View::Incident { number } => self.room.world.with_untracked(|w| {
                w.runs_of(number)
                    .into_iter()
                    .find(|r| !r.is_over())
                    .map(|r| r.id.clone())
            }),
            _ => None,
        }
    }

    /// What comes at about the same time is folded in at once: the page is drawn once for all of it.
    fn take(self: &Rc<Self>, heard: Heard) {
        let mut queue = self.queue.borrow_mut();
        queue.push(heard);
        if queue.len() > 1 {
            return;
        }
        let line = self.clone();
        let fold = move || {
            for heard in line.queue.take() {
                match heard {
                    Heard::Event(stamped) => line.room.hear(stamped),
                    Heard::Passed(seq) => line.room.pass(seq),
                }
            }
            line.parts.wake();
        };
        set_timeout(fold, GATHER);
    }

    fn hear(self: &Rc<Self>, kind: &str, data: &str) {
        match kind {
            "event" => {
                // What cannot be read is of a newer server: its page can.
                match wire::stamped(data) {
                    Ok(heard) => self.take(heard),
                    Err(_) => drop(window().location().reload()),
                }
            }
            "tick" => {
                if let Ok(tick) = wire::read::<Tick>(data) {
                    self.time.heard(tick.at);
                    self.room.look(tick);
                    if dom::first(None, "[data-follow=often]").is_some() {
                        self.parts.wake();
                    }
                }
            }
            "output" => {
                if let Some(run) = self.run.borrow().as_ref() {
                    self.pane.say(self.room, run, data);
                }
            }
            _ => {
                let _ = window().location().reload();
            }
        }
    }

    fn lost(&self) {
        if !matches!(self.room.link.get_untracked(), Link::Stale { .. }) {
            self.room.link.set(Link::Stale {
                since: self.time.now(),
            });
        }
    }

    /// Every second: is it silent, was it refused, does another run go on now?
    fn watch(self: &Rc<Self>) {
        let (open, refused) = match self.source.borrow().as_ref() {
            Some(source) => (true, source.ready_state() == EventSource::CLOSED),
            None => (false, false),
        };
        if !open {
            return;
        }
        let silent = Date::now() - self.heard.get();
        if silent > SILENCE_MS || refused && silent > AGAIN_MS {
            self.lost();
            self.open();
        } else if *self.run.borrow() != self.wanted() {
            self.open();
        }
    }
}
