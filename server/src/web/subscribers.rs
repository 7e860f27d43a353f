//! Who subscribed to the public page, for administrators: how many, who, and whether they are reached. Drawn by the server,
//! with plain forms.

use super::Signed;
use crate::{state::State, status::Listed};
use askama::Template;
use axum::{
    extract::{Path, Query, State as Held},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use base64::Engine;
use domain::Stamp;
use engine::store::{Error, SubscriberCount};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = concat!(
    include_str!("../../../style/status.css"),
    include_str!("../../../style/subscribers.css")
);
const PAGE: u32 = 100;

/// Its own style, forms that come back here, and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

#[derive(Template)]
#[template(path = "subscribers.html")]
struct Page {
    style: &'static str,
    counts: Vec<SubscriberCount>,
    all: Vec<Line>,
    /// Where those before them are.
    earlier: Option<String>,
}

struct Line {
    id: String,
    kind: &'static str,
    address: String,
    state: &'static str,
    why: String,
    since: Stamp,
    /// The names of what they chose.
    components: String,
    language: String,
}

/// Those who came before this one.
#[derive(Deserialize)]
pub struct Before {
    at: Option<i64>,
    id: Option<String>,
}

pub async fn page(Held(state): Held<State>, Query(before): Query<Before>) -> Response {
    match load(&state, &before).await {
        Ok(page) => answer(&page),
        Err(error) => {
            let says = error.to_string();
            let page = super::plain_page("Muster cannot show this now", &says);
            (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
        }
    }
}

pub async fn remove(Held(state): Held<State>, signed: Signed, Path(id): Path<String>) -> Response {
    match state.subscribers.remove(&id).await {
        Ok(()) => {
            let by = &signed.actor.name;
            tracing::info!(subscriber.id = %id, %by, "A subscriber was removed by {by}");
            Redirect::to("/subscribers").into_response()
        }
        Err(error) => {
            let page = super::plain_page("This was not done", &error.to_string());
            (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
        }
    }
}

async fn load(state: &State, before: &Before) -> Result<Page, Error> {
    let from = before.at.zip(before.id.as_deref());
    let listed = state.subscribers.listed(from, PAGE).await?;
    let last = listed.last().filter(|_| listed.len() == PAGE as usize);
    Ok(Page {
        style: STYLE,
        counts: state.subscribers.counts().await?,
        earlier: last.map(|l| format!("/subscribers?at={}&id={}", l.row.created_at, l.row.id)),
        all: listed
            .into_iter()
            .map(|listed| line(state, listed))
            .collect(),
    })
}

fn line(state: &State, listed: Listed) -> Line {
    let Listed { row, address } = listed;
    let published = state.status.published();
    let chosen = published.told().components();
    let chosen = chosen.filter(|c| row.components.split(' ').any(|id| id == c.id.0));
    let names: Vec<&str> = chosen.map(|c| c.name.as_str()).collect();
    Line {
        kind: kind(&row.kind),
        address: shown(&row.kind, address),
        state: match (row.state.as_str(), row.failing_since) {
            ("pending", _) => "Not confirmed",
            ("disabled", _) => "Switched off",
            (_, Some(_)) => "Failing",
            _ => "Active",
        },
        why: row.why,
        since: Stamp(row.confirmed_at.unwrap_or(row.created_at)),
        components: match row.components.is_empty() {
            true => "All".into(),
            false => names.join(", "),
        },
        language: row.language,
        id: row.id,
    }
}

/// An address in Slack is a secret of its owner's: whoever has it may write there.
fn shown(kind: &str, address: Option<String>) -> String {
    match (kind, address) {
        (_, None) => "sealed with another key".into(),
        ("slack", Some(url)) => {
            let end = url.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
            format!("Slack …{}", &url[end..])
        }
        (_, Some(address)) => address,
    }
}

fn kind(kind: &str) -> &'static str {
    match kind {
        "email" => "E-mail",
        "slack" => "Slack",
        _ => "Webhook",
    }
}

fn answer(page: &Page) -> Response {
    let Ok(html) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut answer = Html(html).into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
