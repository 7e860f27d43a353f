//! From a loaded page to HTML: one synchronous call, with the nonce that the page's policy allows.

use crate::assets;
use app::page::Page;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use leptos::{nonce::Nonce, prelude::*};

pub fn page(status: StatusCode, page: Page) -> Response {
    let nonce = Nonce::new();
    let policy = format!(
        "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; object-src 'none'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    let owner = Owner::new_root(None);
    let html = owner.with(|| {
        provide_context(nonce);
        provide_context(assets::console());
        provide_context(page);
        app::shell().to_html()
    });
    owner.unset_with_forced_cleanup();
    let mut answer = (status, Html(html)).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
