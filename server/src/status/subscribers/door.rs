//! What comes in: the form to subscribe with, and what is behind the links of messages. It needs no script, no cookie and no
//! sign-in; a link is the proof, and proves no more than that. Only a button changes anything: programs that look into mails
//! follow links.
//!
//! Architecture invariant: the answer to a form is the same whether its address was known or not.

use super::{Inner, Subscribers, keys::For, limits::Verdict, roster::Wish};
use crate::status::{
    documents::{Own, SignUp, own},
    words::{Subscribing, choose},
};
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use domain::plan::{Language, Way};
use engine::{channels::shown_secret, store::Error};
use reqwest::Url;
use std::{net::IpAddr, time::Duration};

pub const FORM: &str = "/status/subscribe";
pub const MANAGE: &str = "/status/subscriptions/";
pub const LEAVE: &str = "/status/unsubscribe/";

/// A form is an address and some ids.
const LARGEST: usize = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_URL: usize = 1000;

/// Whether this is for us, and not a published document.
pub fn is_ours(method: &Method, path: &str) -> bool {
    path.starts_with(MANAGE)
        || path.starts_with(LEAVE)
        || (path == FORM && !matches!(*method, Method::GET | Method::HEAD))
}

/// Who asks, as far as can be known: a proxy on this very machine says for whom it asks, and nobody else is believed.
pub fn asker(peer: IpAddr, request: &Request) -> IpAddr {
    let forwarded = request.headers().get("x-forwarded-for");
    let last = forwarded
        .filter(|_| peer.to_canonical().is_loopback())
        .and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    last.unwrap_or(peer)
}

/// One request, and whose it is.
struct Asked {
    path: String,
    language: Language,
    /// The address says so itself.
    spoken: bool,
    /// They have just confirmed.
    new: bool,
    from: IpAddr,
    form: Vec<(String, String)>,
}

impl Subscribers {
    pub async fn answer(&self, peer: IpAddr, request: Request) -> Response {
        let from = asker(peer, &request);
        let (head, body) = request.into_parts();
        let posts = match head.method {
            Method::GET | Method::HEAD => false,
            Method::POST => true,
            _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
        };
        let body = match posts {
            true => tokio::time::timeout(PATIENCE, to_bytes(body, LARGEST)).await,
            false => Ok(Ok(Default::default())),
        };
        let Ok(Ok(body)) = body else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let query = head.uri.query().unwrap_or_default();
        let lang = query.split('&').find_map(|pair| pair.strip_prefix("lang="));
        let accepts = head.headers.get(header::ACCEPT_LANGUAGE);
        let accepts = accepts.and_then(|value| value.to_str().ok());
        let ours = self.0.page.published().languages.clone();
        let asked = Asked {
            path: head.uri.path().to_owned(),
            language: choose(lang, accepts, &ours),
            spoken: lang.is_some(),
            new: query.split('&').any(|pair| pair == "new"),
            from,
            form: serde_urlencoded::from_bytes(&body).unwrap_or_default(),
        };
        let inner = &self.0;
        let path = asked.path.clone();
        let answer = if path == FORM {
            inner.signs_up(&asked).await
        } else if let Some(token) = path.strip_prefix(LEAVE) {
            inner.leaves(&asked, token, posts).await
        } else if let Some(token) = path.strip_prefix(MANAGE) {
            inner.manages(&asked, token, posts).await
        } else {
            Ok(StatusCode::NOT_FOUND.into_response())
        };
        answer.unwrap_or_else(|error| {
            tracing::warn!(%error, "A subscriber could not be answered");
            let s = Subscribing::of(asked.language);
            inner.says(
                &asked,
                StatusCode::SERVICE_UNAVAILABLE,
                s.not_now,
                s.not_now_about,
            )
        })
    }
}

