//! The control API of the outside world; [`super`] says what it takes and answers.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::{Order, Where};
use super::kept::{Brief, Sink, Wanted, What};
use super::phone::Phone;
use super::{Settings, Sinks, call, slack};
use crate::failure::{Doing, Failure, Kind, Result};

type Shared = State<Arc<Sinks>>;
type Body<T> = std::result::Result<Json<T>, JsonRejection>;
type Asked<T> = std::result::Result<Query<T>, QueryRejection>;

/// The longest that anybody waits for an answer here.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    sink: Option<Sink>,
    to: Option<String>,
    key: Option<String>,
    of: Option<u64>,
    kind: Option<What>,
    #[serde(default)]
    after: u64,
    #[serde(default)]
    brief: bool,
    count: Option<usize>,
    limit: Option<usize>,
    #[serde(default)]
    wait_ms: u64,
}

pub async fn received(State(sinks): Shared, filter: Asked<Filter>) -> Response {
    list(&sinks, filter, false).await
}

pub async fn happened(State(sinks): Shared, filter: Asked<Filter>) -> Response {
    list(&sinks, filter, true).await
}

async fn list(sinks: &Sinks, filter: Asked<Filter>, happenings: bool) -> Response {
    let filter = match filter {
        Ok(Query(filter)) => filter,
        Err(rejection) => return wrong(&rejection.body_text()),
    };
    let wanted = Wanted {
        happenings,
        sink: filter.sink,
        to: filter.to,
        key: filter.key,
        of: filter.of,
        kind: filter.kind,
        after: filter.after,
    };
    let wait = Duration::from_millis(filter.wait_ms).min(LONGEST);
    let count = filter.count.unwrap_or(1);
    sinks.kept.wait(&wanted, count, wait).await;
    let rows = sinks.kept.brief(&wanted, filter.limit.unwrap_or(1000));
    if filter.brief {
        return Json(rows).into_response();
    }
    match lines(sinks, &rows) {
        Ok(lines) => json_text(format!("[{}]", lines.join(","))),
        Err(failure) => answer(Err(failure)),
    }
}

/// A line of the file is the answer already.
fn lines(sinks: &Sinks, rows: &[Brief]) -> Result<Vec<String>> {
    let lines = rows.iter().map(|row| sinks.kept.line(row)).collect();
    std::result::Result::<Vec<String>, _>::doing(lines, || "read what was kept".into())
}

fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

pub async fn one(State(sinks): Shared, Path(number): Path<u64>) -> Response {
    let Some(row) = sinks.kept.one(number).filter(|row| row.of.is_none()) else {
        return missing(number);
    };
    let of = Wanted {
        happenings: true,
        of: Some(number),
        ..Wanted::default()
    };
    let then = sinks.kept.brief(&of, usize::MAX);
    let told = lines(&sinks, &[row]).and_then(|own| Ok((own, lines(&sinks, &then)?)));
    match told {
        Ok((own, then)) => {
            let own = own.concat();
            let open = own.strip_suffix('}').unwrap_or_default();
            json_text(format!("{open},\"then\":[{}]}}", then.join(",")))
        }
        Err(failure) => answer(Err(failure)),
    }
}

