//! A command's output as plain text.

/// Without terminal sequences (colours, cursor moves), with one kind of line end.
pub fn plain(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => match rest.next() {
                // CSI: parameters, then a letter.
                Some('[') => while rest.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                // OSC: up to BEL or ESC \.
                Some(']') => {
                    while let Some(c) = rest.next() {
                        if c == '\u{7}' || c == '\u{1b}' && rest.next().is_some() {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\r' => {
                if rest.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn terminal_sequences_do_not_reach_the_reader() {
        assert_eq!(
            plain("\u{1b}[31;1mred\u{1b}[0m\r\n10%\r20%\u{1b}]0;title\u{7}!"),
            "red\n10%\n20%!"
        );
        assert_eq!(plain("cut \u{1b}["), "cut ");
    }
}
