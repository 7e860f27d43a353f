//! From a request to what is published under its path.

use super::{
    published::{Entry, Packed, Published},
    words::choose,
};
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
};

/// Answers from what is published, and from nothing else. Whatever is not there is answered alike.
pub fn answer(
    published: &Published,
    method: &Method,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Response<Bytes> {
    let (packed, status) = match (method, published.entries.get(path)) {
        (&Method::GET | &Method::HEAD, Some(Entry::Moved(to))) => {
            let mut answer = Response::new(Bytes::new());
            *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
            answer.headers_mut().insert(header::LOCATION, to.clone());
            return answer;
        }
        (&Method::GET | &Method::HEAD, found) => {
            let status = if found.is_some() {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            };
            let language = choose(
                asked(query),
                text(headers, header::ACCEPT_LANGUAGE),
                &published.languages,
            );
            (found.unwrap_or(&published.nowhere).of(language), status)
        }
        // A page of another site that asks whether it has changed.
        (&Method::OPTIONS, _) => return preflight(),
        _ => (None, StatusCode::METHOD_NOT_ALLOWED),
    };
    let Some(packed) = packed else {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = status;
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    };
    if status == StatusCode::OK && knows(headers, packed) {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.headers_mut() = packed.forms[0].0.clone();
        answer.headers_mut().remove(header::CONTENT_TYPE);
        return answer;
    }
    let (head, body) = &packed.forms[encoding(text(headers, header::ACCEPT_ENCODING))];
    let mut answer = Response::new(body.clone());
    *answer.status_mut() = status;
    *answer.headers_mut() = head.clone();
    answer
}

fn preflight() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let allow = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "if-none-match"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    answer
        .headers_mut()
        .extend(allow.map(|(name, value)| (name, HeaderValue::from_static(value))));
    answer
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The language that the address asks for: `?lang=de`.
fn asked(query: Option<&str>) -> Option<&str> {
    query?
        .split('&')
        .find_map(|pair| pair.strip_prefix("lang="))
}

/// Whether the reader has just this already.
fn knows(headers: &HeaderMap, packed: &Packed) -> bool {
    let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Some(tags) = text(headers, header::IF_NONE_MATCH) else {
        return false;
    };
    let own = packed.tag.to_str().map(weak).unwrap_or_default();
    tags.split(',')
        .any(|tag| tag.trim() == "*" || weak(tag) == own)
}

/// Which of the three forms: br where it is taken, else gzip, else plain.
fn encoding(accepts: Option<&str>) -> usize {
    let accepts = accepts.unwrap_or_default();
    let takes = |name: &str| {
        accepts.split(',').any(|choice| {
            let (coding, weight) = choice.split_once(';').unwrap_or((choice, ""));
            let weight = weight.trim().strip_prefix("q=").map(str::trim);
            let refused = weight.is_some_and(|w| w.parse::<f32>() == Ok(0.0));
            coding.trim().eq_ignore_ascii_case(name) && !refused
        })
    };
    match () {
        () if takes("br") => 1,
        () if takes("gzip") => 2,
        () => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_encoding_that_is_taken_is_sent() {
        for (accepts, form) in [
            (None, 0),
            (Some("identity"), 0),
            (Some("gzip, deflate, br;q=0.9"), 1),
            (Some("gzip;q=1.0, br;q=0"), 2),
            (Some("BR"), 1),
            (Some("brotli, x-gzip"), 0),
        ] {
            assert_eq!(encoding(accepts), form, "{accepts:?}");
        }
    }
}
