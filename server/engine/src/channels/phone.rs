//! Calls and text messages, by an interface in the shape of Twilio's.
//!
//! A call says the message and listens for one digit. What becomes of it comes back to `/callbacks/twilio/…`, signed.

mod callback;
mod spoken;

pub use callback::{receipt, verify};
pub use spoken::{ACKNOWLEDGE, again, call, goodbye, thanks};

use super::{
    Doubt, Message, Outcome, Said,
    web::{Answer, Place, Web},
    words::line,
};
use domain::{Span, Stamp, plan::Channel};
use serde::{Deserialize, de::DeserializeOwned};

pub const TWILIO: &str = "https://api.twilio.com";
/// Of a text message: two parts where every letter is in the telephone's own alphabet.
pub const LONGEST_TEXT: usize = 320;
/// The provider's clock may be so far behind ours, and it counts seconds.
const SKEW: Span = Span::secs(5);
/// How long it rings, in seconds.
const RINGS: &str = "30";

pub struct Phone {
    place: Place,
    account: String,
    token: String,
    from: String,
    sms_from: String,
}

/// What the provider answers, of a call or a text message.
#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    sid: Option<String>,
    #[serde(default)]
    date_created: Option<String>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    calls: Vec<Resource>,
    #[serde(default)]
    messages: Vec<Resource>,
}

/// What a call has led to: the request that ordered it, and the provider's own requests to us. Twilio shows them some
/// minutes after the call's end; before that its callbacks tell the same ([`crate::notify::Receipt::Taken`]).
#[derive(Deserialize)]
struct Events {
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    request: Requested,
}

#[derive(Deserialize)]
struct Requested {
    #[serde(default)]
    url: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    status_callback: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<u32>,
    message: Option<String>,
}

impl Phone {
    pub fn new(
        place: Place,
        account: String,
        token: String,
        from: String,
        sms_from: Option<String>,
    ) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric();
        if account.is_empty() || !account.chars().all(plain) {
            return Err("holds no account's id".into());
        }
        Ok(Phone {
            place,
            account,
            token,
            sms_from: sms_from.unwrap_or_else(|| from.clone()),
            from,
        })
    }

    pub async fn send(&self, web: &Web, message: &Message, said: &Said) -> Outcome {
        let channel = message.address.channel();
        let (kind, form) = match channel {
            Channel::Sms => ("Messages", self.text(message, said)),
            _ => ("Calls", self.call(message, said)),
        };
        if !domain::plan::is_phone(message.address.as_str()) {
            return Outcome::Never {
                why: "this is no telephone number".into(),
            };
        }
        if let Some(doubt) = &message.doubt
            && let Some(sid) = self.taken(web, kind, message, doubt, &form).await
        {
            return Outcome::Sent {
                provider_id: Some(sid),
            };
        }
        let place = self.place.join(&self.path(kind));
        let request = |r: reqwest::RequestBuilder| {
            r.basic_auth(&self.account, Some(&self.token))
                // Twilio passes over it; others of its shape know the same request by it.
                .header("Idempotency-Key", &message.id)
                .form(&form)
        };
        match web.post(&place, message.now, request).await {
            Err(outcome) => outcome,
            Ok(answer) if answer.is_success() => {
                let resource = serde_json::from_slice::<Resource>(&answer.body);
                Outcome::Sent {
                    provider_id: resource.ok().and_then(|r| r.sid),
                }
            }
            Ok(answer) => refused(&answer),
        }
    }

    fn call(&self, message: &Message, said: &Said) -> Vec<(&'static str, String)> {
        let to = message.address.as_str();
        let mut form = vec![
            ("To", to.to_owned()),
            ("From", self.from.clone()),
            ("Twiml", spoken::call(message, said)),
            ("Timeout", RINGS.to_owned()),
            ("StatusCallback", callback::status(message)),
            ("StatusCallbackMethod", "POST".to_owned()),
        ];
        for event in ["ringing", "answered", "completed"] {
            form.push(("StatusCallbackEvent", event.to_owned()));
        }
        form
    }

    fn text(&self, message: &Message, said: &Said) -> Vec<(&'static str, String)> {
        vec![
            ("To", message.address.as_str().to_owned()),
            ("From", self.sms_from.clone()),
            ("Body", short(said)),
            ("StatusCallback", callback::status(message)),
        ]
    }

    /// Whether an earlier try was taken after all: the provider is asked for what it has had for this number since then. A
    /// text message is ours by its words, which hold this person's link; a call by where it reports to.
    async fn taken(
        &self,
        web: &Web,
        kind: &str,
        message: &Message,
        doubt: &Doubt,
        form: &[(&str, String)],
    ) -> Option<String> {
        let query = [("To", message.address.as_str()), ("PageSize", "50")];
        let path = self.path(kind);
        let list: List = self.ask(web, &path, &query, message.now).await?;
        let recent = |r: &Resource| r.created().is_some_and(|at| at.plus(SKEW) >= doubt.since);
        let words = form.iter().find(|(name, _)| *name == "Body");
        if let Some((_, words)) = words {
            let mut texts = list.messages.into_iter().filter(recent);
            return texts.find(|r| r.body.as_ref() == Some(words))?.sid;
        }
        for call in list.calls.into_iter().filter(recent) {
            let Some(sid) = call.sid else { continue };
            let path = self.path(&format!("Calls/{sid}/Events"));
            let events: Option<Events> = self.ask(web, &path, &[], message.now).await;
            let reports = events.iter().flat_map(|e| &e.events).map(Event::reports_to);
            if reports
                .flatten()
                .any(|at| callback::is_of(at, message, &doubt.tries))
            {
                return Some(sid);
            }
        }
        None
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        web: &Web,
        path: &str,
        query: &[(&str, &str)],
        now: Stamp,
    ) -> Option<T> {
        let request = |r: reqwest::RequestBuilder| {
            r.basic_auth(&self.account, Some(&self.token)).query(query)
        };
        let answer = web.get(&self.place.join(path), now, request).await.ok()?;
        serde_json::from_slice(&answer.body).ok()
    }

    fn path(&self, kind: &str) -> String {
        format!("/2010-04-01/Accounts/{}/{kind}.json", self.account)
    }
}