impl Inner {
    async fn signs_up(&self, asked: &Asked) -> Result<Response, Error> {
        let offered = self.page.published().told().site.subscribe.clone();
        let s = Subscribing::of(asked.language);
        let way = offered
            .into_iter()
            .find(|w| Some(w.id()) == asked.field("way"));
        let Some(way) = way else {
            return Ok(self.says(asked, StatusCode::NOT_FOUND, s.foreign, s.foreign_about));
        };
        let address = asked.field("address").unwrap_or_default().trim();
        let internal = self.desk.plan().plan.status.subscribe_internal;
        let Some(whom) = reached(way, address, internal) else {
            let sent = SignUp {
                way: Some(way),
                address,
                components: asked.components(),
            };
            return Ok(self.page(asked, StatusCode::UNPROCESSABLE_ENTITY, Own::Mistake(sent)));
        };
        let wish = Wish {
            id: uuid::Uuid::new_v4().simple().to_string(),
            way,
            address: address.to_owned(),
            language: asked.language.id().to_owned(),
            components: self.chosen(asked),
        };
        let secret = (way == Way::Webhook).then(|| shown_secret(&self.keys.secret(&wish.id)));
        match self
            .limits
            .admit(self.desk.clock().steady(), asked.from, &whom)
        {
            Verdict::TooMany => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                return Ok(self.says(asked, status, s.too_many, s.try_later));
            }
            Verdict::Welcome => self.sign_up(wish).await?,
            Verdict::Silent => {}
        }
        Ok(self.page(asked, StatusCode::OK, Own::Asked { secret }))
    }

    /// Of the components that are sent only those that there are.
    fn chosen(&self, asked: &Asked) -> String {
        let published = self.page.published();
        let sent = asked.components();
        let known = published.told().components().map(|c| c.id.0.as_str());
        let chosen: Vec<&str> = known.filter(|id| sent.contains(id)).collect();
        chosen.join(" ")
    }

    async fn manages(&self, asked: &Asked, token: &str, posts: bool) -> Result<Response, Error> {
        let Some((what, row, address)) = self.behind(token).await? else {
            return Ok(self.foreign(asked));
        };
        let manage = self.keys.token(For::Manage, &row.id);
        let language = match asked.spoken {
            true => asked.language,
            false => spoken(&row.language).unwrap_or(asked.language),
        };
        let s = Subscribing::of(language);
        let own = |done, components| Own::Manage {
            address: &address,
            components,
            disabled: row.state == "disabled",
            done,
            leave: format!("{LEAVE}{manage}?lang={}", language.id()),
        };
        let asked = &Asked {
            language,
            path: asked.path.clone(),
            form: asked.form.clone(),
            ..*asked
        };
        match what {
            For::Confirm if posts => {
                if !self.confirm(&row.id).await? {
                    return Ok(self.foreign(asked));
                }
                let to = format!("{MANAGE}{manage}?lang={}&new", language.id());
                Ok(Redirect::to(&to).into_response())
            }
            For::Confirm if row.state == "pending" => {
                let page = Own::Confirm { address: &address };
                Ok(self.page(asked, StatusCode::OK, page))
            }
            For::Manage if posts => {
                let chosen = self.chosen(asked);
                self.change(&row.id, |row| {
                    row.components.clone_from(&chosen);
                    language.id().clone_into(&mut row.language);
                })
                .await?;
                let chosen = chosen.split_whitespace().collect();
                Ok(self.page(asked, StatusCode::OK, own(Some(s.saved), chosen)))
            }
            For::Confirm | For::Manage => {
                let chosen = row.components.split_whitespace().collect();
                let done = asked.new.then_some(s.confirmed);
                Ok(self.page(asked, StatusCode::OK, own(done, chosen)))
            }
        }
    }

    /// A POST here is enough, from whomever and with whatever in it (RFC 8058): nothing more is sent to who wants nothing.
    async fn leaves(&self, asked: &Asked, token: &str, posts: bool) -> Result<Response, Error> {
        let s = Subscribing::of(asked.language);
        let Some((For::Manage, id)) = self.keys.read(token) else {
            return Ok(self.foreign(asked));
        };
        if posts {
            self.forget(&id).await?;
            return Ok(self.says(asked, StatusCode::OK, s.left, s.left_about));
        }
        match self.behind(token).await? {
            Some((_, _, address)) => {
                let page = Own::Leave { address: &address };
                Ok(self.page(asked, StatusCode::OK, page))
            }
            None => Ok(self.says(asked, StatusCode::OK, s.left, s.left_about)),
        }
    }

    fn foreign(&self, asked: &Asked) -> Response {
        let s = Subscribing::of(asked.language);
        self.says(asked, StatusCode::NOT_FOUND, s.foreign, s.foreign_about)
    }

    fn says(
        &self,
        asked: &Asked,
        status: StatusCode,
        title: &'static str,
        says: &'static str,
    ) -> Response {
        self.page(asked, status, Own::Says { title, says })
    }

    fn page(&self, asked: &Asked, status: StatusCode, page: Own<'_>) -> Response {
        let published = self.page.published();
        let page = own(asked.path.clone(), page, published.told(), asked.language);
        let (html, policy) = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "A subscriber's page cannot be rendered");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        let mut answer: Response<Body> = (status, Html(html)).into_response();
        let fixed = HeaderValue::from_static;
        let policy = HeaderValue::from_str(&policy).unwrap_or(fixed("default-src 'none'"));
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.insert(header::CACHE_CONTROL, fixed("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
        // The link is a secret of its reader's.
        headers.insert(header::REFERRER_POLICY, fixed("same-origin"));
        headers.insert(HeaderName::from_static("x-robots-tag"), fixed("noindex"));
        answer
    }
}

