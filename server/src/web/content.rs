//! Content lines, which calendars (RFC 5545) and address cards (RFC 2426) are written in: escaped, folded, ended by CRLF.
//! Both formats are these few rules; the libraries for them bring a second calendar along.

/// The longest line in bytes, without its end.
const LONGEST: usize = 75;

#[derive(Default)]
pub struct Content(String);

impl Content {
    /// A line as it stands: of words that cannot bend it.
    pub fn plain(&mut self, line: &str) {
        self.fold(line);
    }

    /// A line whose value is anybody's text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.fold(&format!("{name}:{}", escaped(text)));
    }

    /// A line whose value has parts with `;` between them.
    pub fn parts(&mut self, name: &str, parts: &[&str]) {
        let parts: Vec<String> = parts.iter().map(|p| escaped(p)).collect();
        self.fold(&format!("{name}:{}", parts.join(";")));
    }

    pub fn end(self) -> String {
        self.0
    }

    /// No line is longer than is allowed, and none is cut within a letter.
    fn fold(&mut self, line: &str) {
        let mut length = 0;
        for letter in line.chars() {
            if length + letter.len_utf8() > LONGEST {
                self.0.push_str("\r\n ");
                length = 1;
            }
            self.0.push(letter);
            length += letter.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.replace("\r\n", "\n").chars() {
        match letter {
            '\\' | ';' | ',' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            // Nothing else may end a line or hide in it.
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_leave_its_line() {
        let mut content = Content::default();
        content.text("SUMMARY", "a;b,c\\d\r\nEND:VEVENT\u{7}\rX");
        content.parts("N", &["Doe; Dr", "Jane"]);
        assert_eq!(
            content.end(),
            "SUMMARY:a\\;b\\,c\\\\d\\nEND:VEVENTX\r\nN:Doe\\; Dr;Jane\r\n"
        );
    }

    #[test]
    fn a_long_line_is_folded_between_letters() {
        let mut content = Content::default();
        let long = "ü".repeat(100);
        content.text("NOTE", &long);
        let folded = content.end();
        assert!(folded.split("\r\n").all(|line| line.len() <= LONGEST));
        assert_eq!(folded.replace("\r\n ", ""), format!("NOTE:{long}\r\n"));
    }
}