impl Event {
    /// The addresses in it to which something is reported.
    fn reports_to(&self) -> impl Iterator<Item = &str> {
        let ordered = self.request.parameters.status_callback.as_deref();
        ordered.into_iter().chain([self.request.url.as_str()])
    }
}

impl Resource {
    /// `Fri, 27 Nov 2026 20:58:57 +0000`.
    fn created(&self) -> Option<Stamp> {
        let at = jiff::fmt::rfc2822::parse(self.date_created.as_deref()?).ok()?;
        Some(Stamp(at.timestamp().as_microsecond()))
    }
}

/// The text, cut so that what to press always fits.
pub fn short(said: &Said) -> String {
    let ask = said
        .ask
        .as_ref()
        .map_or(String::new(), |ask| format!(" {}: {}", ask.label, ask.link));
    let room = LONGEST_TEXT.saturating_sub(ask.chars().count());
    format!("{}{ask}", line(&plain(&said.lead), room))
}

/// The marks that writing programs put in, as the telephone's alphabet has them: one that it has not more than halves the
/// room for all.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2018}' | '\u{2019}' | '\u{201a}' => out.push('\''),
            '\u{201c}' | '\u{201d}' | '\u{201e}' => out.push('"'),
            '\u{2013}' | '\u{2014}' => out.push('-'),
            '\u{2026}' => out.push_str("..."),
            '\u{a0}' => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}

/// The provider's own numbers say more than its status.
fn refused(answer: &Answer) -> Outcome {
    let Ok(refusal) = serde_json::from_slice::<Refusal>(&answer.body) else {
        return answer.refusal();
    };
    let code = refusal.code.unwrap_or_default();
    let says = line(refusal.message.as_deref().unwrap_or("no reason given"), 160);
    let why = format!("status {}, {code}: {says}", answer.status);
    match (answer.status, code) {
        // Our account, our number: no fault of the address, and somebody can set it right.
        (401 | 403, _) | (_, 20003 | 20005 | 21210 | 21212 | 21606 | 21659) => answer.later(why),
        (429 | 500.., _) | (_, 20429) => answer.later(why),
        _ => Outcome::Never { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::{
        Brief,
        samples::{CAUSES, brief, message, words},
    };
    use domain::notify::Cause;
    use proptest::prelude::*;

    #[test]
    fn a_text_message_says_it_all_and_ends_with_the_link() {
        let message = message(Channel::Sms, Cause::Declared);
        assert_eq!(
            short(&words().said(&message)),
            "SEV1 INC-2026-014: Manufacturing database does not take orders. Affected: Orders API, Manufacturing database. \
             Since 2026-11-27 14:02 UTC. Commander: Jane Doe. Next word by 14:07 UTC. Acknowledge: https://muster.example.org/ack/AWkABCDEF"
        );
    }

    #[test]
    fn a_call_says_it_twice_and_listens_for_a_digit() {
        let message = message(Channel::Phone, Cause::Declared);
        let call = spoken::call(&message, &words().said(&message));
        let says = "A severity 1 incident was declared 3 minutes ago: Manufacturing database does not take orders.";
        assert_eq!(call.matches(says).count(), 2, "{call}");
        assert!(call.contains("action=\"https://muster.example.org/callbacks/twilio/gather?n=1042.3&amp;t=AWkABCDEF\""), "{call}");
        for cause in CAUSES {
            let message = crate::channels::samples::message(Channel::Phone, cause);
            let call = spoken::call(&message, &words().said(&message));
            let asks = !matches!(cause, Cause::Update | Cause::Resolved | Cause::Reminder);
            assert_eq!(call.contains("<Gather"), asks, "{cause:?}: {call}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn whatever_is_typed_fits_a_text_message_and_is_said_as_words(title in ".{0,600}|(<Hangup/>&'\"){1,40}", commander in ".{0,200}") {
            for channel in [Channel::Sms, Channel::Phone] {
                let mut message = message(channel, Cause::Declared);
                message.incident = Some(Brief { title: title.clone(), commander: Some(commander.clone()), ..brief() });
                let said = words().said(&message);
                let text = short(&said);
                prop_assert!(text.chars().count() <= LONGEST_TEXT);
                prop_assert!(text.ends_with("Acknowledge: https://muster.example.org/ack/AWkABCDEF"));
                let call = spoken::call(&message, &said);
                let tags: Vec<&str> = call.split('<').skip(1).map(|t| t.split(['>', ' ', '/']).find(|w| !w.is_empty()).unwrap_or_default()).collect();
                prop_assert!(tags.iter().all(|t| ["Response", "Gather", "Say", "Pause"].contains(t)), "{:?}", tags);
                prop_assert!(call.chars().count() <= 4_000);
            }
        }
    }
}
