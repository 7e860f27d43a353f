//! What a terminal would show of an output, one line at a time: text and its colours. Everything else that a command can
//! ask of a terminal (titles, links, the clipboard, moving about) is dropped.
//!
//! Architecture invariant: no control character and no mark that turns the direction of text comes out, whatever went in.
//! Architecture invariant: text outside of sequences comes out whole and in order; of a line that was written over (`\r`),
//! the last writing.

use std::fmt::Write;

/// How text looks. It stays from line to line until the command changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Of the sixteen [`NAMES`].
    fg: Option<u8>,
    bg: Option<u8>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    inverse: bool,
}

const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "gray",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

impl Style {
    /// The classes that stand for it: none for plain text.
    pub fn class(&self) -> String {
        let mut class = String::new();
        let mut add = |prefix: &str, name: &str| {
            let gap = if class.is_empty() { "t-" } else { " t-" };
            let _ = write!(class, "{gap}{prefix}{name}");
        };
        for (colour, prefix) in [(self.fg, ""), (self.bg, "on-")] {
            if let Some(name) = colour.and_then(|c| NAMES.get(usize::from(c))) {
                add(prefix, name);
            }
        }
        let marks = [
            (self.bold, "bold"),
            (self.dim, "dim"),
            (self.italic, "italic"),
            (self.underline, "underline"),
            (self.inverse, "inverse"),
        ];
        for (_, name) in marks.iter().filter(|(on, _)| *on) {
            add("", name);
        }
        class
    }

    /// Select Graphic Rendition: what stands between `ESC [` and `m`.
    fn select(&mut self, parameters: &str) {
        let mut all = parameters.split(';');
        while let Some(one) = all.next() {
            let mut parts = one.split(':');
            let code = number(parts.next());
            let detail: Vec<Option<u32>> = parts.map(|p| p.parse().ok()).collect();
            match code {
                0 => *self = Style::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = detail.first() != Some(&Some(0)),
                7 => self.inverse = true,
                21 => self.underline = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                27 => self.inverse = false,
                30..=37 => self.fg = Some((code - 30) as u8),
                39 => self.fg = None,
                40..=47 => self.bg = Some((code - 40) as u8),
                49 => self.bg = None,
                90..=97 => self.fg = Some((code - 82) as u8),
                100..=107 => self.bg = Some((code - 92) as u8),
                38 | 48 => {
                    let colour = if detail.is_empty() {
                        // `38;5;N` or `38;2;R;G;B`: as parameters of their own.
                        match number(all.next()) {
                            5 => Some(indexed(number(all.next()))),
                            2 => {
                                let rgb = [(); 3].map(|()| number(all.next()));
                                Some(nearest(rgb))
                            }
                            _ => None,
                        }
                    } else {
                        named_in_parts(&detail)
                    };
                    if let Some(colour) = colour {
                        *(if code == 38 {
                            &mut self.fg
                        } else {
                            &mut self.bg
                        }) = Some(colour);
                    }
                }
                _ => {}
            }
        }
    }
}

fn number(parameter: Option<&str>) -> u32 {
    match parameter {
        None | Some("") => 0,
        Some(digits) => digits.parse().unwrap_or(u32::MAX),
    }
}

/// `5:N`, `2:R:G:B` or, with a colour space, `2::R:G:B`.
fn named_in_parts(detail: &[Option<u32>]) -> Option<u8> {
    match detail {
        [Some(5), Some(n), ..] => Some(indexed(*n)),
        [Some(2), _, r, g, b, ..] | [Some(2), r, g, b] => {
            Some(nearest([r, g, b].map(|c| c.unwrap_or(0))))
        }
        _ => None,
    }
}

/// Of the 256 colours: sixteen names, a cube of 6 × 6 × 6, and 24 greys.
fn indexed(n: u32) -> u8 {
    match n {
        0..=15 => n as u8,
        16..=231 => {
            let level = |c: u32| if c == 0 { 0 } else { 55 + 40 * c };
            let n = n - 16;
            nearest([level(n / 36), level(n / 6 % 6), level(n % 6)])
        }
        _ => nearest([8 + 10 * (n.min(255) - 232); 3]),
    }
}

