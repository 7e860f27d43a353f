//! Twilio's API: calls and messages are ordered here, and made in [`super::call`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;

use super::call::{self, Digit};
use super::faults::{Drawn, Fault};
use super::kept::{Delivery, Sink};
use super::{Sinks, ledger, serve, sign};

/// What the owner of a number does when it rings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCall {
    /// Picks up, and waits to be told what to press.
    #[default]
    Listen,
    /// Picks up and presses at once.
    Press,
    /// Hears it out, presses nothing, hangs up.
    HangUp,
    Busy,
    NoAnswer,
    Failed,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMessage {
    #[default]
    Delivered,
    /// On its way, and never heard of again.
    Sent,
    Undelivered,
    Failed,
}

/// A telephone, by its number; `*` is every number that is not named.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phone {
    pub to: String,
    #[serde(default)]
    pub call: OnCall,
    #[serde(default = "one")]
    pub digit: String,
    #[serde(default)]
    pub message: OnMessage,
    /// Before it rings, and once more before it is picked up; before a text is on its way, and once more before it arrives.
    #[serde(default)]
    pub takes_ms: u64,
}

impl Phone {
    pub async fn takes_its_time(&self) {
        if self.takes_ms > 0 {
            let time = std::time::Duration::from_millis(self.takes_ms);
            tokio::time::sleep(time).await;
        }
    }
}

fn one() -> String {
    "1".into()
}

#[derive(Default)]
struct Inner {
    phones: HashMap<String, Phone>,
    orders: HashMap<String, (u64, String)>,
    /// By number, in their order.
    ordered: HashMap<String, Vec<String>>,
    /// None once the call is over.
    lines: HashMap<u64, Option<mpsc::Sender<Digit>>>,
}

/// The telephones, and the calls and messages that were ordered.
#[derive(Default)]
pub struct Phones(Mutex<Inner>);

impl Phones {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set(&self, phone: Phone) {
        self.inner().phones.insert(phone.to.clone(), phone);
    }

    pub fn forget(&self) {
        self.inner().phones.clear();
    }

    pub fn all(&self) -> Vec<Phone> {
        let mut all: Vec<Phone> = self.inner().phones.values().cloned().collect();
        all.sort_by(|a, b| a.to.cmp(&b.to));
        all
    }

    pub fn of(&self, to: &str) -> Phone {
        let inner = self.inner();
        let known = inner.phones.get(to).or_else(|| inner.phones.get("*"));
        known.cloned().unwrap_or(Phone {
            to: to.into(),
            call: OnCall::default(),
            digit: one(),
            message: OnMessage::default(),
            takes_ms: 0,
        })
    }

    fn begin(&self, sid: &str, number: u64, to: &str) {
        let mut inner = self.inner();
        let all = inner.ordered.entry(to.to_owned()).or_default();
        all.push(sid.to_owned());
        drop(inner);
        self.now(sid, number, "queued");
    }

    /// An order's number, and how far it has come.
    pub fn order(&self, sid: &str) -> Option<(u64, String)> {
        self.inner().orders.get(sid).cloned()
    }

    /// All calls and messages to a number.
    pub fn ordered(&self, to: &str) -> Vec<String> {
        self.inner().ordered.get(to).cloned().unwrap_or_default()
    }

    pub fn now(&self, sid: &str, number: u64, status: &str) {
        let order = (number, status.to_owned());
        self.inner().orders.insert(sid.to_owned(), order);
    }

    pub fn open(&self, number: u64) -> mpsc::Receiver<Digit> {
        let (sender, receiver) = mpsc::channel(1);
        self.inner().lines.insert(number, Some(sender));
        receiver
    }

    pub fn close(&self, number: u64) {
        self.inner().lines.insert(number, None);
    }

    /// None while the call is not begun, `Some(None)` when it is over.
    pub fn line(&self, number: u64) -> Option<Option<mpsc::Sender<Digit>>> {
        self.inner().lines.get(&number).cloned()
    }
}

/// What was asked for in a form. A name may come more than once.
#[derive(Debug, Default)]
pub struct Form(pub Vec<(String, String)>);

impl Form {
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<String> {
        let found = self.0.iter().filter(|(known, _)| known == name);
        let words = found.flat_map(|(_, value)| value.split_whitespace());
        words.map(str::to_owned).collect()
    }
}

/// An accepted order, on its way to be carried out.
#[derive(Debug)]
pub struct Order {
    pub number: u64,
    pub sid: String,
    pub form: Form,
    pub fault: Option<Fault>,
}

