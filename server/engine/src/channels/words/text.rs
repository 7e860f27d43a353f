//! Text that cannot leave its place.

/// What breaks a line, hides or turns the text around it: controls, and the marks of Unicode that do the same.
fn bends(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// One line of at most so many characters.
pub fn line(text: &str, most: usize) -> String {
    let mut kept = String::new();
    let (mut count, mut space) = (0, false);
    for c in text.chars() {
        if c.is_whitespace() || bends(c) {
            space = !kept.is_empty();
            continue;
        }
        let needed = if space { 2 } else { 1 };
        if count + needed > most {
            return cut(kept, most);
        }
        if space {
            kept.push(' ');
        }
        kept.push(c);
        count += needed;
        space = false;
    }
    kept
}

/// Lines, of at most so many characters in all.
pub fn block(text: &str, most: usize) -> String {
    let plain = |c: &char| *c == '\n' || !bends(*c);
    let mut kept = String::new();
    for (count, c) in text.chars().filter(plain).enumerate() {
        if count == most {
            return cut(kept, most);
        }
        kept.push(c);
    }
    kept
}

/// Says that there was more.
fn cut(mut kept: String, most: usize) -> String {
    while kept.chars().count() >= most.max(1) {
        kept.pop();
    }
    let end = kept.trim_end().len();
    kept.truncate(end);
    if most > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_stays_one_and_says_where_it_was_cut() {
        assert_eq!(line(" a\r\nBcc: b\t\0c ", 50), "a Bcc: b c");
        assert_eq!(line("abcdef", 4), "abc…");
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("ab cdef", 4), "ab…");
        assert_eq!(line("a\u{202e}b\u{2028}c", 50), "a b c");
        assert_eq!(block("a\r\nb\0\u{7}c", 50), "a\nbc");
        assert_eq!(block("abcdef", 3), "ab…");
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_line_or_its_bound(text in "\\PC{0,40}|[\\x00-\\x20a-c\u{85}\u{2028}\u{202e}é漢🚒]{0,80}", most in 1usize..60) {
            let one = line(&text, most);
            prop_assert!(one.chars().count() <= most);
            prop_assert!(!one.chars().any(bends));
            prop_assert_eq!(line(&one, most), one.clone());
            let many = block(&text, most);
            prop_assert!(many.chars().count() <= most);
            prop_assert!(!many.chars().any(|c| c != '\n' && bends(c)));
        }
    }
}
