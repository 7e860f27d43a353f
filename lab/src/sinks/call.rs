//! What becomes of an order: the telephone rings, somebody listens, presses or does not, and the sender is told of it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::callback::{Answered, post_form};
use super::faults::Fault;
use super::kept::{Sink, What};
use super::phone::{OnCall, OnMessage, Order, Phone};
use super::twiml::{self, Gather, Verb};
use super::{Sinks, sign};
use crate::failure::{Failure, Result};
use crate::process::poll;

/// A caller who is sent from document to document comes to an end after so many.
const DOCUMENTS: usize = 20;

/// A digit on its way to the call, and the way back for what the sender said to it.
pub struct Digit {
    digit: String,
    forge: bool,
    answered: oneshot::Sender<Answered>,
}

/// Presses a digit on a call that is open. One that has not come to its question yet takes it there.
pub async fn press(sinks: &Sinks, number: u64, digit: String, forge: bool) -> Result<Answered> {
    let over = || Failure::refused(format!("call {number} is over; nobody is there to press"));
    // An order is seen a moment before its call begins.
    let line = poll(Duration::from_secs(1), async || sinks.phones.line(number));
    let line = line.await.flatten().ok_or_else(over)?;
    let (answered, answer) = oneshot::channel();
    let digit = Digit {
        digit,
        forge,
        answered,
    };
    line.send(digit).await.map_err(|_| over())?;
    // Without a line of its own in hand, the call can end while this waits.
    drop(line);
    let limit = Duration::from_secs(30);
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer.map_err(|_| over()),
        Err(_) => Err(Failure::refused(format!("call {number} does not listen"))),
    }
}

struct Line {
    sinks: Arc<Sinks>,
    order: Order,
    sink: Sink,
    sequence: u32,
}

impl Line {
    fn note(&self, kind: What, detail: serde_json::Value) {
        self.sinks
            .kept
            .add(self.sink, self.order.number, kind, detail);
    }

    fn status(&self, status: &str) {
        let order = &self.order;
        self.sinks.phones.now(&order.sid, order.number, status);
        self.note(What::Status, json!({ "status": status }));
    }

