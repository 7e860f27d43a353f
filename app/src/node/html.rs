//! Writing a view as HTML.

use super::{Node, Parts, Value};

/// Elements without content or end.
const VOID: [&str; 5] = ["input", "br", "hr", "img", "link"];

/// `after_text`: did a text stand right before? Two texts in a row would become one.
pub fn write(node: Node, out: &mut String, after_text: &mut bool) {
    match node {
        Node::Nothing => {
            out.push_str("<!>");
            *after_text = false;
        }
        Node::Text(text) => {
            if *after_text {
                out.push_str("<!>");
            }
            // A text of nothing would not be there to be found.
            escape(if text.is_empty() { " " } else { &text }, out);
            *after_text = true;
        }
        Node::El(el) => {
            element(*el.0, out);
            *after_text = false;
        }
        Node::Many(nodes) => {
            nodes
                .into_iter()
                .for_each(|node| write(node, out, after_text));
            out.push_str("<!>");
            *after_text = false;
        }
        Node::Live(mut draw) => write(draw(), out, after_text),
        Node::Rows(mut rows) => {
            for name in (rows.names)() {
                write((rows.draw)(name), out, after_text);
            }
            out.push_str("<!>");
            *after_text = false;
        }
    }
}

fn element(el: Parts, out: &mut String) {
    out.push('<');
    out.push_str(el.tag);
    for (name, value) in el.attributes {
        attribute(name, value, out);
    }
    out.push('>');
    if VOID.contains(&el.tag) {
        return;
    }
    match el.html {
        Some(html) => out.push_str(&html),
        None => {
            let mut after_text = false;
            el.kids
                .into_iter()
                .for_each(|kid| write(kid, out, &mut after_text));
        }
    }
    out.push_str("</");
    out.push_str(el.tag);
    out.push('>');
}

fn attribute(name: &str, value: Value, out: &mut String) {
    match value {
        Value::Off => {}
        Value::Says(text) => {
            out.push(' ');
            out.push_str(name);
            if !text.is_empty() {
                out.push_str("=\"");
                escape(&text, out);
                out.push('"');
            }
        }
        Value::Live(mut value) => attribute(name, value(), out),
    }
}

/// Safe in a text and in a quoted attribute.
pub fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}
