//! What providers call back: receipts, a digit pressed in a call, a button pressed in Slack. Whoever calls must have signed
//! the very bytes that came, with the secret that only they and we have.
//!
//! Everything here may come twice: each is written down once.

use super::ack;
use crate::state::State;
use axum::{
    body::Bytes,
    extract::{Path, Query, State as Held},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use domain::{
    AccessRole, Actor, Command, Source,
    notify::{Cause, People, Via},
    plan::Channel,
};
use engine::{
    No, Request,
    channels::{Address, Brief, Message, ack::About, phone, slack},
    notify::Which,
};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Of {
    /// The notification's id …
    #[serde(default)]
    n: String,
    /// … the person's token …
    #[serde(default)]
    t: String,
    /// … and the number of the try.
    #[serde(default)]
    k: i64,
}

type Form = Vec<(String, String)>;

/// `POST /callbacks/twilio/{status,gather,voice}`.
pub async fn twilio(
    Held(state): Held<State>,
    Path(what): Path<String>,
    Query(of): Query<Of>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(form) = serde_urlencoded::from_bytes::<Form>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let signature = text(&headers, "x-twilio-signature");
    let asked = uri.path_and_query().map_or("", |p| p.as_str());
    let url = format!("{}{asked}", state.url.trim_end_matches('/'));
    let channels = state.channels.borrow().clone();
    let theirs = |token| phone::verify(token, &url, &form, signature);
    if !channels.twilio_token().is_some_and(theirs) {
        return forged("the telephone provider");
    }
    match what.as_str() {
        "status" => status(&state, &of, &form).await,
        "gather" => gather(&state, &of, &form).await,
        "voice" => voice(&state, &of).await,
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn status(state: &State, of: &Of, form: &Form) -> Response {
    let Some(receipt) = phone::receipt(form) else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let theirs = field(form, "CallSid").or(field(form, "MessageSid"));
    let theirs = Which::Provider(theirs.unwrap_or_default());
    let known = match state.outbox.receipt(theirs, receipt.clone()).await {
        // It has overtaken the provider's own answer, or that never came.
        Ok(false) => {
            let this = Which::Try(&of.n, of.k);
            state.outbox.receipt(this, receipt).await
        }
        known => known,
    };
    match known {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        // It is told again.
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn gather(state: &State, of: &Of, form: &Form) -> Response {
    if field(form, "Digits") != Some(phone::ACKNOWLEDGE) {
        let base = state.url.trim_end_matches('/');
        let voice = format!("{base}/callbacks/twilio/voice?n={}&t={}", of.n, of.t);
        return twiml(phone::again(&voice));
    }
    let Ok(claim) = state.links.read(&of.t, state.desk.clock().now()) else {
        return twiml(phone::goodbye(
            "This call is too old to acknowledge. Goodbye.",
        ));
    };
    match ack::say(state, &claim, Via::Phone).await {
        Ok(()) => twiml(match &claim.about {
            About::Incident(number) => phone::thanks(number.as_str()),
            About::Test { .. } => phone::goodbye("Thank you: this number works. Goodbye."),
        }),
        Err(No::Refused(refusal)) => twiml(phone::goodbye(&format!("{} Goodbye.", refusal.says))),
        Err(No::Unavailable(_)) => twiml(phone::goodbye(
            "This could not be noted. Please acknowledge in Muster, or call the commander. Goodbye.",
        )),
    }
}

/// The message once more, with what is known by now.
async fn voice(state: &State, of: &Of) -> Response {
    let now = state.desk.clock().now();
    let Ok(claim) = state.links.read(&of.t, now) else {
        return twiml(phone::goodbye("This call is too old. Goodbye."));
    };
    let row = state.desk.store().notification(&of.n).await.ok().flatten();
    let cause = row.as_ref().and_then(|r| r.cause.parse().ok());
    let incident = match &claim.about {
        About::Incident(number) => match super::find_incident(state, number).await {
            Ok(incident) => Some(incident),
            Err(_) => {
                return twiml(phone::goodbye(
                    "There is no such incident any more. Goodbye.",
                ));
            }
        },
        About::Test { .. } => None,
    };
    let plan = state.desk.plan().plan;
    let message = Message {
        id: of.n.clone(),
        attempt: 1,
        doubt: None,
        cause: match incident {
            Some(_) => cause.unwrap_or(Cause::Declared),
            None => Cause::Test,
        },
        address: Address::kept(Channel::Phone, ""),
        person: claim.person.clone(),
        audience: row.map(|r| r.audience).unwrap_or_default(),
        incident: incident.map(|i| Brief::of(&i, &plan, &state.url)),
        text: String::new(),
        acknowledge: Some(state.links.link(&state.url, &claim)),
        callback: state.url.to_string(),
        now,
    };
    let channels = state.channels.borrow().clone();
    twiml(channels.spoken(&message))
}

/// A press in Slack, as Slack describes it.
#[derive(Deserialize)]
struct Press {
    #[serde(default)]
    user: User,
    #[serde(default)]
    actions: Vec<Action>,
    #[serde(default)]
    response_url: String,
}

#[derive(Default, Deserialize)]
struct User {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    username: String,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    #[serde(default)]
    value: String,
}

/// `POST /callbacks/slack/actions`.
pub async fn slack(Held(state): Held<State>, headers: HeaderMap, body: Bytes) -> Response {
    let now = state.desk.clock().now();
    let timestamp = text(&headers, "x-slack-request-timestamp");
    let signature = text(&headers, "x-slack-signature");
    let channels = state.channels.borrow().clone();
    let theirs = |secret: &String| slack::verify(secret, timestamp, signature, &body, now);
    if !channels.slack_secrets().iter().any(theirs) {
        return forged("Slack");
    }
    let form = serde_urlencoded::from_bytes::<Form>(&body).unwrap_or_default();
    let Some(press) = field(&form, "payload").and_then(|p| serde_json::from_str::<Press>(p).ok())
    else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let acknowledges = |a: &&Action| a.action_id == slack::ACKNOWLEDGE;
    let Some(action) = press.actions.iter().find(acknowledges) else {
        // Slack tells of buttons that only lead somewhere, too.
        return StatusCode::OK.into_response();
    };
    let (says, status) = acknowledge(&state, &press.user, &action.value).await;
    // Slack waits three seconds for an answer, and shows nothing of it.
    tokio::spawn(async move {
        if let Err(why) = channels
            .reply_in_slack(&press.response_url, &says, now)
            .await
        {
            tracing::debug!("Slack was not told what became of a press: {why}");
        }
    });
    status.into_response()
}

async fn acknowledge(state: &State, user: &User, token: &str) -> (String, StatusCode) {
    let now = state.desk.clock().now();
    let Ok(claim) = state.links.read(token, now) else {
        return (
            "This button has expired. Acknowledge in Muster.".into(),
            StatusCode::OK,
        );
    };
    let About::Incident(number) = claim.about else {
        return ("There is nothing to acknowledge.".into(), StatusCode::OK);
    };
    let plan = state.desk.plan().plan;
    let people = People::of(&plan.contacts);
    let called = [&user.name, &user.username, &user.id];
    let called = called.into_iter().find(|name| !name.is_empty());
    let called = called.map_or("Somebody in Slack", String::as_str);
    let person = people.find(called).map_or(called, |(person, _)| person);
    let actor = Actor {
        id: format!("slack:{}", user.id),
        name: engine::channels::line(person, 120),
        role: AccessRole::Responder,
        source: Source::Webhook,
    };
    let command = Command::Acknowledge {
        incident: number.clone(),
        via: Via::Slack,
    };
    match state.desk.execute(Request::new(&actor, command)).await {
        Ok(_) => (
            format!("{} has acknowledged {number}.", actor.name),
            StatusCode::OK,
        ),
        Err(No::Refused(refusal)) => (format!("{number}: {}", refusal.says), StatusCode::OK),
        Err(no @ No::Unavailable(_)) => (no.to_string(), StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// `POST /callbacks/mail`: a report of a mail server, whole as it came, with the secret as a bearer token.
pub async fn mail(Held(state): Held<State>, headers: HeaderMap, body: Bytes) -> Response {
    let shown = text(&headers, "authorization");
    let shown = shown.strip_prefix("Bearer ").unwrap_or_default();
    let channels = state.channels.borrow().clone();
    let Some(bounces) = channels.bounces().filter(|b| b.admits(shown)) else {
        return forged("the mail server");
    };
    let Some((id, receipt)) = bounces.read(&body) else {
        // Other mail comes to that address, too.
        return StatusCode::NO_CONTENT.into_response();
    };
    match state.outbox.receipt(Which::Id(&id), receipt).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn field<'a>(form: &'a Form, name: &str) -> Option<&'a str> {
    let found = form.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|v| v.to_str().ok());
    value.unwrap_or_default()
}

fn forged(whom: &str) -> Response {
    tracing::warn!("A callback was refused: it is not signed by {whom}, or it is too old");
    (StatusCode::FORBIDDEN, "The signature does not fit.\n").into_response()
}

fn twiml(document: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/xml; charset=utf-8")];
    (kind, document).into_response()
}
