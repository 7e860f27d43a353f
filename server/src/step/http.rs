//! A request, and what its answer must be.
//!
//! Architecture invariant: a name is resolved once for each hop, its addresses are judged, and the connection goes to those
//! very addresses. `internal` speaks for the host that the plan names; where a redirect leads is the answering
//! server's word, so it may stay on that host or lead to the open internet, and nowhere else.

use super::{No, values::Values};
use domain::{Span, plan::Http};
use engine::address;
use reqwest::{
    Method, Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, HeaderName, HeaderValue, LOCATION},
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Without `within` an answer may take this long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of a body this much is kept.
const MOST_READ: usize = 1 << 20;
const MOST_REDIRECTS: usize = 5;
/// Of a body that was not as expected this much is shown.
const MOST_SHOWN: usize = 300;

pub struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    /// There was more of it.
    cut: bool,
    took: Duration,
    /// Where it points to, being a redirect that was not followed.
    location: Option<String>,
}

pub async fn work(http: &Http, values: &Values) -> Result<(), No> {
    println!("{} {}", http.method(), shown(&address_of(http)?));
    let answer = ask(http, values).await?;
    println!(
        "status {}, {} bytes{} in {}",
        answer.status.as_u16(),
        answer.body.len(),
        if answer.cut { " and more" } else { "" },
        Span(answer.took).human()
    );
    if let Err(no) = judge(http, &answer) {
        if !answer.body.is_empty() {
            println!("it answered: {}", answer.glimpse());
        }
        return Err(no);
    }
    println!("the answer is as expected");
    Ok(())
}

/// One look for a wait: what was seen, in few words.
pub async fn look(http: &Http, values: &Values) -> Result<String, No> {
    let answer = ask(http, values).await?;
    judge(http, &answer)?;
    Ok(format!("status {}", answer.status.as_u16()))
}

pub fn address_of(http: &Http) -> Result<Url, No> {
    let wrong = |says: &str| No::Ever(format!("`{}` {says}", http.url));
    let url = Url::parse(&http.url).map_err(|_| wrong("is not a web address"))?;
    match url.scheme() {
        "http" | "https" if url.host_str().is_some() => Ok(url),
        _ => Err(wrong("is not an http:// or https:// address")),
    }
}

/// Without what may hold a secret: user, password, query.
pub fn shown(url: &Url) -> String {
    let more = url.query().map_or("", |_| "?…");
    format!("{}{}{more}", url.origin().ascii_serialization(), url.path())
}

async fn ask(http: &Http, values: &Values) -> Result<Answer, No> {
    let patience = http.within.map_or(PATIENCE, |within| within.0);
    let begun = Instant::now();
    match tokio::time::timeout(patience, exchange(http, values)).await {
        Ok(Ok(answer)) => Ok(Answer {
            took: begun.elapsed(),
            ..answer
        }),
        Ok(Err(no)) => Err(no),
        Err(_) => Err(No::Yet(format!(
            "no whole answer within {}{}",
            Span(patience).human(),
            if http.within.is_none() {
                "; where it may take longer, write `within`"
            } else {
                ""
            }
        ))),
    }
}

async fn exchange(http: &Http, values: &Values) -> Result<Answer, No> {
    let first = address_of(http)?;
    let mut url = first.clone();
    if !http.query.is_empty() {
        let mut pairs = url.query_pairs_mut();
        for (name, value) in &http.query {
            pairs.append_pair(name, &values.take(value)?);
        }
    }
    let method = http.method().to_ascii_uppercase();
    let mut method = Method::from_bytes(method.as_bytes())
        .map_err(|_| No::Ever(format!("`{method}` is not a method of HTTP")))?;
    let mut headers = headers(http, values)?;
    let mut body = http.body.as_ref().map(|b| values.take(b)).transpose()?;

    let mut hop = 0;
    loop {
        let internal = http.internal && url.host_str() == first.host_str();
        let mut request = client(&url, internal, hop)
            .await?
            .request(method.clone(), url.clone())
            .headers(headers.clone());
        if let Some(body) = &body {
            request = request.body(body.clone());
        }
        let answer = request.send().await.map_err(broken)?;
        let status = answer.status();
        let points = if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            let to = answer.headers().get(LOCATION);
            to.and_then(|l| l.to_str().ok())
                .and_then(|l| url.join(l).ok())
        } else {
            None
        };
        let Some(next) = points.clone().filter(|_| http.follow_redirects) else {
            return read(answer, http.within.is_some(), points.as_ref().map(shown)).await;
        };
        let refuse = |says: &str| No::Ever(format!("the answer sends to {}: {says}", shown(&next)));
        if hop == MOST_REDIRECTS {
            return Err(refuse("that would be the sixth redirect"));
        }
        if !matches!(next.scheme(), "http" | "https") {
            return Err(refuse("only http and https are followed"));
        }
        if url.scheme() == "https" && next.scheme() == "http" {
            return Err(refuse("from https to http is not followed"));
        }
        let becomes_get = match status.as_u16() {
            303 => method != Method::HEAD,
            301 | 302 => method == Method::POST,
            _ => false,
        };
        if becomes_get {
            (method, body) = (Method::GET, None);
        }
        if next.origin() != url.origin() {
            if body.is_some() {
                return Err(refuse("the body is for the first server only"));
            }
            headers = HeaderMap::new();
        }
        println!("redirected to {}", shown(&next));
        url = next;
        hop += 1;
    }
}

