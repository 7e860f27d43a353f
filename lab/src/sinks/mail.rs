//! What a mail says, to those who read it here: its subject, its words, its headers.

use std::collections::BTreeMap;

use mail_parser::MessageParser;
use serde_json::Value;

use super::faults::Fault;
use super::kept::Delivery;
use super::sign::base64;

pub fn delivery(
    to: Vec<String>,
    content: Vec<u8>,
    fault: Option<Fault>,
    mut detail: Value,
) -> Delivery {
    let mut delivery = Delivery {
        to,
        fault,
        ..Delivery::default()
    };
    if let Some(message) = MessageParser::new().parse(&content) {
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in message.headers_raw() {
            let name = name.to_ascii_lowercase();
            let value = value.trim().replace("\r\n", "");
            // Received comes many times.
            let before = headers.entry(name).or_default();
            if !before.is_empty() {
                before.push('\n');
            }
            *before += &value;
        }
        delivery.subject = message.subject().unwrap_or_default().to_owned();
        delivery.text = message.body_text(0).unwrap_or_default().into_owned();
        delivery.key = message.message_id().map(str::to_owned);
        delivery.headers = headers;
    }
    delivery.body = String::from_utf8(content).unwrap_or_else(|binary| {
        detail["encoding"] = "base64".into();
        base64(binary.as_bytes())
    });
    delivery.detail = detail;
    delivery
}

/// The HTML of a mail, when it has one of its own.
pub fn html(mail: &str) -> Option<String> {
    let message = MessageParser::new().parse(mail.as_bytes())?;
    let part = message.html_part(0)?;
    part.is_text_html()
        .then(|| message.body_html(0).map(|html| html.into_owned()))?
}