pub async fn forget(State(sinks): Shared) -> Response {
    let forgotten = sinks.kept.forget().doing(|| "forget it all".into());
    answer(forgotten.map(|()| json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pressed {
    pub number: u64,
    pub digit: Option<String>,
    pub action: Option<String>,
    pub user: Option<slack::User>,
    pub url: Option<String>,
    pub timestamp: Option<i64>,
    #[serde(default)]
    pub forge: bool,
}

pub async fn press(State(sinks): Shared, body: Body<Pressed>) -> Response {
    let pressed = match body {
        Ok(Json(pressed)) => pressed,
        Err(rejection) => return wrong(&rejection.body_text()),
    };
    let Some(row) = sinks.kept.one(pressed.number) else {
        return missing(pressed.number);
    };
    answer(perform(&sinks, &row, pressed).await)
}

/// Presses what there is to press; the page does the same.
pub async fn perform(sinks: &Sinks, row: &Brief, pressed: Pressed) -> Result<Value> {
    let answered = match (row.sink, row.of) {
        (Sink::Phone, None) => {
            let digit = pressed.digit.unwrap_or("1".into());
            is_keys(&digit)?;
            call::press(sinks, row.number, digit, pressed.forge).await?
        }
        (Sink::Slack, None) => {
            let press = slack::Press {
                action: pressed.action,
                user: pressed.user,
                url: pressed.url,
                timestamp: pressed.timestamp,
                forge: pressed.forge,
            };
            slack::press(sinks, row, press).await?
        }
        _ => {
            return Err(Failure::refused(format!(
                "there is nothing to press on {}",
                row.number
            )));
        }
    };
    match answered.0 {
        Ok((status, body)) => Ok(json!({ "status": status, "body": body })),
        Err(error) => Err(Failure::failed(format!(
            "pressed, and nobody answered: {error}"
        ))),
    }
}

fn is_keys(digits: &str) -> Result<()> {
    let known = |key: char| key.is_ascii_digit() || key == '*' || key == '#';
    match !digits.is_empty() && digits.chars().all(known) {
        true => Ok(()),
        false => Err(Failure::wrong_use(format!(
            "no telephone has the key {digits:?}"
        ))),
    }
}

pub async fn set_phone(State(sinks): Shared, body: Body<Phone>) -> Response {
    match body {
        Ok(Json(phone)) => answer(is_keys(&phone.digit).map(|()| {
            sinks.phones.set(phone);
            json!({})
        })),
        Err(rejection) => wrong(&rejection.body_text()),
    }
}

pub async fn phones(State(sinks): Shared) -> Json<Vec<Phone>> {
    Json(sinks.phones.all())
}

pub async fn forget_phones(State(sinks): Shared) -> Response {
    sinks.phones.forget();
    answer(Ok(json!({})))
}

pub async fn set_settings(State(sinks): Shared, body: Body<Settings>) -> Response {
    match body {
        Ok(Json(settings)) => {
            sinks.set(settings);
            answer(Ok(json!({})))
        }
        Err(rejection) => wrong(&rejection.body_text()),
    }
}

pub async fn settings(State(sinks): Shared) -> Json<Settings> {
    Json(sinks.settings())
}

pub async fn faults(State(sinks): Shared) -> Json<Value> {
    Json(sinks.faults.told())
}

pub async fn set_fault(State(sinks): Shared, body: Body<Order>) -> Response {
    match body {
        Ok(Json(order)) => {
            let sentence = order.sentence();
            answer(
                sinks
                    .faults
                    .set(&order)
                    .map(|()| json!({ "message": sentence })),
            )
        }
        Err(rejection) => wrong(&rejection.body_text()),
    }
}

#[derive(Deserialize)]
pub struct OfSink {
    sink: Option<Where>,
}

pub async fn clear_faults(State(sinks): Shared, of: Asked<OfSink>) -> Response {
    match of {
        Ok(Query(of)) => {
            sinks.faults.clear(of.sink.unwrap_or(Where::All));
            answer(Ok(json!({})))
        }
        Err(rejection) => wrong(&rejection.body_text()),
    }
}

fn answer(done: Result<Value>) -> Response {
    match done {
        Ok(mut body) => {
            body["ok"] = json!(true);
            Json(body).into_response()
        }
        Err(failure) => {
            let status = match failure.kind {
                Kind::WrongUse => StatusCode::BAD_REQUEST,
                Kind::Refused => StatusCode::CONFLICT,
                Kind::Failed => StatusCode::BAD_GATEWAY,
            };
            refusal(status, &failure.message)
        }
    }
}

fn refusal(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({ "ok": false, "error": sentence }))).into_response()
}

fn wrong(sentence: &str) -> Response {
    refusal(StatusCode::BAD_REQUEST, sentence)
}

pub fn missing(number: u64) -> Response {
    let sentence = format!("nothing was received under the number {number}");
    refusal(StatusCode::NOT_FOUND, &sentence)
}

/// Programs on this machine, and the page itself: no other web page may command the lab or read its mails.
pub async fn only_local(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !is_own(headers) {
        let sentence = "this answers programs on this machine, not web pages";
        return refusal(StatusCode::FORBIDDEN, sentence);
    }
    next.run(request).await
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let origin = text(header::ORIGIN);
    matches!(name, "127.0.0.1" | "localhost")
        && origin.is_none_or(|origin| origin == format!("http://{host}"))
}