fn headers(http: &Http, values: &Values) -> Result<HeaderMap, No> {
    let mut headers = HeaderMap::new();
    for (name, value) in &http.headers {
        let wrong = |what: &str| No::Ever(format!("the header `{name}`: {what}"));
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| wrong("that is not the name of a header"))?;
        let mut value = HeaderValue::from_bytes(values.take(value)?.as_bytes())
            .map_err(|_| wrong("its value holds a line break or another control character"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// A client that can connect to the addresses that were judged, and to no other.
async fn client(url: &Url, internal: bool, hop: usize) -> Result<reqwest::Client, No> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses = match address::find(host, port, internal).await {
        Ok(addresses) => addresses,
        Err(no @ address::No::Unknown { .. }) => return Err(No::Yet(no.to_string())),
        Err(no @ address::No::Inside { .. }) if hop == 0 => {
            return Err(No::Ever(format!(
                "{no}: nothing was asked. If that is meant, write `internal: true`"
            )));
        }
        Err(address::No::Inside { host, ip, what }) => {
            return Err(No::Ever(format!(
                "a redirect leads to {host}, which is {what} ({ip}): it was not followed"
            )));
        }
    };
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Judged(addresses))
        .build()
        .map_err(|e| No::Ever(format!("cannot ask: {e}")))
}

struct Judged(Vec<SocketAddr>);

impl Resolve for Judged {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// Reads to the end, or to the limit; to the very end (and throws it away) where the whole answer has a time.
async fn read(
    mut answer: Response,
    to_the_end: bool,
    location: Option<String>,
) -> Result<Answer, No> {
    let (mut body, mut cut) = (Vec::new(), false);
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        let room = MOST_READ - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        cut |= chunk.len() > room;
        if cut && !to_the_end {
            break;
        }
    }
    Ok(Answer {
        status: answer.status(),
        body,
        cut,
        took: Duration::ZERO,
        location,
    })
}

/// The innermost cause, without the address and its query.
fn broken(error: reqwest::Error) -> No {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    No::Yet(format!("no answer: {cause}"))
}

impl Answer {
    fn glimpse(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text: Vec<&str> = text.split_whitespace().collect();
        let text = text.join(" ");
        match text.char_indices().nth(MOST_SHOWN) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

fn judge(http: &Http, answer: &Answer) -> Result<(), No> {
    let not = |says: String| Err(No::Yet(says));
    let status = answer.status.as_u16();
    let wanted = match http.expect_status.as_slice() {
        [] => answer.status.is_success(),
        some => some.contains(&status),
    };
    if !wanted {
        let expected = match http.expect_status.as_slice() {
            [] => "any 2xx".to_owned(),
            some => some
                .iter()
                .map(u16::to_string)
                .collect::<Vec<_>>()
                .join(" or "),
        };
        let points = match &answer.location {
            Some(to) => format!("; it points to {to}, which `follow_redirects: true` would follow"),
            None => String::new(),
        };
        return not(format!("status {status}, expected {expected}{points}"));
    }
    let in_what_was_read = if answer.cut {
        " in the first 1 MiB"
    } else {
        ""
    };
    if let Some(text) = &http.expect_body
        && !contains(&answer.body, text.as_bytes())
    {
        return not(format!(
            "the answer does not contain “{text}”{in_what_was_read}"
        ));
    }
    if http.expect_json.is_empty() {
        return Ok(());
    }
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(&answer.body) else {
        return not(format!("the answer is not JSON{in_what_was_read}"));
    };
    for (pointer, expected) in &http.expect_json {
        let found = match json.pointer(pointer) {
            None => return not(format!("the answer has no {pointer}, expected {expected}")),
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        if found != *expected {
            let found: String = found.chars().take(MOST_SHOWN).collect();
            return not(format!("{pointer} is {found}, expected {expected}"));
        }
    }
    Ok(())
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|w| w == text)
}
