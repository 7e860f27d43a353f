//! Bounds on what a person may type. What is refused is refused with the field's name; nothing is cut off silently.

use crate::Refusal;

/// One line: trimmed, `least..=most` characters, no control characters (so nothing can end a mail header or a log line).
pub(super) fn line(field: &str, text: &str, least: usize, most: usize) -> Result<String, Refusal> {
    let text = bounded(field, text, least, most)?;
    if text.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            field,
            "This is one line of text: take out line breaks and control characters.",
        ));
    }
    Ok(text)
}

/// Several lines: like [`line`], with line breaks and tabs allowed.
pub(super) fn lines(field: &str, text: &str, least: usize, most: usize) -> Result<String, Refusal> {
    let text = bounded(field, &text.replace("\r\n", "\n"), least, most)?;
    if text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
    {
        return Err(Refusal::invalid(
            field,
            "Take out the control characters; line breaks and tabs are fine.",
        ));
    }
    Ok(text)
}

fn bounded(field: &str, text: &str, least: usize, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 && least > 0 {
        return Err(Refusal::invalid(
            field,
            "Say something here: this cannot be empty.",
        ));
    }
    if length < least {
        return Err(Refusal::invalid(
            field,
            format!("This needs at least {least} characters."),
        ));
    }
    if length > most {
        return Err(Refusal::invalid(
            field,
            format!("This is {length} characters long; {most} are allowed."),
        ));
    }
    Ok(text.to_owned())
}
