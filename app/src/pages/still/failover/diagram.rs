//! The diagram of the plan's section 4, drawn with where the failover is, where it has been and when.

use crate::node::{El, Node, div, el};
use domain::{
    Stamp,
    failover::{Failover, Move, Signal, State},
};

/// A box of the diagram: where it stands (its middle) and what it says.
struct Place {
    name: &'static str,
    x: u32,
    y: u32,
    lines: [&'static str; 2],
    /// The diamond.
    asks: bool,
}

const WIDTH: u32 = 108;
const HEIGHT: u32 = 48;

const fn place(name: &'static str, x: u32, y: u32, lines: [&'static str; 2]) -> Place {
    Place {
        name,
        x,
        y,
        lines,
        asks: false,
    }
}

const PLACES: [Place; 10] = [
    place("detect", 60, 110, ["Detect", "Failure"]),
    Place {
        asks: true,
        ..place("choose", 205, 110, ["Automatic", "Failover?"])
    },
    place("checks", 360, 50, ["Health Check", "Failed 3×"]),
    place("manual", 360, 170, ["Manual", "Trigger"]),
    place("initiate", 505, 110, ["Initiate", "Failover"]),
    place("dns", 640, 110, ["Update", "DNS"]),
    place("verify", 775, 110, ["Verify", "Secondary"]),
    place("monitor", 910, 110, ["Monitor", "Primary"]),
    place("plan", 1045, 110, ["Plan", "Failback"]),
    place("back", 1180, 110, ["Fail back", ""]),
];

/// From box to box, with what the arrow says.
const ARROWS: [(&str, &str, &str); 10] = [
    ("detect", "choose", ""),
    ("choose", "checks", "Yes"),
    ("choose", "manual", "No"),
    ("checks", "initiate", ""),
    ("manual", "initiate", ""),
    ("initiate", "dns", ""),
    ("dns", "verify", ""),
    ("verify", "monitor", ""),
    ("monitor", "plan", ""),
    ("plan", "back", ""),
];

/// The box of a state.
fn home(state: State) -> &'static str {
    match state {
        State::Watching => "detect",
        State::Detected => "choose",
        State::Fencing | State::Promoting => "initiate",
        State::Redirecting => "dns",
        State::Verifying => "verify",
        State::Monitoring => "monitor",
        State::Planned => "plan",
        State::FailingBack => "back",
        State::Stopped => "",
    }
}

/// What happened since the primary last served: each box that was come by, with the latest time.
fn taken(failover: &Failover) -> Vec<(&'static str, Stamp)> {
    let moves = &failover.moves;
    let begun = |m: &Move| m.from == State::Watching;
    let from = match failover.state {
        // The last story is over.
        State::Watching => moves.len(),
        _ => moves.iter().rposition(begun).unwrap_or_default(),
    };
    let mut seen = Vec::new();
    for m in &moves[from..] {
        if m.from == State::Watching {
            seen.push(("detect", m.at));
        }
        match m.signal {
            Signal::Automatic => seen.extend([("choose", m.at), ("checks", m.at)]),
            Signal::Trigger => seen.extend([("choose", m.at), ("manual", m.at)]),
            _ => {}
        }
        seen.push((home(m.to), m.at));
    }
    seen
}

pub fn draw(failover: &Failover, automatic: bool) -> El {
    let taken = taken(failover);
    let at = |name: &str| {
        taken
            .iter()
            .rev()
            .find(|(n, _)| *n == name)
            .map(|(_, at)| *at)
    };
    // Where it stopped, the box that it stopped in stays lit, as broken.
    let (lit, broken) = match failover.state {
        State::Stopped => (failover.moves.last().map_or("", |m| home(m.from)), true),
        state => (home(state), false),
    };
    let class = |name: &str| match (name == lit, broken, at(name).is_some()) {
        (true, true, _) => "lit broken",
        (true, false, _) => "lit",
        (_, _, true) => "taken",
        _ => "",
    };
    let mut svg = el("svg")
        .set("viewBox", "0 0 1240 220")
        .set("role", "img")
        .set(
            "aria-label",
            format!(
                "The way of a failover; now: {}. By the plan it is {}.",
                failover.state.words(),
                if automatic {
                    "automatic"
                } else {
                    "a person's decision"
                }
            ),
        );
    for (from, to, says) in ARROWS {
        let gone = at(from).is_some() && (at(to).is_some() || to == lit);
        svg = svg.put(arrow(from, to, says, gone));
    }
    for place in &PLACES {
        svg = svg.put(draw_place(
            place,
            class(place.name),
            at(place.name),
            lit == place.name,
        ));
    }
    div()
        .class("way")
        .set("tabindex", "0")
        .set("role", "group")
        .set("aria-label", "Diagram")
        .put(svg)
}

fn draw_place(place: &Place, class: &'static str, at: Option<Stamp>, lit: bool) -> El {
    let (x, y) = (place.x, place.y);
    let shape = if place.asks {
        el("path").set(
            "d",
            format!(
                "M{} {y} L{x} {} L{} {y} L{x} {} Z",
                x - 68,
                y - 46,
                x + 68,
                y + 46
            ),
        )
    } else {
        el("rect")
            .set("x", (x - WIDTH / 2).to_string())
            .set("y", (y - HEIGHT / 2).to_string())
            .set("width", WIDTH.to_string())
            .set("height", HEIGHT.to_string())
            .set("rx", "7")
    };
    let text = |says: String, dy: i64, class: &'static str| {
        el("text")
            .class(class)
            .set("x", x.to_string())
            .set("y", (i64::from(y) + dy).to_string())
            .put(says)
    };
    let [first, second] = place.lines;
    let words: Node = match second {
        "" => text(first.into(), 5, "").into(),
        second => vec![text(first.into(), -4, ""), text(second.into(), 13, "")].into(),
    };
    let below = if place.asks { 62 } else { 40 };
    el("g")
        .class(class)
        .set("data-place", place.name)
        .set("aria-current", lit.then_some("step"))
        .put(shape)
        .put(words)
        .put(at.map(|at| text(at.clock(), below, "time")))
}

/// How far from its middle a box's edge is to the side.
fn half(place: &Place) -> u32 {
    if place.asks { 68 } else { WIDTH / 2 }
}

fn arrow(from: &str, to: &str, says: &'static str, gone: bool) -> Option<El> {
    let find = |name: &str| PLACES.iter().find(|p| p.name == name);
    let (a, b) = (find(from)?, find(to)?);
    let (x1, x2) = (a.x + half(a), b.x - half(b));
    let d = match a.y == b.y {
        true => format!("M{x1} {} H{}", a.y, x2 - 7),
        // Out of the diamond and into the box in one bend.
        false => format!(
            "M{x1} {} C{} {} {} {} {} {}",
            a.y,
            x1 + 14,
            a.y,
            x2 - 22,
            b.y,
            x2 - 7,
            b.y
        ),
    };
    let head = format!("M{} {} l8 5 l-8 5 z", x2 - 8, b.y - 5);
    let label = (!says.is_empty()).then(|| {
        let y = if b.y < a.y { b.y + 18 } else { b.y - 8 };
        el("text")
            .set("x", (x1 - 4).to_string())
            .set("y", y.to_string())
            .put(says)
    });
    Some(
        el("g")
            .class(if gone { "arrow taken" } else { "arrow" })
            .put(el("path").class("stroke").set("d", d))
            .put(el("path").class("head").set("d", head))
            .put(label),
    )
}
