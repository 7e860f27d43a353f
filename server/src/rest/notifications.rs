//! Who was told of an incident and who knows: `/api/v1/incidents/{number}/notifications`, `/acknowledge`, `/calls`; whom
//! declaring would tell: `/api/v1/notifications/preview`; whether addresses work: `/api/v1/contacts/test`; who is on call:
//! `/api/v1/oncall`.

use super::{
    incidents::ask,
    problem::{Body, Problem},
};
use crate::{
    state::State,
    web::{Signed, find_incident, told},
};
use api::{Call, Confirm, OnCallOverride, Repeat, Test};
use axum::{
    Json,
    extract::{Path, Query, State as Held},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use domain::{
    Command, Incident, Number, Severity, Span, Stamp,
    notify::{
        Acknowledgement, Address, Comms, Notice, OnCall, People, Reached, Score, Standing, Via,
        on_call, roster, scorecard,
    },
    plan::Channel,
};
use engine::{Zones, address_mark};
use serde::Deserialize;
use serde_json::{Value, json};

type Done = Result<Response, Problem>;

/// So far ahead it is told who is on call.
const AHEAD: Span = Span::secs(28 * 86_400);

fn at(stamp: Option<Stamp>) -> Option<String> {
    stamp.map(Stamp::rfc3339)
}

fn secs(span: Span) -> f64 {
    span.0.as_secs_f64()
}

fn notice(n: &Notice) -> Value {
    json!({
        "id": n.id, "cause": n.cause.to_string(), "audience": n.audience, "person": n.person,
        "channel": n.channel, "state": n.state, "suppressed": n.suppressed, "why": n.why,
        "attempts": n.attempts, "queued": n.queued.rfc3339(), "due": n.due.rfc3339(),
        "held_until": at(n.held_until), "next_try": at(n.next), "sent": at(n.sent),
        "delivered": at(n.delivered),
    })
}

fn line(score: &Score<'_>, now: Stamp) -> Value {
    let (standing, late) = match score.standing(now) {
        Standing::Kept(_) => ("kept", None),
        Standing::NotReached(_) => ("not_reached", None),
        Standing::Overdue(by) => ("overdue", Some(by)),
        Standing::Waits => ("waits", None),
        Standing::Late(by) => ("late", Some(by)),
        Standing::InTime => ("in_time", None),
    };
    let by_hand = score.to.iter();
    let by_hand = by_hand.filter(|t| t.reached(score.due, now) == Reached::Not);
    let (delivered, last) = score.delivered();
    json!({
        "audience": score.audience, "channel": score.channel, "level": score.level,
        "due": score.due.rfc3339(), "standing": standing, "late_s": late.map(secs),
        "people": score.to.len(), "first_sent": at(score.first_sent()), "delivered": delivered,
        "all_delivered": at(last), "acknowledged": score.knowing(),
        "call_by_hand": by_hand.map(|t| t.person).collect::<Vec<_>>(),
    })
}

fn knowing(a: &Acknowledgement) -> Value {
    json!({ "person": a.person, "via": a.via, "at": a.at.rfc3339() })
}

/// The scorecard and all that it is worked out of.
async fn body(state: &State, incident: &Incident) -> Result<Value, Problem> {
    let known = told::of(state, incident).await?;
    let none = Comms::default();
    let comms = known.comms.get(&incident.number).map_or(&none, |c| &**c);
    let now = state.desk.clock().now();
    let calls = comms.calls.iter().map(|c| {
        json!({ "person": c.person, "by": c.by, "reached": c.reached, "says": c.says, "at": c.at.rfc3339() })
    });
    Ok(json!({
        "incident": incident.number, "as_of": now.rfc3339(),
        "scorecard": scorecard(comms, &known.notices).iter().map(|l| line(l, now)).collect::<Vec<_>>(),
        "notifications": known.notices.iter().map(notice).collect::<Vec<_>>(),
        "acknowledged": comms.knowing().map(knowing).collect::<Vec<_>>(),
        "not_acknowledged": comms.silent(),
        "level": comms.level, "calls": calls.collect::<Vec<_>>(),
    }))
}

pub async fn get(Held(state): Held<State>, _: Signed, Path(number): Path<Number>) -> Done {
    let incident = find_incident(&state, &number).await?;
    Ok(Json(body(&state, &incident).await?).into_response())
}

/// Asks the Desk, and answers with who knows by then.
async fn tell(
    state: &State,
    signed: &Signed,
    headers: &HeaderMap,
    number: &Number,
    command: Command,
) -> Done {
    let receipt = ask(state, signed, headers, command).await?;
    let incident = find_incident(state, number).await?;
    let mut body = body(state, &incident).await?;
    body["seq"] = json!(receipt.seq);
    Ok(Json(body).into_response())
}

pub async fn acknowledge(
    Held(state): Held<State>,
    signed: Signed,
    Path(incident): Path<Number>,
    headers: HeaderMap,
) -> Done {
    let command = Command::Acknowledge {
        incident: incident.clone(),
        via: Via::Api,
    };
    tell(&state, &signed, &headers, &incident, command).await
}

pub async fn repeat(
    Held(state): Held<State>,
    signed: Signed,
    Path(incident): Path<Number>,
    headers: HeaderMap,
    Body(Repeat { person }): Body<Repeat>,
) -> Done {
    let command = Command::RepeatNotifications {
        incident: incident.clone(),
        person,
    };
    tell(&state, &signed, &headers, &incident, command).await
}

pub async fn call(
    Held(state): Held<State>,
    signed: Signed,
    Path(incident): Path<Number>,
    headers: HeaderMap,
    Body(body): Body<Call>,
) -> Done {
    let command = Command::RecordCall {
        incident: incident.clone(),
        person: body.person,
        reached: body.reached,
        says: body.says,
    };
    tell(&state, &signed, &headers, &incident, command).await
}

#[derive(Deserialize)]
pub struct Asked {
    severity: String,
}

/// Whom declaring an incident of this severity would tell now. Nothing of it is done.
pub async fn preview(Held(state): Held<State>, _: Signed, Query(asked): Query<Asked>) -> Done {
    let severity: Severity = asked.severity.parse().map_err(Problem::bad_request)?;
    let (plan, world) = (state.desk.plan().plan, state.desk.world());
    let now = state.desk.clock().now();
    let to = told::preview(&plan, &world, now)
        .remove(&severity)
        .unwrap_or_default();
    let mut counts = serde_json::Map::new();
    for channel in Channel::ALL {
        let here = to.iter().filter(|to| to.channel == channel);
        match here.filter(|to| to.suppressed.is_none()).count() {
            0 => {}
            count => _ = counts.insert(channel.id().into(), json!(count)),
        }
    }
    let within = plan
        .communication
        .row(severity)
        .map(|row| row.within.as_secs());
    Ok(
        Json(json!({ "severity": severity, "within_s": within, "count": counts, "to": to }))
            .into_response(),
    )
}

/// What is tried is the address that the plan has now.
fn address(state: &State, who: &str, channel: Channel) -> Result<(String, String), Problem> {
    let plan = state.desk.plan().plan;
    let people = People::of(&plan.contacts);
    let (person, contact) = people
        .find(who.trim())
        .ok_or_else(|| Problem::not_found(format!("The plan has no contact `{who}`.")))?;
    let address = Address::to_test(contact, channel).ok_or_else(|| {
        let by = channel.name();
        Problem::not_found(format!("The plan has no address of {person} by {by}."))
    })?;
    Ok((person.to_owned(), address_mark(&state.vault, &address)))
}

pub async fn test(
    Held(state): Held<State>,
    signed: Signed,
    headers: HeaderMap,
    Body(Test { person, channel }): Body<Test>,
) -> Done {
    let (person, address_digest) = address(&state, &person, channel)?;
    let command = Command::TestContact {
        person,
        channel,
        address_digest,
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    Ok((StatusCode::ACCEPTED, Json(receipt)).into_response())
}

/// Everybody confirms for themselves: that of another is theirs to say.
pub async fn confirm(
    Held(state): Held<State>,
    signed: Signed,
    headers: HeaderMap,
    Body(Confirm { channel }): Body<Confirm>,
) -> Done {
    let (person, address_digest) = address(&state, &signed.actor.name, channel)?;
    let command = Command::ConfirmContact {
        person,
        channel,
        address_digest,
    };
    let receipt = ask(&state, &signed, &headers, command).await?;
    Ok(Json(receipt).into_response())
}

fn turn(o: &OnCall) -> Value {
    json!({ "person": o.person, "rotation": o.rotation, "until": at(o.until), "override": o.by_override })
}

/// Who is on call now, and who will be.
pub async fn duty(Held(state): Held<State>, _: Signed) -> Response {
    Json(on_duty(&state)).into_response()
}

fn on_duty(state: &State) -> Value {
    let (plan, world) = (state.desk.plan().plan, state.desk.world());
    let now = state.desk.clock().now();
    let people = People::of(&plan.contacts);
    let overrides = &world.overrides;
    let ahead = roster(&plan, &people, overrides, &Zones, now, now.plus(AHEAD));
    let ahead = ahead.iter().map(|s| {
        json!({
            "rotation": s.rotation, "person": s.person, "from": s.from.rfc3339(),
            "until": s.until.rfc3339(), "override": s.by_override,
        })
    });
    let now_on: Vec<_> = on_call(&plan, &people, overrides, &Zones, now)
        .iter()
        .map(turn)
        .collect();
    json!({ "now": now_on, "roster": ahead.collect::<Vec<_>>() })
}

pub async fn put_on_call(
    Held(state): Held<State>,
    signed: Signed,
    headers: HeaderMap,
    Body(body): Body<OnCallOverride>,
) -> Done {
    let id = uuid::Uuid::now_v7().to_string();
    let command = Command::OverrideOnCall {
        id: id.clone(),
        rotation: body.rotation,
        person: body.person,
        from: Stamp(body.from.as_microsecond()),
        until: Stamp(body.until.as_microsecond()),
        reason: body.reason,
    };
    ask(&state, &signed, &headers, command).await?;
    let mut duty = on_duty(&state);
    duty["id"] = json!(id);
    Ok((StatusCode::CREATED, Json(duty)).into_response())
}

pub async fn take_off_call(
    Held(state): Held<State>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Done {
    ask(&state, &signed, &headers, Command::RemoveOverride { id }).await?;
    Ok(Json(on_duty(&state)).into_response())
}
