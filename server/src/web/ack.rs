//! The page behind the link in a message: what happened, and one button to say "I know". It needs no script and no sign-in;
//! the link is the proof, and proves no more than that. Only the button acknowledges: programs that look into mails follow
//! links, and press nothing.

use super::load::{Missing, find_incident};
use crate::state::State;
use askama::Template;
use axum::{
    extract::{Path, State as Held},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use base64::Engine;
use domain::{
    AccessRole, Actor, Command, Incident, Number, Source, Stamp, Update,
    notify::{Acknowledgement, Via},
};
use engine::{
    No, Request,
    channels::{
        Brief,
        ack::{About, Bad, Claim},
        age,
    },
};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = concat!(
    include_str!("../../../style/status.css"),
    include_str!("../../../style/ack.css")
);

/// Its own style, one form that comes back here, and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

#[derive(Template, Default)]
#[template(path = "ack.html")]
struct Page {
    style: &'static str,
    title: String,
    /// Where there is no incident to show.
    says: String,
    brief: Option<Brief>,
    severity: String,
    severity_class: String,
    age: String,
    update: Option<Update>,
    done: Option<String>,
    trouble: Option<String>,
    /// What follows from what was done, or what to do about the trouble.
    then: String,
    button: Option<String>,
    means: &'static str,
    /// Who has acknowledged, and how.
    known: Vec<(String, String)>,
}

pub async fn page(Held(state): Held<State>, Path(token): Path<String>) -> Response {
    match state.links.read(&token, state.desk.clock().now()) {
        Ok(claim) => shown(&state, &claim).await,
        Err(bad) => refused(&state, bad),
    }
}

pub async fn acknowledge(Held(state): Held<State>, Path(token): Path<String>) -> Response {
    let claim = match state.links.read(&token, state.desk.clock().now()) {
        Ok(claim) => claim,
        Err(bad) => return refused(&state, bad),
    };
    match say(&state, &claim, Via::Link).await {
        Ok(()) => Redirect::to(&format!("/ack/{token}")).into_response(),
        // What the page shows says why.
        Err(No::Refused(_)) => shown(&state, &claim).await,
        Err(no @ No::Unavailable(_)) => unavailable(&no.to_string()),
    }
}

/// Says in a person's name what their link says.
pub async fn say(state: &State, claim: &Claim, via: Via) -> Result<(), No> {
    let (source, way) = match via {
        Via::Link => (Source::Browser, "link"),
        _ => (Source::Webhook, "phone"),
    };
    let actor = Actor {
        id: format!("{way}:{}", claim.person),
        name: claim.person.clone(),
        role: AccessRole::Responder,
        source,
    };
    let command = match &claim.about {
        About::Incident(number) => Command::Acknowledge {
            incident: number.clone(),
            via,
        },
        About::Test { channel, digest } => Command::ConfirmContact {
            person: claim.person.clone(),
            channel: *channel,
            address_digest: digest.clone(),
        },
    };
    state.desk.execute(Request::new(&actor, command)).await?;
    Ok(())
}

async fn shown(state: &State, claim: &Claim) -> Response {
    let person = &claim.person;
    let number = match &claim.about {
        About::Incident(number) => number,
        About::Test { channel, digest } => {
            let key = domain::notify::verification_key(person, *channel);
            let world = state.desk.world();
            let known = world.verified.get(&key).filter(|v| v.digest == *digest);
            let confirmed =
                known.and_then(|v| v.confirmed_at.filter(|at| Some(*at) >= v.tested_at));
            let name = channel.name().to_lowercase();
            let page = Page {
                title: format!("A test of how you are reached by {name}"),
                says: format!(
                    "{person}, if you came here from a message, then it reached you. There is no incident."
                ),
                done: confirmed.map(|at| format!("Confirmed at {}", at.minute())),
                then: "Thank you: it is noted that this address works.".into(),
                button: confirmed
                    .is_none()
                    .then(|| "Yes, this reached me".to_owned()),
                means: "It is noted in the plan's directory that this address works.",
                ..Page::default()
            };
            return answer(StatusCode::OK, page);
        }
    };
    let incident = match find_incident(state, number).await {
        Ok(incident) => incident,
        Err(Missing::NotFound(_)) => return refused(state, Bad::Foreign),
        Err(Missing::Store(error)) => return unavailable(&error.to_string()),
    };
    let now = state.desk.clock().now();
    let known = known(state, number);
    let mine = known.iter().find(|a| a.person == *person);
    let (done, then) = match (mine, incident.is_open()) {
        (Some(mine), _) => (
            Some(format!("You have acknowledged this, {person}")),
            format!("Noted at {}, {}.", mine.at.minute(), way(mine)),
        ),
        (None, false) => (
            Some("This incident is resolved".to_owned()),
            "There is nothing for you to do.".to_owned(),
        ),
        (None, true) => (None, String::new()),
    };
    let button = done.is_none().then(|| format!("Acknowledge as {person}"));
    let page = Page {
        done,
        then,
        button,
        means: "It says that you know, and stops asking others. It does not make you the commander.",
        known: known
            .iter()
            .map(|a| (a.person.clone(), format!("{}, {}", a.at.minute(), way(a))))
            .collect(),
        ..about(state, &incident, now)
    };
    answer(StatusCode::OK, page)
}

fn about(state: &State, incident: &Incident, now: Stamp) -> Page {
    let plan = state.desk.plan().plan;
    let brief = Brief::of(incident, &plan, &state.url);
    let id = brief.severity.id();
    let policy = plan.communication.severity(brief.severity);
    let kind = match incident.kind {
        domain::Kind::Real => "",
        domain::Kind::Drill => "Drill: ",
        domain::Kind::Backfilled => "Backfilled: ",
    };
    Page {
        title: format!("{id} {} {}", brief.number, brief.title),
        severity: format!("{kind}{id} {}", policy.map_or("", |p| p.name.as_str())),
        severity_class: id.to_lowercase(),
        age: age(now.since(brief.declared_at), false),
        update: incident.updates.last().cloned(),
        brief: Some(brief),
        ..Page::default()
    }
}

/// Who knows of an open incident, since it was last asked.
fn known(state: &State, number: &Number) -> Vec<Acknowledgement> {
    let world = state.desk.world();
    let comms = world.comms(number);
    comms.map_or_else(Vec::new, |comms| comms.knowing().cloned().collect())
}

fn way(acknowledgement: &Acknowledgement) -> &'static str {
    acknowledgement.via.map_or("called by somebody", Via::words)
}

