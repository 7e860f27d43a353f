//! Requests to providers: bounded in time and size, to addresses that were judged, and to nowhere that an answer names.
//!
//! Architecture invariant: no address of a provider is ever said: it may be a secret itself.

use super::{Outcome, words::line};
use crate::address::{self, Judge};
use domain::{Span, Stamp};
use reqwest::{Client, RequestBuilder, Response, Url, header};
use std::{error::Error, net::IpAddr, sync::Arc, time::Duration};

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(15);
/// A kept connection that is older may have been dropped by the other side, unseen.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Of an answer this much is read.
const MOST_READ: usize = 64 * 1024;
/// Nobody is made to wait longer by an answer.
const LONGEST_WAIT: u64 = 3600;

/// Two clients for all providers: each keeps connections to each of them.
#[derive(Clone)]
pub struct Web {
    outside: Client,
    anywhere: Client,
}

/// Where a provider is, and whether it may be on this machine or network.
#[derive(Clone)]
pub struct Place {
    url: Url,
    internal: bool,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    after: Option<Span>,
}

impl Place {
    pub fn new(url: &str, internal: bool) -> Result<Place, String> {
        let url = url.trim();
        match Url::parse(url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                Ok(Place { url, internal })
            }
            _ => Err("holds no http:// or https:// address".into()),
        }
    }

    /// A path below it.
    pub fn join(&self, path: &str) -> Place {
        let mut place = self.clone();
        let base = place.url.path().trim_end_matches('/').to_owned();
        place.url.set_path(&format!("{base}{path}"));
        place
    }
}

impl Web {
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = |internal| {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT)
                .timeout(WHOLE)
                .pool_idle_timeout(KEEP_ALIVE)
                .tcp_nodelay(true)
                .dns_resolver(Arc::new(Judge { internal }))
                .build()
        };
        Ok(Web {
            outside: client(false)?,
            anywhere: client(true)?,
        })
    }

    pub async fn post(
        &self,
        place: &Place,
        now: Stamp,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, Outcome> {
        self.ask(place, now, |client, url| with(client.post(url)))
            .await
    }

    pub async fn get(
        &self,
        place: &Place,
        now: Stamp,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, Outcome> {
        self.ask(place, now, |client, url| with(client.get(url)))
            .await
    }

    async fn ask(
        &self,
        place: &Place,
        now: Stamp,
        with: impl FnOnce(&Client, Url) -> RequestBuilder,
    ) -> Result<Answer, Outcome> {
        let client = match place.internal {
            true => &self.anywhere,
            false => &self.outside,
        };
        // An address that stands in the URL itself never comes to the resolver.
        if !place.internal
            && let Some(literal) = place.url.host_str().filter(|h| is_address(h))
            && let Err(no) = address::find(literal, 0, false).await
        {
            return Err(barred(&no));
        }
        let answer = with(client, place.url.clone()).send().await;
        let answer = answer.map_err(broken)?;
        let after = retry_after(&answer, now);
        let status = answer.status().as_u16();
        Ok(Answer {
            status,
            after,
            body: read(answer).await,
        })
    }
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// What an answer without success means, where its provider says no more.
    pub fn refusal(&self) -> Outcome {
        let says = line(&self.text(), 200);
        let why = match says.as_str() {
            "" => format!("status {}", self.status),
            says => format!("status {}: {says}", self.status),
        };
        match self.status {
            300..400 => Outcome::Never {
                why: format!(
                    "status {}: it sends elsewhere, which is not followed",
                    self.status
                ),
            },
            // A gateway's word: what is behind it may have taken it.
            502 | 504 => Outcome::Doubtful { why },
            408 | 421 | 423 | 425 | 429 | 500.. => self.later(why),
            _ => Outcome::Never { why },
        }
    }

    pub fn later(&self, why: String) -> Outcome {
        Outcome::Later {
            why,
            after: self.after,
        }
    }
}

fn is_address(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
}

fn barred(no: &address::No) -> Outcome {
    let what = match no {
        address::No::Inside { what, .. } => what,
        address::No::Unknown { .. } => "without an address",
    };
    Outcome::Never {
        why: format!("its address is {what}: if that is meant, write `internal: true`"),
    }
}

/// Before there was a connection nothing can have been taken; after that it may have been.
fn broken(error: reqwest::Error) -> Outcome {
    let mut cause: &dyn Error = &error;
    while let Some(inner) = cause.source() {
        if let Some(no @ address::No::Inside { .. }) = inner.downcast_ref() {
            return barred(no);
        }
        cause = inner;
    }
    let (connecting, late) = (error.is_connect(), error.is_timeout());
    if error.is_builder() {
        return Outcome::Never {
            why: "the request cannot be written".into(),
        };
    }
    let says = match cause.downcast_ref::<address::No>() {
        Some(_) => "its name has no address".to_owned(),
        None => line(&cause.to_string(), 120),
    };
    match (connecting, late) {
        (true, true) => Outcome::Later {
            why: "no connection within 5 s".into(),
            after: None,
        },
        (true, false) => Outcome::Later {
            why: format!("no connection: {says}"),
            after: None,
        },
        (false, true) => Outcome::Doubtful {
            why: "no answer within 15 s".into(),
        },
        (false, false) => Outcome::Doubtful {
            why: format!("no answer: {says}"),
        },
    }
}

/// Seconds, or an instant.
fn retry_after(answer: &Response, now: Stamp) -> Option<Span> {
    let value = answer
        .headers()
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    let seconds = match value.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(value)
                .ok()?
                .timestamp()
                .as_second();
            u64::try_from(at - now.0.div_euclid(1_000_000)).ok()?
        }
    };
    Some(Span::secs(seconds.min(LONGEST_WAIT)))
}

/// To the end, to the limit, or to where it breaks: its status was said before.
async fn read(mut answer: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = MOST_READ - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MOST_READ {
            break;
        }
    }
    body
}