impl Asked {
    fn field(&self, name: &str) -> Option<&str> {
        let found = self.form.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn components(&self) -> Vec<&str> {
        let chosen = self.form.iter().filter(|(name, _)| name == "component");
        chosen.map(|(_, value)| value.as_str()).collect()
    }
}

fn spoken(language: &str) -> Option<Language> {
    Language::ALL.into_iter().find(|l| l.id() == language)
}

/// What is counted for an address, where it is one: the mailbox without what people put behind a `+`, or the URL.
fn reached(way: Way, address: &str, internal: bool) -> Option<String> {
    if way == Way::Email {
        let (name, domain) = address.rsplit_once('@')?;
        let name = name.split('+').next().unwrap_or_default();
        let mailbox = format!("{name}@{domain}").to_ascii_lowercase();
        return domain::plan::is_email(address).then_some(mailbox);
    }
    let url = Url::parse(address)
        .ok()
        .filter(|_| address.len() <= LONGEST_URL)?;
    let host = url.host_str()?.to_ascii_lowercase();
    let by = url.scheme() == "https" || (internal && url.scheme() == "http");
    let theirs = way != Way::Slack || internal || host == "hooks.slack.com";
    let plain = url.username().is_empty() && url.password().is_none() && !address.contains('\0');
    // Many who have nothing to do with each other are at one host: it is the address that is counted.
    (by && theirs && plain).then(|| url.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_can_be_sent_to() {
        let of = |way, address| reached(way, address, false);
        assert_eq!(
            of(Way::Email, "Ada+news@Example.org").as_deref(),
            Some("ada@example.org")
        );
        for not in ["", "ada", "a@b", "a@b.c\r\nBcc: x@y.z", "a b@c.de"] {
            assert_eq!(of(Way::Email, not), None, "{not}");
        }
        assert_eq!(
            of(Way::Webhook, "https://hooks.example.org/x").as_deref(),
            Some("https://hooks.example.org/x")
        );
        for not in [
            "http://example.org/",
            "ftp://example.org",
            "https://user:pass@example.org/",
            "file:///etc/passwd",
            "https://",
        ] {
            assert_eq!(of(Way::Webhook, not), None, "{not}");
        }
        assert!(of(Way::Slack, "https://hooks.slack.com/services/T/B/x").is_some());
        assert_eq!(
            of(Way::Slack, "https://hooks.slack.com.example.org/x"),
            None
        );
        assert!(reached(Way::Slack, "http://127.0.0.1:9/x", true).is_some());
    }

    #[test]
    fn only_a_proxy_on_this_machine_is_believed() {
        let request = |value: &str| {
            let request = Request::builder().header("x-forwarded-for", value);
            request.body(Body::empty()).unwrap()
        };
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let own = request("203.0.113.9, 198.51.100.7");
        assert_eq!(asker(ip("127.0.0.1"), &own), ip("198.51.100.7"));
        assert_eq!(asker(ip("192.0.2.1"), &own), ip("192.0.2.1"));
        assert_eq!(asker(ip("::1"), &request("nobody")), ip("::1"));
    }
}