fn refused(state: &State, bad: Bad) -> Response {
    let (status, title, says) = match bad {
        Bad::Expired(claim) => {
            let of = match &claim.about {
                About::Incident(number) => format!(" of {number}"),
                About::Test { .. } => String::new(),
            };
            (
                StatusCode::GONE,
                "This link has expired",
                format!("It was good until {}. The page{of} is in Muster, at {}, for those who can sign in.", claim.expires.minute(), state.url),
            )
        }
        Bad::Foreign => (
            StatusCode::NOT_FOUND,
            "This link does not work",
            "It is not one of ours, or a part of it is missing: copy the whole of it from the message, up to its last letter. \
             If that does not help, acknowledge in Muster or call the commander."
                .to_owned(),
        ),
    };
    let page = Page {
        title: title.into(),
        says,
        ..Page::default()
    };
    answer(status, page)
}

fn unavailable(says: &str) -> Response {
    let page = Page {
        title: "Muster cannot do this now".into(),
        trouble: Some("This was not noted".into()),
        then: "Try again in a minute; if it is urgent, call the commander.".into(),
        says: says.to_owned(),
        ..Page::default()
    };
    answer(StatusCode::SERVICE_UNAVAILABLE, page)
}

fn answer(status: StatusCode, page: Page) -> Response {
    let page = Page {
        style: STYLE,
        ..page
    };
    let html = page.render().unwrap_or_else(|_| page.title.clone());
    let mut answer = (status, Html(html)).into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        HeaderName::from_static("x-robots-tag"),
        HeaderValue::from_static("noindex"),
    );
    answer
}
