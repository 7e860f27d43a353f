//! TwiML: what a telephone is told to do, as far as reading aloud and listening for digits go.

use roxmltree::{Document, Node};

/// How long a telephone here listens at least, in seconds: people read and decide.
const PATIENCE: u64 = 60;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    Say(String),
    Gather(Gather),
    Redirect(String),
    Hangup,
    /// Silence, or a recording: nothing to hear here.
    Pass,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gather {
    pub says: Vec<String>,
    pub action: Option<String>,
    pub seconds: u64,
    pub digits: Option<usize>,
}

pub fn read(text: &str) -> Result<Vec<Verb>, String> {
    let document = Document::parse(text).map_err(|error| format!("no TwiML: {error}"))?;
    let root = document.root_element();
    if root.tag_name().name() != "Response" {
        return Err("no TwiML: it does not begin with <Response>".into());
    }
    let verbs = root.children().filter(Node::is_element);
    verbs.map(verb).collect()
}

fn verb(node: Node<'_, '_>) -> Result<Verb, String> {
    Ok(match node.tag_name().name() {
        "Say" => Verb::Say(words(node)),
        "Gather" => {
            let number = |name| node.attribute(name).and_then(|value| value.parse().ok());
            let says = node.children().filter(|child| child.has_tag_name("Say"));
            Verb::Gather(Gather {
                says: says.map(words).collect(),
                action: node.attribute("action").map(str::to_owned),
                seconds: number("timeout").unwrap_or(5).max(PATIENCE),
                digits: number("numDigits").map(|digits| digits as usize),
            })
        }
        "Redirect" => Verb::Redirect(words(node)),
        "Hangup" | "Reject" => Verb::Hangup,
        "Pause" | "Play" => Verb::Pass,
        other => return Err(format!("no telephone here knows <{other}>")),
    })
}

/// All text inside, with its white space made single.
fn words(node: Node<'_, '_>) -> String {
    let text: String = node
        .descendants()
        .filter(Node::is_text)
        .filter_map(|text| text.text())
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_a_question_is_read() {
        let twiml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <Response>
              <Gather numDigits="1" action="http://127.0.0.1/digit?n=1&amp;m=2"><Say>SEV1: <break/>all
                 &lt;orders&gt; fail.</Say><Pause length="1"/><Say>Press 1.</Say></Gather>
              <Say>Nobody pressed.</Say>
            </Response>"#;
        let question = Gather {
            says: vec!["SEV1: all <orders> fail.".into(), "Press 1.".into()],
            action: Some("http://127.0.0.1/digit?n=1&m=2".into()),
            seconds: 60,
            digits: Some(1),
        };
        assert_eq!(
            read(twiml),
            Ok(vec![
                Verb::Gather(question),
                Verb::Say("Nobody pressed.".into())
            ])
        );
        assert!(read("<Response><Dial>112</Dial></Response>").is_err());
        assert!(read("<Response>").is_err());
    }
}
