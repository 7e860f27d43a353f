//! Reading what the server sends. A JSON reader of its own, for the sake of size: a general one brings error messages,
//! floating point and every way to say the same thing into each of some sixty decoders. What cannot be read here is
//! only told by its place; the server's tests tell the rest.

mod decode;
mod events;

#[cfg_attr(not(target_arch = "wasm32"), allow(unused_imports))]
pub use events::{Heard, stamped};

use serde::{
    Deserialize,
    de::{self, Expected, Unexpected},
};
use std::fmt;

/// Reads a JSON text, or says at which byte that failed.
pub fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, usize> {
    let mut reader = Reader { text, at: 0 };
    T::deserialize(&mut reader).map_err(|Bad| reader.at)
}

/// It cannot be read. Without a word: words would be built in every decoder.
#[derive(Debug)]
pub struct Bad;

impl fmt::Display for Bad {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Bad {}

impl de::Error for Bad {
    fn custom<T: fmt::Display>(_: T) -> Bad {
        Bad
    }
    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Bad {
        Bad
    }
    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Bad {
        Bad
    }
    fn invalid_length(_: usize, _: &dyn Expected) -> Bad {
        Bad
    }
    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Bad {
        Bad
    }
    fn unknown_field(_: &str, _: &'static [&'static str]) -> Bad {
        Bad
    }
    fn missing_field(_: &'static str) -> Bad {
        Bad
    }
    fn duplicate_field(_: &'static str) -> Bad {
        Bad
    }
}

struct Reader<'de> {
    text: &'de str,
    at: usize,
}

enum Said<'de> {
    As(&'de str),
    Escaped(String),
}

impl<'de> Reader<'de> {
    /// The next byte that is not white space.
    #[inline(never)]
    fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied().unwrap_or_default()
    }

    #[inline(never)]
    fn take(&mut self, byte: u8) -> Result<(), Bad> {
        if self.peek() != byte {
            return Err(Bad);
        }
        self.at += 1;
        Ok(())
    }

    #[inline(never)]
    fn word(&mut self, word: &str) -> bool {
        self.peek();
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    /// Before an item of a list or an object: is there one more? `first` is the one after the opening.
    #[inline(never)]
    fn more(&mut self, first: &mut bool, end: u8) -> Result<bool, Bad> {
        if self.peek() == end {
            self.at += 1;
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.take(b',')?;
        }
        Ok(true)
    }

    #[inline(never)]
    fn string(&mut self) -> Result<Said<'de>, Bad> {
        self.take(b'"')?;
        let rest = &self.text[self.at..];
        let end = rest.find(['"', '\\']).ok_or(Bad)?;
        self.at += end;
        if rest.as_bytes()[end] == b'"' {
            self.at += 1;
            return Ok(Said::As(&rest[..end]));
        }
        let mut out = rest[..end].to_owned();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(['"', '\\']).ok_or(Bad)?;
            out.push_str(&rest[..plain]);
            self.at += plain + 1;
            if rest.as_bytes()[plain] == b'"' {
                return Ok(Said::Escaped(out));
            }
            out.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, Bad> {
        let escaped = *self.text.as_bytes().get(self.at).ok_or(Bad)?;
        self.at += 1;
        Ok(match escaped {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let high = self.hex()?;
                let code = match high {
                    0xD800..0xDC00 => {
                        if !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
                            return Err(Bad);
                        }
                        self.at += 2;
                        0x10000 + ((high - 0xD800) << 10) + self.hex()?.wrapping_sub(0xDC00)
                    }
                    code => code,
                };
                char::from_u32(code).ok_or(Bad)?
            }
            other => other as char,
        })
    }

    fn hex(&mut self) -> Result<u32, Bad> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Bad)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| Bad)
    }

    /// A whole number; there are no others on this wire.
    #[inline(never)]
    fn number(&mut self) -> Result<(bool, u64), Bad> {
        let negative = self.word("-");
        let digits = self.text[self.at..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let number = self.text[self.at..self.at + digits]
            .parse()
            .map_err(|_| Bad)?;
        self.at += digits;
        Ok((negative, number))
    }

    /// Passes over a value.
    #[inline(never)]
    fn skip(&mut self) -> Result<(), Bad> {
        let mut first = true;
        match self.peek() {
            b'{' => {
                self.at += 1;
                while self.more(&mut first, b'}')? {
                    self.string()?;
                    self.take(b':')?;
                    self.skip()?;
                }
            }
            b'[' => {
                self.at += 1;
                while self.more(&mut first, b']')? {
                    self.skip()?;
                }
            }
            b'"' => drop(self.string()?),
            b'-' | b'0'..=b'9' => drop(self.number()?),
            _ if self.word("null") || self.word("true") || self.word("false") => {}
            _ => return Err(Bad),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Thing {
        number: i64,
        text: String,
        maybe: Option<u32>,
        list: Vec<bool>,
        pairs: Vec<(String, u8)>,
        map: BTreeMap<i64, String>,
        #[serde(default)]
        absent: u8,
    }

    #[test]
    fn what_serde_json_writes_is_read_the_same() {
        let text = r#" { "number" : -42, "unknown": [{"a": [1, "]"]}, null], "text": "a\"b\\c\n\u00e9\ud83d\ude80é", "maybe":null,
            "list":[true,false], "pairs": [["a", 1], ["b",2]], "map":{"7":"seven"} } "#;
        let expected: Thing = serde_json::from_str(text).expect("valid JSON");
        assert_eq!(read::<Thing>(text).expect("readable"), expected);
        assert_eq!(expected.text, "a\"b\\c\néé".replace("éé", "é🚀é"));
    }

    #[test]
    fn what_is_not_an_event_is_said_to_be_none() {
        for wrong in [
            "",
            "{}",
            "null",
            r#"{"seq":1}"#,
            r#"{"event":"no_such"}"#,
            "{\"seq\":",
        ] {
            assert!(stamped(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_that_is_cut_off_is_read_or_panics() {
        let text = r#"{"number":1,"text":"a\u00e9\ud83d\ude80","maybe":3,"list":[true],"pairs":[["a",1]],"map":{"1":"x"}}"#;
        assert!(read::<Thing>(text).is_ok());
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            assert!(read::<Thing>(&text[..end]).is_err(), "{}", &text[..end]);
        }
    }
}
