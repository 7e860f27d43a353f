//! A page of one sentence, for somebody who is not signed in.

use askama::Template;
use axum::{
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = include_str!("../../../style/status.css");

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    use base64::Engine;
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

#[derive(Template)]
#[template(path = "plain.html")]
struct Plain<'a> {
    style: &'static str,
    title: &'a str,
    says: &'a str,
}

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
