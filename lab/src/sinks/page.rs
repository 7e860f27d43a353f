//! The page for a person who started the lab: every mail, call and post, newest first, and what can be pressed on them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;

use super::blocks::{self, Button};
use super::control::{Pressed, missing, perform};
use super::kept::{Brief, Sink, Wanted};
use super::words::{Piece, pieces};
use super::{Sinks, mail};

const CARDS: usize = 100;
const NOTHING_ELSE: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                            form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A mail is shown as its sender wrote it, without scripts and without asking anybody for anything.
const MAIL: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; \
                    img-src data:";

#[derive(Template)]
#[template(path = "outside.html")]
struct Page {
    last: u64,
    said: Option<String>,
    faults: Vec<String>,
    cards: Vec<Card>,
}

struct Card {
    number: u64,
    at: String,
    sink: &'static str,
    label: &'static str,
    to: String,
    subject: String,
    text: Vec<Piece>,
    fault: Option<String>,
    has_html: bool,
    digits: bool,
    buttons: Vec<Button>,
    then: Vec<String>,
    body: String,
}

#[derive(Deserialize)]
pub struct Said {
    said: Option<String>,
}

pub async fn page(State(sinks): State<Arc<Sinks>>, Query(said): Query<Said>) -> Response {
    let rows = sinks.kept.newest(CARDS);
    let all = Wanted {
        happenings: true,
        after: rows.last().map_or(0, |row| row.number),
        ..Wanted::default()
    };
    let happenings = sinks.kept.brief(&all, usize::MAX);
    let page = Page {
        last: sinks.kept.last(),
        said: said.said,
        faults: sinks.faults.sentences(),
        cards: rows
            .iter()
            .filter_map(|row| card(&sinks, row, &happenings))
            .collect(),
    };
    match page.render() {
        Ok(html) => (
            [(header::CONTENT_SECURITY_POLICY, NOTHING_ELSE)],
            Html(html),
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn card(sinks: &Sinks, row: &Brief, happenings: &[Brief]) -> Option<Card> {
    // None: it was forgotten in this very moment.
    let kept = sinks.kept.value(row).ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let detail = &kept["detail"];
    let then: Vec<Value> = happenings
        .iter()
        .filter(|happening| happening.of == Some(row.number))
        .filter_map(|happening| sinks.kept.value(happening).ok())
        .collect();
    let spoken = then.iter().filter(|happening| happening["kind"] == "said");
    let spoken: Vec<String> = spoken
        .map(|happening| text(&happening["detail"]["words"]))
        .collect();
    let words = match row.sink {
        Sink::Phone => spoken.join("\n"),
        Sink::Slack => blocks::words(&kept),
        // Its first words are the title already.
        Sink::Teams => {
            let text = text(&kept["text"]);
            let rest = text.strip_prefix(&row.subject).unwrap_or(&text);
            rest.trim_start().to_owned()
        }
        _ => text(&kept["text"]),
    };
    let label = match row.sink {
        Sink::Smtp => "Mail",
        Sink::Slack => "Slack",
        Sink::Phone => "Call",
        Sink::Sms => "SMS",
        Sink::Hook => "Webhook",
        Sink::Teams => "Teams",
        Sink::Pagerduty => "PagerDuty",
    };
    Some(Card {
        number: row.number,
        at: row
            .at
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        sink: row.sink.name(),
        label,
        to: match row.sink {
            Sink::Slack => format!("#{}", row.to.join(", ")),
            // What it is about says more than to whose account it went.
            Sink::Pagerduty => row.key.clone().unwrap_or_default(),
            _ => row.to.join(", "),
        },
        subject: match row.sink {
            Sink::Pagerduty => text(&detail["event_action"]),
            _ => row.subject.clone(),
        },
        text: pieces(&words),
        fault: row.fault.map(|fault| fault.name()),
        has_html: row.sink == Sink::Smtp && mail::html(&text(&kept["body"])).is_some(),
        digits: row.sink == Sink::Phone && matches!(sinks.phones.line(row.number), Some(Some(_))),
        buttons: serde_json::from_value(detail["buttons"].clone()).unwrap_or_default(),
        then: then.iter().filter_map(sentence).collect(),
        body: text(&kept["body"]),
    })
}

/// What came of it, in one line. What was said is told above already, and that a callback was taken is no news.
fn sentence(happening: &Value) -> Option<String> {
    let detail = &happening["detail"];
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(match happening["kind"].as_str()? {
        "status" if detail["error"].is_null() => text(&detail["status"]),
        "status" => format!("{}: {}", text(&detail["status"]), text(&detail["error"])),
        "pressed" if detail["action"].is_null() => format!("pressed {}", text(&detail["digit"])),
        "pressed" => format!(
            "{} pressed {}",
            text(&detail["user"]["name"]),
            text(&detail["action"])
        ),
        "callback" => {
            let answered = match (&detail["answered"], &detail["answered"]["error"]) {
                (status, Value::Null) if status.as_u64().is_some_and(|status| status < 300) => {
                    return None;
                }
                (status, Value::Null) => format!("answered {status}"),
                (_, error) => text(error),
            };
            format!("told {}: {answered}", text(&detail["url"]))
        }
        "response" => format!("answered in the channel: {}", text(&detail["text"])),
        _ => return None,
    })
}

/// The mail's own HTML.
pub async fn mail(State(sinks): State<Arc<Sinks>>, Path(number): Path<u64>) -> Response {
    let row = sinks.kept.one(number);
    let row = row.filter(|row| row.sink == Sink::Smtp && row.of.is_none());
    let html = row.and_then(|row| {
        let kept = sinks.kept.value(&row).ok()?;
        mail::html(kept["body"].as_str()?)
    });
    match html {
        Some(html) => ([(header::CONTENT_SECURITY_POLICY, MAIL)], Html(html)).into_response(),
        None => missing(number),
    }
}

#[derive(Deserialize)]
pub struct PressForm {
    number: u64,
    digit: Option<String>,
    action: Option<String>,
}

pub async fn press(State(sinks): State<Arc<Sinks>>, Form(form): Form<PressForm>) -> Response {
    let Some(row) = sinks.kept.one(form.number) else {
        return missing(form.number);
    };
    let pressed = Pressed {
        number: form.number,
        digit: form.digit,
        action: form.action,
        user: None,
        url: None,
        timestamp: None,
        forge: false,
    };
    let to = match perform(&sinks, &row, pressed).await {
        Ok(answer) if answer["status"].as_u64().is_some_and(|status| status < 300) => String::new(),
        Ok(answer) => said(&format!("Muster answered {}", answer["status"])),
        Err(failure) => said(&failure.message),
    };
    Redirect::to(&format!("/{to}#n{}", row.number)).into_response()
}

fn said(sentence: &str) -> String {
    serde_urlencoded::to_string([("said", sentence)])
        .map_or_else(|_| String::new(), |query| format!("?{query}"))
}

pub async fn style() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("../../templates/outside.css")).into_response()
}

pub async fn script() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("../../templates/outside.js")).into_response()
}
