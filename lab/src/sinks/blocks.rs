//! Slack's Block Kit: what Slack takes, and what a person reads and can press.

use serde::{Deserialize, Serialize};
use serde_json::Value;

type Checked = std::result::Result<(), String>;

pub fn check(blocks: &Value) -> Checked {
    let blocks = match blocks {
        Value::Null => return Ok(()),
        Value::Array(blocks) => blocks,
        _ => return Err("blocks are no list".into()),
    };
    if blocks.len() > 50 {
        return Err(format!("{} blocks, where 50 is the most", blocks.len()));
    }
    for block in blocks {
        match block["type"].as_str() {
            Some("header") => wording(&block["text"], &["plain_text"], 150)?,
            Some("section") => section(block)?,
            Some("context") => each(&block["elements"], 10, |element| match &element["type"] {
                Value::String(kind) if kind == "image" => Ok(()),
                _ => wording(element, &["plain_text", "mrkdwn"], 3000),
            })?,
            Some("actions") => each(&block["elements"], 25, element)?,
            Some("divider" | "image" | "rich_text" | "input" | "video" | "markdown") => {}
            other => return Err(format!("no block is of the type {other:?}")),
        }
    }
    Ok(())
}

fn section(block: &Value) -> Checked {
    if block["text"].is_null() && block["fields"].is_null() {
        return Err("a section without text and fields".into());
    }
    if !block["text"].is_null() {
        wording(&block["text"], &["plain_text", "mrkdwn"], 3000)?;
    }
    if !block["fields"].is_null() {
        each(&block["fields"], 10, |field| {
            wording(field, &["plain_text", "mrkdwn"], 2000)
        })?;
    }
    match &block["accessory"] {
        Value::Null => Ok(()),
        accessory => element(accessory),
    }
}

fn element(element: &Value) -> Checked {
    if element["type"] != "button" {
        return Ok(());
    }
    wording(&element["text"], &["plain_text"], 75)?;
    for (name, most) in [("action_id", 255), ("value", 2000), ("url", 3000)] {
        let length = element[name].as_str().unwrap_or_default().chars().count();
        if length > most {
            return Err(format!("a button's {name} of {length} characters"));
        }
    }
    Ok(())
}

fn each(list: &Value, most: usize, check: impl Fn(&Value) -> Checked) -> Checked {
    match list.as_array() {
        Some(list) if (1..=most).contains(&list.len()) => list.iter().try_for_each(check),
        _ => Err(format!("not a list of 1 to {most}: {list}")),
    }
}

fn wording(text: &Value, kinds: &[&str], most: usize) -> Checked {
    let kind = text["type"].as_str().unwrap_or_default();
    let length = text["text"].as_str().unwrap_or_default().chars().count();
    match kinds.contains(&kind) && (1..=most).contains(&length) {
        true => Ok(()),
        false => Err(format!("not {kinds:?} of 1 to {most} characters: {text}")),
    }
}

pub fn title(blocks: &Value) -> String {
    let mut blocks = blocks.as_array().into_iter().flatten();
    let header = blocks.find(|block| block["type"] == "header");
    let text = header.and_then(|header| header["text"]["text"].as_str());
    text.unwrap_or_default().to_owned()
}

/// A button of a message, wherever it stands in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Button {
    pub action_id: String,
    #[serde(default)]
    pub block_id: String,
    pub text: String,
    #[serde(default)]
    pub value: Option<String>,
    #[serde(default)]
    pub url: Option<String>,
}

pub fn buttons(blocks: &Value) -> Vec<Button> {
    let mut found = Vec::new();
    for (place, block) in blocks.as_array().into_iter().flatten().enumerate() {
        let elements = block["elements"].as_array().into_iter().flatten();
        for element in elements.chain(std::iter::once(&block["accessory"])) {
            if element["type"] != "button" {
                continue;
            }
            let text = |value: &Value| value.as_str().map(str::to_owned);
            // Slack makes up the ids that a message leaves out.
            found.push(Button {
                action_id: text(&element["action_id"]).unwrap_or(format!("a{}", found.len())),
                block_id: text(&block["block_id"]).unwrap_or(format!("b{place}")),
                text: text(&element["text"]["text"]).unwrap_or_default(),
                value: text(&element["value"]),
                url: text(&element["url"]),
            });
        }
    }
    found
}

/// What a person reads of a message: its blocks, or its text where it has none.
pub fn words(kept: &Value) -> String {
    let blocks = kept["detail"]["blocks"].as_array();
    let mut lines = Vec::new();
    for block in blocks.into_iter().flatten() {
        let texts = std::iter::once(&block["text"]);
        let fields = block["fields"].as_array().into_iter().flatten();
        let context = match block["type"].as_str() {
            Some("context") => block["elements"].as_array(),
            _ => None,
        };
        let texts = texts.chain(fields).chain(context.into_iter().flatten());
        // The header is the card's title.
        if block["type"] != "header" {
            lines.extend(texts.filter_map(|text| text["text"].as_str()));
        }
    }
    let text = match lines.is_empty() {
        true => kept["text"].as_str().unwrap_or_default().to_owned(),
        false => lines.join("\n"),
    };
    // The three characters that Slack wants escaped; the ampersand last, or `&amp;lt;` would become a bracket.
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
