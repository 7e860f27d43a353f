use super::*;
use proptest::prelude::*;

fn masked(values: &[&str], chunks: &[&[u8]]) -> Vec<u8> {
    let values: Vec<String> = values.iter().map(|&value| value.into()).collect();
    let mut mask = Mask::new(&values);
    let mut stored = Vec::new();
    for chunk in chunks {
        mask.pass(chunk, |bytes| stored.extend_from_slice(bytes));
    }
    mask.finish(|bytes| stored.extend_from_slice(bytes));
    stored
}

fn text(values: &[&str], text: &str) -> String {
    String::from_utf8(masked(values, &[text.as_bytes()])).unwrap()
}

/// As programs would, written apart from the code under test.
fn base64(bytes: &[u8], url: bool) -> String {
    let mut written = String::new();
    for three in bytes.chunks(3) {
        let number =
            three.iter().fold(0u32, |n, &b| n << 8 | u32::from(b)) << (8 * (3 - three.len()));
        for at in 0..=three.len() {
            let c = match number >> (18 - 6 * at) & 63 {
                n @ 0..26 => b'A' + n as u8,
                n @ 26..52 => b'a' + n as u8 - 26,
                n @ 52..62 => b'0' + n as u8 - 52,
                62 => {
                    if url {
                        b'-'
                    } else {
                        b'+'
                    }
                }
                _ => {
                    if url {
                        b'_'
                    } else {
                        b'/'
                    }
                }
            };
            written.push(c.into());
        }
        written.extend(std::iter::repeat_n('=', 3 - three.len()));
    }
    written
}

#[test]
fn a_secret_is_hidden_in_every_form() {
    let secret = "p/ß \"w<'\\ü";
    for form in [
        secret,
        "702fc39f2022773c275cc3bc",
        "702FC39F2022773C275CC3BC",
        "p%2F%C3%9F%20%22w%3C%27%5C%C3%BC",
        "p%2f%c3%9f+%22w%3c%27%5c%c3%bc",
        "p/%C3%9F%20%22w%3C%27%5C%C3%BC",
        "p%2F%C3%9F%20%22w%3C'%5C%C3%BC",
        r#"p/ß \"w<'\\ü"#,
        r#"p\/\u00df \"w<'\\\u00fc"#,
        r#"p/ß \"w\u003c'\\ü"#,
        r#"p/\u00DF \u0022w\u003C\u0027\\\u00FC"#,
        r#"p/ß "w<'\''\ü"#,
    ] {
        assert_eq!(
            text(&[secret], &format!("a{form}b")),
            "a********b",
            "{form}"
        );
    }
    assert_eq!(
        text(
            &["line\none\ttwo"],
            r"line\none\ttwo line\u000aone\u0009two"
        ),
        "******** ********"
    );
    assert_eq!(base64(b"Man is", false), "TWFuIGlz");
    for before in ["", "x", "xy"] {
        let hidden = text(
            &["hunter2?>"],
            &base64(format!("{before}hunter2?>yz").as_bytes(), false),
        );
        assert!(
            hidden.contains("********") && hidden.len() <= 3 + 8 + 6,
            "{hidden}"
        );
    }
}

#[test]
fn overlapping_secrets_leave_nothing_of_either() {
    assert_eq!(text(&["abcdef", "defghi"], "..abcdefghi.."), "..********..");
    assert_eq!(
        text(&["xhun", "hunter2-longer"], "xhunter2-longer!"),
        "********!"
    );
    assert_eq!(
        text(&["abcd", "abcdefgh"], "abcdefgh abcdef"),
        "******** ********ef"
    );
    assert_eq!(text(&["aaaa"], "aaaaaaaaab"), "********b");
    assert_eq!(text(&["abcd"], "abcdabcd"), "****************");
}

#[test]
fn a_secret_of_several_lines_is_hidden_line_by_line() {
    let key = "-----BEGIN KEY-----\r\nc2VjcmV0\nshort\nlonger line";
    assert_eq!(text(&[key], key), "********");
    assert_eq!(
        text(&[key], "> c2VjcmV0\n> short\n> longer line\n"),
        "> ********\n> short\n> ********\n"
    );
    // A shell takes the last line's end away.
    let once = base64("ab\ncdefgh".as_bytes(), false);
    assert_eq!(text(&["ab\ncdefgh\n"], &once), "********");
    assert_eq!(text(&["ab\n\n"], "ab 6162"), "ab 6162");
}

#[test]
fn what_is_too_short_to_tell_is_left() {
    assert_eq!(text(&["abc", "", "ab\ncd"], "abc ab cd"), "abc ab cd");
    assert_eq!(text(&[], "anything"), "anything");
}

