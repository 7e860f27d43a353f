//! The ways in which programs write a secret.

use std::fmt::Write;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What encoders leave as it is besides letters and digits: RFC 3986, `encodeURIComponent`, forms,
/// Python's `quote`, `encodeURI`, and one that leaves nothing.
const PLAIN_IN_URLS: [&str; 6] = [
    "-._~",
    "-_.!~*'()",
    "-._*",
    "-._~/",
    ";,/?:@&=+$-_.!~*'()#",
    "",
];

/// What encoders of JSON escape besides what they must: nothing, what Go does, what .NET does.
const ESCAPED_IN_JSON: [&str; 3] = ["", "<>&\u{2028}\u{2029}", "<>&'\"+`\u{7f}\u{2028}\u{2029}"];

/// Adds every form of `value`, some of them twice.
pub fn all(value: &str, forms: &mut Vec<Vec<u8>>) {
    usual(value, forms);
    let lower = hex::encode(value);
    forms.push(lower.to_uppercase().into());
    forms.push(lower.into());
    for upper in [false, true] {
        let mut escaped = String::new();
        value
            .encode_utf16()
            .for_each(|unit| unicode(&mut escaped, unit, upper));
        forms.push(escaped.into());
    }
}

/// Adds those that are also likely for a part of a secret.
pub fn usual(value: &str, forms: &mut Vec<Vec<u8>>) {
    forms.push(value.into());
    for alphabet in [STANDARD, URL] {
        forms.extend((0..3).map(|before| base64(value.as_bytes(), alphabet, before)));
    }
    // Nothing below would change it.
    if value.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return;
    }
    for upper in [false, true] {
        for plain in PLAIN_IN_URLS {
            forms.push(percent(value, plain, "%20", upper));
            forms.push(percent(value, plain, "+", upper));
        }
        for escaped in ESCAPED_IN_JSON {
            for bits in 0..8 {
                let style = Json {
                    escaped,
                    upper,
                    slash: bits & 1 > 0,
                    ascii: bits & 2 > 0,
                    short: bits & 4 == 0,
                };
                forms.push(style.write(value));
            }
        }
    }
    // As a shell traces it.
    forms.push(value.replace('\'', r"'\''").into());
    forms.push(echoed(value.as_bytes()));
}

/// As the `echo` of Debian's `sh` writes it, which takes a backslash for the beginning of something else.
fn echoed(value: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [byte, after @ ..] = rest {
        let is_octal = |at: usize| after.get(at).is_some_and(|b| (b'0'..=b'7').contains(b));
        let mut taken = 1;
        written.push(match (byte, after.first()) {
            (b'\\', Some(b'c')) => break,
            (b'\\', Some(letter)) if let Some(meant) = meant(*letter) => meant,
            (b'\\', Some(b'0'..=b'7')) => {
                // `\0` takes three digits more, and any other digit two.
                let from = usize::from(after[0] == b'0');
                let digits = (from..from + 3).take_while(|at| is_octal(*at)).count();
                taken = from + digits;
                let octal =
                    |number: u8, digit: &u8| number.wrapping_mul(8).wrapping_add(digit - b'0');
                after[from..taken].iter().fold(0, octal)
            }
            (byte, _) => {
                taken = 0;
                *byte
            }
        });
        rest = &after[taken..];
    }
    written
}

fn meant(letter: u8) -> Option<u8> {
    Some(match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b'e' => 0x1b,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' => b'\\',
        _ => return None,
    })
}

/// The characters that stand for `value` and nothing else when `before` bytes (or three more, and so
/// on) come before it: those at the edges that also hold bits of its neighbours are left out.
fn base64(value: &[u8], alphabet: &[u8; 64], before: usize) -> Vec<u8> {
    let bit = |at: usize| value[at / 8 - before] >> (7 - at % 8) & 1;
    let first = (before * 8).div_ceil(6);
    let end = (before + value.len()) * 8 / 6;
    (first..end)
        .map(|at| (at * 6..at * 6 + 6).fold(0, |sextet, at| sextet << 1 | bit(at)))
        .map(|sextet| alphabet[usize::from(sextet)])
        .collect()
}

fn percent(value: &str, plain: &str, space: &str, upper: bool) -> Vec<u8> {
    let mut written = String::new();
    for byte in value.bytes() {
        let _ = match byte {
            b' ' => written.write_str(space),
            _ if byte.is_ascii_alphanumeric() || plain.as_bytes().contains(&byte) => {
                written.write_char(byte.into())
            }
            _ if upper => write!(written, "%{byte:02X}"),
            _ => write!(written, "%{byte:02x}"),
        };
    }
    written.into()
}

struct Json {
    escaped: &'static str,
    upper: bool,
    /// `/` is written as `\/`.
    slash: bool,
    /// What is not ASCII is escaped.
    ascii: bool,
    /// `\n` rather than `\u000a`.
    short: bool,
}

impl Json {
    fn write(&self, value: &str) -> Vec<u8> {
        let mut written = String::new();
        for c in value.chars() {
            let letter = match c {
                '\n' => Some('n'),
                '\r' => Some('r'),
                '\t' => Some('t'),
                '\u{8}' => Some('b'),
                '\u{c}' => Some('f'),
                _ => None,
            };
            match c {
                '/' if self.slash => written.push_str("\\/"),
                _ if letter.is_some() && self.short => {
                    written.extend(['\\'].into_iter().chain(letter))
                }
                _ if self.escaped.contains(c) || c < ' ' || (self.ascii && !c.is_ascii()) => c
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .for_each(|&unit| unicode(&mut written, unit, self.upper)),
                '"' | '\\' => written.extend(['\\', c]),
                c => written.push(c),
            }
        }
        written.into()
    }
}

fn unicode(written: &mut String, unit: u16, upper: bool) {
    let _ = if upper {
        write!(written, "\\u{unit:04X}")
    } else {
        write!(written, "\\u{unit:04x}")
    };
}

#[cfg(test)]
mod tests {
    use super::echoed;

    #[test]
    fn a_secret_is_known_as_the_shells_echo_writes_it() {
        for (value, written) in [
            (r"a\101b", &b"aAb"[..]),
            (r"a\0101b", b"aAb"),
            (r"a\1234b", b"aS4b"),
            (r"a\01234b", b"aS4b"),
            (r"a\qb\8", br"a\qb\8"),
            (r"a\eb\x41", b"a\x1bb\\x41"),
            (r"a\\nb", br"a\nb"),
            (r"a\r\n", b"a\r\n"),
            (r"ab\cd", b"ab"),
            (r"end\", br"end\"),
        ] {
            assert_eq!(echoed(value.as_bytes()), written, "{value}");
        }
    }
}