/// What a terminal paints for the sixteen names.
const PALETTE: [[u32; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

fn nearest(rgb: [u32; 3]) -> u8 {
    let distance = |known: &[u32; 3]| -> u32 {
        let apart = |(a, b): (&u32, &u32)| a.abs_diff((*b).min(255)).pow(2);
        known.iter().zip(&rgb).map(apart).sum()
    };
    let closest = PALETTE
        .iter()
        .enumerate()
        .min_by_key(|(_, known)| distance(known));
    closest.map_or(7, |(name, _)| name as u8)
}

/// One line, without its line break: pieces of text, each with its style. Neighbours differ in style, none is empty.
pub fn line(style: &mut Style, raw: &[u8]) -> Vec<(Style, String)> {
    let raw = String::from_utf8_lossy(raw);
    let mut shown = Vec::new();
    for over in raw.split('\r') {
        let written = segment(style, over);
        if !written.is_empty() {
            shown = written;
        }
    }
    shown
}

fn segment(style: &mut Style, text: &str) -> Vec<(Style, String)> {
    let mut runs: Vec<(Style, String)> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if let Some((after, selected)) = sequence(c, after) {
            if let Some(parameters) = selected {
                style.select(parameters);
            }
            rest = after;
            continue;
        }
        // As much as needs no second look.
        let plain = rest.find(|c: char| c.is_control()).unwrap_or(rest.len());
        let (text, after) = if plain == 0 {
            (if c == '\t' { "\t" } else { "" }, after)
        } else {
            rest.split_at(plain)
        };
        rest = after;
        let text = text.chars().filter(|c| !turns(*c));
        match runs.last_mut() {
            Some((last, run)) if last == style => run.extend(text),
            _ => {
                let run: String = text.collect();
                if !run.is_empty() {
                    runs.push((*style, run));
                }
            }
        }
    }
    runs
}

/// Would show what follows in another order than it was written, or begin a line of its own.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Where a sequence begins with `c`: what follows it, and the parameters if it selects a style.
fn sequence(c: char, rest: &str) -> Option<(&str, Option<&str>)> {
    let (kind, rest) = match c {
        '\u{1b}' => {
            let kind = rest.chars().next().unwrap_or(c);
            match kind {
                '[' | ']' | 'P' | 'X' | '^' | '_' => (kind, &rest[1..]),
                // Two characters, perhaps with something in between.
                _ => {
                    let between = count(rest, ' '..='/');
                    let ends = rest[between..].starts_with(|c| ('0'..='~').contains(&c));
                    return Some((&rest[between + usize::from(ends)..], None));
                }
            }
        }
        '\u{9b}' => ('[', rest),
        '\u{9d}' => (']', rest),
        '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => ('P', rest),
        _ => return None,
    };
    if kind != '[' {
        return Some((after_string(rest), None));
    }
    let parameters = count(rest, '0'..='?');
    let end = parameters + count(&rest[parameters..], ' '..='/');
    let selects = end == parameters && rest[end..].starts_with('m');
    let ends = rest[end..].starts_with(|c| ('@'..='~').contains(&c));
    Some((
        &rest[end + usize::from(ends)..],
        selects.then(|| &rest[..parameters]),
    ))
}

fn count(text: &str, of: std::ops::RangeInclusive<char>) -> usize {
    text.find(|c| !of.contains(&c)).unwrap_or(text.len())
}

/// A string to the terminal ends with BEL or `ESC \`. One that does not end on its line is text that only looks like it.
fn after_string(rest: &str) -> &str {
    match rest.find(['\u{7}', '\u{1b}', '\u{9c}']) {
        Some(end) if rest[end..].starts_with('\u{7}') => &rest[end + 1..],
        Some(end) if rest[end..].starts_with("\u{1b}\\") => &rest[end + 2..],
        Some(end) if rest[end..].starts_with('\u{9c}') => &rest[end + 2..],
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `class|text` of each piece.
    fn shown(raw: &str) -> Vec<String> {
        told(&mut Style::default(), raw)
    }

    fn told(style: &mut Style, raw: &str) -> Vec<String> {
        let told = |(style, text): (Style, String)| format!("{}|{text}", style.class());
        line(style, raw.as_bytes()).into_iter().map(told).collect()
    }

    fn text(raw: &[u8]) -> String {
        let runs = line(&mut Style::default(), raw);
        runs.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn colours_become_names() {
        assert_eq!(
            shown("a\x1b[31;1mred\x1b[0m \x1b[97;44mon blue\x1b[m."),
            [
                "|a",
                "t-red t-bold|red",
                "| ",
                "t-bright-white t-on-blue|on blue",
                "|."
            ]
        );
        assert_eq!(shown("\x1b[38;5;196mx"), ["t-bright-red|x"]);
        assert_eq!(shown("\x1b[38;2;10;200;10;4mx"), ["t-green t-underline|x"]);
        assert_eq!(shown("\x1b[48:2::0:0:230mx"), ["t-on-blue|x"]);
        assert_eq!(shown("\x1b[38:5:240mx"), ["t-gray|x"]);
        assert_eq!(
            shown("\x1b[2;3;7mx\x1b[22;23;27my"),
            ["t-dim t-italic t-inverse|x", "|y"]
        );
        assert_eq!(
            shown("\x1b[38;5mx\x1b[999999999999;38;2m\u{9b}32my"),
            ["t-black|x", "t-green|y"]
        );
    }

    #[test]
    fn a_colour_goes_on_in_the_next_line() {
        let mut style = Style::default();
        assert_eq!(told(&mut style, "\x1b[33mone"), ["t-yellow|one"]);
        assert_eq!(told(&mut style, "two\x1b[39m"), ["t-yellow|two"]);
        assert_eq!(told(&mut style, "three"), ["|three"]);
    }

    #[test]
    fn of_what_was_written_over_the_last_is_shown() {
        assert_eq!(text(b"10%\r50%\r100%\r"), "100%");
        assert_eq!(text(b"a dos line\r"), "a dos line");
        assert_eq!(text(b"gone\r\x1b[K"), "gone");
        assert_eq!(shown("\x1b[31m1\r2"), ["t-red|2"]);
    }

    #[test]
    fn what_else_a_terminal_can_do_is_dropped() {
        assert_eq!(
            text(b"\x1b]8;;http://evil\x07link\x1b]8;;\x1b\\ \x1b]52;c;aGk=\x07\x1b]0;title\x07."),
            "link ."
        );
        assert_eq!(
            text(b"\x1b[2J\x1b[1;1Hup\x1b7\x1b(B\x1b[?25l\x1bP1$r\x1b\\!\0\x08\x7f"),
            "up!"
        );
        assert_eq!(text("abc\u{202e}fed\u{2028}".as_bytes()), "abcfed");
        assert_eq!(text(b"cut \x1b["), "cut ");
        assert_eq!(text(b"tab\there \xff"), "tab\there \u{fffd}");
        assert_eq!(text(b"\x1b]no end of it"), "no end of it");
    }

    /// Something that is not text.
    fn noise() -> impl Strategy<Value = String> {
        prop_oneof![
            "\u{1b}\\[[0-9;:?]{0,12}[@-~]",
            "\u{1b}\\][0-9]{1,2};[ -~]{0,20}(\u{7}|\u{1b}\\\\)",
            "\u{1b}[()][AB0]",
            "[\u{0}-\u{8}\u{b}\u{c}\u{e}-\u{1a}\u{7f}]{1,3}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_that_controls_comes_out(raw in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(0x1b), Just(b'['), Just(b'm'), Just(b']'), Just(b'\r'), Just(0xc2), Just(0x9b)], 0..200
        )) {
            let runs = line(&mut Style::default(), &raw);
            for (n, (style, text)) in runs.iter().enumerate() {
                prop_assert!(!text.is_empty());
                prop_assert!(text.chars().all(|c| c == '\t' || !c.is_control() && !turns(c)), "{text:?}");
                prop_assert!(n == 0 || runs[n - 1].0 != *style);
                prop_assert!(style.class().chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == ' '));
            }
        }

        #[test]
        fn all_text_comes_out(parts in prop::collection::vec(("[^\\p{Cc}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{2028}\u{2029}]{0,20}", noise()), 0..12)) {
            let raw: String = parts.iter().flat_map(|(text, noise)| [text.as_str(), noise]).collect();
            let expected: String = parts.iter().map(|(text, _)| text.as_str()).collect();
            prop_assert_eq!(text(raw.as_bytes()), expected);
        }
    }
}
