//! What a call says, as TwiML.

use super::callback;
use crate::channels::{Message, Said, line};

/// The longest document that a call can be begun with.
const LONGEST: usize = 4_000;

/// The digit that acknowledges; any other one says it all again.
pub const ACKNOWLEDGE: &str = "1";

/// The whole call: the message, twice if nobody presses anything.
pub fn call(message: &Message, said: &Said) -> String {
    let gather = callback::address(message, "gather");
    let says = |most| {
        voice(
            &format!("This is Muster. {}", line(&said.lead, most)),
            &gather,
            said.ask.is_some(),
        )
    };
    let fits = [1_000, 500, 250].into_iter().map(says);
    let mut fits = fits.filter(|call| call.chars().count() <= LONGEST);
    fits.next().unwrap_or_else(|| says(100))
}

/// Says a text and listens for a digit.
fn voice(text: &str, gather: &str, asks: bool) -> String {
    let says = say(text);
    if !asks {
        return format!("<Response>{says}<Pause length=\"1\"/>{says}</Response>");
    }
    let press = say("Press 1 to acknowledge, or any other digit to hear it again.");
    let gather = escaped(gather);
    format!(
        "<Response><Gather numDigits=\"1\" timeout=\"8\" action=\"{gather}\" method=\"POST\">{says}{press}<Pause length=\"2\"/>{says}{press}</Gather>{}</Response>",
        say("Nothing was pressed. Goodbye.")
    )
}

/// After the digit that acknowledges.
pub fn thanks(number: &str) -> String {
    let number = number.replace('-', " ");
    format!(
        "<Response>{}</Response>",
        say(&format!(
            "Thank you. You have acknowledged {number}. Goodbye."
        ))
    )
}

/// Another digit: from the beginning.
pub fn again(voice: &str) -> String {
    format!(
        "<Response><Redirect method=\"POST\">{}</Redirect></Response>",
        escaped(voice)
    )
}

/// There is nothing more to do here.
pub fn goodbye(text: &str) -> String {
    format!("<Response>{}</Response>", say(text))
}

fn say(text: &str) -> String {
    format!("<Say language=\"en-US\">{}</Say>", escaped(text))
}

/// As text of XML, with what XML cannot hold left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
