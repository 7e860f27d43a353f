//! HTTP, and the user's path through it.
//!
//! Architecture invariant: `internal` speaks for the host that the plan names. Where a redirect leads is the answering
//! server's word: it may stay on that host or lead to the open internet, and nowhere else.

use super::{Looked, Seen};
use crate::{
    address::{self, Judge},
    checks::failure::{Class, Failure},
};
use domain::plan::{HttpProbe, UserPathProbe};
use reqwest::{Client, Method, Response, Url, header, tls::TlsInfo};
use std::{net::IpAddr, sync::Arc, time::SystemTime};
use x509_cert::{Certificate, der::Decode};

/// Of an answer's body this much is read.
const MOST_READ: usize = 64 * 1024;
const MOST_REDIRECTS: usize = 5;
const DAY: u64 = 86_400;

/// Two clients for all looks: making one loads the machine's certificates.
#[derive(Clone)]
pub struct Web {
    outside: Client,
    anywhere: Client,
}

impl Web {
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = |internal| {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
                // A pooled connection would say that a server is there which is not.
                .pool_max_idle_per_host(0)
                .tls_info(true)
                .dns_resolver(Arc::new(Judge { internal }))
                .build()
        };
        Ok(Web {
            outside: client(false)?,
            anywhere: client(true)?,
        })
    }

    pub async fn get(&self, probe: &HttpProbe, internal: bool) -> Looked {
        let first = url(&probe.url)?;
        let mut at = first.clone();
        let mut hops = 0;
        let answer = loop {
            let internal = internal && at.host_str() == first.host_str();
            let answer = self.ask(Method::GET, &at, None, internal).await?;
            match next(&at, &answer) {
                Some(to) if probe.follow_redirects => at = followed(&at, to, hops)?,
                _ => break answer,
            }
            hops += 1;
        };
        let status = answer.status().as_u16();
        if status != probe.expect {
            return Err(Failure::wrong(format!(
                "status {status}, expected {}",
                probe.expect
            )));
        }
        let days = certificate_days(&answer);
        if probe.contains.is_some() || !probe.json.is_empty() {
            expected(probe, &body(answer).await?)?;
        }
        match (probe.certificate_days, days) {
            (Some(limit), Some(days)) if days < i64::from(limit) => Err(Failure::new(
                Class::Certificate,
                format!("status {status}, but its certificate ends in {days} days"),
            )),
            (Some(_), Some(days)) => Ok(Seen::new(format!(
                "status {status}, certificate good for {days} days"
            ))),
            _ => Ok(Seen::new(format!("status {status}"))),
        }
    }

    pub async fn user_path(&self, probe: &UserPathProbe, internal: bool) -> Looked {
        let answer = self
            .ask(Method::POST, &url(&probe.url)?, Some(&probe.body), internal)
            .await?;
        let status = answer.status();
        let text = body(answer).await?;
        if !status.is_success() {
            return Err(Failure::wrong(format!(
                "writing failed: status {}",
                status.as_u16()
            )));
        }
        let document: serde_json::Value =
            serde_json::from_str(&text).map_err(|_| Failure::wrong("writing answered no JSON"))?;
        let id = match &document["id"] {
            serde_json::Value::String(id) => id.clone(),
            serde_json::Value::Number(id) => id.to_string(),
            _ => return Err(Failure::wrong("writing answered no `id`")),
        };
        let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if id.is_empty() || id.len() > 64 || !id.bytes().all(letter) {
            return Err(Failure::wrong(
                "writing answered an `id` that is no plain word",
            ));
        }
        let back = url(&probe.read_back.replace("{id}", &id))?;
        let answer = self.ask(Method::GET, &back, None, internal).await?;
        match answer.status().as_u16() {
            200 => Ok(Seen::new("written and read back")),
            status => Err(Failure::wrong(format!(
                "written, but reading back failed: status {status}"
            ))),
        }
    }

    async fn ask(
        &self,
        method: Method,
        at: &Url,
        json: Option<&str>,
        internal: bool,
    ) -> Result<Response, Failure> {
        // An address that stands in the URL itself never comes to the resolver.
        if !internal && let Some(literal) = at.host_str().filter(|h| is_address(h)) {
            address::find(literal, 0, false).await?;
        }
        let client = if internal {
            &self.anywhere
        } else {
            &self.outside
        };
        let mut request = client.request(method, at.clone());
        if let Some(json) = json {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(json.to_owned());
        }
        Ok(request.send().await?)
    }
}

fn is_address(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
}

fn url(text: &str) -> Result<Url, Failure> {
    Url::parse(text).map_err(|_| Failure::new(Class::Error, "no web address"))
}

/// Where an answer sends to.
fn next(at: &Url, answer: &Response) -> Option<Url> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let to = answer.headers().get(header::LOCATION)?.to_str().ok()?;
    at.join(to).ok()
}

fn followed(at: &Url, to: Url, hops: usize) -> Result<Url, Failure> {
    let refused = |says| Err(Failure::wrong(format!("redirected: {says}")));
    match () {
        () if hops == MOST_REDIRECTS => refused("that would be the sixth redirect"),
        () if !matches!(to.scheme(), "http" | "https") => {
            refused("only http and https are followed")
        }
        () if at.scheme() == "https" && to.scheme() == "http" => {
            refused("from https to http is not followed")
        }
        () => Ok(to),
    }
}

/// To the end or to the limit, whichever comes first.
async fn body(mut answer: Response) -> Result<String, Failure> {
    let mut read = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        read.extend_from_slice(&chunk);
        if read.len() >= MOST_READ {
            read.truncate(MOST_READ);
            break;
        }
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

fn expected(probe: &HttpProbe, body: &str) -> Result<(), Failure> {
    if let Some(wanted) = &probe.contains
        && !body.contains(wanted.as_str())
    {
        return Err(Failure::wrong(format!(
            "the answer does not contain “{wanted}”"
        )));
    }
    if probe.json.is_empty() {
        return Ok(());
    }
    let json: serde_json::Value =
        serde_json::from_str(body).map_err(|_| Failure::wrong("the answer is not JSON"))?;
    for (pointer, wanted) in &probe.json {
        let found = match json.pointer(pointer) {
            None => return Err(Failure::wrong(format!("the answer has no {pointer}"))),
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        if found != *wanted {
            let found: String = found.chars().take(80).collect();
            return Err(Failure::wrong(format!(
                "{pointer} is {found}, expected {wanted}"
            )));
        }
    }
    Ok(())
}

/// How many whole days the server's certificate is still good for.
fn certificate_days(answer: &Response) -> Option<i64> {
    let der = answer.extensions().get::<TlsInfo>()?.peer_certificate()?;
    let certificate = Certificate::from_der(der).ok()?;
    let ends = certificate.tbs_certificate.validity.not_after;
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    Some(ends.to_unix_duration().as_secs() as i64 / DAY as i64 - (now.as_secs() / DAY) as i64)
}