    /// What every request about this order says.
    fn parameters(&self, status: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let form = |name| self.order.form.get(name).unwrap_or_default();
        let (sid, account) = (self.order.sid.as_str(), &self.sinks.keys.twilio_sid);
        let own = match self.sink {
            Sink::Phone => vec![
                ("CallSid", sid),
                ("CallStatus", status),
                ("Direction", "outbound-api"),
            ],
            _ => vec![
                ("MessageSid", sid),
                ("SmsSid", sid),
                ("MessageStatus", status),
                ("SmsStatus", status),
            ],
        };
        let common = [
            ("AccountSid", account.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("From", form("From")),
            ("To", form("To")),
        ];
        let all = own.iter().chain(&common).chain(more);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    async fn post(&self, url: &str, parameters: Vec<(String, String)>, forge: bool) -> Answered {
        let token = match forge {
            true => "somebody else's token",
            false => self.sinks.keys.twilio_token.as_str(),
        };
        let signature = sign::twilio(token, url, &parameters);
        let answered = match serde_urlencoded::to_string(&parameters) {
            Ok(body) => {
                let signed = [("x-twilio-signature", signature)];
                post_form(&self.sinks.http, url, body, &signed).await
            }
            Err(error) => Answered(Err(error.to_string())),
        };
        let parameters: serde_json::Map<_, _> = parameters
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        let detail = json!({ "url": url, "params": parameters, "answered": answered });
        self.note(What::Callback, detail);
        answered
    }

    fn times(&self) -> u32 {
        match self.order.fault {
            Some(Fault::DropCallbacks) => 0,
            Some(Fault::RepeatCallbacks) => 2,
            _ => 1,
        }
    }

    /// Tells the sender, where it wants to be told.
    async fn tell(&mut self, status: &str, more: &[(&str, &str)]) {
        let Some(url) = self.order.form.get("StatusCallback").map(str::to_owned) else {
            return;
        };
        let sequence = self.sequence.to_string();
        self.sequence += 1;
        let now = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S +0000");
        let now = now.to_string();
        let call = [
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", sequence.as_str()),
            ("Timestamp", now.as_str()),
        ];
        let own: &[(&str, &str)] = match self.sink {
            Sink::Phone => &call,
            _ => &[],
        };
        let parameters = self.parameters(status, &[own, more].concat());
        for _ in 0..self.times() {
            self.post(&url, parameters.clone(), false).await;
        }
    }

    /// The status, and the callback for the event it belongs to, if the sender asked for that one.
    async fn progress(&mut self, status: &str, event: &str) {
        self.status(status);
        let events = self.order.form.all("StatusCallbackEvent");
        let wanted = match events.is_empty() {
            true => event == "completed",
            false => events.iter().any(|wanted| wanted == event),
        };
        if wanted {
            let more: &[(&str, &str)] = match event {
                "completed" => &[("CallDuration", "7"), ("Duration", "1")],
                _ => &[],
            };
            self.tell(status, more).await;
        }
    }

    fn say(&self, words: &str) {
        self.note(What::Said, json!({ "words": words }));
    }

    /// The conversation: from document to document, until somebody hangs up.
    async fn converse(&self, phone: &Phone, digits: &mut mpsc::Receiver<Digit>) -> Conversation {
        let mut at = self.order.form.get("Url").unwrap_or_default().to_owned();
        let mut document = match self.order.form.get("Twiml") {
            Some(twiml) => twiml.to_owned(),
            None => self.fetch(&at).await?,
        };
        for _ in 0..DOCUMENTS {
            let next = self
                .perform(&twiml::read(&document)?, &at, phone, digits)
                .await?;
            let Some((url, text)) = next else {
                return Ok(());
            };
            (at, document) = (url, text);
        }
        Err(format!("{DOCUMENTS} documents, and no end in sight"))
    }

    async fn fetch(&self, url: &str) -> std::result::Result<String, String> {
        let parameters = self.parameters("in-progress", &[]);
        let answered = self.post(url, parameters, false).await;
        answered.good().map(str::to_owned)
    }

    /// Goes through one document; answers with the next one and where it came from, or None at the end.
    async fn perform(
        &self,
        verbs: &[Verb],
        at: &str,
        phone: &Phone,
        digits: &mut mpsc::Receiver<Digit>,
    ) -> std::result::Result<Option<(String, String)>, String> {
        for verb in verbs {
            match verb {
                Verb::Say(words) => self.say(words),
                Verb::Pass => {}
                Verb::Hangup => return Ok(None),
                Verb::Redirect(to) => {
                    let url = resolve(at, to)?;
                    let text = self.fetch(&url).await?;
                    return Ok(Some((url, text)));
                }
                Verb::Gather(gather) => {
                    gather.says.iter().for_each(|words| self.say(words));
                    let url = resolve(at, gather.action.as_deref().unwrap_or_default())?;
                    match self.listen(gather, phone, digits).await {
                        Heard::Hangup => return Ok(None),
                        Heard::Nothing => {}
                        Heard::Digit(digit) => {
                            let said = self.pressed(&url, digit).await;
                            let text = said.good().map(str::to_owned)?;
                            return Ok(Some((url, text)));
                        }
                    }
                }
            }
        }
        Ok(None)
    }

    async fn listen(
        &self,
        gather: &Gather,
        phone: &Phone,
        digits: &mut mpsc::Receiver<Digit>,
    ) -> Heard {
        match phone.call {
            OnCall::HangUp => Heard::Hangup,
            OnCall::Press => Heard::Digit(Digit {
                digit: phone.digit.clone(),
                forge: false,
                answered: oneshot::channel().0,
            }),
            _ => {
                let limit = Duration::from_secs(gather.seconds);
                match tokio::time::timeout(limit, digits.recv()).await {
                    Ok(Some(mut digit)) => {
                        digit.digit.truncate(gather.digits.unwrap_or(usize::MAX));
                        Heard::Digit(digit)
                    }
                    Ok(None) => Heard::Hangup,
                    Err(_) => Heard::Nothing,
                }
            }
        }
    }

    async fn pressed(&self, url: &str, digit: Digit) -> Answered {
        self.note(What::Pressed, json!({ "digit": digit.digit }));
        let more = [("Digits", digit.digit.as_str()), ("msg", "Gather End")];
        let parameters = self.parameters("in-progress", &more);
        let mut answered = self.post(url, parameters.clone(), digit.forge).await;
        if self.order.fault == Some(Fault::RepeatCallbacks) {
            answered = self.post(url, parameters, digit.forge).await;
        }
        // Nobody waits for it where the telephone presses by itself.
        let _ = digit.answered.send(answered.clone());
        answered
    }
}

type Conversation = std::result::Result<(), String>;

enum Heard {
    Digit(Digit),
    Nothing,
    Hangup,
}

/// An address as a document names it, from where the document came; an empty one is that place itself.
fn resolve(at: &str, to: &str) -> std::result::Result<String, String> {
    if to.is_empty() {
        return Ok(at.to_owned());
    }
    if let Ok(absolute) = Url::parse(to) {
        return Ok(absolute.into());
    }
    let joined = Url::parse(at).and_then(|at| at.join(to));
    joined
        .map(String::from)
        .map_err(|error| format!("{to}: {error}"))
}

pub async fn call(sinks: Arc<Sinks>, order: Order) {
    let phone = sinks.phones.of(order.form.get("To").unwrap_or_default());
    let number = order.number;
    let mut digits = sinks.phones.open(number);
    let mut line = Line {
        sinks: sinks.clone(),
        order,
        sink: Sink::Phone,
        sequence: 0,
    };
    line.progress("initiated", "initiated").await;
    let end = match phone.call {
        OnCall::Busy => "busy",
        OnCall::Failed => "failed",
        OnCall::NoAnswer => {
            phone.takes_its_time().await;
            line.progress("ringing", "ringing").await;
            "no-answer"
        }
        OnCall::Listen | OnCall::Press | OnCall::HangUp => {
            phone.takes_its_time().await;
            line.progress("ringing", "ringing").await;
            phone.takes_its_time().await;
            line.progress("in-progress", "answered").await;
            if let Err(error) = line.converse(&phone, &mut digits).await {
                line.say("An application error has occurred. Goodbye.");
                line.note(What::Status, json!({ "status": "error", "error": error }));
            }
            "completed"
        }
    };
    // Closed before the sender is told: what is pressed from now on finds nobody.
    sinks.phones.close(number);
    drop(digits);
    line.progress(end, "completed").await;
}

pub async fn message(sinks: Arc<Sinks>, order: Order) {
    let phone = sinks.phones.of(order.form.get("To").unwrap_or_default());
    let mut line = Line {
        sinks,
        order,
        sink: Sink::Sms,
        sequence: 0,
    };
    let (last, error): (_, &[(&str, &str)]) = match phone.message {
        OnMessage::Sent => (None, &[]),
        OnMessage::Delivered => (Some("delivered"), &[]),
        OnMessage::Undelivered => (Some("undelivered"), &[("ErrorCode", "30003")]),
        OnMessage::Failed => (Some("failed"), &[("ErrorCode", "30008")]),
    };
    phone.takes_its_time().await;
    if phone.message != OnMessage::Failed {
        line.status("sent");
        line.tell("sent", &[]).await;
    }
    if let Some(last) = last {
        phone.takes_its_time().await;
        line.status(last);
        line.tell(last, error).await;
    }
}
