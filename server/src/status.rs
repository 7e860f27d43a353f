//! The public status page: rendered and compressed into memory when something changes, served from there. A request for it
//! touches neither the database nor a lock that a writer holds.

mod tell;

use crate::state::State;
use askama::Template;
use axum::{
    body::Bytes,
    extract::State as Held,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use domain::{Incident, Number, ServiceId, Span, Stamp};
use engine::{Desk, checks::Looks};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::sync::watch;

const STYLE: &str = include_str!("../../style/status.css");
const SCRIPT: &str = include_str!("../templates/status.js");

/// The page needs nothing from anywhere: its own style and script are named by their hashes.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        digest(STYLE),
        digest(SCRIPT)
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

fn digest(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes()))
}

/// At most one rendering in this time, however much happens.
const AT_MOST_EVERY: Duration = Duration::from_millis(500);
/// Nothing changed: render anew so that "as of" stays young.
const AT_LEAST_EVERY: Duration = Duration::from_secs(30);
const PAST_DAYS: i64 = 30;
/// A service that was not looked at for so long has no data, whatever was known of it.
const FRESH: Span = Span::secs(60);

/// The rendered page in its three encodings.
#[derive(Default)]
struct Rendered {
    plain: Bytes,
    br: Bytes,
    gz: Bytes,
    etag: Option<HeaderValue>,
}

#[derive(Clone)]
pub struct StatusPage(watch::Receiver<Arc<Rendered>>);

impl StatusPage {
    /// Renders once and then on every change, until the desk is gone.
    pub async fn start(
        desk: Desk,
        looks: watch::Receiver<Looks>,
    ) -> Result<StatusPage, engine::store::Error> {
        // What was resolved before this start is past, but still told.
        let mut past: BTreeMap<Number, Arc<Incident>> = BTreeMap::new();
        for found in desk.store().projections("incident", None, 100).await? {
            if let Ok(incident) = serde_json::from_str::<Incident>(&found.body) {
                past.insert(incident.number.clone(), Arc::new(incident));
            }
        }
        let first = Arc::new(render(&desk, &looks.borrow(), &past));
        let (page, reader) = watch::channel(first);
        tokio::spawn(async move {
            let mut changes = desk.watch();
            let mut plans = desk.watch_plan();
            loop {
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return },
                    changed = plans.changed() => if changed.is_err() { return },
                    () = tokio::time::sleep(AT_LEAST_EVERY) => {}
                }
                page.send_replace(Arc::new(render(&desk, &looks.borrow(), &past)));
                tokio::time::sleep(AT_MOST_EVERY).await;
            }
        });
        Ok(StatusPage(reader))
    }
}

#[derive(Template)]
#[template(path = "status.html")]
struct Page {
    style: &'static str,
    script: &'static str,
    name: String,
    headline: String,
    tone: &'static str,
    icon: &'static str,
    now: Stamp,
    open: Vec<tell::Told>,
    past: Vec<tell::Told>,
    groups: Vec<tell::Group>,
}

fn render(desk: &Desk, looks: &Looks, past: &BTreeMap<Number, Arc<Incident>>) -> Rendered {
    let now = desk.clock().now();
    let plan = desk.plan().plan;
    let world = desk.world();
    let mut all = past.clone();
    all.extend(world.incidents.iter().map(|(n, i)| (n.clone(), i.clone())));
    let public: Vec<_> = all.values().filter(|i| i.public).collect();
    let since = now.0 - PAST_DAYS * 86_400_000_000;
    let mut past: Vec<_> = public
        .iter()
        .filter(|i| i.resolved_at.is_some_and(|at| at.0 >= since))
        .collect();
    past.sort_by_key(|i| std::cmp::Reverse(i.resolved_at));
    let mut open: Vec<_> = public.iter().filter(|i| i.is_open()).collect();
    open.sort_by_key(|i| (i.severity, std::cmp::Reverse(i.declared_at)));
    let fresh = |id: &ServiceId| {
        looks
            .get(id)
            .is_some_and(|look| now.since(look.at) <= FRESH)
    };
    let groups = tell::groups(&plan, &world, &fresh);
    let (headline, icon) = tell::headline(&open, &groups);
    let page = Page {
        style: STYLE,
        script: SCRIPT,
        name: plan.about.organization.clone(),
        headline,
        tone: icon.tone(),
        icon: icon.id(),
        now,
        open: open.iter().map(|i| tell::incident(i, &plan)).collect(),
        past: past.iter().map(|i| tell::incident(i, &plan)).collect(),
        groups,
    };
    match page.render() {
        Ok(html) => pack(html.into_bytes()),
        Err(error) => {
            tracing::error!(%error, "The status page cannot be rendered");
            Rendered::default()
        }
    }
}

fn pack(plain: Vec<u8>) -> Rendered {
    let mut br = Vec::new();
    // Into memory: this cannot fail.
    let mut writer = brotli::CompressorWriter::new(&mut br, 4096, 5, 20);
    let _ = writer.write_all(&plain);
    drop(writer);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let _ = gz.write_all(&plain);
    let etag = HeaderValue::from_str(&format!(
        "\"{}\"",
        hex::encode(&Sha256::digest(&plain)[..8])
    ))
    .ok();
    Rendered {
        br: br.into(),
        gz: gz.finish().unwrap_or_default().into(),
        plain: plain.into(),
        etag,
    }
}

/// `GET /status`.
pub async fn page(Held(state): Held<State>, headers: HeaderMap) -> Response {
    let page = state.status.0.borrow().clone();
    let seen = headers.get(header::IF_NONE_MATCH);
    let mut answer = if seen.is_some() && seen == page.etag.as_ref() {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let accepts = headers
            .get(header::ACCEPT_ENCODING)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let (body, encoding) = match () {
            () if accepts.contains("br") => (&page.br, Some("br")),
            () if accepts.contains("gzip") => (&page.gz, Some("gzip")),
            () => (&page.plain, None),
        };
        let mut answer = Html(body.clone()).into_response();
        if let Some(encoding) = encoding {
            answer
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        answer
    };
    let h = answer.headers_mut();
    h.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    h.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=0, must-revalidate"),
    );
    h.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(etag) = &page.etag {
        h.insert(header::ETAG, etag.clone());
    }
    answer
}

#[derive(Template)]
#[template(path = "plain.html")]
struct Plain<'a> {
    style: &'static str,
    title: &'a str,
    says: &'a str,
}

/// A page of one sentence, for somebody who is not signed in.
pub fn plain_page(title: &str, says: &str) -> Response {
    let html = Plain {
        style: STYLE,
        title,
        says,
    }
    .render()
    .unwrap_or_else(|_| says.to_owned());
    let mut answer = Html(html).into_response();
    answer
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