#[test]
fn only_what_may_be_the_beginning_of_a_secret_is_held_back() {
    let mut mask = Mask::new(&["hunter2".into()]);
    let mut seen = |chunk: &str| {
        let mut stored = Vec::new();
        mask.pass(chunk.as_bytes(), |bytes| stored.extend_from_slice(bytes));
        String::from_utf8(stored).unwrap()
    };
    assert_eq!(seen("Password: "), "Password: ");
    assert_eq!(seen("the hun"), "the ");
    assert_eq!(seen("t"), "");
    assert_eq!(seen("s hunter"), "hunts ");
    assert_eq!(seen("2"), "********");
    assert_eq!(seen("hunter2"), "********");
}

#[test]
fn a_text_by_itself_does_not_disturb_the_stream() {
    let mut mask = Mask::new(&["hunter2".into()]);
    let mut stored = Vec::new();
    mask.pass(b"hun", |bytes| stored.extend_from_slice(bytes));
    assert_eq!(mask.whole(b"ter2 hunter2 hun"), b"ter2 ******** hun");
    mask.pass(b"ter2", |bytes| stored.extend_from_slice(bytes));
    assert_eq!(stored, STARS);
}

#[test]
fn a_long_key_is_ready_soon_enough() {
    let line = |n: u8| base64(&[n; 48], false);
    let key: String = (0..50).map(|n| line(n) + "\n").collect();
    assert_eq!(text(&[&key], &format!("{}\n", line(7))), "********\n");
}

fn secret() -> impl Strategy<Value = String> {
    // Not of stars alone: those are what is stored instead.
    r#"[a-d"\\/ <&'%+=_é𝄞~?\n*-]{3,14}[a-z]"#
        .prop_filter("long enough", |value| value.len() >= SHORTEST)
}

fn form(secret: &str, which: usize) -> String {
    let unicode = |c: char| {
        c.encode_utf16(&mut [0; 2])
            .iter()
            .map(|u| format!("\\u{u:04x}"))
            .collect::<String>()
    };
    match which {
        0 => secret.to_owned(),
        1 => hex::encode(secret),
        2 => hex::encode_upper(secret),
        3 => base64(secret.as_bytes(), false),
        4 => base64(format!("x{secret}").as_bytes(), true),
        5 => base64(format!("xy{secret}z").as_bytes(), false),
        6 => serde_json::to_string(secret)
            .unwrap()
            .trim_matches('"')
            .replace('/', "\\/"),
        7 => secret.chars().map(unicode).collect(),
        _ => url::form_urlencoded(secret),
    }
}

mod url {
    pub fn form_urlencoded(text: &str) -> String {
        text.bytes()
            .map(|byte| match byte {
                b' ' => "+".into(),
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect()
    }
}

fn split<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort();
    cuts.windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

fn has(bytes: &[u8], what: &str) -> bool {
    memchr::memmem::find(bytes, what.as_bytes()).is_some()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_secret_is_stored_however_it_is_written_and_split(
        secrets in prop::collection::vec(secret(), 1..4),
        parts in prop::collection::vec((any::<prop::sample::Index>(), 0..9usize, "[a-d\n ]{0,6}"), 1..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut stream = String::new();
        for (which, how, between) in &parts {
            stream.push_str(between);
            stream.push_str(&form(which.get::<String>(&secrets), *how));
        }
        let values: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let stored = masked(&values, &split(stream.as_bytes(), &cuts));
        for secret in &secrets {
            for how in [0, 1, 2, 6, 7, 8] {
                prop_assert!(!has(&stored, &form(secret, how)), "{secret:?} as {how} in {stored:?}");
            }
            for before in ["", "x", "xy"] {
                let written = base64(format!("{before}{secret}").as_bytes(), false);
                let known = &written[(before.len() * 8).div_ceil(6)..(before.len() + secret.len()) * 8 / 6];
                prop_assert!(!has(&stored, known), "{known:?} in {stored:?}");
            }
        }
        prop_assert_eq!(stored, masked(&values, &[stream.as_bytes()]));
    }

    #[test]
    fn what_holds_no_secret_passes_unchanged(
        secrets in prop::collection::vec("[a-c\n]{5,9}", 0..4),
        stream in prop::collection::vec(prop::sample::select(b"abcaabbcc\n \0\xff".as_slice()), 0..300),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let forms = Secrets::new(&secrets).map_or_else(Vec::new, |secrets| secrets.forms);
        prop_assume!(forms.iter().all(|form| memchr::memmem::find(&stream, form).is_none()));
        let values: Vec<&str> = secrets.iter().map(String::as_str).collect();
        prop_assert_eq!(masked(&values, &split(&stream, &cuts)), stream);
    }
}
