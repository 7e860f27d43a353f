//! What the browser loads, packed into the binary by `build.rs`.

use app::Assets;
use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

pub struct Asset {
    pub name: &'static str,
    pub path: &'static str,
    kind: &'static str,
    etag: &'static str,
    plain: &'static [u8],
    br: &'static [u8],
    gz: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The address of an asset by its plain name; nothing where it was not built.
pub fn path(name: &str) -> Option<&'static str> {
    ASSETS.iter().find(|a| a.name == name).map(|a| a.path)
}

/// The addresses a console page needs. Without a script the pages are plain forms.
pub fn console() -> Assets {
    let own = |name| path(name).unwrap_or_default().to_owned();
    Assets {
        css: own("main.css"),
        js: own("app.js"),
        wasm: own("app_bg.wasm"),
        icon: own("icon.svg"),
    }
}

/// `GET /pkg/{file}`. The name holds the content's hash, so it may be kept for ever.
pub async fn get(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS
        .iter()
        .find(|a| a.path.strip_prefix("/pkg/") == Some(file.as_str()))
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let accepts = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let (body, encoding) = match () {
        () if accepts.contains("br") => (asset.br, Some("br")),
        () if accepts.contains("gzip") => (asset.gz, Some("gzip")),
        () => (asset.plain, None),
    };
    let mut answer = body.into_response();
    let h = answer.headers_mut();
    h.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    h.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    h.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    h.insert(header::ETAG, HeaderValue::from_static(asset.etag));
    if let Some(encoding) = encoding {
        h.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    answer
}