/// No, in the words of the provider.
#[derive(Debug, Clone, Copy)]
pub struct Refusal(pub StatusCode, pub u32, pub &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        let more = format!("https://www.twilio.com/docs/errors/{code}");
        let error = json!({
            "code": code, "message": message, "more_info": more, "status": status.as_u16(),
        });
        (status, Json(error)).into_response()
    }
}

pub const NO_SUCH: Refusal = Refusal(StatusCode::NOT_FOUND, 20404, "There is no such resource");

pub fn authenticate(sinks: &Sinks, account: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let keys = &sinks.keys;
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(sign::from_base64);
    let wanted = format!("{}:{}", keys.twilio_sid, keys.twilio_token);
    match account == keys.twilio_sid && given.as_deref() == Some(wanted.as_bytes()) {
        true => Ok(()),
        false => Err(Refusal(StatusCode::UNAUTHORIZED, 20003, "Authenticate")),
    }
}

fn is_number(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0')
}

fn check(sink: Sink, form: &Form) -> Result<(), Refusal> {
    let no = |code, message| Err(Refusal(StatusCode::BAD_REQUEST, code, message));
    let (to, from) = (form.get("To"), form.get("From").unwrap_or_default());
    let is_call = sink == Sink::Phone;
    match to {
        None if is_call => return no(21201, "No 'To' number is specified"),
        None => return no(21604, "A 'To' phone number is required."),
        Some(to) if !is_number(to) => return no(21211, "Invalid 'To' Phone Number"),
        Some(_) => {}
    }
    if !is_number(from) {
        return no(21212, "Invalid 'From' Number");
    }
    for (address, code) in [("Url", 21205), ("StatusCallback", 21609)] {
        let given = form.get(address);
        if given.is_some_and(|url| reqwest::Url::parse(url).is_err()) {
            return no(code, "Invalid URL");
        }
    }
    let known = ["initiated", "ringing", "answered", "completed"];
    let events = form.all("StatusCallbackEvent");
    if !events.iter().all(|event| known.contains(&event.as_str())) {
        return no(21626, "Invalid 'StatusCallbackEvent'");
    }
    if is_call {
        return match form.get("Url").or(form.get("Twiml")) {
            Some(_) => Ok(()),
            None => no(21205, "Url parameter is required."),
        };
    }
    match form.get("Body").unwrap_or_default().chars().count() {
        0 => no(21602, "Message body is required."),
        1..=1600 => Ok(()),
        _ => no(21617, "The message body exceeds the 1600 character limit."),
    }
}

pub async fn order(
    State(sinks): State<Arc<Sinks>>,
    Path((account, kind)): Path<(String, String)>,
    drawn: Option<Extension<Drawn>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let sink = match kind.as_str() {
        "Calls.json" => Sink::Phone,
        "Messages.json" => Sink::Sms,
        _ => return NO_SUCH.into_response(),
    };
    let form = Form(serde_urlencoded::from_bytes(&body).unwrap_or_default());
    let fine = authenticate(&sinks, &account, &headers).and_then(|()| check(sink, &form));
    if let Err(refusal) = fine {
        return refusal.into_response();
    }
    let prefix = if sink == Sink::Phone { "CA" } else { "SM" };
    let sid = format!("{prefix}{}", super::token(16));
    let fault = drawn.map(|drawn| drawn.fault);
    let delivery = Delivery {
        to: vec![form.get("To").unwrap_or_default().to_owned()],
        text: form.get("Body").unwrap_or_default().to_owned(),
        key: serve::key(&headers),
        fault,
        headers: serve::headers(&headers),
        body: String::from_utf8_lossy(&body).into_owned(),
        detail: json!({ "sid": sid, "form": form.0 }),
        ..Delivery::default()
    };
    let Ok(number) = sinks.kept.keep(sink, &delivery) else {
        return serve::no_room();
    };
    let to = form.get("To").unwrap_or_default();
    sinks.phones.begin(&sid, number, to);
    let answer = ledger::resource(
        &sinks,
        &ledger::Order {
            sink,
            sid: &sid,
            form: &form,
            status: "queued",
            at: jiff::Timestamp::now(),
        },
    );
    let order = Order {
        number,
        sid,
        form,
        fault,
    };
    match sink {
        Sink::Phone => tokio::spawn(call::call(sinks, order)),
        _ => tokio::spawn(call::message(sinks, order)),
    };
    (StatusCode::CREATED, Json(answer)).into_response()
}
